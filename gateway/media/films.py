"""Footage opened for reading, from the right key frame on. Only in the media process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from gateway.footage import Piece
from gateway.media.boxes import Fragments, NoPicture
from gateway.media.values import MediaDown, MediaRefused

#: A picture with more pixels than an 8K camera's is a decoder's memory gone; refused.
MAX_PIXELS = 8192 * 4608

# So much is looked at to learn what the streams are; an MP4 header tells nearly all of it.
_PROBE = {"probesize": "1000000", "analyzeduration": "1000000"}
_CODECS = frozenset({"h264", "hevc", "mjpeg", "mpeg4", "av1"})


@dataclass(frozen=True, slots=True)
class Film:
    """An open file. `tick` is the length of a tick of its video's stamps in seconds."""

    container: InputContainer
    video: VideoStream
    tick: Fraction
    fragments: Fragments

    def offset(self, stamp: int) -> float:
        """Seconds from the beginning of the file."""
        return float(stamp * self.tick)


@contextmanager
def opened(piece: Piece, since_s: float | None = None) -> Iterator[Film]:
    """The file, placed at or before the last key frame at or before `since_s` seconds (None: the last one there is).

    Raises FileNotFoundError if it is gone, MediaDown if a growing file has no picture yet, MediaRefused for one that
    can't be read, and for one that holds no video.
    """
    try:
        fragments = Fragments(piece.path)
    except NoPicture as nothing:
        if piece.growing:
            raise MediaDown(str(nothing)) from None
        raise
    with fragments, _film(fragments, 0) as film:
        if not fragments.count:
            _seek(film, since_s)
            yield film
            return
        time = None if since_s is None else since_s / float(film.tick)
        first = fragments.newest_key(film.video.id, time) if since_s != 0 else 0
        if first == 0:
            yield film
            return
        film.container.close()
        with _film(fragments, first) as placed:
            yield placed


@contextmanager
def _film(fragments: Fragments, first: int) -> Iterator[Film]:
    name = fragments.name
    try:
        container = av.open(fragments.view(first), "r", format="mp4", options=_PROBE, buffer_size=256 * 1024)
    except av.FFmpegError as error:
        raise MediaRefused(f"{name}: can't be read: {error.strerror}") from None
    with container:
        if not container.streams.video:
            raise MediaRefused(f"{name}: no video in it")
        video = container.streams.video[0]
        context = video.codec_context
        codec = getattr(
            context, "name", "of no known kind"
        )  # damaged headers leave a stream without its codec
        if codec not in _CODECS:
            raise MediaRefused(f"{name}: its video is {codec}")
        if context.width * context.height > MAX_PIXELS:
            raise MediaRefused(f"{name}: a picture of {context.width} x {context.height}")
        if video.time_base is None:
            raise MediaRefused(f"{name}: its stamps have no unit")
        # One thread: 16 cameras' worth of threads and their pictures would cost more memory than time is won.
        context.thread_type, context.thread_count = "NONE", 1
        # A damaged picture is an error to us, not grey squares.
        context.options = {"err_detect": "explode"}
        yield Film(container, video, video.time_base, fragments)


def _seek(film: Film, since_s: float | None) -> None:
    length = film.video.duration
    stamp = length if since_s is None else round(since_s / float(film.tick))
    if stamp:
        film.container.seek(stamp, stream=film.video, backward=True)


def video_packets(film: Film) -> Iterator["Packet[VideoStream]"]:
    """The video's packets with their stamps, as far as the file can be read."""
    try:
        for packet in film.container.demux(film.video):
            if packet.size and packet.pts is not None and packet.dts is not None:
                yield packet
    except av.FFmpegError:
        return  # here the file breaks off; what was there has been given
