"""gateway.policy.schedule: when zones are armed, over midnight, holidays, working Saturdays and changes of the clocks."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.schedule import (
    Calendar,
    Schedule,
    Span,
    Timetable,
    is_armed,
    last_change,
    next_change,
    stretch,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = [SHANGHAI, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]
SCHOOL_DAYS = frozenset(range(5))
NIGHTS = Span(SCHOOL_DAYS, time(22), time(6))
WEEKENDS = Span(frozenset({5, 6}), time(0), time(0))


def school(*spans: Span, holidays: set[date] = frozenset(), workdays: set[date] = frozenset()) -> Schedule:  # type: ignore[assignment] # an empty frozenset is a good default set
    return Schedule(spans or (NIGHTS, WEEKENDS), Calendar(frozenset(holidays), frozenset(workdays)), SHANGHAI)


def at(day: int, hour: int, minute: int = 0, *, month: int = 9) -> datetime:
    """A moment of 2026 on the school's wall: 7 September is a Monday."""
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
days = st.dates(date(2025, 1, 1), date(2027, 12, 31))
spans = st.builds(Span, st.frozensets(st.integers(0, 6)), times, times)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    holidays = draw(st.frozensets(days, max_size=5))
    workdays = draw(st.frozensets(days, max_size=5)) - holidays
    return Schedule(
        tuple(draw(st.lists(spans, max_size=3))), Calendar(holidays, workdays), draw(st.sampled_from(ZONES))
    )


moments = st.integers(1736035200, 1829692800).map(lambda second: datetime.fromtimestamp(second, UTC))
#: The days on which clocks change in one of the zones, when it matters most.
clock_changes = st.sampled_from(
    [date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5)]
).flatmap(
    lambda day: st.integers(-1440, 2880).map(
        lambda minutes: datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes)
    )
)


@given(schedules(), st.one_of(moments, clock_changes))
def test_the_next_change_is_later_and_flips(schedule: Schedule, moment: datetime) -> None:
    """Strictly later; right before it the state is as it was, and there it is the other."""
    change = next_change(schedule, moment)
    if change is not None:
        assert change > moment
        before = is_armed(schedule, moment)
        assert is_armed(schedule, change) is not before
        assert is_armed(schedule, change - timedelta(microseconds=1)) is before


@given(schedules(), clock_changes, st.integers(0, 2000))
def test_nothing_changes_before_the_next_change(schedule: Schedule, moment: datetime, minutes: int) -> None:
    """No flip hides between a moment and the next change, on the days when clocks are changed too."""
    change = next_change(schedule, moment)
    probe = moment + timedelta(minutes=minutes)
    if change is None or probe < change:
        assert is_armed(schedule, probe) is is_armed(schedule, moment)


@given(schedules(), st.one_of(moments, clock_changes))
def test_a_stretch_is_whole(schedule: Schedule, moment: datetime) -> None:
    """It holds its moment, begins with a flip, and the stretch of any moment in it is the same."""
    found = stretch(schedule, moment)

    assert found.covers(moment)
    assert found.armed is is_armed(schedule, moment)
    if found.since is not None:
        assert found.since <= moment
        assert is_armed(schedule, found.since - timedelta(microseconds=1)) is not found.armed
        assert stretch(schedule, found.since).until in (
            found.until,
            None,
        )  # None: beyond the horizon from there
    if found.until is not None:
        assert last_change(schedule, found.until) == found.until


@given(schedules(), st.lists(st.one_of(moments, clock_changes), max_size=6))
def test_a_timetable_remembers_nothing_wrong(schedule: Schedule, asked: list[datetime]) -> None:
    """Asked in any order, as by a clock that steps, it answers as if asked for the first time."""
    timetable = Timetable(schedule)
    for moment in asked:
        found = timetable.at(moment)
        assert found.armed is is_armed(schedule, moment)
        assert found.covers(moment)


@pytest.mark.parametrize(
    ("moment", "armed"),
    [
        (at(7, 21, 59), False),
        (at(7, 22), True),
        (at(8, 5, 59), True),
        (at(8, 6), False),
        (at(7, 3), False),  # Monday: the night of Sunday is a weekend's, which ends at midnight
        (at(12, 3), True),  # Saturday: the night of Friday, and the weekend
        (at(13, 23, 59), True),
        (at(14, 0), False),
    ],
)
def test_a_night_belongs_to_the_day_it_begins_on(moment: datetime, armed: bool) -> None:  # noqa: FBT001 - a table
    """22:00 to 06:00 on school days goes over midnight; from 00:00 to 00:00 is a whole day."""
    assert is_armed(school(), moment) is armed


def test_a_holiday_is_armed_all_day() -> None:
    """From midnight to midnight, and the night that begins on it goes on as on any school day."""
    schedule = school(holidays={date(2026, 9, 9)})

    assert is_armed(schedule, at(9, 12))
    assert last_change(schedule, at(9, 12)) == at(8, 22)
    assert next_change(schedule, at(9, 12)) == at(10, 6)


def test_a_working_saturday_is_as_a_monday() -> None:
    """School is held: not armed by day, armed at night; the Friday night before ends as usual."""
    schedule = school(workdays={date(2026, 9, 12)})

    assert not is_armed(schedule, at(12, 12))
    assert is_armed(schedule, at(12, 22))
    assert is_armed(schedule, at(12, 5))
    assert is_armed(schedule, at(13, 12))


def test_a_schedule_without_a_change_has_none() -> None:
    """Always or never armed: there is no change to wait for."""
    always = school(Span(frozenset(range(7)), time(0), time(0)))
    never = school(Span(frozenset(), time(0), time(1)))

    assert (is_armed(always, at(7, 12)), next_change(always, at(7, 12)), last_change(always, at(7, 12))) == (
        True,
        None,
        None,
    )
    assert (is_armed(never, at(7, 12)), next_change(never, at(7, 12))) == (False, None)


def test_a_skipped_hour_arms_when_the_clock_jumps() -> None:
    """02:30 does not exist on that night in Berlin: the span begins when the clock shows 03:00."""
    berlin = Schedule((Span(frozenset(range(7)), time(2, 30), time(4)),), Calendar(), ZONES[1])

    assert next_change(berlin, datetime(2026, 3, 29, 0, 0, tzinfo=UTC)) == datetime(
        2026, 3, 29, 1, tzinfo=UTC
    )


@settings(deadline=None)  # the plain search through two years is slow
@given(schedules(), st.one_of(moments, clock_changes))
def test_the_search_misses_no_change(schedule: Schedule, moment: datetime) -> None:
    """A look at every day of the horizon, hour by hour around what it finds, comes to the same stretch."""
    everyday = replace(
        schedule,
        calendar=replace(
            schedule.calendar,
            # no day is changed by it: each is told as what it is, so that all of them are looked at
            workdays=schedule.calendar.workdays
            | {moment.date() + timedelta(days=7 * week - moment.date().weekday()) for week in range(-58, 59)},
        ),
    )

    assert stretch(schedule, moment) == stretch(everyday, moment)
