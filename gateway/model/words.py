"""The words of the house: kinds, severities, levels, states. Enumerations and names, no behaviour."""

import re
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
    CAMERA_BLACK = "camera-black"
    CAMERA_BRIGHT = "camera-bright"
    CAMERA_BLURRED = "camera-blurred"
    CAMERA_SIGNAL = "camera-signal"
    RETENTION_RISK = "retention-risk"
    DISK = "disk"
    CERTIFICATE = "certificate"
    UNPARSED = "unparsed"
    UNKNOWN_SENDER = "unknown-sender"
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
