"""Cutting a stream into segments: with real packets from a real encoder, and a clock that the test moves."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av
import pytest
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from gateway.recording.cutter import KEY_LIMIT_S, Cutter, Interrupted
from gateway.recording.protocol import Begun, Cause, Opened, Report, SegmentFinished, Skipped, Task
from gateway.recording.syncer import Syncer
from tests.clocks import ManualClock

FPS = 10
GROUP = 10  # a key frame each second


def film(path: Path, codec: str, seconds: int) -> Path:
    """A file of grey pictures as a camera would code them."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=FPS)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt, context.gop_size = 160, 96, "yuv420p", GROUP
        context.options = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none"}
        for n in range(seconds * FPS):
            frame = av.VideoFrame(160, 96, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([n % 256]) * plane.buffer_size)
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module", params=["libx264", "libx265"])
def footage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of H.264, then the same of H.265."""
    return film(tmp_path_factory.mktemp("film") / "film.mp4", request.param, 10)


@dataclass
class Bench:
    """A cutter under test: its packets come in real time by a clock of their own."""

    clock: ManualClock
    cutter: Cutter
    stream: VideoStream
    reports: list[Report]
    packets: list["Packet[VideoStream]"] = field(default_factory=list)

    def take(self, packet: "Packet[VideoStream]") -> bool:
        """The next packet arrives a tenth of a second after the last one."""
        taken = self.cutter.take(packet, self.clock.monotonic())
        self.clock.advance(1 / FPS)
        return taken

    @property
    def finished(self) -> list[SegmentFinished]:
        """The segments that were finished so far."""
        return [report for report in self.reports if isinstance(report, SegmentFinished)]


@pytest.fixture
def bench(footage: Path, tmp_path: Path) -> Iterator[Bench]:
    """A cutter that makes segments of three seconds."""
    clock, reports = ManualClock(), list[Report]()
    (tmp_path / "spool").mkdir()
    task = Task(
        spool=str(tmp_path / "spool"), unreadable=str(tmp_path / "aside"), segment_s=3, stall_s=1, cameras=()
    )
    with av.open(str(footage), "r") as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.size]
        cutter = Cutter(
            "cam-1",
            stream,
            task=task,
            since=clock.monotonic(),
            clock=clock,
            report=reports.append,
            syncer=Syncer(clock),
        )
        yield Bench(clock, cutter, stream, reports, packets)
        cutter.finish()


def content(segment: SegmentFinished) -> list["Packet[VideoStream]"]:
    """The packets of a finished segment."""
    with av.open(segment.path, "r") as container:
        return [packet for packet in container.demux(container.streams.video[0]) if packet.size]


def test_segments_begin_with_a_key_frame_and_lose_nothing(bench: Bench) -> None:
    """Every packet is in exactly one segment, byte for byte, and each segment can be decoded by itself."""
    sizes = [packet.size for packet in bench.packets]
    for packet in bench.packets:
        assert bench.take(packet)
    bench.cutter.finish()

    contents = [content(segment) for segment in bench.finished]
    assert [len(packets) for packets in contents] == [30, 30, 30, 10]
    assert [packet.size for packets in contents for packet in packets] == sizes
    assert all(packets[0].is_keyframe and packets[0].dts == 0 for packets in contents)
    for segment in bench.finished:
        with av.open(segment.path, "r") as container:
            assert sum(1 for _ in container.decode(video=0)) == len(content(segment))


def test_segments_follow_one_another_without_a_gap(bench: Bench) -> None:
    """Each begins when the one before it ended; the last ends a picture's length after its last packet."""
    for packet in bench.packets:
        bench.take(packet)
    ended = bench.cutter.finish()

    times = [(segment.start_ms, segment.end_ms) for segment in bench.finished]
    assert [end - start for start, end in times] == [3000, 3000, 3000, 1000]
    assert all(first[1] == second[0] for first, second in pairwise(times))
    assert ended == times[-1][1]


def test_opening_is_reported_once(bench: Bench) -> None:
    """With what the picture is."""
    for packet in bench.packets:
        bench.take(packet)

    [opened] = [report for report in bench.reports if isinstance(report, Opened)]
    assert (opened.width, opened.height) == (160, 96)
    assert opened.codec in {"h264", "hevc"}


def test_nothing_is_written_before_the_first_key_frame(bench: Bench) -> None:
    """A stream that begins in the middle of a group can't be decoded: those packets are left out."""
    assert not bench.take(bench.packets[5])
    assert bench.take(bench.packets[10])


