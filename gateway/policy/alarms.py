"""What an alarm becomes by a signal or a person's act (DESIGN I5 and "Alarm states"). Values in, values out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.errors import ActRefused
from gateway.model import Alarm, EventType, Kind, Level, Origin, Severity, Signal, Source, Verdict
from gateway.policy.severity import URGENT

#: The longest that an alarm may be shelved, and the kinds that may not be (GB 50394 5.2.3: not disarmable).
SHELVE_LIMIT = timedelta(hours=24)
NEVER_SHELVED = frozenset({Kind.PANIC, Kind.DURESS, Kind.FIRE})

_REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Step:
    """What an alarm has become, and the events that say so, in order."""

    alarm: Alarm
    events: tuple[EventType, ...]


def step(
    alarm: Alarm | None,
    signal: Signal,
    *,
    source: Source,
    last_level: Level,
    now: datetime,
    alarm_id: str,
    drill: bool,
) -> Step | None:
    """What a signal makes of the open alarm of its point and kind (None: there is none open).

    `last_level` is the point's last journalled level, `alarm_id` the id a new alarm gets. Returns None where
    nothing happened: a report of a state that was known.
    """
    if signal.level is Level.NORMAL:
        return _returned(alarm, now)
    if signal.origin is Origin.STATE and last_level is Level.ACTIVE:
        return None
    drill = drill or signal.test
    if alarm is None:
        return _raised(signal, source=source, now=now, alarm_id=alarm_id, drill=drill)
    return _repeated(alarm, signal, now=now, drill=drill)


def _raised(signal: Signal, *, source: Source, now: datetime, alarm_id: str, drill: bool) -> Step:
    alarm = Alarm(
        id=alarm_id,
        source=source,
        drill=drill,
        raised_at=now,
        last_raised_at=now,
        returned_at=None if source.returns else now,
        detail=signal.detail,
    )
    return Step(alarm, _with_return(EventType.ALARM_RAISED, returns=source.returns))


def _repeated(alarm: Alarm, signal: Signal, *, now: datetime, drill: bool) -> Step:
    """A new press. It asks for a new acknowledgement, and a real press during a drill makes the alarm real."""
    returns = alarm.source.returns
    again = replace(
        alarm,
        drill=alarm.drill and drill,
        last_raised_at=now,
        returned_at=None if returns else now,
        acknowledged_at=None,
        acknowledged_by=None,
        repeats=alarm.repeats + 1,
        escalation=0 if alarm.acknowledged_at is not None else alarm.escalation,
        detail=signal.detail or alarm.detail,
    )
    return Step(again, _with_return(EventType.ALARM_REPEATED, returns=returns))


def _with_return(event: EventType, *, returns: bool) -> tuple[EventType, ...]:
    return (event,) if returns else (event, EventType.ALARM_RETURNED)


def _returned(alarm: Alarm | None, now: datetime) -> Step | None:
    if alarm is None or alarm.returned_at is not None:
        return None
    return Step(replace(alarm, returned_at=now), (EventType.ALARM_RETURNED,))


def withdraw(alarm: Alarm, now: datetime) -> Step | None:
    """A point that was removed, or put out of service, counts as returned (I5)."""
    return _returned(alarm, now)


def acknowledge(alarm: Alarm, *, actor: str, now: datetime) -> Step:
    """A person has seen it (确认). Raises ActRefused where there is nothing to acknowledge."""
    _must_be_open(alarm)
    if alarm.acknowledged_at is not None:
        raise ActRefused(
            f"alarm {alarm.id} was already acknowledged by {alarm.acknowledged_by}",
            code="already-acknowledged",
        )
    return Step(replace(alarm, acknowledged_at=now, acknowledged_by=actor), (EventType.ALARM_ACKNOWLEDGED,))


def close(alarm: Alarm, *, actor: str, verdict: Verdict | None, now: datetime) -> Step:
    """A person ends it (复位), by hand only (GB 50394 5.2.3(3)).

    Raises ActRefused unless it is acknowledged and its source is back to normal, and, if it is critical or
    high, without a verdict.
    """
    _must_be_open(alarm)
    if alarm.acknowledged_at is None:
        raise ActRefused(
            f"alarm {alarm.id} is not acknowledged yet: acknowledge it first", code="not-acknowledged"
        )
    if alarm.returned_at is None:
        raise ActRefused(
            f"{alarm.source.name} is still in alarm: release or repair it, then close", code="still-active"
        )
    if verdict is None and alarm.source.severity in URGENT:
        raise ActRefused(
            f"a {alarm.source.severity.value} alarm is closed with a verdict: real, false, test or drill",
            code="verdict-needed",
        )
    if verdict is Verdict.DRILL and not alarm.drill:
        raise ActRefused(
            "this alarm was not part of a drill: close it as real, false or test", code="not-a-drill"
        )
    return Step(
        replace(
            alarm,
            closed_at=now,
            closed_by=actor,
            verdict=verdict,
            shelved_until=None,
            shelved_by=None,
            shelved_reason=None,
        ),
        (EventType.ALARM_CLOSED,),
    )


def shelve(alarm: Alarm, *, actor: str, until: datetime, reason: str, now: datetime) -> Step:
    """A person sets it aside for a limited time (搁置), with a reason; it stays open. Raises ActRefused."""
    _must_be_open(alarm)
    if alarm.source.kind in NEVER_SHELVED:
        raise ActRefused(f"an alarm of kind {alarm.source.kind.value} can't be shelved", code="never-shelved")
    if not reason.strip() or len(reason) > _REASON_LIMIT:
        raise ActRefused(f"shelving needs a reason of 1 to {_REASON_LIMIT} characters", code="reason-needed")
    if not now < until <= now + SHELVE_LIMIT:
        raise ActRefused(
            f"shelving ends within {SHELVE_LIMIT.total_seconds() / 3600:.0f} hours from now",
            code="shelve-too-long",
        )
    return Step(
        replace(alarm, shelved_until=until, shelved_by=actor, shelved_reason=reason.strip()),
        (EventType.ALARM_SHELVED,),
    )


def unshelve(alarm: Alarm) -> Step:
    """The shelf time is over, or a person wants it back. Raises ActRefused if it is not shelved."""
    _must_be_open(alarm)
    if alarm.shelved_until is None:
        raise ActRefused(f"alarm {alarm.id} is not shelved", code="not-shelved")
    return Step(
        replace(alarm, shelved_until=None, shelved_by=None, shelved_reason=None), (EventType.ALARM_UNSHELVED,)
    )


def escalate(alarm: Alarm) -> Step:
    """Nobody acknowledged in time: one step higher (policy.escalation says when)."""
    return Step(replace(alarm, escalation=alarm.escalation + 1), (EventType.ALARM_ESCALATED,))


def lane_of(severity: Severity) -> int:
    """The outbox lane of an alarm's events: critical and high overtake a backlog (DESIGN, lanes)."""
    return 1 if severity in URGENT else 3


def _must_be_open(alarm: Alarm) -> None:
    if not alarm.is_open:
        raise ActRefused(
            f"alarm {alarm.id} was closed by {alarm.closed_by}: nothing more can be done to it", code="closed"
        )
