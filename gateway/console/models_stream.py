"""The messages of the event stream."""

from typing import Literal

from gateway.console.models import AlarmView, Answer, Stamp
from gateway.console.models_arming import BypassView, ZoneArmingView
from gateway.console.models_site import DeviceView, StatusAnswer
from gateway.model import Presence


class SnapshotMessage(Answer):
    """Everything: sent first, and again when a client fell behind."""

    event: Literal["snapshot"] = "snapshot"
    now: Stamp
    status: StatusAnswer
    alarms: tuple[AlarmView, ...]
    devices: tuple[DeviceView, ...]
    zones: tuple[ZoneArmingView, ...]
    bypasses: tuple[BypassView, ...]


class PresenceView(Answer):
    """A device's presence as it is now."""

    device: str
    presence: Presence
    since: Stamp
    reason: str


class ChangeMessage(Answer):
    """What has changed; a closed alarm comes once more, closed. All zones and bypasses, where one of them has; else null."""

    event: Literal["change"] = "change"
    now: Stamp
    alarms: tuple[AlarmView, ...]
    presences: tuple[PresenceView, ...]
    zones: tuple[ZoneArmingView, ...] | None = None
    bypasses: tuple[BypassView, ...] | None = None


class BeatMessage(Answer):
    """A sign of life with the server's time, and how the gateway does."""

    event: Literal["beat"] = "beat"
    now: Stamp
    status: StatusAnswer
