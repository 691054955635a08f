"""gateway.escalation over a real journal and a clock moved by hand."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import JournalUnwritable
from gateway.escalation import AGAIN_S, LONGEST_SLEEP_S, Escalation
from gateway.model import Alarm, EventType, Kind, Level, Origin, Signal, Verdict
from gateway.site import EscalationSettings
from gateway.store import Journal
from tests.clocks import ManualClock
from tests.sites import school
from tests.wait import until

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)
SMOKE = replace(PRESS, point="hall-smoke", kind=Kind.SMOKE)
TAMPER = replace(PRESS, point="box-tamper", kind=Kind.TAMPER)
SETTINGS = EscalationSettings(critical_s=60, high_s=180, medium_s=0, low_s=0, steps=3)


class School:
    """A journal, its escalation, and the time."""

    def __init__(self, journal: Journal, clock: ManualClock) -> None:
        self.journal = journal
        self.clock = clock

    async def report(self, signal: Signal) -> str:
        """A signal; the id of its alarm."""
        await self.journal.report(signal)
        return next(
            key for key, alarm in self.journal.open_alarms.items() if alarm.source.point == signal.point
        )

    async def advance(self, seconds: float) -> None:
        """Move the clock on, second by second, and let what wakes up finish: a write through the whole queue."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            await self.settle()

    async def settle(self) -> None:
        """What was committed has been heard, and what is due has been done."""
        for _ in range(3):
            await self.journal.heartbeat()
            for _ in range(5):
                await asyncio.sleep(0)

    def alarm(self, alarm_id: str) -> Alarm:
        """As it is now."""
        return self.journal.open_alarms[alarm_id]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[School]:
    clock = ManualClock()
    journal = await Journal.open(school(tmp_path), clock=clock)
    task = asyncio.create_task(Escalation(journal, SETTINGS, clock).run())
    yield School(journal, clock)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await journal.close()


async def test_steps_come_when_nobody_acknowledges(here: School) -> None:
    """A critical alarm goes up at 60, 120 and 180 s, and no further than `steps`; each is an event."""
    alarm = await here.report(PRESS)
    for seconds, step in ((59, 0), (1, 1), (59, 1), (1, 2), (60, 3), (600, 3)):
        await here.advance(seconds)
        assert here.alarm(alarm).escalation == step
    events = [event.type for event in await here.journal.events_of(alarm)]

    assert events.count(EventType.ALARM_ESCALATED) == 3


async def test_severity_says_how_soon(here: School) -> None:
    """High takes 180 s here, and what the site file gives 0 never goes up."""
    smoke, tamper = await here.report(SMOKE), await here.report(TAMPER)
    await here.advance(179)
    assert here.alarm(smoke).escalation == 0
    await here.advance(1)

    assert (here.alarm(smoke).escalation, here.alarm(tamper).escalation) == (1, 0)


async def test_an_acknowledgement_ends_it(here: School) -> None:
    """Acknowledged in the last second: no step, ever."""
    alarm = await here.report(PRESS)
    await here.advance(59)
    await here.journal.acknowledge(alarm, "zhang")
    await here.advance(200)

    assert here.alarm(alarm).escalation == 0


async def test_a_press_after_the_acknowledgement_begins_anew(here: School) -> None:
    """The steps of a press count from that press, even if acknowledgement and press came in one moment."""
    alarm = await here.report(PRESS)
    await here.advance(50)
    await here.journal.acknowledge(alarm, "zhang")
    await here.journal.report(PRESS)
    await here.advance(59)
    assert here.alarm(alarm).escalation == 0
    await here.advance(1)

    assert here.alarm(alarm).escalation == 1


async def test_pressing_again_and_again_does_not_put_it_off(here: School) -> None:
    """Someone presses every 20 s because nobody comes: the first step is due 60 s after the first press all the same."""
    alarm = await here.report(PRESS)
    for _ in range(3):
        await here.advance(20)
        await here.report(PRESS)

    assert here.alarm(alarm).escalation == 1


async def test_a_shelved_alarm_waits_and_then_goes_on(here: School) -> None:
    """While an alarm is shelved it does not go up; at its time it is back by the gateway's own hand, and goes up."""
    alarm = await here.report(SMOKE)
    await here.journal.shelve(alarm, "zhang", here.clock.now() + timedelta(seconds=400), "building works")
    await here.advance(399)
    assert here.alarm(alarm).escalation == 0
    assert here.alarm(alarm).shelved_until is not None
    await here.advance(1)

    assert here.alarm(alarm).shelved_until is None
    assert here.alarm(alarm).escalation > 0
    last = (await here.journal.events_of(alarm))[-3:]
    assert EventType.ALARM_UNSHELVED in {event.type for event in last}
    assert b'"actor":"gateway"' in next(e for e in last if e.type is EventType.ALARM_UNSHELVED).body


