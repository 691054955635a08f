"""What recording tells of itself, for metrics."""

from dataclasses import dataclass

from gateway.policy.retention import Forecast
from gateway.recording.cameras import CameraStats


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStats:
    """Recording as of now. Totals since the service's start; what is None no round of the janitor has found out yet.

    `paused`: the disk is full of footage that must stay. Of segments, `waiting` are whole and not on the shelf yet,
    `left` found no room in that queue and stay in the spool, `recovered` were left by a crash, `given_up` went before
    their time and are `deleted` too.
    """

    cameras: tuple[CameraStats, ...]
    paused: bool
    recorder_running: bool
    recorder_deaths: int
    waiting: int
    left: int
    recovered: int
    unreadable: int
    deleted: int
    given_up: int
    recorded_bytes: int | None
    free_bytes: int | None
    forecasts: tuple[Forecast, ...]
