"""The fire panel simulator: printed vectors byte for byte, then over real lines to a centre made of bare bytes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.fault import Fault, Simulator
from simulators.gb26875 import (
    Analog,
    Component,
    ComponentFlag,
    DeviceFlag,
    FirePanelSimulator,
    Habits,
    Operation,
    Serial,
    System,
    SystemFlag,
    Tcp,
    Udp,
)
from simulators.gb26875.frames import (
    LONGEST_FRAME,
    Command,
    Damaged,
    Deframer,
    Frame,
    decode,
    over_length,
    with_wrong_checksum,
)
from simulators.gb26875.orders import Orders
from simulators.gb26875.panel import CHINA, FirePanel, PanelClock
from simulators.gb26875.units import MOST_OBJECTS, Type
from simulators.port import ReservedPort
from tests.wait import until

# Vectors A: ActorLancer/GB-T-26875.3.2011-rs; B: shootingfans/codec_gb26875_3_2011 (`codec_test.go`). Facts, not text.

_UP = "40400100010120 3A091A090C 790300000000 385B01000000 "
_DOWN = "40400100010120 3A091A090C 385B01000000 790300000000 "
_OBJECT_TIME = "023A091A090C"

A1 = bytes.fromhex(_UP + "3000 02 0201 0101 28 0A000200 0200" + "20" * 30 + "00" + _OBJECT_TIME + "46 2323")
A2 = bytes.fromhex("40400100010123 3A091A090C 385B01000000 790300000000 0000 03 AB 2323")
A3 = bytes.fromhex("40400100010123 3A091A090C 385B01000000 790300000000 0000 06 AE 2323")
A4 = bytes.fromhex(_UP + "0900 02 1501 08" + _OBJECT_TIME + "42 2323")
A5 = bytes.fromhex(_UP + "0A00 02 1801 20 01" + _OBJECT_TIME + "5F 2323")
A6 = bytes.fromhex(_UP + "0400 02 1901 0101 C7 2323")
A7 = bytes.fromhex(_UP + "0800 02 1C01" + _OBJECT_TIME + "40 2323")
A8 = bytes.fromhex(_DOWN + "0300 04 5101 00 FE 2323")
A9 = bytes.fromhex(_UP + "0900 05 1501 08" + _OBJECT_TIME + "45 2323")
A10 = bytes.fromhex(_DOWN + "0300 01 5901 00 03 2323")
A11 = bytes.fromhex(_DOWN + "0800 01 5A01" + _OBJECT_TIME + "7D 2323")
A12 = bytes.fromhex(_DOWN + "0300 01 5B01 0A 0F 2323")
B1 = bytes.fromhex(
    "40 40 00 00 01 01 18 0d 11 16 0a 14 00 00 00 00 00 00 06 05 04 03 02 01 30 00 02 02 01 01 03 00 d9 00 06 00 02 00"
    "a3 c1 c7 f8 a3 b1 b2 e3 df c8 b2 b8 d7 df c0 c8 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 30 12 13 01 08 14 68 23 23"
)
B2 = B1[:18] + bytes(6) + B1[24:-3] + bytes.fromhex("53 23 23")
B3 = B1[:-3] + bytes.fromhex("43 23 23")

DEVICE, CENTRE = 889, 88888
TELLING = "09:58:32"  # the time tag of all vectors A
ARISING = "09:58:02"  # the time in their objects

SMOKE = Component(10, 2, 40, " " * 30)
BUTTON = Component(1, 1, 23, "一楼大厅按钮")
HEAT = Component(1, 2, 31, "厨房温感")
QUICK = Habits(heartbeat_s=None, confirm_s=0.15, resends=3, retry_s=0.02, connect_s=2)


class HandClock:
    """A wall clock that a test sets in Chinese time, and monotonic seconds that it adds to."""

    def __init__(self, text: str = TELLING) -> None:
        self.seconds = 1000.0
        self.wall = self.at(text)

    @staticmethod
    def at(text: str) -> datetime:
        """That time of the day of all vectors A."""
        return datetime.fromisoformat(f"2012-09-26T{text}").replace(tzinfo=CHINA)

    def now(self) -> datetime:
        """As set."""
        return self.wall.astimezone(UTC)

    def monotonic(self) -> float:
        """As added to."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """As it is."""
        await asyncio.sleep(seconds)


# A centre that knows nothing but offsets.


def reply(frame: bytes, command: int, data: bytes = b"") -> bytes:
    """The frame that answers another: same serial and version, addresses changed over."""
    summed = (
        frame[2:12] + frame[18:24] + frame[12:18] + len(data).to_bytes(2, "little") + bytes([command]) + data
    )
    return b"@@" + summed + bytes([sum(summed) % 256]) + b"##"


def down(command: int, data: bytes, serial: int = 7, device: int = DEVICE) -> bytes:
    """A frame that the centre begins."""
    summed = (
        serial.to_bytes(2, "little")
        + bytes.fromhex("0101 203A091A090C")
        + CENTRE.to_bytes(6, "little")
        + device.to_bytes(6, "little")
        + len(data).to_bytes(2, "little")
        + bytes([command])
        + data
    )
    return b"@@" + summed + bytes([sum(summed) % 256]) + b"##"


def serial_of(frame: bytes) -> int:
    return int.from_bytes(frame[2:4], "little")


class Centre:
    """Takes frames by their length and answers each as `answer` says; `got` is all of them, `bytes` all that came."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.raw = b""
        self.calls = 0
        self.ends = 0
        self.answer: Callable[[bytes], bytes] = self.confirm
        self.judges = True  # asserts that each frame is good
        self._held = b""
        self._write: Callable[[bytes], object] | None = None

    @staticmethod
    def confirm(frame: bytes) -> bytes:
        """What a healthy centre answers."""
        return reply(frame, 3) if frame[26] == 2 else b""

    def told(self) -> list[bytes]:
        """The frames of command 2 that tell something."""
        return [frame for frame in self.got if frame[26] == 2 and len(frame) > 30]

    def take(self, data: bytes) -> None:
        """Bytes have come."""
        self.raw += data
        self._held += data
        while (begin := self._held.find(b"@@")) >= 0:
            self._held = self._held[begin:]
            size = 30 + int.from_bytes(self._held[24:26], "little")
            if len(self._held) < max(size, 30):
                return
            frame, self._held = self._held[:size], self._held[size:]
            assert not self.judges or (frame.endswith(b"##") and sum(frame[2:-3]) % 256 == frame[-3])
            self.got.append(frame)
            if answer := self.answer(frame):
                self.send(answer)

    def send(self, data: bytes) -> None:
        """Put bytes on the line."""
        assert self._write is not None
        self._write(data)

    async def ask(self, frame: bytes) -> bytes:
        """Send it; the next frame that is no telling."""
        before = len([one for one in self.got if one[26] != 2])
        self.send(frame)
        await until(lambda: len([one for one in self.got if one[26] != 2]) > before)
        return [one for one in self.got if one[26] != 2][before]


