"""The recording service as a whole: real cameras, a real recorder process, a real journal, real files."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.model import ClockState, Kind, Presence
from gateway.recording.coverage import coverage_of
from gateway.recording.service import RecordingService
from gateway.recording.shelf import Shelf
from gateway.site import Site
from gateway.store import Journal
from gateway.store.library_rows import StoredSegment
from simulators.camera import CameraSimulator, EncodedLoop
from tests.recording.world import MINUTE, camera, put, site_of, small_loop
from tests.wait import until

CLOCK = SystemClock()


def trusted() -> ClockState:
    """The clock is right."""
    return ClockState.TRUSTED


class Daemon:
    """A journal and a recording service, as the daemon runs them."""

    def __init__(self, site: Site, journal: Journal, service: RecordingService) -> None:
        self.site = site
        self.journal = journal
        self.service = service
        self.shelf = Shelf(site.recording_dir)

    async def segments(self, camera: str = "cam-1") -> list[StoredSegment]:
        """All of a camera's footage."""
        now = CLOCK.now()
        return await self.service.library.segments(
            camera, now - timedelta(days=1000), now + timedelta(days=1)
        )

    def placed(self) -> int:
        """Files of all cameras that came onto the shelf since the start."""
        return sum(camera.segments for camera in self.service.stats.cameras)

    def recorder_pid(self) -> int | None:
        """The recorder process, while there is one."""
        return self.service._recorder.pid if self.service._recorder else None

    async def has(self, count: int, camera: str = "cam-1") -> bool:
        """Whether the camera has so many segments on the shelf."""
        return self.placed() >= count and len(await self.segments(camera)) >= count

    async def has_no_garbage(self) -> bool:
        """Whether nothing waits to be unlinked or forgotten."""
        return await self.service.library.garbage(1) == []

    def recording(self, camera: str = "cam-1") -> bool:
        """Whether the camera is being recorded now."""
        return any(stats.camera == camera and stats.recording for stats in self.service.stats.cameras)

    async def causes(self, camera: str = "cam-1") -> list[str]:
        """The causes of all gaps of a camera."""
        now = CLOCK.now()
        gaps = await self.journal.gaps(camera, now - timedelta(days=1000), now + timedelta(days=1))
        return [gap.cause for gap in gaps]

    def alarms(self) -> set[tuple[Kind, str]]:
        """Open alarms whose cause is still there."""
        return {
            (alarm.source.kind, alarm.source.subject)
            for alarm in self.journal.open_alarms.values()
            if alarm.returned_at is None
        }


@contextlib.asynccontextmanager
async def running(site: Site) -> AsyncIterator[Daemon]:
    """A daemon at work, stopped properly at the end."""
    journal = await Journal.open(site, clock=CLOCK)
    service = RecordingService(site, journal, CLOCK, trusted)
    task = asyncio.create_task(service.run())
    try:
        yield Daemon(site, journal, service)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.timeout(15):
                await task
        await journal.close()


@pytest.fixture(scope="module")
def loop_of_pictures() -> EncodedLoop:
    """Pictures for all cameras of these tests."""
    return small_loop()


@pytest.fixture
async def gate(loop_of_pictures: EncodedLoop) -> AsyncIterator[CameraSimulator]:
    """A camera."""
    simulator = camera(loop=loop_of_pictures)
    await simulator.start()
    yield simulator
    await simulator.stop()


async def test_a_minute_of_video(tmp_path: Path, gate: CameraSimulator) -> None:
    """From camera to library: files of about the length asked for, one row each, whole coverage, camera online."""
    async with running(site_of(tmp_path, {"cam-1": gate.url}, segment_s=1)) as daemon:
        await until(lambda: daemon.has(3), 20)
        segments = await daemon.segments()
        found = await coverage_of(
            daemon.service.library,
            daemon.journal,
            "cam-1",
            start=segments[0].start,
            end=CLOCK.now(),
            now=CLOCK.now(),
            unfinished=timedelta(seconds=20),
        )
        assert daemon.journal.presences["cam-1"].presence is Presence.ONLINE
        assert daemon.service.stats.cameras[0].segments >= 3

    assert all(daemon.shelf.path(segment.path).stat().st_size == segment.bytes for segment in segments)
    assert found.share == 1.0
    assert not daemon.alarms()


