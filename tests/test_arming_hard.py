"""gateway.arming where clocks, calendars and site files are not what they were."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.arming import LONGEST_SLEEP_S, SETTLE_S
from gateway.model import ClockState, Kind
from gateway.store import Journal
from tests.arming_school import DOORS, NIGHTS, WINDOW, active, alarms, guarded, told
from tests.clocks import ManualClock
from tests.test_arming_service import DAY, EVENING, HOUR, running

YEAR_S = timedelta(days=365).total_seconds()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("step", [-12 * HOUR, 12 * HOUR, -YEAR_S + 12 * HOUR, YEAR_S + 12 * HOUR])
async def test_what_the_schedule_did_by_a_wrong_clock_does_not_stand(
    tmp_path: Path,
    clock: ManualClock,
    step: float,
    restart: bool,  # noqa: FBT001 - a table
) -> None:
    """Disarmed at 23:00 by a clock that showed noon: armed as soon as it is right, not only at the next 22:00."""
    clock.advance(2 * HOUR)
    clock.step(step)
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        await here.advance(SETTLE_S + 1)
        assert not here.armed()
        if not restart:
            clock.step(-step)
            await here.advance(2 * LONGEST_SLEEP_S)
            assert here.armed()
    if restart:
        clock.step(-step)
        async with running(tmp_path, clock, schedule=NIGHTS) as here:
            await here.advance(SETTLE_S + 1)
            assert here.armed()


async def test_a_holiday_that_is_told_late_arms_at_once(tmp_path: Path, clock: ManualClock) -> None:
    """The school is shut for a storm: the site file says so at 09:00, two hours after the schedule disarmed."""
    clock.advance(12 * HOUR)
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        assert not here.armed()
    clock.advance(60)
    site = guarded(tmp_path, schedule=NIGHTS, more='[calendar]\nholidays = ["2026-09-08"]\n')
    async with running(tmp_path, clock, site=site) as here:
        await here.advance(SETTLE_S + 1)
        assert here.armed()


async def test_a_zone_that_is_given_a_schedule_obeys_it_from_its_next_change_on(
    tmp_path: Path, clock: ManualClock
) -> None:
    """What a person did this evening stands until 22:00."""
    async with running(tmp_path, clock) as here:
        await here.journal.disarm("office", "wang")
        await here.journal.arm("office", "wang")
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        await here.advance(300)
        assert here.armed()
        await here.advance(9 * HOUR)
        assert not here.armed()


async def test_a_bypass_lasts_no_longer_than_it_was_asked_for(tmp_path: Path, clock: ManualClock) -> None:
    """Two minutes, over three restarts with a clock set back a year each: two minutes after the last it is over."""
    async with running(tmp_path, clock) as here:
        await here.journal.bypass("window", "wang", clock.now() + timedelta(minutes=2), "维修")
        await here.journal.report(WINDOW)
    for _ in range(3):
        clock.step(-YEAR_S)
        async with running(tmp_path, clock) as here:
            await here.advance(60)
            assert here.journal.bypasses["window"].lasts
    async with running(tmp_path, clock) as here:
        await here.advance(120)
        assert not here.journal.bypasses["window"].lasts
        assert alarms(here.journal) == {"window"}


@pytest.mark.parametrize("kind", ["panic", "smoke"])
async def test_a_bypass_of_what_is_another_point_now_ends_at_the_start(
    tmp_path: Path, clock: ManualClock, kind: str
) -> None:
    """It is on record, and no console shows a panic button as set aside."""
    async with running(tmp_path, clock) as here:
        await here.journal.bypass("window", "wang", clock.now() + timedelta(hours=2), "维修")
    doors = DOORS.replace('kind = "intrusion"', f'kind = "{kind}"', 1)
    site = guarded(tmp_path, doors=doors)
    async with running(tmp_path, clock, site=site) as here:
        assert not here.journal.bypasses["window"].lasts
        assert [(name, data["actor"]) for name, data in await told(here.journal, "point")] == [
            ("bypassed", "wang"),
            ("restored", "gateway"),
        ]


async def test_a_zone_that_is_gone_while_somebody_enters_or_leaves(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Its delays end at the start: what waited alarms, nothing waits for a zone that nobody can disarm."""
    async with running(tmp_path, clock) as here:
        await here.journal.report(active("front-door"))
        await here.journal.disarm("store", "wang")
    doors = DOORS.replace('id = "office"', 'id = "annex"').replace('zone = "office"', 'zone = "annex"')
    async with running(tmp_path, clock, site=guarded(tmp_path, doors=doors)) as here:
        await here.advance(1)
        assert alarms(here.journal) == {"front-door"}
        assert here.journal.armings["office"].entry_until is None


async def test_who_connects_later_sees_what_is_disarmed_and_set_aside(
    tmp_path: Path, clock: ManualClock
) -> None:
    """A journal opened anew has both before anything is reported (the console's snapshot is made of it)."""
    async with running(tmp_path, clock) as here:
        await here.journal.disarm("office", "wang")
        await here.journal.bypass("safe", "wang", clock.now() + timedelta(hours=2), "维修")
    journal = await Journal.open(guarded(tmp_path), clock=clock)
    try:
        assert not journal.armings["office"].armed
        assert journal.bypasses["safe"].kind is Kind.INTRUSION
    finally:
        await journal.close()


async def test_a_fresh_school_with_a_wrong_clock_accuses_no_button(
    tmp_path: Path, clock: ManualClock
) -> None:
    """It wakes up in 1970 and somebody presses; NTP sets it right: the button counts as tested, the others from then on."""
    now = clock.now()
    clock.step(-(now.timestamp() - 3600))
    async with running(tmp_path, clock, trust=ClockState.UNTRUSTED) as here:
        await here.journal.report(active("gate-button", Kind.PANIC, device="buttons"))
        await here.advance(SETTLE_S + 1)
        clock.step((now - clock.now()).total_seconds())
        here.trust = ClockState.TRUSTED
        await here.advance(2 * LONGEST_SLEEP_S)
        assert not {a for a in here.journal.open_alarms.values() if a.source.kind is Kind.POINT_UNTESTED}
        clock.advance(31 * DAY.total_seconds())
        await here.settle()
        await here.advance(1)
        untested = {a.source.subject for a in here.journal.open_alarms.values()
                    if a.source.kind is Kind.POINT_UNTESTED}  # fmt: skip
        assert untested == {"gate-button", "gate-button-2", "hold-up"}
