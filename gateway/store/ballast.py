"""Disk space held in reserve for alarms: a file that recording can't take, given up when the journal's disk is full."""

import errno
import os
import shutil
from pathlib import Path


class Ballast:
    """A file of `size` bytes beside the journal. Blocks for the disk: use it in a thread."""

    def __init__(self, path: Path, size: int) -> None:
        self.present = size == 0  #: Whether the whole reserve is there, as far as was last seen.
        self._path = path
        self._size = size

    def _look(self) -> bool:
        """Whether the whole reserve is there."""
        try:
            self.present = self._size == 0 or self._path.stat().st_size >= self._size
        except OSError:
            self.present = False
        return self.present

    def ensure(self) -> bool:
        """Take the reserve if it is missing and twice its size is free. Raises OSError but for a full disk."""
        if self._look():
            return True
        if shutil.disk_usage(self._path.parent).free < 2 * self._size:
            return False
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            if error.errno == errno.ENOSPC:
                return False
            raise
        finally:
            os.close(descriptor)
        return self._look()

    def release(self) -> bool:
        """Give the reserve up; True if that freed anything."""
        self.present = self._size == 0
        try:
            freed = self._size > 0 and self._path.stat().st_size > 0
            self._path.unlink()
        except OSError:
            return False
        return freed
