"""Arms and disarms zones by their schedules, ends delays and bypasses when their time is over, asks for tests of buttons."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn
from zoneinfo import ZoneInfo

from gateway.arming.journal import ArmingJournal
from gateway.arming.untested import Untested
from gateway.clock import Clock, wait_for_event
from gateway.errors import ActRefused, JournalUnwritable, NotFound
from gateway.model import GATEWAY, Bypass, ClockState, ZoneArming
from gateway.policy.arming import BYPASS_LIMIT, SCHEDULE, still_applies, wanted
from gateway.policy.schedule import Timetable
from gateway.site import Site
from gateway.store import Subscription

__all__ = ["ArmingJournal", "ArmingService"]

logger = logging.getLogger(__name__)

#: The longest sleep, in seconds: a clock that steps or becomes trusted is noticed by then.
LONGEST_SLEEP_S = 30.0

#: After the journal refused, in seconds.
AGAIN_S = 1.0

#: After a start devices have so many seconds to tell how their points are, before the schedule arms over stale news.
SETTLE_S = 10.0


@dataclass(frozen=True, slots=True)
class _End:
    """What ends by itself: another basis is another end."""

    what: str  # exit, entry, bypass
    subject: str
    until: datetime


@dataclass(frozen=True, slots=True)
class _Seen:
    """Since when a zone is as it is: its stamp, and the monotonic second of an act that was heard of (None: before the start)."""

    stamp: datetime
    heard: float | None


class ArmingService:
    """Sleeps until something ends or the schedule changes; a commit that changes something wakes it.

    The wall clock is asked once for each delay and bypass, when it is first seen here, and believed within bounds;
    from then on it runs by the monotonic clock. The schedule is followed only while the wall clock is trusted.
    """

    def __init__(
        self, site: Site, journal: ArmingJournal, clock: Clock, clock_state: Callable[[], ClockState]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._clock_state = clock_state
        self._timetables = {
            entry.id: Timetable(entry.schedule) for entry in site.zone_entries if entry.schedule is not None
        }
        self._ends: dict[_End, float] = {}
        self._seen = {zone: _Seen(arming.since, None) for zone, arming in journal.armings.items()}
        self._settled_at = clock.monotonic() + SETTLE_S
        self._untested = Untested(journal, clock, ZoneInfo(site.site.timezone), first_at=self._settled_at)
        self._wake = asyncio.Event()
        self._held = False
        self._failing = False

    async def run(self) -> None:
        """Serve until cancelled."""
        subscription = self._journal.subscribe()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(subscription), name="arming-listen")
                tasks.create_task(self._serve(), name="arming")
        finally:
            subscription.close()

    async def _listen(self, subscription: Subscription) -> None:
        self._plan()
        self._wake.set()
        async for change in subscription:
            if change.others or change.resync:
                self._plan()
                self._wake.set()

    async def _serve(self) -> NoReturn:
        started = False
        while True:
            self._wake.clear()
            try:
                if not started:
                    await self._journal.raise_held()
                    started = True
                await self._end_what_is_over()
                await self._follow_schedules()
                await self._untested.look(self._clock_state())
                self._failing = False
            except JournalUnwritable as error:
                if not self._failing:
                    logger.warning("arming can't be kept, trying again: %s", error)
                self._failing = True
                await self._clock.sleep(AGAIN_S)
            else:
                await self._sleep()

    # ---- delays and bypasses

    def _plan(self) -> None:
        """Note what was changed just now, and when it ends, in monotonic seconds."""
        here, now = self._clock.monotonic(), self._clock.now()
        for zone, arming in self._journal.armings.items():
            if zone not in self._seen or self._seen[zone].stamp != arming.since:
                self._seen[zone] = _Seen(arming.since, here)
        ends = dict(self._all_ends())
        self._ends = {
            end: self._ends.get(end, here + min(max((end.until - now).total_seconds(), 0.0), limit))
            for end, limit in ends.items()
        }

    def _all_ends(self) -> list[tuple[_End, float]]:
        """Everything that ends by itself, and how many seconds it may last at most."""
        found: list[tuple[_End, float]] = []
        for zone, arming in self._journal.armings.items():
            entry = self._journal.directory.zone_entry(zone)
            if arming.exit_until is not None:
                found.append((_End("exit", zone, arming.exit_until), entry.exit_s))
            if arming.entry_until is not None:
                found.append((_End("entry", zone, arming.entry_until), entry.entry_s))
        for point, bypass in self._journal.bypasses.items():
            if bypass.lasts:
                found.append((_End("bypass", point, bypass.until), self._longest(bypass)))
        return found

    def _longest(self, bypass: Bypass) -> float:
        """As long as it was asked for, also from a restart on; at once where the site file has made it meaningless."""
        if not still_applies(bypass, self._journal.directory.kind_of(bypass.point)):
            return 0.0
        return min(bypass.until - bypass.since, BYPASS_LIMIT).total_seconds()

    async def _end_what_is_over(self) -> None:
        now = self._clock.monotonic()
        for end, due in list(self._ends.items()):
            if due <= now:
                await self._end(end)
                self._ends.pop(end, None)

    async def _end(self, end: _End) -> None:
        try:
            if end.what == "exit":
                await self._journal.end_exit(end.subject, end.until)
            elif end.what == "entry":
                await self._journal.end_entry(end.subject, end.until)
            else:
                await self._journal.restore(end.subject, GATEWAY, end.until)
        except ActRefused as error:
            logger.debug("a person was first: %s", error)

    # ---- schedules

    async def _follow_schedules(self) -> None:
        if not self._timetables or not self._may_follow():
            return
        here, now = self._clock.monotonic(), self._clock.now()
        for zone, timetable in self._timetables.items():
            arming = self._journal.armings.get(zone)
            found = wanted(timetable.at(now), arming, self._since(arming, here, now))
            if found is None or (found and here < self._settled_at):
                continue
            act = self._journal.arm if found else self._journal.disarm
            try:
                await act(zone, SCHEDULE)
            except (ActRefused, NotFound) as error:
                logger.debug("the schedule waits: %s", error)

    def _may_follow(self) -> bool:
        held = self._clock_state() is ClockState.UNTRUSTED
        if held and not self._held:
            logger.warning("the clock is not trusted: zones stay as they are, schedules wait")
        elif self._held and not held:
            logger.info("the clock is trusted: schedules are followed")
        self._held = held
        return not held

    def _since(self, arming: ZoneArming | None, here: float, now: datetime) -> datetime | None:
        """When the zone became as it is, by the clock as it is now: it may have been wrong then."""
        seen = self._seen.get(arming.zone) if arming is not None else None
        if arming is None or seen is None or seen.stamp != arming.since:
            return now  # a commit that was not heard of yet: as good as now
        if seen.heard is None:
            return min(arming.since, now)
        return now - timedelta(seconds=here - seen.heard)

    # ---- when

    async def _sleep(self) -> None:
        """Until something is due, or something has changed."""
        seconds = min(LONGEST_SLEEP_S, *self._waits())
        if seconds <= 0 or self._wake.is_set():
            await asyncio.sleep(0)
            return
        await wait_for_event(self._clock, self._wake, seconds)

    def _waits(self) -> list[float]:
        """How many seconds it is to each thing that is due some time."""
        here, now = self._clock.monotonic(), self._clock.now()
        waits = [LONGEST_SLEEP_S, *(due - here for due in self._ends.values())]
        if here < self._settled_at:
            waits.append(self._settled_at - here)
        for timetable in self._timetables.values():
            until = timetable.at(now).until
            if until is not None:
                waits.append((until - now).total_seconds())
        return waits
