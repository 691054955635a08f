"""gateway.arming over a real journal and a clock moved by hand."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.arming import AGAIN_S, LONGEST_SLEEP_S, SETTLE_S, ArmingService
from gateway.errors import JournalUnwritable
from gateway.model import AlarmState, ClockState, Kind
from gateway.site import Site
from gateway.store import Journal
from tests.arming_school import FRONT, NIGHTS, SAFE, WINDOW, active, alarms, guarded, shut, told
from tests.clocks import ManualClock

#: 21:00 at the school, whose zone is disarmed by its schedule until 22:00.
EVENING = datetime(2026, 9, 7, 13, 0, tzinfo=UTC)
HOUR = 3600.0
DAY = timedelta(days=1)


class School:
    """A journal, its arming service, and the time."""

    journal: Journal

    def __init__(self, clock: ManualClock, trust: ClockState) -> None:
        self.clock = clock
        self.trust = trust

    async def advance(self, seconds: float) -> None:
        """Move the clock on, five minutes at most at once, and let what wakes up finish."""
        while seconds > 0:
            step = min(seconds, 1.0 if seconds <= 120 else 300.0)
            self.clock.advance(step)
            seconds -= step
            await self.settle()

    async def settle(self) -> None:
        """What was committed has been heard, and what is due has been done."""
        for _ in range(3):
            await self.journal.heartbeat()
            for _ in range(8):
                await asyncio.sleep(0)

    def leaving(self) -> bool:
        """Whether the office's exit delay runs."""
        return self.journal.armings["office"].exit_until is not None

    def armed(self) -> bool:
        """Whether the office is."""
        arming = self.journal.armings.get("office")
        return arming is None or arming.armed


@asynccontextmanager
async def running(
    tmp_path: Path,
    clock: ManualClock,
    *,
    schedule: str = "",
    trust: ClockState = ClockState.TRUSTED,
    site: Site | None = None,
) -> AsyncIterator[School]:
    """A daemon's journal and arming service, closed at the end as at a stop; again on the same path is a restart."""
    site = site or guarded(tmp_path, schedule=schedule)
    here = School(clock, trust)
    journal = here.journal = await Journal.open(site, clock=clock, clock_state=lambda: here.trust)
    task = asyncio.create_task(ArmingService(site, journal, clock, lambda: here.trust).run())
    try:
        await here.settle()
        yield here
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING)


# ---- delays


async def test_the_exit_delay_ends_by_itself(tmp_path: Path, clock: ManualClock) -> None:
    """60 s after the arming the zone watches: what is still open alarms, and what opens then does at once."""
    async with running(tmp_path, clock) as here:
        await here.journal.disarm("office", "wang")
        await here.journal.report(WINDOW)
        await here.journal.arm("office", "wang")
        await here.advance(59)
        await here.journal.report(SAFE)
        assert not alarms(here.journal)
        await here.advance(1)
        assert alarms(here.journal) == {"window", "safe"}
        assert here.journal.armings["office"].exit_until is None


async def test_the_entry_delay_ends_by_itself(tmp_path: Path, clock: ManualClock) -> None:
    """30 s after the door was opened all that were opened alarm, also what was shut again."""
    async with running(tmp_path, clock) as here:
        for signal in (FRONT, shut("front-door")):
            await here.journal.report(signal)
        await here.advance(29)
        assert not alarms(here.journal)
        await here.advance(1)
        assert alarms(here.journal) == {"front-door"}


async def test_who_disarms_in_time_hears_nothing(tmp_path: Path, clock: ManualClock) -> None:
    """In the last second of the entry; and the next entry has its own 30 s."""
    async with running(tmp_path, clock) as here:
        await here.journal.report(FRONT)
        await here.advance(29)
        await here.journal.disarm("office", "wang")
        await here.advance(100)
        assert not alarms(here.journal)

        await here.journal.report(shut("front-door"))
        await here.journal.arm("office", "wang")
        await here.advance(60)
        await here.journal.report(FRONT)
        await here.advance(29)
        assert not alarms(here.journal)
        await here.advance(1)
        assert alarms(here.journal) == {"front-door"}


@pytest.mark.parametrize("step", [-HOUR, HOUR])
async def test_a_clock_that_steps_changes_no_delay(tmp_path: Path, clock: ManualClock, step: float) -> None:
    """Set back or forward during exit, entry and bypass: each lasts as long as it was to."""
    async with running(tmp_path, clock) as here:
        await here.journal.disarm("store", "wang")
        await here.journal.disarm("office", "wang")
        await here.journal.arm("office", "wang")
        await here.journal.bypass("safe", "wang", clock.now() + timedelta(minutes=2), "维修")
        await here.settle()
        await here.journal.report(SAFE)
        clock.step(step)
        await here.advance(59)
        assert here.leaving()
        await here.advance(1)
        assert not here.leaving()
        await here.journal.report(FRONT)
        await here.settle()
        clock.step(step)
        await here.advance(29)
        assert not alarms(here.journal)
        await here.advance(1)
        assert alarms(here.journal) == {"front-door"}
        await here.advance(29)
        assert alarms(here.journal) == {"front-door"}
        await here.advance(1)
        assert alarms(here.journal) == {"front-door", "safe"}


