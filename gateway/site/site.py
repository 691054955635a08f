"""The site file after all checks: frozen values, every reference resolved."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from gateway.driver import Connection
from gateway.errors import SiteFileError
from gateway.model import Kind, Zone
from gateway.site.models import (
    CameraSettings,
    ConsoleSettings,
    EscalationSettings,
    JournalSettings,
    MetricsSettings,
    RecordingSettings,
    RetentionSettings,
    SiteSettings,
    UplinkSettings,
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceEntry:
    """A device as the site file names it. `connection` is the bus it is on, or its own id."""

    id: str
    name: str
    zone: str
    connection: str
    points: tuple[PointEntry, ...]
    is_camera: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera to record."""

    id: str
    name: str
    zone: str
    settings: CameraSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything the site file says."""

    path: Path
    site: SiteSettings
    zones: tuple[Zone, ...]
    devices: tuple[DeviceEntry, ...]
    connections: tuple[Connection[BaseModel, BaseModel, BaseModel], ...]
    cameras: tuple[Camera, ...]
    uplinks: tuple[UplinkSettings, ...]
    journal: JournalSettings
    recording: RecordingSettings
    retention: RetentionSettings
    console: ConsoleSettings
    metrics: MetricsSettings
    escalation: EscalationSettings

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
        """The content of a `password_file`, stripped; empty where none is named.

        A relative name is looked for among systemd's credentials (`$CREDENTIALS_DIRECTORY`), then beside the site
        file. Raises SiteFileError, naming the places, if it can't be read.
        """
        if file is None:
            return ""
        places = [self.path.parent / file]
        if credentials := os.environ.get("CREDENTIALS_DIRECTORY"):
            places.insert(0, Path(credentials) / file)
        for place in places:
            try:
                return place.read_text(encoding="utf-8").strip()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                continue
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "is not UTF-8"
                raise SiteFileError(
                    str(self.path), [f"password_file {place} can't be read: {why}; let the gateway read it"]
                ) from error
        where = ", ".join(str(place) for place in places)
        raise SiteFileError(
            str(self.path), [f"password_file {file} is missing; write the password into one of: {where}"]
        )
