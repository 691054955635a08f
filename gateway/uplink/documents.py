"""The JSON of what is retained under the root: `state`, `alarms/open`, `device/{device}` (CONTRACT, MQTT). Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway import __version__
from gateway.clock import rfc3339
from gateway.model import Alarm, DevicePresence, Reading
from gateway.store import Backlog, StreamHead
from gateway.wire import JsonObject, Quality, alarm_data


def encode(document: JsonObject) -> bytes:
    """JSON in UTF-8 without spaces."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFacts:
    """What `state` tells; `since` is when the connection was made."""

    boot: int
    since: datetime
    head: StreamHead
    backlog: Backlog
    degraded: tuple[str, ...]
    now: datetime


def state_document(facts: StateFacts, *, online: bool) -> bytes:
    """`state`; with `online` false it is the will, or the goodbye."""
    oldest = facts.backlog.oldest
    return encode(
        {
            "online": online,
            "boot": facts.boot,
            "since": rfc3339(facts.since),
            "version": __version__,
            "stream": facts.head.stream,
            "sequence": facts.head.last_sequence,
            "backlog": {
                "rows": facts.backlog.rows,
                "age_s": max(0, int((facts.now - oldest).total_seconds())) if oldest else 0,
            },
            "degraded": facts.degraded,
        }
    )


class OpenAlarmsDocument:
    """`alarms/open`: all open alarms as of the head's sequence. Their times are those of the latest press.

    Each alarm's part is made once for each change of it: with thousands open, a change costs what one alarm costs.
    """

    def __init__(self) -> None:
        self._parts: dict[str, tuple[Alarm, Quality, bytes]] = {}

    def build(self, head: StreamHead, alarms: Mapping[str, Alarm], quality: Quality) -> bytes:
        """The payload. `alarms` by id, oldest first."""
        before, self._parts = self._parts, {}
        for key, alarm in alarms.items():
            part = before.get(key)
            if part is None or part[0] is not alarm or part[1] != quality:
                part = (alarm, quality, encode(_alarm(alarm, quality)))
            self._parts[key] = part
        listed = b",".join(part[2] for part in self._parts.values())
        return b'{"stream":"%s","sequence":%d,"alarms":[%s]}' % (
            head.stream.encode(),
            head.last_sequence,
            listed,
        )


def _alarm(alarm: Alarm, quality: Quality) -> JsonObject:
    return alarm_data(
        alarm,
        occurred_at=alarm.last_raised_at,
        recorded_at=alarm.last_raised_at,
        quality=quality,
        actor=alarm.acknowledged_by,
    )


def presence_document(presence: DevicePresence) -> bytes:
    """`device/{device}`."""
    return encode(
        {
            "presence": presence.presence.value,
            "since": rfc3339(presence.since),
            "reason": presence.reason,
            "identity": dict(presence.identity),
        }
    )


def readings_document(readings: Iterable[Reading], dropped: int) -> bytes:
    """`reading/{device}`: a batch of values, and how many of this destination were dropped for space so far."""
    return encode(
        {
            "values": [
                {"point": one.point, "value": one.value, "unit": one.unit, "at": rfc3339(one.at)}
                for one in readings
            ],
            "dropped": dropped,
        }
    )


class _State(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    online: bool
    stream: str
    sequence: int


class _Alarms(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    stream: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFinding:
    """What our own `state`, as the broker has it, says. `ahead`: a stream and number that we did not give (any more)."""

    is_wrong: bool
    ahead: tuple[str, int] | None = None


def judge_state(payload: bytes, *, head: StreamHead, streams: Mapping[str, int]) -> StateFinding:
    """Whether `state` is true of a gateway that is connected now; `streams` has the last number of each it knows.

    A stream that the journal does not know, or a number of the current stream beyond the journal's, was given by a
    journal that this one is an older copy of (DESIGN "Sequence").
    """
    try:
        found = _State.model_validate_json(payload)
    except ValidationError:
        return StateFinding(is_wrong=True)
    last = head.last_sequence if found.stream == head.stream else streams.get(found.stream)
    is_ahead = last is None or (found.stream == head.stream and found.sequence > last)
    return StateFinding(
        is_wrong=not found.online or found.stream != head.stream or is_ahead,
        ahead=(found.stream, found.sequence) if is_ahead else None,
    )


def judge_alarms(payload: bytes, *, head: StreamHead) -> tuple[str, int] | None:
    """The stream and number of `alarms/open`, if that is a number of the current stream beyond the journal's.

    After a power cut this says more than `state`: that is the will then, as old as the connection was. A stream that
    the journal does not know is left to `state`: where a broker refuses `alarms/open`, an old one would stay for ever.
    """
    try:
        found = _Alarms.model_validate_json(payload)
    except ValidationError:
        return None
    is_ahead = found.stream == head.stream and found.sequence > head.last_sequence
    return (found.stream, found.sequence) if is_ahead else None
