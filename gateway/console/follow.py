"""Follows the file that a camera is recorded into, from file to file, as one fragmented MP4 whose time goes on."""

import os
import threading
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

from gateway.console.boxes import HEAD, BoxError, head_of
from gateway.console.fragments import Fragment, fragment_of, reference
from gateway.console.movie import Movie, movie_of
from gateway.footage import Growing

#: Who is so many seconds of footage behind goes on at the last key frame: a live picture must not become an old one.
MOST_BEHIND_S = 5


@dataclass(frozen=True, slots=True)
class _Span:
    """A whole fragment of a file, and where its pictures lie."""

    fragment: Fragment
    media_at: int
    media_size: int


class GrowingFile:
    """A fragmented MP4 that another process appends to. Whole fragments only; a half one waits for its rest.

    Raises OSError as the disk has it, BoxError where it is no footage.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._at = 0
        self._type = b""
        self._moof: Fragment | None = None
        self.movie: Movie | None = None
        self.initialisation = b""

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)

    def is_at(self, path: Path) -> bool:
        """Whether that is a name of this very file; a name that is gone tells nothing new."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return True
        mine = os.fstat(self._file)
        return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)

    def fresh(self) -> list[_Span]:
        """The fragments that have become whole since the last call."""
        size = os.fstat(self._file).st_size
        found: list[_Span] = []
        while (head := head_of(os.pread(self._file, HEAD, self._at))) is not None:
            if self._at + head.size > size:
                break
            if head.kind == b"mdat":
                if self._moof is None:
                    raise BoxError("pictures without a fragment")
                found.append(_Span(self._moof, self._at, head.size))
                self._moof = None
            elif head.kind in (b"ftyp", b"moov", b"moof"):
                self._take(head.kind, os.pread(self._file, head.size, self._at))
            self._at += head.size
        return found

    def _take(self, kind: bytes, box: bytes) -> None:
        if kind == b"ftyp":
            self._type = box
        elif kind == b"moov":
            self.movie = movie_of(box)
            self.initialisation = self._type + box
        elif self.movie is None:
            raise BoxError("a fragment before its movie")
        else:
            self._moof = fragment_of(box, self.movie)

    def media(self, span: _Span) -> bytes:
        """The pictures of a fragment."""
        data = os.pread(self._file, span.media_size, span.media_at)
        if len(data) != span.media_size:
            raise BoxError("the file has become shorter")
        return data


class Follower:
    """One viewer's way through a camera's files. Blocking: for a thread; one call at a time.

    The first fragment begins with the last key frame there is and is at time 0. Where the files' descriptions differ,
    an initialisation goes before the first fragment of the next. With each fragment goes the time when it was recorded.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._file: GrowingFile | None = None
        self._seen: Growing | None = None
        self._waiting: deque[_Span] = deque()
        self._told: Movie | None = None
        self._number = 0
        self._time = Fraction(0)  # where the next fragment begins, for the viewer
        self._shift: Fraction | None = None  # from the file's time to the viewer's; none yet: at a key frame

    @property
    def media_type(self) -> str:
        """What is sent, once something was."""
        return self._told.media_type if self._told is not None else "video/mp4"

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._closed = True
            self._drop_file()

    def next(self, growing: Growing | None) -> bytes | None:
        """What the viewer is to be sent next; None while there is nothing new. Raises OSError, BoxError.

        `growing` is what the camera is recorded into by now. The file before is finished first.
        """
        with self._lock:
            if self._closed:
                return None
            is_over = self._is_over(growing)
            self._look()
            if not self._waiting and is_over and growing is not None:
                self._open(growing)
                self._look()
            return self._send(self._waiting.popleft()) if self._waiting else None

    def _is_over(self, growing: Growing | None) -> bool:
        """Whether the camera is recorded into another file than ours by now."""
        if self._file is None:
            return True
        if growing is None or growing == self._seen:
            return False
        if self._file.is_at(growing.path):
            self._seen = growing
            return False
        return True

    def _open(self, growing: Growing) -> None:
        self._drop_file()
        try:
            self._file = GrowingFile(growing.path)
        except FileNotFoundError:  # renamed between the question and now: asked again
            return
        self._seen = growing

    def _drop_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._seen = self._shift = None
        self._waiting.clear()

    def _look(self) -> None:
        if self._file is None:
            return
        self._waiting.extend(self._file.fresh())
        keys = [at for at, span in enumerate(self._waiting) if span.fragment.key]
        if keys and (self._told is None or self._is_behind()):
            self._skip(keys[-1])
        elif self._shift is None:  # of this file nothing was sent yet
            self._skip(keys[0] if keys else len(self._waiting))

    def _is_behind(self) -> bool:
        if not self._waiting:
            return False
        return self._waiting[-1].fragment.end - self._waiting[0].fragment.start > MOST_BEHIND_S

    def _skip(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        if count:
            self._shift = None

    def _send(self, span: _Span) -> bytes:
        file = self._file
        assert file is not None
        assert file.movie is not None
        assert self._seen is not None
        if self._shift is None:
            self._shift = self._time - span.fragment.start
        initialisation = b""
        if self._told is None or not self._told.same_pictures(file.movie):
            initialisation = file.initialisation
        self._told = file.movie
        self._number += 1
        self._time = max(self._time, self._shift + span.fragment.end)
        begin = span.fragment.start
        came = self._seen.start + timedelta(seconds=float(begin))
        stamp = reference(file.movie, self._shift + begin, came)
        moof = span.fragment.moved(file.movie, self._shift, self._number)
        return initialisation + stamp + moof + file.media(span)
