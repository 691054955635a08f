"""The note of which left-over file is being read: one whose reading ended the recorder twice is not read a third time."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

#: So many ends of a recorder are put down to a file. The first may have come from outside: a kill, a power cut.
MOST_ENDS = 2


class ReadingNote:
    """A small file that names, while one is being read, that file and how many recorders have begun to read it in vain.

    What ends the process in the middle of the reading (a fault in the library, too much memory) leaves the note for
    the next one. A disk that takes no note is told once, and files are read without.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blamed, self._ends = _noted(path)
        self._untold = True

    def blames(self, file: Path) -> bool:
        """Whether reading this file has ended enough recorders."""
        return _name(file) == self._blamed and self._ends >= MOST_ENDS

    @contextlib.contextmanager
    def of(self, file: Path) -> Iterator[None]:
        """Reading this file."""
        begun = 1 + (self._ends if _name(file) == self._blamed else 0)
        try:
            self._path.write_text(f"{begun} {_name(file)}\n", encoding="utf-8")
        except OSError as error:
            if self._untold:
                logger.warning("what is being read can't be noted: %s", error)
            self._untold = False
        yield
        self.clear()

    def clear(self) -> None:
        """Nothing is being read, or what is will be left in order."""
        with contextlib.suppress(OSError):  # at worst one end too many is put down to that file
            self._path.unlink()


def _name(file: Path) -> str:
    """The file as the note has it: with its camera's folder."""
    return f"{file.parent.name}/{file.name}"


def _noted(path: Path) -> tuple[str, int]:
    """What an earlier recorder noted; nothing where there is no note, or a torn one."""
    try:
        ends, name = path.read_text(encoding="utf-8").split(maxsplit=1)
        return name.strip(), int(ends)
    except (OSError, ValueError):
        return "", 0
