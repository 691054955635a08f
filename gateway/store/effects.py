"""What a write has changed, and the identifiers that come out the same when it is run again."""

from dataclasses import dataclass, field
from datetime import datetime

from gateway.model import Alarm, Bypass, DevicePresence, Kind, Level, Silence, ZoneArming
from gateway.store.rows import Committed, StreamHead
from gateway.wire import uuid7


class Ids:
    """New identifiers that come out the same when a write is run again after a failed COMMIT."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._made: list[str] = []
        self._next = 0

    def rewind(self) -> None:
        """Begin the run anew."""
        self._next = 0

    def take(self) -> str:
        """The next UUIDv7 of this write."""
        if self._next == len(self._made):
            self._made.append(uuid7(self._now))
        self._next += 1
        return self._made[self._next - 1]


@dataclass(slots=True)
class Effects:
    """What a committed write has changed, for those who keep a view in memory."""

    events: list[Committed] = field(default_factory=list)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    levels: dict[tuple[str, Kind], Level] = field(default_factory=dict)
    presences: dict[str, DevicePresence] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    armings: dict[str, ZoneArming] = field(default_factory=dict)
    bypasses: dict[str, Bypass] = field(default_factory=dict)
    heads: dict[str, StreamHead] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)

    @property
    def others(self) -> bool:
        """Whether a silence, arming or bypass has changed."""
        return bool(self.silences or self.armings or self.bypasses)
