"""The recorder process, with simulated cameras: what it writes, and what stops it not."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.recording.protocol import (
    Lost,
    Opened,
    Recovered,
    SegmentFinished,
    Task,
    Unreadable,
)
from simulators.camera import CameraSimulator
from simulators.fault import Fault
from tests.recording.recorder_process import pictures, running, task_of
from tests.recording.world import camera
from tests.wait import until

#: Pictures that may be on their way while the recorder ends.
IN_FLIGHT = 10


@pytest.fixture
async def gate() -> AsyncIterator[CameraSimulator]:
    """A camera that films its own clock."""
    simulator = camera()
    await simulator.start()
    yield simulator
    await simulator.stop()


async def test_segments_say_when_their_pictures_were_taken(tmp_path: Path, gate: CameraSimulator) -> None:
    """The clock filmed in the first and the last picture is that of the segment, and no picture is missing."""
    async with running(task_of(tmp_path, gate)) as recorder:
        await until(lambda: len(recorder.of(SegmentFinished)) >= 2, 20)
        assert await recorder.end() == 0
    filmed = [pictures(segment.path) for segment in recorder.of(SegmentFinished)]

    for segment, clocks in zip(recorder.of(SegmentFinished), filmed, strict=True):
        assert abs(segment.start_ms - clocks[0]) < 1000
        assert abs(segment.end_ms - clocks[-1]) < 1000
    whole = [clock for clocks in filmed for clock in clocks]
    assert all(a < b for a, b in pairwise(whole))
    [viewer] = gate.viewers
    assert viewer.frames - len(whole) <= IN_FLIGHT


async def test_a_killed_recorder_loses_a_second_at_most(tmp_path: Path, gate: CameraSimulator) -> None:
    """SIGKILL in mid-segment: the next recorder reports what is readable, with its true start and end."""
    task = task_of(tmp_path, gate, segment_s=60)
    spool = tmp_path / "spool" / "cam-0"
    async with running(task) as recorder:
        await until(lambda: bool(recorder.of(Opened)), 20)
        killed_ms = pictures(str(next(spool.glob("*.mp4"))))[-1]
    assert not recorder.of(SegmentFinished)

    async with running(task) as second:
        await until(lambda: bool(second.of(Recovered)), 20)
    [found] = second.of(Recovered)
    clocks = pictures(found.path)

    assert abs(found.start_ms - clocks[0]) < 1000
    assert abs(found.end_ms - clocks[-1]) < 1000
    assert clocks[-1] >= killed_ms


async def test_a_camera_that_comes_back_is_recorded_again(tmp_path: Path, gate: CameraSimulator) -> None:
    """Power cycle: what was recorded is finished, the loss told with its cause, and recording resumes by itself."""
    async with running(task_of(tmp_path, gate)) as recorder:
        await until(lambda: bool(recorder.of(SegmentFinished)), 20)
        await gate.power_cycle(0.8)
        await until(lambda: len(recorder.of(Opened)) == 2, 20)
        lost = recorder.of(Lost)

    assert {report.cause for report in lost} == {"camera"}
    assert lost[0].at_ms < recorder.of(Opened)[1].at_ms


async def test_a_stream_that_stalls_is_opened_anew(tmp_path: Path, gate: CameraSimulator) -> None:
    """A camera that sends nothing without hanging up is noticed by its missing bytes."""
    async with running(task_of(tmp_path, gate)) as recorder:
        await until(lambda: bool(recorder.of(Opened)), 20)
        await gate.misbehave(Fault.HALF_OPEN)
        await until(lambda: bool(recorder.of(Lost)), 20)
        await gate.misbehave(Fault.NONE)
        await until(lambda: len(recorder.of(Opened)) == 2, 20)

    assert recorder.of(Lost)[0].cause == "network"
    assert recorder.of(Lost)[0].reason == "no picture for 1.5 s"


async def test_rubbish_from_a_camera_stops_nothing(tmp_path: Path, gate: CameraSimulator) -> None:
    """Bytes that are no RTP: the stream is opened anew, and again once the camera talks sense."""
    async with running(task_of(tmp_path, gate)) as recorder:
        await until(lambda: bool(recorder.of(Opened)), 20)
        await gate.misbehave(Fault.GARBAGE)
        await until(lambda: bool(recorder.of(Lost)), 20)
        await gate.misbehave(Fault.NONE)
        await until(lambda: len(recorder.of(Opened)) == 2, 30)


async def test_a_wrong_password_is_told_and_not_hammered(tmp_path: Path, gate: CameraSimulator) -> None:
    """One attempt, then a long wait: cameras lock accounts. The other camera is recorded all the while."""
    other = camera()
    await other.start()
    try:
        task = task_of(tmp_path, gate, other)
        wrong = task_of(tmp_path, gate, password="wrong").cameras[0]
        broken = Task(
            spool=task.spool,
            unreadable=task.unreadable,
            segment_s=1,
            stall_s=2,
            cameras=(wrong, task.cameras[1]),
        )
        async with running(broken) as recorder:
            await until(lambda: len(recorder.of(SegmentFinished)) >= 2, 20)
    finally:
        await other.stop()

    [lost] = recorder.of(Lost)
    assert lost.camera == "cam-0"
    assert lost.reason == "refuses the user name or the password"
    assert {segment.camera for segment in recorder.of(SegmentFinished)} == {"cam-1"}


async def test_what_can_not_be_read_is_kept_aside_and_told(tmp_path: Path) -> None:
    """Rubbish in the spool goes to `unreadable`; a file without a picture is removed; neither stops the rest."""
    spool = tmp_path / "spool" / "cam-9"
    spool.mkdir(parents=True)
    (spool / "1700000000000.mp4").write_bytes(b"....moof" + os.urandom(5000))
    (spool / "1700000060000.mp4").write_bytes(b"")
    (spool / "notes.mp4").write_bytes(b"moof, said someone")

    async with running(task_of(tmp_path)) as recorder:
        await until(lambda: len(recorder.of(Unreadable)) == 2, 20)
        assert await recorder.end() == 0

    kept = {Path(report.path) for report in recorder.of(Unreadable)}
    assert kept == {tmp_path / "unreadable" / "cam-9" / name for name in ("1700000000000.mp4", "notes.mp4")}
    assert all(path.exists() for path in kept)
    assert not list(spool.iterdir())


@pytest.mark.parametrize("fps", [1, 30])
async def test_segments_start_when_their_first_picture_was_taken(tmp_path: Path, fps: int) -> None:
    """Not a rest of the reader later (0.5 s) nor a picture, once what gathered while the stream was opened has been written.

    On a busy machine the simulated camera itself is late with a picture now and then, and says by how much; what is always
    late is ours.
    """
    slow = camera(fps=fps, gop_seconds=max(0.5, 2 / fps))
    await slow.start()

    def later() -> list[SegmentFinished]:
        # What gathered at the opening of a camera of few pictures is told as of then, as the page says.
        opened_ms = min((report.at_ms for report in recorder.of(Opened)), default=2**62)
        return [s for s in recorder.of(SegmentFinished) if pictures(s.path)[0] > opened_ms + 1000]

    try:
        # With less time the library opens a camera of one picture a second without having learned of its stamps.
        task = replace(task_of(tmp_path, slow, segment_s=2), stall_s=10)
        async with running(task) as recorder:
            await until(lambda: len(later()) >= 2, 40)
            assert await recorder.end() == 0
            lag_ms = slow.worst_lag * 1000
    finally:
        await slow.stop()
    starts = [(segment.start_ms, pictures(segment.path)[0]) for segment in later()]

    late = [abs(told - filmed) for told, filmed in starts]
    assert min(late) < 300, starts
    assert max(late) < 1500 + lag_ms, (starts, lag_ms)
