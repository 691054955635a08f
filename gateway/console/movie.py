"""The movie box of a fragmented MP4: its tracks, and what a player has to know of them before it plays."""

import struct
from dataclasses import dataclass

from gateway.console.boxes import BoxError, boxes, find, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One track of a movie: what its fragments need to be understood."""

    id: int
    video: bool
    timescale: int
    description: bytes
    codec: str
    duration: int
    flags: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Movie:
    """A `moov` box. `tracks` in the order of the file; exactly one of them is the picture."""

    tracks: tuple[Track, ...]

    @property
    def video(self) -> Track:
        """The picture's track."""
        return next(track for track in self.tracks if track.video)

    def track(self, number: int) -> Track:
        """The track of that id. Raises BoxError."""
        for track in self.tracks:
            if track.id == number:
                return track
        raise BoxError(f"a fragment of a track {number} that the movie does not have")

    @property
    def media_type(self) -> str:
        """The content type of this movie with its codecs (RFC 6381)."""
        codecs = ", ".join(track.codec for track in self.tracks if track.codec)
        return f'video/mp4; codecs="{codecs}"' if codecs else "video/mp4"

    def same_pictures(self, other: "Movie") -> bool:
        """Whether fragments of the other can follow fragments of this without a new initialisation."""
        return [(t.id, t.timescale, t.description) for t in self.tracks] == [
            (t.id, t.timescale, t.description) for t in other.tracks
        ]


def movie_of(moov: bytes) -> Movie:
    """Read a whole `moov` box. Raises BoxError."""
    defaults: dict[int, tuple[int, int]] = {}
    tracks: list[Track] = []
    try:
        body = whole(moov).header
        for kind, start, end in boxes(moov, body, len(moov)):
            if kind == b"mvex":
                for inner, at, _ in boxes(moov, start, end):
                    if inner == b"trex":  # 8.8.3: track, description, duration, size, flags
                        track, _, duration, _, flags = struct.unpack_from(">5I", moov, at + 4)
                        defaults[track] = (duration, flags)
        for kind, start, end in boxes(moov, body, len(moov)):
            if kind == b"trak":
                tracks.append(_track(moov, start, end, defaults))
    except (struct.error, IndexError) as error:
        raise BoxError(f"a movie box that is cut short: {error}") from None
    if sum(track.video for track in tracks) != 1:
        raise BoxError("a movie without exactly one picture track")
    return Movie(tracks=tuple(tracks))


def _track(data: bytes, start: int, end: int, defaults: dict[int, tuple[int, int]]) -> Track:
    tkhd, _ = find(data, start, end, b"tkhd")
    (number,) = struct.unpack_from(">I", data, tkhd + (20 if data[tkhd] == 1 else 12))
    mdhd, _ = find(data, start, end, b"mdia", b"mdhd")
    (timescale,) = struct.unpack_from(">I", data, mdhd + (20 if data[mdhd] == 1 else 12))
    hdlr, _ = find(data, start, end, b"mdia", b"hdlr")
    begin, finish = find(data, start, end, b"mdia", b"minf", b"stbl", b"stsd")
    if timescale == 0:
        raise BoxError("a track without a time scale")
    duration, flags = defaults.get(number, (0, 0))
    return Track(
        id=number,
        video=data[hdlr + 8 : hdlr + 12] == b"vide",
        timescale=timescale,
        description=data[begin:finish],
        codec=_codec(data[begin:finish]),
        duration=duration,
        flags=flags,
    )


def _codec(stsd: bytes) -> str:
    """The first sample description in the words of RFC 6381; empty where it is none that we know."""
    for kind, start, end in boxes(stsd, 8, len(stsd)):
        name = kind.decode("latin-1")
        if kind in (b"avc1", b"avc3"):  # a picture's description has 78 bytes before its boxes (12.1.3)
            at, _ = find(stsd, start + 78, end, b"avcC")
            return f"{name}.{stsd[at + 1 : at + 4].hex()}"
        if kind in (b"hvc1", b"hev1"):
            at, _ = find(stsd, start + 78, end, b"hvcC")
            return f"{name}.{_hevc(stsd[at : at + 13])}"
        if kind == b"mp4a":
            return "mp4a.40.2"  # AAC-LC, the only sound that is recorded
    return ""


def _hevc(record: bytes) -> str:
    """Profile, compatibility, tier and level, and constraints (ISO/IEC 14496-15, annex E)."""
    space, tier, profile = record[1] >> 6, record[1] >> 5 & 1, record[1] & 0x1F
    compatible = int(f"{int.from_bytes(record[2:6]):032b}"[::-1], 2)
    constraints = record[6:12].rstrip(b"\0")
    parts = [f"{'ABC'[space - 1] if space else ''}{profile}", f"{compatible:X}", f"{'LH'[tier]}{record[12]}"]
    return ".".join(parts + [f"{byte:X}" for byte in constraints])
