"""A clock that is set while footage is held: what is held goes on being held, under its new stamps."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.model import EventType, Kind, Level, Origin, Signal
from gateway.store import Journal
from gateway.store.check import check_journal
from tests.clocks import START, ManualClock
from tests.sites import school

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_running_hold_goes_on_after_a_step(tmp_path: Path, hours: int) -> None:
    """Ten seconds after a press the clock is set by an hour: the fifty seconds still to come are held as they will be stamped."""
    clock = ManualClock()
    journal = await Journal.open(school(tmp_path), clock=clock)
    await journal.report(PRESS)
    [before] = await journal.live_holds()
    step = timedelta(hours=hours)

    await journal.clock_stepped(step.total_seconds(), START + timedelta(seconds=10) + step)

    holds = await journal.live_holds()
    assert [(hold.camera, hold.start, hold.end, hold.alarm_id) for hold in holds] == [
        (before.camera, before.start, before.end, before.alarm_id),
        (before.camera, before.start + step, before.end + step, before.alarm_id),
    ]
    assert [row.type for row in await journal.waiting("bureau", 3)].count(EventType.CLOCK_STEPPED) == 1
    await journal.close()
    assert check_journal(journal.path) == []


async def test_what_is_filmed_already_needs_no_second_hold(tmp_path: Path) -> None:
    """A hold whose interval has passed when the clock is set stays as it is."""
    journal = await Journal.open(school(tmp_path), clock=ManualClock())
    await journal.report(PRESS)
    [before] = await journal.live_holds()

    await journal.clock_stepped(3600.0, START + timedelta(hours=1, minutes=5))

    assert await journal.live_holds() == [before]
    await journal.close()
