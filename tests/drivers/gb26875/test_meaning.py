"""What status bits and operations come to."""

from pathlib import Path
from typing import cast

import pytest

from drivers.gb26875 import memory as memories
from drivers.gb26875.content import decode
from drivers.gb26875.interpretation import length
from drivers.gb26875.interpreter import Interpreter
from drivers.gb26875.meaning import Meaning
from drivers.gb26875.settings import FireDevice
from gateway.model import Kind, Level, Origin
from tests.clocks import START
from tests.drivers.gb26875.panels import TIME, component, connection_of, system

ACTIVE, NORMAL = Level.ACTIVE, Level.NORMAL


class Told:
    """A panel's frames, one after the other, each recorded."""

    def __init__(self, folder: Path) -> None:
        (device,) = connection_of(folder, "port = 5200").devices
        self._device = cast("FireDevice", device)
        self._interpreter = Interpreter(self._device)

    def __call__(self, data: bytes, origin: Origin = Origin.EVENT, *, recorded: bool = True) -> Meaning:
        """What the next frame means."""
        content = decode(data, self._device.settings.zone)
        assert content.fault == ""
        meaning = self._interpreter.read(content, origin, START, clock_trusted=True)
        if recorded:
            self._interpreter.remember(meaning)
        return meaning


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def levels(meaning: Meaning) -> list[tuple[str, Kind, Level]]:
    return [(signal.point, signal.kind, signal.level) for signal in meaning.signals]


def active(meaning: Meaning) -> list[tuple[str, Kind]]:
    return [(point, kind) for point, kind, level in levels(meaning) if level is ACTIVE]


@pytest.mark.parametrize(
    ("address", "kind", "expected"),
    [
        ("10.2", 40, ("smoke-201", Kind.FIRE)),
        ("3.1", 23, ("button", Kind.PANIC)),
        ("20.7", 11, ("kitchen-gas", Kind.GAS)),
        ("20.7", 31, ("kitchen-gas", Kind.FIRE)),
        ("9.9", 31, ("panel:9.9", Kind.FIRE)),
        ("9.9", 10, ("panel:9.9", Kind.GAS)),
        ("9.9", 200, ("panel:9.9", Kind.FIRE)),
    ],
)
def test_fire(told: Told, address: str, kind: int, expected: tuple[str, Kind]) -> None:
    """A fire is a fire, a detector of gas says gas, a point's own kind stays if it is as bad or worse."""
    assert active(told(component(address, 2, kind=kind))) == [expected]


def test_address_in_another_system(told: Told) -> None:
    """Two panels behind one device may use the same addresses: they are two points."""
    assert active(told(component("9.9", 2, system=(1, 2)))) == [("panel:1.2.9.9", Kind.FIRE)]


def test_points_of_one_system(tmp_path: Path) -> None:
    """A point with a `system` is that one alone."""
    points = "".join(
        f'[[device.point]]\nid = "p{n}"\nkind = "fire"\naddress = "1.1"\nsystem = [1, {n}]\n' for n in (1, 2)
    )
    (device,) = connection_of(tmp_path, "port = 5200", points=points).devices
    interpreter = Interpreter(cast("FireDevice", device))

    def fire(number: int) -> list[tuple[str, Kind]]:
        content = decode(component("1.1", 2, system=(1, number)), device.settings.zone)  # type: ignore[attr-defined] # the loader made it so
        return active(interpreter.read(content, Origin.EVENT, START, clock_trusted=True))

    assert [fire(n) for n in (1, 2, 3)] == [
        [("p1", Kind.FIRE)],
        [("p2", Kind.FIRE)],
        [("panel:1.3.1.1", Kind.FIRE)],
    ]


def test_every_alarm_bit_of_a_component(told: Told) -> None:
    """Fault, shield and power supply are points of their own: the end of one is not that of another."""
    told(component("10.2", 0))
    meaning = told(component("10.2", 0b1_0000_1110))

    assert active(meaning) == [
        ("smoke-201", Kind.FIRE),
        ("smoke-201", Kind.FAULT),
        ("panel:smoke-201.shield", Kind.FAULT),
        ("panel:smoke-201.power", Kind.FAULT),
    ]
    assert levels(told(component("10.2", 0b0_0000_0100))) == [
        ("smoke-201", Kind.FAULT, ACTIVE),
        ("panel:smoke-201.shield", Kind.FAULT, NORMAL),
        ("panel:smoke-201.power", Kind.FAULT, NORMAL),
    ]


@pytest.mark.parametrize("status", [0, 1])
def test_rest(told: Told, status: int) -> None:
    """What may have been active before we listened is told as normal once; then rest is no news. Bit 0 says nothing."""
    assert {level for _, _, level in levels(told(component("10.2", status)))} == {NORMAL}
    assert not told(component("10.2", status)).is_record


@pytest.mark.parametrize("status", [2, 3])
def test_test_bit_hides_nothing(told: Told, status: int) -> None:
    """A fire is one, whatever bit 0 says, and is not marked as a test."""
    (fire,) = (signal for signal in told(component("10.2", status)).signals if signal.level is ACTIVE)

    assert not fire.test


def test_each_report_is_a_press(told: Told) -> None:
    """A fire that is reported again is reported again; its end once."""
    told(component("10.2", 2))

    assert active(told(component("10.2", 2))) == [("smoke-201", Kind.FIRE)]
    assert levels(told(component("10.2", 0))) == [("smoke-201", Kind.FIRE, NORMAL)]
    assert levels(told(component("10.2", 0))) == []


def test_what_was_not_recorded_is_told_again(told: Told) -> None:
    """A return that the journal did not take comes again with the panel's repetition."""
    told(component("10.2", 2))
    told(component("10.2", 0), recorded=False)

    assert levels(told(component("10.2", 0))) == [("smoke-201", Kind.FIRE, NORMAL)]


