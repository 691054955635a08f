"""The gateway's own command line on a disk that dies by signal, at the boundary of the journal's real files.

SIGUSR1: a passing error. Reads, writes and syncs of the journal's open files fail with EIO until the daemon opens the
journal anew to write; from then on all is well. (/proc/self/mem takes the place of the open descriptors: at an address
where nothing is mapped the kernel answers with EIO.)

SIGUSR2: an error that stays. The journal's files can be read, and every write to them fails, also to each that is opened
later, until the next SIGUSR2. (Descriptors that are open to read alone take their place: SQLite makes the same
SQLITE_IOERR_WRITE of EBADF, EIO and EROFS. /proc/self/mem would not do: its size is 0, an empty journal to whoever opens it.)

Each is said in the log once it is done.
"""

import contextlib
import logging
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from gateway.__main__ import main

logger = logging.getLogger("dying-disk")

_connect = sqlite3.connect
_FILES = {"journal.db", "journal.db-wal"}
_DESCRIPTORS = Path("/proc/self/fd")


class DyingDisk:
    """What is broken just now, with the sound descriptor of each."""

    def __init__(self) -> None:
        self._is_dead = False
        self._is_ill = False
        self._sound: dict[int, tuple[Path, int]] = {}

    def install(self) -> None:
        """Listen to the signals, and to every database that is opened."""
        signal.signal(signal.SIGUSR1, self._fall_ill)
        signal.signal(signal.SIGUSR2, self._die_or_heal)
        sqlite3.connect = self._connect  # type: ignore[assignment]  # whoever opens a database asks for it by this name

    def _fall_ill(self, _number: int, _frame: object) -> None:
        self._is_ill = True
        logger.warning("%d files fail", self._break("/proc/self/mem", os.O_RDWR))

    def _die_or_heal(self, _number: int, _frame: object) -> None:
        self._is_dead = not self._is_dead
        if self._is_dead:
            logger.warning("%d files take no write, nor will later ones", self._break(None, os.O_RDONLY))
        else:
            self._mend()
            logger.warning("healed")

    def _connect(self, *arguments: Any, **keywords: Any) -> sqlite3.Connection:
        """Really open it; then it is as the disk is just now, before its first statement."""
        if self._is_ill and "mode=rwc" in str(arguments[0]):
            self._is_ill = False
            self._mend()
            logger.warning("well again")
        connection: sqlite3.Connection = _connect(*arguments, **keywords)
        if self._is_dead:
            with contextlib.suppress(sqlite3.Error):  # whoever opened it will hear of it
                connection.execute("select 1 from sqlite_schema").close()  # opens the -wal file too
            self._break(None, os.O_RDONLY)
        return connection

    def _break(self, path: str | None, flags: int) -> int:
        """Put `path`, or the same file, opened anew with `flags`, in the place of each open file; how many."""
        found = 0
        for entry in list(_DESCRIPTORS.iterdir()):
            number, target = int(entry.name), _target(entry)
            if target is None or target.name not in _FILES:
                continue
            broken = os.open(path or entry, flags | os.O_CLOEXEC)
            if number not in self._sound:
                self._sound[number] = (_target(_DESCRIPTORS / str(broken)) or target, os.dup(number))
            os.dup2(broken, number, inheritable=False)
            os.close(broken)
            found += 1
        return found

    def _mend(self) -> None:
        """The sound descriptors return to where a broken one still is."""
        for number, (broken, sound) in self._sound.items():
            if _target(_DESCRIPTORS / str(number)) == broken:
                os.dup2(sound, number, inheritable=False)
            os.close(sound)
        self._sound.clear()


def _target(entry: Path) -> Path | None:
    try:
        return entry.readlink()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    DyingDisk().install()
    sys.exit(main())
