"""A small right site file, to be made wrong in one place."""

from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.errors import SiteFileError
from gateway.site import Site, load_site

SITE = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"

[[zone]]
id = "gate"
name = "校门"
cameras = ["cam"]

[[zone]]
id = "hall"
name = "礼堂"

[[device]]
id = "cam"
zone = "gate"
driver = "rtsp"
url = "rtsp://10.0.0.8/main"

[[bus]]
id = "bus-1"
driver = "modbus"
host = "10.0.0.9"

[[device]]
id = "module"
zone = "gate"
bus = "bus-1"
slave = 1
[[device.point]]
id = "button"
kind = "panic"
function = "discrete"
address = 0

[[device]]
id = "alone"
zone = "hall"
driver = "modbus"
host = "10.0.0.10"
slave = 1
[[device.point]]
id = "smoke"
kind = "smoke"
function = "discrete"
address = 0
"""

UPLINK = """
[[uplink]]
name = "{name}"
[[uplink.broker]]
host = "10.0.0.1"
"""


def load(folder: Path, text: str | bytes) -> Site:
    """The file with this text, read as the daemon reads it."""
    file = folder / "site.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_site(file, DRIVERS)


def refused(folder: Path, text: str | bytes) -> list[str]:
    """The problems of a file that can't be used; each is printed with the file's name."""
    with pytest.raises(SiteFileError) as caught:
        load(folder, text)
    problems = caught.value.problems
    assert str(caught.value).splitlines() == [f"{folder / 'site.toml'}: {problem}" for problem in problems]
    return problems


def changed(old: str, new: str) -> str:
    """SITE with one thing other than it should be."""
    assert SITE.count(old) == 1, f"{SITE.count(old)} times {old!r}"
    return SITE.replace(old, new)
