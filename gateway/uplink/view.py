"""How a destination does, as others see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.store import Backlog


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkView:
    """How a destination does. `since`: since when it has been connected, or not; `problem`: why not.

    `window` is how many messages may be in flight, `round_trip_s` and `acknowledged_per_s` what was measured last;
    `incidents` counts what was wrong with what came down, by kind.
    """

    name: str
    broker: str
    connected: bool
    since: datetime
    problem: str
    backlog: Backlog
    degraded: tuple[str, ...]
    window: int
    round_trip_s: float | None
    acknowledged_per_s: float
    readings_dropped: int
    incidents: Mapping[str, int]
