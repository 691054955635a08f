"""gateway.outputs over a real journal, a scripted switch and a clock moved by hand."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from gateway.clock import Clock
from gateway.driver import Sink
from gateway.errors import ActRefused, DeviceRefused, DeviceUnavailable, JournalUnwritable, NotFound
from gateway.model import Alarm, ClockState, EventType, Kind, Level, Origin, Presence, Signal, Verdict
from gateway.outputs import LOOK_S, Outputs
from gateway.outputs import worker as outputs_worker
from gateway.outputs.worker import PATIENCE_S, REASSERT_OFF_S, REASSERT_ON_S
from gateway.policy.outputs import OutputState
from gateway.store import Journal
from gateway.supervisor import Supervisor
from tests.clocks import START, ManualClock
from tests.scripted import AnyConnection
from tests.sites import BY_HAND, school
from tests.wait import until

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)
SMOKE = replace(PRESS, point="hall-smoke", kind=Kind.SMOKE)
DURESS = replace(PRESS, kind=Kind.DURESS)

OUTPUTS = """
[[device]]
id = "siren-box"
zone = "gate"
driver = "by-hand"
[[device.output]]
id = "siren"
name = "校门警号"
kind = "sounder"
max_on_s = 303
test_day = 15
test_at = "10:00"
test_s = 3
[[device.output]]
id = "lamp"
kind = "strobe"
until = "closed"

[[device]]
id = "hall-box"
zone = "hall"
driver = "by-hand"
[[device.output]]
id = "hall-siren"
kind = "sounder"
zones = ["hall"]
"""

#: 10:01 in Asia/Shanghai on the 15th.
TEST_TIME = datetime(2026, 3, 15, 2, 1, tzinfo=UTC)


class Bench:
    """A switch with outputs on a bench: what each is set to, every write to it, and how it fails."""

    def __init__(self) -> None:
        self.on: dict[str, bool] = {}
        self.writes: list[tuple[str, bool]] = []
        self.broken: dict[str, Exception] = {}
        self.stuck: set[str] = set()

    async def switch(self, output: str, *, on: bool) -> None:
        """Set it, fail, or never come back."""
        self.writes.append((output, on))
        if output in self.stuck:
            await asyncio.Event().wait()
        if output in self.broken:
            raise self.broken[output]
        self.on[output] = on

    def is_on(self, output: str) -> bool:
        """What it was set to last."""
        return self.on[output]

    def count(self, output: str) -> int:
        """How often it was written, or that was tried."""
        return sum(name == output for name, _ in self.writes)


class School:
    """A journal, its outputs on a bench, and the time."""

    def __init__(self, journal: Journal, bench: Bench, clock: ManualClock, outputs: Outputs) -> None:
        self.journal = journal
        self.bench = bench
        self.clock = clock
        self.outputs = outputs

    async def report(self, signal: Signal = PRESS) -> str:
        """A signal; the id of its alarm. The outputs have heard of it."""
        await self.journal.report(signal)
        await self.settle()
        return self.open(signal.point).id

    def open(self, subject: str) -> Alarm:
        """The open alarm of a point or output."""
        return next(a for a in self.journal.open_alarms.values() if a.source.subject == subject)

    def faults(self) -> dict[str, bool]:
        """The outputs with an open fault, and whether it lasts."""
        return {
            alarm.source.subject: alarm.returned_at is None
            for alarm in self.journal.open_alarms.values()
            if alarm.source.kind is Kind.FAULT
        }

    def state(self, output: str) -> OutputState:
        """How the service sees it."""
        return next(state for state in self.outputs.states() if state.id == output)

    async def advance(self, seconds: int) -> None:
        """Move the clock on, second by second, and let what wakes up finish."""
        for _ in range(seconds):
            self.clock.advance(1)
            await self.settle()

    async def settle(self) -> None:
        """What was committed has been heard, and what is due has been done and journalled."""
        for _ in range(3):
            await self.journal.heartbeat()
            for _ in range(8):
                await asyncio.sleep(0)

    async def tests(self) -> list[tuple[str, bool]]:
        """The tests that were journalled as events: output, and whether it worked."""
        rows = await self.journal.waiting("bureau", 3)
        return [
            (row.payload.decode().split('"output":"')[1].split('"')[0], b'"ok":true' in row.payload)
            for row in rows
            if row.type is EventType.OUTPUT_TESTED
        ]


@asynccontextmanager
async def serving(
    tmp_path: Path,
    *,
    bench: Bench | None = None,
    clock: ManualClock | None = None,
    clock_state: Callable[[], ClockState] = lambda: ClockState.TRUSTED,
) -> AsyncIterator[School]:
    """The journal and the service, for as long as the block lasts."""
    bench, clock = bench or Bench(), clock or ManualClock()
    site = school(tmp_path, more=OUTPUTS)
    journal = await Journal.open(site, clock=clock)
    outputs = Outputs(site, journal, bench, clock, clock_state)
    task = asyncio.create_task(outputs.run())
    here = School(journal, bench, clock, outputs)
    try:
        await until(lambda: len(bench.writes) >= 3)
        await here.settle()
        yield here
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.close()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[School]:
    async with serving(tmp_path) as running:
        yield running


# ---- what is on


async def test_the_first_thing_after_a_start_is_that_all_are_off(here: School) -> None:
    """Whatever a module was left at, each output is written once."""
    assert sorted(here.bench.writes) == [("hall-siren", False), ("lamp", False), ("siren", False)]


async def test_a_press_switches_on_without_the_clock_moving(here: School) -> None:
    """The commit itself wakes the outputs: no time passes from it to the switch. The other zone's stays off."""
    await here.report()

    assert here.bench.on == {"siren": True, "lamp": True, "hall-siren": False}
    assert here.state("siren") == OutputState(id="siren", wanted=True, actual=True, testing=False)


