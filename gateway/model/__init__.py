"""The words of the house as values: kinds, severities, signals, alarms. No behaviour but what follows from them."""

from gateway.model.alarms import Alarm, Source, Zone
from gateway.model.events import EventType
from gateway.model.signals import Message, Notice, Reading, Signal
from gateway.model.standing import Bypass, DevicePresence, Silence, Waiting, ZoneArming
from gateway.model.words import (
    GATEWAY,
    ID_PATTERN,
    POINT_KINDS,
    AlarmState,
    ClockState,
    Durability,
    Kind,
    Level,
    Origin,
    Presence,
    Severity,
    Verdict,
)

__all__ = [
    "GATEWAY",
    "ID_PATTERN",
    "POINT_KINDS",
    "Alarm",
    "AlarmState",
    "Bypass",
    "ClockState",
    "DevicePresence",
    "Durability",
    "EventType",
    "Kind",
    "Level",
    "Message",
    "Notice",
    "Origin",
    "Presence",
    "Reading",
    "Severity",
    "Signal",
    "Silence",
    "Source",
    "Verdict",
    "Waiting",
    "Zone",
    "ZoneArming",
]
