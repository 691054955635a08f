"""gateway.health.clockwatch: when the wall clock may be believed, and what is told of its steps."""

import asyncio
import ctypes
import os
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import JournalUnwritable
from gateway.health import clockwatch
from gateway.health.clockwatch import (
    CONFIRMED,
    LOOK_S,
    ClockListener,
    ClockNews,
    ClockStep,
    ClockWatch,
    kernel_synchronised,
)
from gateway.model import ClockState, EventType, Kind
from gateway.store import Journal
from tests.clocks import START, ManualClock
from tests.sites import school
from tests.wait import until


class Listener:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refuses = False

    def _hear(self, what: str) -> None:
        if self.refuses:
            raise JournalUnwritable("not now")
        self.heard.append(what)

    async def stepped(self, step: ClockStep) -> None:
        """A step."""
        self._hear(f"stepped {step.seconds:+.0f}")

    async def untrusted(self, reason: str) -> None:
        """An alarm."""
        self._hear(f"untrusted: {reason}")

    async def trusted(self) -> None:
        """Its end."""
        self._hear("trusted")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> int:
    """An alarm after 20 looks instead of 600."""
    monkeypatch.setattr(clockwatch, "ALARM_AFTER_S", 20 * LOOK_S)
    return 20


@asynccontextmanager
async def running(watch: ClockWatch, listener: ClockListener, clock: ManualClock) -> AsyncIterator[None]:
    """The watch at work; its first look is over."""
    task = asyncio.create_task(watch.run(listener))
    try:
        await until(lambda: bool(clock._sleepers) or task.done())
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def look(clock: ManualClock, times: int = 1) -> None:
    """So many more looks."""
    for _ in range(times):
        clock.advance(LOOK_S)
        await until(lambda: bool(clock._sleepers))


#: For tests in which no clock is ahead of a journal.
NOWHERE = Path("/nowhere/clock-confirmed")


def started(state: Path, clock: ManualClock, newest: datetime) -> ClockWatch:
    """A start with `clock = "host"` on a journal last written at `newest`."""
    watch = ClockWatch("host", clock, confirmed_by=state / CONFIRMED)
    watch.not_before(newest)
    return watch


def touch(path: Path, clock: ManualClock) -> None:
    """As `touch` does by this clock."""
    path.touch()
    os.utime(path, (clock.now().timestamp(),) * 2)


def host(clock: ManualClock) -> ClockWatch:
    return ClockWatch("host", clock, confirmed_by=NOWHERE)


def kernel(clock: ManualClock, says: Callable[[], bool]) -> ClockWatch:
    return ClockWatch("ntp", clock, confirmed_by=NOWHERE, synchronised=says)


# ---- state


def test_ntp_is_what_the_kernel_says(clock: ManualClock) -> None:
    """With `clock = "ntp"` the kernel's word counts, at every asking; the reason says what to do."""
    says = [True]
    watch = kernel(clock, lambda: says[0])
    assert (watch.state(), watch.reason()) == (ClockState.TRUSTED, "")

    says[0] = False
    assert watch.state() is ClockState.UNTRUSTED
    assert 'clock = "host"' in watch.reason()


def test_ntp_outlives_a_step(clock: ManualClock) -> None:
    """NTP setting the clock right at the start is a step to a trusted clock, also past or before the journal."""
    watch = kernel(clock, lambda: True)
    watch.not_before(START + timedelta(days=1))
    clock.step(-3600)

    assert watch.state() is ClockState.TRUSTED


@pytest.mark.parametrize("seconds", [-1.5, 1.5, 86400 * 365])
def test_host_is_not_trusted_from_a_step_on(clock: ManualClock, seconds: float) -> None:
    """A clock nobody vouches for is not believed once it jumps, at once and not only at the next look."""
    watch = host(clock)
    assert watch.state() is ClockState.TRUSTED
    clock.step(seconds)

    assert watch.state() is ClockState.UNTRUSTED
    assert f"{seconds:+.1f} s" in watch.reason()


def test_host_is_trusted_again_when_the_step_is_undone(clock: ManualClock) -> None:
    """Somebody set the clock wrong and then right: it is where it would have been."""
    watch = host(clock)
    clock.step(7200)
    clock.advance(60)
    clock.step(-7200)

    assert watch.state() is ClockState.TRUSTED


def test_host_behind_the_journal_is_not_trusted(clock: ManualClock) -> None:
    """A box without a battery starts in the past: untrusted until the clock has passed the journal's last stamp."""
    watch = host(clock)
    watch.not_before(START + timedelta(seconds=30))
    assert "behind the journal" in watch.reason()

    clock.advance(30)
    assert watch.state() is ClockState.TRUSTED


async def test_slewing_is_no_step(clock: ManualClock) -> None:
    """An NTP daemon that moves the clock gently, for hours, never makes it untrusted."""
    watch, listener = host(clock), Listener()
    async with running(watch, listener, clock):
        for _ in range(40):
            clock.step(0.1)
            await look(clock)

    assert (watch.state(), listener.heard) == (ClockState.TRUSTED, ["trusted"])


def test_host_far_ahead_of_the_journal_is_not_trusted(tmp_path: Path) -> None:
    """A clock that starts 20 years ahead would delete everything by age; the reason says what a person can do."""
    newest = START - timedelta(days=20 * 365)
    watch = started(tmp_path, ManualClock(), newest)
    assert "ahead of the journal" in watch.reason()
    assert "set it and restart" in watch.reason()
    assert f"touch {tmp_path / CONFIRMED}" in watch.reason()

    assert started(tmp_path / "new", ManualClock(), START - timedelta(days=29)).reason() == ""


