"""gateway.health.watchdog: fed while alarm intake works, not fed and explained while it does not."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.errors import JournalUnwritable
from gateway.health.notify import Notifier
from gateway.health.watchdog import (
    LAG_LIMIT_S,
    LAG_LOOK_S,
    STALL_LIMIT_S,
    UNATTENDED_LIMIT_S,
    LoopLag,
    Problem,
    Stalls,
    Unattended,
    Watchdog,
)
from gateway.model import Durability
from gateway.store import Journal
from tests.clocks import ManualClock
from tests.sites import school
from tests.wait import until


class Manager:
    """The service manager's end of `$NOTIFY_SOCKET`."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0)
        self.heard: list[str] = []

    def count(self, word: str) -> int:
        """How often it has heard this."""
        while True:
            try:
                self.heard.append(self._socket.recv(8192).decode())
            except BlockingIOError:
                return self.heard.count(word)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@dataclass
class Heart:
    """A journal whose heartbeat the test holds."""

    failure: str = ""
    stuck: asyncio.Event | None = None
    asked: int = 0

    async def heartbeat(self) -> Durability:
        """As told."""
        self.asked += 1
        if self.stuck is not None:
            await self.stuck.wait()
        if self.failure:
            raise JournalUnwritable(self.failure)
        return Durability.MEMORY


@dataclass
class Told:
    """A check that says what it is told to."""

    found: list[Problem] = field(default_factory=list)

    def problems(self) -> Sequence[Problem]:
        """As told."""
        return self.found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    opened = Manager(tmp_path / "notify")
    yield opened
    opened.close()


def notifier(tmp_path: Path, watchdog_s: float = 60.0) -> Notifier:
    return Notifier(str(tmp_path / "notify"), watchdog_s=watchdog_s)


