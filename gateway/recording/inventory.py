"""Files and rows held against each other: every file on the shelf is owned by exactly one row (I6)."""

import logging
from dataclasses import dataclass

from gateway.recording.shelf import Shelf
from gateway.store.files import FileThread
from gateway.store.library import Library
from gateway.store.library_rows import NewSegment, StoredSegment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What an inventory came to: files without a row, rows without a file, files that are not ours."""

    adopted: int = 0
    lost: tuple[StoredSegment, ...] = ()
    strange: tuple[str, ...] = ()

    def __add__(self, other: "Found") -> "Found":
        return Found(self.adopted + other.adopted, self.lost + other.lost, self.strange + other.strange)


class Inventory:
    """Adopts orphans and forgets rows whose files are gone. Raises OSError, LibraryUnusable.

    To be taken while nothing unlinks files.
    """

    def __init__(self, shelf: Shelf, library: Library, files: FileThread) -> None:
        self._shelf = shelf
        self._library = library
        self._files = files

    async def take(self) -> Found:
        """Of the whole shelf, a day at a time, so that orphans get their rows in the order of recording."""
        cameras = {*await self._files.do(self._shelf.cameras), *await self._library.cameras()}
        folders = {
            (day, camera)
            for camera in cameras
            for day in {*await self._files.do(self._shelf.days, camera), *await self._library.days(camera)}
        }
        found = Found()
        for day, camera in sorted(folders):
            found += await self.take_day(camera, day)
        if found != Found():
            logger.warning(
                "inventory: %d files adopted, %d rows had lost their file, strange: %s",
                found.adopted,
                len(found.lost),
                ", ".join(found.strange) or "none",
            )
        return found

    async def take_day(self, camera: str, day: str) -> Found:
        """Of one camera's day."""
        files = set(await self._files.do(lambda: list(self._shelf.files(camera, day))))
        rows = await self._library.paths(camera, day)
        orphans, strange = await self._files.do(self._read_names, sorted(files - rows))
        if orphans:
            await self._library.add_segments(sorted(orphans, key=lambda orphan: orphan.start))
        gone = await self._files.do(self._gone, rows - files)
        lost = await self._library.disown(gone) if gone else []
        return Found(len(orphans), tuple(lost), tuple(strange))

    def _gone(self, paths: set[str]) -> list[str]:
        if not self._shelf.root.is_dir():
            raise FileNotFoundError(f"{self._shelf.root} is gone: is the footage's disk mounted?")
        return [path for path in paths if not self._shelf.path(path).exists()]

    def _read_names(self, paths: list[str]) -> tuple[list[NewSegment], list[str]]:
        orphans: list[NewSegment] = []
        strange: list[str] = []
        for path in paths:
            try:
                orphan = self._shelf.read_name(path)
            except FileNotFoundError:
                continue  # it went while we looked
            if orphan is None:
                strange.append(path)
            else:
                orphans.append(orphan)
        return orphans, strange