def test_host_that_runs_for_months_is_not_ahead(tmp_path: Path, clock: ManualClock) -> None:
    """What counts is how far ahead the clock started, not for how long the gateway has run."""
    watch = started(tmp_path, clock, START)
    clock.advance(90 * 86400)

    assert watch.state() is ClockState.TRUSTED


def test_a_wrong_clock_does_not_vouch_for_itself(tmp_path: Path, clock: ManualClock) -> None:
    """At the next start the journal has stamps of the wrong clock: it is still not believed, and the right one is."""
    newest = START - timedelta(days=7000)
    started(tmp_path, clock, newest)
    clock.advance(60)
    assert started(tmp_path, clock, START).state() is ClockState.UNTRUSTED

    for days in (1, 2):
        right = ManualClock(newest + timedelta(days=days))
        assert started(tmp_path, right, START).reason() == ""
    assert started(tmp_path, ManualClock(newest), START).state() is ClockState.UNTRUSTED


def test_a_clock_behind_the_journal_does_not_vouch_for_itself(tmp_path: Path, clock: ManualClock) -> None:
    """A box that starts in the past again and again is never believed."""
    for _ in range(3):
        assert "behind the journal" in started(tmp_path, clock, START + timedelta(days=900)).reason()


async def test_a_person_confirms_a_clock_ahead(tmp_path: Path, clock: ManualClock) -> None:
    """The box really was off so long: a file made now is a person's word, kept over restarts; an old one is not."""
    newest = START - timedelta(days=400)
    touch(tmp_path / CONFIRMED, ManualClock(newest))
    watch = started(tmp_path, clock, newest)
    async with running(watch, Listener(), clock):
        assert watch.state() is ClockState.UNTRUSTED
        touch(tmp_path / CONFIRMED, clock)
        clock.advance(LOOK_S)
        await until(lambda: watch.state() is ClockState.TRUSTED)

    assert started(tmp_path, clock, clock.now()).state() is ClockState.TRUSTED
    assert [path.name for path in tmp_path.iterdir()] == [CONFIRMED]


# ---- what is told


async def test_a_step_is_told_once(clock: ManualClock) -> None:
    """The listener hears of each step with its direction and size, and of none where there was none."""
    watch, listener = kernel(clock, lambda: True), Listener()
    async with running(watch, listener, clock):
        await look(clock, 3)
        clock.step(-3600)
        await look(clock, 3)
        clock.step(3600)
        await look(clock)

    assert listener.heard == ["trusted", "stepped -3600", "stepped +3600"]


async def test_an_alarm_takes_a_while(clock: ManualClock, soon: int) -> None:
    """Not being synchronised right after the start is no alarm; a while later it is one, and its end is told."""
    synchronised = [False]
    watch, listener = kernel(clock, lambda: synchronised[0]), Listener()
    async with running(watch, listener, clock):
        await look(clock, soon - 1)
        assert not listener.heard
        await look(clock, 3)
        assert [words.split(":")[0] for words in listener.heard] == ["untrusted"]
        synchronised[0] = True
        await look(clock, 3)

    assert listener.heard[1:] == ["trusted"]


async def test_what_could_not_be_told_is_told_later(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While the journal takes nothing the watch goes on, says so once, and tells the sum of the steps afterwards."""
    watch, listener = kernel(clock, lambda: True), Listener()
    listener.refuses = True
    async with running(watch, listener, clock):
        clock.step(100)
        await look(clock, 2)
        clock.step(-40)
        await look(clock, 2)
        assert not listener.heard
        listener.refuses = False
        await look(clock)

    assert listener.heard == ["stepped +60", "trusted"]
    assert len([record for record in caplog.records if "can't be recorded" in record.message]) == 1


async def test_the_news_reach_the_journal(tmp_path: Path, clock: ManualClock, soon: int) -> None:
    """A step is an event; a clock that stays wrong is an alarm `clock`, which returns."""
    journal = await Journal.open(school(tmp_path), clock=ManualClock())
    watch = host(clock)
    async with running(watch, ClockNews(journal), clock):
        clock.step(600)
        await look(clock, soon + 2)
        alarm = next(iter(journal.open_alarms.values()))
        assert (alarm.source.kind, alarm.source.subject, alarm.returned_at) == (Kind.CLOCK, "gateway", None)
        clock.step(-600)
        await look(clock)
        await until(lambda: journal.open_alarms[alarm.id].returned_at is not None)
    events = [row.type for row in await journal.waiting("bureau", 3)]
    await journal.close()

    assert events.count(EventType.CLOCK_STEPPED) == 2


# ---- the kernel


@pytest.mark.skipif(sys.platform != "linux" or struct.calcsize("P") != 8, reason="needs 64-bit Linux")
def test_the_kernel_is_read_right() -> None:
    """The answer is what the manual page's structure says: `status` is the int at offset 40 (adjtimex(2), x86-64)."""
    buffer = ctypes.create_string_buffer(512)
    answer = ctypes.CDLL(None).adjtimex(buffer)
    (status,) = struct.unpack_from("=i", buffer.raw, 40)

    assert kernel_synchronised() == (answer not in {-1, 5} and not status & 0x40)
