"""What recording needs of the journal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateway.model import GATEWAY, Alarm, EventType, Kind, Presence
from gateway.policy.retention import Hold
from gateway.wire import JsonObject


class RecordedGap(Protocol):
    """A row of the journal: a camera was not recorded (`end` None: it lasts)."""

    @property
    def start(self) -> datetime:
        """Since when."""
        ...

    @property
    def end(self) -> datetime | None:
        """Until when."""
        ...

    @property
    def cause(self) -> str:
        """Why."""
        ...


class RecordingJournal(Protocol):
    """The part of `gateway.store.Journal` that recording uses."""

    @property
    def open_alarms(self) -> Mapping[str, Alarm]:
        """The alarms that no person has closed, by id."""
        ...

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Keep whether a camera is there."""
        ...

    async def raise_own(self, kind: Kind, subject: str = GATEWAY, detail: str = "") -> None:
        """Raise an alarm of the gateway's own; nothing happens while it is active."""
        ...

    async def return_own(self, kind: Kind, subject: str = GATEWAY) -> None:
        """Its cause is gone."""
        ...

    async def emit(self, event_type: EventType, subject: str, data: JsonObject) -> str:
        """Append another event."""
        ...

    async def live_holds(self, camera: str | None = None, *, at: datetime | None = None) -> Sequence[Hold]:
        """The holds that have not ended by `at`. Raises GatewayError where that can't be proved."""
        ...

    async def open_gap(self, camera: str, cause: str, at: datetime) -> None:
        """A camera is not recorded from `at` on; nothing happens while a gap of it lasts."""
        ...

    async def close_gap(self, camera: str, at: datetime) -> None:
        """The camera is recorded again."""
        ...

    async def record_gap(self, camera: str, cause: str, start: datetime, end: datetime) -> None:
        """Time of a camera's past that there is no footage of any more; the gap that lasts now is another matter."""
        ...

    async def gaps(self, camera: str, start: datetime, end: datetime) -> Sequence[RecordedGap]:
        """The gaps that touch an interval, oldest first."""
        ...
