"""The driver on a pty, played by hand: what it answers and when, what it tells, and what it does when nothing comes."""

import asyncio
import os
import time
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from drivers import DRIVERS
from drivers.contact_id import SPEC
from gateway.clock import Clock
from gateway.driver import CANCEL_LIMIT_S, Finding
from gateway.errors import DeviceUnavailable, JournalUnwritable
from gateway.model import Durability, Kind, Level, Message, Origin, Presence, Signal
from gateway.site import load_site
from tests.clocks import ManualClock
from tests.drivers.contract import AnyConnection, Run, ending, left_open, open_files, running
from tests.drivers.recorder import Recorder
from tests.wait import until

ACK, NAK = b"\x06", b"\x15"
HEARTBEAT = b"1011" + b" " * 11 + b"@" + b" " * 4 + b"\x14"
PRESS = b"5011 181234E12000001\x14"
RELEASE = b"5011 181234R12000001\x14"
DURESS = b"5011 181234E12101001\x14"  # the manual's

SITE = """
[site]
id = "school-1"
name = "First School"
county = "330106"
[[zone]]
id = "hall"
name = "Hall"
[[bus]]
id = "receiver"
driver = "contact_id"
serial = "{serial}"
{bus}
[[device]]
id = "panel"
zone = "hall"
bus = "receiver"
account = "1234"
{device}
[[device.point]]
id = "button"
kind = "panic"
address = 1
[[device.point]]
id = "smoke"
kind = "smoke"
address = 2
[[device]]
id = "other"
zone = "hall"
bus = "receiver"
account = "0b12"
receiver = 1
line = 2
"""


class Receiver:
    """The receiver's end of the line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.link = folder / "rs232"
        self.answers = b""
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        os.set_blocking(self.ours, False)
        self.link.symlink_to(os.ttyname(self.theirs))

    def connection(self, bus: str = "", device: str = "") -> AnyConnection:
        """As the site file says, which names this line."""
        file = self.folder / "site.toml"
        file.write_text(SITE.format(serial=self.link, bus=bus, device=device), encoding="utf-8")
        (connection,) = load_site(file, DRIVERS).connections
        return connection

    async def opened(self) -> None:
        """Wait until somebody in this process reads the line; at once if it is unplugged."""
        if self.ours >= 0:
            name = os.ttyname(self.theirs)
            selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]  # the test's way to see it
            await until(
                lambda: any(
                    Path(f"/proc/self/fd/{fd}").readlink() == Path(name) for fd in list(selector.get_map())
                )
            )

    def send(self, data: bytes) -> None:
        """Put bytes on the line; all must fit."""
        assert os.write(self.ours, data) == len(data)

    def heard(self) -> bytes:
        """All that was answered."""
        with suppress(BlockingIOError):
            self.answers += os.read(self.ours, 4096)
        return self.answers

    async def answered(self, answers: bytes) -> None:
        """Wait until just this was answered."""
        await until(lambda: len(self.heard()) >= len(answers))
        assert self.answers == answers

    def unplug(self) -> None:
        """Pull the cable's adapter."""
        if self.ours >= 0:
            self.link.unlink()
            os.close(self.ours)
            os.close(self.theirs)
            self.ours = -1


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    yield made
    made.unplug()


@asynccontextmanager
async def serving(
    receiver: Receiver, sink: Recorder, bus: str = "", device: str = "", clock: Clock | None = None
) -> AsyncIterator[Run]:
    """The driver at work, with the line open if there is one: what is sent before that is lost, as in life."""
    async with running(SPEC, receiver.connection(bus, device), sink, clock) as run:
        await receiver.opened()
        yield run


async def test_press_and_release(receiver: Receiver) -> None:
    """Each event is told of its point and acknowledged; the panel is there from its first word."""
    sink = Recorder()
    async with serving(receiver, sink):
        for message in (PRESS, RELEASE):
            receiver.send(message)
            await until(lambda: bool(receiver.heard()))
        await receiver.answered(ACK * 2)
        await until(lambda: sink.presence_of("other") is Presence.UNKNOWN)

    assert sink.told_of("button") == [(Level.ACTIVE, Origin.EVENT), (Level.NORMAL, Origin.EVENT)]
    assert sink.presences_of("panel") == [Presence.ONLINE]
    assert [message.account for message in sink.messages] == ["panel", "panel"]


