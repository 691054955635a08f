"""drivers.modbus profiles: shipped ones, a technician's own, and what is said of those that are not there."""

from pathlib import Path

import pytest

from drivers import DRIVERS
from drivers.modbus.settings import (
    ModbusConnection,
    SiteConnection,
    profile_names,
    resolve,
    shipped_profile,
)
from gateway.errors import SiteFileError
from tests.drivers.modbus.subjects import site_of

SERIAL = '[[bus]]\nid = "hall"\ndriver = "modbus"\nserial = "/dev/ttyS0"\n'


def module(keys: str, points: str = "", line: str = "") -> str:
    return f'{SERIAL}{line}[[device]]\nid = "m1"\nzone = "gate"\nbus = "hall"\nslave = 1\n{keys}\n{points}'


def an_input(name: str, keys: str = "", kind: str = "panic") -> str:
    return f'[[device.point]]\nid = "p-{name}"\nkind = "{kind}"\ninput = "{name}"\n{keys}\n'


def whole(folder: Path, tables: str) -> ModbusConnection:
    connection: SiteConnection = site_of(folder, tables).connections[0]  # type: ignore[assignment] # made with the driver's models
    return resolve(connection).connection


def refused(folder: Path, tables: str) -> str:
    with pytest.raises(SiteFileError) as caught:
        site_of(folder, tables)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_names_its_source(name: str) -> None:
    """It is complete, says where it is from, and says so if nobody has tried it."""
    profile = shipped_profile(name)

    assert profile.source
    assert profile.inputs() or profile.outputs()
    assert profile.verified == (name == "generic-8-inputs")
    assert profile.notes


def test_a_point_by_name(tmp_path: Path) -> None:
    """`input` gives function and address; what stands beside it overrides the profile."""
    points = an_input("di3") + an_input("di8", 'contact = "nc"')
    third, eighth = whole(tmp_path, module('profile = "waveshare-8ch-io"', points)).devices[0].points

    assert (third.settings.function.value, third.settings.address, third.settings.contact) == (
        "discrete",
        2,
        "no",
    )
    assert (eighth.settings.address, eighth.settings.contact) == (7, "nc")


def test_a_manual_that_counts_from_one(tmp_path: Path) -> None:
    """1x0003 of the duct detector is discrete 2 on the wire, 4x0001 of its reset holding 0."""
    points = an_input("smoke", kind="smoke")
    (smoke,) = whole(tmp_path, module('profile = "calectro-ug-3"', points)).devices[0].points

    assert (smoke.settings.address, smoke.settings.latched) == (2, "device")
    assert smoke.settings.reset is not None
    assert (smoke.settings.reset.address, smoke.settings.reset.value) == (0, 234)


def test_the_device_s_own_keys_come_first(tmp_path: Path) -> None:
    """The profile's gap and pace are used where the device has none."""
    outputs = '[[device.output]]\nid = "s"\nkind = "strobe"\noutput = "coil0"\n'
    usual = whole(tmp_path, module('profile = "sounder-strobe"', outputs)).devices[0]
    own = whole(tmp_path, module('profile = "sounder-strobe"\ngap_ms = 80', outputs)).devices[0]

    assert (usual.settings.gap_ms, own.settings.gap_ms) == (50, 80)


@pytest.mark.parametrize(
    ("keys", "points", "words"),
    [
        ('profile = "nobody-4"', an_input("di1"), "device 'm1': there is no profile 'nobody-4'; there are: beida-"),
        ('profile = "novabo-sqr-2"', an_input("di1"), "point 'p-di1': there is no input 'di1' in Novabo SQR-2; there are: alarm"),
        ("", an_input("di1"), "input 'di1' needs a `profile` or `profile_file`"),
        ('profile = "novabo-sqr-2"', an_input("alarm", "high = 5"), "point 'p-alarm': high: a discrete is one bit"),
        ('profile = "a"\nprofile_file = "b"', an_input("di1"), "needs either `profile` (a shipped one) or `profile_file`"),
        ('profile_file = "none.toml"', an_input("di1"), "profile_file 'none.toml' can't be read; put it beside"),
        ('profile = "waveshare-8ch-io"', '[[device.output]]\nid = "o"\nkind = "relay"\noutput = "do9"\n', "there is no output 'do9'"),
    ],
)  # fmt: skip
def test_what_is_not_there(tmp_path: Path, keys: str, points: str, words: str) -> None:
    """Each is an error of the site file that says what there is."""
    assert words in refused(tmp_path, module(keys, points))


