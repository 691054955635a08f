"""What passes between a gateway and the county, as values: what came, the receipts that go, the rules that were broken."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

STREAM_STARTED = "campus.gateway.stream-started.v1"


class Rule(StrEnum):
    """A rule of the contract that a gateway has broken."""

    MALFORMED = "malformed"  # no CloudEvent 1.0 with the contract's extensions
    WRONG_TOPIC = "wrong-topic"  # the type does not belong on this topic
    WRONG_SOURCE = "wrong-source"  # the root speaks for another source than before
    NOT_QOS_1 = "not-qos-1"
    RETAINED = "retained"  # an event must not be
    ID_REUSED = "id-reused"  # same id, other bytes
    SEQUENCE_REUSED = "sequence-reused"  # same number, other id
    STREAM_START = "stream-start"  # number 1 is not stream-started, or another number is


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One breach, as it was noticed."""

    root: str
    rule: Rule
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as the county got it. `payload` are its very bytes, `data` their meaning."""

    root: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    stream: str
    sequence: int
    data: Mapping[str, JsonValue]
    payload: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a gateway says of itself on `state`; `sequence` is the last number that it gave."""

    root: str
    online: bool
    boot: int | None
    stream: str | None
    sequence: int | None
    degraded: tuple[str, ...]
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlarms:
    """The retained `alarms/open`: the open alarms as of that sequence."""

    root: str
    stream: str
    sequence: int
    alarms: tuple[Mapping[str, JsonValue], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSaid:
    """The retained `device/{device}`: is it there."""

    root: str
    device: str
    presence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """A gateway's answer to a command, on `topic`; `answer` is all that it said, `correlation` MQTT 5's data."""

    topic: str
    id: str
    ok: bool
    reason: str
    answer: Mapping[str, JsonValue]
    correlation: bytes | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A picture on `snapshot/{evidence}`; of its bytes only how many there were, and their SHA-256, is kept."""

    root: str
    evidence: str
    bytes: int
    sha256: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """A retained message was taken away by an empty one; `below` is its topic under the root."""

    root: str
    below: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """All up to `upto` is stored, besides that the ranges `also`; `missing` is asked for again."""

    stream: str
    upto: int
    also: tuple[tuple[int, int], ...] = ()
    missing: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The JSON of the contract."""
        body = {"stream": self.stream, "upto": self.upto, "also": self.also, "missing": self.missing}
        return json.dumps(body, separators=(",", ":")).encode()