async def test_an_acknowledgement_ends_the_sound_and_a_press_begins_it_anew(here: School) -> None:
    """The sounder is off at once; the lamp, which is until the close, stays."""
    alarm = await here.report()
    await here.journal.acknowledge(alarm, "zhang")
    await here.settle()
    assert (here.bench.is_on("siren"), here.bench.is_on("lamp")) == (False, True)
    await here.report()

    assert here.bench.is_on("siren")


async def test_a_silence_stops_sounders_alone_until_the_next_press_or_alarm(here: School) -> None:
    """Unacknowledged all the while; lamps go on; a new press and another alarm sound again."""
    await here.report()
    await here.journal.silence("zhang")
    await here.settle()
    assert here.bench.on == {"siren": False, "lamp": True, "hall-siren": False}
    await here.report()
    assert here.bench.is_on("siren")
    await here.journal.silence("zhang")
    await here.report(SMOKE)

    assert here.bench.on == {"siren": True, "lamp": True, "hall-siren": True}


async def test_duress_switches_nothing(here: School) -> None:
    """Not one write more than before."""
    before = list(here.bench.writes)
    await here.report(DURESS)

    assert here.bench.writes == before


async def test_max_on_counts_from_the_last_press(here: School) -> None:
    """303 s after the press it is off, to the second, though nobody came; another press gives it its time again."""
    await here.report()
    await here.advance(200)
    await here.report()
    await here.advance(302)
    assert here.bench.is_on("siren")
    await here.advance(1)
    assert not here.bench.is_on("siren")
    assert not here.state("siren").wanted
    await here.report()

    assert here.bench.is_on("siren")


async def test_shelving_switches_off_and_its_end_on(here: School) -> None:
    """What is set aside makes no sound; what comes back does."""
    alarm = await here.report(SMOKE)
    await here.journal.shelve(alarm, "zhang", START.replace(hour=9), "building works")
    await here.settle()
    assert not here.bench.is_on("siren")
    await here.advance(400)
    await here.journal.unshelve(alarm, "zhang")
    await here.settle()

    assert here.bench.is_on("siren")


