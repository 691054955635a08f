"""Fragments of an MP4: whether one begins with a key frame, the time it covers, and moving it to another time."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from gateway.console.boxes import BoxError, boxes, find, whole
from gateway.console.movie import Movie, Track

_NOT_A_KEY = 0x0001_0000  # sample_is_non_sync_sample (8.8.3.1)
_ALWAYS_32_BITS = 1 << 32

_NTP_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_BY_A_CONSISTENT_PROCESS = 8  # 8.16.5.3: not when it was filmed, but when it reached the gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A `moof` box: whether its picture begins with a key frame, and which time it covers; seconds of its file."""

    moof: bytes
    key: bool
    start: Fraction
    end: Fraction
    pictures: int

    def moved(self, movie: Movie, by: Fraction, number: int) -> bytes:
        """The box with all its tracks later by so many seconds, as fragment `number`. Raises BoxError."""
        box = bytearray(self.moof)
        for kind, start, end in boxes(self.moof, whole(self.moof).header, len(self.moof)):
            if kind == b"mfhd":
                struct.pack_into(">I", box, start + 4, number % _ALWAYS_32_BITS)
            elif kind == b"traf":
                _move(box, movie, start, end, by)
        return bytes(box)


def reference(movie: Movie, time: Fraction, at: datetime) -> bytes:
    """A `prft` box: the picture of the viewer's `time` (seconds) came at `at` (ISO/IEC 14496-12, 8.16.5).

    With it a player knows how old what it shows is, however long the way was.
    """
    ntp = ((at - _NTP_EPOCH) // timedelta(microseconds=1) << 32) // 1_000_000 % (1 << 64)
    track = movie.video
    body = struct.pack(
        ">IIQQ", 1 << 24 | _BY_A_CONSISTENT_PROCESS, track.id, ntp, round(time * track.timescale)
    )
    return struct.pack(">I4s", 8 + len(body), b"prft") + body


def fragment_of(moof: bytes, movie: Movie) -> Fragment:
    """Read a whole `moof` box of this movie. One of sound alone has no pictures and no key. Raises BoxError."""
    sound: Fragment | None = None
    try:
        for kind, start, end in boxes(moof, whole(moof).header, len(moof)):
            if kind == b"traf":
                found = _track_fragment(moof, start, end, movie)
                if found.pictures:
                    return found
                sound = sound or found
    except (struct.error, IndexError) as error:
        raise BoxError(f"a fragment that is cut short: {error}") from None
    if sound is None:
        raise BoxError("a fragment without a track")
    return sound


def _track_fragment(moof: bytes, start: int, end: int, movie: Movie) -> Fragment:
    """One track's part of a fragment (8.8.7, 8.8.8, 8.8.12)."""
    tfhd, _ = find(moof, start, end, b"tfhd")
    track, duration, flags = _defaults(moof, tfhd, movie)
    time, _ = _decode_time(moof, start, end)
    key: bool | None = None
    length = pictures = 0
    for kind, at, _ in boxes(moof, start, end):
        if kind == b"trun":
            first, ticks, count = _run(moof, at, duration, flags)
            key = first & _NOT_A_KEY == 0 if key is None else key
            length += ticks
            pictures += count
    return Fragment(
        moof=moof,
        key=bool(key) and track.video,
        start=Fraction(time, track.timescale),
        end=Fraction(time + length, track.timescale),
        pictures=pictures if track.video else 0,
    )


def _defaults(moof: bytes, at: int, movie: Movie) -> tuple[Track, int, int]:
    """The track, its samples' duration and flags where they have none of their own (8.8.7)."""
    bits, number = struct.unpack_from(">II", moof, at)
    if bits & 0x01:
        raise BoxError("a fragment that counts from the beginning of its file")
    track = movie.track(number)
    at += 8 + (4 if bits & 0x02 else 0)
    duration, flags = track.duration, track.flags
    if bits & 0x08:
        (duration,) = struct.unpack_from(">I", moof, at)
        at += 4
    at += 4 if bits & 0x10 else 0
    if bits & 0x20:
        (flags,) = struct.unpack_from(">I", moof, at)
    return track, duration, flags


def _run(moof: bytes, at: int, duration: int, flags: int) -> tuple[int, int, int]:
    """The first picture's flags, the sum of durations, how many pictures (8.8.8)."""
    bits, count = struct.unpack_from(">II", moof, at)
    at += 8 + (4 if bits & 0x01 else 0)
    first = flags
    if bits & 0x04:
        (first,) = struct.unpack_from(">I", moof, at)
        at += 4
    words = sum(bool(bits & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    if at + 4 * words * count > len(moof):
        raise BoxError("a run of more pictures than there is room for")
    if bits & 0x400 and not bits & 0x04 and count:
        own = sum(bool(bits & bit) for bit in (0x100, 0x200))
        (first,) = struct.unpack_from(">I", moof, at + 4 * own)
    if not bits & 0x100:
        return first, duration * count, count
    numbers = struct.unpack_from(f">{words * count}I", moof, at)
    return first, sum(numbers[::words]), count


def _decode_time(data: bytes, start: int, end: int) -> tuple[int, int]:
    """A track fragment's time and where its `tfdt` box begins (8.8.12)."""
    at, _ = find(data, start, end, b"tfdt")
    (time,) = struct.unpack_from(">Q" if data[at] == 1 else ">I", data, at + 4)
    return time, at


def _move(box: bytearray, movie: Movie, traf: int, end: int, by: Fraction) -> None:
    data = bytes(box)
    tfhd, _ = find(data, traf, end, b"tfhd")
    (number,) = struct.unpack_from(">I", data, tfhd + 4)
    scale = movie.track(number).timescale
    time, at = _decode_time(data, traf, end)
    later = max(0, time + round(by * scale))
    wide = data[at] == 1
    if not wide and later >= _ALWAYS_32_BITS:
        raise BoxError("a time that does not fit into 32 bits")
    struct.pack_into(">Q" if wide else ">I", box, at + 4, later)
