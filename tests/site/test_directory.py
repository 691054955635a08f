"""gateway.site.directory: who and where an alarm is about."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.model import Kind, Level, Origin, Severity, Signal
from gateway.site import Directory
from tests.site.files import SITE, load

PRESS = Signal(device="module", point="button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(load(tmp_path, SITE))


def test_a_points_signal(directory: Directory) -> None:
    """The source has the point's name, its zone with the people in it, its cameras, and the severity of its kind."""
    source = directory.of_signal(PRESS)

    assert (source.subject, source.point, source.device) == ("button", "button", "module")
    assert source.zone is not None
    assert (source.zone.name, source.cameras) == ("校门", ("cam",))
    assert (source.severity, source.returns) == (Severity.CRITICAL, True)


@pytest.mark.parametrize(("kind", "returns"), [(Kind.PANIC, False), (Kind.FIRE, False), (Kind.SMOKE, True)])
def test_an_address_that_no_point_names(directory: Directory, kind: Kind, returns: bool) -> None:  # noqa: FBT001 - a table
    """It is in its device's zone; panic, duress and fire of a panel never tell their return (I5)."""
    source = directory.of_signal(replace(PRESS, point="module:7", kind=kind))

    assert source.zone is not None
    assert (source.subject, source.name, source.zone.id, source.cameras) == (
        "module:7",
        "module:7",
        "gate",
        ("cam",),
    )
    assert source.returns is returns


def test_a_device_that_nobody_named(directory: Directory) -> None:
    """A report of a device that is not in the file still has a source: an alarm is never dropped for want of a name."""
    source = directory.of_signal(replace(PRESS, device="stranger", point="stranger:1"))

    assert (source.subject, source.zone, source.cameras) == ("stranger:1", None, ())


def test_the_gateways_own(directory: Directory) -> None:
    """About a device it has that device's name and place; about itself it has none."""
    lost = directory.of_own(Kind.DEVICE_LOST, "module")
    disk = directory.of_own(Kind.DISK)

    assert (lost.device, lost.point, lost.zone and lost.zone.id) == ("module", None, "gate")
    assert (disk.subject, disk.device, disk.zone) == ("gateway", None, None)


@pytest.mark.parametrize(
    ("subject", "severity"),
    [
        ("module", Severity.HIGH),
        ("bus-1", Severity.HIGH),
        ("alone", Severity.LOW),
        ("cam", Severity.LOW),
        ("stranger", Severity.LOW),
    ],
)
def test_what_it_means_to_lose_something(directory: Directory, subject: str, severity: Severity) -> None:
    """A device or bus on which a panic, duress or fire point hangs is high to lose; a smoke detector's is low."""
    kind = Kind.BUS_LOST if subject == "bus-1" else Kind.DEVICE_LOST
    assert directory.of_own(kind, subject).severity is severity


def test_losing_a_panel(tmp_path: Path) -> None:
    """A panel can tell of a fire at an address that no point names: it is high to lose, whatever points the file has of it."""
    panel = '[[device]]\nid = "panel"\nzone = "gate"\ndriver = "gb26875"\nport = 9001\npanel = 889\n'
    directory = Directory(load(tmp_path, SITE + panel))

    assert directory.of_own(Kind.DEVICE_LOST, "panel").severity is Severity.HIGH


def test_what_the_file_names(directory: Directory) -> None:
    """Devices and buses are known by id."""
    assert [directory.has_connection(name) for name in ("bus-1", "alone", "cam", "button")] == [
        True,
        True,
        True,
        False,
    ]
    assert directory.device("cam") is not None
    assert directory.device("bus-1") is None
    assert directory.zone("hall") is not None
    assert directory.zone(None) is None


@pytest.mark.parametrize(
    ("point", "kind", "can"),
    [
        ("button", Kind.PANIC, True),
        (
            "button",
            Kind.FAULT,
            True,
        ),  # its sensor is out of range: told anew at a start, and not over because of it
        ("button", Kind.SMOKE, False),  # what the point was by an older site file
        ("gone", Kind.PANIC, False),
        ("gone", Kind.FAULT, False),
    ],
)
def test_who_can_still_take_an_alarm_back(
    directory: Directory,
    point: str,
    kind: Kind,
    can: bool,  # noqa: FBT001 - a table
) -> None:
    """Of a device that is asked: the site file's points, of what they watch for and of their own faults."""
    assert directory.can_report(directory.of_signal(replace(PRESS, point=point, kind=kind))) is can