async def test_a_stopped_gateway_leaves_nothing_behind_in_the_spool(
    tmp_path: Path, gate: CameraSimulator
) -> None:
    """An orderly stop ends segment and recorder: footage to the last second is on the shelf, the gap says `stopped`."""
    site = site_of(tmp_path, {"cam-1": gate.url}, segment_s=60)
    async with running(site) as daemon:
        await until(daemon.recording, 20)
        pid = daemon.recorder_pid()

    assert list(daemon.shelf.spool.rglob("*.mp4")) == []
    assert len(list(daemon.shelf.root.rglob("*.mp4"))) == 1
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()

    async with running(site) as again:
        await until(again.recording, 20)
        [segment] = await again.segments()
        gaps = await again.journal.gaps("cam-1", segment.start, CLOCK.now())

    stopped = [gap for gap in gaps if gap.start >= segment.end]
    assert [gap.cause for gap in stopped] == ["stopped"]
    assert stopped[0].start - segment.end < timedelta(seconds=1)


async def test_a_camera_power_cycle_is_a_gap_and_recording_resumes(
    tmp_path: Path, gate: CameraSimulator
) -> None:
    """The gap has its cause and its ends; what was recorded before and after is there."""
    async with running(site_of(tmp_path, {"cam-1": gate.url}, segment_s=1)) as daemon:
        await until(lambda: daemon.has(1), 20)
        await gate.power_cycle(1.5)
        await until(lambda: not daemon.recording(), 20)
        await until(daemon.recording, 20)
        await until(lambda: daemon.has(4), 20)
        segments = await daemon.segments()
        [gap] = [
            gap
            for gap in await daemon.journal.gaps("cam-1", segments[0].start, CLOCK.now())
            if gap.start >= segments[0].end
        ]
        found = await coverage_of(
            daemon.service.library,
            daemon.journal,
            "cam-1",
            start=segments[0].start,
            end=segments[-1].end,
            now=CLOCK.now(),
            unfinished=timedelta(seconds=20),
        )

    assert gap.cause == "camera"
    assert gap.end is not None
    assert [missing.cause for missing in found.gaps] == ["camera"]
    assert found.share < 1.0


