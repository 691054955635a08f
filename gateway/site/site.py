"""The site file after all checks: frozen values, every reference resolved."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from gateway.driver import Command, Connection
from gateway.model import Kind, Zone
from gateway.policy.outputs import OutputRule
from gateway.policy.schedule import Schedule
from gateway.site.footage import (
    CameraSettings,
    EvidenceSettings,
    PictureSettings,
    RecordingSettings,
    RetentionSettings,
)
from gateway.site.models import (
    ConsoleSettings,
    EscalationSettings,
    JournalSettings,
    MetricsSettings,
    OutputSettings,
    SiteSettings,
    UplinkSettings,
)
from gateway.site.secrets import read_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class PointEntry:
    """A point as the site file names it: what it is called, where it is, which cameras see it."""

    id: str
    device: str
    name: str
    kind: Kind
    zone: str
    cameras: tuple[str, ...]
    returns: bool
    test_days: int
    entry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneEntry:
    """How a zone's intrusion and door points are armed: its delays in seconds, and its schedule if it has one."""

    id: str
    entry_s: int = 0
    exit_s: int = 0
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputEntry:
    """A sounder, strobe or relay as the site file names it."""

    id: str
    device: str
    name: str
    settings: OutputSettings

    @property
    def rule(self) -> OutputRule:
        """Which alarms switch it on."""
        return OutputRule(
            kind=self.settings.kind,
            severities=frozenset(self.settings.severities),
            zones=frozenset(self.settings.zones),
            until=self.settings.until,
            max_on_s=self.settings.max_on_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEntry:
    """A device as the site file names it. `connection` is the bus it is on, or its own id.

    `reports_state`: it can be asked how its points are. `commands` are what it can be told.
    """

    id: str
    name: str
    zone: str
    connection: str
    points: tuple[PointEntry, ...]
    outputs: tuple[OutputEntry, ...] = ()
    is_camera: bool = False
    reports_state: bool = True
    commands: frozenset[Command] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera to record.

    `driven`: it has a driver of its own, which tells its presence and the addresses of its streams.
    """

    id: str
    name: str
    zone: str
    settings: CameraSettings
    driven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything the site file says."""

    path: Path
    site: SiteSettings
    zones: tuple[Zone, ...]
    zone_entries: tuple[ZoneEntry, ...]
    devices: tuple[DeviceEntry, ...]
    connections: tuple[Connection[BaseModel, BaseModel, BaseModel], ...]
    cameras: tuple[Camera, ...]
    uplinks: tuple[UplinkSettings, ...]
    journal: JournalSettings
    recording: RecordingSettings
    retention: RetentionSettings
    evidence: EvidenceSettings
    picture: PictureSettings
    console: ConsoleSettings
    metrics: MetricsSettings
    escalation: EscalationSettings

    @property
    def outputs(self) -> tuple[OutputEntry, ...]:
        """All outputs of all devices."""
        return tuple(output for device in self.devices for output in device.outputs)

    @property
    def recording_dir(self) -> Path:
        """Where footage goes: `[recording] dir`, else below the state directory."""
        return self.recording.dir or self.site.state_dir / "recordings"

    @property
    def source(self) -> str:
        """The CloudEvents `source` of everything this site says."""
        return f"/campus/{self.site.county}/{self.site.id}"

    def root_of(self, uplink: UplinkSettings) -> str:
        """The topic root of a destination with its placeholders filled in."""
        return uplink.root.format(county=self.site.county, site=self.site.id)

    def secret(self, file: Path | None) -> str:
        """The content of a `password_file` (site/secrets.py). Raises SiteFileError if it can't be read."""
        return read_secret(self.path, file)