async def test_an_acknowledged_alarm_leaves_the_shelf_too(here: School) -> None:
    """Shelving ends at its time for alarms that no longer escalate."""
    alarm = await here.report(SMOKE)
    await here.journal.acknowledge(alarm, "zhang")
    await here.journal.shelve(alarm, "zhang", here.clock.now() + timedelta(seconds=30), "building works")
    await here.advance(30)

    assert here.alarm(alarm).shelved_until is None
    assert here.alarm(alarm).escalation == 0


async def test_unshelved_or_closed_by_a_person_is_theirs(here: School) -> None:
    """What a person ended before its time is not touched again."""
    alarm = await here.report(SMOKE)
    await here.journal.shelve(alarm, "zhang", here.clock.now() + timedelta(seconds=30), "building works")
    await here.journal.unshelve(alarm, "zhang")
    await here.journal.acknowledge(alarm, "zhang")
    await here.journal.report(replace(SMOKE, level=Level.NORMAL))
    await here.journal.close_alarm(alarm, "zhang", Verdict.FALSE)
    before = [event.type for event in await here.journal.events_of(alarm)]
    await here.advance(300)

    assert [event.type for event in await here.journal.events_of(alarm)] == before


async def test_an_alarm_from_before_the_start_goes_up(tmp_path: Path) -> None:
    """The daemon was down for ten minutes with an alarm open: every step that is overdue is made, one by one."""
    clock = ManualClock()
    journal = await Journal.open(school(tmp_path), clock=clock)
    await journal.report(PRESS)
    clock.advance(600)
    task = asyncio.create_task(Escalation(journal, SETTINGS, clock).run())
    await until(lambda: [alarm.escalation for alarm in journal.open_alarms.values()] == [3])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await journal.close()


async def test_it_sleeps_in_between(here: School) -> None:
    """With nothing due it wakes every 30 s only, and a commit that brings nothing earlier does not wake it."""
    await here.report(PRESS)
    await here.settle()
    asleep = len(here.clock._sleepers)
    for number in range(20):
        await here.journal.report(replace(SMOKE, point=f"buttons:{number}", device="buttons"))
    await here.settle()

    assert len(here.clock._sleepers) <= asleep + 1  # the side copy's
    assert LONGEST_SLEEP_S == 30


async def test_a_journal_that_refuses_is_asked_again(
    here: School, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A step that the journal does not take is made as soon as it does, and said once."""
    caplog.set_level(logging.WARNING, "gateway.escalation")
    alarm = await here.report(PRESS)
    works: Callable[[str], Awaitable[Alarm]] = here.journal.escalate

    async def refuse(alarm_id: str) -> Alarm:
        raise JournalUnwritable(f"no room for {alarm_id}")

    monkeypatch.setattr(here.journal, "escalate", refuse)
    await here.advance(60 + 3 * AGAIN_S)
    assert here.alarm(alarm).escalation == 0
    monkeypatch.setattr(here.journal, "escalate", works)
    await here.advance(2)

    assert here.alarm(alarm).escalation == 1
    assert len(caplog.records) == 1


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
async def test_a_clock_that_steps_neither_stops_an_escalation_nor_runs_through_it(
    here: School, seconds: float
) -> None:
    """Durations are monotonic: a step of a day, either way, changes nothing about when the next step is due."""
    alarm = await here.report(PRESS)
    await here.advance(30)
    here.clock.step(seconds)
    await here.advance(29)
    assert here.alarm(alarm).escalation == 0
    await here.advance(2)
    assert here.alarm(alarm).escalation == 1
    await here.advance(58)
    assert here.alarm(alarm).escalation == 1
    await here.advance(3)
    assert here.alarm(alarm).escalation == 2


async def test_shelving_ends_in_time_over_a_clock_that_steps_back(here: School) -> None:
    """A clock set back by a day must not keep an alarm shelved for a day longer."""
    alarm = await here.report(SMOKE)
    await here.journal.shelve(alarm, "zhang", here.clock.now() + timedelta(seconds=60), "painters")
    await here.settle()
    here.clock.step(-86_400)
    await here.advance(62)
    assert here.alarm(alarm).shelved_until is None