async def test_i9_a_killed_recorder_is_started_again_and_its_footage_recovered(
    tmp_path: Path, gate: CameraSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL in mid-segment: a gap with cause `recorder`, an alarm that returns, the open segment on the shelf."""
    monkeypatch.setattr("gateway.recording.trouble.CALM_S", 0.5)
    async with running(site_of(tmp_path, {"cam-1": gate.url}, segment_s=60)) as daemon:
        spool = daemon.shelf.spool / "cam-1"
        await until(lambda: any(path.stat().st_size > 15_000 for path in spool.glob("*.mp4")), 20)
        pid = daemon.recorder_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: daemon.service.stats.recorder_deaths == 1, 20)
        await until(lambda: daemon.has(1), 20)
        await until(daemon.recording, 20)
        await until(lambda: not daemon.alarms(), 20)

        assert daemon.service.stats.recovered == 1
        assert (await daemon.causes())[-1] == "recorder"
        assert [alarm.source.kind for alarm in daemon.journal.open_alarms.values()] == [Kind.RECORDING_LOST]


async def test_i6_start_up_finishes_garbage_and_adopts_orphans(tmp_path: Path) -> None:
    """As a crash in the middle of placing and of deleting leaves them; no camera needed."""
    site = site_of(tmp_path, {})
    async with running(site) as daemon:
        await until(
            lambda: daemon.service.stats.recorded_bytes == 0 and daemon.service.library.identity != ""
        )
        shelf, library = daemon.shelf, daemon.service.library
        start = CLOCK.now() - timedelta(days=1)
        condemned = await library.add_segment(put(shelf, start))
        await library.condemn([condemned], at=CLOCK.now())
        orphan = put(shelf, start + MINUTE)
        lost = put(shelf, start + 2 * MINUTE)
        await library.add_segment(lost)
        shelf.path(lost.path).unlink()

    async with running(site) as daemon:
        await until(lambda: bool(daemon.journal.open_alarms), 10)
        await until(lambda: len(list(daemon.shelf.root.rglob("*.mp4"))) == 1, 10)

        await until(daemon.has_no_garbage, 10)
        assert [segment.path for segment in await daemon.segments()] == [orphan.path]
        assert await daemon.causes() == ["disk"]


async def test_91_days_back_the_held_segment_stays_and_the_rest_goes(tmp_path: Path) -> None:
    """What the demo shows: files seeded on the shelf before the start, deleted by the running daemon."""
    site = site_of(tmp_path, {}, retention="delete_after_days = 90")
    shelf = Shelf(site.recording_dir)
    seeded = [put(shelf, CLOCK.now() - timedelta(days=91) + n * MINUTE) for n in range(4)]
    journal = await Journal.open(site, clock=CLOCK)
    await journal.place_hold(
        "cam-1", seeded[2].start + MINUTE / 4, seeded[2].end - MINUTE / 4, reason="寻人", actor="g"
    )
    await journal.close()

    async with running(site) as daemon:
        await until(lambda: daemon.service.stats.deleted == 3, 20)
        await until(daemon.has_no_garbage, 10)

        assert [segment.path for segment in await daemon.segments()] == [seeded[2].path]

    assert [path.name for path in shelf.root.rglob("*.mp4")] == [Path(seeded[2].path).name]


async def test_a_camera_without_its_password_file_stops_no_other(
    tmp_path: Path, gate: CameraSimulator
) -> None:
    """It is an alarm about that camera; the other one is recorded."""
    site = site_of(tmp_path, {"cam-1": gate.url, "cam-2": gate.url}, segment_s=1)
    second = replace(
        site.cameras[1],
        settings=site.cameras[1].settings.model_copy(update={"password_file": Path("none.password")}),
    )
    async with running(replace(site, cameras=(site.cameras[0], second))) as daemon:
        await until(lambda: daemon.has(1), 20)

        assert daemon.alarms() == {(Kind.RECORDING_LOST, "cam-2")}


async def test_what_is_mended_while_the_gateway_is_off_returns_at_its_start(
    tmp_path: Path, gate: CameraSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alarm open from before a restart: it returns once all is well, so that a person can close it."""
    monkeypatch.setattr("gateway.recording.trouble.CALM_S", 0.5)
    site = site_of(tmp_path, {"cam-1": gate.url})
    password = tmp_path / "camera.password"
    password.rename(tmp_path / "mislaid")
    async with running(site) as daemon:
        await until(lambda: (Kind.RECORDING_LOST, "cam-1") in daemon.alarms(), 10)

    (tmp_path / "mislaid").rename(password)
    async with running(site) as again:
        assert again.alarms() == {(Kind.RECORDING_LOST, "cam-1")}
        await until(lambda: not again.alarms(), 20)
        await until(again.recording, 20)


async def test_a_library_that_breaks_while_in_use_is_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages turn to rubbish: it is set aside, built again from the shelf, and a person is told."""
    monkeypatch.setattr("gateway.recording.house.ROUND_S", 0.5)
    monkeypatch.setattr("gateway.recording.trouble.CALM_S", 0.5)
    site = site_of(tmp_path, {})
    shelf = Shelf(site.recording_dir)
    for n in range(300):
        put(shelf, CLOCK.now() - timedelta(days=1) + n * MINUTE, size=10)
    async with running(site) as daemon:
        await until(lambda: daemon.service.stats.recorded_bytes == 3000, 20)
        library = daemon.service.library
        identity = library.identity
        await library.open(stamp="again")  # what was in its WAL is in the file now
        with library.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (library.path.stat().st_size - 4096))
        await until(lambda: library.identity != identity, 30)
        await until(lambda: bool(daemon.journal.open_alarms) and not daemon.alarms(), 20)

        assert len(await daemon.segments()) == 300

    assert len(list(site.recording_dir.glob("library.damaged-*.db"))) == 1


async def test_a_disk_that_is_another_one_is_told(tmp_path: Path) -> None:
    """The footage's disk is not mounted: recording goes on where it can, and a person is told."""
    site = site_of(tmp_path, {})
    async with running(site) as daemon:
        await until((site.site.state_dir / "footage-disk").exists, 10)
    site.recording_dir.rename(tmp_path / "unmounted")

    async with running(site) as daemon:
        await until(lambda: bool(daemon.journal.open_alarms), 10)
        [alarm] = daemon.journal.open_alarms.values()

    assert "mounted" in alarm.detail


def test_i9_the_alarm_process_loads_no_media_library() -> None:
    """Importing the service brings in neither PyAV nor OpenCV nor numpy."""
    code = (
        "import sys, gateway.recording.service\n"
        "loaded = {'av', 'cv2', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
