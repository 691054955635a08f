"""Brings what the recorder writes onto the disk, in a thread of its own: a lost machine costs seconds, no reader waits for it."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from gateway.clock import Clock

logger = logging.getLogger(__name__)

#: Every open file is synced so often; seconds. With a fragment of a second, 10 s are left for the disk's own slowness.
EVERY_S = 5.0


class OpenFile(Protocol):
    """A file that is being written; its path may change meanwhile."""

    path: Path


class Syncer:
    """Syncs each open file every `EVERY_S`, and the entry in its folder once, right after it began.

    `sync` brings the file or folder of a descriptor onto the disk. A file that can't be synced is said once, until one can
    be: its own writing tells what is wrong with the disk.
    """

    def __init__(self, clock: Clock, *, sync: Callable[[int], None] = os.fdatasync) -> None:
        self._clock = clock
        self._sync = sync
        self._lock = threading.Lock()
        self._open: dict[int, OpenFile] = {}
        self._unentered: list[Path] = []
        self._wake = threading.Event()
        #: When the open files are synced next, by the monotonic clock.
        self.due = clock.monotonic() + EVERY_S
        self._failing = False

    def begun(self, file: OpenFile) -> None:
        """Sync this file from now on."""
        with self._lock:
            self._open[id(file)] = file
            self._unentered.append(file.path.parent)
        self._wake.set()

    def renamed(self, file: OpenFile) -> None:
        """Its entry has another name."""
        with self._lock:
            self._unentered.append(file.path.parent)
        self._wake.set()

    def ended(self, file: OpenFile) -> None:
        """It is closed: whoever puts it on the shelf syncs it."""
        with self._lock:
            self._open.pop(id(file), None)

    def run(self, stop: threading.Event) -> None:
        """Until told to stop, which is noticed within `EVERY_S`."""
        while not stop.is_set():
            self._wake.wait(max(0.0, self.due - self._clock.monotonic()))
            self._wake.clear()
            self.turn()

    def turn(self) -> None:
        """Sync what is due by now. Blocks for the disk."""
        with self._lock:
            folders, self._unentered = set(self._unentered), []
        for folder in folders:
            self._sync_path(folder)
        now = self._clock.monotonic()
        if now < self.due:
            return
        self.due = now + EVERY_S
        with self._lock:
            files = tuple(self._open.values())
        for file in files:
            self._sync_file(file)

    def _sync_file(self, file: OpenFile) -> None:
        path = file.path
        self._sync_path(path)
        if file.path != path:  # it got its other name between our looking and our opening
            self._sync_path(file.path)

    def _sync_path(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                self._sync(descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return  # finished or renamed meanwhile
        except OSError as error:
            if not self._failing:
                logger.warning("%s can't be synced: %s", path, error.strerror)
            self._failing = True
        else:
            self._failing = False