def test_a_jump_of_the_stamps_starts_a_new_segment_and_loses_no_packet(bench: Bench) -> None:
    """The camera's clock is set in mid-group: recording goes on and is cut at the next key frame."""
    for packet in bench.packets[:15]:
        bench.take(packet)
    for packet in bench.packets[15:25]:
        assert packet.dts is not None
        assert packet.pts is not None
        packet.dts, packet.pts = packet.dts + 10**9, packet.pts + 10**9
        bench.take(packet)
    bench.cutter.finish()

    assert [len(content(segment)) for segment in bench.finished] == [20, 5]


def test_a_step_of_the_wall_clock_starts_a_new_segment(bench: Bench) -> None:
    """What was recorded before the step keeps the old time, what comes after has the new one."""
    for packet in bench.packets[:15]:
        bench.take(packet)
    bench.clock.step(-3600)
    for packet in bench.packets[15:25]:
        bench.take(packet)
    bench.cutter.finish()

    before, after = bench.finished
    assert before.end_ms - before.start_ms == 2000
    assert after.start_ms == before.end_ms - 3_600_000


def test_a_step_forward_leaves_a_hole_with_its_cause(bench: Bench) -> None:
    """The time that the clock left out is told, from the one segment's end to the other's start; a step back is none."""
    for packet in bench.packets[:15]:
        bench.take(packet)
    bench.clock.step(120)
    for packet in bench.packets[15:35]:
        bench.take(packet)
    bench.clock.step(-60)
    for packet in bench.packets[35:45]:
        bench.take(packet)
    bench.cutter.finish()

    before, after, _ = bench.finished
    [skipped] = [report for report in bench.reports if isinstance(report, Skipped)]
    assert (skipped.start_ms, skipped.end_ms) == (before.end_ms, after.start_ms)
    assert skipped.end_ms - skipped.start_ms == 120_000


def test_each_file_is_told_when_it_begins_and_when_it_is_renamed(bench: Bench) -> None:
    """So that the file that grows can be found; its name then is the one it is finished under."""
    for packet in bench.packets[:75]:
        bench.take(packet)
    bench.cutter.finish()

    begun = [report for report in bench.reports if isinstance(report, Begun)]
    finished = {report.path for report in bench.finished}
    assert finished <= {report.path for report in begun}
    assert begun[0].path not in finished or begun[0].path == begun[1].path
    assert [report.start_ms for report in begun[1:]] == [segment.start_ms for segment in bench.finished]


def test_a_stream_without_key_frames_is_given_up(bench: Bench) -> None:
    """So that opening it anew makes the camera send one."""
    bench.take(bench.packets[0])
    bench.clock.advance(KEY_LIMIT_S + 1)

    with pytest.raises(Interrupted) as caught:
        bench.take(bench.packets[1])

    assert caught.value.cause is Cause.CAMERA


def test_a_packet_that_can_not_be_written_ends_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The muxer refuses one packet: it is counted, and a new segment begins at the next key frame."""
    for packet in bench.packets[:12]:
        bench.take(packet)
    file = bench.cutter._file
    assert file is not None

    def refuse(*_: object) -> None:
        raise av.error.ArgumentError(22, "Invalid argument")

    monkeypatch.setattr(file, "write", refuse)
    assert not bench.take(bench.packets[12])
    monkeypatch.undo()
    for packet in bench.packets[13:25]:
        assert bench.take(packet)
    bench.cutter.finish()

    assert [len(content(segment)) for segment in bench.finished] == [19, 5]


def test_a_spool_that_is_no_folder_is_a_fault_of_the_disk(bench: Bench, tmp_path: Path) -> None:
    """Recording of this camera is interrupted with the cause that belongs on the gap."""
    (tmp_path / "spool").rmdir()
    (tmp_path / "spool").write_text("no folder")

    with pytest.raises(Interrupted) as caught:
        bench.take(bench.packets[0])

    assert caught.value.cause is Cause.DISK


def test_a_spool_that_is_gone_is_a_fault_of_the_disk_and_not_made_anew(bench: Bench, tmp_path: Path) -> None:
    """A disk that is not mounted any more: footage must not go below its mount point, onto another disk."""
    (tmp_path / "spool").rmdir()

    with pytest.raises(Interrupted) as caught:
        bench.take(bench.packets[0])

    assert caught.value.cause is Cause.DISK
    assert not (tmp_path / "spool").exists()
