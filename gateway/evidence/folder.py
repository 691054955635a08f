"""Files of evidence: where they lie, how they get there and go. Blocking: for a thread.

{recording dir}/evidence/{YYYY-MM-DD}/{id}.jpg | .mp4    whole, owned by the row of that id (I6); the day is UTC's
{recording dir}/evidence/{YYYY-MM-DD}/{id}.json          its manifest
{recording dir}/evidence/making/{id}.*                   being made; emptied at each start
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.store.evidence_rows import EvidenceRow
from gateway.store.library_evidence_going import EVIDENCE_FOLDER
from gateway.store.side import sync_directory

_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_OURS = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(jpg|mp4|json)$")


class Folder:
    """The evidence of one recording directory. Every method raises OSError as the disk has it."""

    def __init__(self, recording_dir: Path) -> None:
        self.root = recording_dir / EVIDENCE_FOLDER
        self._making = self.root / "making"

    def prepare(self) -> None:
        """Make the folders that are missing, and remove what an earlier run left half made."""
        if not self._making.is_dir():
            self._making.mkdir(parents=True, exist_ok=True)
            sync_directory(self.root)
            sync_directory(self.root.parent)
        for left in self._making.iterdir():
            left.unlink()

    def draft(self, row: EvidenceRow) -> Path:
        """Where a file is made before it is placed."""
        return self._making / row.path.name

    def write_draft(self, row: EvidenceRow, content: bytes) -> str:
        """Write a whole file; its SHA-256 in hexadecimal digits."""
        _write(self.draft(row), content)
        return hashlib.sha256(content).hexdigest()

    def place(self, row: EvidenceRow, manifest: bytes) -> None:
        """Put draft and manifest in their place, durably: fsync, rename, fsync of the folder."""
        draft, folder = self.draft(row), row.path.parent
        _sync(draft)
        beside = self._making / row.manifest.name
        _write(beside, manifest)
        _sync(beside)
        if not folder.is_dir():
            folder.mkdir()
            sync_directory(self.root)
        draft.rename(row.path)
        beside.rename(row.manifest)
        sync_directory(folder)
        sync_directory(self._making)

    def drop_draft(self, row: EvidenceRow) -> None:
        """It came to nothing."""
        self.draft(row).unlink(missing_ok=True)

    def is_whole(self, row: EvidenceRow) -> bool:
        """Whether a row's file and manifest are there; their content is not looked at."""
        return row.path.is_file() and row.manifest.is_file() and row.path.stat().st_size == row.bytes

    def unlink(self, rows: Iterable[EvidenceRow]) -> None:
        """Remove the files of these, durably, and the days that are empty then."""
        folders = set()
        for row in rows:
            for path in (row.path, row.manifest):
                path.unlink(missing_ok=True)
            folders.add(row.path.parent)
        self._settle(folders)

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove files that no row owns."""
        folders = set()
        for path in paths:
            path.unlink(missing_ok=True)
            folders.add(path.parent)
        self._settle(folders)

    def files(self) -> Iterator[Path]:
        """Every file with a name of ours, a day after the other; others are left alone."""
        if not self.root.is_dir():
            return
        for day in sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir()):
            if _DAY.match(day):
                for entry in os.scandir(self.root / day):
                    if entry.is_file() and _OURS.match(entry.name):
                        yield self.root / day / entry.name

    def _settle(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            if not folder.is_dir():
                continue
            sync_directory(folder)
            if not any(folder.iterdir()):
                folder.rmdir()
                sync_directory(self.root)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
