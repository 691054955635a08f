"""gateway.keep: what fails is started again and seen, and nobody else feels it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.keep import AGAIN_S, WELL_AFTER_S, Keep
from gateway.model import GATEWAY, Alarm, Kind
from gateway.store import Journal
from tests.clocks import ManualClock
from tests.sites import school
from tests.wait import until


class Service:
    """Fails as often as it is told to, then runs."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.starts = 0
        self.cancelled = False

    async def run(self) -> None:
        """One start."""
        self.starts += 1
        if self.starts <= self.failures:
            raise OSError("the port is taken")
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    opened = await Journal.open(school(tmp_path), clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def keep(journal: Journal, clock: ManualClock) -> Keep:
    return Keep(journal, clock)


@asynccontextmanager
async def kept(
    keep: Keep, **services: Callable[[], Awaitable[None]]
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Services at work."""
    tasks = [asyncio.create_task(keep.run(name, service)) for name, service in services.items()]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def fault(journal: Journal) -> Alarm | None:
    """The gateway's own fault."""
    alarms = [
        a for a in journal.open_alarms.values() if (a.source.kind, a.source.subject) == (Kind.FAULT, GATEWAY)
    ]
    return alarms[0] if alarms else None


def waits(clock: ManualClock, seconds: float) -> bool:
    """Whether somebody waits for just so long from now."""
    return any(at - clock.monotonic() == seconds and not waker.done() for at, _, waker in clock._sleepers)


async def test_what_fails_is_started_again_and_seen(journal: Journal, clock: ManualClock, keep: Keep) -> None:
    """A failure is a fault with the service's name and reason; it returns once the service has run for a while."""
    service = Service(failures=2)
    async with kept(keep, console=service.run):
        for starts in (1, 2):
            await until(lambda starts=starts: service.starts == starts and fault(journal) is not None)  # type: ignore[misc] # its own default
            assert keep.failing == {"console": "the port is taken"}
            await until(lambda: waits(clock, AGAIN_S))
            clock.advance(AGAIN_S)
        await until(lambda: service.starts == 3)
        alarm = fault(journal)
        assert alarm is not None
        assert alarm.returned_at is None
        assert alarm.detail == "console: the port is taken"

        await until(lambda: waits(clock, WELL_AFTER_S))
        clock.advance(WELL_AFTER_S)
        await until(lambda: (known := fault(journal)) is None or known.returned_at is not None)
        assert keep.failing == {}
        assert service.starts == 3


async def test_a_service_that_ends_by_itself_has_failed(clock: ManualClock, keep: Keep) -> None:
    """A service runs for ever; one that returns is started again like one that raises."""

    async def ends() -> None:
        pass

    async with kept(keep, upkeep=ends):
        await until(lambda: keep.failing == {"upkeep": "it ended by itself"})
        await until(lambda: waits(clock, AGAIN_S))


async def test_others_are_untouched(journal: Journal, keep: Keep) -> None:
    """One that fails neither ends nor restarts another, and the other is not named."""
    bad, good = Service(failures=99), Service(failures=0)
    async with kept(keep, bad=bad.run, good=good.run) as tasks:
        await until(lambda: fault(journal) is not None)
        assert list(keep.failing) == ["bad"]
        assert (good.starts, good.cancelled) == (1, False)
        assert not any(task.done() for task in tasks)


async def test_cancelling_ends_the_service(clock: ManualClock, keep: Keep) -> None:
    """A cancelled keep lets go of its service, at work or waiting to be started again, and calls that no failure."""
    good, bad = Service(failures=0), Service(failures=99)
    async with kept(keep, good=good.run, bad=bad.run) as tasks:
        await until(lambda: good.starts == bad.starts == 1 and "bad" in keep.failing)
        await until(lambda: waits(clock, AGAIN_S))
    assert good.cancelled
    assert all(task.cancelled() for task in tasks)
    assert list(keep.failing) == ["bad"]


async def test_an_alarm_from_before_a_restart_returns(
    journal: Journal, clock: ManualClock, keep: Keep
) -> None:
    """A daemon that ended while a service failed: once one is well and none fails, the alarm can be closed."""
    await journal.raise_own(Kind.FAULT, GATEWAY, "console: the port is taken")
    (alarm,) = journal.open_alarms
    async with kept(keep, console=Service(0).run):
        await until(lambda: waits(clock, WELL_AFTER_S))
        clock.advance(WELL_AFTER_S)
        await until(lambda: journal.open_alarms[alarm].returned_at is not None)
