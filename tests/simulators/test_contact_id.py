"""The receiver at a serial line: its lines as manuals print them, its patience and its faults on a real pty."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulators.contact_id import ContactIdReceiverSimulator, Form
from simulators.contact_id.lines import HEARTBEAT, Origin, alarm_code, contact_id_line, sia_line
from simulators.fault import Fault
from simulators.verbs import Panel
from tests.wait import until

# Sur-Gard MLR2-E installation manual p. 42: account 1234, duress, group 01, zone 001, receiver 01, line 1.
MANUAL = b"5011 181234E12101001\x14"
BEAT = b"1011           @    \x14"


def test_the_line_of_the_manual() -> None:
    """Duress of account 1234 is the very line that the manual prints; the heartbeat has eleven and four spaces."""
    assert contact_id_line(Origin(), "1234", alarm_code(Form.CID, "duress"), 1, 1) == MANUAL
    assert HEARTBEAT == BEAT
    assert len(BEAT) == 21


def test_lines_of_other_formats_and_qualifiers() -> None:
    """E, R and P stand for 1, 3 and 6; SIA has four spaces, six digits of account and four of zone."""
    there = Origin(receiver="02", line="3")
    assert contact_id_line(there, "ABCD", "3110", 0, 17) == b"5023 18ABCDR11000017\x14"
    assert contact_id_line(there, "1234", "6602", 99, 999) == b"5023 181234P60299999\x14"
    assert sia_line(there, "1234", "PA", 3) == b"3023    001234PA0003\x14"


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda it: it.press(1, "flood"), "there are: panic, duress"),
        (lambda it: it.press(1000), "0 to 999"),
        (lambda it: it.send("2120", 1), "three digits"),
        (lambda it: it.send("1120", 1, 100), "0 to 99"),
        (lambda it: it.send("1120", 1, account="12345"), "4 to 4 digits"),
    ],
)
def test_what_does_not_fit_a_line_is_refused(
    act: Callable[[ContactIdReceiverSimulator], object], why: str
) -> None:
    """Kinds, zones, codes, groups and accounts that the format can't carry are refused in words; nothing is queued."""
    receiver: ContactIdReceiverSimulator = ContactIdReceiverSimulator()
    as_panel: Panel = receiver
    with pytest.raises(ValueError, match=why):
        act(receiver)
    assert not as_panel.waiting


# On a pty


class Computer:
    """The gateway's end: what came, line by line, and what is answered to a line."""

    def __init__(self, path: str) -> None:
        self.lines: list[bytes] = []
        self.answer: bytes = b"\x06"
        self.raw = bytearray()
        self.pieces: list[bytes] = []
        self._rest = b""
        self._handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._handle, self._take)

    def events(self) -> list[bytes]:
        """What is no heartbeat."""
        return [line for line in self.lines if line != BEAT]

    def _take(self) -> None:
        try:
            data = os.read(self._handle, 4096)
        except OSError:
            data = b""
        if not data:  # the line has been pulled
            asyncio.get_running_loop().remove_reader(self._handle)
            return
        self.raw += data
        self.pieces.append(data)
        *lines, self._rest = (self._rest + data).split(b"\x14")
        for line in lines:
            self.lines.append(line + b"\x14")
            os.write(self._handle, self.answer)

    def close(self) -> None:
        """Let go of the line."""
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)


@asynccontextmanager
async def at(receiver: ContactIdReceiverSimulator) -> AsyncIterator[Computer]:
    computer = Computer(receiver.device)
    try:
        yield computer
    finally:
        computer.close()


@asynccontextmanager
async def running(receiver: ContactIdReceiverSimulator) -> AsyncIterator[ContactIdReceiverSimulator]:
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[ContactIdReceiverSimulator]:
    """Impatient, at a path of its own."""
    link = tmp_path / "receiver"
    async with running(ContactIdReceiverSimulator(link=link, heartbeat_s=0.3, ack_timeout_s=0.1)) as receiver:
        yield receiver


async def test_events_and_heartbeats_are_acknowledged() -> None:
    """A heartbeat first, then each event once, in order; heartbeats go on."""
    receiver = ContactIdReceiverSimulator(heartbeat_s=0.2, ack_timeout_s=2)
    async with running(receiver), at(receiver) as computer:
        receiver.press(1, "duress")
        receiver.restore(1)
        receiver.press(2, "fire")
        await receiver.all_acknowledged(5)
        assert computer.events() == [MANUAL, b"5011 181234R12101001\x14", b"5011 181234E11001002\x14"]
        assert computer.lines[0] == BEAT
        await until(lambda: receiver.heartbeats >= 3)
    assert [done.data for done in receiver.acknowledged] == computer.events()


async def test_sia_lines() -> None:
    """The SIA form tells the same events with DC-03 codes; without a link of its own the path is made and removed."""
    receiver = ContactIdReceiverSimulator(form=Form.SIA, heartbeat_s=60, ack_timeout_s=1)
    async with running(receiver), at(receiver) as computer:
        path = Path(receiver.device)
        receiver.press(3)
        receiver.send("RP", 0)
        await receiver.all_acknowledged(5)
    assert computer.events() == [b"3011    001234PA0003\x14", b"3011    001234RP0000\x14"]
    assert not path.parent.exists()


