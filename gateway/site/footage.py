"""The tables of the site file about cameras and what becomes of their footage (CONTRACT, "Site file")."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from gateway.site.tables import STREAM, UPLOAD, AbsolutePath, Login, Table


class CameraSettings(Login):
    """The keys of a `[[device]]` that is a camera, whatever its driver.

    `url` is the stream's address: needed where the driver is `rtsp`, which is nothing more; an `onvif` camera is asked
    for it. `stream` is which of those it tells is recorded. `watch`: its picture is looked at (`[picture]`).
    """

    url: str | None = Field(default=None, pattern=STREAM)
    stream: Literal["main", "sub"] = "main"
    transport: Literal["tcp", "udp"] = "tcp"
    record: bool = True
    sound: bool = False
    watch: bool = True
    sacrifice: int = Field(default=0, ge=0, le=9)


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

    url: str = Field(pattern=UPLOAD, max_length=500)
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
