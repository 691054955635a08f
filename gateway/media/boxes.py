"""Where the fragments of an MP4 file lie, without reading what is in them (ISO/IEC 14496-12, 4.2 and 8.8)."""

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Self

from gateway.media.values import MediaRefused

#: A header (ftyp, moov) longer than this is not one of ours; bytes. That of the recorder has about a thousand.
MAX_HEADER = 1024 * 1024
#: As much for a fragment's own header (moof).
MAX_MOOF = 4 * 1024 * 1024
#: A day in fragments of a second is less than this.
MAX_FRAGMENTS = 100_000

_KNOWN = frozenset({b"ftyp", b"styp", b"moov", b"free", b"sidx", b"uuid", b"skip", b"mdat", b"mfra"})
# Flags of tfhd and trun (8.8.7, 8.8.8), and of a sample (8.8.3.1).
_BASE_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _FLAGS, _BASE_IS_MOOF = 0x1, 0x2, 0x8, 0x10, 0x20, 0x20000
_DATA_OFFSET, _FIRST_FLAGS, _SAMPLE_DURATION, _SAMPLE_SIZE, _SAMPLE_FLAGS = 0x1, 0x4, 0x100, 0x200, 0x400
_NOT_SYNC = 0x10000


@dataclass(frozen=True, slots=True)
class TrackRun:
    """What a fragment says of one track: its time in the track's ticks, and whether it begins with a key frame."""

    time: int
    key: bool
    movable: bool


class NoPicture(MediaRefused):
    """A film that ends before its first picture: of a file that grows, there may be one soon."""


class Fragments:
    """An open file, cut into its header and its whole fragments. What comes later, or is torn, is not there.

    A file without fragments has `count` 0 and is all header. Close it, or use it as a context manager.
    Raises OSError, MediaRefused.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._file: IO[bytes] = path.open("rb")
        try:
            self._size = self._file.seek(0, io.SEEK_END)
            self._offsets: list[int] = []
            self._header, self.end = self._walk()
        except BaseException:  # raised on
            self._file.close()
            raise
        self._run = lru_cache(maxsize=1024)(self._read_run)

    @property
    def count(self) -> int:
        """How many fragments it has."""
        return len(self._offsets)

    def run(self, number: int, track: int) -> TrackRun | None:
        """What the fragment says of the track; None if it has nothing of it."""
        return self._run(number, track)

    def newest_key(self, track: int, time: float | None = None) -> int:
        """The last fragment that begins with a key frame at or before `time` (ticks; None: at all), or the first."""
        number = self.count
        if time is not None:
            number = bisect_right(range(self.count), time, key=lambda n: self._time(n, track))
        while number > 1:
            number -= 1
            run = self.run(number, track)
            if run is not None and run.key and run.movable:
                return number
        return 0

    def view(self, first: int = 0) -> "View":
        """The header and the fragments from that one on, as a file; only one at a time."""
        begin = self._offsets[first] if self.count else self._header
        self._file.seek(0)
        return View(self._file, self._file.read(self._header) if self.count else b"", begin, self.end)

    def prefix(self, *, growing: bool) -> "View":
        """The bytes of the file as it was when it was opened; of a growing one up to the last whole fragment."""
        return View(self._file, b"", 0, self.end if growing else self._size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _walk(self) -> tuple[int, int]:
        header = at = end = 0
        while (box := self._box(at)) is not None:
            size, name = box
            if name == b"moof":
                if len(self._offsets) >= MAX_FRAGMENTS:
                    raise MediaRefused(f"{self.name}: more fragments than a day has")
                header = header or at
                self._offsets.append(at)
            elif name == b"mdat" and not self._offsets:
                return 0, self._size  # no fragments: one moov tells all
            elif name not in _KNOWN:
                break  # no box of a film: from here on the bytes are no good
            at += size
            if name != b"moof":
                end = at
        while self._offsets and self._offsets[-1] >= end:
            self._offsets.pop()  # a fragment's header whose pictures have not come yet
        if not self._offsets:
            raise NoPicture(f"{self.name}: no picture in it yet")
        if header > MAX_HEADER:
            raise MediaRefused(f"{self.name}: a header of {header} bytes")
        return header, end

    def _box(self, at: int) -> tuple[int, bytes] | None:
        """Size and name of the box there; None if it is not wholly there, or none."""
        self._file.seek(at)
        data = self._file.read(16)
        if len(data) < 8:
            return None
        size, name = int.from_bytes(data[:4], "big"), data[4:8]
        if size == 1 and len(data) == 16:
            size = int.from_bytes(data[8:], "big")
        return (size, name) if size >= 8 and at + size <= self._size else None

    def _time(self, number: int, track: int) -> float:
        """For a fragment without that track: of the one before it."""
        for earlier in range(number, -1, -1):
            run = self.run(earlier, track)
            if run is not None:
                return run.time
        return 0

    def _read_run(self, number: int, track: int) -> TrackRun | None:
        at = self._offsets[number]
        box = self._box(at)
        if box is None or box[0] > MAX_MOOF:
            raise MediaRefused(f"{self.name}: a fragment whose header is too long")
        self._file.seek(at + 8)
        moof = self._file.read(box[0] - 8)
        try:
            for name, traf in children(moof):
                if name == b"traf" and (run := _run_of(traf, track)) is not None:
                    return run
        except (struct.error, IndexError) as error:
            raise MediaRefused(f"{self.name}: a fragment whose header is damaged: {error}") from None
        return None


class View(io.RawIOBase):
    """Some bytes, then a part of a file, as one file that can be read and sought."""

    def __init__(self, file: IO[bytes], head: bytes, begin: int, end: int) -> None:
        self._file = file
        self._head = head
        self._begin = begin
        self._length = len(head) + end - begin
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end."""
        left = max(0, self._length - self._at)
        size = left if size < 0 else min(size, left)
        data = self._head[self._at : self._at + size]
        if len(data) < size:
            self._file.seek(self._begin + self._at + len(data) - len(self._head))
            data += self._file.read(size - len(data))
        self._at += len(data)
        return data