async def test_an_output_is_written_again_and_again(here: School) -> None:
    """Every 60 s while off, every 10 s while on: a module that restarted has forgotten it."""
    before = here.bench.count("siren")
    await here.advance(round(REASSERT_OFF_S))
    assert here.bench.count("siren") == before + 1
    await here.report()
    before = here.bench.count("siren")
    await here.advance(3 * round(REASSERT_ON_S))

    assert here.bench.count("siren") == before + 3


async def test_a_device_that_comes_back_is_written_at_once(here: School) -> None:
    """Its presence says so; outputs of other devices are left alone."""
    await here.journal.presence("siren-box", Presence.OFFLINE, "power")
    await here.report()
    before = here.bench.count("siren"), here.bench.count("hall-siren")
    await here.journal.presence("siren-box", Presence.ONLINE)
    await here.settle()

    assert (here.bench.count("siren"), here.bench.count("hall-siren")) == (before[0] + 1, before[1])


# ---- start and stop


async def test_a_restart_goes_on_with_an_open_alarm_for_what_is_left_of_its_time(tmp_path: Path) -> None:
    """On again after the start; 303 s after the press it is over. What was silenced stays silent."""
    clock = ManualClock()
    async with serving(tmp_path, clock=clock) as before:
        await before.report()
        await before.advance(200)
    async with serving(tmp_path, clock=clock) as after:
        assert after.bench.writes[0] in {("siren", True), ("lamp", True), ("hall-siren", False)}
        assert after.bench.is_on("siren")
        await after.advance(103)
        assert not after.bench.is_on("siren")
        await after.report()
        await after.journal.silence("zhang")
    async with serving(tmp_path, clock=clock) as again:
        assert again.bench.on == {"siren": False, "lamp": True, "hall-siren": False}


async def test_an_orderly_stop_switches_off_what_is_on(tmp_path: Path) -> None:
    """Nothing is left sounding that nobody could silence; what is off is not written."""
    bench = Bench()
    async with serving(tmp_path, bench=bench) as here:
        await here.report()
        before = bench.count("hall-siren")

    assert bench.on == {"siren": False, "lamp": False, "hall-siren": False}
    assert bench.count("hall-siren") == before


async def test_a_stop_does_not_wait_for_a_dead_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that never answers costs the limit and not more; the others are off."""
    monkeypatch.setattr("gateway.outputs.STOP_LIMIT_S", 0.1)
    bench = Bench()
    async with serving(tmp_path, bench=bench) as here:
        await here.report()
        bench.stuck.add("siren")

    assert bench.on == {"siren": True, "lamp": False, "hall-siren": False}


# ---- what fails


@pytest.mark.parametrize(
    "error",
    [DeviceUnavailable("no answer"), DeviceRefused("it says no"), NotFound("there is no such output")],
)
async def test_a_failed_switch_is_a_fault_and_is_tried_again(here: School, error: Exception) -> None:
    """At once an alarm of the output's own that says why; 1 s later another try; once it works the fault has returned."""
    here.bench.broken["siren"] = error
    await here.report()
    fault = here.open("siren")
    assert (fault.source.kind, fault.source.name, fault.source.device) == (
        Kind.FAULT,
        "校门警号",
        "siren-box",
    )
    assert fault.detail == str(error)
    assert here.state("siren") == OutputState(
        id="siren", wanted=True, actual=None, testing=False, reason=str(error)
    )
    assert here.bench.is_on("lamp")  # the others do not feel it
    before = here.bench.count("siren")
    await here.advance(1)
    assert here.bench.count("siren") == before + 1
    here.bench.broken.clear()
    await here.advance(2)

    assert here.bench.is_on("siren")
    assert here.faults() == {"siren": False}
    await here.advance(round(REASSERT_ON_S))
    fault = here.open("siren")
    assert (fault.acknowledged_at, fault.repeats) == (None, 0)


