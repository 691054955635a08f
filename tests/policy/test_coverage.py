"""Coverage: what was recorded, and why the rest was not."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.coverage import BEFORE, JOINT, UNKNOWN, Gap, coverage, since_records_begin

START = datetime(2026, 3, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(
    recorded: list[tuple[float, float]], known: list[tuple[float, float, str]]
) -> list[tuple[float, float, str]]:
    """The gaps of the first 100 seconds."""
    found = coverage(
        [(at(a), at(b)) for a, b in recorded],
        [Gap(start=at(a), end=at(b), cause=cause) for a, b, cause in known],
        start=START,
        end=at(100),
    )
    return [((g.start - START).total_seconds(), (g.end - START).total_seconds(), g.cause) for g in found.gaps]


def test_segments_side_by_side_are_whole() -> None:
    """Milliseconds of rounding between segments, overlaps and ends outside the time asked for are no gaps."""
    found = coverage(
        [(at(-20), at(40)), (at(40.02), at(70)), (at(69), at(120))], [], start=START, end=at(100)
    )

    assert found.share == 1.0
    assert found.gaps == ()


def test_a_hole_without_a_row_is_of_unknown_cause() -> None:
    """Nothing is glossed over."""
    assert told([(0, 40), (60, 100)], []) == [(40, 60, UNKNOWN)]


def test_a_hole_takes_the_cause_of_its_row() -> None:
    """The row's edges may be a little off those of the footage."""
    assert told([(0, 40), (60, 100)], [(41.5, 59, "camera")]) == [(40, 60, "camera")]


def test_a_row_over_recorded_time_is_no_gap() -> None:
    """Footage that is there was recorded, whatever a row says."""
    assert told([(0, 100)], [(10, 20, "camera")]) == []


def test_one_hole_can_have_several_causes() -> None:
    """Each stretch has its own; what is between them and is no slack is unknown."""
    known: list[tuple[float, float, str]] = [(10, 30, "stopped"), (30, 50, "network"), (70, 100, "disk")]

    assert told([(0, 10)], known) == [
        (10, 30, "stopped"),
        (30, 50, "network"),
        (50, 70, UNKNOWN),
        (70, 100, "disk"),
    ]


@pytest.mark.parametrize(
    ("recorded", "begun", "causes"),
    [
        ([(60, 100)], 50, [(0, 50, BEFORE), (50, 60, UNKNOWN)]),
        ([(60, 100)], 57, [(0, 60, BEFORE)]),
        ([(60, 100)], 80, [(0, 60, BEFORE)]),
        ([(0, 20), (60, 100)], 50, [(20, 60, UNKNOWN)]),
        ([(10, 20), (60, 100)], 50, [(0, 10, BEFORE), (20, 60, UNKNOWN)]),
        ([], 40, [(0, 40, BEFORE), (40, 100, UNKNOWN)]),
        ([], 300, [(0, 100, BEFORE)]),
        ([(60, 100)], -10, [(0, 60, UNKNOWN)]),
    ],
)
def test_what_was_before_the_gateway_is_told_apart(
    recorded: list[tuple[float, float]], begun: float, causes: list[tuple[float, float, str]]
) -> None:
    """Only what is before the journal and before any footage; the rest stays unknown."""
    found = coverage([(at(a), at(b)) for a, b in recorded], [], start=START, end=at(100))
    told = since_records_begin(found, at(begun))

    assert [(g.start, g.end, g.cause) for g in told.gaps] == [(at(a), at(b), cause) for a, b, cause in causes]
    assert told.recorded == found.recorded


def test_a_cause_that_is_known_stays_even_before_the_journal() -> None:
    """The row says more."""
    known = [Gap(start=at(0), end=at(30), cause="stopped")]
    found = coverage([(at(30), at(100))], known, start=START, end=at(100))

    assert since_records_begin(found, at(90)) == found


def test_nothing_recorded_at_all() -> None:
    """The share is 0 and the whole time one gap."""
    found = coverage([], [], start=START, end=at(100))

    assert found.share == 0
    assert [gap.cause for gap in found.gaps] == [UNKNOWN]


def test_no_time_at_all_is_covered() -> None:
    """An empty interval misses nothing."""
    assert coverage([], [], start=START, end=START).share == 1.0


def test_an_interval_the_wrong_way_round_is_refused() -> None:
    """The caller learns of its mistake."""
    with pytest.raises(ValueError, match="before the start"):
        coverage([], [], start=at(1), end=START)


pairs = st.tuples(st.floats(-10, 110), st.floats(-10, 110)).map(lambda p: (min(p), max(p)))


@given(st.lists(pairs), st.lists(st.tuples(pairs, st.sampled_from(["camera", "disk"]))))
def test_gaps_and_footage_make_up_the_whole(
    recorded: list[tuple[float, float]], known: list[tuple[tuple[float, float], str]]
) -> None:
    """Recorded time and gaps add up exactly; gaps are in order, disjoint, and contain no second that was recorded."""
    found = coverage(
        [(at(a), at(b)) for a, b in recorded],
        [Gap(start=at(a), end=at(b), cause=cause) for (a, b), cause in known],
        start=START,
        end=at(100),
    )
    missing = sum((gap.end - gap.start for gap in found.gaps), timedelta())

    assert found.recorded + missing == timedelta(seconds=100)
    assert all(a.end <= b.start for a, b in pairwise(found.gaps))
    for gap in found.gaps:
        assert gap.start < gap.end
        assert not any(at(a) < gap.end and at(b) > gap.start and at(b) - at(a) > JOINT for a, b in recorded)
