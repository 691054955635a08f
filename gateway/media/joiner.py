"""Packets of several files written into one MP4, one after the other: nothing is decoded, holes are closed up."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from gateway.media.films import Film
from gateway.media.values import MediaRefused

_AnyPacket: TypeAlias = "Packet[VideoStream] | Packet[AudioStream]"

# The index goes to the front, so that a player can seek before it has the whole file.
_OUTPUT = {"movflags": "faststart"}
# So much before a clip's beginning may wait for the next key frame; more is written, so that it begins earlier.
_MAX_PENDING = 32 * 1024 * 1024
_SHORTEST_PICTURE = Fraction(1, 1000)


class TooLong(MediaRefused):
    """More than a clip may hold was asked for."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What must be the same in all that one MP4 stream holds."""

    video: tuple[str, int, int, bytes]
    audio: tuple[str, int, int, bytes] | None

    @classmethod
    def of(cls, film: Film) -> Self:
        """Of an open file."""
        context = film.video.codec_context
        video = (context.name, context.width, context.height, bytes(context.extradata or b""))
        sound = audio_of(film)
        if sound is None:
            return cls(video, None)
        coder = sound.codec_context
        extra = bytes(coder.extradata or b"")
        return cls(video, (coder.name, coder.sample_rate or 0, coder.layout.nb_channels, extra))


def audio_of(film: Film) -> AudioStream | None:
    """Its sound, if there is any of a known kind."""
    found = (stream for stream in film.container.streams.audio if hasattr(stream.codec_context, "name"))
    return next(found, None)


class Joiner:
    """The MP4 that is being written, shaped like `template`. Leave the context to have it finished."""

    def __init__(self, path: Path, template: Film, *, most_bytes: int) -> None:
        self._container: OutputContainer = av.open(str(path), "w", format="mp4", options=_OUTPUT)
        # opaque: the stream's own parameters as they are, no encoder.
        self._video: Stream = self._container.add_stream_from_template(template.video, opaque=True)
        sound = audio_of(template)
        self._audio: Stream | None = (
            self._container.add_stream_from_template(sound, opaque=True) if sound is not None else None
        )
        self._left = most_bytes
        self._at = Fraction(0)  # where the next picture goes, seconds
        self._heard = Fraction(-1)  # the last sound's place
        self._picture = Fraction(1, 25)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def add(self, film: Film, start_s: float, end_s: float) -> tuple[float, float] | None:
        """Append what the file shows from its last key frame at or before `start_s` to `end_s` (seconds in it).

        Returns when the first picture of it begins and the last one ends; None if there is no picture.
        Raises TooLong if it all becomes too long, OSError as the disk has it.
        """
        first: Fraction | None = None
        last = shift = Fraction(0)
        for packet in _from_key(film, start_s, end_s):
            assert packet.pts is not None
            assert packet.dts is not None
            tick = packet.time_base
            if isinstance(packet.stream, VideoStream):
                if first is None:
                    first, shift = packet.pts * tick, self._at - packet.dts * tick
                if packet.pts * tick < first:
                    continue  # it leads up to a key frame from pictures that are not there
                last = max(last, packet.pts * tick + self._length(packet))
            self._write(packet, shift)
        return None if first is None else (float(first), float(last))

    def _length(self, packet: _AnyPacket) -> Fraction:
        if packet.duration:
            self._picture = max(_SHORTEST_PICTURE, packet.duration * packet.time_base)
        return self._picture

    def _write(self, packet: _AnyPacket, shift: Fraction) -> None:
        assert packet.pts is not None
        assert packet.dts is not None
        tick = packet.time_base
        move = math.ceil(shift / tick)
        place = (packet.dts + move) * tick
        if isinstance(packet.stream, VideoStream):
            self._at = place + self._length(packet)
            stream: Stream | None = self._video
        else:
            stream = (
                self._audio if place > self._heard else None
            )  # the last file's sound lasts longer than its pictures
            self._heard = max(place, self._heard)
        if stream is None or place < 0:
            return
        self._left -= packet.size
        if self._left < 0:
            raise TooLong("a clip of more bytes than anyone could use: ask for less")
        packet.pts, packet.dts = packet.pts + move, packet.dts + move
        packet.stream = stream  # type: ignore[assignment]  # a remuxed packet changes its stream
        self._container.mux_one(packet)


def _from_key(film: Film, start_s: float, end_s: float) -> Iterator[_AnyPacket]:
    """The packets from the last key frame at or before the start on; what is before it is dropped."""
    pending: list[_AnyPacket] = []
    size, keyed, begun = 0, False, False
    for packet in _packets(film):
        assert packet.dts is not None
        assert packet.pts is not None
        if isinstance(packet.stream, VideoStream):
            decoded_s = packet.dts * packet.time_base
            if decoded_s >= end_s:
                break
            if packet.is_keyframe and not begun and (not keyed or packet.pts * packet.time_base <= start_s):
                pending, size, keyed = [], 0, True
            begun = keyed and (begun or decoded_s > start_s or size > _MAX_PENDING)
        if not keyed:
            continue
        pending.append(packet)
        size += packet.size
        if begun:
            yield from pending
            pending = []
    yield from pending


def _packets(film: Film) -> Iterator[_AnyPacket]:
    """Video and sound as they lie in the file, up to where it breaks off."""
    sound = audio_of(film)
    streams: list[VideoStream | AudioStream] = [film.video] if sound is None else [film.video, sound]
    try:
        for packet in film.container.demux(*streams):
            if packet.size and packet.dts is not None and packet.pts is not None:
                yield packet  # type: ignore[misc]  # of the two streams asked for
    except av.FFmpegError:
        return
