"""gateway.policy.holds: which footage an alarm holds, and for how long."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.model import Alarm, Kind, Verdict
from gateway.policy.holds import HoldRules, expiry, interval
from gateway.policy.severity import URGENT, severity_of
from tests.clocks import START
from tests.policy.alarms_by_hand import acknowledged, closed, raised, returned

RULES = HoldRules(before=timedelta(seconds=30), after=timedelta(seconds=60), keep=timedelta(days=180))


@pytest.mark.parametrize("kind", Kind)
def test_only_critical_and_high_alarms_hold(kind: Kind) -> None:
    """A press holds from 30 s before it to 60 s after; a medium or low alarm holds nothing."""
    expected = (START - RULES.before, START + RULES.after) if severity_of(kind) in URGENT else None

    assert interval(raised(kind), RULES) == expected


def test_the_latest_press_counts() -> None:
    """A repetition holds the footage around itself."""
    press = START + timedelta(hours=2)

    assert interval(replace(raised(), last_raised_at=press), RULES) == (
        press - RULES.before,
        press + RULES.after,
    )


def test_where_no_camera_sees_nothing_is_held() -> None:
    """Without cameras there is no footage."""
    alarm = raised()

    assert interval(replace(alarm, source=replace(alarm.source, cameras=())), RULES) is None


def test_drills_hold_too() -> None:
    """Whether it was a drill is known for certain only when a person closes it."""
    assert interval(raised(drill=True), RULES) is not None


@pytest.mark.parametrize("alarm", [raised(), returned(raised()), acknowledged(raised())])
def test_an_open_alarm_holds_without_end(alarm: Alarm) -> None:
    """Nothing expires before a person has closed it."""
    assert expiry(alarm, RULES) is None


@pytest.mark.parametrize(
    ("verdict", "keep"),
    [
        (Verdict.REAL, RULES.keep),
        (Verdict.FALSE, timedelta(0)),
        (Verdict.TEST, timedelta(0)),
        (Verdict.DRILL, timedelta(0)),
    ],
)
def test_the_verdict_says_how_long(verdict: Verdict, keep: timedelta) -> None:
    """What was real is kept for `hold_days`; what turned out to be nothing is let go at the close."""
    ended = closed(raised(drill=True), verdict)

    assert ended.closed_at is not None
    assert expiry(ended, RULES) == ended.closed_at + keep


def test_without_a_verdict_it_is_kept() -> None:
    """In doubt footage is kept: an alarm closed without a verdict counts as real."""
    ended = replace(closed(raised()), verdict=None)

    assert ended.closed_at is not None
    assert expiry(ended, RULES) == ended.closed_at + RULES.keep
