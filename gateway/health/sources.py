"""What the metrics need of the rest of the daemon: small protocols that the composition root wires."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.clock import Clock
from gateway.health.tracer import MetricsTracer
from gateway.health.watchdog import Problem
from gateway.model import ClockState
from gateway.policy.outputs import OutputState
from gateway.policy.retention import Forecast
from gateway.site import Site
from gateway.store import Journal


class ConnectionFigures(Protocol):
    """What a connection of the supervisor has done since the start."""

    @property
    def connection(self) -> str:
        """Its id."""
        ...

    @property
    def serving(self) -> bool:
        """Whether it does now."""
        ...

    @property
    def attempts(self) -> int:
        """Drivers built."""
        ...

    @property
    def losses(self) -> int:
        """How often it went while serving."""
        ...

    @property
    def faults(self) -> int:
        """How often its driver broke."""
        ...

    @property
    def reports(self) -> int:
        """Signals."""
        ...

    @property
    def readings(self) -> int:
        """Measured values."""
        ...

    @property
    def messages(self) -> int:
        """Messages of devices that call."""
        ...

    @property
    def strangers(self) -> int:
        """Calls of whom nobody knows."""
        ...

    @property
    def malformed(self) -> Mapping[str, int]:
        """Unreadable input, by device."""
        ...


class Connections(Protocol):
    """The supervisor, as far as metrics are concerned."""

    def stats(self) -> Sequence[ConnectionFigures]:
        """Every connection's figures."""
        ...

    def progress(self) -> Mapping[str, float]:
        """The monotonic second of each connection's last sign of life."""
        ...

    @property
    def readings_dropped(self) -> int:
        """Values that found no room."""
        ...


class LinkFigures(Protocol):
    """A destination's connection."""

    @property
    def name(self) -> str:
        """The destination."""
        ...

    @property
    def connected(self) -> bool:
        """Whether it is in reach now."""
        ...


class Links(Protocol):
    """The uplink, as far as metrics are concerned."""

    def links(self) -> Sequence[LinkFigures]:
        """Every destination's connection."""
        ...


class CameraFigures(Protocol):
    """A camera's recording since the start."""

    @property
    def camera(self) -> str:
        """Its id."""
        ...

    @property
    def recording(self) -> bool:
        """Whether footage is being written now."""
        ...

    @property
    def segments(self) -> int:
        """Files that came onto the shelf."""
        ...

    @property
    def packets(self) -> int:
        """What came from it."""
        ...

    @property
    def bytes(self) -> int:
        """The packets' sizes."""
        ...

    @property
    def dropped(self) -> int:
        """Packets that could not be written."""
        ...

    @property
    def interruptions(self) -> int:
        """How often it was no longer recorded."""
        ...


class Recording(Protocol):
    """The recording service's cameras, as far as metrics are concerned."""

    def cameras(self) -> Sequence[CameraFigures]:
        """Every camera's figures."""
        ...


class FootageFigures(Protocol):
    """The recording service as a whole; what is None is not known yet."""

    @property
    def paused(self) -> bool:
        """Whether recording is stopped: the disk is full of footage that must stay."""
        ...

    @property
    def recorder_running(self) -> bool:
        """Whether there is a recorder process."""
        ...

    @property
    def recorder_deaths(self) -> int:
        """How often it died."""
        ...

    @property
    def waiting(self) -> int:
        """Whole segments that are not on the shelf yet."""
        ...

    @property
    def left(self) -> int:
        """Segments that stay in the spool for want of room in that queue."""
        ...

    @property
    def recovered(self) -> int:
        """Segments that a crash had left."""
        ...

    @property
    def unreadable(self) -> int:
        """Files that can't be read, kept for a person."""
        ...

    @property
    def deleted(self) -> int:
        """Segments that the janitor deleted."""
        ...

    @property
    def given_up(self) -> int:
        """Those among them that went before their time."""
        ...

    @property
    def recorded_bytes(self) -> int | None:
        """Footage on the shelf."""
        ...

    @property
    def free_bytes(self) -> int | None:
        """Free on the footage's disk."""
        ...

    @property
    def forecasts(self) -> Sequence[Forecast]:
        """For how many days each camera's footage fits."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the figures come from; what is None is left out."""

    site: Site
    journal: Journal
    clock: Clock
    tracer: MetricsTracer
    clock_state: Callable[[], ClockState]
    problems: Callable[[], Sequence[Problem]]
    connections: Connections | None = None
    links: Links | None = None
    recording: Recording | None = None
    footage: Callable[[], FootageFigures | None] | None = None
    outputs: Callable[[], Sequence[OutputState]] | None = None
