"""Frames of GB/T 26875.3-2011, clause 6, written from its tables: made, found in a stream, and spoiled on purpose.

Deliberately no import of the driver: a mistake can't be shared with whoever receives.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

MOST_DATA = 1024  # bytes of application data
SHORTEST_FRAME = 30
LONGEST_FRAME = SHORTEST_FRAME + MOST_DATA
TIME_BYTES = 6

_START, _END = b"@@", b"##"
_LENGTH_AT = 24
_DATA_AT = 27
_LARGEST_ADDRESS = 0xFFFF_FFFF_FFFF


class Command(IntEnum):
    """Byte 26."""

    CONTROL = 1
    SEND = 2
    CONFIRM = 3
    REQUEST = 4
    ANSWER = 5
    DENY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One packet. `time` is its six bytes as they are on the wire; `command` may be one that nobody knows."""

    serial: int
    source: int
    destination: int
    command: int
    time: bytes
    data: bytes = b""
    version: tuple[int, int] = (1, 1)

    def encode(self) -> bytes:
        """Its bytes. Raises ValueError for an address, a time or data that has no room."""
        if len(self.data) > MOST_DATA or len(self.time) != TIME_BYTES:
            raise ValueError(
                f"{len(self.data)} bytes of data, {len(self.time)} of time: 1024 and 6 have room"
            )
        summed = b"".join(
            (
                struct.pack("<H", self.serial),
                bytes(self.version),
                self.time,
                address_bytes(self.source),
                address_bytes(self.destination),
                struct.pack("<HB", len(self.data), self.command),
                self.data,
            )
        )
        return _START + summed + bytes([_sum(summed)]) + _END


@dataclass(frozen=True, slots=True)
class Damaged:
    """A frame that is whole and whose checksum is wrong; who sent it, as far as its bytes can be trusted."""

    serial: int
    source: int


class Deframer:
    """Finds frames by their length; after a failure it goes on one byte further. Holds less than one longest frame."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Frame | Damaged]:
        """What is whole now, in order."""
        found: list[Frame | Damaged] = []
        self._held += data
        while (whole := self._take()) is not None:
            found.append(whole)
        return found

    def give_up(self) -> list[Frame | Damaged]:
        """Stop waiting for the rest of what has begun, which was no frame; what may have been hidden in it."""
        found: list[Frame | Damaged] = []
        while self._held:
            del self._held[0]
            found += self.feed(b"")
        return found

    def _take(self) -> Frame | Damaged | None:
        while True:
            begin = self._held.find(_START)
            if begin < 0:
                keep = 1 if self._held.endswith(_START[:1]) else 0
                del self._held[: len(self._held) - keep]
                return None
            del self._held[:begin]
            if len(self._held) < _DATA_AT:
                return None
            length = int.from_bytes(self._held[_LENGTH_AT : _LENGTH_AT + 2], "little")
            if length <= MOST_DATA:
                size = SHORTEST_FRAME + length
                if len(self._held) < size:
                    return None
                frame = bytes(self._held[:size])
                if frame.endswith(_END):
                    del self._held[:size]
                    return _open(frame)
            del self._held[0]


def decode(frame: bytes) -> Frame | Damaged:
    """A single frame. Raises ValueError for bytes that are not exactly one."""
    announced = int.from_bytes(frame[_LENGTH_AT : _LENGTH_AT + 2], "little")
    found = Deframer().feed(frame)
    if len(found) != 1 or len(frame) != SHORTEST_FRAME + announced:
        raise ValueError(f"{len(found)} frames in {frame.hex()}: one and nothing else wanted")
    return found[0]


def with_wrong_checksum(frame: bytes) -> bytes:
    """The frame, its checksum one too high."""
    return frame[:-3] + bytes([(frame[-3] + 1) & 0xFF]) + frame[-2:]


def over_length(frame: bytes) -> bytes:
    """The frame, grown beyond 1024 bytes of data by spaces; length and checksum say so truthfully."""
    data = frame[_DATA_AT:-3].ljust(MOST_DATA + 1, b" ")
    summed = frame[2:_LENGTH_AT] + struct.pack("<H", len(data)) + frame[_LENGTH_AT + 2 : _DATA_AT] + data
    return _START + summed + bytes([_sum(summed)]) + _END


def _open(frame: bytes) -> Frame | Damaged:
    (serial,) = struct.unpack_from("<H", frame, 2)
    source = int.from_bytes(frame[12:18], "little")
    if _sum(frame[2:-3]) != frame[-3]:
        return Damaged(serial, source)
    return Frame(
        serial=serial,
        version=(frame[4], frame[5]),
        time=frame[6:12],
        source=source,
        destination=int.from_bytes(frame[18:24], "little"),
        command=frame[26],
        data=frame[_DATA_AT:-3],
    )


def address_bytes(number: int) -> bytes:
    """Six bytes. Raises ValueError for what they don't hold."""
    if not 0 <= number <= _LARGEST_ADDRESS:
        raise ValueError(f"address {number}: six bytes hold 0 to {_LARGEST_ADDRESS}")
    return number.to_bytes(6, "little")


def _sum(data: bytes) -> int:
    return sum(data) & 0xFF