async def test_duress_of_the_manual(receiver: Receiver) -> None:
    """The manual's bytes are duress by user 1, at an address of its own, and told as such."""
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(DURESS)
        await receiver.answered(ACK)

    assert sink.signals == [
        Signal(
            device="panel",
            point="panel:121.001",
            kind=Kind.DURESS,
            level=Level.ACTIVE,
            origin=Origin.EVENT,
            detail="duress (121), user 1, partition 1",
        )
    ]
    assert sink.messages[0].data == DURESS[:-1]


async def test_i1_acknowledged_after_the_commit(receiver: Receiver) -> None:
    """While the journal has not committed, nothing is answered; then the message is, once for all its copies."""
    sink = Recorder()
    sink.commits.clear()
    async with serving(receiver, sink):
        receiver.send(PRESS)
        await until(lambda: sink.waiting == 1)
        receiver.send(PRESS)
        await until(lambda: sink.waiting == 2)
        await asyncio.sleep(0.1)  # an answer would have come
        assert receiver.heard() == b""
        sink.commits.set()
        await receiver.answered(ACK)
        await until(lambda: len(sink.messages) == 2)
        await asyncio.sleep(0.05)
        assert receiver.heard() == ACK

    assert sink.messages[0] == sink.messages[1]
    assert sink.levels_of("button") == [Level.ACTIVE]


async def test_i1_late_answer(receiver: Receiver) -> None:
    """A commit that took longer than the receiver waits is not answered any more; the repetition is, at once."""
    clock = ManualClock()
    sink = Recorder()
    sink.commits.clear()
    async with serving(receiver, sink, clock=clock):
        receiver.send(PRESS)
        await until(lambda: sink.waiting == 1)
        clock.advance(3.6)
        sink.commits.set()
        await until(lambda: len(sink.messages) == 1)
        await asyncio.sleep(0.05)
        assert receiver.heard() == b""
        receiver.send(PRESS)
        await receiver.answered(ACK)

    assert sink.levels_of("button") == [Level.ACTIVE]


async def test_i1_not_kept_not_acknowledged(receiver: Receiver) -> None:
    """What the journal can't keep is not answered, heartbeats are; the repetition is heard when it can be kept."""
    sink = Recorder()
    sink.refusal = JournalUnwritable("disk full")
    async with serving(receiver, sink):
        receiver.send(PRESS + HEARTBEAT)
        await receiver.answered(ACK)
        sink.refusal = None
        receiver.send(PRESS)
        await receiver.answered(ACK * 2)

    assert sink.levels_of("button") == [Level.ACTIVE]


async def test_pressed_again(receiver: Receiver) -> None:
    """A button pressed, put back and pressed again at once is two presses, though the bytes are the same."""
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(PRESS + RELEASE + PRESS)
        await receiver.answered(ACK * 3)

    assert sink.levels_of("button") == [Level.ACTIVE, Level.NORMAL, Level.ACTIVE]


async def test_flood(receiver: Receiver) -> None:
    """A thousand events without a pause: none is lost, all are in order, each is acknowledged."""
    sink = Recorder()
    async with serving(receiver, sink):
        for _ in range(50):
            receiver.send((PRESS + RELEASE) * 10)
            wanted = len(receiver.heard()) + 20
            await until(lambda: len(receiver.heard()) >= wanted)  # noqa: B023 - awaited at once
        assert receiver.answers == ACK * 1000

    assert sink.levels_of("button") == [Level.ACTIVE, Level.NORMAL] * 500


@pytest.mark.parametrize("cut", [1, 7, 20])
async def test_split(receiver: Receiver, cut: int) -> None:
    """A message that comes in two pieces is one."""
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(HEARTBEAT + PRESS[:cut])
        await receiver.answered(ACK)
        receiver.send(PRESS[cut:])
        await receiver.answered(ACK * 2)

    assert sink.levels_of("button") == [Level.ACTIVE]
    assert not sink.garbage


