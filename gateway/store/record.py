"""What a signal, a message or a presence makes of the journal, within one transaction."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.clock import rfc3339, to_ms
from gateway.model import (
    POINT_KINDS,
    Alarm,
    EventType,
    Level,
    Notice,
    Origin,
    Presence,
    Signal,
    Source,
    Waiting,
)
from gateway.policy import alarms
from gateway.policy.alarms import NEVER_SHELVED
from gateway.policy.arming import BY_ZONE, Answer, Watch, answer, obeys_zone, wait
from gateway.store.mirror import levels_of, open_alarms_of
from gateway.store.standing import arming_in, bypass_in, bypasses_of
from gateway.store.transaction import Transaction

#: A test of which only a clock that was not trusted knows the time: later than any stamp, so that it becomes `now`.
NOT_DATED_MS = 2**62


def record_signal(
    tx: Transaction, signal: Signal, source: Source, *, drill: bool, watch: Watch | None = None
) -> None:
    """The heart: the point's level, its alarm, the events that came of it.

    `watch` says what a zone's arming and a point's bypass have to do with it: the journal is asked how they stand in
    this very transaction. None: nothing, it is the gateway's own.
    """
    last = tx.level(signal.point, signal.kind)
    is_press = signal.level is Level.ACTIVE and (signal.origin is Origin.EVENT or last is Level.NORMAL)
    if watch is not None and is_press:
        if watch.untested is not None:
            _mark_tested(tx, signal.point)
            record_own(tx, watch.untested, Level.NORMAL, "")
        if _is_held(tx, signal, watch, drill=drill or signal.test):
            tx.set_level(signal.point, signal.kind, signal.level)
            return
    alarm = tx.open_alarm(source.subject, source.kind)
    step = alarms.step(
        alarm,
        signal,
        source=source,
        last_level=last,
        now=tx.now,
        alarm_id=alarm.id if alarm else tx.ids.take(),
        drill=drill,
    )
    if signal.level is not last:
        tx.set_level(signal.point, signal.kind, signal.level)
    if step is not None:
        tx.apply(step, occurred_at=signal.occurred_at)


def _is_held(tx: Transaction, signal: Signal, watch: Watch, *, drill: bool) -> bool:
    """Whether a press is no alarm now: its zone is disarmed, its point bypassed, or somebody is entering."""
    if signal.kind in NEVER_SHELVED:
        return False
    arming = arming_in(tx.db, watch.zone) if obeys_zone(signal.kind, watch.point_kind) else None
    found = answer(signal.kind, watch, arming, bypass_in(tx.db, signal.point))
    if found in {Answer.WAIT, Answer.BEGIN_ENTRY}:
        tx.set_arming(wait(arming, signal, watch, now=tx.now, drill=drill))
    return found is not Answer.ALARM


def _mark_tested(tx: Transaction, point: str) -> None:
    """A press by a clock that is not trusted is dated by the first look of one that is (`Arming.watch_tests`)."""
    at = to_ms(tx.now) if tx.trusts_clock else NOT_DATED_MS
    tx.db.execute(
        "insert into point_test (point, since_ms, tested_ms) values (?1, ?2, ?2)"
        " on conflict (point) do update set tested_ms = max(coalesce(tested_ms, 0), excluded.tested_ms)",
        (point, at),
    )


def record_held(tx: Transaction, signal: Signal, source: Source, watch: Watch, *, drill: bool) -> None:
    """A point is active while what held its alarm back has ended: it alarms, unless something else holds it.

    Nothing is repeated of an alarm that is open and has not returned. An entry is not begun by what was open before.
    """
    alarm = tx.open_alarm(source.subject, source.kind)
    if alarm is not None and alarm.returned_at is None:
        return
    if not _is_held(tx, signal, replace(watch, entry=False), drill=drill):
        _press(tx, signal, source, alarm, drill=drill)


def record_waiting(
    tx: Transaction, waiting: Waiting, signal: Signal, source: Source, *, can_report: bool
) -> None:
    """An entry is over and nobody has disarmed: who waited alarms, and has returned if it was shut meanwhile.

    So has one that the site file has no more (`can_report`): nobody would ever tell that it was shut (I5).
    """
    _press(tx, signal, source, tx.open_alarm(source.subject, source.kind), drill=waiting.drill)
    if not can_report:
        tx.set_level(signal.point, signal.kind, Level.NORMAL)
    if tx.level(signal.point, signal.kind) is Level.NORMAL:
        alarm = tx.open_alarm(source.subject, source.kind)
        step = alarms.withdraw(alarm, tx.now) if alarm is not None else None
        if step is not None:
            tx.apply(step)


def _press(tx: Transaction, signal: Signal, source: Source, alarm: Alarm | None, *, drill: bool) -> None:
    step = alarms.step(
        alarm,
        signal,
        source=source,
        last_level=Level.NORMAL,
        now=tx.now,
        alarm_id=alarm.id if alarm else tx.ids.take(),
        drill=drill,
    )
    if step is not None:
        tx.apply(step, occurred_at=signal.occurred_at)


def record_reset(tx: Transaction, device: str, device_of: Callable[[str], str]) -> None:
    """A person has reset the device by hand: all that it had reported counts as returned; what lasts it tells anew.

    `device_of` gives the device of a point.
    """
    for alarm in open_alarms_of(tx.db):
        if alarm.source.device != device or alarm.source.point is None:
            continue
        step = alarms.withdraw(alarm, tx.now)
        if step is not None:
            tx.apply(step)
        tx.set_level(alarm.source.subject, alarm.source.kind, Level.NORMAL)
    bypassed = bypasses_of(tx.db)
    for (point, kind), level in levels_of(tx.db).items():  # of what was held back too, which has no alarm
        held = kind in BY_ZONE or (kind in POINT_KINDS and point in bypassed)
        if level is Level.ACTIVE and held and device_of(point) == device:
            tx.set_level(point, kind, Level.NORMAL)


def record_notice(tx: Transaction, notice: Notice) -> None:
    """What a device tells that is no alarm is an event too."""
    tx.emit(
        EventType.DEVICE_REPORTED,
        notice.device,
        {
            "device": notice.device,
            "what": notice.what,
            "detail": notice.detail,
            "operator": notice.operator,
            "occurred_at": rfc3339(notice.occurred_at or tx.now),
        },
        at=notice.occurred_at,
    )


def record_own(tx: Transaction, source: Source, level: Level, detail: str) -> None:
    """The cause of an alarm of the gateway's own is there, or is gone."""
    signal = Signal(
        device=source.subject,
        point=source.subject,
        kind=source.kind,
        level=level,
        origin=Origin.STATE,
        detail=detail,
    )
    record_signal(tx, signal, source, drill=False)


def record_presence(
    tx: Transaction, lost: Source, presence: Presence, reason: str, identity: Mapping[str, str] | None
) -> None:
    """A device is there, or is not any more: a change is an event and, if it is lost, an alarm."""
    before = tx.presence(lost.subject)
    known = identity if identity is not None else (before.identity if before else {})
    if before is not None and before.presence is presence and before.identity == known:
        return
    tx.set_presence(lost.subject, presence, reason, known)
    if presence is Presence.UNKNOWN or (before is not None and before.presence is presence):
        return
    online = presence is Presence.ONLINE
    was_lost = tx.level(lost.subject, lost.kind) is Level.ACTIVE
    if not online or was_lost or before is None or before.presence is not Presence.UNKNOWN:
        tx.emit(
            EventType.DEVICE_ONLINE if online else EventType.DEVICE_OFFLINE,
            lost.subject,
            {"device": lost.subject, "presence": presence.value, "reason": reason, "identity": dict(known)},
        )
    record_own(tx, lost, Level.NORMAL if online else Level.ACTIVE, reason)
