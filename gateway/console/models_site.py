"""The console's answers and bodies about the site: devices, the gateway's state, drills, footage, the access log."""

from collections.abc import Mapping

from pydantic import ConfigDict, Field

from gateway.console.models import Answer, Body, PersonView, Stamp, ZoneView
from gateway.driver import Command
from gateway.model import ClockState, Durability, Kind, Presence

# ---- devices


class PointView(Answer):
    """One input of a device."""

    id: str
    name: str
    kind: Kind
    zone: ZoneView | None
    cameras: tuple[str, ...]


class CommandedView(Answer):
    """What a device was last told since the start of the gateway. `ended` null: it is under way, `ok` counts later.

    `reason` is what came of it in the driver's words.
    """

    command: Command
    by: PersonView
    since: Stamp
    ended: Stamp | None
    ok: bool
    reason: str


class DeviceView(Answer):
    """A device, and whether it is there. `commands` are what it can be told, `commanded` what it was told last."""

    id: str
    name: str
    zone: ZoneView | None
    connection: str
    camera: bool
    presence: Presence
    since: Stamp | None
    reason: str
    identity: Mapping[str, str]
    points: tuple[PointView, ...]
    commands: tuple[Command, ...]
    commanded: CommandedView | None


class DevicesAnswer(Answer):
    """All devices of the site file."""

    now: Stamp
    devices: tuple[DeviceView, ...]


# ---- the gateway itself


class BacklogView(Answer):
    """What a destination has not confirmed yet."""

    rows: int
    oldest: Stamp | None


class UplinkStatus(Answer):
    """One destination. `connected` is null where nobody tells."""

    name: str
    connected: bool | None
    since: Stamp | None
    reason: str
    backlog: BacklogView | None


class ProblemView(Answer):
    """One reason why the gateway is not well."""

    code: str
    message: str


class SiteView(Answer):
    """Which school this is."""

    id: str
    name: str
    county: str
    timezone: str


class StatusAnswer(Answer):
    """How the gateway does. `since` is when the console began to serve."""

    now: Stamp
    since: Stamp
    version: str
    boot: int
    site: SiteView
    durability: Durability
    durability_reason: str
    clock: ClockState
    uplinks: tuple[UplinkStatus, ...]
    problems: tuple[ProblemView, ...]


class HealthAnswer(Answer):
    """Whether alarm intake really works, and why not."""

    ok: bool
    problems: tuple[ProblemView, ...]


class DrillBody(Body):
    """A drill in a zone, or everywhere."""

    zone: str | None = Field(default=None, max_length=64)
    minutes: int = Field(ge=1, le=240)


class DrillAnswer(Answer):
    """The drill that was announced."""

    zone: str | None
    until: Stamp


# ---- footage


class GapView(Answer):
    """A stretch that was not recorded; `to` null while it lasts."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    start: Stamp = Field(serialization_alias="from")
    end: Stamp | None = Field(serialization_alias="to")
    cause: str


class CameraCoverage(Answer):
    """What is there of a camera's footage; `recorded_s` is null where the recorder is not asked."""

    camera: str
    name: str
    recorded_s: float | None
    gaps: tuple[GapView, ...]


class CoverageAnswer(Answer):
    """Coverage of an interval."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    start: Stamp = Field(serialization_alias="from")
    end: Stamp = Field(serialization_alias="to")
    cameras: tuple[CameraCoverage, ...]


class AccessEntry(Answer):
    """One line of the access log (Order 799 Art 16)."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: int
    at: Stamp
    actor: PersonView
    action: str
    camera: str | None
    camera_name: str | None
    start: Stamp | None = Field(serialization_alias="from")
    end: Stamp | None = Field(serialization_alias="to")
    reason: str


class AccessLogAnswer(Answer):
    """Lines of the access log, newest first. `next_before` is `before` of what is older; null where there is no more."""

    entries: tuple[AccessEntry, ...]
    next_before: int | None
