"""A step of the wall clock while a camera is recorded: the time that it left out is a gap that says why."""

from datetime import timedelta
from pathlib import Path

from gateway.clock import to_ms
from gateway.recording.protocol import Cause, Skipped
from tests.recording.test_service import CLOCK, running
from tests.recording.world import site_of
from tests.wait import until


async def test_time_that_the_clock_left_out_is_a_gap_of_its_own(tmp_path: Path) -> None:
    """What the recorder says was skipped is in the journal with cause `clock`, ended, beside the gap that lasts."""
    async with running(site_of(tmp_path, {"cam-1": "rtsp://127.0.0.1:9/main"})) as daemon:
        await until(lambda: daemon.recorder_pid() is not None, 10)
        end = CLOCK.now() - timedelta(minutes=5)
        start = end - timedelta(hours=1)
        await daemon.service._desk.take(
            Skipped(
                camera="cam-1", start_ms=to_ms(start), end_ms=to_ms(end)
            )  # as the cutter reports a step of an hour
        )
        found = await daemon.journal.gaps("cam-1", start - timedelta(minutes=1), end)

    assert [(gap.cause, to_ms(gap.start), to_ms(gap.end or CLOCK.now())) for gap in found] == [
        (Cause.CLOCK, to_ms(start), to_ms(end))
    ]