async def test_garbage_around(receiver: Receiver) -> None:
    """What is damaged by noise is counted and asked for again; its clean repetition is heard, and so is the next."""
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(b"\xff\x00\x81" + PRESS)
        await receiver.answered(NAK)
        receiver.send(PRESS)
        await receiver.answered(NAK + ACK)
        receiver.send(b"\xf0\x0f\x14")
        await receiver.answered(NAK + ACK + NAK)
        receiver.send(b"U" * 1000 + RELEASE)
        await receiver.answered(NAK + ACK + NAK * 2)
        receiver.send(RELEASE)
        await receiver.answered(NAK + ACK + NAK * 2 + ACK)

    assert sink.levels_of("button") == [Level.ACTIVE, Level.NORMAL]
    assert len(sink.garbage) == 3
    assert "baudrate" in sink.garbage[0][2]


async def test_text_without_a_form(receiver: Receiver) -> None:
    """Text that fits no form is asked for again once; the same again was no damage: it is kept and acknowledged."""
    strange = b"5011 181234?12000001\x14"
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(strange)
        await receiver.answered(NAK)
        receiver.send(strange)
        await receiver.answered(NAK + ACK)

    assert [(said.point, said.kind, said.detail) for said in sink.signals] == [
        ("receiver:unparsed", Kind.UNPARSED, strange[:-1].decode())
    ]


@pytest.mark.parametrize(
    "message",
    [
        b"5011 181234E11900001\x14",  # no such code
        b"5011 181234E12000B01\x14",  # no decimal zone
        b"1011      1234 A  01\x14",  # basic
        b"3011      1234QZ0001\x14",  # no such SIA code
    ],
)
async def test_unknown_is_kept(receiver: Receiver, message: bytes) -> None:
    """A message of a known panel that says what nobody knows is an alarm with its bytes, and acknowledged."""
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(message)
        await receiver.answered(ACK)

    assert [(said.point, said.kind, said.detail) for said in sink.signals] == [
        ("panel:unparsed", Kind.UNPARSED, message[:-1].decode())
    ]


async def test_stranger(receiver: Receiver) -> None:
    """An account that the site file lacks is told, kept as an alarm, and acknowledged: those behind it must get through."""
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(b"5011 189999E12000001\x14")
        await receiver.answered(ACK)
        receiver.send(PRESS)
        await receiver.answered(ACK * 2)
        await until(lambda: bool(sink.strangers))

    assert [(said.point, said.kind) for said in sink.signals] == [
        ("receiver:unknown-account", Kind.UNPARSED),
        ("button", Kind.PANIC),
    ]
    assert "account 9999" in sink.strangers[0][1]
    assert "9999E12000001" in sink.signals[0].detail


@pytest.mark.parametrize(("line", "device"), [("2", "other"), ("1", "receiver")])
async def test_account_by_line(receiver: Receiver, line: str, device: str) -> None:
    """A panel that is known by receiver and line is not another one with its account."""
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(f"501{line} 180B12E12000001\x14".encode())
        await receiver.answered(ACK)

    assert sink.signals[0].device == device


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (b"3011      1234PA0001\x14", [("button", Kind.PANIC, Level.ACTIVE)]),
        (
            b"3011      1234PR0001\x14",
            [("button", Kind.PANIC, Level.NORMAL), ("button", Kind.FAULT, Level.NORMAL)],
        ),
        (b"3011      1234FA0002\x14", [("smoke", Kind.FIRE, Level.ACTIVE)]),
        (b"3011      1234HA0001\x14", [("button", Kind.PANIC, Level.ACTIVE)]),
        (b"3011      1234HA0009\x14", [("panel:HA.0009", Kind.DURESS, Level.ACTIVE)]),
        (b"3011      1234TA0002\x14", [("smoke", Kind.TAMPER, Level.ACTIVE)]),
        (b"3011      1234FT0002\x14", [("smoke", Kind.FAULT, Level.ACTIVE)]),
        (b"3011      1234AT\x14", [("panel:AT.0", Kind.FAULT, Level.ACTIVE)]),
        (b"3011      1234AR\x14", [("panel:AT.0", Kind.FAULT, Level.NORMAL)]),
        (b"3011      1234YT0000\x14", [("panel:YT.0000", Kind.BATTERY, Level.ACTIVE)]),
    ],
)
async def test_sia(receiver: Receiver, message: bytes, told: list[tuple[str, Kind, Level]]) -> None:
    """SIA codes tell of the same points; a restore ends what its alarm began."""
    sink = Recorder()
    async with serving(receiver, sink):
        receiver.send(message)
        await receiver.answered(ACK)

    assert [(said.point, said.kind, said.level) for said in sink.signals] == told


