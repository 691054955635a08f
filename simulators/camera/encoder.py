"""Where pictures become H.264 or H.265: the renderer and the encoder behind it, at the size and rate of a `Video`."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from simulators.camera import rtp, rtp_h265
from simulators.camera.picture import Renderer, check_size
from simulators.camera.scene import Scene

Codec = Literal["h264", "h265"]
CODECS: tuple[Codec, ...] = ("h264", "h265")


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """What a camera films. Pixels, frames a second, seconds between key frames.

    `bit_rate` in bits a second: 0 sends what the pictures need (0.1 to 0.3 Mbit/s at 640 x 360); another number
    is kept by filler NAL units, so that a flat picture loads a network and a disk as a real one does (H.265 stays
    below it where the picture needs less). Raises ValueError for a size that `Renderer` can't draw or another codec.
    """

    width: int = 640
    height: int = 360
    fps: int = 10
    gop_seconds: float = 1.0
    bit_rate: int = 0
    title: str = ""
    codec: Codec = "h264"

    def __post_init__(self) -> None:
        check_size(self.width, self.height)
        if self.codec not in CODECS:
            raise ValueError(f"camera codec {self.codec!r}: only {' and '.join(CODECS)} can be had")

    @property
    def group(self) -> int:
        """Pictures from one key frame to the next."""
        return max(1, round(self.fps * self.gop_seconds))


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """What a decoder needs before the first picture (H.264 7.3.2.1, 7.3.2.2; H.265 7.3.2.1 to 7.3.2.3, with `video`)."""

    sequence: bytes
    picture: bytes
    video: bytes = b""


class Encoder:
    """Renders and encodes. Blocks (about 2 ms for 640 x 360), so it belongs into a thread; not for two at once.

    Each key frame carries its parameter sets.
    """

    def __init__(self, video: Video) -> None:
        self._renderer = Renderer(video.width, video.height, video.title)
        self._codec = _open_codec(video)
        self._count = 0

    def encode(self, moment: datetime, *, key: bool = False, scene: Scene | None = None) -> list[bytes]:
        """The NAL units of the picture of that moment, a key frame if asked for."""
        picture = self._renderer.render(moment, scene or Scene())
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = self._count
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._count += 1
        return [nal for packet in self._codec.encode(frame) for nal in rtp.split_annex_b(bytes(packet))]


H264Encoder = Encoder  # by its older name; which of the codecs it is, its Video says


def access_unit(nals: list[bytes], codec: Codec) -> rtp.AccessUnit:
    """Packetise one picture."""
    return rtp_h265.access_unit(nals) if codec == "h265" else rtp.access_unit(nals)


def parameter_sets(nals: list[bytes], codec: Codec) -> ParameterSets:
    """Those of a key frame."""
    if codec == "h265":
        found = {rtp_h265.nal_type(nal): nal for nal in nals}
        return ParameterSets(found[rtp_h265.SPS], found[rtp_h265.PPS], found[rtp_h265.VPS])
    found = {rtp.nal_type(nal): nal for nal in nals}
    return ParameterSets(found[rtp.SPS], found[rtp.PPS])


def _open_codec(video: Video) -> VideoCodecContext:
    codec = av.CodecContext.create("libx265" if video.codec == "h265" else "libx264", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = video.width, video.height, "yuv420p"
    codec.framerate, codec.time_base = Fraction(video.fps), Fraction(1, video.fps)
    codec.gop_size = video.group
    codec.thread_count = 1  # more would cut each picture into slices
    options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
    codec.options = options | (_h265(video) if video.codec == "h265" else _h264(video))
    codec.open()
    return codec


def _h264(video: Video) -> dict[str, str]:
    if not video.bit_rate:
        return {"sc_threshold": "0", "crf": "28"}
    return {"sc_threshold": "0", "x264-params": "nal-hrd=cbr"} | _constant_rate(video.bit_rate)


def _h265(video: Video) -> dict[str, str]:
    # One thread and none behind it: each picture in gives one out, at once.
    quiet = (
        "log-level=none:info=0:pools=none:frame-threads=1:scenecut=0:repeat-headers=1:open-gop=0:min-keyint=1"
    )
    if not video.bit_rate:
        return {"crf": "28", "x265-params": quiet}
    kilobits = video.bit_rate // 1000
    return {
        "b": str(video.bit_rate),
        "x265-params": f"{quiet}:vbv-maxrate={kilobits}:vbv-bufsize={kilobits // 2}",
    }


def _constant_rate(bit_rate: int) -> dict[str, str]:
    rate = str(bit_rate)
    return {"b": rate, "maxrate": rate, "bufsize": str(bit_rate // 2)}
