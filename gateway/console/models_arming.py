"""The console's answers and bodies about zones and bypasses."""

from pydantic import Field

from gateway.console.models import Answer, Body, PersonView, Stamp, ZoneView
from gateway.model import ClockState, Kind


class ActivePointView(Answer):
    """A point that is active just now: it alarms when its zone is armed."""

    id: str
    name: str
    kind: Kind


class ZoneArmingView(Answer):
    """Whether a zone is armed (布防) or not (撤防), since when and by whom; null where nobody ever did.

    `watched`: it has intrusion or door points, the only ones that obey. While `exit_until` is there people are leaving;
    `entry_until` is when an entry becomes an alarm. `changes_at` is the next change of its schedule.
    """

    zone: ZoneView
    watched: bool
    armed: bool
    since: Stamp | None
    by: PersonView | None
    exit_s: int
    entry_s: int
    exit_until: Stamp | None
    entry_until: Stamp | None
    scheduled: bool
    changes_at: Stamp | None
    active: tuple[ActivePointView, ...]


class BypassView(Answer):
    """A point that was set aside (旁路) by a person. `lasts` false: it is restored."""

    point: str
    name: str
    kind: Kind | None
    zone: str | None
    lasts: bool
    since: Stamp
    until: Stamp
    by: PersonView
    reason: str


class ZonesAnswer(Answer):
    """All zones of the site file, and the bypasses that last. Schedules wait while the clock is not trusted."""

    now: Stamp
    clock: ClockState
    zones: tuple[ZoneArmingView, ...]
    bypasses: tuple[BypassView, ...]


class BypassBody(Body):
    """For how long, and why."""

    minutes: int = Field(ge=1, le=24 * 60)
    reason: str = Field(min_length=1, max_length=500)
