"""Pure: frames of GB/T 26875.3-2011 (clause 6) to bytes and back, found again in a stream that is damaged.

There is no escaping: `23 23` and `40 40` may stand inside a frame, so it is its length, its checksum and its end that make it one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

#: The longest application data, in bytes (clause 6.3).
MAX_DATA = 1024

_START = b"@@"
_END = b"##"
_HEAD = 27
_TAIL = 3

#: The longest frame, in bytes. A decoder never holds more than two of them.
MAX_FRAME = _HEAD + MAX_DATA + _TAIL

#: Version 1 of the protocol, and 1 of the user's own.
VERSION = 0x0101

#: How much of unreadable bytes is handed on, for the technician.
_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame. `tag` is the sender's time as its six bytes, of which a broken clock makes no time."""

    serial: int
    source: int
    destination: int
    command: int
    tag: bytes
    data: bytes = b""
    version: int = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Bytes that are no frame, the first of them; `frame` is what the header says where there is one."""

    data: bytes
    why: str
    frame: Frame | None = None


def encode(frame: Frame) -> bytes:
    """The frame's bytes. Raises ValueError if a field has no room."""
    if len(frame.data) > MAX_DATA or len(frame.tag) != 6:
        raise ValueError(
            f"{len(frame.data)} bytes of data, {len(frame.tag)} of time; at most {MAX_DATA} and 6"
        )
    try:
        body = b"".join(
            (
                frame.serial.to_bytes(2, "little"),
                frame.version.to_bytes(2, "little"),
                frame.tag,
                frame.source.to_bytes(6, "little"),
                frame.destination.to_bytes(6, "little"),
                len(frame.data).to_bytes(2, "little"),
                frame.command.to_bytes(1, "little"),
                frame.data,
            )
        )
    except OverflowError as error:
        raise ValueError(f"{frame}: a number has no room in its field") from error
    return _START + body + _checksum(body) + _END


def encode_time(moment: datetime, zone: tzinfo) -> bytes:
    """Second, minute, hour, day, month, year - 2000, each in binary, of the clock on the wall in `zone`."""
    local = moment.astimezone(zone)
    return bytes((local.second, local.minute, local.hour, local.day, local.month, local.year % 100))


def decode_time(raw: bytes, zone: tzinfo) -> datetime | None:
    """The moment that six bytes tell, aware; None where they tell none (a clock that was never set)."""
    second, minute, hour, day, month, year = raw
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


class StreamDecoder:
    """Makes frames of the bytes of one connection, however they are cut or joined. Holds `MAX_FRAME` bytes between calls."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._lost = False
        self._told = 0  # so many bytes from here belong to a damage that was told

    @property
    def held(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[Frame | Damage]:
        """What has become whole with these bytes. Take all of it: bytes that are not taken out are not read."""
        for at in range(0, len(data), MAX_FRAME):
            self._held += data[at : at + MAX_FRAME]
            yield from self._take()

    def abandon(self) -> Iterator[Frame | Damage]:
        """The rest of the frame that has begun will not come: what is behind its beginning may be frames."""
        while self._held:
            yield from self._damage("broke off", len(self._held))
            yield from self._take()

    def _take(self) -> Iterator[Frame | Damage]:
        while True:
            yield from self._skip()
            if len(self._held) < _HEAD:
                return
            length = int.from_bytes(self._held[24:26], "little")
            if length > MAX_DATA:
                yield from self._damage(f"says it has {length} bytes of data; {MAX_DATA} is the most", _HEAD)
                continue
            end = _HEAD + length
            if len(self._held) < end + _TAIL:
                return
            if self._held[end + 1 : end + _TAIL] != _END:
                yield from self._damage("does not end with 23 23", end + _TAIL)
            elif self._held[end : end + 1] != _checksum(self._held[2:end]):
                yield from self._damage("has a wrong checksum", end + _TAIL)
            else:
                frame = _frame(bytes(self._held[:end]))
                self._drop(end + _TAIL)
                self._lost, self._told = False, 0
                yield frame

    def _skip(self) -> Iterator[Damage]:
        """To where a frame may begin."""
        at = self._held.find(_START)
        if at < 0:  # the last byte may be half of a beginning
            at = len(self._held) - (self._held[-1:] == _START[:1])
        if at == 0:
            return
        skipped = bytes(self._held[: min(at, _KEPT)])
        self._drop(at)
        if not self._lost:
            self._lost = True
            yield Damage(data=skipped, why="bytes that are no frame")

    def _damage(self, why: str, length: int) -> Iterator[Damage]:
        """Go on one byte further: the length may have been what was damaged. What is left of it is not told again."""
        found = None
        if not self._told:
            whole = len(self._held) >= _HEAD
            frame = _frame(bytes(self._held[: max(_HEAD, length - _TAIL)])) if whole else None
            found = Damage(data=bytes(self._held[:_KEPT]), why=f"a frame {why}", frame=frame)
            self._lost, self._told = True, length
        self._drop(1)
        if found is not None:
            yield found

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._told = max(0, self._told - count)


def _frame(raw: bytes) -> Frame:
    """What stands in the head, and the data behind it as far as they are there."""
    return Frame(
        serial=int.from_bytes(raw[2:4], "little"),
        version=int.from_bytes(raw[4:6], "little"),
        tag=raw[6:12],
        source=int.from_bytes(raw[12:18], "little"),
        destination=int.from_bytes(raw[18:24], "little"),
        command=raw[26],
        data=raw[_HEAD:],
    )


def _checksum(body: bytes | bytearray) -> bytes:
    """The sum of everything between start and checksum, modulo 256."""
    return bytes((sum(body) & 0xFF,))
