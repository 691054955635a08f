"""Takes alarms that nobody acknowledges one step higher when it is time, and ends shelving when its time is over."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, Protocol

from gateway.clock import Clock, wait_for_event
from gateway.errors import ActRefused, JournalUnwritable, NotFound
from gateway.model import Alarm, Severity
from gateway.policy.alarms import SHELVE_LIMIT
from gateway.policy.escalation import EscalationRule, next_step_at
from gateway.site import EscalationSettings
from gateway.store import Change, Subscription

logger = logging.getLogger(__name__)

#: Who ends shelving whose time is over.
ACTOR = "gateway"

#: The longest sleep, in seconds.
LONGEST_SLEEP_S = 30.0

#: After the journal refused, in seconds.
AGAIN_S = 1.0


class EscalationJournal(Protocol):
    """The journal, as far as escalation is concerned."""

    @property
    def open_alarms(self) -> Mapping[str, Alarm]:
        """By id, as of the last commit."""
        ...

    def subscribe(self) -> Subscription:
        """Hear of every commit."""
        ...

    async def escalate(self, alarm_id: str) -> Alarm:
        """One step higher. Raises NotFound, ActRefused, JournalUnwritable."""
        ...

    async def unshelve(self, alarm_id: str, actor: str) -> Alarm:
        """Shelving ends. Raises NotFound, ActRefused, JournalUnwritable."""
        ...


@dataclass(frozen=True, slots=True)
class _Plan:
    """When something is due (monotonic seconds), and what that rests on: another basis is another plan."""

    escalation: int
    shelved_until: datetime | None
    due: float

    def is_of(self, alarm: Alarm) -> bool:
        """Whether it still rests on what the alarm says."""
        return (self.escalation, self.shelved_until) == (alarm.escalation, alarm.shelved_until)


class Escalation:
    """Sleeps until the next step is due; a commit that makes one due earlier wakes it.

    A press counts its steps anew (policy.escalation), but never puts off a step that is planned already: who presses
    a button again and again because nobody comes must not keep the alarm from the next person.
    """

    def __init__(self, journal: EscalationJournal, settings: EscalationSettings, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._rule = EscalationRule(
            after_s={
                Severity.CRITICAL: settings.critical_s,
                Severity.HIGH: settings.high_s,
                Severity.MEDIUM: settings.medium_s,
                Severity.LOW: settings.low_s,
            },
            steps=settings.steps,
        )
        self._plans: dict[str, _Plan] = {}
        self._awake_at = clock.monotonic()
        self._earlier = asyncio.Event()
        self._failing = False

    async def run(self) -> None:
        """Serve until cancelled."""
        subscription = self._journal.subscribe()
        try:
            self._plan_all()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(subscription), name="escalation-listen")
                tasks.create_task(self._serve(), name="escalation")
        finally:
            subscription.close()

    # ---- when

    async def _listen(self, subscription: Subscription) -> None:
        async for change in subscription:
            for alarm in change.alarms:
                if alarm.acknowledged_at is not None:
                    self._plans.pop(alarm.id, None)  # the next press is the first again
                self._plan(alarm.id)
            if change.resync:
                self._plan_all()
            if any(plan.due < self._awake_at for plan in map(self._plans.get, _ids(change)) if plan):
                self._earlier.set()

    def _plan_all(self) -> None:
        for alarm_id in {*self._plans, *self._journal.open_alarms}:
            self._plan(alarm_id)
        self._earlier.set()

    def _plan(self, alarm_id: str) -> None:
        """By the alarm as it is now, which may be newer than the change that was heard."""
        alarm = self._journal.open_alarms.get(alarm_id)
        before = self._plans.get(alarm_id)
        due = None if alarm is None else self._due(alarm, before)
        if alarm is None or due is None:
            self._plans.pop(alarm_id, None)
        elif before is None or not before.is_of(alarm):
            self._plans[alarm_id] = _Plan(alarm.escalation, alarm.shelved_until, due)

    def _due(self, alarm: Alarm, before: _Plan | None) -> float | None:
        """The monotonic second of the next step or of the end of shelving; None if nothing is to come.

        The wall clock is asked once, when an alarm is first seen here, and believed within bounds; from then on
        each step is a period after the last. A clock that steps neither silences an escalation nor hurries it.
        """
        here, now = self._clock.monotonic(), self._clock.now()
        if alarm.shelved_until is not None:
            return here + _within(
                0.0, (alarm.shelved_until - now).total_seconds(), SHELVE_LIMIT.total_seconds()
            )
        due = next_step_at(alarm, self._rule)
        if due is None:
            return None
        period = float(self._rule.after_s[alarm.source.severity])
        if before is not None and alarm.escalation > before.escalation:
            return before.due + period
        return here + _within(-period * self._rule.steps, (due - now).total_seconds(), period)

    # ---- what

    async def _serve(self) -> NoReturn:
        while True:
            self._earlier.clear()
            now = self._clock.monotonic()
            taken = [await self._act(key) for key, plan in list(self._plans.items()) if plan.due <= now]
            if all(taken):
                await self._sleep()
            else:
                await self._clock.sleep(AGAIN_S)

    async def _act(self, alarm_id: str) -> bool:
        """One step, or the end of shelving; False if it was not taken: look again in a while."""
        alarm = self._journal.open_alarms.get(alarm_id)
        try:
            if alarm is not None and alarm.shelved_until is not None:
                await self._journal.unshelve(alarm_id, ACTOR)
            elif alarm is not None:
                await self._journal.escalate(alarm_id)
            self._failing = False
        except (ActRefused, NotFound) as error:
            logger.debug("a person was first: %s", error)
            self._plan(alarm_id)
            return False
        except JournalUnwritable as error:
            if not self._failing:
                logger.warning("alarm %s can't be taken higher, trying again: %s", alarm_id, error)
            self._failing = True
            return False
        self._plan(alarm_id)
        return True

    async def _sleep(self) -> None:
        """Until the next plan, or until there is an earlier one."""
        now = self._clock.monotonic()
        seconds = min([LONGEST_SLEEP_S, *(plan.due - now for plan in self._plans.values())])
        if seconds <= 0:
            return
        self._awake_at = now + seconds
        await wait_for_event(self._clock, self._earlier, seconds)


def _within(least: float, seconds: float, most: float) -> float:
    return min(max(seconds, least), most)


def _ids(change: Change) -> Iterable[str]:
    return (alarm.id for alarm in change.alarms)
