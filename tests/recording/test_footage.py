"""Where footage is: on the shelf, waiting for it, growing, or left by a dead recorder; never out of sight."""

import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.footage import Footage, FootageUnavailable, Piece
from gateway.recording.service import RecordingService
from simulators.camera import CameraSimulator, EncodedLoop
from tests.recording.recorder_process import pictures
from tests.recording.test_service import CLOCK, Daemon, running
from tests.recording.world import camera, put, site_of, small_loop
from tests.wait import until

HOUR = timedelta(hours=1)


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


async def pieces(daemon: Daemon) -> list[Piece]:
    """All of cam-1's footage."""
    now = CLOCK.now()
    return list(await daemon.service.pieces("cam-1", now - HOUR, now + HOUR))


def as_footage(service: RecordingService) -> Footage:
    """The service as others know it (a check of types)."""
    return service


async def test_footage_is_shelf_and_growing_file_in_one(tmp_path: Path, gate: CameraSimulator) -> None:
    """Pieces follow one another to this moment; the last is the one `growing` names, and it can be read."""
    async with running(site_of(tmp_path, {"cam-1": gate.url}, segment_s=2)) as daemon:
        await until(lambda: daemon.has(2), 20)
        await until(lambda: as_footage(daemon.service).growing("cam-1") is not None, 10)
        found = await pieces(daemon)
        last, growing = found[-1], daemon.service.growing("cam-1")

        assert growing is not None
        assert [piece.growing for piece in found] == [False] * (len(found) - 1) + [True]
        assert (last.path, last.start) == (growing.path, growing.start)
        assert all(abs(b.start - a.end) < timedelta(seconds=1) for a, b in pairwise(found))
        await until(lambda: not growing.path.exists() or bool(pictures(str(growing.path))), 10)
        assert await daemon.service.pieces("cam-1", found[0].start - HOUR, found[0].start) == []
        assert daemon.service.growing("cam-2") is None


async def test_a_finished_file_is_found_while_it_waits_for_the_shelf(
    tmp_path: Path, gate: CameraSimulator
) -> None:
    """The shelf takes nothing (a file lies where its folder belongs): footage is found in the spool all the same."""
    site = site_of(tmp_path, {"cam-1": gate.url}, segment_s=1)
    (site.recording_dir / "shelf").mkdir(parents=True)
    (site.recording_dir / "shelf" / "cam-1").write_text("no folder")
    async with running(site) as daemon:
        await until(lambda: daemon.service.stats.waiting >= 2, 20)
        found = await pieces(daemon)

        assert len(found) >= 2
        assert all(piece.path.is_relative_to(daemon.shelf.spool) for piece in found)
        assert found[0].path.stat().st_size > 0


async def test_a_killed_recorders_file_stays_in_sight(tmp_path: Path, gate: CameraSimulator) -> None:
    """From its death until its successor's reading of it is on the shelf, what it wrote can be found."""
    async with running(site_of(tmp_path, {"cam-1": gate.url}, segment_s=60)) as daemon:
        await until(lambda: any(p.stat().st_size > 15_000 for p in daemon.shelf.spool.rglob("*.mp4")), 20)
        await until(lambda: daemon.service.growing("cam-1") is not None, 20)
        [before] = await pieces(daemon)
        pid = daemon.recorder_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        seen: set[bool] = set()

        async def recovered() -> bool:
            found = [
                piece for piece in await pieces(daemon) if abs(piece.start - before.start) < 2 * HOUR / 3600
            ]
            seen.add(bool(found))
            return bool(found) and found[0].path.is_relative_to(daemon.shelf.root)

        await until(recovered, 20)
        assert seen == {True}


async def test_without_a_library_footage_is_unavailable(tmp_path: Path) -> None:
    """Said as such, not as if there were none."""
    site = site_of(tmp_path, {})
    async with running(site) as daemon:
        await until(daemon.service._house.ready.is_set, 10)  # else it takes our file for a left-over
        segment = put(daemon.shelf, CLOCK.now() - timedelta(minutes=10))
        await daemon.service.library.add_segment(segment)
        [found] = await pieces(daemon)
        assert found == Piece(
            path=daemon.shelf.path(segment.path), start=found.start, end=found.start + timedelta(minutes=1)
        )
        await daemon.service.library.close()

        with pytest.raises(FootageUnavailable):
            await pieces(daemon)
