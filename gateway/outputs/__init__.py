"""Switches sounders, strobes and relays as the alarms want it, tests them every month, and tells of those that fail."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import NoReturn, Protocol
from zoneinfo import ZoneInfo

from gateway.clock import Clock
from gateway.errors import ActRefused, JournalUnwritable, NotFound
from gateway.model import Alarm, ClockState, Kind, Presence
from gateway.outputs.worker import SWITCH_LIMIT_S, Switch, Worker
from gateway.policy.outputs import (
    Demand,
    OutputRule,
    OutputState,
    is_test_due,
    is_test_time,
    may_test,
    on_until,
)
from gateway.site.site import OutputEntry, Site
from gateway.store import Change, OutputTest, Subscription

__all__ = ["Outputs", "OutputsJournal", "Switch"]

logger = logging.getLogger(__name__)

#: Who tests by schedule.
SCHEDULE = "schedule"

#: At an orderly stop the outputs are off within so many seconds, or stay as they are.
STOP_LIMIT_S = 2.0
#: How often is looked whether a test is due, and when the journal is asked again after it refused; seconds.
LOOK_S = 30.0
AGAIN_S = 1.0

#: A test has begun, or could not be, within two switches; seconds.
TEST_LIMIT_S = 2 * SWITCH_LIMIT_S + 1.0

#: What a fault says at most, in characters.
DETAIL_LIMIT = 2000


class OutputsJournal(Protocol):
    """The journal, as far as outputs are concerned."""

    @property
    def open_alarms(self) -> Mapping[str, Alarm]:
        """By id, as of the last commit."""
        ...

    def subscribe(self) -> Subscription:
        """Hear of every commit."""
        ...

    def is_silenced(self, alarm: Alarm) -> bool:
        """Whether a person has silenced its sound since the last press."""
        ...

    async def raise_own(self, kind: Kind, subject: str, detail: str) -> None:
        """An output can't be switched. Raises JournalUnwritable."""
        ...

    async def return_own(self, kind: Kind, subject: str) -> None:
        """It can be again. Raises JournalUnwritable."""
        ...

    async def record_output_test(self, entry: OutputEntry, *, actor: str, reason: str) -> None:
        """It was tested; it failed if there is a reason. Raises JournalUnwritable."""
        ...

    async def output_tests(self) -> Mapping[str, OutputTest]:
        """The last test of each output. Raises JournalUnwritable."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """When an alarm last asked (monotonic seconds), and what that rests on: another basis is a new request."""

    repeats: int
    shelved: bool
    at: float

    def is_of(self, alarm: Alarm) -> bool:
        """Whether nobody has pressed since, and it has not come back from being shelved."""
        return (self.repeats, self.shelved) == (alarm.repeats, alarm.shelved_until is not None)


class Outputs:
    """One worker for each output, so that a dead module does not delay the others.

    The first thing that each does is to write what is wanted, which is off unless an open alarm wants it on: safe on
    restart. A commit wakes them; neither they nor the switching wait for the journal.
    """

    def __init__(
        self,
        site: Site,
        journal: OutputsJournal,
        switch: Switch,
        clock: Clock,
        clock_state: Callable[[], ClockState],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._clock_state = clock_state
        self._timezone = ZoneInfo(site.site.timezone)
        self._asked: dict[str, _Asked] = {}
        self._from_before = frozenset(journal.open_alarms)
        self._news = asyncio.Event()
        self._tested: dict[str, datetime] = {}
        self._tests: asyncio.TaskGroup | None = None
        self._workers = {
            entry.id: Worker(entry, switch, clock, on_until=self._on_until, news=self._news.set)
            for entry in site.outputs
        }

    async def run(self) -> None:
        """Serve until cancelled; then whatever is on is switched off, within STOP_LIMIT_S."""
        subscription = self._journal.subscribe()
        try:
            async with asyncio.TaskGroup() as tasks:
                for worker in self._workers.values():
                    tasks.create_task(worker.run(), name=f"output {worker.entry.id}")
                tasks.create_task(self._listen(subscription), name="outputs-listen")
                tasks.create_task(self._tell(), name="outputs-tell")
                tasks.create_task(self._test_monthly(), name="outputs-test")
                self._tests = tasks
        finally:
            self._tests = None
            subscription.close()
            await self._all_off()

    def states(self) -> Sequence[OutputState]:
        """Every output as it is now, in the order of the site file; none while they are not served."""
        return [worker.state for worker in self._workers.values()] if self._tests is not None else []

    async def test(self, output: str, actor: str) -> OutputState:
        """A person tests an output: on for `test_s`, then off again. Returns once it is on, or could not be.

        The test goes on whether or not the caller waits, and is journalled at its end. Raises NotFound, ActRefused
        (an open alarm uses the output or is duress; it is being tested).
        """
        worker = self._workers.get(output)
        if worker is None:
            raise NotFound(f"there is no output {output!r}")
        if self._tests is None:
            raise ActRefused("outputs are not served just now: try again", code="outputs-down")
        if worker.testing:
            raise ActRefused(f"output {output} is being tested", code="output-testing")
        if not may_test(worker.rule, self._journal.open_alarms.values()):
            raise ActRefused(f"an open alarm forbids a test of output {output}", code="output-in-use")
        begun = self._begin_test(self._tests, worker, actor)
        try:
            async with asyncio.timeout(TEST_LIMIT_S):
                await begun.wait()
        except TimeoutError as error:
            raise ActRefused("outputs are not served any more: try again", code="outputs-down") from error
        return worker.state

    # ---- what is wanted

    async def _listen(self, subscription: Subscription) -> NoReturn:
        async for change in subscription:
            self._forget_closed(change)
            back = {seen.device for seen in change.presences if seen.presence is Presence.ONLINE}
            for worker in self._workers.values():
                if change.resync or worker.entry.device in back:
                    worker.reassert()
                worker.wake()
        raise RuntimeError("the journal's feed has ended")

    def _forget_closed(self, change: Change) -> None:
        gone = set(self._asked) if change.resync else {alarm.id for alarm in change.alarms}
        for alarm_id in gone - self._journal.open_alarms.keys():
            self._asked.pop(alarm_id, None)

    def _on_until(self, rule: OutputRule) -> float | None:
        return on_until(rule, self._demands())

    def _demands(self) -> Iterable[Demand]:
        for alarm in self._journal.open_alarms.values():
            yield Demand(
                alarm=alarm, silenced=self._journal.is_silenced(alarm), asked_at=self._asked_at(alarm)
            )

    def _asked_at(self, alarm: Alarm) -> float:
        """When it last asked, by the monotonic clock.

        The wall clock is believed once, for an alarm that was open before the start: it does not sound for its whole
        time again. A stamp that is ahead counts as now. One that was raised since asks now, whatever the clock shows.
        """
        known = self._asked.get(alarm.id)
        if known is None or not known.is_of(alarm):
            at = self._clock.monotonic()
            if known is None and alarm.id in self._from_before:
                at -= max(0.0, (self._clock.now() - alarm.last_raised_at).total_seconds())
            known = _Asked(alarm.repeats, alarm.shelved_until is not None, at)
            self._asked[alarm.id] = known
        return known.at

    async def _all_off(self) -> None:
        try:
            async with asyncio.timeout(STOP_LIMIT_S), asyncio.TaskGroup() as tasks:
                for worker in self._workers.values():
                    tasks.create_task(worker.off(), name=f"output {worker.entry.id} off")
        except TimeoutError:
            logger.warning("not all outputs could be switched off within %g s", STOP_LIMIT_S)

    # ---- what is wrong

    async def _tell(self) -> NoReturn:
        failing = False
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                for worker in self._workers.values():
                    await self._tell_of(worker)
                failing = False
            except JournalUnwritable as error:
                if not failing:
                    logger.warning("faults of outputs can't be journalled, trying again: %s", error)
                failing = True
                self._news.set()
                await self._clock.sleep(AGAIN_S)

    async def _tell_of(self, worker: Worker) -> None:
        """A fault that is over before it could be told is told all the same."""
        if complaint := worker.complaint:
            await self._journal.raise_own(Kind.FAULT, worker.entry.id, complaint[:DETAIL_LIMIT])
            worker.told = True
            if worker.complaint == complaint:
                worker.complaint = ""
        if worker.told and worker.works:
            await self._journal.return_own(Kind.FAULT, worker.entry.id)
            worker.told = False

    # ---- tests

    async def _test_monthly(self) -> NoReturn:
        while True:
            await self._clock.sleep(LOOK_S)
            if self._clock_state() is ClockState.TRUSTED and self._tests is not None:
                for worker in await self._due():
                    self._begin_test(self._tests, worker, SCHEDULE)

    async def _due(self) -> list[Worker]:
        """Those that are to be tested now."""
        local = self._clock.now().astimezone(self._timezone)
        ready = [worker for worker in self._workers.values() if self._is_ready(worker, local)]
        if not ready:
            return []
        try:
            known = await self._journal.output_tests()
        except JournalUnwritable as error:
            logger.warning("outputs are not tested: when they last were can't be read: %s", error)
            return []
        # again: an alarm may have come while the journal was read
        return [
            worker for worker in ready if self._is_due(worker, known, local) and self._is_ready(worker, local)
        ]

    def _is_ready(self, worker: Worker, local: datetime) -> bool:
        settings = worker.entry.settings
        return (
            settings.test_day is not None
            and not worker.testing
            and is_test_time(time.fromisoformat(settings.test_at), local)
            and may_test(worker.rule, self._journal.open_alarms.values())
        )

    def _is_due(self, worker: Worker, known: Mapping[str, OutputTest], local: datetime) -> bool:
        """By the journal, and by our own memory of tests that it may not have taken."""
        output, day = worker.entry.id, worker.entry.settings.test_day
        tests = [self._tested.get(output), known[output].at if output in known else None]
        last = max((test for test in tests if test is not None), default=None)
        return day is not None and is_test_due(
            day, today=local.date(), last=last.astimezone(self._timezone).date() if last else None
        )

    def _begin_test(self, tasks: asyncio.TaskGroup, worker: Worker, actor: str) -> asyncio.Event:
        begun = asyncio.Event()
        worker.testing = True
        tasks.create_task(self._test(worker, actor, begun), name=f"output {worker.entry.id} test")
        return begun

    async def _test(self, worker: Worker, actor: str, begun: asyncio.Event) -> None:
        output = worker.entry.id
        reason = await worker.test(begun)
        self._tested[output] = self._clock.now()
        logger.info("output %s was tested by %s: %s", output, actor, reason or "it works")
        try:
            await self._journal.record_output_test(worker.entry, actor=actor, reason=reason)
        except JournalUnwritable as error:
            logger.warning("the test of output %s can't be journalled: %s", output, error)
