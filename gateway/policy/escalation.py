"""When an alarm that nobody acknowledged goes one step higher (DESIGN "Severity", escalation). Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.model import Alarm, Severity


@dataclass(frozen=True, slots=True)
class EscalationRule:
    """Seconds between steps for each severity (0 or absent: never), and the highest step."""

    after_s: dict[Severity, int]
    steps: int


def next_step_at(alarm: Alarm, rule: EscalationRule) -> datetime | None:
    """When the next step is due; None if never. Steps are counted from the latest press."""
    seconds = rule.after_s.get(alarm.source.severity, 0)
    if (
        not alarm.is_open
        or alarm.acknowledged_at is not None
        or not seconds
        or alarm.escalation >= rule.steps
    ):
        return None
    due = alarm.last_raised_at + timedelta(seconds=seconds * (alarm.escalation + 1))
    if alarm.shelved_until is not None:
        return max(due, alarm.shelved_until)
    return due
