"""The tables of the site file and their keys, defaults and limits (CONTRACT, "Site file")."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.model import Severity
from gateway.site.footage import EvidenceSettings, PictureSettings, RecordingSettings, RetentionSettings
from gateway.site.tables import (
    CLOCK_TIME,
    COUNTY,
    DAYS,
    ROOT,
    AbsolutePath,
    Identifier,
    Login,
    OpenTable,
    PointKind,
    Port,
    Subject,
    Table,
)


class SiteSettings(Table):
    """`[site]`: which school this is and where the box keeps its state."""

    id: Identifier
    name: str = Field(min_length=1, max_length=200)
    county: str = Field(pattern=COUNTY)
    timezone: str = "Asia/Shanghai"
    state_dir: AbsolutePath = Path("/var/lib/campus-gateway")
    side_dir: AbsolutePath | None = None
    clock: Literal["ntp", "host"] = "ntp"


class SpanSettings(Table):
    """One of `[[zone]] armed`: from `from` to `to` on days that begin on one of `days`; over midnight where `to` is not later."""

    days: Annotated[str, Field(pattern=DAYS, max_length=100)]
    start: Annotated[str, Field(alias="from", pattern=CLOCK_TIME)]
    end: Annotated[str, Field(alias="to", pattern=CLOCK_TIME)]


class CalendarSettings(Table):
    """`[calendar]`: days that are not as their weekday says.

    On holidays zones with a schedule are armed all day; workdays (调休) are as a Monday.
    """

    holidays: Annotated[tuple[str, ...], Field(max_length=500)] = ()
    workdays: Annotated[tuple[str, ...], Field(max_length=500)] = ()


class ZoneSettings(Table):
    """`[[zone]]`: a place and who answers for it; when its intrusion and door points watch, and with what delays.

    Without `armed` it is armed and disarmed by people alone. While people leave (`exit_s`), nothing alarms; who comes in
    by a point with `entry` has `entry_s` to disarm.
    """

    id: Identifier
    name: str = Field(min_length=1, max_length=200)
    place: str = ""
    responsible: str = ""
    phone: str = ""
    cameras: tuple[Identifier, ...] = ()
    entry_s: int = Field(default=0, ge=0, le=600)
    exit_s: int = Field(default=0, ge=0, le=600)
    armed: Annotated[tuple[SpanSettings, ...], Field(max_length=50)] = ()


class BusSettings(OpenTable):
    """`[[bus]]`: a connection that several devices share; the other keys are its driver's."""

    id: Subject
    driver: str


class PointSettings(OpenTable):
    """`[[device.point]]`: one input of a device; how it is read is its driver's matter.

    Without `returns`, panic and duress points of devices that call us never return (I5), all others do. Without
    `test_days`, panic and duress points want a press within 30 days, others none; 0 is never. `entry`: a door on the
    way in, which begins the entry delay of its zone.
    """

    id: Subject
    name: str = ""
    kind: PointKind
    zone: Identifier | None = None
    cameras: tuple[Identifier, ...] | None = None
    returns: bool | None = None
    test_days: Annotated[int, Field(ge=0, le=366)] | None = None
    entry: bool = False


class OutputSettings(OpenTable):
    """`[[device.output]]`: a sounder, strobe or relay; how it is switched is its driver's matter.

    It is on while an alarm of these severities in these zones (all, where none is named) wants it, `max_on_s` at most,
    `until` that alarm is acknowledged, has returned, or is closed. A sounder can be silenced. Duress switches nothing.
    `test_day` is the day of the month on which it is switched on for `test_s`, at `test_at`; without it never.
    """

    id: Subject
    name: str = ""
    kind: Literal["sounder", "strobe", "relay"]
    severities: Annotated[tuple[Severity, ...], Field(min_length=1)] = (Severity.CRITICAL, Severity.HIGH)
    zones: tuple[Identifier, ...] = ()
    until: Literal["acknowledged", "returned", "closed"] = "acknowledged"
    max_on_s: Annotated[int, Field(ge=1, le=86400)] = 600
    test_day: Annotated[int, Field(ge=1, le=28)] | None = None
    test_at: Annotated[str, Field(pattern=CLOCK_TIME)] = "10:00"
    test_s: Annotated[int, Field(ge=1, le=30)] = 2


class DeviceSettings(OpenTable):
    """`[[device]]`: on a bus, or with a driver and a connection of its own. A camera is a device too."""

    id: Subject
    name: str = ""
    zone: Identifier
    bus: Identifier | None = None
    driver: str | None = None
    point: tuple[PointSettings, ...] = ()
    output: tuple[OutputSettings, ...] = ()


class BrokerSettings(Login):
    """`[[uplink.broker]]`: one MQTT broker of a destination, in order of preference."""

    host: str = Field(min_length=1)
    port: Port = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    keepalive_s: int = Field(default=20, ge=5, le=600)
    ack_timeout_s: float = Field(default=20, ge=1, le=600)


class UplinkSettings(Table):
    """`[[uplink]]`: a destination of events (education bureau, police)."""

    name: Identifier
    root: str = Field(default="campus/1/{county}/{site}", pattern=ROOT, max_length=200)
    confirm: Literal["broker", "platform"] = "platform"
    unrouted: Literal["keep", "accept"] = "keep"
    receipt_timeout_s: float = Field(default=30, ge=1, le=3600)
    window: int = Field(default=20, ge=1, le=500)
    broker: tuple[BrokerSettings, ...] = Field(min_length=1, max_length=1)


class JournalSettings(Table):
    """`[journal]`: how long events are kept and how much disk is held in reserve for alarms."""

    keep_days: int = Field(default=366, ge=30, le=3660)
    ballast_mb: int = Field(default=64, ge=0, le=4096)
    retry_disk_s: float = Field(default=10, ge=0.1, le=600)


class ConsoleSettings(Table):
    """`[console]`: where the guards' screen listens. Behind TLS (a proxy) set `secure`, so that cookies are too."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    session_hours: int = Field(default=12, ge=1, le=72)
    secure: bool = False


class MetricsSettings(Table):
    """`[metrics]`: the listener for Prometheus, apart from the console."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 9464


class EscalationSettings(Table):
    """`[escalation]`: after how many seconds without acknowledgement an alarm goes one step higher; 0 is never."""

    critical_s: int = Field(default=60, ge=0, le=86400)
    high_s: int = Field(default=180, ge=0, le=86400)
    medium_s: int = Field(default=0, ge=0, le=86400)
    low_s: int = Field(default=0, ge=0, le=86400)
    steps: int = Field(default=3, ge=1, le=10)


class SiteFile(Table):
    """The whole file, before the drivers have looked at their keys."""

    site: SiteSettings
    calendar: CalendarSettings = CalendarSettings()
    zone: tuple[ZoneSettings, ...] = ()
    bus: tuple[BusSettings, ...] = ()
    device: tuple[DeviceSettings, ...] = ()
    uplink: tuple[UplinkSettings, ...] = ()
    journal: JournalSettings = JournalSettings()
    recording: RecordingSettings = RecordingSettings()
    retention: RetentionSettings = RetentionSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    picture: PictureSettings = PictureSettings()
    console: ConsoleSettings = ConsoleSettings()
    metrics: MetricsSettings = MetricsSettings()
    escalation: EscalationSettings = EscalationSettings()
