"""drivers.modbus.tracking: what of a point's readings is news."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.settings import PointKeys
from drivers.modbus.tracking import PointTrack
from gateway.model import Level, Origin


def track(debounce: int) -> PointTrack:
    return PointTrack(
        PointKeys.model_validate({"function": "discrete", "address": 0, "return_debounce": debounce})
    )


@pytest.mark.parametrize(
    ("debounce", "cells", "news"),
    [
        (1, "0101", "n A N A"),
        (1, "1", "a"),
        (2, "0", "n"),
        (2, "1001", "a - N A"),
        (2, "01011", "n A - - -"),
        (2, "0100", "n A - N"),
        (3, "01001000", "n A - - - - - N"),
    ],
)
def test_news(debounce: int, cells: str, news: str) -> None:
    """The first read tells the state (a, n); then a press is told at once (A), its return after so many reads (N)."""
    letters = {
        (Level.ACTIVE, Origin.STATE): "a",
        (Level.NORMAL, Origin.STATE): "n",
        (Level.ACTIVE, Origin.EVENT): "A",
        (Level.NORMAL, Origin.EVENT): "N",
        None: "-",
    }
    point = track(debounce)

    assert " ".join(letters[point.observe(int(cell))] for cell in cells) == news


@given(st.lists(st.integers(0, 1), min_size=1), st.integers(1, 5))
def test_levels_come_in_turns(cells: list[int], debounce: int) -> None:
    """Whatever is read, no level is told twice in a row, and no press is missed or late."""
    point = track(debounce)
    told: list[Level] = []
    for cell in cells:
        news = point.observe(cell)
        if news is not None:
            told.append(news[0])
        if cell:
            assert told[-1] is Level.ACTIVE

    assert all(one is not other for one, other in pairwise(told))


@given(st.lists(st.integers(0, 1), min_size=1), st.integers(1, 5))
def test_an_unsettled_point_is_marked(cells: list[int], debounce: int) -> None:
    """If the same read once more would be news, the point says that it is settling."""
    point, same = track(debounce), track(debounce)
    for cell in cells:
        point.observe(cell)
        same.observe(cell)

    news_to_come = any(same.observe(cells[-1]) is not None for _ in range(debounce))

    assert news_to_come == point.settling