async def test_notices_reset_and_earlier(receiver: Receiver) -> None:
    """A test and a closing are notices, a reset takes back, `P` is a state and not news."""
    sink = Recorder()
    async with serving(receiver, sink):
        for message in (
            b"5011 181234E60200000\x14",
            b"5011 181234R40101007\x14",
            b"5011 181234E30500000\x14",
            b"5011 181234P11000002\x14",
            b"3011      1234CL0007\x14",
        ):
            receiver.send(message)
        await receiver.answered(ACK * 5)

    assert [(notice.what, notice.operator) for notice in sink.notices] == [
        ("periodic-test", ""),
        ("closing-by-user", "7"),
        ("reset", ""),
        ("closing", "7"),
    ]
    assert [message.reset for message in sink.messages] == [False, False, True, False, False]
    assert sink.told_of("smoke") == [(Level.ACTIVE, Origin.STATE)]
    assert "earlier event" in sink.signals[0].detail


async def test_receiver_falls_silent(receiver: Receiver) -> None:
    """Heartbeats keep the connection; without any for 90 s the receiver is lost, and the words say what to check."""
    clock = ManualClock()
    sink = Recorder()
    async with serving(receiver, sink, clock=clock) as run:
        for count in range(1, 5):
            receiver.send(HEARTBEAT)
            await receiver.answered(ACK * count)
            await until(lambda: sink.presence_of("panel") is Presence.UNKNOWN)
            clock.advance(89)
            await asyncio.sleep(0.02)
            assert not run.done()
        clock.advance(1)
        words = await ending(run, DeviceUnavailable, 5)

    assert "nothing comes for 90 s" in words
    assert not sink.signals


async def test_bytes_but_no_message(receiver: Receiver) -> None:
    """A line at the wrong speed is lost as well, and the words say so."""
    clock = ManualClock()
    async with serving(receiver, sink := Recorder(), clock=clock) as run:
        clock.advance(60)
        await asyncio.sleep(0.05)
        receiver.send(b"\xf8\x00\xe0\x14")
        await until(lambda: bool(sink.garbage))
        clock.advance(30)
        words = await ending(run, DeviceUnavailable, 5)

    assert "9600 8N1" in words
    assert not sink.presences


async def test_panel_that_no_longer_calls(receiver: Receiver) -> None:
    """With `lost_after_s` a panel is lost after that silence, though the receiver lives, and back at its next word."""
    clock = ManualClock()
    sink = Recorder()
    async with serving(receiver, sink, "heartbeat_s = 0", "lost_after_s = 1000", clock) as run:
        receiver.send(PRESS)
        await until(lambda: sink.presence_of("panel") is Presence.ONLINE)
        for _ in range(2):
            clock.advance(999)
            await asyncio.sleep(0.02)
            assert sink.presence_of("panel") is Presence.ONLINE
            clock.advance(1)
            await until(lambda: sink.presence_of("panel") is Presence.OFFLINE)
            receiver.send(RELEASE)
            await until(lambda: sink.presence_of("panel") is Presence.ONLINE)
        assert not run.done()


async def test_panel_that_never_calls(receiver: Receiver) -> None:
    """Nothing is told of it while nobody has spoken, so that a dead receiver never seems back; then unknown, then lost."""
    clock = ManualClock()
    sink = Recorder()
    async with serving(receiver, sink, device="lost_after_s = 80", clock=clock):
        assert not sink.presences
        clock.advance(40)
        await until(lambda: sink.presence_of("panel") is Presence.UNKNOWN)
        clock.advance(40)
        await until(lambda: sink.presence_of("panel") is Presence.OFFLINE)


