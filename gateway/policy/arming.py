"""What a zone's arming (布防, 撤防) and a point's bypass (旁路) make of a signal, and what people may do to them. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from gateway.errors import ActRefused
from gateway.model import GATEWAY, Bypass, Kind, Signal, Source, Waiting, ZoneArming
from gateway.policy.alarms import NEVER_SHELVED
from gateway.policy.schedule import Stretch

#: The kinds that obey their zone. All others watch round the clock and can't be disarmed (GB 50394 5.2.3, 5.2.4).
BY_ZONE = frozenset({Kind.INTRUSION, Kind.DOOR})

#: A bypass lasts so long at most.
BYPASS_LIMIT = timedelta(hours=24)

#: Points that wait during an entry; one more alarms at once.
WAITING_LIMIT = 1000

#: Who arms and disarms by the site file's schedule.
SCHEDULE = "schedule"

_REASON_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the site file says of a signal's point and zone. `point_kind` is None for an address that no point names.

    `untested` is the source of the point's alarm for want of a test, where this signal proves that it works.
    """

    zone: str | None
    point_kind: Kind | None = None
    entry: bool = False
    entry_s: int = 0
    untested: Source | None = None


class Answer(Enum):
    """What becomes of a point that has gone active."""

    ALARM = "alarm"
    NOTHING = "nothing"
    WAIT = "wait"
    BEGIN_ENTRY = "begin-entry"


def answer(kind: Kind, watch: Watch, arming: ZoneArming | None, bypass: Bypass | None) -> Answer:
    """Whether a point that has gone active alarms now, later, or not at all.

    `arming` is None for a zone that was never armed or disarmed: it is armed. A bypass of an intrusion or door point,
    which a guard may place, does not cover its tampers and faults.
    """
    if bypass is not None and bypass.lasts and _covers(bypass, watch.point_kind, kind):
        return Answer.NOTHING
    if watch.zone is None or not obeys_zone(kind, watch.point_kind):
        return Answer.ALARM
    if arming is not None and (not arming.armed or arming.exit_until is not None):
        return Answer.NOTHING
    if arming is not None and arming.entry_until is not None:
        return Answer.WAIT if len(arming.waiting) < WAITING_LIMIT else Answer.ALARM
    return Answer.BEGIN_ENTRY if watch.entry and watch.entry_s > 0 else Answer.ALARM


def obeys_zone(kind: Kind, point_kind: Kind | None) -> bool:
    """Whether a signal asks its zone: of an intrusion or door point, and saying so.

    A panel may call a press of a round-the-clock point a burglary: what the site file says of the point decides.
    `point_kind` is None for an address that no point names.
    """
    return kind in BY_ZONE and (point_kind is None or point_kind in BY_ZONE)


def _covers(bypass: Bypass, point_kind: Kind | None, kind: Kind) -> bool:
    if not still_applies(bypass, point_kind) or kind in NEVER_SHELVED:
        return False
    return kind in BY_ZONE or bypass.kind not in BY_ZONE


def still_applies(bypass: Bypass, point_kind: Kind | None) -> bool:
    """Whether the site file still has the point that was set aside: the same one, and of a kind that may be."""
    return bypass.kind is point_kind and bypass.kind not in NEVER_SHELVED


def wait(
    arming: ZoneArming | None, signal: Signal, watch: Watch, *, now: datetime, drill: bool
) -> ZoneArming:
    """The zone with one more point that waits for the end of its entry, which begins now if it has not yet."""
    assert watch.zone is not None  # else the point alarms
    current = arming or ZoneArming(zone=watch.zone, armed=True, since=now, by=GATEWAY)
    if current.entry_until is None:
        current = replace(current, entry_until=now + timedelta(seconds=watch.entry_s), waiting=())
    if any((waits.point, waits.kind) == (signal.point, signal.kind) for waits in current.waiting):
        return current
    one = Waiting(point=signal.point, kind=signal.kind, at=now, drill=drill, detail=signal.detail)
    return replace(current, waiting=(*current.waiting, one))


# ---- acts


def arm(arming: ZoneArming | None, zone: str, *, actor: str, now: datetime, exit_s: int) -> ZoneArming:
    """Somebody arms the zone (布防); `exit_s` are left to leave. Raises ActRefused where it is armed."""
    if arming is None or arming.armed:
        raise ActRefused(f"zone {zone} is armed already", code="already-armed")
    until = now + timedelta(seconds=exit_s) if exit_s > 0 else None
    return ZoneArming(zone=zone, armed=True, since=now, by=actor, exit_until=until)


def disarm(arming: ZoneArming | None, zone: str, *, actor: str, now: datetime) -> ZoneArming:
    """Somebody disarms the zone (撤防): an entry is over, nothing is raised. Raises ActRefused where it is disarmed.

    The schedule does not disarm during an entry: it does not know who came in.
    """
    if arming is not None and not arming.armed:
        raise ActRefused(f"zone {zone} is disarmed already", code="already-disarmed")
    if arming is not None and arming.entry_until is not None and actor == SCHEDULE:
        raise ActRefused(f"somebody is entering zone {zone}: the schedule waits", code="entry-under-way")
    return ZoneArming(zone=zone, armed=False, since=now, by=actor)


def bypass(point: str, kind: Kind, *, actor: str, until: datetime, reason: str, now: datetime) -> Bypass:
    """A person sets a point aside for a limited time, with a reason. Raises ActRefused."""
    if kind in NEVER_SHELVED:
        raise ActRefused(f"a point of kind {kind.value} can't be bypassed", code="never-bypassed")
    if not reason.strip() or len(reason) > _REASON_LIMIT:
        raise ActRefused(f"a bypass needs a reason of 1 to {_REASON_LIMIT} characters", code="reason-needed")
    if not now < until <= now + BYPASS_LIMIT:
        hours = BYPASS_LIMIT.total_seconds() / 3600
        raise ActRefused(f"a bypass ends within {hours:.0f} hours from now", code="bypass-too-long")
    return Bypass(point=point, kind=kind, since=now, until=until, by=actor, reason=reason.strip())


def restore(bypass: Bypass | None, point: str) -> Bypass:
    """The bypass has ended. Raises ActRefused where there is none."""
    if bypass is None or not bypass.lasts:
        raise ActRefused(f"point {point} is not bypassed", code="not-bypassed")
    return replace(bypass, until=bypass.since)


def guard_may_bypass(kind: Kind) -> bool:
    """Whether a guard may; of other kinds only who knows the wiring."""
    return kind in BY_ZONE


def wanted(stretch: Stretch, arming: ZoneArming | None, since: datetime | None) -> bool | None:
    """What the schedule makes of a zone: True armed, False disarmed, None: it stays as it is.

    `since`: when it became as it is. What a person did after the schedule's last change stands until its next. What the
    schedule itself did never does: it did so by a clock that was wrong, or by a calendar that has changed since.
    """
    armed = arming is None or arming.armed
    if armed is stretch.armed:
        return None
    acted_at = since if arming is not None and arming.by not in {GATEWAY, SCHEDULE} else None
    if acted_at is not None and (stretch.since is None or acted_at >= stretch.since):
        return None
    return stretch.armed


def is_untested(stamps: tuple[datetime, datetime | None], test_days: int, now: datetime) -> bool:
    """Whether a point has not been pressed for longer than `test_days`, counted from its first watching on.

    `stamps`: since when it is watched, and when it was last pressed.
    """
    since, tested = stamps
    latest = since if tested is None else max(since, tested)
    return now - latest > timedelta(days=test_days)
