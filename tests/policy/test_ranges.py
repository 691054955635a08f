"""Sets of numbers as runs behave as the sets of numbers that they are."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.ranges import Ranges, runs_of

_RUN = st.tuples(st.integers(1, 40), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def _numbers(ranges: Ranges) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(st.lists(st.tuples(st.booleans(), _RUN)))
def test_adding_and_removing_is_that_of_a_set(steps: list[tuple[bool, tuple[int, int]]]) -> None:
    """After any adding and removing, the runs are those of the set: sorted, apart, none empty."""
    ranges, model = Ranges(), set[int]()
    for adds, (first, last) in steps:
        run = set(range(first, last + 1))
        if adds:
            ranges.add(first, last)
            model |= run
        else:
            assert ranges.remove(first, last) == bool(model & run)
            model -= run
        assert _numbers(ranges) == model
        runs = list(ranges)
        assert all(low <= high for low, high in runs)
        assert all(high + 1 < low for (_, high), (low, _) in itertools.pairwise(runs))
        assert ranges.count == len(model)
        assert ranges.lowest == min(model, default=None)


@given(st.lists(_RUN), _RUN)
def test_looking_is_that_of_a_set(runs: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    """`covers`, `overlap`, `missing` and `in` answer as the set of numbers would."""
    ranges = Ranges(runs)
    numbers, wanted = _numbers(ranges), set(range(asked[0], asked[1] + 1))
    assert ranges.covers(*asked) == (wanted <= numbers)
    assert _numbers(Ranges(ranges.overlap(*asked))) == wanted & numbers
    assert _numbers(Ranges(ranges.missing(*asked))) == wanted - numbers
    assert (asked[0] in ranges) == (asked[0] in numbers)


def test_a_run_that_runs_backwards_is_none() -> None:
    """Backwards runs are refused where they would be kept, and hold nothing where they are asked for."""
    ranges = Ranges([(1, 100)])
    with pytest.raises(ValueError, match="no run"):
        ranges.add(5, 4)
    assert ranges.overlap(50, 40) == []
    assert ranges.missing(50, 40) == []
    assert not ranges.remove(50, 40)
    assert list(ranges) == [(1, 100)]


def test_single_numbers_become_runs() -> None:
    """Numbers in any order, repeated or not, become the fewest runs."""
    assert runs_of([7, 1, 3, 2, 3, 9]) == [(1, 3), (7, 7), (9, 9)]
