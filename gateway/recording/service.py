"""Recording as a service of the daemon: supervises the recorder, shelves its files, watches the cameras, keeps house.

Imports no media library: those are in the recorder process alone (I9).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NoReturn

from gateway.clock import Clock, to_ms
from gateway.footage import Growing, Piece
from gateway.model import ClockState
from gateway.recording.addresses import Addresses, no_addresses
from gateway.recording.cameras import CameraWatch
from gateway.recording.desk import ReportDesk
from gateway.recording.footage import FootageBook
from gateway.recording.house import House
from gateway.recording.inventory import Inventory
from gateway.recording.janitor import Janitor
from gateway.recording.needs import RecordingJournal
from gateway.recording.placer import Placer
from gateway.recording.process import RecorderProcess
from gateway.recording.protocol import CameraTask, Cause, Lost, Task
from gateway.recording.roster import Roster
from gateway.recording.shelf import Shelf
from gateway.recording.stats import RecordingStats
from gateway.recording.trouble import Trouble
from gateway.site import Site
from gateway.site.site import Camera
from gateway.store.files import FileThread
from gateway.store.library import Library, LibraryUnusable
from gateway.store.library_rows import NewSegment

logger = logging.getLogger(__name__)

_LOOK_S = 5.0
_ASK_DISK_S = 5.0
_MOVED_S = 60.0  # a camera that is away for so long is asked for its address again
_LAST_FILES_S = 5.0


class RecordingService:
    """One for a daemon. `library` is there for those who want to read what was recorded."""

    def __init__(
        self,
        site: Site,
        journal: RecordingJournal,
        clock: Clock,
        clock_state: Callable[[], ClockState],
        addresses: Addresses = no_addresses,
    ) -> None:
        """`addresses` asks a camera whose address is not in the site file; it raises DeviceUnavailable, DeviceRefused."""
        self._site = site
        self._journal = journal
        self._clock = clock
        self._shelf = Shelf(site.recording_dir)
        self._files = FileThread("footage")
        self.library = Library(site.recording_dir)
        inventory = Inventory(self._shelf, self.library, self._files)
        self._trouble = Trouble(journal, clock)
        self._placer = Placer(
            shelf=self._shelf,
            library=self.library,
            files=self._files,
            inventory=inventory,
            clock=clock,
            clock_state=clock_state,
            on_placed=self._on_placed,
            on_trouble=self._trouble.note,
        )
        janitor = Janitor(
            site,
            library=self.library,
            shelf=self._shelf,
            files=self._files,
            journal=journal,
            clock=clock,
            clock_state=clock_state,
        )
        self._house = House(
            site,
            library=self.library,
            inventory=inventory,
            janitor=janitor,
            files=self._files,
            journal=journal,
            trouble=self._trouble,
            clock=clock,
            on_stuck=self._on_stuck,
        )
        self._footage = FootageBook(
            library=self.library,
            shelf=self._shelf,
            files=self._files,
            clock=clock,
            waiting=self._placer.pieces,
            is_surveyed=self._house.surveyed.is_set,
        )
        self._watches: dict[str, CameraWatch] = {}
        self._recorder: RecorderProcess | None = None
        self._paused = False
        self._desk = ReportDesk(
            watches=self._watches,
            placer=self._placer,
            footage=self._footage,
            trouble=self._trouble,
            journal=journal,
            is_paused=lambda: self._paused,
            on_disk_fault=self._house.nudge,
        )
        self._roster = Roster(
            site,
            ask=addresses,
            clock=clock,
            files=self._files,
            trouble=self._trouble,
            on_order=self._on_order,
            on_unknown=self._on_unknown,
        )

    # ---- for others

    @property
    def stats(self) -> RecordingStats:
        """As of now."""
        last = self._house.last_round
        return RecordingStats(
            cameras=tuple(watch.stats for watch in self._watches.values()),
            paused=self._paused,
            recorder_running=self._recorder is not None and self._recorder.pid is not None,
            recorder_deaths=self._recorder.deaths if self._recorder else 0,
            waiting=self._placer.waiting,
            left=self._placer.left,
            recovered=self._placer.recovered,
            unreadable=self._desk.unreadable,
            deleted=self._house.deleted,
            given_up=self._house.given_up,
            recorded_bytes=last.disk.recorded_bytes if last else None,
            free_bytes=last.disk.free_bytes if last else None,
            forecasts=last.forecasts if last else (),
        )

    async def pieces(self, camera: str, start: datetime, end: datetime) -> Sequence[Piece]:
        """The files that touch [start, end), oldest first, with the growing one. Raises FootageUnavailable."""
        return await self._footage.pieces(camera, start, end)

    def growing(self, camera: str) -> Growing | None:
        """What the camera is recorded into just now; None while it is not."""
        return self._footage.growing(camera)

    # ---- life

    async def run(self) -> NoReturn:
        """Until cancelled; then the recorder has ended and what it finished last is on the shelf, in 10 s at most."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._trouble.run(), name="recording-trouble")
                group.create_task(self._house.run(), name="recording-janitor")
                group.create_task(self._place(), name="recording-placer")
                group.create_task(self._record(), name="recording-recorder")
            raise AssertionError("none of these ends by itself")
        finally:
            await self._put_away()

    async def _put_away(self) -> None:
        try:
            async with asyncio.timeout(_LAST_FILES_S):
                if self._house.ready.is_set():
                    await self._placer.place_waiting()
        except TimeoutError:
            logger.warning("%d files stay in the spool until the next start", self._placer.waiting)
        await self.library.close()
        self._files.close()

    # ---- the recorder and its cameras

    async def _record(self) -> None:
        tasks = await self._roster.load()
        cameras = self._roster.cameras
        if not cameras and not await self._has_leftovers():
            return  # no camera, no process
        ends = await self._ends_of_footage([camera.id for camera in cameras])
        for camera in cameras:
            watch = self._watches[camera.id] = self._watch_of(camera)
            await watch.begin(ends.get(camera.id))
        self._recorder = RecorderProcess(
            Task(
                spool=str(self._shelf.spool),
                unreadable=str(self._shelf.unreadable),
                segment_s=self._site.recording.segment_s,
                stall_s=self._site.recording.stall_s,
                cameras=tasks,
            ),
            clock=self._clock,
            on_report=self._desk.take,
            on_start=self._desk.recorder_started,
            on_end=self._desk.recorder_ended,
        )
        self._recorder.want(running=not self._paused)
        await self._look_at_spool()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run(), name="recorder-process")
            group.create_task(self._roster.run(), name="recording-addresses")
            group.create_task(self._watch(), name="recording-watch")

    def _watch_of(self, camera: Camera) -> CameraWatch:
        return CameraWatch(
            camera.id,
            self._journal,
            self._clock,
            lost_after_s=self._site.recording.lost_after_s,
            alarm=partial(self._trouble.note, "camera", subject=camera.id) if camera.driven else None,
        )

    async def _on_order(self, task: CameraTask) -> None:
        assert self._recorder is not None
        logger.info("%s: told where to record it from", task.camera)
        self._recorder.order(task)

    async def _on_unknown(self, camera: str, cause: Cause, reason: str) -> None:
        now = to_ms(self._clock.now())
        await self._watches[camera].lost(Lost(camera=camera, at_ms=now, cause=cause, reason=reason), cause)

    async def _watch(self) -> NoReturn:
        while True:
            await self._clock.sleep(min(_LOOK_S, self._site.recording.lost_after_s))
            for watch in self._watches.values():
                await watch.look()
                if not watch.stats.recording and watch.silent_s > _MOVED_S:
                    self._roster.ask_again(watch.camera)

    async def _ends_of_footage(self, cameras: list[str]) -> dict[str, datetime]:
        """When each camera's footage ends, shelf or spool; nothing where there is no disk to ask."""
        try:
            async with asyncio.timeout(_ASK_DISK_S):
                await self._house.ready.wait()
                return {camera: end for camera in cameras if (end := await self._end_of_footage(camera))}
        except (OSError, LibraryUnusable):
            return {}

    async def _look_at_spool(self) -> None:
        """Before a recorder writes there; a disk that does not answer is looked at when somebody asks for footage."""
        with contextlib.suppress(OSError):  # the recorder meets that disk, too, and it is told then
            async with asyncio.timeout(_ASK_DISK_S):
                await self._footage.look()

    async def _has_leftovers(self) -> bool:
        """Whether a recorder has work without any camera: files of cameras that are no longer in the site file."""
        try:
            return await self._files.do(self._shelf.has_leftovers)
        except OSError:
            return False

    async def _end_of_footage(self, camera: str) -> datetime | None:
        shelved = await self.library.last_end(camera)
        spooled = await self._files.do(self._shelf.last_written, camera)
        known = [end for end in (shelved, spooled) if end is not None]
        return min(max(known), self._clock.now()) if known else None

    # ---- files and space

    async def _place(self) -> NoReturn:
        await self._house.ready.wait()
        await self._placer.run()

    def _on_placed(self, segment: NewSegment) -> None:
        if segment.camera in self._watches:
            self._watches[segment.camera].placed()
        self._house.nudge()

    def _on_stuck(self, stuck: bool) -> None:  # noqa: FBT001 - a fact handed on
        """Where space is short and nothing may be deleted, recording stops rather than anything held or promised."""
        if stuck == self._paused:
            return
        self._paused = stuck
        self._trouble.note(
            "space", "recording is stopped: the disk is full of footage that must stay" if stuck else ""
        )
        if self._recorder is not None:
            self._recorder.want(running=not stuck)