def children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in a box, as far as they are whole."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _run_of(traf: bytes, track: int) -> TrackRun | None:
    boxes = dict(reversed(list(children(traf))))  # of several trun the first counts
    head, when, run = boxes.get(b"tfhd"), boxes.get(b"tfdt"), boxes.get(b"trun")
    if head is None or when is None or run is None or struct.unpack_from(">I", head, 4)[0] != track:
        return None
    head_flags = struct.unpack_from(">I", head)[0] & 0xFFFFFF
    time = struct.unpack_from(">Q" if when[0] == 1 else ">I", when, 4)[0]
    return TrackRun(
        time=time,
        key=not _first_sample_flags(head, head_flags, run) & _NOT_SYNC,
        movable=bool(head_flags & _BASE_IS_MOOF) and not head_flags & _BASE_OFFSET,
    )


def _first_sample_flags(head: bytes, head_flags: int, run: bytes) -> int:
    flags, count = struct.unpack_from(">II", run)
    flags &= 0xFFFFFF
    if not count:
        return _NOT_SYNC
    at = 8 + 4 * bool(flags & _DATA_OFFSET)
    if flags & _FIRST_FLAGS:
        return int(struct.unpack_from(">I", run, at)[0])
    if flags & _SAMPLE_FLAGS:
        at += 4 * (bool(flags & _SAMPLE_DURATION) + bool(flags & _SAMPLE_SIZE))
        return int(struct.unpack_from(">I", run, at)[0])
    if head_flags & _FLAGS:
        at = 8 + 8 * bool(head_flags & _BASE_OFFSET)
        at += 4 * (bool(head_flags & _DESCRIPTION) + bool(head_flags & _DURATION) + bool(head_flags & _SIZE))
        return int(struct.unpack_from(">I", head, at)[0])
    return 0