class TcpCentre(Centre):
    """The same on a port that stays its own while it is away."""

    def __init__(self) -> None:
        super().__init__()
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        """Be there."""
        self._server = await asyncio.start_server(self._serve, sock=self._reserved.listen())

    async def close(self) -> None:
        """Be away."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.hang_up()

    async def hang_up(self) -> None:
        """End what is connected."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()
        await asyncio.sleep(0)

    def release(self) -> None:
        """Give the port back."""
        self._reserved.release()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        self._held = b""
        self._writers.append(writer)
        self._write = writer.write
        try:
            while data := await reader.read(4096):
                self.take(data)
        except ConnectionError:
            pass
        finally:
            self.ends += 1
            writer.close()


@pytest.fixture
async def centre() -> AsyncIterator[TcpCentre]:
    """A centre on TCP that confirms everything."""
    centre = TcpCentre()
    await centre.open()
    try:
        yield centre
    finally:
        await centre.close()
        centre.release()


def a_panel(centre: TcpCentre, habits: Habits = QUICK) -> FirePanelSimulator:
    line = Tcp("127.0.0.1", centre.port)
    return FirePanelSimulator(line, components=[BUTTON, HEAT, SMOKE], habits=habits)


@asynccontextmanager
async def running(panel: FirePanelSimulator) -> AsyncIterator[FirePanelSimulator]:
    """Started, and stopped in the end, as every simulator."""
    simulator: Simulator = panel
    await simulator.start()
    try:
        yield panel
    finally:
        await simulator.stop()


@pytest.fixture
async def panel(centre: TcpCentre) -> AsyncIterator[FirePanelSimulator]:
    """A panel that has reached the centre."""
    async with running(a_panel(centre)) as panel:
        await panel.connected()
        await until(lambda: centre.calls > 0)
        yield panel


# The printed vectors


def a_vector_panel(line: Tcp, clock: HandClock, habits: Habits) -> FirePanelSimulator:
    return FirePanelSimulator(line, components=[SMOKE], habits=habits, clock=clock, in_service_bit=False)


@pytest.mark.parametrize(
    ("act", "vector"),
    [
        pytest.param(lambda panel: panel.fire(10, 2), A1, id="A1"),
        pytest.param(lambda panel: panel.mains_fault(on=True), A4, id="A4"),
        pytest.param(lambda panel: panel.operate_device(Operation.GUARD_CHECK_ANSWER, 1), A5, id="A5"),
        pytest.param(lambda panel: panel.tell_version(), A6, id="A6"),
        pytest.param(lambda panel: panel.tell_time(), A7, id="A7"),
    ],
)
async def test_what_is_told_is_the_printed_frame(
    centre: TcpCentre, act: Callable[[FirePanelSimulator], object], vector: bytes
) -> None:
    """What arises at 09:58:02 and is told at 09:58:32 comes over a socket as printed, second after a heartbeat of serial 0."""
    clock = HandClock(ARISING)
    panel = a_vector_panel(Tcp("127.0.0.1", centre.port), clock, Habits(heartbeat_s=30, confirm_s=5))
    act(panel)
    clock.wall = clock.at(TELLING)
    async with running(panel):
        await panel.delivered()

    assert [serial_of(frame) for frame in centre.got] == [0, 1]
    assert centre.got[1] == vector
    assert len(centre.got[0]) == 30


def test_the_answer_about_the_device_is_the_printed_frame() -> None:
    """A9: the unit that answers A8, in a frame of command 5 with its serial number."""
    clock = HandClock(ARISING)
    fittings = FirePanel(PanelClock(clock), [SMOKE.system], [SMOKE], in_service_bit=False)
    fittings.change_device(DeviceFlag.MAINS_FAULT, on=True)
    asked = decode(A8)
    assert isinstance(asked, Frame)

    data = Orders(fittings, clock).answer(asked.data)
    clock.wall = clock.at(TELLING)
    answer = Frame(
        serial=asked.serial,
        source=asked.destination,
        destination=asked.source,
        command=Command.ANSWER,
        time=PanelClock(clock).stamp(),
        data=data,
    )

    assert answer.encode() == A9


