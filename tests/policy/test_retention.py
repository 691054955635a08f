"""Retention: what goes, what never goes, and in which order."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.retention import (
    Disk,
    Held,
    Load,
    Plan,
    Rules,
    Segment,
    forecast,
    merge,
    plan,
    stretches,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
CAMERAS = ("gate", "hall", "yard")


@dataclass(frozen=True)
class Hold:
    camera: str
    start: datetime
    end: datetime


def segment(number: int, *, days: float, camera: str = "gate", size: int = 10, dated: bool = True) -> Segment:
    """A segment of a minute that ended so many days ago."""
    end = NOW - timedelta(days=days)
    return Segment(
        id=number, camera=camera, start=end - MINUTE, end=end, bytes=size, ended_by=end if dated else None
    )


def rules(
    *,
    keep: float = 90,
    delete_after: float | None = None,
    when_full: Literal["oldest", "newest"] = "oldest",
    **sacrifice: int,
) -> Rules:
    return Rules(
        keep=timedelta(days=keep),
        delete_after=timedelta(days=delete_after) if delete_after is not None else None,
        when_full=when_full,
        sacrifice=sacrifice,
    )


def disk(*, shortage: int = 0, recorded: int = 1000) -> Disk:
    return Disk(recorded_bytes=recorded, free_bytes=100, max_bytes=None, min_free_bytes=100 + shortage)


def ids(segments: tuple[Segment, ...]) -> list[int]:
    return [s.id for s in segments]


def decide(
    segments: list[Segment],
    holds: list[Hold] | None = None,
    *,
    by: Rules | None = None,
    on: Disk | None = None,
    trusted: bool = True,
    truncated: frozenset[str] = frozenset(),
) -> Plan:
    return plan(
        segments,
        holds or [],
        now=NOW,
        clock_trusted=trusted,
        rules=by or rules(),
        disk=on or disk(),
        truncated=truncated,
    )


def test_footage_beyond_the_promise_stays_while_there_is_room() -> None:
    """keep_days is a minimum: without delete_after_days and without need, nothing goes."""
    assert decide([segment(1, days=400)]).delete == ()


def test_delete_after_days_deletes_without_need() -> None:
    """delete_after_days is the privacy limit: beyond it footage goes though there is room."""
    decided = decide([segment(1, days=121), segment(2, days=119)], by=rules(delete_after=120))

    assert ids(decided.expired) == [1]
    assert ids(decided.delete) == [1]


def test_what_is_beyond_the_promise_goes_before_anything_inside_it() -> None:
    """Short of space, surplus of whichever camera goes first, oldest first, and no more than needed."""
    shelf = [segment(1, days=92), segment(2, days=91, camera="hall"), segment(3, days=89)]

    decided = decide(shelf, by=rules(gate=9), on=disk(shortage=15))

    assert ids(decided.surplus) == [1, 2]
    assert decided.given_up == ()
    assert decided.shortfall == 0


def test_i8_inside_the_promise_the_stated_order_applies() -> None:
    """The camera of the highest rank gives up all its footage before another gives up a minute."""
    shelf = [segment(1, days=80), segment(2, days=10, camera="yard"), segment(3, days=5, camera="yard")]

    decided = decide(shelf, by=rules(yard=2), on=disk(shortage=25))

    assert ids(decided.given_up) == [2, 3, 1]


def test_newest_gives_up_nothing_inside_the_promise() -> None:
    """when_full = newest: what there is stays, and the shortfall says that recording has to stop."""
    decided = decide([segment(1, days=80)], by=rules(when_full="newest"), on=disk(shortage=5))

    assert decided.delete == ()
    assert decided.shortfall == 5
    assert not decided.partial


def test_i7_a_hold_is_absolute() -> None:
    """Held footage stays beyond the privacy limit and with a full disk; what touches the hold is held too."""
    held = segment(1, days=200)
    hold = Hold("gate", held.end, held.end + MINUTE)

    decided = decide([held, segment(2, days=199)], [hold], by=rules(delete_after=90), on=disk(shortage=999))

    assert ids(decided.delete) == [2]
    assert decided.shortfall == 989


def test_a_hold_on_one_camera_holds_no_other() -> None:
    """A hold names its camera."""
    shelf = [segment(1, days=200), segment(2, days=200, camera="hall")]

    decided = decide(shelf, [Hold("hall", NOW - 300 * DAY, NOW)], by=rules(delete_after=90))

    assert ids(decided.delete) == [1]


def test_i10_nothing_goes_by_age_while_the_clock_is_untrusted() -> None:
    """Untrusted: no privacy limit, no surplus; shortage goes by rank and order of recording."""
    shelf = [segment(1, days=10), segment(2, days=400), segment(3, days=400, camera="yard")]

    assert decide(shelf, by=rules(delete_after=90), trusted=False).delete == ()

    short = decide(shelf, by=rules(delete_after=90, yard=1), on=disk(shortage=15), trusted=False)

    assert ids(short.given_up) == [3, 1]


def test_i10_footage_stamped_by_a_wrong_clock_has_no_age() -> None:
    """A segment stamped 1970 is not 56 years old: it goes only as part of the promise, if at all."""
    stray = segment(1, days=20_000, dated=False)

    assert decide([stray], by=rules(delete_after=90)).delete == ()
    assert ids(decide([stray], on=disk(shortage=1)).given_up) == [1]


def test_nothing_is_taken_ahead_of_what_was_not_shown() -> None:
    """A camera with more segments than were shown stops the plan where its unseen ones would be next."""
    shelf = [segment(1, days=10, camera="yard"), segment(2, days=80)]

    decided = decide(shelf, by=rules(yard=1), on=disk(shortage=20), truncated=frozenset({"yard"}))

    assert ids(decided.given_up) == [1]
    assert decided.partial


def test_newest_does_not_wait_for_segments_that_were_not_shown() -> None:
    """What was not shown is newer than what was: with `newest` it can't be had either, so recording has to stop."""
    decided = decide(
        [segment(1, days=91), segment(2, days=80)],
        by=rules(when_full="newest"),
        on=disk(shortage=20),
        truncated=frozenset({"gate"}),
    )

    assert ids(decided.delete) == [1]
    assert decided.shortfall == 10
    assert not decided.partial


