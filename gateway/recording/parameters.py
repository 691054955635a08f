"""What describes a camera's pictures: its parameter sets, followed in the stream, and the file header made of them."""

import io
import logging

import av
from av.packet import Packet
from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

#: Parameter sets are looked for in so many bytes of a key frame: they come before its first slice.
_HEAD_BYTES = 16 * 1024
_START = b"\0\0\1"

# Types of NAL units: parameter sets, and what a picture is made of (H.264 table 7-1, H.265 table 7-1).
_H264_SETS, _H264_SLICES = frozenset({7, 8}), range(1, 6)
_H265_SETS, _H265_SLICES = frozenset({32, 33, 34}), range(32)

Sets = dict[int, tuple[bytes, ...]]


def parameter_sets(codec: str, data: bytes) -> Sets:
    """The parameter sets before the first slice of a byte stream (annex B), by type; none where it is no such stream."""
    if not data.startswith((_START, b"\0" + _START)):
        return {}
    kinds, slices = (_H265_SETS, _H265_SLICES) if codec == "hevc" else (_H264_SETS, _H264_SLICES)
    found: Sets = {}
    for unit in data.split(_START)[1:]:
        kind = _kind(codec, unit)
        if kind in slices:
            break
        if kind in kinds:
            found[kind] = (*found.get(kind, ()), unit.rstrip(b"\0"))
    return found


def _kind(codec: str, unit: bytes) -> int:
    if not unit:
        return -1
    return unit[0] >> 1 & 0x3F if codec == "hevc" else unit[0] & 0x1F


class Description:
    """Of one open stream: `template` is what a file's header is made of. It follows what the camera sends."""

    def __init__(self, stream: VideoStream) -> None:
        self.template = stream
        self._codec = stream.codec_context.name
        self._unreadable = False
        self._sets = parameter_sets(self._codec, stream.codec_context.extradata or b"")

    def follow(self, packet: "Packet[VideoStream]") -> bool:
        """Whether this key frame brings other parameter sets than are known; the template is made of them then."""
        found = parameter_sets(self._codec, bytes(memoryview(packet)[:_HEAD_BYTES]))
        if all(self._sets.get(kind) == units for kind, units in found.items()):
            return False
        self._sets = self._sets | found
        header = b"".join(b"\0" + _START + unit for kind in sorted(self._sets) for unit in self._sets[kind])
        try:
            self.template = _template(self._codec, header + bytes(packet))
        except (av.FFmpegError, ValueError) as error:
            # Where there is no header yet either, that nothing can be recorded is told.
            if not self._unreadable and self.template.codec_context.width:
                logger.warning("new parameter sets can't be read, the old header is kept: %s", error)
            self._unreadable = True
            return False
        return True


def _template(codec: str, data: bytes) -> VideoStream:
    """A stream as described by these bytes. Raises av.FFmpegError, ValueError."""
    container = av.open(io.BytesIO(data), "r", format=codec)
    stream = container.streams.video[0]
    if not stream.codec_context.width or not stream.codec_context.extradata:
        raise ValueError("they describe no picture")
    return stream  # it keeps its container alive