@pytest.mark.parametrize(
    ("away", "step", "left"),
    [
        (10, 0.0, 20),  # what is left of 30 s
        (100, 0.0, 0),  # it ended meanwhile
        (10, -HOUR, 30),  # a clock that is behind now: never longer than the configured delay
        (0, HOUR, 0),
    ],
)
async def test_a_restart_in_the_middle_of_an_entry(
    tmp_path: Path, clock: ManualClock, away: int, step: float, left: int
) -> None:
    """The door that was opened and shut alarms after the restart, at the latest when the delay is over anew."""
    async with running(tmp_path, clock) as here:
        for signal in (FRONT, shut("front-door")):
            await here.journal.report(signal)
    clock.advance(away)
    clock.step(step)
    async with running(tmp_path, clock) as here:
        if left:
            await here.advance(left - 1)
            assert not alarms(here.journal)
            await here.advance(1)
        (alarm,) = here.journal.open_alarms.values()
        assert alarm.source.subject == "front-door"
        assert alarm.state is AlarmState.RETURNED_UNACKNOWLEDGED


async def test_a_restart_in_the_middle_of_an_exit(tmp_path: Path, clock: ManualClock) -> None:
    """What is left of it is left; then the zone watches."""
    async with running(tmp_path, clock) as here:
        await here.journal.disarm("office", "wang")
        await here.journal.arm("office", "wang")
        await here.journal.report(WINDOW)
    clock.advance(20)
    async with running(tmp_path, clock) as here:
        await here.advance(39)
        assert not alarms(here.journal)
        await here.advance(1)
        assert alarms(here.journal) == {"window"}


# ---- bypass


async def test_a_bypass_ends_by_itself(tmp_path: Path, clock: ManualClock) -> None:
    """After its time the point watches again: what is active then alarms, and the event names the gateway."""
    async with running(tmp_path, clock) as here:
        await here.journal.bypass("window", "wang", clock.now() + timedelta(minutes=10), "玻璃碎了")
        await here.journal.report(WINDOW)
        await here.advance(599)
        assert not alarms(here.journal)
        await here.advance(1)
        assert alarms(here.journal) == {"window"}
        assert [(name, data["actor"]) for name, data in await told(here.journal, "point")] == [
            ("bypassed", "wang"),
            ("restored", "gateway"),
        ]


async def test_a_bypass_that_is_prolonged_ends_at_its_new_end(tmp_path: Path, clock: ManualClock) -> None:
    """The first end is forgotten; after a restart with a clock set back a year it lasts its 30 minutes again."""
    async with running(tmp_path, clock) as here:
        for minutes in (1, 30):
            await here.journal.bypass("window", "wang", clock.now() + timedelta(minutes=minutes), "维修")
            await here.settle()
        await here.advance(300)
        assert here.journal.bypasses["window"].lasts
    clock.step(-365 * DAY.total_seconds())
    async with running(tmp_path, clock) as here:
        await here.advance(29 * 60)
        assert here.journal.bypasses["window"].lasts
        await here.advance(60)
        assert not here.journal.bypasses["window"].lasts


# ---- schedules


async def test_the_schedule_arms_and_disarms(tmp_path: Path, clock: ManualClock) -> None:
    """At the start it makes what it says; then at 22:00 and 06:00, without exit delay, as `schedule`."""
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        assert not here.armed()
        await here.advance(HOUR - 60)
        assert not here.armed()
        await here.advance(60)
        assert here.armed()
        await here.advance(8 * HOUR)
        assert not here.armed()
        events = await told(here.journal, "zone")
        assert [(name, data["actor"], data["exit_until"]) for name, data in events] == [
            ("disarmed", "schedule", None),
            ("armed", "schedule", None),
            ("disarmed", "schedule", None),
        ]
        assert "store" not in here.journal.armings  # has no schedule


async def test_what_a_person_did_stands_until_the_next_change(tmp_path: Path, clock: ManualClock) -> None:
    """Armed by hand in the evening, disarmed by hand at night: each until the schedule changes, over restarts too."""
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        await here.journal.arm("office", "wang")
        await here.advance(300)
        assert here.armed()
        await here.advance(HOUR)
        await here.journal.disarm("office", "wang")
        await here.advance(300)
        assert not here.armed()
        clock.step(-5)  # NTP puts the clock right: still the same night
        await here.advance(300)
        assert not here.armed()
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        await here.advance(24 * HOUR)  # 06:00 agrees with it, 22:00 does not
        assert here.armed()


