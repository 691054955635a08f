"""The demo's site file: config/demo.toml as it is, with private ports and a private directory in place of those it names."""

import sys
from collections.abc import Mapping
from pathlib import Path

#: In a checkout, and where an installation may put it.
PLACES = (
    Path(__file__).parents[2] / "config" / "demo.toml",
    Path(sys.prefix) / "share" / "campus-gateway" / "demo.toml",
)

#: How the file names each address that has to be another one for each demo.
PORTS: Mapping[str, tuple[str, int]] = {
    "modbus": ("port = {}", 5020),
    "fire": ("port = {}", 26875),
    "camera": ("port = {}", 8000),
    "broker": ("port = {}", 1883),
    "console": ("port = {}", 8080),
    "metrics": ("port = {}", 9464),
}
_STATE_DIR = '"/tmp/campus-demo"'
_PASSWORD_FILE = "demo-camera.password"  # noqa: S105 - its name


def write_site_file(directory: Path, ports: Mapping[str, int], camera_password: str) -> Path:
    """Write `site.toml` and the camera's password beside it; returns the path.

    `ports` has one for each of PORTS. Raises OSError where there is no config/demo.toml, or one that can't be used so.
    """
    source = next((path for path in PLACES if path.is_file()), None)
    if source is None:
        raise FileNotFoundError(f"there is no {PLACES[0]}; run the demo in a checkout: make demo")
    text = source.read_text(encoding="utf-8")
    for name, (place, number) in PORTS.items():
        text = _put(text, place.format(number), place.format(ports[name]))
    text = _put(text, _STATE_DIR, f'"{directory / "state"}"')
    (directory / _PASSWORD_FILE).write_text(camera_password, encoding="utf-8")
    path = directory / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _put(text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise OSError(f"{PLACES[0]} has {old} {text.count(old)} times; the demo replaces exactly one")
    return text.replace(old, new)
