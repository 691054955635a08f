"""drivers.modbus.tracking and codec at the edges: cold stores, missing samples, broken sensors in an alarm, presses in a row."""

import pytest

from drivers.modbus.codec import sensor_fault_of, value_of
from drivers.modbus.settings import InputKeys
from drivers.modbus.tracking import PointTrack
from gateway.model import Level, Origin


def keys(**given: object) -> InputKeys:
    return InputKeys.model_validate({"function": "input", "address": 0, "return_debounce": 1, **given})


def levels(point: PointTrack, reads: list[tuple[float, int]]) -> list[tuple[float, str]]:
    """When what was told of the point itself, not of its sensor."""
    return [
        (at, told.level.value) for at, cell in reads for told in point.observe(cell, at) if not told.of_sensor
    ]


def minus(value: int) -> int:
    return 0x10000 - value


def test_hysteresis_below_zero() -> None:
    """A cold store at -18: alarm at -10.0, over when it is below -12.0, not at it."""
    point = PointTrack(keys(signed=True, scale=0.1, high=-10, hysteresis=2))
    told = levels(
        point, [(0, minus(180)), (1, minus(100)), (2, minus(119)), (3, minus(120)), (4, minus(121)), (5, minus(101))]
    )  # fmt: skip

    assert told == [(0, "normal"), (1, "active"), (4, "normal")]


def test_low_hysteresis_below_zero() -> None:
    """Alarm at -25.0 and below, over above -24.0."""
    point = PointTrack(keys(signed=True, scale=0.1, low=-25, hysteresis=1))
    told = levels(point, [(0, minus(250)), (1, minus(240)), (2, minus(239)), (3, 0), (4, minus(251))])

    assert told == [(0, "active"), (2, "normal"), (4, "active")]


@pytest.mark.parametrize("first", [0, 1, 1000, 0x8000, 0xFFFF])
def test_the_first_sample_is_no_rise(first: int) -> None:
    """Whatever the first sample is, nothing has risen yet."""
    assert levels(PointTrack(keys(rise_per_min=1)), [(1e9, first)]) == [(1e9, "normal")]


def test_a_rise_over_missing_samples() -> None:
    """Within the window a gap hides no rise; what is older than the window is forgotten, and is no rise of a moment."""
    assert levels(PointTrack(keys(rise_per_min=8)), [(0, 20), (1, 20), (45, 30)])[-1] == (45, "active")
    assert levels(PointTrack(keys(rise_per_min=8)), [(0, 20), (1, 20), (300, 30)]) == [(0, "normal")]


def test_a_slow_drift_is_no_rise() -> None:
    """Three degrees in a minute, for an hour, where eight are an alarm."""
    drift = [(float(second), 200 + second // 2) for second in range(3600)]

    assert levels(PointTrack(keys(scale=0.1, rise_per_min=8)), drift) == [(0.0, "normal")]


@pytest.mark.parametrize("broken", [0x8000, 0x7FFF, 2000])
def test_an_alarm_stays_while_its_sensor_is_broken(broken: int) -> None:
    """A sensor that burns away takes no alarm back: only a measured value at rest does."""
    point = PointTrack(keys(scale=0.1, signed=True, high=57, valid_low=-40, valid_high=125))
    reads = [
        (0.0, 200),
        (1.0, 600),
        *((float(at), broken) for at in range(2, 100)),
        (100.0, 590),
        (101.0, 200),
    ]

    assert levels(point, reads) == [(0.0, "normal"), (1.0, "active"), (101.0, "normal")]


def test_a_register_of_floats_of_no_number() -> None:
    """What makers use for no value is the raw register, before mask, sign and scale."""
    sensor = keys(scale=0.1, signed=True, high=57, fault_values=[0x7FFF, 0x8000, 0xFFFF, 0x7FC0])

    assert all(sensor_fault_of(sensor, raw) for raw in sensor.fault_values)
    assert not sensor_fault_of(sensor, 0x7FFE)
    assert value_of(sensor, 0xFFFE) == -0.2


def test_two_presses_within_the_second() -> None:
    """A press soon after a release is part of an alarm that is still active; one after the return is told anew."""
    button = PointTrack(
        InputKeys.model_validate({"function": "discrete", "address": 0, "return_after_s": 1.0})
    )
    pressed = ((1.0, 1.15), (1.5, 1.65), (4.0, 4.15))
    told = [
        (round(read * 0.1, 1), news.level, news.origin)
        for read in range(80)
        for news in button.observe(int(any(a <= read * 0.1 < b for a, b in pressed)), read * 0.1)
    ]

    assert [(level, origin) for _, level, origin in told] == [
        (Level.NORMAL, Origin.STATE),
        (Level.ACTIVE, Origin.EVENT),
        (Level.NORMAL, Origin.EVENT),
        (Level.ACTIVE, Origin.EVENT),
        (Level.NORMAL, Origin.EVENT),
    ]
    assert told[1][0] == 1.0
    assert told[2][0] > 2.5
    assert told[3][0] == 4.0
