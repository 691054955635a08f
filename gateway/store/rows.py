"""The journal's rows as values, and how an alarm becomes a row and back."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gateway.clock import from_ms, ms_or_none, to_ms
from gateway.model import Alarm, DevicePresence, EventType, Kind, Presence, Severity, Source, Verdict, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """An event that has just been committed."""

    event_id: str
    type: EventType
    subject: str
    alarm_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A row of the outbox with the bytes that go out."""

    stream: str
    sequence: int
    lane: int
    event_id: str
    type: EventType
    payload: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHead:
    """A destination's current stream and its last number."""

    destination: str
    stream: str
    last_sequence: int
    reason: str
    previous_stream: str | None
    previous_sequence: int | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a destination has not confirmed yet."""

    rows: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """An interval of footage that must not be deleted before `expires` (None: no end yet)."""

    id: int
    camera: str
    start: datetime
    end: datetime
    alarm_id: str | None
    reason: str
    placed_by: str
    expires: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """A stretch in which a camera was not recorded (`end` None: it lasts)."""

    camera: str
    start: datetime
    end: datetime | None
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow:
    """One line of the access log (Order 799 Art 16). `id` rises."""

    id: int
    at: datetime
    actor: str
    action: str
    camera: str | None
    start: datetime | None
    end: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may use the console; `hash` is argon2id."""

    name: str
    display: str
    hash: str
    role: str
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser, by the digest of its token."""

    token_sha256: bytes
    account: str
    csrf: str
    created: datetime
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event of the journal with its kept bytes (without stream and sequence)."""

    event_id: str
    type: EventType
    at: datetime
    body: bytes


ALARM_COLUMNS = (
    "id, subject, kind, source, severity, drill, raised_ms, last_raised_ms, returned_ms, acknowledged_ms,"
    " acknowledged_by, closed_ms, closed_by, verdict, repeats, escalation, shelved_ms, shelved_by, shelved_reason,"
    " detail"
)


def put_alarm(db: sqlite3.Connection, alarm: Alarm) -> None:
    """Write an alarm as it is now; its source and the time of its first press stay as they were when it was raised."""
    row = alarm_row(alarm)
    changed = db.execute(
        "update alarm set drill=?, last_raised_ms=?, returned_ms=?, acknowledged_ms=?, acknowledged_by=?,"
        " closed_ms=?, closed_by=?, verdict=?, repeats=?, escalation=?, shelved_ms=?, shelved_by=?, shelved_reason=?,"
        " detail=? where id = ?",
        (row[5], *row[7:], alarm.id),
    ).rowcount
    if changed:
        return
    db.execute(
        f"insert into alarm ({ALARM_COLUMNS}) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 - our own column list
        row,
    )


def alarm_row(alarm: Alarm) -> tuple[str | int | None, ...]:
    """The values of ALARM_COLUMNS for an alarm."""
    return (
        alarm.id,
        alarm.source.subject,
        alarm.source.kind.value,
        source_json(alarm.source),
        alarm.source.severity.value,
        int(alarm.drill),
        to_ms(alarm.raised_at),
        to_ms(alarm.last_raised_at),
        ms_or_none(alarm.returned_at),
        ms_or_none(alarm.acknowledged_at),
        alarm.acknowledged_by,
        ms_or_none(alarm.closed_at),
        alarm.closed_by,
        alarm.verdict.value if alarm.verdict else None,
        alarm.repeats,
        alarm.escalation,
        ms_or_none(alarm.shelved_until),
        alarm.shelved_by,
        alarm.shelved_reason,
        alarm.detail,
    )


def alarm_of(row: tuple[object, ...]) -> Alarm:
    """An alarm from a row of ALARM_COLUMNS."""
    (
        alarm_id,
        _subject,
        _kind,
        source,
        _severity,
        drill,
        raised,
        last_raised,
        returned,
        acknowledged,
        acknowledged_by,
        closed,
        closed_by,
        verdict,
        repeats,
        escalation,
        shelved,
        shelved_by,
        shelved_reason,
        detail,
    ) = row
    return Alarm(
        id=str(alarm_id),
        source=source_of(str(source)),
        drill=bool(drill),
        raised_at=_must(raised),
        last_raised_at=_must(last_raised),
        returned_at=_moment(returned),
        acknowledged_at=_moment(acknowledged),
        acknowledged_by=_text(acknowledged_by),
        closed_at=_moment(closed),
        closed_by=_text(closed_by),
        verdict=Verdict(str(verdict)) if verdict else None,
        repeats=_number(repeats),
        escalation=_number(escalation),
        shelved_until=_moment(shelved),
        shelved_by=_text(shelved_by),
        shelved_reason=_text(shelved_reason),
        detail=str(detail),
    )


@lru_cache(maxsize=4096)
def source_json(source: Source) -> str:
    """A source as it was when its alarm was raised: later changes of the site file do not rewrite history."""
    zone = source.zone
    return json.dumps(
        {
            "subject": source.subject,
            "point": source.point,
            "device": source.device,
            "kind": source.kind,
            "severity": source.severity,
            "name": source.name,
            "zone": {
                "id": zone.id,
                "name": zone.name,
                "place": zone.place,
                "responsible": zone.responsible,
                "phone": zone.phone,
                "cameras": zone.cameras,
            }
            if zone
            else None,
            "cameras": source.cameras,
            "returns": source.returns,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


@lru_cache(maxsize=4096)
def source_of(text: str) -> Source:
    """What `source_json` wrote."""
    kept = json.loads(text)
    zone = kept["zone"]
    return Source(
        subject=kept["subject"],
        point=kept["point"],
        device=kept["device"],
        kind=Kind(kept["kind"]),
        severity=Severity(kept["severity"]),
        name=kept["name"],
        zone=Zone(**{**zone, "cameras": tuple(zone["cameras"])}) if zone else None,
        cameras=tuple(kept["cameras"]),
        returns=kept["returns"],
    )


def presence_of(row: tuple[str, str, int, str, str]) -> DevicePresence:
    """A presence from a row (device, presence, since_ms, reason, identity)."""
    device, presence, since, reason, identity = row
    return DevicePresence(
        device=device,
        presence=Presence(presence),
        since=from_ms(since),
        reason=reason,
        identity=json.loads(identity),
    )


def _moment(value: object) -> datetime | None:
    return from_ms(value) if isinstance(value, int) else None


def _must(value: object) -> datetime:
    return from_ms(_number(value))


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a row has {value!r} where a number belongs")
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
