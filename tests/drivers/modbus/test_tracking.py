"""drivers.modbus.tracking: what of a point's readings is news."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.settings import InputKeys
from drivers.modbus.tracking import PointTrack, Told
from gateway.model import Level, Origin


def track(debounce: int) -> PointTrack:
    return PointTrack(
        InputKeys.model_validate({"function": "discrete", "address": 0, "return_debounce": debounce})
    )


def only_news(point: PointTrack, cell: int, now: float = 0.0) -> tuple[Level, Origin] | None:
    """The one thing that is told of a contact."""
    news = point.observe(cell, now)
    assert len(news) <= 1
    return (news[0].level, news[0].origin) if news else None


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

    assert " ".join(letters[only_news(point, int(cell))] for cell in cells) == news


@given(st.lists(st.integers(0, 1), min_size=1), st.integers(1, 5))
def test_levels_come_in_turns(cells: list[int], debounce: int) -> None:
    """Whatever is read, no level is told twice in a row, and no press is missed or late."""
    point = track(debounce)
    told: list[Level] = []
    for cell in cells:
        news = only_news(point, cell)
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
        point.observe(cell, 0)
        same.observe(cell, 0)

    news_to_come = any(same.observe(cells[-1], 0) for _ in range(debounce))

    assert news_to_come == point.settling


def register(**keys: object) -> PointTrack:
    return PointTrack(
        InputKeys.model_validate({"function": "input", "address": 0, "return_debounce": 1, **keys})
    )


def story(point: PointTrack, cells: list[int], step_s: float = 1.0) -> list[tuple[int, str, str]]:
    """What was told, with the number of the read, the level and whether it was of the sensor."""
    return [
        (number, told.level.value, "sensor" if told.of_sensor else "point")
        for number, cell in enumerate(cells)
        for told in point.observe(cell, number * step_s)
    ]


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.001, 2)), min_size=1, max_size=200),
    st.integers(1, 3),
    st.floats(0.1, 3),
)
def test_returns_are_apart(reads: list[tuple[bool, float]], debounce: int, after_s: float) -> None:
    """However a contact chatters and is read, two returns are `return_after_s` apart, and no press is late."""
    point = PointTrack(
        InputKeys.model_validate(
            {"function": "discrete", "address": 0, "return_debounce": debounce, "return_after_s": after_s}
        )
    )
    now, returned, level = 0.0, [], Level.NORMAL
    for pressed, passes in reads:
        now += passes
        for told in point.observe(int(pressed), now):
            level = told.level
            if told.origin is Origin.EVENT and told.level is Level.NORMAL:
                returned.append(now)
        assert not pressed or level is Level.ACTIVE

    assert all(later - sooner >= after_s - 1e-9 for sooner, later in pairwise(returned))


@pytest.mark.parametrize("phase", [0.0, 0.013, 0.049])
@pytest.mark.parametrize("poll_s", [0.033, 0.1, 0.107, 0.41])
def test_a_chattering_contact_makes_few_events(poll_s: float, phase: float) -> None:
    """A contact that chatters at 20 Hz for a minute makes 121 events at most; here nearly always one press, one return."""
    point = PointTrack(
        InputKeys.model_validate({"function": "discrete", "address": 0, "return_after_s": 1.0})
    )
    point.observe(0, -1)
    told = [
        news
        for read in range(int(62 / poll_s))
        for now in [read * poll_s + phase]
        for news in point.observe(int(now < 60 and now * 20 % 1 < 0.5), now)
    ]

    assert len(told) <= 121
    assert len(told) <= 2


def test_a_rise_is_an_alarm() -> None:
    """8 degrees in a minute are, 4 are not; it is over when the rise has fallen below half."""
    keys = {"scale": 0.1, "rise_per_min": 8, "rise_over_s": 60}
    slow = [200 + second * 40 // 60 for second in range(180)]
    quick = [200] * 60 + [200 + second * 10 // 60 * 10 for second in range(60)] + [300] * 120

    assert story(register(**keys), slow) == [(0, "normal", "point")]
    (_, first, _), (begun, level, _), (ended, back, _) = story(register(**keys), quick)
    assert (first, level, back) == ("normal", "active", "normal")
    assert 60 + 45 <= begun <= 60 + 55
    assert 120 < ended <= 120 + 62


def test_a_jump_is_a_rise() -> None:
    """What takes less than the window is no less of a rise."""
    assert story(register(rise_per_min=8), [20, 20, 29])[-1] == (2, "active", "point")


@given(st.lists(st.integers(0, 500), min_size=1, max_size=300), st.integers(1, 60))
def test_a_falling_value_never_rises(steps: list[int], window: int) -> None:
    """Whatever falls or stands still is no alarm of a rise."""
    falling = sorted(steps, reverse=True)

    assert story(register(rise_per_min=1, rise_over_s=window), falling) == [(0, "normal", "point")]


@given(st.lists(st.integers(0, 200), min_size=1, max_size=200))
def test_a_rise_above_the_lowest_of_its_window(cells: list[int]) -> None:
    """It is in alarm after a rise of the whole amount within the window, and never without one of half of it."""
    point, level = register(rise_per_min=60, rise_over_s=30), "normal"
    for number, cell in enumerate(cells):
        for told in point.observe(cell, float(number)):
            level = told.level.value
        if cell - min(cells[max(0, number - 30) : number + 1]) >= 30:
            assert level == "active"
        if cell - min(cells[max(0, number - 31) : number + 1]) < 15:
            assert level == "normal"


def test_a_broken_sensor_is_a_fault_and_no_alarm() -> None:
    """Out of range it is a fault; no alarm comes or goes meanwhile; then both are told again."""
    keys = {
        "scale": 0.1,
        "signed": True,
        "high": 57,
        "valid_low": -40,
        "valid_high": 125,
        "fault_values": [0x7FFF],
    }
    cells = [210, 0x7FFF, 2000, 0x10000 - 500, 600, 1260, 210]

    assert story(register(**keys), cells) == [
        (0, "normal", "sensor"), (0, "normal", "point"),
        (1, "active", "sensor"),
        (4, "normal", "sensor"), (4, "active", "point"),
        (5, "active", "sensor"),
        (6, "normal", "sensor"), (6, "normal", "point"),
    ]  # fmt: skip


def test_a_sensor_that_is_broken_from_the_start() -> None:
    """Nothing is said of what it measures before it measures; then its present state is told as such."""
    point = register(high=57, valid_high=100)

    assert point.observe(300, 0) == [
        Told(Level.ACTIVE, Origin.STATE, of_sensor=True, fault="sensor out of range: 300, above 100")
    ]
    assert point.observe(60, 1) == [
        Told(Level.NORMAL, Origin.EVENT, of_sensor=True),
        Told(Level.ACTIVE, Origin.STATE),
    ]


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=100), st.integers(1, 3))
def test_levels_of_point_and_sensor_come_in_turns(cells: list[int], debounce: int) -> None:
    """Neither is told twice in a row, and while the sensor is broken nothing is told of the point."""
    point = register(high=40000, valid_high=50000, fault_values=[7], return_debounce=debounce)
    told: dict[bool, list[Level]] = {True: [], False: []}
    for number, cell in enumerate(cells):
        for news in point.observe(cell, float(number)):
            told[news.of_sensor].append(news.level)
            assert news.of_sensor or told[True][-1] is Level.NORMAL

    for levels in told.values():
        assert all(one is not other for one, other in pairwise(levels))
