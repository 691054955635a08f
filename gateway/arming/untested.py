"""Asks for a press of each button that nobody has pressed for too long: it may not work any more."""

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.arming.journal import ArmingJournal
from gateway.clock import Clock
from gateway.model import ClockState, Kind
from gateway.policy.arming import is_untested
from gateway.store.arming import PointTest

#: So often the points are looked through for those that want a test, in seconds.
TESTS_S = 3600.0


class Untested:
    """A fault for each such point, which returns when it is pressed. Looked for while the clock is trusted alone."""

    def __init__(self, journal: ArmingJournal, clock: Clock, timezone: ZoneInfo, *, first_at: float) -> None:
        self._journal = journal
        self._clock = clock
        self._timezone = timezone
        self._due = first_at

    async def look(self, clock_state: ClockState) -> None:
        """Every TESTS_S. Raises JournalUnwritable."""
        points = self._journal.directory.tested_points()
        here, now = self._clock.monotonic(), self._clock.now()
        if not points or here < self._due or clock_state is ClockState.UNTRUSTED:
            return
        stamps = await self._journal.watch_tests()
        for point in points:
            stamp = stamps[point.id]
            if is_untested((stamp.since, stamp.tested), point.test_days, now):
                await self._journal.raise_own(Kind.POINT_UNTESTED, point.id, self._words(stamp))
        self._due = here + TESTS_S

    def _words(self, stamp: PointTest) -> str:
        if stamp.tested is None:
            return f"not pressed since it is watched ({self._day(stamp.since)})"
        return f"last pressed on {self._day(stamp.tested)}"

    def _day(self, at: datetime) -> str:
        return at.astimezone(self._timezone).date().isoformat()