async def test_retries_back_off_to_ten_seconds(here: School) -> None:
    """1, 2, 4, 8, then every 10 s, so that a dead module does not take its bus's time."""
    here.bench.broken["siren"] = DeviceUnavailable("no answer")
    await here.report()
    tries = []
    for second in range(1, 46):
        before = here.bench.count("siren")
        await here.advance(1)
        if here.bench.count("siren") > before:
            tries.append(second)

    assert tries == [1, 3, 7, 15, 25, 35, 45]
    assert here.faults() == {"siren": True}


async def test_what_nobody_hears_missing_may_fail_for_a_while(tmp_path: Path) -> None:
    """At a start the devices are only being connected: that is no fault. One that stays away is."""
    bench = Bench()
    bench.broken = {name: DeviceUnavailable("not connected yet") for name in ("siren", "hall-siren")}
    async with serving(tmp_path, bench=bench) as here:
        await here.advance(2)
        del bench.broken["hall-siren"]
        await here.advance(round(PATIENCE_S) - 3)
        assert here.faults() == {}
        await here.advance(10)

        assert here.faults() == {"siren": True}


async def test_a_switch_that_never_comes_back_has_failed(
    here: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its limit it is a fault and tried again; other outputs were on all the while."""
    monkeypatch.setattr(outputs_worker, "SWITCH_LIMIT_S", 0.05)
    here.bench.stuck.add("siren")
    await here.report()
    assert here.bench.is_on("lamp")
    await until(lambda: "siren" in here.faults())
    await here.settle()
    here.bench.stuck.clear()
    await here.advance(1)

    assert here.bench.is_on("siren")


async def test_a_fault_from_before_a_restart_returns_when_the_output_works(tmp_path: Path) -> None:
    """The fault is the journal's, not the service's."""
    bench = Bench()
    async with serving(tmp_path, bench=bench) as here:
        bench.broken["siren"] = DeviceUnavailable("no answer")
        await here.report()
        assert here.faults() == {"siren": True}
    async with serving(tmp_path) as again:
        assert again.faults() == {"siren": False}


async def test_switching_does_not_wait_for_the_journal(here: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """While faults can't be journalled the outputs are switched all the same; the fault is told when they can be."""
    raise_own = here.journal.raise_own

    async def refuse(kind: Kind, subject: str, detail: str) -> None:
        raise JournalUnwritable(f"no room for {kind} {subject} {detail}")

    monkeypatch.setattr(here.journal, "raise_own", refuse)
    here.bench.broken["siren"] = DeviceUnavailable("no answer")
    await here.report()
    del here.bench.broken["siren"]
    await here.advance(1)
    assert here.bench.is_on("siren")
    assert here.faults() == {}
    monkeypatch.setattr(here.journal, "raise_own", raise_own)
    await here.advance(1)

    assert here.faults() == {"siren": False}


class Breaking:
    """A driver with a bug where it switches."""

    def __init__(self, connection: AnyConnection, clock: Clock) -> None:
        del clock
        self._devices = [device.id for device in connection.devices]

    async def run(self, sink: Sink) -> NoReturn:
        """Its devices are there."""
        for device in self._devices:
            await sink.presence(device, Presence.ONLINE)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def switch(self, output: str, *, on: bool) -> None:
        """Fail as nobody expected."""
        raise ValueError(f"a bug with {output} {on}")


async def test_a_driver_that_breaks_is_a_failed_switch(tmp_path: Path) -> None:
    """Whatever it raises, the supervisor makes of it what the outputs can live with, and says what broke."""
    site, clock = school(tmp_path, more=OUTPUTS), ManualClock()
    journal = await Journal.open(site, clock=clock)
    supervisor = Supervisor(
        site.connections, {"by-hand": replace(BY_HAND, build=Breaking)}, journal, clock, random.Random(1)
    )
    run = asyncio.create_task(supervisor.run())
    try:
        await until(lambda: "siren-box" in journal.presences)
        with pytest.raises(DeviceUnavailable, match=r"'by-hand' broke: ValueError\('a bug with siren True"):
            await supervisor.switch("siren", on=True)
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await journal.close()


# ---- tests


async def test_the_monthly_test_is_on_for_its_time_and_journalled(tmp_path: Path) -> None:
    """At 10:00 on the 15th in the site's time zone: 3 s on, off, an event, the record; and not again that month."""
    async with serving(tmp_path, clock=ManualClock(TEST_TIME)) as here:
        await here.advance(round(LOOK_S))
        assert here.bench.is_on("siren")
        assert here.state("siren").testing
        await here.advance(3)
        assert not here.bench.is_on("siren")
        assert await here.tests() == [("siren", True)]
        assert (await here.journal.output_tests())["siren"].ok
        await here.advance(240)

        assert here.bench.writes.count(("siren", True)) == 1
        assert ("lamp", True) not in here.bench.writes


async def test_a_missed_day_is_made_up_for_and_a_restart_does_not_test_again(tmp_path: Path) -> None:
    """The daemon was down on the 15th: the 17th at 10:00 will do; started anew a minute later, it knows."""
    clock = ManualClock(TEST_TIME.replace(day=17))
    async with serving(tmp_path, clock=clock) as here:
        await here.advance(round(LOOK_S) + 3)
        assert await here.tests() == [("siren", True)]
    async with serving(tmp_path, clock=clock) as again:
        await again.advance(2 * round(LOOK_S))
        assert ("siren", True) not in again.bench.writes


@pytest.mark.parametrize("moment", [TEST_TIME.replace(hour=1), TEST_TIME.replace(day=14)])
async def test_there_is_no_test_at_another_time(tmp_path: Path, moment: datetime) -> None:
    """Not before the day, not at 9 o'clock."""
    async with serving(tmp_path, clock=ManualClock(moment)) as here:
        await here.advance(4 * round(LOOK_S))

        assert ("siren", True) not in here.bench.writes


async def test_an_untrusted_clock_tests_nothing(tmp_path: Path) -> None:
    """Nobody wants a siren at what may be midnight."""
    state = [ClockState.UNTRUSTED]
    async with serving(tmp_path, clock=ManualClock(TEST_TIME), clock_state=lambda: state[0]) as here:
        await here.advance(2 * round(LOOK_S))
        assert ("siren", True) not in here.bench.writes
        state[0] = ClockState.TRUSTED
        await here.advance(round(LOOK_S))

        assert here.bench.is_on("siren")


@pytest.mark.parametrize("signal", [PRESS, DURESS])
async def test_a_test_waits_while_an_open_alarm_uses_the_output(tmp_path: Path, signal: Signal) -> None:
    """Silenced or not, and duress above all; by hand it is refused with a reason."""
    async with serving(tmp_path, clock=ManualClock(TEST_TIME)) as here:
        await here.report(signal)
        await here.journal.silence("zhang")
        await here.settle()
        await here.advance(2 * round(LOOK_S))
        with pytest.raises(ActRefused) as refused:
            await here.outputs.test("siren", "li")

        assert refused.value.code == "output-in-use"
        assert not here.bench.is_on("siren")
        assert await here.tests() == []


async def test_a_failed_test_is_a_fault_though_the_output_works_again_at_once(tmp_path: Path) -> None:
    """The event says no and why; the fault is there, returned, for a person to look at."""
    async with serving(tmp_path) as here:
        here.bench.broken["siren"] = DeviceUnavailable("no answer")
        state = await here.outputs.test("siren", "li")
        del here.bench.broken["siren"]
        await here.settle()
        assert (state.actual, state.reason) == (None, "no answer")
        assert await here.tests() == [("siren", False)]
        await here.advance(2)

        assert here.faults() == {"siren": False}
        assert not here.bench.is_on("siren")


async def test_a_test_of_what_never_worked_is_a_fault_at_once(tmp_path: Path) -> None:
    """Who tests it is there to hear it missing: no patience then."""
    bench = Bench()
    bench.broken["siren"] = DeviceUnavailable("no answer")
    async with serving(tmp_path, bench=bench) as here:
        assert here.faults() == {}
        await here.outputs.test("siren", "li")
        await here.settle()

        assert here.faults() == {"siren": True}


async def test_a_person_tests_any_output_one_test_at_a_time(here: School) -> None:
    """It is on when the call returns, and off by itself; one without a schedule too. Who is on the record."""
    state = await here.outputs.test("lamp", "li")
    assert (state.testing, state.actual) == (True, True)
    with pytest.raises(ActRefused) as refused:
        await here.outputs.test("lamp", "wang")
    assert refused.value.code == "output-testing"
    with pytest.raises(NotFound):
        await here.outputs.test("no-such", "li")
    await here.advance(2)

    assert not here.bench.is_on("lamp")
    assert await here.tests() == [("lamp", True)]
    (event,) = [row for row in await here.journal.waiting("bureau", 3) if row.type is EventType.OUTPUT_TESTED]
    assert b'"actor":"li"' in event.payload


async def test_an_alarm_during_a_test_stays_on_after_it(here: School) -> None:
    """The test's end does not switch off what an alarm wants on."""
    await here.outputs.test("siren", "li")
    await here.report()
    before = here.bench.count("siren")
    await here.advance(3)

    assert here.bench.is_on("siren")
    assert here.bench.count("siren") == before
    assert await here.tests() == [("siren", True)]


async def test_a_stop_ends_a_test(tmp_path: Path) -> None:
    """Nothing is left on, and a service that has ended tests nothing and tells of nothing."""
    async with serving(tmp_path) as here:
        await here.outputs.test("siren", "li")
        assert here.bench.is_on("siren")

    assert not here.bench.is_on("siren")
    assert here.outputs.states() == []
    with pytest.raises(ActRefused) as refused:
        await here.outputs.test("siren", "li")
    assert refused.value.code == "outputs-down"


async def test_a_lost_feed_looks_at_everything_anew(here: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the feed's limit all changes become one `resync`: what is open is what counts."""
    monkeypatch.setattr("gateway.store.feed.FEED_LIMIT", 0)
    await here.report()

    assert here.bench.is_on("siren")
    with sqlite3.connect(here.journal.path) as db:
        assert db.execute("select count(*) from alarm where closed_ms is null").fetchone() == (1,)


# ---- alarms and clocks that are not what they seem


async def test_a_press_sounds_whatever_the_clock_does_meanwhile(here: School) -> None:
    """A year ahead between the press and its being heard of: it is a press of now, for its whole time."""
    await here.journal.report(PRESS)
    here.clock.step(365 * 86400)
    await here.settle()
    assert here.bench.is_on("siren")
    await here.advance(302)
    assert here.bench.is_on("siren")
    await here.advance(1)
    assert not here.bench.is_on("siren")


async def test_a_panic_beside_a_duress_sounds_for_itself_alone(here: School) -> None:
    """The panic's acknowledgement ends the sound, though the duress is open and was pressed again."""
    await here.journal.report(DURESS)
    panic = await here.report(replace(PRESS, point="gate-button-2"))
    assert here.bench.is_on("siren")
    await here.journal.report(DURESS)
    await here.journal.acknowledge(panic, "zhang")
    await here.settle()
    await here.journal.report(DURESS)
    await here.settle()

    assert not here.bench.is_on("siren")


async def test_no_test_while_people_deal_with_an_alarm(tmp_path: Path) -> None:
    """A panic that was acknowledged and has returned, and is not closed: its siren is tested on another day."""
    clock = ManualClock(TEST_TIME)
    async with serving(tmp_path, clock=clock) as here:
        alarm = await here.report()
        await here.journal.acknowledge(alarm, "zhang")
        await here.report(replace(PRESS, level=Level.NORMAL))
        before = here.bench.writes.count(("siren", True))
        await here.advance(3 * round(LOOK_S))
        with pytest.raises(ActRefused):
            await here.outputs.test("siren", "li")
        assert here.bench.writes.count(("siren", True)) == before
        await here.journal.close_alarm(alarm, "zhang", Verdict.REAL)
        await here.advance(round(LOOK_S) + 1)

        assert here.bench.writes.count(("siren", True)) == before + 1
