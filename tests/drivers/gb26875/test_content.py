"""Application data: what golden frames say, what is damaged, what we ask."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.gb26875.codec import Frame, StreamDecoder
from drivers.gb26875.content import (
    Component,
    ComponentAnalog,
    ComponentConfig,
    ComponentStatus,
    Config,
    Operated,
    OwnTime,
    System,
    SystemStatus,
    TransmitterStatus,
    Version,
    decode,
)
from drivers.gb26875.questions import (
    guard_check,
    initialise,
    read_analogs,
    read_components,
    read_device,
    read_systems,
    set_clock,
)
from drivers.gb26875.tables import Type
from tests.drivers.gb26875.vectors import WIRE

SHANGHAI = ZoneInfo("Asia/Shanghai")
MOMENT = datetime(2012, 9, 26, 1, 58, 2, tzinfo=UTC)
TIME = bytes.fromhex("023A091A090C")


def data_of(name: str) -> bytes:
    (frame,) = StreamDecoder().feed(WIRE[name])
    assert isinstance(frame, Frame)
    return frame.data


def said(data: bytes) -> object:
    content = decode(data, SHANGHAI)
    assert content.fault == ""
    (thing,) = content.objects
    return thing


def test_fire() -> None:
    """A1: a smoke detector at zone 10, point 2 says fire; the blanks of its description are none."""
    assert said(data_of("A1")) == ComponentStatus(
        component=Component(System(1, 1), 0x0002000A), type=0x28, status=2, text="", at=MOMENT
    )
    assert Component(System(1, 1), 0x0002000A).label == "10.2"


@pytest.mark.parametrize("name", ["B1", "B2"])
def test_description(name: str) -> None:
    """B1, B2: GB18030 text, filled up with NUL."""
    thing = said(data_of(name))

    assert isinstance(thing, ComponentStatus)
    assert thing.text == "Ａ区１层呷哺走廊"
    assert (thing.component.system, thing.component.label) == (System(1, 3), "217.6")
    assert (thing.type, thing.status) == (0, 2)
    assert thing.at == datetime(2020, 8, 1, 11, 18, 48, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("A4", TransmitterStatus(status=8, at=MOMENT)),
        ("A5", Operated(system=None, flags=0x20, operator=1, at=MOMENT)),
        ("A6", Version(system=None, main=1, sub=1)),
        ("A7", OwnTime(system=None, at=MOMENT)),
        ("A9", TransmitterStatus(status=8, at=MOMENT)),
    ],
)
def test_of_the_device_itself(name: str, meant: object) -> None:
    """A4 to A7 and A9: mains fault, guard-check answer, version, time, answered state."""
    assert said(data_of(name)) == meant


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("A8", read_device(Type.READ_DEVICE_STATUS)),
        ("A10", initialise()),
        ("A11", set_clock(MOMENT, SHANGHAI)),
        ("A12", guard_check(10)),
    ],
)
def test_what_we_ask(name: str, asked: bytes) -> None:
    """A8, A10 to A12: byte for byte."""
    assert asked == data_of(name)


def test_reading_questions() -> None:
    """Types 61 to 63 name systems and components, without their types (table of 2.3)."""
    component = Component(System(1, 2), 0x0002000A)

    assert read_systems([System(1, 2), System(12, 1)]) == bytes.fromhex("3D 02 0102 0C01")
    assert read_components([component]) == bytes.fromhex("3E 01 0102 0A000200")
    assert read_analogs([component]) == bytes.fromhex("3F 01 0102 0A000200")
    with pytest.raises(ValueError, match="1 to 22"):
        read_components([component] * 23)


@pytest.mark.parametrize(
    ("hexed", "meant"),
    [
        ("01 01 0101 0600", SystemStatus(system=System(1, 1), status=6, at=MOMENT)),
        (
            "03 01 0101 1F 0A000200 03 F6FF",
            ComponentAnalog(
                component=Component(System(1, 1), 0x0002000A), type=31, quantity=3, value=-10, at=MOMENT
            ),
        ),
        ("04 01 0101 01 07", Operated(system=System(1, 1), flags=1, operator=7, at=MOMENT)),
        ("08 01 0101", OwnTime(system=System(1, 1), at=MOMENT)),
    ],
)
def test_other_types_with_a_time(hexed: str, meant: object) -> None:
    """Types 1, 3, 4 and 8, laid out by the table."""
    assert said(bytes.fromhex(hexed) + TIME) == meant


def test_other_types_without_a_time() -> None:
    """Types 5, 6, 7 and 26, laid out by the table."""
    component = Component(System(1, 1), 0x0002000A)
    text = "二层东侧".encode("gb18030")

    assert said(bytes.fromhex("05 01 0101 0203")) == Version(system=System(1, 1), main=2, sub=3)
    assert said(bytes.fromhex("06 01 0101 08") + text) == Config(system=System(1, 1), text="二层东侧")
    assert said(bytes.fromhex("07 01 0101 17 0A000200") + text.ljust(31)) == ComponentConfig(
        component=component, type=23, text="二层东侧"
    )
    assert said(bytes.fromhex("1A 01 08") + text) == Config(system=None, text="二层东侧")


def test_several_objects() -> None:
    """A frame may have many objects: all come, in order."""
    content = decode(bytes.fromhex("15 03") + b"".join(bytes((n,)) + TIME for n in (1, 2, 4)), SHANGHAI)

    assert content.objects == tuple(TransmitterStatus(status=n, at=MOMENT) for n in (1, 2, 4))


@pytest.mark.parametrize(
    ("data", "whole", "words"),
    [
        (b"\x02", 0, "without a type"),
        (b"\x63\x01\x00", 0, "unknown type 99"),
        (data_of("A1")[:-1], 0, "1 objects, 0 are whole"),
        (b"\x15\x02" + b"\x08" + TIME, 1, "2 objects, 1 are whole"),
        (data_of("A1") + data_of("A1")[2:], 2, "counts 1 objects, 2 are there"),
        (b"\x02\x00" + data_of("A1")[2:], 1, "counts 0 objects, 1 are there"),
        (data_of("A1") + b"\x00\x00", 1, "2 bytes are left"),
    ],
)
def test_damaged_data(data: bytes, whole: int, words: str) -> None:
    """What is whole is told, with words for the rest: an alarm is not lost for the bytes behind it."""
    content = decode(data, SHANGHAI)

    assert len(content.objects) == whole
    assert words in content.fault


def test_text_that_is_none() -> None:
    """Bytes that are no GB18030 are shown as such; control characters never come through."""
    raw = bytes.fromhex("07 01 0101 17 0A000200") + b"\xff\xff A\x1b[0m\nB".ljust(31, b"\0")

    thing = said(raw)

    assert isinstance(thing, ComponentConfig)
    assert "\ufffd" in thing.text
    assert thing.text.isprintable()


@given(st.binary(max_size=1024))
def test_any_data(data: bytes) -> None:
    """No bytes raise."""
    decode(data, SHANGHAI)


@given(
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFF),
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001 - on the panel's wall
)
def test_component_round_trip(
    system: int, number: int, kind: int, address: int, status: int, moment: datetime
) -> None:
    """Whatever a component is, its numbers come back as the table lays them out."""
    moment = moment.replace(microsecond=0)
    wall = bytes((moment.second, moment.minute, moment.hour, moment.day, moment.month, moment.year - 2000))
    body = bytes((2, 1, system, number, kind)) + address.to_bytes(4, "little") + status.to_bytes(2, "little")

    thing = said(body + "走廊".encode("gb18030").ljust(31, b" ") + wall)

    assert thing == ComponentStatus(
        component=Component(System(system, number), address),
        type=kind,
        status=status,
        text="走廊",
        at=moment.replace(tzinfo=SHANGHAI),
    )
