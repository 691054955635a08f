"""What the console asks of the rest of the daemon: small protocols that the composition root wires."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gateway import __version__
from gateway.clock import Clock
from gateway.driver import Command, Told
from gateway.footage import Footage, Piece
from gateway.media.look import LookCount, Pair
from gateway.media.values import Clip, Still
from gateway.model import ClockState
from gateway.policy.coverage import Coverage, since_records_begin
from gateway.policy.outputs import OutputState
from gateway.site import Site
from gateway.store import Journal
from gateway.store.evidence_rows import EvidenceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """Whether a destination is in reach just now, since when, and why not."""

    name: str
    connected: bool
    since: datetime | None = None
    reason: str = ""


class UplinkView(Protocol):
    """Implemented by the uplink."""

    def links(self) -> Sequence[LinkState]:
        """The state of every destination's connection. No I/O, no waiting."""
        ...


@dataclass(frozen=True, slots=True)
class HealthProblem:
    """One reason why the gateway is not well: a short code and words for a technician."""

    code: str
    message: str


class HealthView(Protocol):
    """Implemented by the health service."""

    def problems(self) -> Sequence[HealthProblem]:
        """Why alarm intake does not really work just now; empty if it does. No I/O, no waiting."""
        ...


class CoverageView(Protocol):
    """Implemented by the recording service."""

    async def coverage(self, camera: str, start: datetime, end: datetime) -> Coverage:
        """How much of that interval is on the shelf, and why the rest is not."""
        ...


class MediaView(Protocol):
    """Implemented by the client of the media process. All raise MediaRefused, MediaDown."""

    async def still(self, pieces: Sequence[Piece], at: datetime, *, width: int) -> Still:
        """The picture at that moment, or the last one before it."""
        ...

    async def clip(self, pieces: Sequence[Piece], start: datetime, end: datetime, target: Path) -> Clip:
        """What the pieces have of [start, end), copied into one seekable MP4."""
        ...


class EvidenceView(Protocol):
    """Implemented by the evidence service."""

    async def of_alarm(self, alarm_id: str) -> Sequence[EvidenceRow]:
        """The pictures and clips of an alarm; none where it has none."""
        ...

    async def recent(self, limit: int, before: str | None = None) -> Sequence[EvidenceRow]:
        """Of all alarms, newest first; those asked for before the one of that id."""
        ...

    async def find(self, evidence_id: str) -> EvidenceRow | None:
        """One of them."""
        ...


class WatchView(Protocol):
    """Implemented by the picture watch. All raise FootageUnavailable while it does not run."""

    def looks(self, camera: str) -> LookCount:
        """How many looks there were. No I/O, no waiting."""
        ...

    async def pictures(self, camera: str) -> Sequence[Pair]:
        """Why its last alarms were raised, the newest first. Raises OSError, TimeoutError."""
        ...

    async def accept(self, camera: str) -> None:
        """Its picture is right as it is now. Raises OSError, TimeoutError."""
        ...


class CommandView(Protocol):
    """Implemented by what carries commands to devices."""

    def give(self, device: str, command: Command, *, minutes: int, actor: str) -> None:
        """Have it carried out; what comes of it is an event. Raises NotFound, ActRefused."""
        ...

    def told(self, device: str) -> Told | None:
        """What it was last told since the start. No I/O, no waiting."""
        ...


class OutputsView(Protocol):
    """Implemented by the outputs' service."""

    def outputs(self) -> Sequence[OutputState]:
        """How every output is; none where they are not served. No I/O, no waiting."""
        ...

    async def test_output(self, output: str, actor: str) -> OutputState:
        """Begin a test; returns once it is on, or could not be. Raises NotFound, ActRefused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the console grants a client at most: bytes, counts, and seconds."""

    body_bytes: int = 64 * 1024
    connections: int = 128
    connections_an_address: int = 48
    request_s: float = 10.0  # for a request to arrive whole
    answer_s: float = 20.0  # for its answer to begin
    stall_s: float = 15.0  # for a client that does not read what it is sent
    stop_s: float = 3.0  # for open answers to end when the console stops
    streams: int = 24  # event streams at once
    streams_a_session: int = 6  # one more, and the oldest of that session ends
    queued_frames: int = 64  # waiting for one stream; more, and it gets a fresh snapshot instead
    heartbeat_s: float = 5.0
    coalesce_s: float = 0.1  # changes that come closer together share a message
    viewers: int = 16  # who watch live at once
    follow_s: float = 0.15  # between two looks at the file that a camera is recorded into
    silence_s: float = 10.0  # without a new fragment a live view ends
    clips: int = 2  # made at once
    kept_clips: int = 20
    kept_clip_bytes: int = 5 * 1024**3
    kept_clip_s: float = 600.0  # after it was last asked for


def _trusted() -> ClockState:
    return ClockState.TRUSTED


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleDeps:
    """Everything the console is given.

    Without an `uplink`, destinations are shown with their backlog but without a connection state; without `coverage`,
    only the gaps that the journal knows of are told; without `outputs` their state is not known. Without `footage`
    there is neither live view nor playback, without `media` no picture from footage and no clip, without `exports_dir`
    no clip. `picture` asks a camera for a picture of its own; it raises GatewayError.
    """

    journal: Journal
    site: Site
    clock: Clock
    health: HealthView
    clock_state: Callable[[], ClockState] = _trusted
    uplink: UplinkView | None = None
    coverage: CoverageView | None = None
    outputs: OutputsView | None = None
    commands: CommandView | None = None
    footage: Footage | None = None
    media: MediaView | None = None
    evidence: EvidenceView | None = None
    watch: WatchView | None = None
    picture: Callable[[str], Awaitable[bytes]] | None = None
    exports_dir: Path | None = None
    version: str = __version__
    limits: Limits = Limits()

    async def covered(self, view: CoverageView, camera: str, start: datetime, end: datetime) -> Coverage:
        """What there is of that time, told apart from what was before this gateway. Raises GatewayError."""
        found = await view.coverage(camera, start, end)
        begun = await self.journal.begun()
        return found if begun is None else since_records_begin(found, begun)

    def links(self) -> Sequence[LinkState]:
        """The connection states that are known."""
        return self.uplink.links() if self.uplink is not None else ()
