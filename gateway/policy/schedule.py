"""When a zone is armed by its weekly schedule: spans of weekdays, school holidays, working Saturdays. Pure, DST-safe."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: A change of the schedule is looked for so many days around a moment: the longest time without one that is told.
HORIZON_DAYS = 400

_DAY = timedelta(days=1)
#: Two weeks, the night before, and a day to see the change from.
_TWO_WEEKS = 17
_MONDAY = 0


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end` by the clock on the wall, on days that begin on one of `days` (0 is Monday).

    An `end` no later than `start` is of the day after: 22:00 to 06:00, or 00:00 to 00:00 for a whole day.
    """

    days: frozenset[int]
    start: time
    end: time

    @property
    def overnight(self) -> bool:
        """Whether it ends on the day after."""
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days that are not as their weekday says.

    On a holiday zones with a schedule are armed all day; a workday (调休: school is held on a Saturday) is as a Monday.
    """

    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Schedule:
    """A zone's spans, the site's calendar and time zone.

    What counts is what the clock on the wall shows: an hour that is skipped in spring arms nothing, one that comes
    twice in autumn does so twice.
    """

    spans: tuple[Span, ...]
    calendar: Calendar
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time without a change: from `since` to `until`, which are None where there is none within HORIZON_DAYS."""

    armed: bool
    since: datetime | None
    until: datetime | None

    def covers(self, at: datetime) -> bool:
        """Whether it is of this moment."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


class Timetable:
    """A schedule that is asked again and again: it remembers the stretch of its last answer."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._last: tuple[date, Stretch] | None = None

    def at(self, moment: datetime) -> Stretch:
        """The stretch of this moment. Looked up anew each day where it has no end."""
        day = moment.astimezone(UTC).date()
        if self._last is None or not self._last[1].covers(moment) or self._last[0] != day:
            self._last = (day, stretch(self.schedule, moment))
        return self._last[1]


def is_armed(schedule: Schedule, at: datetime) -> bool:
    """Whether the schedule has the zone armed at that moment."""
    local = at.astimezone(schedule.zone)
    today, now = local.date(), local.time()
    if today in schedule.calendar.holidays:
        return True
    weekday, before = _weekday(schedule, today), _weekday(schedule, today - _DAY)
    for span in schedule.spans:
        if span.overnight:
            if (weekday in span.days and now >= span.start) or (before in span.days and now < span.end):
                return True
        elif weekday in span.days and span.start <= now < span.end:
            return True
    return False


def next_change(schedule: Schedule, after: datetime) -> datetime | None:
    """The first moment later than `after` at which `is_armed` flips; None if there is none within HORIZON_DAYS."""
    state = is_armed(schedule, after)
    today = after.astimezone(schedule.zone).date()
    for day in _days(schedule, today - _DAY, today + HORIZON_DAYS * _DAY, today):
        for moment in _moments(schedule, day):
            if moment > after and is_armed(schedule, moment) is not state:
                return moment
    return None


def last_change(schedule: Schedule, at: datetime) -> datetime | None:
    """The latest moment, `at` or before, at which `is_armed` flipped; None if there was none within HORIZON_DAYS."""
    state = is_armed(schedule, at)
    today = at.astimezone(schedule.zone).date()
    latest: datetime | None = None
    for day in reversed(_days(schedule, today - HORIZON_DAYS * _DAY, today + _DAY, today)):
        for moment in reversed(_moments(schedule, day)):
            if moment > at:
                continue
            if is_armed(schedule, moment) is not state:
                return latest
            latest = moment
    return None


def stretch(schedule: Schedule, at: datetime) -> Stretch:
    """The time around a moment in which the schedule does not change."""
    return Stretch(is_armed(schedule, at), last_change(schedule, at), next_change(schedule, at))


def _weekday(schedule: Schedule, day: date) -> int:
    return _MONDAY if day in schedule.calendar.workdays else day.weekday()


def _days(schedule: Schedule, first: date, last: date, today: date) -> list[date]:
    """The days on which the change next to today may be, in order: those near today, and near an odd day of the calendar.

    A week without a change, holidays and workdays apart, is as every other week; two of them, for a clock that is set
    forward hides an hour of one. So an always armed zone costs a few weeks' look and not two years'.
    """
    odd = (
        day
        for day in (*schedule.calendar.holidays, *schedule.calendar.workdays)
        if _is_within(day, first, last)
    )
    near = {
        around + offset * _DAY for around in (today, *odd) for offset in range(-_TWO_WEEKS, _TWO_WEEKS + 1)
    }
    return sorted(day for day in near if first <= day <= last)


def _is_within(day: date, first: date, last: date) -> bool:
    return first - _TWO_WEEKS * _DAY <= day <= last + _TWO_WEEKS * _DAY


def _moments(schedule: Schedule, day: date) -> list[datetime]:
    """Every moment of a local day at which something may change, in order: `is_armed` is constant in between."""
    times = {time.min, *(edge for span in schedule.spans for edge in (span.start, span.end))}
    found = {
        datetime.combine(day, edge, schedule.zone).replace(fold=fold).astimezone(UTC)
        for edge in times
        for fold in (0, 1)
    }
    found.update(_clock_changes(schedule.zone, day))
    return sorted(found)


def _clock_changes(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """Where the day's clocks are set forward or back (at most once): to the second."""
    low = datetime.combine(day, time.min, zone).astimezone(UTC)
    high = datetime.combine(day + _DAY, time.min, zone).replace(fold=1).astimezone(UTC)
    if _offset(zone, low) == _offset(zone, high):
        return
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if _offset(zone, middle) == _offset(zone, low):
            low = middle
        else:
            high = middle
    yield high


def _offset(zone: ZoneInfo, at: datetime) -> timedelta | None:
    return at.astimezone(zone).utcoffset()
