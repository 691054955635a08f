"""What cameras may send and how: sound or none, UDP, H.265, another picture in mid-session."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.recording.protocol import Lost, Opened, SegmentFinished
from simulators.camera import CameraSimulator, EncodedLoop, Video
from tests.recording.recorder_process import Recorder, pictures, running, task_of
from tests.recording.world import PASSWORD
from tests.wait import until


def small(**more: object) -> CameraSimulator:
    """A small camera with its own clock in the picture."""
    make: Callable[..., CameraSimulator] = CameraSimulator
    return make(password=PASSWORD, width=320, height=180, gop_seconds=0.5, **more)


def sizes(path: str) -> tuple[tuple[int, int], set[tuple[int, int]]]:
    """The picture size that a file's header tells, and those that its pictures have."""
    with av.open(path, "r") as container:
        video = container.streams.video[0]
        told = (video.codec_context.width, video.codec_context.height)
        return told, {(frame.width, frame.height) for frame in container.decode(video)}


def packets(path: str) -> int:
    """The packets of video in a file."""
    with av.open(path, "r") as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


async def stopped(recorder: Recorder, simulator: CameraSimulator) -> int:
    """Switch the camera off, wait until all it sent is in files; how many pictures it sent."""
    await simulator.stop()
    await until(lambda: bool(recorder.of(Lost)), 15)
    return sum(viewer.frames for viewer in simulator.viewers)


async def test_a_fast_stream_loses_nothing_while_its_packets_gather(tmp_path: Path) -> None:
    """Of 16 Mbit a second, of which half a second's worth waits in the kernel again and again, every picture is written."""
    video = Video(width=1280, height=720, fps=25, bit_rate=16_000_000, gop_seconds=1.0)
    simulator = CameraSimulator(password=PASSWORD, loop=EncodedLoop.render(video, seconds=1.0))
    await simulator.start()
    async with running(task_of(tmp_path, simulator, segment_s=3)) as recorder:
        await until(lambda: len(recorder.of(SegmentFinished)) >= 2, 30)
        sent = await stopped(recorder, simulator)

    assert sent > 100
    assert sum(packets(segment.path) for segment in recorder.of(SegmentFinished)) == sent


async def test_sound_is_recorded_where_it_is_wanted(tmp_path: Path) -> None:
    """G.711 comes out as AAC that can be heard, as long as its pictures; of these none is lost and none moves."""
    simulator = small(sound=True)
    await simulator.start()
    async with running(task_of(tmp_path, simulator, sound=True, segment_s=2)) as recorder:
        await until(lambda: len(recorder.of(SegmentFinished)) >= 3, 30)
        sent = await stopped(recorder, simulator)

    segments = recorder.of(SegmentFinished)
    assert sum(packets(segment.path) for segment in segments) == sent
    for segment in segments[:3]:
        with av.open(segment.path, "r") as container:
            [audio] = container.streams.audio
            assert audio.codec_context.name == "aac"
            heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio)])
        assert float(np.sqrt(np.mean(heard**2))) > 0.01
        seconds = (segment.end_ms - segment.start_ms) / 1000
        assert abs(len(heard) / audio.codec_context.sample_rate - seconds) < 0.6
        clocks = pictures(segment.path)
        assert abs(segment.start_ms - clocks[0]) < 1000


async def test_sound_is_off_by_default(tmp_path: Path) -> None:
    """The track is not even asked for."""
    simulator = small(sound=True)
    await simulator.start()
    async with running(task_of(tmp_path, simulator)) as recorder:
        await until(lambda: bool(recorder.of(SegmentFinished)), 20)
        await stopped(recorder, simulator)

    with av.open(recorder.of(SegmentFinished)[0].path, "r") as container:
        assert not container.streams.audio


async def test_a_camera_without_sound_is_recorded_though_sound_is_wanted(tmp_path: Path) -> None:
    """The site file is mistaken; pictures matter."""
    simulator = small()
    await simulator.start()
    async with running(task_of(tmp_path, simulator, sound=True)) as recorder:
        await until(lambda: bool(recorder.of(SegmentFinished)), 20)
        await stopped(recorder, simulator)


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_over_udp_as_over_tcp(tmp_path: Path, codec: str) -> None:
    """On a network that loses nothing, nothing is lost: no gap between pictures but where the camera itself was late."""
    simulator = small(codec=codec)
    await simulator.start()
    async with running(task_of(tmp_path, simulator, transport="udp")) as recorder:
        await until(lambda: len(recorder.of(SegmentFinished)) >= 2, 30)
        lag_ms = simulator.worst_lag * 1000
        await simulator.stop()
        await until(lambda: bool(recorder.of(Lost)), 20)

    clocks = [clock for segment in recorder.of(SegmentFinished) for clock in pictures(segment.path)]
    assert len(clocks) >= 15
    assert max(b - a for a, b in pairwise(clocks)) < 500 + lag_ms


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_another_picture_in_mid_session_is_another_segment(tmp_path: Path, codec: str) -> None:
    """The camera is set to another size without ending the stream: each file tells the truth, no packet is lost."""
    simulator = small(codec=codec)
    await simulator.start()
    async with running(task_of(tmp_path, simulator, segment_s=60)) as recorder:
        await until(lambda: bool(recorder.of(Opened)), 20)
        simulator.change_parameters(Video(width=480, height=272, gop_seconds=0.5, codec=codec))  # type: ignore[arg-type]  # one of the two
        await until(lambda: len(recorder.of(Opened)) == 2, 20)
        sent = await stopped(recorder, simulator)

    first, second = recorder.of(SegmentFinished)
    assert sizes(first.path) == ((320, 180), {(320, 180)})
    assert sizes(second.path) == ((480, 272), {(480, 272)})
    assert abs(first.end_ms - second.start_ms) <= 10
    assert packets(first.path) + packets(second.path) == sent
