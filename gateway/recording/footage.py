"""Where a camera's footage is at this moment: on the shelf, waiting for it, or still growing (implements `gateway.footage`)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.clock import Clock, from_ms
from gateway.footage import FootageUnavailable, Growing, Piece
from gateway.recording.protocol import Begun
from gateway.recording.shelf import Shelf
from gateway.store.files import FileThread
from gateway.store.library import Library, LibraryUnusable
from gateway.store.library_rows import StoredSegment

#: Segments that one question reads at a time: a bit more than a day of them.
_PAGE = 2000


@dataclass(frozen=True, slots=True)
class _Orphan:
    """A file that a recorder left when it ended, until its successor has read it."""

    camera: str
    piece: Piece


class FootageBook:
    """Follows the recorder's reports, so that no footage is out of sight on its way from camera to shelf.

    `waiting` gives the finished files of a camera that the placer still has; `is_surveyed` is whether the library knows all of the
    shelf. What is remembered is bounded by the files in the spool: those that were left there, and one growing file of each camera.
    """

    def __init__(
        self,
        *,
        library: Library,
        shelf: Shelf,
        files: FileThread,
        clock: Clock,
        waiting: Callable[[str], list[Piece]],
        is_surveyed: Callable[[], bool],
    ) -> None:
        self._library = library
        self._shelf = shelf
        self._files = files
        self._clock = clock
        self._waiting = waiting
        self._is_surveyed = is_surveyed
        self._growing: dict[str, Growing] = {}
        self._orphans: dict[Path, _Orphan] = {}
        self._has_looked = False

    async def look(self) -> None:
        """Enter what an earlier run left in the spool, once; best before a recorder writes there. Raises OSError."""
        if self._has_looked:
            return
        for camera, piece in await self._files.do(self._shelf.spooled):
            self._orphans[piece.path] = _Orphan(camera, piece)
        self._has_looked = True

    # ---- what the recorder reports

    def begun(self, report: Begun) -> None:
        """A file is being written, or has another name now."""
        self._growing[report.camera] = Growing(
            camera=report.camera, path=Path(report.path), start=from_ms(report.start_ms)
        )

    def ended(self, camera: str) -> None:
        """Nothing of the camera is being written."""
        self._growing.pop(camera, None)

    def settled(self, camera: str, path: str) -> None:
        """A file is finished, or one that was left has been read: it waits for the shelf, or lies aside."""
        if (growing := self._growing.get(camera)) is not None and str(growing.path) == path:
            del self._growing[camera]
        self._orphans.pop(Path(path), None)

    def recorder_ended(self) -> None:
        """What was growing is left as it is until the next recorder has read it."""
        now = self._clock.now()
        for growing in self._growing.values():
            piece = Piece(path=growing.path, start=growing.start, end=max(now, growing.start))
            self._orphans[piece.path] = _Orphan(growing.camera, piece)
        self._growing.clear()

    # ---- for others

    def growing(self, camera: str) -> Growing | None:
        """What it is recorded into just now."""
        return self._growing.get(camera)

    async def pieces(self, camera: str, start: datetime, end: datetime) -> list[Piece]:
        """The files that touch [start, end), oldest first, with the growing one. Raises FootageUnavailable.

        That is raised, too, until spool and shelf have been seen whole: who finds nothing here may take it as final.
        """
        self._require_survey()
        # A file goes from growing or left behind to waiting, and from there to the shelf; asked in that order, one that moves
        # meanwhile is in two places, never in none. One that was growing when its recorder died is left behind from then on.
        was = self._growing_piece(camera)
        try:
            await self.look()
            moving = await self._left_behind(camera)
            grows = self._growing_piece(camera) or was
            moving += [*([grows] if grows else []), *self._waiting(camera)]
            shelved = await all_segments(self._library, camera, start, end)
        except (LibraryUnusable, OSError) as error:
            raise FootageUnavailable(f"footage of {camera} can't be looked up: {error}") from error
        self._require_survey()  # the library may have been begun anew meanwhile
        found = {piece.start: piece for piece in moving if piece.start < end and piece.end > start}
        found |= {row.start: self._shelved(row) for row in shelved}
        return [found[moment] for moment in sorted(found)]

    def _require_survey(self) -> None:
        if not self._is_surveyed():
            raise FootageUnavailable("what is on the shelf is still being looked up")

    async def _left_behind(self, camera: str) -> list[Piece]:
        """Those of a camera that are there: one that had no picture is removed without a word of it."""
        left = [orphan.piece for orphan in self._orphans.values() if orphan.camera == camera]
        there = await self._files.do(lambda: [piece for piece in left if piece.path.exists()])
        for gone in {piece.path for piece in left} - {piece.path for piece in there}:
            self._orphans.pop(gone, None)
        return there

    def _growing_piece(self, camera: str) -> Piece | None:
        growing = self._growing.get(camera)
        if growing is None:
            return None
        end = max(self._clock.now(), growing.start)
        return Piece(path=growing.path, start=growing.start, end=end, growing=True)

    def _shelved(self, row: StoredSegment) -> Piece:
        return Piece(path=self._shelf.path(row.path), start=row.start, end=row.end)


async def all_segments(library: Library, camera: str, start: datetime, end: datetime) -> list[StoredSegment]:
    """All segments that touch [start, end), oldest first, however many. Raises LibraryUnusable."""
    found: list[StoredSegment] = []
    at = start
    while page := await library.segments(camera, at, end, limit=_PAGE):
        found += page
        if len(page) < _PAGE:
            break
        at = page[-1].end
    return found
