"""A gateway's bytes read strictly, as the contract has them; what breaks it is said."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, ValidationError

from simulators.county.wire import (
    STREAM_STARTED,
    CommandResult,
    DeviceSaid,
    Event,
    OpenAlarms,
    Rule,
    Snapshot,
    State,
)

#: Topic below the root -> the families of event types that belong there (CONTRACT, MQTT).
FAMILIES = {
    "event/alarm": ("alarm",),
    "event/device": ("device", "gateway", "zone", "point", "output"),
    "event/evidence": ("evidence",),
    "event/report": ("report",),
}

#: A JPEG's first and last marker (ITU-T T.81, Table B.1: SOI and EOI).
_JPEG_BEGINS, _JPEG_ENDS = b"\xff\xd8", b"\xff\xd9"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class MalformedError(ValueError):
    """The bytes are not what the contract says they are; the message tells where."""


_Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]
_Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
_Stamp = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
_Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,17}$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class _EventBody(_Body):
    specversion: Literal["1.0"]
    id: _Text
    source: _Text
    type: _Text
    subject: _Text
    time: _Stamp
    datacontenttype: Literal["application/json"]
    stream: _Uuid
    sequence: _Number
    data: dict[str, JsonValue]


class _StateBody(_Body):
    online: bool
    boot: int | None = None
    stream: _Uuid | None = None
    sequence: int | None = Field(default=None, ge=0)
    degraded: list[JsonValue] = []


class _OpenAlarmsBody(_Body):
    stream: _Uuid
    sequence: int = Field(ge=0)
    alarms: list[dict[str, JsonValue]]


class _PresenceBody(_Body):
    presence: Literal["online", "offline", "unknown"]


class _ResultBody(_Body):
    id: _Text
    ok: bool
    reason: str | None = None


Body = TypeVar("Body", bound=BaseModel)


def _parsed(model: type[Body], payload: bytes) -> Body:
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MalformedError(f"{where}: {first['msg']}".removeprefix(": ")) from error


def parse_event(payload: bytes, *, root: str, received_at: datetime) -> Event:
    """The CloudEvent in structured JSON. Raises MalformedError."""
    body = _parsed(_EventBody, payload)
    try:
        happened_at = datetime.fromisoformat(body.time)
    except ValueError as error:
        raise MalformedError(f"time: {error}") from error
    return Event(
        root=root,
        id=body.id,
        source=body.source,
        type=body.type,
        subject=body.subject,
        time=happened_at,
        stream=body.stream,
        sequence=int(body.sequence),
        data=body.data,
        payload=payload,
        received_at=received_at,
    )


def parse_state(payload: bytes, *, root: str, received_at: datetime) -> State:
    """The JSON of `state`. Raises MalformedError."""
    body = _parsed(_StateBody, payload)
    return State(
        root=root,
        online=body.online,
        boot=body.boot,
        stream=body.stream,
        sequence=body.sequence,
        degraded=tuple(str(reason) for reason in body.degraded),
        received_at=received_at,
    )


def parse_open_alarms(payload: bytes, *, root: str) -> OpenAlarms:
    """The JSON of `alarms/open`. Raises MalformedError."""
    body = _parsed(_OpenAlarmsBody, payload)
    return OpenAlarms(root=root, stream=body.stream, sequence=body.sequence, alarms=tuple(body.alarms))


def parse_presence(payload: bytes, *, root: str, device: str) -> DeviceSaid:
    """The JSON of `device/{device}`. Raises MalformedError."""
    return DeviceSaid(root=root, device=device, presence=_parsed(_PresenceBody, payload).presence)


def parse_snapshot(payload: bytes, *, root: str, evidence: str, received_at: datetime) -> Snapshot:
    """The bytes of `snapshot/{evidence}`: a whole JPEG. Raises MalformedError."""
    if not _UUID.fullmatch(evidence):
        raise MalformedError("the evidence id is no UUID")
    if not payload.startswith(_JPEG_BEGINS) or not payload.endswith(_JPEG_ENDS):
        raise MalformedError(f"{len(payload)} bytes that are no JPEG")
    digest = hashlib.sha256(payload).hexdigest()
    return Snapshot(root=root, evidence=evidence, bytes=len(payload), sha256=digest, received_at=received_at)


def parse_result(
    payload: bytes, *, topic: str, correlation: bytes | None, received_at: datetime
) -> CommandResult:
    """The JSON of a command's result. Raises MalformedError."""
    body = _parsed(_ResultBody, payload)
    answer: Mapping[str, JsonValue] = json.loads(payload)
    return CommandResult(
        topic=topic,
        id=body.id,
        ok=body.ok,
        reason=body.reason or "",
        answer=answer,
        correlation=correlation,
        received_at=received_at,
    )


def breaches(event: Event, *, below_root: str, qos: int, retained: bool) -> list[tuple[Rule, str]]:
    """The rules that this one message breaks by itself."""
    found = []
    if _family(event.type) not in FAMILIES.get(below_root, ()):
        found.append((Rule.WRONG_TOPIC, f"{event.type} on {below_root}"))
    if qos != 1:
        found.append((Rule.NOT_QOS_1, f"{event.id} came with QoS {qos}"))
    if retained:
        found.append((Rule.RETAINED, event.id))
    if (event.sequence == 1) != (event.type == STREAM_STARTED):
        found.append((Rule.STREAM_START, f"number {event.sequence} of {event.stream} is {event.type}"))
    return found


def _family(event_type: str) -> str:
    parts = event_type.split(".")
    return parts[1] if len(parts) == 4 and parts[0] == "campus" else ""
