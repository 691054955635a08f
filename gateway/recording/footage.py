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
    """A file that a recorder left when it died, until its successor has read it."""

    camera: str
    piece: Piece


class FootageBook:
    """Follows the recorder's reports, so that no footage is out of sight on its way from camera to shelf.

    `waiting` gives the finished files of a camera that the placer still has. Of a camera there is one growing file, of those left by a
    dead recorder one each, so that this is bounded by the site file.
    """

    def __init__(
        self,
        *,
        library: Library,
        shelf: Shelf,
        files: FileThread,
        clock: Clock,
        waiting: Callable[[str], list[Piece]],
    ) -> None:
        self._library = library
        self._shelf = shelf
        self._files = files
        self._clock = clock
        self._waiting = waiting
        self._growing: dict[str, Growing] = {}
        self._orphans: list[_Orphan] = []

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
        self._orphans = [orphan for orphan in self._orphans if str(orphan.piece.path) != path]

    def recorder_ended(self) -> None:
        """What was growing is left as it is until the next recorder has read it."""
        now = self._clock.now()
        self._orphans = [
            _Orphan(
                growing.camera, Piece(path=growing.path, start=growing.start, end=max(now, growing.start))
            )
            for growing in self._growing.values()
        ]
        self._growing.clear()

    # ---- for others

    def growing(self, camera: str) -> Growing | None:
        """What it is recorded into just now."""
        return self._growing.get(camera)

    async def pieces(self, camera: str, start: datetime, end: datetime) -> list[Piece]:
        """The files that touch [start, end), oldest first, with the growing one. Raises FootageUnavailable."""
        # A file goes from growing or left behind to waiting, and from there to the shelf; asked in that order, one that moves
        # meanwhile is in two places, never in none. One that was growing when its recorder died is left behind from then on.
        was = self._growing_piece(camera)
        left = [orphan.piece for orphan in self._orphans if orphan.camera == camera]
        try:
            moving = await self._files.do(_existing, left)
            grows = self._growing_piece(camera) or was
            moving += [*([grows] if grows else []), *self._waiting(camera)]
            shelved = await all_segments(self._library, camera, start, end)
        except (LibraryUnusable, OSError) as error:
            raise FootageUnavailable(f"footage of {camera} can't be looked up: {error}") from error
        found = {piece.start: piece for piece in moving if piece.start < end and piece.end > start}
        found |= {row.start: self._shelved(row) for row in shelved}
        return [found[moment] for moment in sorted(found)]

    def _growing_piece(self, camera: str) -> Piece | None:
        growing = self._growing.get(camera)
        if growing is None:
            return None
        end = max(self._clock.now(), growing.start)
        return Piece(path=growing.path, start=growing.start, end=end, growing=True)

    def _shelved(self, row: StoredSegment) -> Piece:
        return Piece(path=self._shelf.path(row.path), start=row.start, end=row.end)


def _existing(pieces: list[Piece]) -> list[Piece]:
    """Of files that were left behind those that are there: one that had no picture is removed without a word of it."""
    return [piece for piece in pieces if piece.path.exists()]


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