def test_a_camera_of_which_all_that_was_shown_has_expired_is_looked_at_again() -> None:
    """There may be more beyond the privacy limit, and nothing else goes before that is known."""
    shelf = [segment(1, days=200), segment(2, days=100, camera="hall")]

    decided = decide(shelf, by=rules(delete_after=120), on=disk(shortage=20), truncated=frozenset({"gate"}))

    assert ids(decided.delete) == [1]
    assert decided.partial


def test_a_shortage_that_is_met_by_age_gives_up_nothing() -> None:
    """What goes for privacy counts towards the space that is needed."""
    shelf = [segment(1, days=200, size=50), segment(2, days=20)]

    decided = decide(shelf, by=rules(delete_after=90), on=disk(shortage=50))

    assert ids(decided.delete) == [1]


@pytest.mark.parametrize(
    ("recorded", "free", "maximum", "least", "capacity", "shortage"),
    [
        (100, 50, None, 20, 130, 0),
        (100, 10, None, 20, 90, 10),
        (100, 50, 80, 20, 80, 20),
        (100, 50, 500, 20, 130, 0),
        (10, 0, None, 100, 0, 100),
    ],
)
def test_the_budget(
    recorded: int, free: int, maximum: int | None, least: int, capacity: int, shortage: int
) -> None:
    """Both limits count, the tighter one decides."""
    budget = Disk(recorded_bytes=recorded, free_bytes=free, max_bytes=maximum, min_free_bytes=least)

    assert (budget.capacity, budget.shortage) == (capacity, shortage)


def test_stretches_join_what_lies_side_by_side() -> None:
    """Given-up footage goes on the record as stretches for each camera."""
    first, second = segment(1, days=1), segment(3, days=3)
    next_to = Segment(
        id=2, camera="gate", start=first.end, end=first.end + MINUTE, bytes=1, ended_by=first.end
    )

    assert stretches([next_to, first, second]) == [
        ("gate", second.start, second.end),
        ("gate", first.start, next_to.end),
    ]


def test_forecast_serves_the_lowest_rank_first() -> None:
    """What does not fit is missing from the cameras of the highest rank, shared equally within a rank."""
    loads = [Load(camera="gate", bytes_per_day=10), *(Load(camera=c, bytes_per_day=5) for c in ("a", "b"))]

    found = forecast(loads, capacity_bytes=1200, rules=rules(a=1, b=1))

    assert {f.camera: f.days for f in found} == {"gate": 120, "a": 30, "b": 30}


def test_a_camera_that_records_nothing_is_not_at_risk() -> None:
    """No load, no shortage."""
    assert forecast([Load(camera="gate", bytes_per_day=0)], capacity_bytes=0, rules=rules())[0].days > 90


# Properties, over any shelf.

segments = st.lists(
    st.builds(
        segment,
        st.just(0),
        days=st.floats(-1, 200),
        camera=st.sampled_from(CAMERAS),
        size=st.integers(1, 100),
        dated=st.booleans(),
    ),
    max_size=30,
).map(lambda found: [_numbered(s, n) for n, s in enumerate(found)])
holds = st.lists(
    st.builds(
        lambda camera, days, length: Hold(camera, NOW - days * DAY, NOW - days * DAY + length * DAY),
        st.sampled_from(CAMERAS),
        st.floats(-1, 200),
        st.floats(0, 30),
    ),
    max_size=5,
)
some_rules = st.builds(
    rules,
    keep=st.just(90),
    delete_after=st.none() | st.floats(90, 150),
    when_full=st.sampled_from(["oldest", "newest"]),
    gate=st.integers(0, 2),
    hall=st.integers(0, 2),
)
disks = st.builds(disk, shortage=st.integers(0, 600))