@pytest.mark.parametrize(("destination", "vector"), [(0x010203040506, B1), (0, B2)], ids=["B1", "B2"])
def test_chinese_text_is_encoded_as_printed(destination: int, vector: bytes) -> None:
    """A description of GB18030 filled with NUL, whole address and time, as printed."""
    corridor = Component(0x00D9, 6, 0, "Ａ区１层呷哺走廊", System(1, 3))
    clock = HandClock()
    clock.wall = datetime(2020, 8, 1, 19, 18, 48, tzinfo=CHINA)
    fittings = FirePanel(PanelClock(clock), [corridor.system], [corridor], in_service_bit=False)
    fittings.change(corridor, add=ComponentFlag.FIRE, remove=ComponentFlag(0))

    frame = Frame(
        serial=0,
        source=0,
        destination=destination,
        command=Command.SEND,
        time=bytes.fromhex("18 0d 11 16 0a 14"),
        data=fittings.tell_components([corridor]),
    )

    assert frame.encode() == vector


@pytest.mark.parametrize(
    "vector", [A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, B1, B2], ids=lambda one: one[26:29].hex()
)
def test_every_vector_is_read_and_made_again(vector: bytes) -> None:
    """Decoded to its fields and encoded from them, each printed frame is the same bytes."""
    frame = decode(vector)

    assert isinstance(frame, Frame)
    assert frame.encode() == vector
    assert (frame.serial, frame.version) == (serial_of(vector), (1, 1))


@pytest.mark.parametrize(
    ("vector", "command", "data"),
    [
        (A2, Command.CONFIRM, ""),
        (A3, Command.DENY, ""),
        (A8, Command.REQUEST, "51 01 00"),
        (A10, Command.CONTROL, "59 01 00"),
        (A11, Command.CONTROL, "5A 01 023A091A090C"),
        (A12, Command.CONTROL, "5B 01 0A"),
    ],
    ids=["A2", "A3", "A8", "A10", "A11", "A12"],
)
def test_what_comes_down_is_understood(vector: bytes, command: Command, data: str) -> None:
    """Command, addresses and data of each frame of a centre."""
    frame = decode(vector)

    assert isinstance(frame, Frame)
    assert (frame.command, frame.data) == (command, bytes.fromhex(data))
    assert (frame.source, frame.destination) == (CENTRE, DEVICE)


def test_a_wrong_checksum_is_told_from_a_frame() -> None:
    """B3 is whole and is not believed."""
    assert decode(B3) == Damaged(0, 0)


def test_the_bare_centre_answers_as_printed() -> None:
    """The centre of these tests makes A2 and A3 (whose time tag is another) for A1."""
    assert reply(A1[:6] + A2[6:12] + A1[12:], 3) == A2
    assert reply(A1[:6] + A2[6:12] + A1[12:], 6) == A3


# Frames in a stream


@pytest.mark.parametrize("piece", [1, 2, 7, 29, 30, 1000])
def test_split_and_joined_frames_are_the_same_frames(piece: int) -> None:
    """However the stream is cut, and with rubbish between, what is found is what was sent."""
    stream = b"##@@##" + A8 + b"@" + A10 + A2 + b"\0\xff#" + A12
    deframer = Deframer()
    found: list[Frame | Damaged] = []
    for start in range(0, len(stream), piece):
        found += deframer.feed(stream[start : start + piece])
    found += deframer.give_up()

    assert [frame.encode() for frame in found if isinstance(frame, Frame)] == [A8, A10, A2, A12]


@given(data=st.binary(max_size=1024), serial=st.integers(0, 0xFFFF), tail=st.binary(max_size=40))
def test_data_that_looks_like_frames_is_data(data: bytes, serial: int, tail: bytes) -> None:
    """Any data comes back, start and end marks within it too; what follows does not spoil it."""
    frame = Frame(
        serial=serial, source=DEVICE, destination=CENTRE, command=2, time=bytes(6), data=b"@@##" + data[4:]
    )

    assert Deframer().feed(frame.encode() + tail)[0] == frame


@given(st.binary(max_size=3000))
def test_rubbish_is_let_go(data: bytes) -> None:
    """Whatever comes, less than one longest frame is held."""
    deframer = Deframer()
    deframer.feed(data)

    assert len(deframer._held) < LONGEST_FRAME


# Telling