@asynccontextmanager
async def running(watchdog: Watchdog) -> AsyncIterator[None]:
    """The watchdog at work."""
    task = asyncio.create_task(watchdog.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def next_look(clock: ManualClock, watchdog: Watchdog) -> None:
    """Move on to the next look, in steps in which the event loop does come round."""
    await until(
        lambda: len(clock._sleepers) >= 2
    )  # the lag and the feed: a look that is not over is not moved past
    for _ in range(round(watchdog.interval_s / LAG_LOOK_S)):
        slept = clock._count
        clock.advance(LAG_LOOK_S)
        await until(lambda before=slept: clock._count > before)  # type: ignore[misc] # its own default


async def test_a_working_journal_feeds_it(tmp_path: Path, clock: ManualClock, manager: Manager) -> None:
    """Each look writes the journal and feeds the watchdog, four times in the manager's interval."""
    journal = await Journal.open(school(tmp_path), clock=ManualClock())
    watchdog = Watchdog(journal, [], clock, notifier(tmp_path))
    assert watchdog.interval_s == 15
    assert [problem.code for problem in watchdog.problems()] == ["starting"]

    async with running(watchdog):
        await until(lambda: manager.count("WATCHDOG=1") == 1)
        assert not watchdog.problems()
        await next_look(clock, watchdog)
        await until(lambda: manager.count("WATCHDOG=1") == 2)
    await journal.close()

    assert manager.heard.count("STATUS=alarm intake works") == 1


async def test_memory_mode_feeds_it(tmp_path: Path, clock: ManualClock, manager: Manager) -> None:
    """A journal whose disk is gone still takes alarms: restarting the daemon would only lose them."""
    site = school(tmp_path)
    journal = await Journal.open(site, clock=ManualClock())
    site.site.state_dir.rename(tmp_path / "gone")
    watchdog = Watchdog(journal, [], clock, notifier(tmp_path))

    async with running(watchdog):
        await until(lambda: manager.count("WATCHDOG=1") == 1)
        assert journal.status.durability is Durability.MEMORY
        assert not watchdog.problems()
    await journal.close()


async def test_a_journal_that_takes_nothing_starves_it(
    tmp_path: Path, clock: ManualClock, manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    """A failing write is told by healthz, by the status, and once by the log; when it works again it is fed again."""
    caplog.set_level(logging.INFO)
    heart = Heart(failure="even memory does not take it")
    watchdog = Watchdog(heart, [], clock, notifier(tmp_path))

    async with running(watchdog):
        await until(lambda: heart.asked == 1)
        await next_look(clock, watchdog)
        await until(lambda: heart.asked == 2)
        assert list(watchdog.problems()) == [Problem("journal", "even memory does not take it")]
        assert manager.count("WATCHDOG=1") == 0
        assert [record.levelname for record in caplog.records] == ["ERROR"]

        heart.failure = ""
        await next_look(clock, watchdog)
        await until(lambda: manager.count("WATCHDOG=1") == 1)

    assert not watchdog.problems()
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert manager.heard[0] == "STATUS=alarm intake does not work: even memory does not take it"


async def test_a_journal_that_hangs_starves_it(tmp_path: Path, clock: ManualClock, manager: Manager) -> None:
    """A write that never comes back is a problem within the limit; no second one is queued behind it."""
    heart = Heart(stuck=asyncio.Event())
    watchdog = Watchdog(heart, [], clock, notifier(tmp_path, watchdog_s=4 * LAG_LOOK_S))

    async with running(watchdog):
        for _ in range(3):
            await until(lambda: [problem.code for problem in watchdog.problems()] == ["journal"])
            await next_look(clock, watchdog)
        assert heart.asked == 1
        assert manager.count("WATCHDOG=1") == 0

        assert heart.stuck is not None
        heart.stuck.set()
        heart.stuck = None
        await next_look(clock, watchdog)
        await until(lambda: manager.count("WATCHDOG=1") >= 1)


async def test_a_closed_journal_starves_it(tmp_path: Path, clock: ManualClock, manager: Manager) -> None:
    """The real journal refuses when it is closed, and that is a problem with words."""
    journal = await Journal.open(school(tmp_path), clock=ManualClock())
    await journal.close()
    watchdog = Watchdog(journal, [], clock, notifier(tmp_path))

    async with running(watchdog):
        await until(lambda: [problem.code for problem in watchdog.problems()] == ["journal"])
    assert manager.count("WATCHDOG=1") == 0


async def test_any_check_starves_it(tmp_path: Path, clock: ManualClock, manager: Manager) -> None:
    """A check with a problem is enough, whatever the journal says; all problems are shown."""
    check = Told([Problem("one", "first"), Problem("two", "second")])
    watchdog = Watchdog(Heart(), [check], clock, notifier(tmp_path))

    async with running(watchdog):
        await until(lambda: [problem.code for problem in watchdog.problems()] == ["one", "two"])
        assert manager.count("WATCHDOG=1") == 0
        check.found = []
        await next_look(clock, watchdog)
        await until(lambda: manager.count("WATCHDOG=1") == 1)


async def test_a_watchdog_that_does_not_look_is_a_problem(tmp_path: Path, clock: ManualClock) -> None:
    """Answers of healthz do not rest on a look that is old."""
    watchdog = Watchdog(Heart(), [], clock, Notifier())
    async with running(watchdog):
        await until(lambda: not watchdog.problems())
    clock.advance(3 * watchdog.interval_s + 1)

    assert [problem.code for problem in watchdog.problems()] == ["watchdog"]


async def test_a_connection_without_a_sign_of_life_hangs(clock: ManualClock) -> None:
    """A connection that has neither reported, polled nor tried for five minutes is named; the others are not."""
    born = clock.monotonic()
    clock.advance(STALL_LIMIT_S)
    stalls = Stalls(lambda: {"bus-1": born, "bus-2": clock.monotonic()}, clock)
    assert not stalls.problems()
    clock.advance(1)

    assert [problem.message for problem in stalls.problems()] == [
        "connection bus-1 has shown no sign of life for 301 s"
    ]


async def test_an_event_loop_that_is_held_up_is_a_problem_once(clock: ManualClock) -> None:
    """Lateness beyond the limit is told at the next asking, and forgotten when the loop comes round again."""
    lag = LoopLag(clock)
    task = asyncio.create_task(lag.run())
    for late, expected in ((0.0, []), (LAG_LIMIT_S, ["event-loop"]), (LAG_LIMIT_S / 2, [])):
        await until(lambda: bool(clock._sleepers))
        clock.advance(LAG_LOOK_S + late)
        await until(lambda: bool(clock._sleepers))

        assert [problem.code for problem in lag.problems()] == expected
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_without_a_manager_it_looks_all_the_same(clock: ManualClock) -> None:
    """In a shell or a container healthz still has the truth, every 15 s."""
    heart = Heart()
    watchdog = Watchdog(heart, [], clock, Notifier())

    async with running(watchdog):
        await until(lambda: heart.asked == 1 and len(clock._sleepers) == 2)
        await next_look(clock, watchdog)
        await until(lambda: heart.asked == 2)
    assert watchdog.interval_s == 15


async def test_it_can_be_started_again(tmp_path: Path, clock: ManualClock, manager: Manager) -> None:
    """Whoever keeps services running may end it in mid-heartbeat and run it anew."""
    heart = Heart(stuck=asyncio.Event())
    watchdog = Watchdog(heart, [], clock, notifier(tmp_path))
    async with running(watchdog):
        await until(lambda: heart.asked == 1)
    heart.stuck = None

    async with running(watchdog):
        await until(lambda: manager.count("WATCHDOG=1") == 1)


def test_devices_without_a_supervisor_are_a_problem(clock: ManualClock) -> None:
    """None while it runs, nor in the short time between two starts; longer without one, or a failure, is one."""
    failed: list[str] = []
    check = Unattended(lambda: failed[0] if failed else None, clock)
    assert check.problems() == []
    clock.advance(UNATTENDED_LIMIT_S + 1)
    assert [problem.code for problem in check.problems()] == ["supervisor"]
    with check.attending():
        assert check.problems() == []
        clock.advance(3600)
        assert check.problems() == []
    clock.advance(UNATTENDED_LIMIT_S)
    assert check.problems() == []
    clock.advance(1)
    assert "6 s" in check.problems()[0].message
    with check.attending():
        failed.append("a bug of ours")
        assert "a bug of ours" in check.problems()[0].message