def _numbered(found: Segment, number: int) -> Segment:
    return Segment(
        id=number,
        camera=found.camera,
        start=found.start,
        end=found.end,
        bytes=found.bytes,
        ended_by=found.ended_by,
    )


@given(
    shelf=segments,
    live=holds,
    by=some_rules,
    on=disks,
    trusted=st.booleans(),
    more=st.sets(st.sampled_from(CAMERAS)),
)
def test_i7_never_under_a_live_hold(
    *, shelf: list[Segment], live: list[Hold], by: Rules, on: Disk, trusted: bool, more: set[str]
) -> None:
    """Whatever the rules, the disk and the clock: nothing that a hold touches goes."""
    for gone in decide(shelf, live, by=by, on=on, trusted=trusted, truncated=frozenset(more)).delete:
        assert not any(
            hold.camera == gone.camera and hold.start <= gone.end and hold.end >= gone.start for hold in live
        )


@given(shelf=segments, live=holds, by=some_rules, on=disks, trusted=st.booleans())
def test_i8_never_inside_the_promise_unless_the_disk_is_short(
    *, shelf: list[Segment], live: list[Hold], by: Rules, on: Disk, trusted: bool
) -> None:
    """Footage inside the promise is given up only for a shortage, no more of it than needed, never with `newest`."""
    decided = decide(shelf, live, by=by, on=on, trusted=trusted)

    assert all(
        trusted and s.ended_by is not None and s.ended_by <= NOW - by.keep
        for s in decided.expired + decided.surplus
    )
    if decided.given_up:
        assert by.when_full == "oldest"
        assert sum(s.bytes for s in decided.delete[:-1]) < on.shortage
    if not on.shortage:
        assert decided.delete == decided.expired


@given(
    shelf=segments,
    live=holds,
    by=some_rules,
    on=disks,
    trusted=st.booleans(),
    more=st.sets(st.sampled_from(CAMERAS)),
)
def test_i8_never_another_cameras_promise_before_the_stated_order(
    *, shelf: list[Segment], live: list[Hold], by: Rules, on: Disk, trusted: bool, more: set[str]
) -> None:
    """Before a camera gives up footage, every camera of a higher rank has given up all it has that is not held."""
    decided = decide(shelf, live, by=by, on=on, trusted=trusted, truncated=frozenset(more))
    gone = set(ids(decided.delete))
    held = Held(live)
    for given_up in decided.given_up:
        ahead = [s for s in shelf if by.rank(s.camera) > by.rank(given_up.camera)]
        assert all(s.id in gone or held.touches(s.camera, s.start, s.end) for s in ahead)
        assert not any(
            camera in more and by.rank(camera) > by.rank(given_up.camera)
            for camera in {s.camera for s in ahead if s.id in gone}
        )


@given(segments, some_rules, disks)
def test_i10_an_untrusted_clock_deletes_nothing_by_age(shelf: list[Segment], by: Rules, on: Disk) -> None:
    """Untrusted: only a shortage deletes, and all of it counts as given up."""
    decided = decide(shelf, by=by, on=on, trusted=False)

    assert decided.expired == decided.surplus == ()


@given(segments, holds, some_rules, disks)
def test_the_shortfall_is_what_is_left(shelf: list[Segment], live: list[Hold], by: Rules, on: Disk) -> None:
    """Bytes that go and the shortfall make up the shortage, and recording has to stop only when nothing is left."""
    decided = decide(shelf, live, by=by, on=on)
    gone = sum(s.bytes for s in decided.delete)

    assert decided.shortfall == max(0, on.shortage - gone)
    if decided.shortfall and by.when_full == "oldest":
        held = Held(live)
        assert all(
            held.touches(s.camera, s.start, s.end) for s in shelf if s.id not in set(ids(decided.delete))
        )


moments = st.floats(0, 100).map(lambda days: NOW + days * DAY)


@given(st.lists(st.tuples(moments, moments).map(lambda pair: (min(pair), max(pair)))), moments)
def test_merge_keeps_the_same_time(intervals: list[tuple[datetime, datetime]], moment: datetime) -> None:
    """An instant is in the merged intervals exactly if it was in one of them; they are disjoint and in order."""
    merged = merge(intervals)

    assert any(a <= moment <= b for a, b in intervals) == any(a <= moment <= b for a, b in merged)
    assert all(first[1] < second[0] for first, second in pairwise(merged))
