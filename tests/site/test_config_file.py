"""config/site.toml: every key of every model with its default, explained in two languages, and a file that works.

Its rule: a value that is written is the model's default, unless the model has none or an empty one; a key whose default
is None is either an example or stands as `#key = value`, without a blank. Comments have one: `# text`.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from drivers import DRIVERS
from gateway.model import POINT_KINDS, Kind
from gateway.site import CameraSettings, load_site
from gateway.site.connections import BARE_CAMERA, is_camera
from gateway.site.models import SiteFile

FILE = Path(__file__).parents[2] / "config" / "site.toml"
TEXT = FILE.read_text(encoding="utf-8")

HEADER = re.compile(r"^\[+([a-z.]+)\]+$")
KEY = re.compile(r"^(#?)([a-z_]+) = (.+)$")


@dataclass(frozen=True)
class Entry:
    """One key in the file: its table, the table's driver, and the comment above it."""

    table: str
    driver: str
    key: str
    value: object
    is_active: bool
    comment: str

    @property
    def field(self) -> FieldInfo:
        """What the models say of it."""
        for model in models_of(self.table, self.driver):
            if self.key in keys_of(model):
                return keys_of(model)[self.key]
        raise KeyError(f"no model has [{self.table}] {self.key}")


def tables(model: type[BaseModel] = SiteFile, path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every table of the site file with its model."""
    for name, field in model.model_fields.items():
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield f"{path}{name}", inner
                yield from tables(inner, f"{path}{name}.")


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A table's keys as the file has them: `from` can't be a field's name."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def models_of(table: str, driver: str) -> list[type[BaseModel]]:
    """The gateway's model of a table and, where that is open, those of its driver."""
    models = [dict(tables())[table]]
    if driver == BARE_CAMERA:
        models.append(CameraSettings)
    elif driver:
        spec = DRIVERS[driver]
        models += {
            "bus": [spec.bus],
            "device": [spec.device, spec.bus],
            "device.point": [spec.point],
            "device.output": [spec.output or BaseModel],
        }[table]
        if table == "device" and is_camera(driver, DRIVERS):
            models.append(CameraSettings)
    return models


def entries() -> Iterator[Entry]:
    """The file's keys in order."""
    found = tomllib.loads(TEXT)
    buses = {bus["id"]: bus["driver"] for bus in found["bus"]}
    drivers = {"bus": iter(found["bus"]), "device": iter(found["device"])}
    table = driver = ""
    comment: list[str] = []
    for line in TEXT.splitlines():
        if header := HEADER.match(line):
            table = header[1]
            if table in drivers:
                keys = next(drivers[table])
                driver = keys.get("driver") or buses[keys["bus"]]
            elif not table.startswith("device."):
                driver = ""
        elif key := KEY.match(line):
            value = tomllib.loads(f"{key[2]} = {key[3]}")[key[2]]
            yield Entry(table, driver, key[2], value, not key[1], "\n".join(comment))
        comment = [*comment, line] if line.startswith("# ") else []


ENTRIES = list(entries())


def first_of_each() -> list[Entry]:
    """Each key where it comes first: there it is explained."""
    found: dict[tuple[str, str, str], Entry] = {}
    for entry in ENTRIES:
        own = entry.key not in keys_of(dict(tables())[entry.table])
        found.setdefault((entry.table, entry.driver if own else "", entry.key), entry)
    return list(found.values())


def named(entry: Entry) -> str:
    return f"{entry.table}.{entry.key}"


def test_nothing_escapes_this_test() -> None:
    """Every line is a header, a key, a key that is commented out, a comment, or empty."""
    strange = [
        line
        for line in TEXT.splitlines()
        if line
        and not line.startswith("# ")
        and line != "#"
        and not HEADER.match(line)
        and not KEY.match(line)
    ]

    assert not strange


@pytest.mark.parametrize("table", dict(tables()))
def test_every_key_of_every_table_is_there(table: str) -> None:
    """A key that a model has stands in the file, in a table of that kind."""
    keys = {entry.key for entry in ENTRIES if entry.table == table}
    nested = {name.removeprefix(f"{table}.") for name in dict(tables()) if name.startswith(f"{table}.")}

    assert not set(keys_of(dict(tables())[table])) - keys - nested


@pytest.mark.parametrize("driver", [*DRIVERS, BARE_CAMERA])
def test_every_key_of_every_driver_is_there(driver: str) -> None:
    """So does each driver's own key, in a table with that driver."""
    for table in ("bus", "device", "device.point", "device.output"):
        if driver == BARE_CAMERA and table != "device":
            continue
        where = "device" if table == "bus" and is_camera(driver, DRIVERS) else table  # it has no bus
        keys = {entry.key for entry in ENTRIES if (entry.table, entry.driver) == (where, driver)}
        own = models_of(table, driver)[1]

        assert not set(own.model_fields) - keys


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_what_is_written_is_the_default(entry: Entry) -> None:
    """The file tells the truth about defaults: equal to the model's, or there is none and it is an example."""
    default = entry.field.get_default(call_default_factory=True)
    if not entry.is_active:
        assert default is None, "has a default: show it"
    elif default is not PydanticUndefined and default not in (None, "", ()):
        annotation: Any = entry.field.annotation  # Any: each key has a type of its own
        assert TypeAdapter(annotation).validate_python(entry.value) == default


@pytest.mark.parametrize("entry", first_of_each(), ids=named)
def test_every_key_is_explained_twice(entry: Entry) -> None:
    """Above the first appearance of each key stands what it is, in Chinese and in English."""
    assert re.search(r"[\u4e00-\u9fff]{2}", entry.comment)
    assert re.search(r"[A-Za-z]{2,} [a-z]{2,}", entry.comment)


@pytest.mark.parametrize("entry", first_of_each(), ids=named)
def test_limits_and_choices_are_told(entry: Entry) -> None:
    """The range of a number, and the words of a choice, stand in the comment as the model has them."""
    least, more, most = (limit_of(entry.field, kind) for kind in (Ge, Gt, Le))
    if least is not None and most is not None:
        assert f"{least:g}–{most:g}" in entry.comment.replace("1000000", "1e+06").replace(
            "3600000", "3.6e+06"
        )
    elif least is not None or more is not None:
        assert (f"≥ {least:g}" if least is not None else f"> {more:g}") in entry.comment
    for choice in choices_of(entry.field.annotation):
        assert re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", entry.comment), f"{choice!r} is not told"


def limit_of(field: FieldInfo, kind: type) -> float | None:
    """A limit of a number, wherever in the annotation it stands."""
    for part in (*field.metadata, *parts_of(field.annotation)):
        for item in (part, *getattr(part, "metadata", ())):
            if isinstance(item, kind):
                return float(getattr(item, kind.__name__.lower()))
    return None


def parts_of(annotation: object) -> Iterator[object]:
    """All that stands in the brackets of an annotation."""
    for part in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        yield part
        yield from parts_of(part)


def choices_of(annotation: object) -> list[str]:
    """The words that a key takes, if it takes only some."""
    if annotation is Kind:
        return sorted(POINT_KINDS)
    if isinstance(annotation, type) and issubclass(annotation, str) and annotation is not str:
        return [str(member) for member in annotation]  # type: ignore[attr-defined] # an enumeration of words
    return [str(choice) for choice in get_args(annotation) if isinstance(choice, str | int)]


def test_it_is_a_file_that_works() -> None:
    """It is a whole site file, without a mistake, and each of its cameras sees a zone."""
    site = load_site(FILE, DRIVERS)

    assert [connection.id for connection in site.connections] == [
        "net-gate",
        "rs485-lab",
        "panels",
        "fire",
        "fire-line",
        "receiver",
        "module-roof",
        "cam-lab",
    ]
    assert [camera.id for camera in site.cameras] == ["cam-gate", "cam-lab"]
    seen_by = {camera for zone in site.zones for camera in zone.cameras}
    assert seen_by == {"cam-gate", "cam-lab"}  # else no alarm there has a picture


def test_what_is_commented_out_works_too(tmp_path: Path) -> None:
    """With every `#key = value` taken in, it is still without a mistake, but for a password that wants a user."""
    whole = re.sub(r"^#([a-z_]+ = )", r"\1", TEXT, flags=re.MULTILINE).replace(
        'username = ""', 'username = "u"'
    )
    assert whole.count("\n") == TEXT.count("\n")
    copy = tmp_path / "site.toml"
    copy.write_text(whole, encoding="utf-8")
    shipped = files("drivers.modbus.profiles").joinpath("generic-8-inputs.toml")
    (tmp_path / "my-module.toml").write_bytes(shipped.read_bytes())

    site = load_site(copy, DRIVERS)
    assert site.retention.delete_after_days == 180
    assert site.recording_dir == Path("/srv/campus-recordings")
