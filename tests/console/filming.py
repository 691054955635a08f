"""Footage for tests of the console: files that grow as the recorder writes them, with pictures that can be told apart."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext
from av.video.plane import VideoPlane
from av.video.stream import VideoStream

from gateway.footage import Growing, Piece

FPS = 10
GROUP = 20  # a key frame every 2 s

#: The recorder's options (gateway/recording/cutter.py).
AS_RECORDED = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "1000000",
    "flush_packets": "1",
}

_DARKEST, _STEP = 20, 2  # picture n is a grey of 20 + 2 n


class Film:
    """One file that is being recorded. Its pictures go on counting from `first`."""

    def __init__(
        self, path: Path, *, first: int = 0, size: tuple[int, int] = (160, 96), codec: str = "libx264"
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.shot = first
        self._size = size
        self._container = av.open(str(path), "w", format="mp4", options=AS_RECORDED)
        stream = self._container.add_stream(codec, rate=FPS)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt, context.gop_size = *size, "yuv420p", GROUP
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "x264-params": "sliced-threads=0:threads=1",
            "x265-params": "log-level=none",
        }
        self._stream = stream
        self._written = 0

    def shoot(self, pictures: int) -> None:
        """Write so many more."""
        for _ in range(pictures):
            frame = av.VideoFrame(*self._size, "yuv420p")
            for plane, level in zip(
                frame.planes, (_DARKEST + _STEP * (self.shot % 100), 128, 128), strict=True
            ):
                plane.update(bytes([level]) * plane.buffer_size)
            frame.pts = self._written
            self._container.mux(self._stream.encode(frame))
            self._written += 1
            self.shot += 1

    def close(self) -> None:
        """The file is whole."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def pictures_in(data: bytes) -> list[int]:
    """Which pictures can be decoded from there, in order."""
    with av.open(io.BytesIO(data), "r") as container:
        return [_number(frame.planes[0]) for frame in container.decode(video=0)]


def _number(brightness: VideoPlane) -> int:
    return round((bytes(brightness)[brightness.line_size * 40 + 40] - _DARKEST) / _STEP)


@dataclass
class Shelf:
    """Footage of one camera as the console sees it."""

    camera: str = "cam-gate"
    now: Growing | None = None
    kept: list[Piece] = field(default_factory=list)

    async def pieces(self, camera: str, start: datetime, end: datetime) -> Sequence[Piece]:
        """The files that touch that time."""
        if camera != self.camera:
            return []
        return [piece for piece in self.kept if piece.start < end and piece.end > start]

    def growing(self, camera: str) -> Growing | None:
        """What is being written."""
        return self.now if camera == self.camera else None
