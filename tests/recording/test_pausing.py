"""Recording stopped for want of space: whatever its cameras did at that moment, none is shown as recorded."""

from pathlib import Path

from tests.recording.test_service import CLOCK, running
from tests.recording.world import MINUTE, camera, site_of, small_loop
from tests.wait import until


async def test_a_camera_that_hung_when_recording_stopped_has_its_gap(tmp_path: Path) -> None:
    """Its thread can't say a last word; the gap is open all the same, nothing grows, and its file is in sight."""
    gate = camera(loop=small_loop())
    await gate.start()
    try:
        async with running(site_of(tmp_path, {"cam-1": gate.url}, stall_s=30)) as daemon:
            service = daemon.service
            await until(daemon.recording, 20)
            await until(lambda: service.growing("cam-1") is not None, 20)
            growing = service.growing("cam-1")
            assert growing is not None
            gate.stall(120)
            service._house._on_stuck(True)  # noqa: FBT003 - what the janitor's round finds on a full disk

            await until(lambda: not service.stats.recorder_running, 20)
            await until(lambda: not daemon.recording(), 5)
            assert service.growing("cam-1") is None
            assert (await daemon.causes())[-1] == "disk"
            assert service.stats.cameras[0].interruptions == 1
            assert service.stats.recorder_deaths == 0
            [piece] = await service.pieces("cam-1", growing.start, CLOCK.now() + MINUTE)
            assert (piece.start, piece.growing) == (growing.start, False)
    finally:
        await gate.stop()
