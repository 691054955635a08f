"""What stands until somebody or something changes it: silence, arming, bypass, presence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.model.alarms import Alarm
from gateway.model.words import Kind, Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A person has silenced an alarm's sound (消音), which is not its acknowledgement.

    It is of so many repeats of the alarm: the next press sounds again.
    """

    alarm: str
    repeats: int
    at: datetime
    by: str

    def covers(self, alarm: Alarm) -> bool:
        """Whether nobody has pressed since."""
        return self.alarm == alarm.id and self.repeats == alarm.repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A point that went active during an entry: it alarms when the entry is over, also if it was shut again by then."""

    point: str
    kind: Kind
    at: datetime
    drill: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneArming:
    """Whether a zone's intrusion and door points watch (布防) or not (撤防), since when and by whom.

    While `exit_until` is ahead, people are leaving: nothing alarms yet. `entry_until` is when an entry that was begun
    becomes an alarm, unless the zone is disarmed before; `waiting` are the points that alarm then.
    """

    zone: str
    armed: bool
    since: datetime
    by: str
    exit_until: datetime | None = None
    entry_until: datetime | None = None
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """A point that a person has set aside (旁路) until then, with a reason: it raises no alarm.

    `kind` is what the point was when it was set aside: if the site file has since made it another, nothing is held back.
    One that has ended is kept with `until` no later than `since`: whether it lasts is never asked of a wall clock.
    """

    point: str
    kind: Kind
    since: datetime
    until: datetime
    by: str
    reason: str

    @property
    def lasts(self) -> bool:
        """Whether nobody has ended it: the arming service does when its time is over."""
        return self.until > self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePresence:
    """Whether a device is there, since when, and why not."""

    device: str
    presence: Presence
    since: datetime
    reason: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
