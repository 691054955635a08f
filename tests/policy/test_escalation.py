"""gateway.policy.escalation: when the next step is due."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.model import Alarm, Kind, Severity
from gateway.policy.escalation import EscalationRule, next_step_at
from tests.clocks import START
from tests.policy.alarms_by_hand import acknowledged, closed, raised, returned, shelved

RULE = EscalationRule(after_s={Severity.CRITICAL: 60, Severity.HIGH: 180, Severity.MEDIUM: 0}, steps=3)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("alarm", "due"),
    [
        (raised(), after(60)),
        (replace(raised(), escalation=1), after(120)),
        (replace(raised(), escalation=2), after(180)),
        (replace(raised(), escalation=3), None),
        (raised(Kind.SMOKE), after(180)),
        (raised(Kind.TAMPER), None),  # its severity has 0
        (raised(Kind.DOOR), None),  # its severity is not named
        (acknowledged(raised()), None),
        (closed(raised()), None),
        (returned(raised()), after(60)),  # a short press waits for a person just as well
        (replace(raised(), last_raised_at=after(30)), after(90)),
        (replace(raised(), last_raised_at=after(30), escalation=1), after(150)),
        (shelved(raised(Kind.SMOKE)), after(3600)),
        (replace(raised(Kind.SMOKE), shelved_until=after(10)), after(180)),
        (raised(drill=True), after(60)),  # drills are acknowledged too
    ],
)
def test_when_the_next_step_is_due(alarm: Alarm, due: datetime | None) -> None:
    """Counted from the latest press, by severity, to the highest step; never for what a person has in hand."""
    assert next_step_at(alarm, RULE) == due
