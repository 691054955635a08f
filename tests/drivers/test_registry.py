"""The registry, and what every driver's folder must have."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from drivers import DRIVERS
from gateway.driver import DriverSpec
from gateway.site import Site, load_site

FOLDER = Path(__file__).parents[2] / "drivers"

HEAD = '[site]\nid = "school-1"\nname = "First School"\ncounty = "330106"\n'


def keys_of(spec: DriverSpec) -> set[str]:
    models: list[type[BaseModel]] = [spec.bus, spec.device, spec.point]
    if spec.output is not None:
        models.append(spec.output)
    return {key for model in models for key in model.model_fields}


def test_every_folder_is_registered_under_its_name() -> None:
    """A driver is a folder and a line of the registry, both under the name that a site file uses."""
    folders = {file.parent.name for file in FOLDER.glob("*/__init__.py")}

    assert set(DRIVERS) == folders
    assert {spec.name for spec in DRIVERS.values()} == folders


def load(folder: Path, sample: str) -> Site:
    zones = {device["zone"] for device in tomllib.loads(sample)["device"]}
    file = folder / "site.toml"
    file.write_text(
        HEAD + "".join(f'[[zone]]\nid = "{zone}"\nname = "{zone}"\n' for zone in sorted(zones)) + sample,
        encoding="utf-8",
    )
    return load_site(file, DRIVERS)


def values(site: Site) -> list[dict[str, object]]:
    """All of the drivers' own keys but those whose default depends on others (None)."""
    models = [
        model
        for connection in site.connections
        for device in connection.devices
        for model in (connection.settings, device.settings, *(point.settings for point in device.points))
    ]
    return [
        {key: value for key, value in model if type(model).model_fields[key].default is not None}
        for model in models
    ]


@pytest.mark.parametrize("name", DRIVERS)
def test_the_sample_is_a_good_site_file(name: str, tmp_path: Path) -> None:
    """What a technician copies from a driver's sample is taken by `check`, which has something to say of it."""
    site = load(tmp_path, (FOLDER / name / "sample.toml").read_text(encoding="utf-8"))

    assert {connection.driver for connection in site.connections} == {name}
    assert all(DRIVERS[name].advice(connection) for connection in site.connections)


@pytest.mark.parametrize("name", DRIVERS)
@pytest.mark.parametrize("document", ["sample.toml", "README.md"])
def test_every_key_is_shown(name: str, document: str) -> None:
    """No key of a driver is hidden from the reader of its sample or its README."""
    text = (FOLDER / name / document).read_text(encoding="utf-8")

    assert [key for key in sorted(keys_of(DRIVERS[name])) if key not in text] == []


@pytest.mark.parametrize("name", DRIVERS)
def test_defaults_in_the_sample_are_the_defaults(name: str, tmp_path: Path) -> None:
    """Taking the # away from the keys that stand in the sample with their default changes nothing."""
    sample = (FOLDER / name / "sample.toml").read_text(encoding="utf-8")
    spelled_out = re.sub(r"(?m)^#(?=\w)", "", sample)

    assert spelled_out != sample
    assert values(load(tmp_path, spelled_out)) == values(load(tmp_path, sample))
