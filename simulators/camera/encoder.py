"""Where pictures become H.264: a live encoder with the true time in its pictures, or one loop encoded beforehand."""

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Protocol, Self

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from gateway.clock import SystemClock
from simulators.camera import rtp
from simulators.camera.picture import Renderer, check_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """What a camera films. Pixels, frames a second, seconds between key frames.

    `bit_rate` in bits a second: 0 sends what the pictures need (0.1 to 0.3 Mbit/s at 640 x 360); another number
    is kept by filler NAL units, so that a flat picture loads a network and a disk as a real one does.
    Raises ValueError for a size that `Renderer` can't draw.
    """

    width: int = 640
    height: int = 360
    fps: int = 10
    gop_seconds: float = 1.0
    bit_rate: int = 0
    title: str = ""

    def __post_init__(self) -> None:
        check_size(self.width, self.height)


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """What a decoder needs before the first picture (H.264 7.3.2.1, 7.3.2.2)."""

    sequence: bytes
    picture: bytes


class Footage(Protocol):
    """A source of coded pictures for one camera."""

    async def open(self) -> ParameterSets:
        """Begin; returns what the first picture needs."""
        ...

    async def next_unit(self, *, key: bool) -> rtp.AccessUnit:
        """The next picture; a key frame if one is asked for."""
        ...

    async def close(self) -> None:
        """End, and let go of every thread."""
        ...


class H264Encoder:
    """Renders and encodes. Blocks (about 2 ms for 640 x 360), so it belongs into a thread; not for two at once.

    Each key frame carries its parameter sets.
    """

    def __init__(self, video: Video) -> None:
        self._renderer = Renderer(video.width, video.height, video.title)
        self._codec = _open_codec(video)
        self._count = 0

    def encode(self, moment: datetime, *, key: bool = False) -> list[bytes]:
        """The NAL units of the picture of that moment, a key frame if asked for."""
        frame = av.VideoFrame.from_ndarray(self._renderer.render(moment), format="yuv420p")
        frame.pts = self._count
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._count += 1
        return [nal for packet in self._codec.encode(frame) for nal in rtp.split_annex_b(bytes(packet))]


def _open_codec(video: Video) -> VideoCodecContext:
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = video.width, video.height, "yuv420p"
    codec.framerate, codec.time_base = Fraction(video.fps), Fraction(1, video.fps)
    codec.gop_size = max(1, round(video.fps * video.gop_seconds))
    codec.thread_count = 1  # more would cut each picture into slices
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "sc_threshold": "0", "forced-idr": "1"} | (
        _constant_rate(video.bit_rate) if video.bit_rate else {"crf": "28"}
    )
    codec.open()
    return codec


def _constant_rate(bit_rate: int) -> dict[str, str]:
    rate = str(bit_rate)
    return {"b": rate, "maxrate": rate, "bufsize": str(bit_rate // 2), "x264-params": "nal-hrd=cbr"}


def _parameter_sets(nals: list[bytes]) -> ParameterSets:
    found = {rtp.nal_type(nal): nal for nal in nals}
    return ParameterSets(found[rtp.SPS], found[rtp.PPS])


class LiveFootage:
    """Encodes as it is asked, in a thread of its own, with the time of the asking in the picture."""

    def __init__(self, video: Video) -> None:
        self._video = video
        self._thread = ThreadPoolExecutor(1, "camera-encoder")
        self._encoder: H264Encoder | None = None

    async def open(self) -> ParameterSets:
        """Open the encoder; a picture that nobody sees tells the parameter sets."""
        return _parameter_sets(await self._in_thread(key=True))

    async def next_unit(self, *, key: bool) -> rtp.AccessUnit:
        """The picture of now."""
        return rtp.access_unit(await self._in_thread(key=key))

    async def close(self) -> None:
        """End the thread, after the picture at hand."""
        await asyncio.to_thread(self._thread.shutdown)

    async def _in_thread(self, *, key: bool) -> list[bytes]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, key)

    def _encode(self, key: bool) -> list[bytes]:  # noqa: FBT001 - run_in_executor passes by position
        if self._encoder is None:
            self._encoder = H264Encoder(self._video)
        return self._encoder.encode(SystemClock().now(), key=key)


@dataclass(frozen=True, slots=True)
class EncodedLoop:
    """Pictures encoded beforehand, to be played for ever by any number of cameras: their clock is not true."""

    video: Video
    parameter_sets: ParameterSets
    units: tuple[rtp.AccessUnit, ...]

    @classmethod
    def render(cls, video: Video, *, seconds: float = 4.0, start: datetime | None = None) -> Self:
        """Encode whole groups of pictures, `seconds` long or a little more. Blocks: use a thread on an event loop.

        `start` (default: now) is the time in the first picture.
        """
        start = start or datetime.now(UTC)
        group = max(1, round(video.fps * video.gop_seconds))
        count = group * max(1, math.ceil(seconds * video.fps / group))
        encoder = H264Encoder(video)
        pictures = [encoder.encode(start + timedelta(seconds=n / video.fps)) for n in range(count)]
        return cls(video, _parameter_sets(pictures[0]), tuple(map(rtp.access_unit, pictures)))


class LoopFootage:
    """One camera's place in a loop. Costs no encoding; a key frame asked for is the next one of the loop."""

    def __init__(self, loop: EncodedLoop) -> None:
        self._loop = loop
        self._at = 0

    async def open(self) -> ParameterSets:
        """Nothing to begin."""
        return self._loop.parameter_sets

    async def next_unit(self, *, key: bool) -> rtp.AccessUnit:
        """The next picture of the loop, without leaving the event loop."""
        units = self._loop.units
        while key and not units[self._at].key:
            self._at = (self._at + 1) % len(units)
        unit = units[self._at]
        self._at = (self._at + 1) % len(units)
        return unit

    async def close(self) -> None:
        """Nothing to end."""