async def test_a_change_that_was_missed_is_made_good(tmp_path: Path, clock: ManualClock) -> None:
    """The daemon was down at 22:00: it arms as soon as devices have told how their points are."""
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        await here.journal.arm("office", "wang")
        await here.journal.disarm("office", "wang")
        await here.journal.report(WINDOW)
    clock.advance(2 * HOUR)
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        await here.journal.report(shut("window", Kind.INTRUSION))  # it was shut meanwhile
        await here.advance(SETTLE_S + 1)
        assert here.armed()
        assert not alarms(here.journal)


async def test_an_untrusted_clock_moves_no_zone(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Zones stay as they are and the log says so, once; when the clock is trusted the schedule is followed."""
    caplog.set_level(logging.INFO, "gateway.arming")
    async with running(tmp_path, clock, schedule=NIGHTS, trust=ClockState.UNTRUSTED) as here:
        await here.advance(2 * HOUR)
        assert "office" not in here.journal.armings
        await here.journal.disarm("office", "wang")  # 23:00, people may
        clock.step(-300 * DAY.total_seconds())  # and it was wrong
        await here.advance(120)
        here.trust = ClockState.TRUSTED
        await here.advance(LONGEST_SLEEP_S)
        assert not here.armed()  # an act of two minutes ago, by whatever clock
        await here.advance(24 * HOUR)
        assert here.armed()
    said = [record.getMessage() for record in caplog.records if record.name == "gateway.arming"]
    assert len([text for text in said if "not trusted" in text]) == 1
    assert len([text for text in said if "is trusted" in text]) == 1


async def test_the_schedule_does_not_let_in_who_is_entering(tmp_path: Path, clock: ManualClock) -> None:
    """An entry begun at 05:59:50 alarms at 06:00:20 unless a person disarms; only then the schedule does."""
    async with running(tmp_path, clock, schedule=NIGHTS) as here:
        await here.advance(9 * HOUR - 10)
        await here.journal.report(FRONT)
        await here.advance(29)
        assert here.armed()
        assert not alarms(here.journal)
        await here.advance(2)
        assert alarms(here.journal) == {"front-door"}
        await here.settle()
        assert not here.armed()


# ---- tests of points, and trouble


async def test_a_button_that_nobody_presses_is_a_fault(tmp_path: Path, clock: ManualClock) -> None:
    """After 30 days for panic and duress, in words with the date; a press, even in a drill, returns it."""
    async with running(tmp_path, clock) as here:
        await here.advance(SETTLE_S)
        clock.advance(10 * DAY.total_seconds())
        press = active("gate-button", Kind.PANIC, device="buttons")
        await here.journal.start_drill(None, clock.now() + timedelta(minutes=5), "li")
        await here.journal.report(press)
        await here.journal.report(shut("gate-button", Kind.PANIC))
        clock.advance(21 * DAY.total_seconds())
        await here.settle()
        await here.advance(1)

        def untested() -> dict[str, tuple[AlarmState, str]]:
            return {
                alarm.source.subject: (alarm.state, alarm.detail)
                for alarm in here.journal.open_alarms.values()
                if alarm.source.kind is Kind.POINT_UNTESTED
            }

        assert set(untested()) == {"gate-button-2", "hold-up"}
        assert untested()["hold-up"][1] == "not pressed since it is watched (2026-09-07)"
        clock.advance(10 * DAY.total_seconds())
        await here.settle()
        await here.advance(1)
        assert untested()["gate-button"] == (AlarmState.UNACKNOWLEDGED, "last pressed on 2026-09-17")

        await here.journal.report(press)
        assert untested()["gate-button"][0] is AlarmState.RETURNED_UNACKNOWLEDGED


async def test_an_untrusted_clock_finds_no_button_untested(tmp_path: Path, clock: ManualClock) -> None:
    """A box that wakes up in the wrong year accuses nobody."""
    async with running(tmp_path, clock) as here:
        await here.advance(SETTLE_S)
        here.trust = ClockState.UNTRUSTED
        clock.advance(400 * DAY.total_seconds())
        await here.settle()
        await here.advance(LONGEST_SLEEP_S)
        assert not alarms(here.journal)


async def test_a_journal_that_refuses_is_asked_again(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end that could not be written is written as soon as it can be."""
    async with running(tmp_path, clock) as here:
        end_entry = here.journal.end_entry
        refusals = 3

        async def refusing(zone: str, until: datetime) -> None:
            nonlocal refusals
            refusals -= 1
            if refusals >= 0:
                raise JournalUnwritable("no room")
            await end_entry(zone, until)

        monkeypatch.setattr(here.journal, "end_entry", refusing)
        await here.journal.report(FRONT)
        await here.advance(30 + 2 * AGAIN_S)
        assert not alarms(here.journal)
        await here.advance(AGAIN_S)
        assert alarms(here.journal) == {"front-door"}
