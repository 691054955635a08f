"""The words of the house as values: kinds, severities, signals, alarms. No behaviour but what follows from them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a point watches for, or what the gateway itself raises (CONTRACT, "Kinds of point")."""

    PANIC = "panic"
    DURESS = "duress"
    FIRE = "fire"
    SMOKE = "smoke"
    HEAT = "heat"
    GAS = "gas"
    INTRUSION = "intrusion"
    DOOR = "door"
    TAMPER = "tamper"
    FAULT = "fault"
    TEMPERATURE = "temperature"
    HUMIDITY = "humidity"
    # the gateway's own
    DEVICE_LOST = "device-lost"
    BUS_LOST = "bus-lost"
    BATTERY = "battery"
    CLOCK = "clock"
    CAMERA_COVERED = "camera-covered"
    CAMERA_FROZEN = "camera-frozen"
    CAMERA_MOVED = "camera-moved"
    RETENTION_RISK = "retention-risk"
    DISK = "disk"
    CERTIFICATE = "certificate"
    UNPARSED = "unparsed"
    SITE_FILE = "site-file"
    POINT_UNTESTED = "point-untested"
    RECORDING_LOST = "recording-lost"


#: Kinds that a `[[device.point]]` may have; the rest are raised by the gateway alone.
POINT_KINDS = frozenset(
    {
        Kind.PANIC,
        Kind.DURESS,
        Kind.FIRE,
        Kind.SMOKE,
        Kind.HEAT,
        Kind.GAS,
        Kind.INTRUSION,
        Kind.DOOR,
        Kind.TAMPER,
        Kind.FAULT,
        Kind.TEMPERATURE,
        Kind.HUMIDITY,
    }
)


class Severity(StrEnum):
    """How fast a person must move. Declared from worst to least."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Level(StrEnum):
    """What a point says: its condition is present, or it is not."""

    ACTIVE = "active"
    NORMAL = "normal"


class Origin(StrEnum):
    """Why a signal was sent: something happened just now, or it tells the present state."""

    EVENT = "event"
    STATE = "state"


class Presence(StrEnum):
    """Is the device there."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Durability(StrEnum):
    """Where a recorded signal is kept: on disk with an fsync behind it, or (disk failing) in memory."""

    DISK = "disk"
    MEMORY = "memory"


class AlarmState(StrEnum):
    """An alarm's state, derived from its four times (ISA-18.2; DESIGN "Alarm states")."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned-unacknowledged"
    RETURNED_ACKNOWLEDGED = "returned-acknowledged"
    CLOSED = "closed"


class Verdict(StrEnum):
    """What a person found the alarm to have been."""

    REAL = "real"
    FALSE = "false"
    TEST = "test"
    DRILL = "drill"


class ClockState(StrEnum):
    """May the wall clock be believed."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


#: Identifiers of zones, devices, points, cameras, destinations: they become MQTT topic levels and file names.
ID_PATTERN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")

#: The subject of what the gateway says of itself (CONTRACT, `subject`).
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a driver reports of a point.

    `point` is the site file's point id, or `{device}:{address}` for an address that no point names.
    `message` are the device's own bytes where it sends messages: the same bytes again are a duplicate (I3);
    `account` is whose messages are compared. A polled input has neither.
    `test` marks what the device itself calls a test or drill.
    """

    device: str
    point: str
    kind: Kind
    level: Level
    origin: Origin
    occurred_at: datetime | None = None
    message: bytes | None = None
    account: str | None = None
    detail: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A measured value of a point, in the unit of the point's profile. May be dropped for space, counted."""

    device: str
    point: str
    value: float
    unit: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A place and who answers for it."""

    id: str
    name: str
    place: str
    responsible: str = ""
    phone: str = ""
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an alarm is about, as the site file describes it: who reports, where, which cameras see it.

    `point` is None for alarms of the gateway's own; then `subject` is the device, camera or `gateway`.
    `returns` is False where the source never reports its return (DESIGN invariant 5).
    """

    subject: str
    point: str | None
    device: str | None
    kind: Kind
    severity: Severity
    name: str
    zone: Zone | None
    cameras: tuple[str, ...] = ()
    returns: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What the policy makes of signals: one open alarm at most for a subject and kind (I5).

    The state is derived, never stored. `acknowledged_at` is of the latest press: a press after the
    acknowledgement clears it again.
    """

    id: str
    source: Source
    drill: bool
    raised_at: datetime
    last_raised_at: datetime
    returned_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    verdict: Verdict | None = None
    repeats: int = 0
    escalation: int = 0
    shelved_until: datetime | None = None
    shelved_by: str | None = None
    shelved_reason: str | None = None
    detail: str = ""

    @property
    def state(self) -> AlarmState:
        """Derived from the times, so that a contradiction can't be stored."""
        if self.closed_at is not None:
            return AlarmState.CLOSED
        if self.returned_at is not None:
            if self.acknowledged_at is not None:
                return AlarmState.RETURNED_ACKNOWLEDGED
            return AlarmState.RETURNED_UNACKNOWLEDGED
        return AlarmState.ACKNOWLEDGED if self.acknowledged_at is not None else AlarmState.UNACKNOWLEDGED

    @property
    def is_open(self) -> bool:
        """Not closed yet: it stays on the screen."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePresence:
    """Whether a device is there, since when, and why not."""

    device: str
    presence: Presence
    since: datetime
    reason: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)


class EventType(StrEnum):
    """The `type` of every event on the wire (CONTRACT, MQTT). A new one is added here and in the contract."""

    ALARM_RAISED = "campus.alarm.raised.v1"
    ALARM_REPEATED = "campus.alarm.repeated.v1"
    ALARM_ACKNOWLEDGED = "campus.alarm.acknowledged.v1"
    ALARM_ESCALATED = "campus.alarm.escalated.v1"
    ALARM_RETURNED = "campus.alarm.returned.v1"
    ALARM_CLOSED = "campus.alarm.closed.v1"
    ALARM_SHELVED = "campus.alarm.shelved.v1"
    ALARM_UNSHELVED = "campus.alarm.unshelved.v1"
    DEVICE_ONLINE = "campus.device.online.v1"
    DEVICE_OFFLINE = "campus.device.offline.v1"
    DEVICE_FAULT = "campus.device.fault.v1"
    DEVICE_RESTORED = "campus.device.restored.v1"
    STREAM_STARTED = "campus.gateway.stream-started.v1"
    GATEWAY_STARTED = "campus.gateway.started.v1"
    CLOCK_STEPPED = "campus.gateway.clock-stepped.v1"
    DEGRADED = "campus.gateway.degraded.v1"
    RECOVERED = "campus.gateway.recovered.v1"
    SNAPSHOT = "campus.evidence.snapshot.v1"
    CLIP = "campus.evidence.clip.v1"
    DAILY_REPORT = "campus.report.daily.v1"

    @property
    def topic(self) -> str:
        """The event's topic below the destination's root: `event/alarm`, and so on."""
        family = self.value.split(".")[1]
        return f"event/{'device' if family == 'gateway' else family}"
