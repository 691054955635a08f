"""What recording tells of itself, for metrics and whoever else wants to know."""

from dataclasses import dataclass

from gateway.policy.retention import Forecast
from gateway.recording.cameras import CameraStats


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStats:
    """Recording as of now, for metrics. Totals since the gateway's start; bytes of footage as of the last round."""

    cameras: tuple[CameraStats, ...]
    recorder_pid: int | None
    recorder_deaths: int
    segments_placed: int
    segments_recovered: int
    segments_waiting: int
    unreadable: int
    deleted: int
    given_up: int
    recorded_bytes: int
    free_bytes: int
    paused: bool
    forecasts: tuple[Forecast, ...]
    troubles: tuple[str, ...]
