"""Says whether alarm intake really works: it feeds the service manager's watchdog only then, and tells why not."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from gateway.clock import Clock
from gateway.errors import JournalUnwritable
from gateway.health.notify import Notifier
from gateway.model import Durability

logger = logging.getLogger(__name__)

#: Where no service manager watches: so often we look, in seconds.
DEFAULT_INTERVAL_S = 15.0

#: The event loop is looked at so often, and may be late by so much, in seconds. A press waits as long as the loop does.
LAG_LOOK_S = 0.5
LAG_LIMIT_S = 2.0

#: A connection without any sign of life (report, poll, attempt) for so long, in seconds, hangs: a supervisor in its
#: longest back-off tries every minute.
STALL_LIMIT_S = 300.0

#: Between two starts of the supervisor nobody serves the devices for so long at most, in seconds.
UNATTENDED_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why alarm intake does not work: a short code, and words for a technician."""

    code: str
    message: str


class Heart(Protocol):
    """The journal, as far as the watchdog is concerned."""

    async def heartbeat(self) -> Durability:
        """Write something through the same queue as signals. Raises JournalUnwritable."""
        ...


class Check(Protocol):
    """Something that alarm intake needs."""

    def problems(self) -> Sequence[Problem]:
        """What is wrong since it was last asked. No I/O, no waiting."""
        ...


class Stalls:
    """A Check: every connection of the supervisor shows signs of life.

    `progress` gives the monotonic second of each connection's last one.
    """

    def __init__(
        self, progress: Callable[[], Mapping[str, float]], clock: Clock, *, limit_s: float = STALL_LIMIT_S
    ) -> None:
        self._progress = progress
        self._clock = clock
        self._limit_s = limit_s

    def problems(self) -> list[Problem]:
        """The connections that hang."""
        now = self._clock.monotonic()
        return [
            Problem(
                "connection-stalled", f"connection {name} has shown no sign of life for {now - last:.0f} s"
            )
            for name, last in self._progress().items()
            if now - last > self._limit_s
        ]


class Unattended:
    """A Check: somebody serves the alarm devices, and has not failed lately.

    `failed` gives why the supervisor failed, None while it is well; `attending` is entered for as long as it runs.
    """

    def __init__(
        self, failed: Callable[[], str | None], clock: Clock, *, limit_s: float = UNATTENDED_LIMIT_S
    ) -> None:
        self._failed = failed
        self._clock = clock
        self._limit_s = limit_s
        self._since: float | None = clock.monotonic()

    @contextmanager
    def attending(self) -> Iterator[None]:
        """A supervisor runs."""
        self._since = None
        try:
            yield
        finally:
            self._since = self._clock.monotonic()

    def problems(self) -> list[Problem]:
        """Whether devices are without a supervisor."""
        if (why := self._failed()) is not None:
            return [Problem("supervisor", f"the supervisor of alarm devices failed: {why}")]
        if self._since is None or (gone := self._clock.monotonic() - self._since) <= self._limit_s:
            return []
        return [Problem("supervisor", f"no supervisor of alarm devices has run for {gone:.0f} s")]


class LoopLag:
    """A Check: the event loop comes round in time. `run` measures; `worst_s` is the worst since `problems` was asked."""

    def __init__(self, clock: Clock, *, limit_s: float = LAG_LIMIT_S) -> None:
        self.worst_s = 0.0
        self._clock = clock
        self._limit_s = limit_s

    async def run(self) -> NoReturn:
        """Measure until cancelled."""
        while True:
            before = self._clock.monotonic()
            await self._clock.sleep(LAG_LOOK_S)
            self.worst_s = max(self.worst_s, self._clock.monotonic() - before - LAG_LOOK_S)

    def problems(self) -> list[Problem]:
        """Whether it was late."""
        worst, self.worst_s = self.worst_s, 0.0
        if worst < self._limit_s:
            return []
        return [Problem("event-loop", f"the event loop was held up for {worst:.1f} s")]


class Watchdog:
    """Looks four times in the manager's interval, so that one bad look does not end the daemon.

    A look proves a write of the journal, on disk or in memory mode, within two thirds of the interval, and asks each
    check. Nothing is fed while there is a problem; the problems are logged when they change.
    """

    def __init__(self, journal: Heart, checks: Sequence[Check], clock: Clock, notifier: Notifier) -> None:
        self.lag = LoopLag(clock)
        self.interval_s = DEFAULT_INTERVAL_S if notifier.watchdog_s is None else notifier.watchdog_s / 4
        self._journal = journal
        self._checks = (*checks, self.lag)
        self._clock = clock
        self._notifier = notifier
        self._limit_s = self.interval_s * 2 / 3
        self._found: list[Problem] = [Problem("starting", "the gateway has not looked at itself yet")]
        self._looked_at = clock.monotonic()
        self._beat: asyncio.Task[Durability] | None = None

    async def run(self) -> None:
        """Look and feed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.lag.run(), name="health-lag")
            tasks.create_task(self._feed(), name="health-watchdog")

    def problems(self) -> Sequence[Problem]:
        """Why alarm intake does not work; empty if it does. As of the last look, which must not be old itself."""
        age = self._clock.monotonic() - self._looked_at
        if age > 3 * self.interval_s:
            return [
                Problem("watchdog", f"the gateway has not looked at itself for {age:.0f} s"),
                *self._found,
            ]
        return tuple(self._found)

    async def _feed(self) -> NoReturn:
        try:
            while True:
                found = [*await self._journal_problems(), *self._check_problems()]
                self._looked_at = self._clock.monotonic()
                self._tell(found)
                if not found:
                    self._notifier.watchdog()
                await self._clock.sleep(self.interval_s)
        finally:
            await self._drop_beat()

    def _check_problems(self) -> list[Problem]:
        return [problem for check in self._checks for problem in check.problems()]

    async def _journal_problems(self) -> list[Problem]:
        """One heartbeat at a time: a disk that hangs must not gather a queue of them."""
        if self._beat is None:
            self._beat = asyncio.create_task(self._heartbeat(), name="health-heartbeat")
        done, _ = await asyncio.wait({self._beat}, timeout=self._limit_s)
        if not done:
            return [
                Problem("journal", f"a write of the journal has not come back within {self._limit_s:g} s")
            ]
        beat, self._beat = self._beat, None
        try:
            beat.result()
        except JournalUnwritable as error:
            return [Problem("journal", str(error))]
        return []

    async def _heartbeat(self) -> Durability:
        return await self._journal.heartbeat()

    async def _drop_beat(self) -> None:
        beat, self._beat = self._beat, None
        if beat is not None:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)

    def _tell(self, found: list[Problem]) -> None:
        before, self._found = self._found, found
        if {problem.code for problem in before} == {problem.code for problem in found}:
            return
        reasons = "; ".join(problem.message for problem in found)
        if found:
            logger.error("alarm intake does not work, the watchdog is not fed: %s", reasons)
            self._notifier.status(f"alarm intake does not work: {reasons}")
        else:
            logger.info("alarm intake works")
            self._notifier.status("alarm intake works")
