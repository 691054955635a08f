"""What the recorder is told at work: another camera, another address, one to forget; and what a kill costs."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from gateway.recording.protocol import (
    CameraTask,
    Forget,
    Lost,
    Opened,
    Order,
    Recovered,
    SegmentFinished,
    encode_order,
)
from simulators.camera import CameraSimulator, EncodedLoop
from simulators.fault import Fault
from tests.recording.recorder_process import Recorder, pictures, running, task_of
from tests.recording.world import camera, small_loop
from tests.wait import until


@pytest.fixture(scope="module")
def loop_of_pictures() -> EncodedLoop:
    """Pictures for all cameras of these tests."""
    return small_loop()


@pytest.fixture
async def cameras(loop_of_pictures: EncodedLoop) -> AsyncIterator[list[CameraSimulator]]:
    """Three cameras."""
    simulators = [camera(loop=loop_of_pictures) for _ in range(3)]
    for simulator in simulators:
        await simulator.start()
    yield simulators
    for simulator in simulators:
        await simulator.stop()


def tell(recorder: Recorder, order: Order) -> None:
    """Write an order to its input."""
    assert recorder.process.stdin is not None
    recorder.process.stdin.write(encode_order(order))


def packets(path: str) -> int:
    """The packets of video in a file."""
    with av.open(path, "r") as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def losses(recorder: Recorder, camera_id: str) -> list[Lost]:
    """What was told of a camera's losses."""
    return [lost for lost in recorder.of(Lost) if lost.camera == camera_id]


async def test_no_packet_that_a_camera_sent_is_lost(tmp_path: Path, cameras: list[CameraSimulator]) -> None:
    """Access units sent by three cameras are counted against packets in all segments: none lost, none twice."""
    async with running(task_of(tmp_path, *cameras)) as recorder:
        await until(lambda: len(recorder.of(SegmentFinished)) >= 9, 30)
        for simulator in cameras:
            await simulator.stop()  # what was sent arrives
        await until(lambda: len({lost.camera for lost in recorder.of(Lost)}) == 3, 10)
        written = {f"cam-{n}": 0 for n in range(3)}
        for segment in recorder.of(SegmentFinished):
            written[segment.camera] += packets(segment.path)
        sent = {f"cam-{n}": sum(v.frames for v in simulator.viewers) for n, simulator in enumerate(cameras)}

    assert written == sent
    assert len({segment.path for segment in recorder.of(SegmentFinished)}) == len(
        recorder.of(SegmentFinished)
    )


async def test_an_order_concerns_one_camera_alone(tmp_path: Path, cameras: list[CameraSimulator]) -> None:
    """One comes later, one gets another address, one is forgotten and comes back: the first notices nothing of it."""
    whole = task_of(tmp_path, *cameras)
    async with running(replace(whole, cameras=whole.cameras[:1])) as recorder:
        await until(lambda: any(opened.camera == "cam-0" for opened in recorder.of(Opened)), 20)

        tell(recorder, whole.cameras[1])
        await until(lambda: any(opened.camera == "cam-1" for opened in recorder.of(Opened)), 20)
        tell(recorder, whole.cameras[1])  # no news

        moved = CameraTask(camera="cam-1", url=whole.cameras[2].url)
        tell(recorder, moved)
        await until(lambda: sum(viewer.watching for viewer in cameras[2].viewers) == 1, 20)
        await until(lambda: len([o for o in recorder.of(Opened) if o.camera == "cam-1"]) == 2, 20)

        tell(recorder, Forget(camera="cam-1"))
        await until(lambda: len(losses(recorder, "cam-1")) == 2, 20)
        tell(recorder, moved)
        await until(lambda: len([o for o in recorder.of(Opened) if o.camera == "cam-1"]) == 3, 20)
        assert not losses(recorder, "cam-0")
        assert await recorder.end() == 0

    assert [(lost.cause, lost.reason) for lost in losses(recorder, "cam-1")] == [
        ("camera", "it has another address now"),
        ("stopped", "told to stop"),
        ("stopped", "told to stop"),
    ]


async def test_what_is_no_order_is_said_and_changes_nothing(
    tmp_path: Path, cameras: list[CameraSimulator]
) -> None:
    """Rubbish on its input does not stop recording."""
    async with running(task_of(tmp_path, cameras[0])) as recorder:
        assert recorder.process.stdin is not None
        recorder.process.stdin.write(b'{"order": "dance"}\nrubbish\n')
        await until(lambda: len(recorder.of(SegmentFinished)) >= 1, 20)

    assert sum("no order for the recorder" in line for line in recorder.log) == 2


async def test_a_kill_costs_two_seconds_at_most_with_key_frames_ten_seconds_apart(tmp_path: Path) -> None:
    """SIGKILL in the middle of a group of pictures: the next recorder reads what was filmed until just before."""
    simulator = camera(gop_seconds=10.0)
    await simulator.start()
    try:
        task = task_of(tmp_path, simulator, segment_s=60)
        async with running(task) as recorder:
            await until(lambda: bool(recorder.of(Opened)), 20)
            await asyncio.sleep(1.5)  # further into the group than a fragment is long
            recorder.process.send_signal(signal.SIGKILL)
            await recorder.process.wait()
            killed_ms = time.time() * 1000
        async with running(replace(task, cameras=())) as second:
            await until(lambda: bool(second.of(Recovered)), 20)
    finally:
        await simulator.stop()

    [found] = second.of(Recovered)
    clocks = pictures(found.path)
    assert killed_ms - clocks[-1] < 2000
    assert abs(found.end_ms - clocks[-1]) < 1000


async def test_damage_and_rubbish_of_one_camera_leave_the_others_alone(
    tmp_path: Path, cameras: list[CameraSimulator]
) -> None:
    """Rubbish in mid-session is the camera's fault, not the network's; the process does not grow by it."""
    async with running(task_of(tmp_path, cameras[0], cameras[1])) as recorder:
        await until(lambda: len(recorder.of(Opened)) == 2, 20)
        before = resident_mb(recorder.process.pid)
        await cameras[0].misbehave(Fault.GARBAGE)
        await until(lambda: len(losses(recorder, "cam-0")) >= 2, 30)
        await cameras[0].misbehave(Fault.NONE)
        await until(lambda: len(recorder.of(Opened)) == 3, 40)
        grown = resident_mb(recorder.process.pid) - before

    assert {lost.cause for lost in losses(recorder, "cam-0")} == {"camera"}
    assert not losses(recorder, "cam-1")
    assert grown < 20


def resident_mb(pid: int) -> float:
    """What a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