OWN = """
name = "my module"
source = "the paper in its box"
verified = true
address_base = 1
[[input]]
name = "in{n}"
first = 0
count = 4
step = 2
function = "input"
address = 31
mask = 0x8000
"""


def test_a_technician_s_own(tmp_path: Path) -> None:
    """A file beside the site file is a profile; `check` has nothing to say of it if it is verified."""
    (tmp_path / "my-module.toml").write_text(OWN, encoding="utf-8")
    tables = module('profile_file = "my-module.toml"', an_input("in3", kind="door"))
    (point,) = whole(tmp_path, tables).devices[0].points

    assert (point.settings.function.value, point.settings.address) == ("input", 36)
    assert len(DRIVERS["modbus"].advice(site_of(tmp_path, tables).connections[0])) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('source = "the paper in its box"', ""), "source: Field required"),
        (('"in{n}"', '"in"'), "put {n} into it"),
        (("address = 31", "address = 31\nhigh = 2\ncontact = 'nc'"), "thresholds say what is active"),
        (("verified = true", "verified = true\ncolour = 1"), "colour: Extra inputs are not permitted"),
        (("mask = 0x8000", "mask = "), "is not valid TOML"),
        (
            ("address = 31", "address = 0"),
            "has address 0, but `address_base` says that its manual counts from 1",
        ),
    ],
)
def test_a_profile_that_is_wrong(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    """It is refused with what is wrong in it, by its name."""
    (tmp_path / "my-module.toml").write_text(OWN.replace(*change), encoding="utf-8")
    told = refused(tmp_path, module('profile_file = "my-module.toml"', an_input("in3", kind="door")))

    assert "device 'm1': profile_file 'my-module.toml'" in told
    assert words in told


def test_check_tells_of_profiles(tmp_path: Path) -> None:
    """That nobody has tried it, with its source, and that the device is delivered with other settings of the line."""
    tables = module('profile = "temperature-humidity"', an_input("temperature", kind="temperature"))
    told = DRIVERS["modbus"].advice(site_of(tmp_path, tables).connections[0])

    assert any("is unverified (source: public code" in line for line in told)
    assert any("is delivered with 4800 8N1, the bus has 9600 8N1" in line for line in told)


HEAD = 'name = "x"\nsource = "a test"\nverified = false\n'
ROW = '[[input]]\nname = "di{n}"\nfunction = "discrete"\n'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "can't be read"),
        (b"not toml at all", "is not valid TOML"),
        (b"", "name: "),
        (b"#" * 60_001, "at most 60000 characters"),
        (b"#" * 10_000_000, "at most 60000 characters"),
        (b"a = " + b"[" * 20_000, "nested too deep"),
        (f"{HEAD}{ROW}address = 65535\ncount = 2\n".encode(), "65535"),
        (f"{HEAD}address_base = 1\n{ROW}address = 0\n".encode(), "counts from 1"),
        (f'{HEAD}{ROW}address = "1x0003"\n'.encode(), "address"),
        (f"{HEAD}input = 3\n".encode(), "input"),
        ((HEAD + "".join(ROW.replace("di{", f"d{row}-{{") + "address = 0\ncount = 2000\n" for row in range(30))).encode(), "more than 4000"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_profile(tmp_path: Path, content: bytes, words: str) -> None:
    """Whatever a technician names as a profile, he is told in one line which file it is and what is wrong with it."""
    (tmp_path / "mine.toml").write_bytes(content)
    told = refused(tmp_path, module('profile_file = "mine.toml"', an_input("di1")))

    assert "profile_file 'mine.toml'" in told
    assert words in told
    assert "validation error" not in told
    assert "\n" not in told


@pytest.mark.parametrize("name", [".", "missing.toml", "link.toml", "/proc/self/mem"])
def test_a_profile_that_can_not_be_read(tmp_path: Path, name: str) -> None:
    """A folder, nothing, a link to itself, a file that gives no bytes: words, and no traceback."""
    (tmp_path / "link.toml").symlink_to(tmp_path / "link.toml")
    told = refused(tmp_path, module(f'profile_file = "{name}"', an_input("di1")))

    assert f"profile_file '{name}' can't be read" in told
