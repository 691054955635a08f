"""Recording as a service of the daemon: supervises the recorder, shelves its files, watches the cameras, keeps house.

Imports no media library: those are in the recorder process alone (I9).
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn
from urllib.parse import quote

from gateway.clock import Clock
from gateway.errors import SiteFileError
from gateway.model import ClockState
from gateway.recording.cameras import CameraWatch
from gateway.recording.house import House
from gateway.recording.inventory import Inventory
from gateway.recording.janitor import Janitor
from gateway.recording.needs import FileThread, RecordingJournal
from gateway.recording.placer import Placer
from gateway.recording.process import RecorderProcess
from gateway.recording.protocol import (
    EXIT_DISK,
    CameraTask,
    Cause,
    Lost,
    Opened,
    Progress,
    Recovered,
    Report,
    SegmentFinished,
    Task,
    Unreadable,
)
from gateway.recording.shelf import Shelf
from gateway.recording.stats import RecordingStats
from gateway.recording.trouble import Trouble
from gateway.site import Site
from gateway.site.site import Camera
from gateway.store.library import Library, LibraryUnusable
from gateway.store.library_rows import NewSegment

logger = logging.getLogger(__name__)

_LOOK_S = 5.0
_ASK_DISK_S = 5.0
_LAST_FILES_S = 5.0


class RecordingService:
    """One for a daemon. `library` is there for those who want to read what was recorded."""

    def __init__(
        self, site: Site, journal: RecordingJournal, clock: Clock, clock_state: Callable[[], ClockState]
    ) -> None:
        self._site = site
        self._journal = journal
        self._clock = clock
        self._shelf = Shelf(site.recording_dir)
        self._files = FileThread()
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
        self._watches: dict[str, CameraWatch] = {}
        self._recorder: RecorderProcess | None = None
        self._paused = False
        self._unreadable = 0

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
            unreadable=self._unreadable,
            deleted=self._house.deleted,
            given_up=self._house.given_up,
            recorded_bytes=last.disk.recorded_bytes if last else None,
            free_bytes=last.disk.free_bytes if last else None,
            forecasts=last.forecasts if last else (),
        )

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

    # ---- the recorder and its reports

    async def _record(self) -> None:
        tasks = [
            task
            for camera in self._site.cameras
            if camera.settings.record and (task := await self._task_of(camera))
        ]
        if not tasks and not await self._has_leftovers():
            return  # no camera, no process
        ends = await self._ends_of_footage([task.camera for task in tasks])
        for task in tasks:
            watch = self._watches[task.camera] = CameraWatch(
                task.camera, self._journal, self._clock, lost_after_s=self._site.recording.lost_after_s
            )
            await watch.begin(ends.get(task.camera))
        self._recorder = RecorderProcess(
            Task(
                spool=str(self._shelf.spool),
                unreadable=str(self._shelf.unreadable),
                segment_s=self._site.recording.segment_s,
                stall_s=self._site.recording.stall_s,
                cameras=tuple(tasks),
            ),
            clock=self._clock,
            on_report=self._on_report,
            on_start=self._on_recorder_start,
            on_death=self._on_recorder_death,
        )
        self._recorder.want(running=not self._paused)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run(), name="recorder-process")
            group.create_task(self._watch(), name="recording-watch")

    async def _task_of(self, camera: Camera) -> CameraTask | None:
        """The camera with its password; without one that can be read it can't be recorded, which is said."""
        try:
            password = await asyncio.to_thread(self._site.secret, camera.settings.password_file)
        except (SiteFileError, OSError) as error:
            self._trouble.note("password", f"{camera.id} is not recorded: {error}", subject=camera.id)
            return None
        user = f"{quote(camera.settings.username, safe='')}:{quote(password, safe='')}@"
        if camera.settings.url is None:
            return None
        scheme, rest = camera.settings.url.split("://", 1)
        return CameraTask(
            camera=camera.id, url=f"{scheme}://{user if camera.settings.username else ''}{rest}"
        )

    async def _on_report(self, report: Report) -> None:
        match report:
            case SegmentFinished() | Recovered():
                self._placer.add(report)
                return
            case Unreadable():
                self._unreadable += 1
                logger.warning("footage can't be read, kept as %s: %s", report.path, report.reason)
                return
        watch = self._watches.get(report.camera)
        match report:
            case _ if watch is None:
                logger.warning("the recorder tells of %s, which is not recorded", report.camera)
            case Opened():
                self._trouble.note("recorder", "")
                self._trouble.note("spool", "")
                await watch.opened(report)
            case Progress():
                watch.progress(report)
            case Lost():
                cause = Cause(report.cause)
                if cause is Cause.DISK:
                    self._trouble.note("spool", f"footage can't be written: {report.reason}")
                    self._house.nudge()
                if cause is Cause.STOPPED and self._paused:
                    cause = Cause.DISK
                await watch.lost(report, cause)

    async def _on_recorder_start(self) -> None:
        for watch in self._watches.values():
            watch.recorder_started()

    async def _on_recorder_death(self, code: int) -> None:
        disk = code == EXIT_DISK
        what = "the spool can't be used" if disk else f"the recorder process ended with {code}"
        self._trouble.note("spool" if disk else "recorder", what)
        for watch in self._watches.values():
            await watch.recorder_ended(Cause.DISK if disk else Cause.RECORDER)

    async def _watch(self) -> NoReturn:
        while True:
            await self._clock.sleep(min(_LOOK_S, self._site.recording.lost_after_s))
            for watch in self._watches.values():
                await watch.look()

    async def _ends_of_footage(self, cameras: list[str]) -> dict[str, datetime]:
        """When each camera's footage ends, shelf or spool; nothing where there is no disk to ask."""
        try:
            async with asyncio.timeout(_ASK_DISK_S):
                await self._house.ready.wait()
                return {camera: end for camera in cameras if (end := await self._end_of_footage(camera))}
        except (OSError, LibraryUnusable):
            return {}

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
