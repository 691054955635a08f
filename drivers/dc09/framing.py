"""Pure: finds DC-09 frames in a stream of bytes, by length and CRC, and holds no more of it than one frame."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: The longest frame taken, LF and CR included, in bytes; nothing longer is held.
MOST_BYTES = 4096

#: How much of what is no frame is given on, in bytes.
KEPT_BYTES = 64

#: Beginnings of frames that are waited for at once; for one more the oldest is given up. One is real; the bound is on
#: how often a byte is summed up, for somebody who sends nothing but beginnings.
MOST_CANDIDATES = 4

#: LF, CRC and length; then the quote with which the body begins.
_HEADER = re.compile(rb'\n([0-9A-Fa-f]{4})0([0-9A-Fa-f]{3})"')
_HEADER_BYTES = 10
_BODY_AT = 9


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1  # noqa: PLW2901 - a shift register
        table.append(value)
    return tuple(table)


_CRC = _crc_table()


def crc16(data: bytes) -> int:
    """CRC-16 with the reflected polynomial 0xA001 and start value 0 (protocols.md 3.1)."""
    crc = 0
    for byte in data:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def wrap(body: bytes) -> bytes:
    """The frame of a body: LF, CRC, length, body, CR. Raises ValueError where it is too long for one."""
    if len(body) + _HEADER_BYTES > MOST_BYTES:
        raise ValueError(f"a body of {len(body)} bytes is too long for a frame")
    return b"\n%04X0%03X%b\r" % (crc16(body), len(body), body)


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no frame, at most `KEPT_BYTES` of them, and why."""

    data: bytes
    why: str


@dataclass(slots=True)
class _Candidate:
    start: int
    end: int  # where its CR must be
    crc: int


class FrameStream:
    """One connection's bytes, cut into bodies of good frames; whatever is between them is told once a run.

    A frame is found by its end: of several beginnings that might be one, that which is complete first is. So a damaged
    length does not swallow the frames behind it, and a line feed within a frame means nothing; only a whole good frame within
    another one, which no panel sends, would be taken instead of it. How the bytes are
    split over the calls of `feed` makes no difference to the bodies.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._candidates: list[_Candidate] = []
        self._in_garbage = False

    @property
    def held(self) -> int:
        """How many bytes it holds between calls: less than `MOST_BYTES`."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[bytes | Garbage]:
        """What becomes complete with these bytes: bodies, from the opening quote on, and garbage. Exhaust it."""
        for at in range(0, len(data), MOST_BYTES):
            self._held += data[at : at + MOST_BYTES]
            yield from self._cut()

    def finish(self) -> Iterator[Garbage]:
        """The stream is at its end: what is left of it is garbage."""
        if self._candidates or (self._held.strip(b"\r\n") and not self._in_garbage):
            yield self._garbage(len(self._held), "it ends in the middle of a frame")
        self._forget(len(self._held))

    def _cut(self) -> Iterator[bytes | Garbage]:
        while True:
            header = _HEADER.search(self._held, self._searched)
            ending = min(self._candidates, key=lambda known: known.end, default=None)
            header_at = header.end() - 1 if header else len(self._held)
            if ending is not None and ending.end < len(self._held) and ending.end <= header_at:
                yield from self._judge(ending)
            elif header is not None:
                yield from self._note(header)
            else:
                break
        self._searched = max(self._searched, len(self._held) - _HEADER_BYTES + 1)
        first = min((known.start for known in self._candidates), default=self._searched)
        yield from self._skip(first)

    def _note(self, header: re.Match[bytes]) -> Iterator[Garbage]:
        """A beginning is seen: wait for its end."""
        self._searched = header.start() + 1
        length = int(header[2], 16)
        if length + _HEADER_BYTES > MOST_BYTES:
            if not self._may_lie_within_another(header.start()):
                yield self._garbage(header.end(), f"a frame of {length} bytes is longer than is taken")
            return
        if len(self._candidates) == MOST_CANDIDATES:
            del self._candidates[0]
        start = header.start()
        self._candidates.append(_Candidate(start, start + _BODY_AT + length, int(header[1], 16)))

    def _judge(self, ending: _Candidate) -> Iterator[bytes | Garbage]:
        """All bytes of a candidate are there: it is a frame, or is not."""
        body = bytes(self._held[ending.start + _BODY_AT : ending.end])
        self._candidates.remove(ending)
        if self._held[ending.end] == 0x0D and crc16(body) == ending.crc:
            yield from self._skip(ending.start)
            self._forget(ending.end + 1 - ending.start)
            self._in_garbage = False
            yield body
        elif not self._may_lie_within_another(ending.start):
            what = "CRC" if self._held[ending.end] == 0x0D else "length"
            yield self._garbage(ending.end, f"the {what} of a frame is wrong")

    def _may_lie_within_another(self, start: int) -> bool:
        """Whether it may be part of a frame that is not complete yet: then it is nobody's fault."""
        return any(known.start < start for known in self._candidates)

    def _skip(self, count: int) -> Iterator[Garbage]:
        """The first bytes belong to no frame. Line ends between frames are nobody's fault."""
        if self._held[:count].strip(b"\r\n") and not self._in_garbage:
            yield self._garbage(count, "it is no frame of DC-09")
        self._forget(count)

    def _garbage(self, end: int, why: str) -> Garbage:
        self._in_garbage = True
        return Garbage(bytes(self._held[: min(end, KEPT_BYTES)]), why)

    def _forget(self, count: int) -> None:
        """Drop the first bytes, and beginnings that lay in them."""
        del self._held[:count]
        self._searched = max(0, self._searched - count)
        self._candidates = [
            _Candidate(known.start - count, known.end - count, known.crc)
            for known in self._candidates
            if known.start >= count
        ]
