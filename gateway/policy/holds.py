"""Which footage an alarm holds, and for how long (DESIGN "Retention is a range", automatic holds). Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.model import Alarm, Verdict
from gateway.policy.severity import URGENT


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRules:
    """How much footage around a press is held, and how long after the close."""

    before: timedelta
    after: timedelta
    keep: timedelta


def interval(alarm: Alarm, rules: HoldRules) -> tuple[datetime, datetime] | None:
    """The footage that the alarm's latest press holds; None where its severity holds none."""
    if alarm.source.severity not in URGENT or not alarm.source.cameras:
        return None
    return alarm.last_raised_at - rules.before, alarm.last_raised_at + rules.after


def expiry(alarm: Alarm, rules: HoldRules) -> datetime | None:
    """When the holds of an alarm end: None while it is open, at once for what turned out to be nothing."""
    if alarm.closed_at is None:
        return None
    if alarm.verdict in {Verdict.FALSE, Verdict.TEST, Verdict.DRILL}:
        return alarm.closed_at
    return alarm.closed_at + rules.keep