async def test_line_without_heartbeats(receiver: Receiver) -> None:
    """Where the receiver is not watched, the connection serves as soon as the line is open."""
    sink = Recorder()
    async with serving(receiver, sink, bus="heartbeat_s = 0"):
        await until(lambda: sink.presence_of("other") is Presence.UNKNOWN)


async def test_unplugged(receiver: Receiver) -> None:
    """A pulled adapter ends the run, after what had come was committed; without a line it does not begin."""
    sink = Recorder()
    async with serving(receiver, sink) as run:
        receiver.send(PRESS)
        await receiver.answered(ACK)
        receiver.unplug()
        assert "is gone" in await ending(run, DeviceUnavailable, 5)
    assert sink.levels_of("button") == [Level.ACTIVE]

    async with serving(receiver, Recorder()) as run:
        assert "is not there" in await ending(run, DeviceUnavailable, 5)


class Stubborn(Recorder):
    """A journal that never answers."""

    async def receive(self, message: Message) -> Durability:
        """Wait for ever."""
        self.messages.append(message)
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("before", [b"", PRESS[:9], HEARTBEAT, PRESS])
async def test_lets_go(receiver: Receiver, before: bytes) -> None:
    """Cancelled in the middle of whatever, it ends in time and leaves nothing open, with a commit that hangs too."""
    files = open_files()
    sink = Stubborn()
    async with serving(receiver, sink) as run:
        receiver.send(before)
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        run.cancel()
        await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)
        assert run.cancelled()
        assert time.monotonic() - begun < CANCEL_LIMIT_S
    assert not left_open(files)


async def test_bug_is_not_swallowed(receiver: Receiver) -> None:
    """What nobody expected ends the run."""
    sink = Recorder()
    sink.refusal = ArithmeticError("a bug")
    async with serving(receiver, sink) as run:
        receiver.send(PRESS)
        await asyncio.wait({run}, timeout=5)
        assert "a bug" in repr(run.exception())


async def found(receiver: Receiver, clock: ManualClock, *sent: bytes, advance: float = 0) -> list[Finding]:
    """What a probe finds; before each of the messages so many seconds pass."""
    assert SPEC.probe is not None
    connection = receiver.connection()
    findings: list[Finding] = []

    async def collect() -> None:
        assert SPEC.probe is not None
        findings.extend([finding async for finding in SPEC.probe(connection, clock)])

    probing = asyncio.create_task(collect())
    await receiver.opened()
    for data in sent:
        await asyncio.sleep(0.4)
        clock.advance(advance)
        receiver.send(data)
    await asyncio.sleep(0.4)  # the kernel hands the bytes on, and nothing of a probe shows that it has them
    if not probing.done():
        clock.advance(70)
    async with asyncio.timeout(5):
        await probing
    return findings


async def test_probe(receiver: Receiver) -> None:
    """It tells of heartbeats and of who calls, and acknowledges heartbeats only."""
    findings = await found(
        receiver, ManualClock(), HEARTBEAT, PRESS, b"5011 189999E12000001\x14", HEARTBEAT, advance=10
    )

    assert [(finding.subject, finding.ok) for finding in findings] == [
        ("panel", True),
        ("receiver", False),
        ("receiver", True),
    ]
    assert "account 9999" in findings[1].text
    assert findings[2].text == "heartbeat every 30 s"
    assert receiver.heard() == ACK * 2


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "nothing at all"),
        (b"\xf8\xe0", "no message that ends with DC4"),
        (b"\xf8\xe0\x14", "none can be read"),
        (PRESS, "no heartbeat"),
        (HEARTBEAT, "one heartbeat"),
    ],
)
async def test_probe_says_what_to_do(receiver: Receiver, sent: bytes, words: str) -> None:
    """Whatever comes or does not, the last words say what it means."""
    findings = await found(receiver, ManualClock(), sent)

    assert words in findings[-1].text


async def test_probe_without_a_line(receiver: Receiver) -> None:
    """A line that is not there is said, not raised."""
    receiver.unplug()

    (finding,) = await found(receiver, ManualClock())

    assert "is not there" in finding.text
