"""Carries out what time does to open alarms: the next step where nobody acknowledged, and the end of a shelf time."""

import asyncio
import contextlib
import logging
from datetime import datetime
from typing import NoReturn

from gateway.clock import Clock
from gateway.errors import ActRefused, JournalUnwritable, NotFound
from gateway.model import GATEWAY, Alarm, Severity
from gateway.policy.escalation import EscalationRule, next_step_at
from gateway.site import EscalationSettings
from gateway.store import Journal

logger = logging.getLogger(__name__)

#: The wall clock may step while we wait: we look at least so often; seconds.
_LOOK_S = 30.0
_AGAIN_S = 1.0


class Escalation:
    """One for a daemon. Sleeps until something is due or an alarm changes."""

    def __init__(self, journal: Journal, settings: EscalationSettings, clock: Clock) -> None:
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
        self._changed = asyncio.Event()

    async def run(self) -> NoReturn:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="escalation-listen")
            tasks.create_task(self._work(), name="escalation-work")
        raise AssertionError("neither of these ends by itself")

    async def _listen(self) -> None:
        changes = self._journal.subscribe()
        try:
            async for change in changes:
                if change.alarms or change.resync:
                    self._changed.set()
        finally:
            changes.close()

    async def _work(self) -> None:
        while True:
            self._changed.clear()
            wait = await self._do_what_is_due()
            await self._sleep(wait)

    async def _do_what_is_due(self) -> float:
        """Returns the seconds until the next thing is due, at most `_LOOK_S`."""
        now = self._clock.now()
        wait = _LOOK_S
        for alarm in list(self._journal.open_alarms.values()):
            due = self._due(alarm)
            if due is None:
                continue
            if due > now:
                wait = min(wait, (due - now).total_seconds())
                continue
            wait = 0.0
            try:
                if alarm.shelved_until is not None and alarm.shelved_until <= now:
                    await self._journal.unshelve(alarm.id, GATEWAY)
                else:
                    await self._journal.escalate(alarm.id)
            except (ActRefused, NotFound) as error:
                logger.info("nothing to do for alarm %s after all: %s", alarm.id, error)
            except JournalUnwritable:
                return _AGAIN_S
        return wait

    def _due(self, alarm: Alarm) -> datetime | None:
        moments = [
            moment for moment in (alarm.shelved_until, next_step_at(alarm, self._rule)) if moment is not None
        ]
        return min(moments, default=None)

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until an alarm changes."""
        timer = asyncio.create_task(self._clock.sleep(seconds))
        waiter = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({timer, waiter}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (timer, waiter):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
