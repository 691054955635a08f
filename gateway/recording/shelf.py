"""Files of footage: where they lie, what they are called, how they get there and go. Blocking: for a thread.

    {recording dir}/spool/{camera}/{start ms}.mp4                            being written by the recorder
    {recording dir}/shelf/{camera}/{YYYY-MM-DD}/{start ms}-{end ms}.mp4      whole, with a row in the library (UTC)
    {recording dir}/unreadable/{camera}/{start ms}.mp4                       left by a crash, kept for a person

`-u` after the end: stamped while the clock was not trusted. A last number tells files of one name apart.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.clock import from_ms, to_ms
from gateway.footage import Piece
from gateway.recording.names import free_name, start_ms_of
from gateway.store.library_rows import NewSegment
from gateway.store.side import sync_directory

_NAME = re.compile(r"^(?P<start>\d{1,15})-(?P<end>\d{1,15})(?P<untrusted>-u)?(-\d+)?\.mp4$")
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True)
class Space:
    """Of the footage's file system, in bytes."""

    free: int
    size: int


class Shelf:
    """The folders below a recording directory. Every method raises OSError as the disk has it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.spool = directory / "spool"
        self.unreadable = directory / "unreadable"
        self.root = directory / "shelf"

    def path(self, relative: str) -> Path:
        """The file of a row's `path`."""
        return self.root / relative

    def place(
        self, spooled: Path, camera: str, start: datetime, end: datetime, *, trusted: bool
    ) -> NewSegment:
        """Move a whole file from the spool to the shelf, durably: fsync, rename, fsync of both folders.

        Raises FileNotFoundError if it is not in the spool any more.
        """
        with spooled.open("rb") as file:
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        folder = self.root / camera / start.strftime("%Y-%m-%d")
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            for parent in (folder.parent, self.root, self.directory):
                sync_directory(parent)
        target = free_name(folder, f"{to_ms(start)}-{to_ms(end)}{'' if trusted else '-u'}")
        spooled.rename(target)
        sync_directory(folder)
        sync_directory(spooled.parent)
        relative = target.relative_to(self.root).as_posix()
        return NewSegment(camera=camera, start=start, end=end, bytes=size, path=relative, trusted=trusted)

    def unlink(self, relative: str) -> None:
        """Remove a file; one that is not there is gone already."""
        self.path(relative).unlink(missing_ok=True)

    def settle(self, relatives: Iterable[str]) -> None:
        """Make removals durable: fsync their folders, and remove those days that are empty now."""
        for folder in {self.path(relative).parent for relative in relatives}:
            if not folder.is_dir():
                continue
            sync_directory(folder)
            if not any(folder.iterdir()):
                folder.rmdir()
                sync_directory(folder.parent)

    def cameras(self) -> list[str]:
        """The cameras that have a folder."""
        return _folders(self.root)

    def days(self, camera: str) -> list[str]:
        """The days (YYYY-MM-DD) of which a camera has a folder."""
        return [name for name in _folders(self.root / camera) if _DAY.match(name)]

    def files(self, camera: str, day: str) -> Iterator[str]:
        """The paths of a camera's day, below the shelf."""
        folder = self.root / camera / day
        if folder.is_dir():
            for entry in os.scandir(folder):
                if entry.is_file():
                    yield f"{camera}/{day}/{entry.name}"

    def read_name(self, relative: str) -> NewSegment | None:
        """What a file's name and size say of it; None where the name is not one of ours."""
        camera, _, name = relative.split("/")
        found = _NAME.match(name)
        if found is None or int(found["end"]) <= int(found["start"]):
            return None
        return NewSegment(
            camera=camera,
            start=from_ms(int(found["start"])),
            end=from_ms(int(found["end"])),
            bytes=self.path(relative).stat().st_size,
            path=relative,
            trusted=found["untrusted"] is None,
        )

    def space(self) -> Space:
        """How much room the file system has for us."""
        found = os.statvfs(self.directory)
        return Space(free=found.f_bavail * found.f_frsize, size=found.f_blocks * found.f_frsize)

    def has_leftovers(self) -> bool:
        """Whether there is a file in the spool."""
        return next(self.spool.glob("*/*.mp4"), None) is not None

    def spooled(self) -> list[tuple[str, Piece]]:
        """The files in the spool with their camera; when one ends is known only as the time of its last writing."""
        found = []
        for path in self.spool.glob("*/*.mp4"):
            try:
                start, written = from_ms(start_ms_of(path)), from_ms(round(path.stat().st_mtime * 1000))
            except (ValueError, FileNotFoundError):
                continue  # another's file, or one that went while we looked
            found.append((path.parent.name, Piece(path=path, start=start, end=max(start, written))))
        return found

    def last_written(self, camera: str) -> datetime | None:
        """When the recorder last wrote a file of the camera that is still in the spool."""
        folder = self.spool / camera
        if not folder.is_dir():
            return None
        times = [path.stat().st_mtime for path in folder.glob("*.mp4")]
        return from_ms(round(max(times) * 1000)) if times else None


def _folders(parent: Path) -> list[str]:
    if not parent.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(parent) if entry.is_dir())
