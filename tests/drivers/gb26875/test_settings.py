"""The driver's keys, what contradicts itself, and what `check` says."""

from pathlib import Path

import pytest

from drivers.gb26875 import SPEC
from gateway.errors import SiteFileError
from tests.drivers.gb26875.panels import connection_of


@pytest.mark.parametrize(
    ("bus", "words"),
    [
        ("", "needs either `port`"),
        ('port = 5200\nserial = "/dev/ttyS0"', "needs either `port`"),
        ("port = 5200\nbaudrate = 9600", "belongs to `serial`"),
        ('serial = "/dev/ttyS0"\ntransport = "udp"', "belongs to `port`"),
        ("port = 70000", "port"),
        ('port = 5200\ntransport = "sctp"', "transport"),
    ],
)
def test_bus_that_is_wrong(tmp_path: Path, bus: str, words: str) -> None:
    """What can't be meant is an error of the site file, in words."""
    with pytest.raises(SiteFileError, match=words):
        connection_of(tmp_path, bus)


@pytest.mark.parametrize(
    ("device", "words"), [('timezone = "Mars/Base"', "no time zone"), ("lost_after_s = -1", "lost_after_s")]
)
def test_device_that_is_wrong(tmp_path: Path, device: str, words: str) -> None:
    """What can't be meant is an error of the site file, in words."""
    with pytest.raises(SiteFileError, match=words):
        connection_of(tmp_path, "port = 5200", device)


@pytest.mark.parametrize("address", ['"1"', '"1.70000"', '"a.b"', "-1", "4294967296", "1.5"])
def test_address_that_is_wrong(tmp_path: Path, address: str) -> None:
    """An address is two words in quotes, or four bytes."""
    with pytest.raises(SiteFileError, match="address"):
        connection_of(
            tmp_path,
            "port = 5200",
            points=f'[[device.point]]\nid = "p"\nkind = "fire"\naddress = {address}\n',
        )


def test_one_address_twice(tmp_path: Path) -> None:
    """Two ways to write one address are one address; in different systems they are two."""
    points = "".join(
        f'[[device.point]]\nid = "p{n}"\nkind = "fire"\naddress = {address}\n{system}'
        for n, (address, system) in enumerate(
            [('"1.3"', ""), ("196609", ""), ('"1.3"', "system = [1, 2]\n")], 1
        )
    )

    with pytest.raises(SiteFileError, match=r"'p1', 'p2': all have address 1\.3; an address is one point"):
        connection_of(tmp_path, "port = 5200", points=points)


def test_one_panel_twice(tmp_path: Path) -> None:
    """A source address belongs to one device."""
    more = '[[device]]\nid = "again"\nzone = "hall"\nbus = "fire"\npanel = 889\n'

    with pytest.raises(SiteFileError, match="'panel', 'again': all have panel 889"):
        connection_of(tmp_path, "port = 5200", more=more)


def test_advice(tmp_path: Path) -> None:
    """`check` says where panels call, that nothing keeps strangers out, and what nothing supervises."""
    lines = SPEC.advice(
        connection_of(tmp_path, 'port = 5200\ntransport = "udp"', "lost_after_s = 0", points="")
    )

    assert [
        any(word in line for line in lines)
        for word in ("clear text", "UDP", "supervises", "[[device.point]]")
    ] == [True] * 4


def test_point_without_a_system_among_several(tmp_path: Path) -> None:
    """Where points are on two systems, one that says none is named."""
    more = "".join(
        f'[[device.point]]\nid = "p{n}"\nkind = "fire"\naddress = "5.5"\nsystem = [1, {n}]\n' for n in (1, 2)
    )
    connection = connection_of(tmp_path, "port = 5200", more=more)

    assert any("point 'smoke-201': has no `system`" in line for line in SPEC.advice(connection))
