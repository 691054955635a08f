"""The services of cameras, each built anew at each start: recording, media, evidence, picture watch; and what others see of them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from gateway.clock import Clock
from gateway.devices import Devices
from gateway.errors import JournalUnwritable
from gateway.evidence import EvidenceService
from gateway.footage import FootageUnavailable, Growing, Piece
from gateway.keep import Service
from gateway.media.client import MediaProcess
from gateway.media.look import LookCount, Pair
from gateway.model import ClockState
from gateway.picturewatch import PictureWatch
from gateway.policy.coverage import Coverage
from gateway.recording.cameras import CameraStats
from gateway.recording.coverage import coverage_of
from gateway.recording.service import RecordingService
from gateway.recording.stats import RecordingStats
from gateway.site import Site
from gateway.store import Journal
from gateway.store.evidence_rows import EvidenceRow
from gateway.store.library import Library, LibraryUnusable

#: Footage that is being written has no row yet.
_UNFINISHED = timedelta(seconds=30)


class Cameras:
    """While a service does not run, what it would tell is empty, or an error that says so."""

    def __init__(
        self,
        site: Site,
        journal: Journal,
        clock: Clock,
        devices: Devices,
        *,
        clock_state: Callable[[], ClockState],
    ) -> None:
        self._site = site
        self._journal = journal
        self._clock = clock
        self._devices = devices
        self._clock_state = clock_state
        self._recording: RecordingService | None = None
        self._evidence: EvidenceService | None = None
        self._watch: PictureWatch | None = None
        self.media = MediaProcess(clock)

    def all(self) -> dict[str, Service]:
        """By name, in the order of their stop; none where there is no camera."""
        if not self._site.cameras:
            return {}
        return {
            "evidence": self._keep_evidence,
            "picture watch": self._watch_pictures,
            "media": self.media.run,
            "recording": self._record,
        }

    async def _record(self) -> None:
        self._recording = RecordingService(
            self._site, self._journal, self._clock, self._clock_state, self._devices.streams
        )
        try:
            await self._recording.run()
        finally:
            self._recording = None

    async def _keep_evidence(self) -> None:
        self._evidence = EvidenceService(
            self._site,
            self._journal,
            self._clock,
            clock_state=self._clock_state,
            footage=self,
            media=self.media,
            picture=self._devices.picture,
            library=self._library,
        )
        try:
            await self._evidence.run()
        finally:
            self._evidence = None

    async def _watch_pictures(self) -> None:
        self._watch = PictureWatch(self._site, self._journal, self._clock, self, self.media)
        try:
            await self._watch.run()
        finally:
            self._watch = None

    def _library(self) -> Library | None:
        return self._recording.library if self._recording else None

    # ---- footage, for everyone

    async def pieces(self, camera: str, start: datetime, end: datetime) -> Sequence[Piece]:
        """The files that touch [start, end), oldest first. Raises FootageUnavailable."""
        if self._recording is None:
            raise FootageUnavailable("recording does not run")
        return await self._recording.pieces(camera, start, end)

    def growing(self, camera: str) -> Growing | None:
        """What it is recorded into just now."""
        return self._recording.growing(camera) if self._recording else None

    # ---- for console and metrics

    @property
    def exports_dir(self) -> Path:
        """Where exported clips are made, on the footage's own disk."""
        return self._site.recording_dir / "exports"

    async def picture(self, camera: str) -> bytes:
        """A picture from a camera's own snapshot address. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        return await self._devices.picture(camera)

    def stats(self) -> RecordingStats | None:
        """The recording's figures."""
        return self._recording.stats if self._recording else None

    def cameras(self) -> Sequence[CameraStats]:
        """Each camera's figures."""
        return self._recording.stats.cameras if self._recording else ()

    async def coverage(self, camera: str, start: datetime, end: datetime) -> Coverage:
        """How much of an interval is on the shelf."""
        if self._recording is None:
            raise JournalUnwritable("recording does not run")
        return await coverage_of(
            self._recording.library,
            self._journal,
            camera,
            start=start,
            end=end,
            now=self._clock.now(),
            unfinished=timedelta(seconds=self._site.recording.segment_s) + _UNFINISHED,
        )

    # ---- the picture watch, for the console

    def looks(self, camera: str) -> LookCount:
        """How often its picture was looked at. Raises FootageUnavailable; KeyError for one that is not watched."""
        return self._watching.looks(camera)

    async def pictures(self, camera: str) -> Sequence[Pair]:
        """Why its last alarms were raised. Raises FootageUnavailable, OSError, TimeoutError."""
        return await self._watching.pictures(camera)

    async def accept(self, camera: str) -> None:
        """Its picture is right as it is. Raises FootageUnavailable, OSError, TimeoutError; KeyError if not watched."""
        await self._watching.accept(camera)

    @property
    def _watching(self) -> PictureWatch:
        if self._watch is None:
            raise FootageUnavailable("the picture watch does not run")
        return self._watch

    # ---- evidence, for console and uplinks

    async def of_alarm(self, alarm_id: str) -> Sequence[EvidenceRow]:
        """The evidence of an alarm. Raises LibraryUnusable."""
        return await self._kept.of_alarm(alarm_id)

    async def recent(self, limit: int, before: str | None = None) -> Sequence[EvidenceRow]:
        """The latest evidence, newest first; what was asked for before that id. Raises LibraryUnusable."""
        return await self._kept.recent(limit, before)

    async def find(self, evidence_id: str) -> EvidenceRow | None:
        """One by its id. Raises LibraryUnusable."""
        return await self._kept.find(evidence_id)

    async def next(self, destination: str) -> tuple[str, bytes] | None:
        """The oldest snapshot that the destination has not taken. Raises LibraryUnusable, OSError."""
        return await self._kept.next(destination)

    async def sent(self, destination: str, evidence_id: str) -> None:
        """The destination has that snapshot. Raises LibraryUnusable."""
        await self._kept.sent(destination, evidence_id)

    @property
    def _kept(self) -> EvidenceService:
        if self._evidence is None:
            raise LibraryUnusable("evidence is not served just now")
        return self._evidence