@pytest.mark.parametrize("answer", [b"", b"\x15"], ids=["silence", "NAK"])
async def test_four_times_then_stored_until_a_heartbeat(
    receiver: ContactIdReceiverSimulator, answer: bytes
) -> None:
    """Unanswered or NAKed, a line goes four times and is stored; the first acknowledged heartbeat lets all out, in order."""
    async with at(receiver) as computer:
        await until(lambda: receiver.heartbeats >= 1)
        computer.answer = answer
        receiver.press(1)
        await until(lambda: receiver.storing)
        receiver.press(2)
        told = computer.events()
        assert len(told) == 4
        assert len(set(told)) == 1
        beats = computer.lines.count(BEAT)
        await until(lambda: computer.lines.count(BEAT) > beats)
        assert computer.events() == told
        computer.answer = b"\x06"
        await receiver.all_acknowledged(5)
    assert [line[-4:-1] for line in computer.events()[4:]] == [b"001", b"002"]


async def test_quiet_faults_and_power(receiver: ContactIdReceiverSimulator) -> None:
    """Silent, half-open or without power nothing comes, the path stays; afterwards everything is told."""
    async with at(receiver) as computer:
        for zone, fault in enumerate([Fault.SILENT, Fault.HALF_OPEN, None], 1):
            await (receiver.power_off() if fault is None else receiver.misbehave(fault))
            await asyncio.sleep(0.15)  # what was under way has come
            told = len(computer.raw)
            receiver.press(zone)
            with pytest.raises(TimeoutError):
                await receiver.all_acknowledged(0.4)
            assert len(computer.raw) == told
            assert Path(receiver.device).exists()
            await receiver.misbehave(Fault.NONE)
            await receiver.power_on()
            await receiver.all_acknowledged(5)


@pytest.mark.parametrize("how", ["plug", "refused"])
async def test_the_path_goes_and_comes_back(receiver: ContactIdReceiverSimulator, how: str) -> None:
    """Unplugged or refused, the path is gone; behind the same path comes a new line, and what waited is told there."""
    async with at(receiver) as computer:
        await until(lambda: bool(computer.lines))
        await (receiver.unplug() if how == "plug" else receiver.misbehave(Fault.REFUSED))
        assert not os.path.lexists(receiver.device)
        receiver.press(1)
    await (receiver.replug() if how == "plug" else receiver.misbehave(Fault.NONE))
    async with at(receiver) as computer:
        await receiver.all_acknowledged(5)
    assert len(computer.events()) >= 1


async def test_slow_and_garbage(receiver: ContactIdReceiverSimulator) -> None:
    """Slow comes in small pieces; garbage is around good lines, and no good line."""
    async with at(receiver) as computer:
        await until(lambda: receiver.heartbeats >= 1)
        await receiver.misbehave(Fault.SLOW)
        computer.pieces.clear()
        receiver.press(1)
        await receiver.all_acknowledged(10)
        assert max(map(len, computer.pieces)) < len(MANUAL)
        await receiver.misbehave(Fault.GARBAGE)
        computer.lines.clear()
        receiver.press(2)
        await receiver.all_acknowledged(10)
        assert b"5011 181234E12001002\x14" in computer.lines
        assert any(line[0] >= 0x80 for line in computer.lines)


async def test_split_doubled_cut_and_raw(tmp_path: Path) -> None:
    """Each fault of one line is on the wire as named, and every event is acknowledged in the end."""
    receiver = ContactIdReceiverSimulator(link=tmp_path / "r", heartbeat_s=60, ack_timeout_s=0.5)
    async with running(receiver), at(receiver) as computer:
        await until(lambda: receiver.heartbeats == 1)
        computer.pieces.clear()
        receiver.split_next(7, 0.2)
        receiver.press(1)
        await receiver.all_acknowledged(5)
        assert [len(piece) for piece in computer.pieces] == [7, 14]
        receiver.duplicate_next()
        receiver.press(2)
        await receiver.all_acknowledged(5)
        await until(lambda: len(computer.events()) == 3)
        receiver.cut_next(5)
        receiver.press(3)
        await receiver.all_acknowledged(5)
        assert computer.events()[-1] == b"5011 5011 181234E12001003\x14"
        receiver.send_raw(b"hello\x14")
        await until(lambda: computer.lines[-1] == b"hello\x14")


async def test_a_flood_and_letting_go(tmp_path: Path) -> None:
    """1,000 events at once come in order, none lost; afterwards neither task nor file is left."""
    tasks, files = len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))
    receiver = ContactIdReceiverSimulator(link=tmp_path / "r", ack_timeout_s=5)
    async with running(receiver), at(receiver) as computer:
        for zone in range(1000):
            receiver.press(zone)
        assert (await receiver.acknowledgement(1000, 30)).item.data[-4:-1] == b"999"
        assert [int(line[-4:-1]) for line in computer.events()] == list(range(1000))
    assert (len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))) == (tasks, files)
    assert not os.path.lexists(tmp_path / "r")


async def test_a_paced_line_takes_its_time(tmp_path: Path) -> None:
    """At 1200 baud a line of 21 characters takes 175 ms at least."""
    receiver = ContactIdReceiverSimulator(link=tmp_path / "r", baud=1200, heartbeat_s=60)
    receiver.press(1)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with running(receiver), at(receiver):
        await receiver.all_acknowledged(10)
    assert loop.time() - begun >= 0.35  # the heartbeat, too
