"""Evidence with all that it needs: real journal, library, films and media process; time moved by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.clock import to_ms
from gateway.errors import DeviceUnavailable
from gateway.evidence import EvidenceService
from gateway.media.client import MediaProcess
from gateway.model import ClockState, EventType, Kind, Level, Origin, Signal, Verdict
from gateway.recording.footage import FootageBook
from gateway.recording.shelf import Shelf
from gateway.site import Site
from gateway.store import Journal
from gateway.store.evidence_rows import EvidenceKind, EvidenceRow, EvidenceState
from gateway.store.files import FileThread
from gateway.store.library import Library
from gateway.store.library_rows import NewSegment
from simulators.camera.encoder import Video
from tests.clocks import ManualClock
from tests.media.film import SMALL, at, film, media
from tests.sites import school

CAMERA = "cam-gate"

_KEYS = """
[retention]
hold_before_s = 4
hold_after_s = 6
"""


class World:
    """One gateway's evidence; the films begin at `at(0)`, the clock at `at(20)`."""

    def __init__(self, site: Site, process: MediaProcess) -> None:
        self.site = site
        self.clock = ManualClock(at(20))
        self.process = process
        self.clock_state = ClockState.TRUSTED
        self.is_surveyed = True  # whether the spool was listed
        self.own_picture: bytes | None = None
        self.asked = 0
        self.journal: Journal
        self.library: Library
        self.book: FootageBook
        self.service: EvidenceService
        self._shelf = Shelf(site.recording_dir)
        self._files = FileThread()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Journal and library."""
        self.journal = await Journal.open(self.site, clock=self.clock, clock_state=lambda: self.clock_state)
        await self.open_library()

    async def open_library(self) -> None:
        """Another library, of the same files."""
        self.library = Library(self.site.recording_dir)
        await self.library.open(stamp="test")
        self.book = FootageBook(
            library=self.library,
            shelf=self._shelf,
            files=self._files,
            clock=self.clock,
            waiting=lambda _camera: [],
            is_surveyed=lambda: self.is_surveyed,
        )

    async def film(self, start_s: float, seconds: float, *, video: Video = SMALL) -> None:
        """Footage of the camera on the shelf."""
        start, end = at(start_s), at(start_s + seconds)
        path = f"{CAMERA}/{start:%Y-%m-%d}/{to_ms(start)}-{to_ms(end)}.mp4"
        file = self._shelf.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(film, file, start_s, seconds, video)
        await self.library.add_segments(
            [
                NewSegment(
                    camera=CAMERA,
                    start=start,
                    end=end,
                    bytes=file.stat().st_size,
                    path=path,
                    trusted=True,
                )
            ]
        )

    async def picture(self, camera: str) -> bytes:
        """The camera's own picture, if the test gave it one."""
        self.asked += 1
        if self.own_picture is None:
            raise DeviceUnavailable(f"{camera} is not there")
        return self.own_picture

    def start(self) -> None:
        """Run the service."""
        self.service = EvidenceService(
            self.site,
            self.journal,
            self.clock,
            clock_state=lambda: self.clock_state,
            footage=self.book,
            media=self.process,
            picture=self.picture,
            library=lambda: self.library,
        )
        self._task = asyncio.create_task(self.service.run())

    async def stop(self) -> None:
        """End the service, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def close(self) -> None:
        """End everything."""
        await self.stop()
        await self.library.close()
        await self.journal.close()
        self._files.close()

    async def press(self, point: str = "gate-button", kind: Kind = Kind.PANIC) -> str:
        """A press; the alarm's id."""
        await self.journal.report(
            Signal(device="buttons", point=point, kind=kind, level=Level.ACTIVE, origin=Origin.EVENT)
        )
        return next(a.id for a in self.journal.open_alarms.values() if a.source.subject == point)

    async def close_alarm(self, alarm: str, verdict: Verdict = Verdict.FALSE) -> None:
        """As a guard does it."""
        source = self.journal.open_alarms[alarm].source
        await self.journal.report(
            Signal(
                device="buttons",
                point=source.subject,
                kind=source.kind,
                level=Level.NORMAL,
                origin=Origin.EVENT,
            )
        )
        await self.journal.acknowledge(alarm, "guard")
        await self.journal.close_alarm(alarm, "guard", verdict)

    async def rows(self, alarm: str) -> list[EvidenceRow]:
        """All evidence of an alarm."""
        return await self.service.of_alarm(alarm)

    async def done(self, alarm: str, *kinds: EvidenceKind, step_s: float = 0.5) -> list[EvidenceRow]:
        """Wait, letting time pass, until there is one of each of these kinds done and told of."""

        async def is_done() -> bool:
            found = [row.kind for row in await self.rows(alarm) if row.state is EvidenceState.DONE]
            return sorted(found) == sorted(kinds) and not await self.library.unannounced_evidence(1)

        await self.passes(is_done, step_s=step_s)
        return await self.rows(alarm)

    async def passes(
        self, predicate: Callable[[], object], *, step_s: float = 0.5, tries: int = 1500
    ) -> None:
        """Let time pass in steps until something holds; 30 s of real time at most."""
        for _ in range(tries):
            if self._task is not None and self._task.done():
                self._task.result()
            found = predicate()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            self.clock.advance(step_s)
            await asyncio.sleep(0.02)
        raise TimeoutError(f"it never came to hold: {predicate}")

    async def told(self, alarm: str) -> list[EventType]:
        """The events of evidence that the alarm has."""
        events = await self.journal.events_of(alarm)
        return [e.type for e in events if e.type in {EventType.SNAPSHOT, EventType.CLIP}]

    def files(self) -> list[str]:
        """The names of all files of evidence, half-made ones too."""
        root = self.site.recording_dir / "evidence"
        return sorted(path.name for path in root.rglob("*") if path.is_file())


@asynccontextmanager
async def world(
    directory: Path, *, more: str = "", uplinks: str | None = None, start: bool = True
) -> AsyncIterator[World]:
    """For the length of a `with`; `more` is further TOML."""
    async with media() as process:
        gateway = World(school(directory, more=_KEYS + more, uplinks=uplinks), process)
        await gateway.open()
        try:
            if start:
                gateway.start()
            yield gateway
        finally:
            await gateway.close()
