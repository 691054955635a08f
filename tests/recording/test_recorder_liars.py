"""Cameras that lie, against the real recorder with an honest camera beside: bounded, told once, nobody else touched."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import pytest

from gateway.model import Presence
from gateway.recording.protocol import CameraTask, Lost, Opened, SegmentFinished
from simulators.camera import CameraSimulator
from simulators.camera.lies import Lie
from tests.recording.liars import Flood, flooding
from tests.recording.recorder_process import Recorder, running, task_of
from tests.recording.test_recorder_faults import LOST
from tests.recording.test_recorder_faults import __name__ as hasty
from tests.recording.test_recorder_streams import packets, small
from tests.recording.test_service import running as daemon_running
from tests.recording.world import site_of
from tests.wait import until

MOST_MB = 40  # what a lie may add to the recorder's memory
FLOOD_MB = (
    200  # what a flood may, at 40 MB a second: 16 MB, and the worth of a second, with the library's copies
)


@pytest.fixture
async def good() -> AsyncIterator[CameraSimulator]:
    """An honest camera."""
    simulator = small()
    await simulator.start()
    yield simulator
    await simulator.stop()


def memory_mb(pid: int, key: str = "VmRSS") -> float:
    """The memory of a process (`VmRSS`), or the most it ever was (`VmHWM`)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


async def honest_to_the_end(recorder: Recorder, good: CameraSimulator, camera_id: str) -> None:
    """All packets that the honest camera sent are in segments, and it was lost only when it was switched off."""
    await good.stop()
    await until(lambda: any(lost.camera == camera_id for lost in recorder.of(Lost)), 15)
    files = [segment.path for segment in recorder.of(SegmentFinished) if segment.camera == camera_id]
    assert sum(map(packets, files)) == sum(viewer.frames for viewer in good.viewers)
    assert sum(lost.camera == camera_id for lost in recorder.of(Lost)) == 1


@dataclass(frozen=True)
class Case:
    """A lie, with its codec; `anew`: it is told when a stream is opened."""

    lie: Lie
    codec: str
    anew: bool = False

    def __str__(self) -> str:
        return f"{self.lie}-{self.codec}"


