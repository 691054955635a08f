"""Alarms for policy tests, built from values alone."""

from dataclasses import replace
from datetime import timedelta

from gateway.model import Alarm, Kind, Level, Origin, Severity, Signal, Source, Verdict, Zone
from gateway.policy import alarms
from gateway.policy.severity import severity_of
from tests.clocks import START

GATE = Zone(id="gate", name="校门", place="1 号楼一层", cameras=("cam-gate",))


def source(kind: Kind = Kind.PANIC, *, returns: bool = True, severity: Severity | None = None) -> Source:
    """A point at the gate."""
    return Source(
        subject="gate-button",
        point="gate-button",
        device="buttons",
        kind=kind,
        severity=severity or severity_of(kind),
        name="门卫室按钮",
        zone=GATE,
        cameras=GATE.cameras,
        returns=returns,
    )


def signal(
    level: Level = Level.ACTIVE,
    origin: Origin = Origin.EVENT,
    *,
    kind: Kind = Kind.PANIC,
    detail: str = "",
    test: bool = False,
) -> Signal:
    """What a driver says of that point."""
    return Signal(
        device="buttons",
        point="gate-button",
        kind=kind,
        level=level,
        origin=origin,
        detail=detail,
        test=test,
    )


def raised(kind: Kind = Kind.PANIC, *, returns: bool = True, drill: bool = False) -> Alarm:
    """An alarm as its first signal leaves it."""
    step = alarms.step(
        None,
        signal(kind=kind),
        source=source(kind, returns=returns),
        last_level=Level.NORMAL,
        now=START,
        alarm_id="alarm-1",
        drill=drill,
    )
    assert step is not None
    return step.alarm


def returned(alarm: Alarm) -> Alarm:
    """Its source is back to normal 10 s later."""
    return replace(alarm, returned_at=START + timedelta(seconds=10))


def acknowledged(alarm: Alarm) -> Alarm:
    """Zhang has seen it 20 s later."""
    return replace(alarm, acknowledged_at=START + timedelta(seconds=20), acknowledged_by="zhang")


def shelved(alarm: Alarm) -> Alarm:
    """Zhang has set it aside for an hour."""
    return replace(
        alarm, shelved_until=START + timedelta(hours=1), shelved_by="zhang", shelved_reason="building works"
    )


def closed(alarm: Alarm, verdict: Verdict | None = Verdict.REAL) -> Alarm:
    """Li has ended it 30 s later."""
    return alarms.close(
        returned(acknowledged(alarm)), actor="li", verdict=verdict, now=START + timedelta(seconds=30)
    ).alarm
