"""A camera that changes its picture in mid-stream: a new segment with the right description, and no packet lost."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from gateway.recording.cutter import Cutter
from gateway.recording.parameters import parameter_sets
from gateway.recording.protocol import Opened, Report, SegmentFinished, Task
from gateway.recording.syncer import Syncer
from tests.clocks import ManualClock

FPS, GROUP = 10, 10
CODECS = {"h264": ("libx264", "h264"), "hevc": ("libx265", "hevc")}


def stream_of(codec: str, size: tuple[int, int], seconds: int) -> bytes:
    """Pictures as a byte stream with start codes (annex B), parameter sets before each key frame, as RTSP brings them."""
    context = av.CodecContext.create(CODECS[codec][0], "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.framerate, context.gop_size = Fraction(FPS), GROUP
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "x265-params": "log-level=none:repeat-headers=1",
    }
    frames = []
    for n in range(seconds * FPS):
        frame = av.VideoFrame(*size, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([n * 7 % 256]) * plane.buffer_size)
        frame.pts = n
        frames += context.encode(frame)
    return b"".join(map(bytes, [*frames, *context.encode(None)]))


def packets_of(path: Path, codec: str) -> tuple[VideoStream, list["Packet[VideoStream]"]]:
    """A byte stream read as a camera's."""
    container = av.open(str(path), "r", format=codec)
    stream = container.streams.video[0]
    return stream, [packet for packet in container.demux(stream) if packet.size]


def test_parameter_sets_are_found_before_the_first_slice() -> None:
    """H.264 7.3.1: the type is in five bits of the first byte; zeros before a start code belong to nothing."""
    data = b"\0\0\0\1\x09\x10\0\0\0\1\x67\x42\x00\x1e\0\0\0\1\x68\xce\0\0\1\x65\x88\0\0\1\x67\xff"

    assert parameter_sets("h264", data) == {7: (b"\x67\x42\x00\x1e",), 8: (b"\x68\xce",)}


def test_what_is_no_byte_stream_has_none() -> None:
    """Length-prefixed units (as from a file), a decoder configuration, nothing at all."""
    for data in (b"\0\0\0\x17\x67\x42", b"\x01\x42\xc0\x1e", b""):
        assert parameter_sets("h264", data) == {}


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_another_picture_size_is_another_segment(tmp_path: Path, codec: str) -> None:
    """Every packet is kept, each file says its own size and can be decoded to the last picture."""
    small, large = (160, 96), (320, 192)
    for name, size in (("a", small), ("b", large), ("c", small)):
        (tmp_path / name).write_bytes(stream_of(codec, size, 2))
    stream, first = packets_of(tmp_path / "a", codec)
    packets = first + packets_of(tmp_path / "b", codec)[1] + packets_of(tmp_path / "c", codec)[1]
    (tmp_path / "spool").mkdir()
    clock, reports = ManualClock(), list[Report]()
    task = Task(
        spool=str(tmp_path / "spool"), unreadable=str(tmp_path / "x"), segment_s=60, stall_s=1, cameras=()
    )
    cutter = Cutter(
        "cam-1",
        stream,
        task=task,
        since=clock.monotonic(),
        clock=clock,
        report=reports.append,
        syncer=Syncer(clock),
    )
    for packet in packets:
        assert cutter.take(packet, clock.monotonic())
        clock.advance(1 / FPS)
    cutter.finish()

    finished = [report for report in reports if isinstance(report, SegmentFinished)]
    found = []
    for segment in finished:
        with av.open(segment.path, "r") as container:
            video = container.streams.video[0]
            frames = [(frame.width, frame.height) for frame in container.decode(video)]
            found.append(((video.codec_context.width, video.codec_context.height), frames))
    assert found == [(size, [size] * 20) for size in (small, large, small)]
    assert all(before.end_ms == after.start_ms for before, after in pairwise(finished))
    sizes = [(report.width, report.height) for report in reports if isinstance(report, Opened)]
    assert sizes[-2:] == [large, small]