@pytest.mark.parametrize(
    "case",
    [
        Case(Lie.NO_VIDEO, "h264", anew=True),
        Case(Lie.ABSURD_SETS, "h264", anew=True),
        Case(Lie.ABSURD_SETS, "h265", anew=True),
        Case(Lie.LENGTHS, "h264"),
        Case(Lie.ENDLESS_HEADERS, "h264", anew=True),
        Case(Lie.ENDLESS_FRAME, "h264"),
    ],
    ids=str,
)
async def test_a_camera_that_lies_is_offline_told_once_and_harms_nobody(
    tmp_path: Path,
    good: CameraSimulator,
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From its socket to the journal: one gap and one alarm, one line in the log, memory as before; recorded once it is honest."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("gateway.recording.process._MODULE", hasty)
    liar = small(codec=case.codec)
    await liar.start()
    site = site_of(
        tmp_path,
        {"cam-1": liar.url, "cam-2": good.url},
        recording="min_free_gb = 0\nlost_after_s = 2",
        segment_s=1,
        stall_s=1.5,
    )
    try:
        async with daemon_running(site) as daemon:
            await until(lambda: daemon.recording("cam-1") and daemon.recording("cam-2"), 20)
            pid = daemon.recorder_pid()
            assert pid is not None
            before = memory_mb(pid)
            caplog.clear()
            liar.lie(case.lie)
            if case.anew:
                await liar.power_cycle(0.1)
            await until(lambda: LOST in daemon.alarms(), 30)
            await asyncio.sleep(3)  # several attempts more
            assert memory_mb(pid) - before < MOST_MB
            assert not daemon.recording("cam-1")
            assert daemon.journal.presences["cam-1"].presence is Presence.OFFLINE
            said = [record.getMessage() for record in caplog.records if "cam-1" in record.getMessage()]
            own = [record.getMessage() for record in caplog.records if "recorder: " in record.getMessage()]
            told = [line for line in said if "not recorded" in line]
            assert len(told) <= 2, told
            assert own == []
            causes = await daemon.causes()
            assert causes[-1] == ("network" if case.lie is Lie.ENDLESS_FRAME else "camera")
            liar.lie(Lie.NONE)
            await until(lambda: daemon.recording("cam-1"), 30)
            await until(lambda: LOST not in daemon.alarms(), 10)
            stats = {camera.camera: camera for camera in daemon.service.stats.cameras}
            assert stats["cam-2"].interruptions == stats["cam-2"].dropped == 0
            assert daemon.service.stats.recorder_deaths == 0
    finally:
        await liar.stop()


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_damaged_pictures_are_recorded_as_they_come(
    tmp_path: Path, good: CameraSimulator, codec: str
) -> None:
    """Nothing is decoded, so nothing can fail: each damaged picture is in a file, as each sound one is."""
    liar = small(codec=codec)
    await liar.start()
    async with running(task_of(tmp_path, liar, good)) as recorder:
        await until(lambda: len(recorder.of(Opened)) == 2, 20)
        liar.lie(Lie.DAMAGED)
        await until(lambda: len(recorder.of(SegmentFinished)) >= 8, 20)
        await honest_to_the_end(recorder, liar, "cam-0")
        await honest_to_the_end(recorder, good, "cam-1")
        assert recorder.log == []


async def test_absurd_parameter_sets_in_mid_stream_are_told_once(
    tmp_path: Path, good: CameraSimulator
) -> None:
    """Rubbish before each key frame, another one each time: no segment for each, and one line."""
    liar = small(codec="h265")
    await liar.start()
    try:
        async with running(task_of(tmp_path, liar, good, segment_s=60)) as recorder:
            await until(lambda: len(recorder.of(Opened)) == 2, 20)
            liar.lie(Lie.ABSURD_SETS)
            await until(lambda: bool(recorder.log), 10)
            await asyncio.sleep(3)  # six key frames more
            await honest_to_the_end(recorder, good, "cam-1")
            assert len([lost for lost in recorder.of(Lost) if lost.camera == "cam-0"]) == 0
            assert len(recorder.of(SegmentFinished)) == 1
            assert len(recorder.log) == 1
    finally:
        await liar.stop()


@pytest.mark.parametrize("flood", [Flood.PICTURE, Flood.BODY])
async def test_what_has_no_end_is_cut_off(tmp_path: Path, good: CameraSimulator, flood: Flood) -> None:
    """A picture of ten seconds' fragments, an answer of 2 GB: cut after some 16 MB, long before the stall limit of 10 s."""
    task = task_of(tmp_path, good)
    async with flooding(flood) as flooder:
        liar = CameraTask(camera="liar", url=flooder.url, transport="tcp", sound=False)
        async with running(replace(task, stall_s=10, cameras=(*task.cameras, liar))) as recorder:
            await until(lambda: any(lost.camera == "liar" for lost in recorder.of(Lost)), 20)
            assert memory_mb(recorder.process.pid, "VmHWM") < 45 + FLOOD_MB
            sent = flooder.sent
            await honest_to_the_end(recorder, good, "cam-0")
            assert recorder.log == []

    lost = next(lost for lost in recorder.of(Lost) if lost.camera == "liar")
    assert (lost.cause, lost.reason) == ("camera", "sends more than 16 MB without a whole picture")
    assert 16_000_000 < sent < 160_000_000


async def test_stamps_that_stand_still_gather_nothing_in_memory(tmp_path: Path) -> None:
    """Pictures with one stamp and no key frame: in the file within seconds, so that a kill does not cost a minute."""
    async with flooding(Flood.STUCK) as flooder:
        liar = CameraTask(camera="liar", url=flooder.url, transport="tcp", sound=False)
        async with running(replace(task_of(tmp_path), segment_s=60, stall_s=10, cameras=(liar,))) as recorder:
            await until(lambda: flooder.sent > 1_000_000, 40)
            await recorder.end()
        [finished] = recorder.of(SegmentFinished)
        with av.open(finished.path, "r") as container:
            seconds = [packet.dts * packet.time_base for packet in container.demux(video=0) if packet.dts]
    assert seconds[-1] > (finished.end_ms - finished.start_ms) / 1000 - 4
