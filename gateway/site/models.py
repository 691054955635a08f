"""The tables of the site file and their keys, defaults and limits (CONTRACT, "Site file")."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.model import GATEWAY, ID_PATTERN, POINT_KINDS, Kind, Severity

_COUNTY = r"^[0-9]{6}$"
_STREAM = r"^rtsp://[^@\s]+$"
_UPLOAD = r"^https://[^@\s?#]+$"
_CLOCK_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_DAYS = r"^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?(,(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?)*$"
_ROOT = r"^[^#+\s/$][^#+\s/]*(/[^#+\s/]+)*$"

#: What each pattern asks for, for whoever broke it.
PATTERN_WORDS = {
    ID_PATTERN.pattern: "must be 1 to 64 of a-z A-Z 0-9 _ . - beginning with a letter or digit; "
    "what people read goes into `name`",
    _COUNTY: 'must be the six digits of a division code in quotes, for example "330106"',
    _STREAM: "must be rtsp://HOST[:PORT]/PATH; a user goes into `username`, the password into a `password_file`",
    _UPLOAD: "must be https://HOST[:PORT]/PATH, without a user or a question mark; a token goes into a `token_file`",
    _CLOCK_TIME: 'must be a time of day in quotes, for example "22:00"',
    _DAYS: 'must be days or ranges of days in quotes: "mon-fri", "sat", "mon,wed,sat-sun"',
    _ROOT: "must be topic levels with a single / in between, without # + blanks or a $ at the beginning",
}

#: Subjects that the gateway uses for what is its own: no device or point may have such an id.
RESERVED_IDS = frozenset({GATEWAY, "console", "evidence-upload"})


def _not_reserved(name: str) -> str:
    if name in RESERVED_IDS:
        raise ValueError(f"{name!r} is the gateway's own; choose another id")
    return name


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path, beginning with /: a service has no directory of its own")
    return path


def _kind_of_a_point(kind: object) -> object:
    if not isinstance(kind, str) or kind not in POINT_KINDS:
        raise ValueError(f"must be one of {', '.join(sorted(POINT_KINDS))}; others are the gateway's own")
    return kind


Identifier = Annotated[str, Field(pattern=ID_PATTERN.pattern)]
Subject = Annotated[Identifier, AfterValidator(_not_reserved)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
PointKind = Annotated[Kind, BeforeValidator(_kind_of_a_point)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Table(BaseModel):
    """A table of the site file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class OpenTable(BaseModel):
    """A table whose other keys belong to a driver, which checks them with a model of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)


class SiteSettings(Table):
    """`[site]`: which school this is and where the box keeps its state."""

    id: Identifier
    name: str = Field(min_length=1, max_length=200)
    county: str = Field(pattern=_COUNTY)
    timezone: str = "Asia/Shanghai"
    state_dir: AbsolutePath = Path("/var/lib/campus-gateway")
    side_dir: AbsolutePath | None = None
    clock: Literal["ntp", "host"] = "ntp"


class SpanSettings(Table):
    """One of `[[zone]] armed`: from `from` to `to` on days that begin on one of `days`; over midnight where `to` is not later."""

    days: Annotated[str, Field(pattern=_DAYS, max_length=100)]
    start: Annotated[str, Field(alias="from", pattern=_CLOCK_TIME)]
    end: Annotated[str, Field(alias="to", pattern=_CLOCK_TIME)]


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
    test_at: Annotated[str, Field(pattern=_CLOCK_TIME)] = "10:00"
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


class Login(Table):
    """A user and where the password is; a relative `password_file` is looked for as `Site.secret` says."""

    username: str = ""
    password_file: Path | None = None

    @model_validator(mode="after")
    def _password_of_a_user(self) -> "Login":
        if self.password_file is not None and not self.username:
            raise ValueError("password_file: there is no `username` whose password it could be; add one")
        return self


class CameraSettings(Login):
    """The keys of a `[[device]]` that is a camera, whatever its driver.

    `url` is the stream's address: needed where the driver is `rtsp`, which is nothing more; an `onvif` camera is asked
    for it. `stream` is which of those it tells is recorded. `watch`: its picture is looked at (`[picture]`).
    """

    url: str | None = Field(default=None, pattern=_STREAM)
    stream: Literal["main", "sub"] = "main"
    transport: Literal["tcp", "udp"] = "tcp"
    record: bool = True
    sound: bool = False
    watch: bool = True
    sacrifice: int = Field(default=0, ge=0, le=9)


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
    root: str = Field(default="campus/1/{county}/{site}", pattern=_ROOT, max_length=200)
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


class RecordingSettings(Table):
    """`[recording]`: where footage goes and in what pieces. Without `dir`, below `state_dir`."""

    dir: AbsolutePath | None = None
    segment_s: int = Field(default=60, ge=5, le=300)
    max_gb: float | None = Field(default=None, gt=0)
    min_free_gb: float = Field(default=2.0, ge=0)
    stall_s: float = Field(default=10, ge=1, le=120)
    lost_after_s: float = Field(default=30, ge=1, le=3600)


class RetentionSettings(Table):
    """`[retention]`: the promise, the privacy limit, and what is given up if the disk can't hold the promise."""

    keep_days: int = Field(default=90, ge=30, le=3660)
    delete_after_days: int | None = Field(default=None, ge=30, le=3660)
    when_full: Literal["oldest", "newest"] = "oldest"
    hold_before_s: int = Field(default=30, ge=0, le=3600)
    hold_after_s: int = Field(default=60, ge=0, le=3600)
    hold_days: int = Field(default=180, ge=1, le=3660)

    @model_validator(mode="after")
    def _a_range(self) -> "RetentionSettings":
        if self.delete_after_days is not None and self.delete_after_days < self.keep_days:
            raise ValueError(
                f"delete_after_days ({self.delete_after_days}) is less than keep_days ({self.keep_days}): "
                "footage can't be both kept and deleted; raise the one or lower the other"
            )
        return self


class UploadSettings(Table):
    """`[evidence.upload]`: where finished clips are put (HTTPS PUT to `{url}/{site}/{evidence id}.mp4`, and its manifest as `.json`).

    `token_file` holds a bearer token, `ca_file` the authority that signed the server's certificate if no public one did.
    """

    url: str = Field(pattern=_UPLOAD, max_length=500)
    token_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: float = Field(default=60, ge=1, le=3600)


class EvidenceSettings(Table):
    """`[evidence]`: what is kept and sent of each alarm that cameras see, and how much disk it may take."""

    snapshots: bool = True
    clips: bool = True
    max_gb: float = Field(default=20.0, gt=0)
    upload: UploadSettings | None = None


class PictureSettings(Table):
    """`[picture]`: how often a camera's picture is looked at, and how long it must be bad to be an alarm; seconds."""

    every_s: float = Field(default=10, ge=1, le=600)
    alarm_after_s: float = Field(default=30, ge=1, le=3600)


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