async def test_reports_are_told_in_order_one_at_a_time(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """The next goes out after the one before was confirmed; serial numbers count from 0."""
    centre.answer = lambda _: b""
    panel.fire(1, 1)
    panel.fault(1, 2)
    panel.shield(10, 2)
    await until(lambda: len(centre.told()) > 1)
    assert len(set(centre.told())) == 1
    assert panel.delivery.waiting == 3
    centre.answer = centre.confirm
    await panel.delivered()

    told = list(dict.fromkeys(centre.told()))
    assert [serial_of(frame) for frame in told] == [0, 1, 2]
    assert [frame[36:38] for frame in told] == [b"\x03\0", b"\x05\0", b"\x09\0"]
    assert [one.report.type for one in panel.confirmed] == [2, 2, 2]


async def test_every_kind_of_report(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """Types 1, 2, 3, 4, 21, 24, 25, 26 and 28 come with their bodies."""
    panel.set_system(SystemFlag.MAINS_FAULT, on=True)
    panel.set_value(1, 2, 25.5)
    panel.mute(9)
    panel.battery_fault(on=True)
    panel.operate_device(Operation.SELF_TEST, 3)
    panel.tell_version()
    panel.tell_config()
    panel.tell_time()
    await panel.delivered()

    units = [frame[27:-3] for frame in centre.told()]
    assert [unit[:2] for unit in units] == [bytes([kind, 1]) for kind in (1, 3, 4, 21, 24, 25, 26, 28)]
    assert units[0][2:6] == bytes.fromhex("01 01 01 01")
    assert units[1][2:12] == bytes.fromhex("01 01 1F 0100 0200 03 FF00")
    assert units[2][2:6] == bytes.fromhex("01 01 02 09")
    assert units[3][2:3] == b"\x11"
    assert units[4][2:4] == bytes.fromhex("10 03")
    assert units[6][3 : 3 + units[6][2]].decode("gb18030") == panel.panel.config
    assert len(units[7]) == 8


async def test_values_below_zero_and_out_of_range(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """-12.3 °C is the int16 -123; what has no room, or measures nothing, is refused before it is told."""
    panel.set_value(1, 2, -12.3)
    panel.set_value(1, 1, 230.0, Analog.VOLTAGE)
    for zone, point, value in ((1, 2, 4000.0), (10, 2, 1.0), (9, 9, 1.0)):
        with pytest.raises(ValueError, match=r"fit|measures nothing|no component"):
            panel.set_value(zone, point, value)
    await panel.delivered()

    assert [frame[36:39] for frame in centre.told()] == [bytes.fromhex("03 85FF"), bytes.fromhex("08 FC08")]


async def test_reset_brings_everything_to_rest_and_restore_one(
    centre: TcpCentre, panel: FirePanelSimulator
) -> None:
    """A reset is told as an operation of type 4, a restored component by its own status."""
    panel.fire(1, 1)
    panel.fire(10, 2)
    panel.restore(10, 2)
    panel.reset(5)
    await panel.delivered()

    assert centre.told()[2][36:38] == b"\x01\0"
    assert centre.told()[3][27:33] == bytes.fromhex("04 01 01 01 01 05")
    assert panel.panel.status_of(BUTTON) == ComponentFlag.IN_SERVICE


async def test_many_components_in_one_message(centre: TcpCentre) -> None:
    """22 components fill one frame, 23 are refused."""
    many = [Component(3, point, 40) for point in range(23)]
    panel = FirePanelSimulator(Tcp("127.0.0.1", centre.port), components=many, habits=QUICK)
    places = [(one.zone, one.point) for one in many]
    async with running(panel):
        panel.change(places[:22], add=ComponentFlag.FIRE)
        await panel.delivered()
        with pytest.raises(ValueError, match="22"):
            panel.change(places, add=ComponentFlag.FIRE)

    (frame,) = centre.told()
    assert len(frame) == 30 + 2 + 22 * 46
    assert MOST_OBJECTS[Type.COMPONENT_STATUS] == 22


def test_what_a_panel_cannot_have_is_refused() -> None:
    """Two components at one place, a name too long, a zone too high: a ValueError that says what is right."""
    with pytest.raises(ValueError, match="its own place"):
        FirePanelSimulator(Tcp("127.0.0.1", 9), components=[BUTTON, BUTTON])
    with pytest.raises(ValueError, match="31 bytes"):
        Component(1, 1, 40, "长" * 16)
    with pytest.raises(ValueError, match="65535"):
        Component(70000, 1, 40)
    with pytest.raises(ValueError, match="six bytes"):
        FirePanelSimulator(Tcp("127.0.0.1", 9), panel=1 << 48)


# Resending


async def test_silence_is_met_by_three_resendings_of_the_same_bytes(
    centre: TcpCentre, panel: FirePanelSimulator
) -> None:
    """Four times the identical frame, then a new call; it is never dropped, nor made anew."""
    centre.answer = lambda _: b""
    panel.fire(1, 1)
    await until(lambda: centre.calls > 1 and len(centre.told()) > 4)
    centre.answer = centre.confirm
    await panel.delivered()

    assert len(set(centre.told())) == 1
    (done,) = panel.confirmed
    assert done.sends == len(centre.told()) >= 5
    assert done.confirmed_at >= done.first_sent_at >= done.report.at


async def test_a_denial_is_met_by_resending(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """A denied frame goes again at once, the same; after four it waits and stays on the same connection."""
    centre.answer = lambda frame: reply(frame, 6)
    panel.fire(1, 1)
    await until(lambda: len(centre.told()) > 4)
    centre.answer = centre.confirm
    await panel.delivered()

    assert len(set(centre.told())) == 1
    assert centre.calls == 1


async def test_a_confirm_of_another_serial_is_none(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """Only its own serial number confirms; the stray one is counted."""
    centre.answer = lambda frame: reply(frame[:2] + b"\x99\x99" + frame[4:], 3)
    panel.fire(1, 1)
    await until(lambda: panel.delivery.strays > 1)

    assert panel.delivery.waiting == 1


async def test_nothing_is_lost_while_the_centre_is_away(centre: TcpCentre) -> None:
    """What arises before and between connections is told in order on the next, the head with the same bytes."""
    panel = a_panel(centre)
    await centre.close()
    panel.fire(1, 1)
    async with running(panel):
        panel.fault(1, 2)
        await centre.open()
        await panel.delivered()
        centre.answer = lambda _: b""
        panel.shield(10, 2)
        await until(lambda: len(centre.told()) >= 3)
        await centre.close()
        panel.restore(10, 2)
        centre.answer = centre.confirm
        await centre.open()
        await panel.delivered()

    told = list(dict.fromkeys(centre.told()))
    assert [serial_of(frame) for frame in told] == [0, 1, 2, 3]


async def test_a_thousand_at_once_arrive_in_order(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """A flood is a queue."""
    for number in range(1000):
        panel.set_value(1, 2, number)
    await panel.delivered(60)

    values = [int.from_bytes(frame[37:39], "little", signed=True) for frame in centre.told()]
    assert values == [number * 10 for number in range(1000)]


async def test_heartbeats_are_empty_and_confirmed(centre: TcpCentre) -> None:
    """At once after the call and again when nothing was told for so long: 30 bytes, each with its serial number."""
    async with running(a_panel(centre, Habits(heartbeat_s=0.03, confirm_s=5))) as panel:
        await until(lambda: panel.delivery.heartbeats >= 3)
        panel.fire(1, 1)
        await panel.delivered()

    beats = [frame for frame in centre.got if len(frame) == 30]
    assert [serial_of(frame) for frame in centre.got] == list(range(len(centre.got)))
    assert {frame[26] for frame in beats} == {2}


async def test_serial_numbers_begin_again_after_65535(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """They wrap."""
    panel.delivery._serial = 0xFFFF
    panel.fire(1, 1)
    panel.restore(1, 1)
    await panel.delivered()

    assert [serial_of(frame) for frame in centre.told()] == [0xFFFF, 0]


# Asked and ordered

WHERE_BUTTON, WHERE_HEAT = bytes.fromhex("01 01 01000100"), bytes.fromhex("01 01 01000200")


async def test_requests_are_answered_with_their_serial(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """61, 62, 63, 65 to 68, 81, 85, 86 and 88 get command 5, the same serial number, and what stands."""
    panel.fire(1, 1)
    panel.set_value(1, 2, 25)
    await panel.delivered()

    expected = {
        b"\x3d\1\1\1": "01 01 01 01 0300",
        b"\x3e\2" + WHERE_BUTTON + WHERE_HEAT: "02 02 01 01 17 0100 0100 0300",
        b"\x3f\1" + WHERE_HEAT: "03 01 01 01 1F 0100 0200 03 FA00",
        b"\x41\1\1\1": "05 01 01 01 01 01",
        b"\x42\1\1\1": "06 01 01 01 10",
        b"\x43\1" + WHERE_BUTTON: "07 01 01 01 17 0100 0100",
        b"\x44\1\1\1": "08 01 01 01",
        b"\x51\1\0": "15 01 03",
        b"\x55\1\0": "19 01 01 01",
        b"\x56\1\0": "1A 01",
        b"\x58\1\0": "1C 01",
    }
    for serial, (asked, begins) in enumerate(expected.items(), 300):
        answer = await centre.ask(down(4, asked, serial))
        assert (answer[26], serial_of(answer)) == (5, serial)
        assert answer[27:-3].startswith(bytes.fromhex(begins)), asked.hex()
        assert (answer[12:18], answer[18:24]) == (DEVICE.to_bytes(6, "little"), CENTRE.to_bytes(6, "little"))


async def test_what_was_done_can_be_read_since_a_time(centre: TcpCentre) -> None:
    """64 and 84 give the operations from that time on, at most as many as asked, oldest first."""
    clock = HandClock("09:00:00")
    panel = FirePanelSimulator(Tcp("127.0.0.1", centre.port), components=[BUTTON], habits=QUICK, clock=clock)
    async with running(panel):
        for minute, operator in enumerate((1, 2, 3)):
            clock.wall = clock.at(f"09:0{minute}:00")
            panel.mute(operator)
            panel.operate_device(Operation.TEST, operator)
        await panel.delivered()
        since = bytes([0, 1, 9, 26, 9, 12])
        one = await centre.ask(down(4, bytes([64, 1, 1, 1, 1]) + since))
        all_of_device = await centre.ask(down(4, bytes([84, 1, 102]) + since))
        none = await centre.ask(down(4, bytes([84, 1, 102, 0, 1, 10, 26, 9, 12])))

    assert one[27:-3] == bytes.fromhex("04 01 01 01 02 02 0001091A090C")
    assert all_of_device[27:-3] == bytes.fromhex("18 02 40 02 0001091A090C 40 03 0002091A090C")
    assert none[26] == 6


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (4, "63 01 00"),  # a reserved type
        (4, "59 01 00"),  # a control, asked
        (1, "51 01 00"),  # a request, ordered
        (4, "3E 01 01 01 09000900"),  # nobody is there
        (4, "3D 02 01 01"),  # two announced, one given
        (4, ""),
        (1, "5A 01 FF3A091A090C"),  # second 255
        (2, "15 01 00 023A091A090C"),  # a centre tells nothing
        (99, ""),
    ],
)
async def test_what_makes_no_sense_is_denied(
    centre: TcpCentre, panel: FirePanelSimulator, command: int, data: str
) -> None:
    """It gets command 6 with its own serial number, and the device serves on."""
    answer = await centre.ask(down(command, bytes.fromhex(data), 0x1234))
    assert (answer[26], serial_of(answer), len(answer)) == (6, 0x1234, 30)

    panel.fire(1, 1)
    await panel.delivered()


async def test_a_damaged_order_is_denied_and_not_done(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """A wrong checksum is answered with 6 and the same serial number (6.5.3)."""
    answer = await centre.ask(with_wrong_checksum(down(1, b"\x5b\1\x0a", 77)))

    assert (answer[26], serial_of(answer)) == (6, 77)
    assert panel.orders.guard_check is None
    assert panel.damaged == 1


async def test_another_devices_frame_is_left_alone(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """A frame for another address is counted and neither done nor answered."""
    centre.send(down(1, b"\x5b\1\x0a", device=890))
    await until(lambda: panel.foreign == 1)

    assert panel.orders.guard_check is None
    assert centre.got == []


async def test_initialise_and_clock_are_done_and_confirmed(
    centre: TcpCentre, panel: FirePanelSimulator
) -> None:
    """89 and 90, the printed frames A10 and A11, get command 3; the clock then says what it was told."""
    panel.fire(1, 1)
    await panel.delivered()
    answers = [await centre.ask(A10), await centre.ask(A11)]

    assert [(answer[26], len(answer), serial_of(answer)) for answer in answers] == [(3, 30, 1), (3, 30, 1)]
    assert panel.orders.initialised == 1
    assert abs(panel.clock.now() - HandClock.at(ARISING)) < timedelta(seconds=20)
    assert ComponentFlag.FIRE in panel.panel.status_of(BUTTON)


async def test_a_wrong_clock_is_told_in_every_frame(centre: TcpCentre) -> None:
    """An offset of the device's clock is in the time tag."""
    clock = HandClock("10:00:00")
    panel = FirePanelSimulator(Tcp("127.0.0.1", centre.port), components=[BUTTON], habits=QUICK, clock=clock)
    panel.clock.offset = timedelta(days=-1, seconds=5)
    async with running(panel):
        panel.fire(1, 1)
        await panel.delivered()

    assert centre.told()[0][6:12] == centre.told()[0][-9:-3] == bytes([5, 0, 10, 25, 9, 12])


async def test_a_guard_answers_in_time(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """A12 rings for ten minutes; the guard's answer is type 24 with bit 5 and who; then nothing rings."""
    rings: list[str] = []
    panel.orders.on_order = rings.append
    assert (await centre.ask(A12))[26] == 3
    assert panel.orders.guard_check is not None
    assert panel.orders.guard_check.minutes == 10
    panel.answer_guard_check(4)
    await panel.delivered()

    assert "10 min" in rings[0]
    assert centre.told()[0][27:31] == bytes.fromhex("18 01 20 04")
    with pytest.raises(ValueError, match="nobody has asked"):
        panel.answer_guard_check(4)


async def test_a_guard_who_comes_too_late_answers_nothing(centre: TcpCentre) -> None:
    """After the minutes asked the answer is refused."""
    clock = HandClock()
    panel = FirePanelSimulator(Tcp("127.0.0.1", centre.port), habits=QUICK, clock=clock)
    async with running(panel):
        await panel.connected()
        await until(lambda: centre.calls > 0)
        await centre.ask(A12)
        clock.seconds += 601
        with pytest.raises(ValueError, match="too late"):
            panel.answer_guard_check(4)


# Misbehaving


async def test_silent_calls_and_says_nothing(centre: TcpCentre) -> None:
    """It connects, tells nothing, answers nothing; healed, all that waited is told."""
    panel = a_panel(centre)
    await panel.misbehave(Fault.SILENT)
    async with running(panel):
        panel.fire(1, 1)
        await until(lambda: centre.calls == 1)
        centre.send(A12)
        await asyncio.sleep(0.1)
        assert centre.raw == b""
        assert panel.orders.guard_check is None
        await panel.misbehave(Fault.NONE)
        await panel.delivered()

    assert len(centre.told()) == 1


async def test_slow_comes_by_a_few_bytes(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """A frame takes its time and is whole in the end."""
    await panel.misbehave(Fault.SLOW)
    panel.fire(1, 1)
    await until(lambda: len(centre.raw) > 0)
    assert centre.got == []
    await panel.delivered()

    assert len(set(centre.told())) == 1


async def test_garbage_goes_before_and_after_good_frames(
    centre: TcpCentre, panel: FirePanelSimulator
) -> None:
    """The frames are there and are good; around each is noise in which no frame can begin."""
    await panel.misbehave(Fault.GARBAGE)
    panel.fire(1, 1)
    panel.restore(1, 1)
    await panel.delivered()
    await until(lambda: not centre.raw.endswith(b"##"))

    first, second = centre.told()
    before, between = centre.raw.split(first)[0], centre.raw.split(first)[1].split(second)[0]
    assert len(before) >= 5
    assert len(between) >= 10
    assert b"@" not in before + between


async def test_half_open_stays_while_nothing_passes(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """Even the centre's goodbye is not heard; healed, it calls again and tells."""
    await panel.misbehave(Fault.HALF_OPEN)
    panel.fire(1, 1)
    centre.send(A12)
    await asyncio.sleep(0.1)
    assert centre.raw == b""
    assert panel.orders.guard_check is None
    await centre.hang_up()
    await asyncio.sleep(0.1)
    assert centre.calls == 1
    await panel.misbehave(Fault.NONE)
    await panel.delivered()

    assert centre.calls == 2


async def test_refused_is_a_device_that_nobody_knows(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """Its source address is another one until it is healed; then the same report comes from the right one."""
    centre.answer = lambda frame: (
        centre.confirm(frame) if frame[12:18] == DEVICE.to_bytes(6, "little") else b""
    )
    await panel.misbehave(Fault.REFUSED)
    panel.fire(1, 1)
    await until(lambda: bool(centre.told()))
    assert centre.told()[0][12:18] != DEVICE.to_bytes(6, "little")
    assert panel.delivery.waiting == 1
    await panel.misbehave(Fault.NONE)
    await panel.delivered()

    assert centre.told()[-1][12:18] == DEVICE.to_bytes(6, "little")
    assert centre.told()[-1][27:-3] == centre.told()[0][27:-3]


async def test_power_lost_in_the_midst_of_telling(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """It vanishes, begins at serial number 0 again, and tells what was not confirmed; nothing rings any longer."""
    panel.fire(1, 1)
    await panel.delivered()
    await centre.ask(A12)
    centre.answer = lambda _: b""
    panel.fault(1, 2)
    await until(lambda: len(centre.told()) > 1)
    await panel.power_off()
    await until(lambda: centre.ends == 1)
    centre.answer = centre.confirm
    panel.shield(10, 2)
    await panel.power_cycle(0)
    await panel.delivered()

    assert [serial_of(frame) for frame in centre.told()][-2:] == [0, 1]
    assert [frame[36:38] for frame in centre.told()][-2:] == [b"\x05\0", b"\x09\0"]
    assert panel.orders.guard_check is None


async def test_a_connection_is_cut_in_mid_frame(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """Some bytes of a report come and the connection ends; it comes whole on the next."""
    panel.cut_next(after=40)
    panel.fire(1, 1)
    await until(lambda: centre.ends == 1)
    assert centre.got == []
    assert len(centre.raw) == 40
    await panel.delivered()

    assert centre.raw == centre.got[0][:40] + centre.got[0]


async def test_bytes_as_a_test_wants_them(centre: TcpCentre, panel: FirePanelSimulator) -> None:
    """Frames split, joined, twice, with a wrong checksum and too long go out as they are."""
    first, second = (panel.frame(panel.panel.tell_version()) for _ in range(2))
    centre.judges = False
    bad, long = with_wrong_checksum(first), over_length(first)
    sent = b""
    for data, piece in ((first, 3), (first + second, None), (second, None), (bad, None), (long, None)):
        await panel.send_raw(data, piece=piece)
        sent += data
    await until(lambda: len(centre.raw) == len(sent))

    assert centre.raw == sent
    assert decode(bad) == Damaged(serial_of(first), DEVICE)
    assert int.from_bytes(long[24:26], "little") == 1025
    assert sum(long[2:-3]) % 256 == long[-3]
    assert Deframer().feed(long) == []


async def test_bytes_without_a_line_are_an_error(centre: TcpCentre) -> None:
    """There is nowhere to put them."""
    with pytest.raises(ConnectionError, match="not open"):
        await a_panel(centre).send_raw(b"x")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("fault", list(Fault))
async def test_stop_lets_go_of_everything(centre: TcpCentre, fault: Fault) -> None:
    """Whatever it does, a stopped simulator has no task, and its socket is gone."""
    files, tasks = open_files(), len(asyncio.all_tasks())
    panel = a_panel(centre)
    async with running(panel):
        await panel.connected()
        await panel.misbehave(fault)
        panel.fire(1, 1)
    await until(lambda: len(asyncio.all_tasks()) <= tasks, 5)
    await until(lambda: open_files() <= files, 5)


# Other lines


class DatagramCentre(asyncio.DatagramProtocol, Centre):
    """The centre on UDP."""

    def __init__(self) -> None:
        Centre.__init__(self)
        self.sizes: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port is there."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One has come."""
        self._write = lambda answer: self.transport.sendto(answer, addr)
        self.sizes.append(len(data))
        self.take(data)


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.SLOW, Fault.GARBAGE])
async def test_over_udp_a_frame_is_a_datagram(fault: Fault) -> None:
    """Told, confirmed and asked over UDP, healthy or not; the first datagram is lost and sent again."""
    transport, centre = await asyncio.get_running_loop().create_datagram_endpoint(
        DatagramCentre, local_addr=("127.0.0.1", 0)
    )
    lost: list[bytes] = []

    def lose_one(frame: bytes) -> bytes:
        centre.answer = centre.confirm
        lost.append(frame)
        return b""

    centre.answer = lose_one
    habits = Habits(heartbeat_s=None, confirm_s=0.2, retry_s=0.02)
    line = Udp("127.0.0.1", transport.get_extra_info("sockname")[1])
    panel = FirePanelSimulator(line, components=[BUTTON], habits=habits)
    await panel.misbehave(fault)
    try:
        async with running(panel):
            panel.fire(1, 1)
            await panel.delivered()
            assert (await centre.ask(A8))[26] == 5
            assert centre.told()[:2] == [lost[0], lost[0]]
            assert 78 in centre.sizes
    finally:
        transport.close()


async def test_over_a_serial_line(tmp_path: Path) -> None:
    """The link is a tty that a centre opens; reports, confirms and requests pass, and power off leaves it silent."""
    link = tmp_path / "fire"
    centre = Centre()
    panel = FirePanelSimulator(Serial(link), components=[BUTTON], habits=QUICK)
    async with running(panel):
        handle = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        centre._write = lambda data: os.write(handle, data)
        asyncio.get_running_loop().add_reader(handle, lambda: centre.take(os.read(handle, 4096)))
        try:
            panel.fire(1, 1)
            await panel.delivered()
            assert (await centre.ask(A8))[26] == 5
            await panel.power_off()
            panel.restore(1, 1)
            assert link.is_symlink()
            await panel.power_on()
            await panel.delivered()
        finally:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)

    assert [serial_of(frame) for frame in centre.told()] == [0, 0]
    assert not link.is_symlink()


# The command line


class Sim:
    """A running `campus-sim fire-panel`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    async def line(self) -> str:
        """The next line that it says."""
        async with asyncio.timeout(30):
            return (await self._output.readline()).decode().rstrip("\n")

    async def tell(self, line: str) -> str:
        """Its answer to a line."""
        self._input.write(f"{line}\n".encode())
        return await self.line()

    async def end(self) -> int:
        """Its exit code, once it has ended."""
        async with asyncio.timeout(30):
            return await self.process.wait()


@asynccontextmanager
async def fire_panel(*arguments: str) -> AsyncIterator[Sim]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", "fire-panel", *arguments, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        yield Sim(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def names(frames: Iterable[bytes]) -> list[str]:
    """The descriptions of type 2."""
    return [frame[38:69].rstrip(b"\0").decode("gb18030") for frame in frames if frame[27] == 2]


async def test_one_fire_from_the_command_line(centre: TcpCentre) -> None:
    """`--fire --once` ends with 0 when the centre has confirmed."""
    port = str(centre.port)
    async with fire_panel("--port", port, "--component", "1.3:40:三楼走廊", "--fire", "1.3", "--once") as sim:
        assert await sim.line() == f"fire panel 889 on tcp://127.0.0.1:{port}"
        assert await sim.line() == "1 confirmed by the centre"
        assert await sim.end() == 0

    assert names(centre.told()) == ["三楼走廊"]
    assert centre.told()[0][29:36] == bytes.fromhex("01 01 28 0100 0300")


async def test_once_without_a_centre_is_an_error(centre: TcpCentre) -> None:
    """Exit code 1 and one line that says what was not confirmed."""
    await centre.close()
    arguments = ("--port", str(centre.port), "--fire", "1.1", "--once", "--timeout", "0.2")
    async with fire_panel(*arguments) as sim:
        assert await sim.end() == 1
        assert sim.process.stderr is not None
        error = (await sim.process.stderr.read()).decode()

    assert error == "campus-sim fire-panel: 1 not confirmed by the centre within 0.2 s\n"


async def test_a_panel_is_worked_by_lines(centre: TcpCentre) -> None:
    """Every verb does what it says, wrong words are answered with what would be right, and `quit` ends it."""
    arguments = (
        "--port",
        str(centre.port),
        "--component",
        "1.1:23",
        "--component",
        "1.2:31",
        "--heartbeat",
        "0",
    )
    told = {
        "fire 1.1": 2,
        "trouble 1.2": 2,
        "shield 1.2": 2,
        "restore 1.2": 2,
        "value 1.2 25.5": 3,
        "value 1.1 230 8": 3,
        "reset 7": 4,
        "mute": 4,
        "manual 2": 4,
        "mains off": 21,
        "battery off": 21,
        "system bus-fault on": 1,
    }
    async with fire_panel(*arguments) as sim:
        await sim.line()
        for line, kind in told.items():
            assert (await sim.tell(line)).startswith(f"type {kind} queued"), line
        await until(lambda: len(centre.told()) == len(told))
        assert await sim.tell("answer 4") == "error: nobody has asked for the guard"
        centre.send(A12)
        assert (await sim.line()).startswith("查岗: the centre asks for the guard within 10 min")
        assert (await sim.tell("answer 4")).startswith("type 24 queued")
        assert (await sim.tell("clock -86400")).startswith("its clock says ")
        assert await sim.tell("fire 9.9") == "error: no component 9.9; there are: 1.1, 1.2"
        assert await sim.tell("fire here") == "error: 'here': give ZONE.POINT, for example 1.3"
        assert await sim.tell("mains maybe") == "error: 'maybe': say on or off"
        assert await sim.tell("fault garbage") == "ok"
        assert await sim.tell("power-cycle 0.01") == "ok, back again"
        assert (await sim.tell("list")).startswith("1.1:23")
        assert (await sim.line()).startswith("1.2:31")
        assert (await sim.line()).endswith("confirmed")
        assert await sim.tell("quit") == "ok"
        assert await sim.end() == 0

    assert [frame[27] for frame in centre.told()] == [*told.values(), 24]


@pytest.mark.parametrize("component", ["1.1", "1:23", "1.1:smoke", "1.1:300"])
async def test_a_wrong_component_is_refused(component: str) -> None:
    """Exit code 1, and the line says how it is written."""
    async with fire_panel("--component", component) as sim:
        assert await sim.end() == 1