def test_bits_that_are_told(told: Told) -> None:
    """Started, feedback, delay and supervision are told when they come, and not again while they last."""
    assert [notice.what for notice in told(component("9.9", 0b1111_0000, kind=111)).notices] == [
        "supervised",
        "started",
        "feedback",
        "delayed",
    ]
    assert told(component("9.9", 0b1111_0000, kind=111)).notices == []
    told(component("9.9", 0, kind=111))
    assert [notice.what for notice in told(component("9.9", 0b10_0000, kind=111)).notices] == ["started"]


def test_system_status(told: Told) -> None:
    """Each bit of a system, and its reset."""
    told(system(0))
    meaning = told(system(0b111_0000_1110))

    assert active(meaning) == [
        ("panel:system.1.1", Kind.FIRE),
        ("panel:system.1.1", Kind.FAULT),
        ("panel:system.1.1.shield", Kind.FAULT),
        ("panel:system.1.1.mains", Kind.FAULT),
        ("panel:system.1.1", Kind.BATTERY),
        ("panel:system.1.1.bus", Kind.FAULT),
    ]


def test_system_reset_bit(told: Told) -> None:
    """Bit 13 is a reset when it comes; not while it stays, not in an answer, not while it burns."""
    reset = 1 << 13

    assert not told(system(reset), Origin.STATE).reset
    told(system(0))
    assert not told(system(reset | 2)).reset
    told(system(0))
    assert told(system(reset)).reset
    assert not told(system(reset)).reset


def test_device_status(told: Told) -> None:
    """Each bit of type 21."""
    meaning = told(b"\x15\x01\x7e" + TIME)

    assert active(meaning) == [
        ("panel:transmitter", Kind.FIRE),
        ("panel:transmitter", Kind.FAULT),
        ("panel:transmitter.mains", Kind.FAULT),
        ("panel:transmitter", Kind.BATTERY),
        ("panel:transmitter.channel", Kind.FAULT),
        ("panel:transmitter.line", Kind.FAULT),
    ]


def test_operations(told: Told) -> None:
    """Each bit of types 4 and 24, with who did it; a manual alarm is a fire, a reset returns what was reported."""
    at_panel = told(bytes((4, 1, 1, 1, 0x7F, 9)) + TIME)
    at_device = told(bytes((24, 1, 0x7F, 9)) + TIME)

    common = ["reset", "mute", "manual-alarm", "cleared", "self-test", "test"]
    assert [notice.what for notice in at_panel.notices] == [*common, "confirm"]
    assert [notice.what for notice in at_device.notices] == [*common, "guard-check-answer"]
    assert {notice.operator for notice in (*at_panel.notices, *at_device.notices)} == {"9"}
    assert active(at_panel) == [("panel:system.1.1.manual", Kind.FIRE)]
    assert at_panel.reset
    assert (at_panel.guards, at_device.guards) == ([], ["9"])


def test_after_a_reset(told: Told) -> None:
    """What a panel reports after its reset is news, whatever it was before."""
    told(component("10.2", 0))
    told(bytes((4, 1, 1, 1, 1, 9)) + TIME)

    assert {level for _, _, level in levels(told(component("10.2", 0)))} == {NORMAL}


@pytest.mark.parametrize(
    ("quantity", "value", "measured", "unit"),
    [(3, 215, 21.5, "°C"), (3, -15, -1.5, "°C"), (6, 101, 10.1, "%LEL")],
)
def test_analog(told: Told, quantity: int, value: int, measured: float, unit: str) -> None:
    """A measured value of a point in its unit; one that no point names is left out."""

    def analog(address: str) -> bytes:
        body = component(address, 0)[:9]
        return b"\x03" + body[1:] + bytes((quantity,)) + value.to_bytes(2, "little", signed=True) + TIME

    (reading,) = told(analog("10.2")).readings
    assert (reading.point, reading.value, reading.unit) == ("smoke-201", measured, unit)
    assert told(analog("9.9")).readings == []


def test_clock(told: Told) -> None:
    """A clock within a minute of ours is right; further off, or telling no time, it is wrong."""

    def clock(moment: bytes) -> list[tuple[str, Kind, Level]]:
        return levels(told(b"\x1c\x01" + moment))

    assert clock(bytes((59, 0, 16, 1, 3, 26))) == [("panel:clock", Kind.CLOCK, NORMAL)]
    assert clock(bytes((1, 1, 16, 1, 3, 26))) == [("panel:clock", Kind.CLOCK, ACTIVE)]
    assert clock(bytes(6)) == []
    assert clock(bytes((1, 0, 16, 1, 3, 26))) == [("panel:clock", Kind.CLOCK, NORMAL)]
    assert clock(bytes(6)) == [("panel:clock", Kind.CLOCK, ACTIVE)]


def test_identity(told: Told) -> None:
    """Versions and configurations are facts about the device."""
    assert told(b"\x19\x01\x02\x03").identity == {"version": "2.3"}
    assert told(b"\x06\x01\x01\x02\x02ab").identity == {"system 1.2 config": "ab"}


def test_memory_is_bounded(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses a panel names, what is remembered of them has a limit; the oldest are told anew."""
    monkeypatch.setattr(memories, "REMEMBERED", 40)
    for n in range(100):
        told(component(f"{n}.1", 0))

    assert len(told._interpreter.memory) == 40
    assert not told(component("99.1", 0)).is_record
    assert told(component("0.1", 0)).is_record


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-61, "-61 s"), (300, "+5 min"), (-28_800, "-8 hours"), (-206_782_878, "-2393 days")],
)
def test_length(seconds: float, words: str) -> None:
    """A technician reads hours and days, not millions of seconds."""
    assert length(seconds) == words
