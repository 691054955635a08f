"""What goes out on the wire: CloudEvents and alarm data as CONTRACT words them. Bytes are built here, once (I12)."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.clock import rfc3339
from gateway.model import Alarm, ClockState, EventType

JsonObject = Mapping[str, object]

#: Made once: `json.dumps` makes one for each call that wants no default form.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def uuid7(now: datetime) -> str:
    """A UUID of version 7 (RFC 9562 section 5.7): ordered by its millisecond, otherwise random."""
    value = (int(now.timestamp() * 1000) & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How far an event can be believed: was the clock trusted, was it on disk when it was recorded."""

    clock: ClockState
    durable: bool


def alarm_data(
    alarm: Alarm, *, occurred_at: datetime, recorded_at: datetime, quality: Quality, actor: str | None = None
) -> dict[str, object]:
    """The `data` of an alarm event (CONTRACT, "`data` of an alarm event")."""
    source = alarm.source
    zone = source.zone
    data: dict[str, object] = {
        "alarm": alarm.id,
        "point": source.point,
        "device": source.device,
        "subject": source.subject,
        "name": source.name,
        "zone": {"id": zone.id, "name": zone.name, "place": zone.place} if zone else None,
        "kind": source.kind.value,
        "severity": source.severity.value,
        "state": alarm.state.value,
        "drill": alarm.drill,
        "occurred_at": rfc3339(occurred_at),
        "recorded_at": rfc3339(recorded_at),
        "raised_at": rfc3339(alarm.raised_at),
        "repeats": alarm.repeats,
        "escalation": alarm.escalation,
        "cameras": list(source.cameras),
        **quality_data(quality),
    }
    if alarm.detail:
        data["detail"] = alarm.detail
    if actor is not None:
        data["actor"] = actor
    if alarm.verdict is not None:
        data["verdict"] = alarm.verdict.value
    if alarm.shelved_until is not None:
        data["shelved_until"] = rfc3339(alarm.shelved_until)
        data["shelved_reason"] = alarm.shelved_reason
    return data


def quality_data(quality: Quality) -> dict[str, object]:
    """`clock` and `durable`, which the data of every event has (CONTRACT)."""
    return {"clock": quality.clock.value, "durable": quality.durable}


def event_body(
    *, event_id: str, source: str, event_type: EventType, subject: str, at: datetime, data: JsonObject
) -> bytes:
    """A CloudEvent's bytes without stream and sequence, as the journal keeps them."""
    return _ENCODER.encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": event_type.value,
            "subject": subject,
            "time": rfc3339(at),
            "datacontenttype": "application/json",
            "data": data,
        }
    ).encode()


def envelope(body: bytes, stream: str, sequence: int) -> bytes:
    """The event's bytes for one destination: the kept body with that destination's numbering appended."""
    return body[:-1] + f',"stream":"{stream}","sequence":"{sequence}"}}'.encode()
