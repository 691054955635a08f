"""Where the recorder's reports go: files to the placer, word of the cameras to their watches, trouble to the alarms."""

import logging
from collections.abc import Callable, Mapping

from gateway.clock import from_ms
from gateway.recording.cameras import CameraWatch
from gateway.recording.footage import FootageBook
from gateway.recording.needs import RecordingJournal
from gateway.recording.placer import Placer
from gateway.recording.protocol import (
    EXIT_DISK,
    Begun,
    Cause,
    Lost,
    Opened,
    Progress,
    Recovered,
    Report,
    SegmentFinished,
    Skipped,
    Unreadable,
)
from gateway.recording.trouble import Trouble

logger = logging.getLogger(__name__)


class ReportDesk:
    """`watches` by camera; `is_paused` is whether recording was stopped for want of space, `on_disk_fault` makes room."""

    def __init__(
        self,
        *,
        watches: Mapping[str, CameraWatch],
        placer: Placer,
        footage: FootageBook,
        trouble: Trouble,
        journal: RecordingJournal,
        is_paused: Callable[[], bool],
        on_disk_fault: Callable[[], None],
    ) -> None:
        self._watches = watches
        self._placer = placer
        self._footage = footage
        self._trouble = trouble
        self._journal = journal
        self._is_paused = is_paused
        self._on_disk_fault = on_disk_fault
        self.unreadable = 0

    async def take(self, report: Report) -> None:
        """Do with a report what belongs to be done."""
        match report:
            case Begun():
                self._footage.begun(report)
            case SegmentFinished() | Recovered():
                self._placer.add(report)
                self._footage.settled(report.camera, report.path)
            case Unreadable():
                self._footage.settled(report.camera, report.path)
                self.unreadable += 1
                logger.warning("footage can't be read, kept as %s: %s", report.path, report.reason)
            case Skipped():
                start, end = from_ms(report.start_ms), from_ms(report.end_ms)
                await self._journal.record_gap(report.camera, Cause.CLOCK, start, end)
            case Opened() | Progress() | Lost():
                await self._take_word(report)

    async def _take_word(self, report: Opened | Progress | Lost) -> None:
        watch = self._watches.get(report.camera)
        if watch is None:
            logger.warning("the recorder tells of %s, which is not recorded", report.camera)
            return
        match report:
            case Opened():
                self._trouble.note("recorder", "")
                self._trouble.note("spool", "")
                await watch.opened(report)
            case Progress():
                watch.progress(report)
            case Lost():
                self._footage.ended(report.camera)
                await self._take_loss(watch, report)

    async def _take_loss(self, watch: CameraWatch, report: Lost) -> None:
        cause = Cause(report.cause)
        if cause is Cause.DISK:
            self._trouble.note("spool", f"footage can't be written: {report.reason}")
            self._on_disk_fault()
        if cause is Cause.STOPPED and self._is_paused():
            cause = Cause.DISK
        await watch.lost(report, cause)

    async def recorder_started(self) -> None:
        """A recorder process runs."""
        for watch in self._watches.values():
            watch.recorder_started()

    async def recorder_ended(self, code: int) -> None:
        """It ended with this exit code: by itself, and another one is started, or because recording was stopped."""
        self._footage.recorder_ended()
        cause = Cause.DISK if self._is_paused() or code == EXIT_DISK else Cause.RECORDER
        if not self._is_paused():
            disk = cause is Cause.DISK
            what = "the spool can't be used" if disk else f"the recorder process ended with {code}"
            self._trouble.note("spool" if disk else "recorder", what)
        for watch in self._watches.values():
            await watch.recorder_ended(cause)
