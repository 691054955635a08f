"""From spool to shelf to library: each whole file is placed, then owned by a row (DESIGN "A minute of video")."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

from gateway.clock import Clock, from_ms
from gateway.footage import Piece
from gateway.model import ClockState
from gateway.recording.inventory import Inventory
from gateway.recording.protocol import Recovered, SegmentFinished
from gateway.recording.shelf import Shelf
from gateway.store.files import FileThread
from gateway.store.library import Library, LibraryUnusable
from gateway.store.library_rows import NewSegment

logger = logging.getLogger(__name__)

#: Files that may wait to be placed; of more the names are forgotten, until a recorder starts and reads the spool again.
MAX_WAITING = 10_000

_RETRY_S = 10.0
_RECENT = timedelta(hours=1)


@dataclass(slots=True)
class _Waiting:
    report: SegmentFinished | Recovered
    placed: NewSegment | None = None
    odd: bool = False  # others were placed after it had failed: the fault is its own


class Placer:
    """Places what is reported, in order; what the disk does not take goes to the end and is tried again.

    `on_placed` is called after each. `on_trouble` is told what is wrong and how, and "" when it is right again, each
    as often as it is seen: `shelf` while no file can be placed, `queue` from the first file that found no room
    until half of the queue is free. Those files are placed once a recorder starts again: how far a file goes can
    be read only there, and to start one for that would interrupt every camera.
    """

    def __init__(
        self,
        *,
        shelf: Shelf,
        library: Library,
        files: FileThread,
        inventory: Inventory,
        clock: Clock,
        clock_state: Callable[[], ClockState],
        on_placed: Callable[[NewSegment], None],
        on_trouble: Callable[[str, str], None],
    ) -> None:
        self._shelf = shelf
        self._library = library
        self._files = files
        self._inventory = inventory
        self._clock = clock
        self._clock_state = clock_state
        self._on_placed = on_placed
        self._on_trouble = on_trouble
        self._waiting: dict[str, _Waiting] = {}
        self._wake = asyncio.Event()
        self.recovered = self.left = 0

    @property
    def waiting(self) -> int:
        """Files that are whole and not on the shelf yet."""
        return len(self._waiting)

    def pieces(self, camera: str) -> list[Piece]:
        """Those files of a camera, where they are now."""
        return [
            Piece(path=self._path(waiting), start=from_ms(report.start_ms), end=from_ms(report.end_ms))
            for waiting in self._waiting.values()
            if (report := waiting.report).camera == camera
        ]

    def _path(self, waiting: _Waiting) -> Path:
        return self._shelf.path(waiting.placed.path) if waiting.placed else Path(waiting.report.path)

    def add(self, report: SegmentFinished | Recovered) -> None:
        """Place this file soon."""
        if len(self._waiting) >= MAX_WAITING and report.path not in self._waiting:
            self.left += 1
            self._on_trouble(
                "queue",
                f"{MAX_WAITING} files wait for the shelf, more stay in the spool until the next start",
            )
            return
        self._waiting.setdefault(report.path, _Waiting(report))
        self._wake.set()

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self.place_waiting():
                await self._clock.sleep(_RETRY_S)
                self._wake.set()

    async def place_waiting(self) -> bool:
        """Place what waits, each once; False if something still waits. A disk that does not answer ends it at once."""
        placed, trouble = False, ""
        failed: list[_Waiting] = []
        for path, waiting in list(self._waiting.items()):
            try:
                await self._place(waiting)
            except LibraryUnusable as error:
                self._on_trouble("shelf", f"footage can't be put on the shelf: {error}")
                return False  # it takes no other's row either
            except OSError as error:
                self._waiting[path] = self._waiting.pop(path)  # to the end: the others must not wait for it
                failed.append(waiting)
                if not waiting.odd:
                    trouble = f"footage can't be put on the shelf: {error}"
                if isinstance(error, TimeoutError):
                    break
            else:
                del self._waiting[path]
                placed = True
                self._on_trouble("shelf", "")
                if len(self._waiting) <= MAX_WAITING // 2:
                    self._on_trouble("queue", "")
        if placed:
            _set_apart(failed)
        elif trouble:
            self._on_trouble("shelf", trouble)
        return not self._waiting

    async def _place(self, waiting: _Waiting) -> None:
        report = waiting.report
        start, end = from_ms(report.start_ms), from_ms(report.end_ms)
        if waiting.placed is None:
            trusted = self._clock_state() is ClockState.TRUSTED and self._is_recent(end)
            try:
                waiting.placed = await self._files.do(
                    self._shelf.place, Path(report.path), report.camera, start, end, trusted=trusted
                )
            except FileNotFoundError:
                if not await self._files.do(self._shelf.spool.is_dir):
                    raise  # the whole disk is gone
                # Placed already, by a try that seemed to fail; the shelf knows.
                logger.info("%s is not in the spool any more", report.path)
                await self._inventory.take_day(report.camera, f"{start:%Y-%m-%d}")
                return
        await self._library.add_segment(waiting.placed)
        self.recovered += isinstance(report, Recovered)
        self._on_placed(waiting.placed)

    def _is_recent(self, end: datetime) -> bool:
        """Whether a clock that is right now was right then: a stamp far from now may be of another clock's time."""
        return -_RECENT <= self._clock.now() - end <= _RECENT


def _set_apart(failed: list[_Waiting]) -> None:
    """Others went to the shelf meanwhile: it is not the disk."""
    for waiting in failed:
        if not waiting.odd:
            logger.warning("%s can't be put on the shelf; others can, it is tried again", waiting.report.path)
        waiting.odd = True
