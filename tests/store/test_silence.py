"""Silencing alarms (消音), and the record of outputs' tests, in the journal: over restarts and a failing disk too."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import Clock
from gateway.model import Alarm, AlarmState, Durability, EventType, Kind, Level, Origin, Signal, Verdict
from gateway.site import Site
from gateway.store import Journal
from tests.clocks import START, ManualClock
from tests.sites import school
from tests.store.test_disk import bring_back, take_away
from tests.wait import until

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)
SMOKE = replace(PRESS, point="hall-smoke", kind=Kind.SMOKE)
FIRE = replace(PRESS, point="panel-fire", kind=Kind.FIRE)

SIREN = """
[[device]]
id = "siren-box"
name = "警号箱"
zone = "hall"
driver = "by-hand"
[[device.output]]
id = "siren"
name = "校门警号"
kind = "sounder"
until = "closed"
severities = ["high"]
"""

Opener = Callable[[Site, Clock], Awaitable[Journal]]


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens journals that are closed at the end, also of a test that fails."""
    journals: list[Journal] = []

    async def open_one(site: Site, clock: Clock) -> Journal:
        journals.append(await Journal.open(site, clock=clock))
        return journals[-1]

    yield open_one
    for journal in journals:
        await journal.close()


def of(journal: Journal, point: str) -> Alarm:
    """The open alarm of a point."""
    return next(alarm for alarm in journal.open_alarms.values() if alarm.source.subject == point)


async def test_a_silence_is_of_every_open_alarm_and_acknowledges_none(tmp_path: Path, opened: Opener) -> None:
    """Each has its event with who; the state stays, and only what is not silent yet counts."""
    journal = await opened(school(tmp_path), ManualClock())
    await journal.report(PRESS)
    await journal.report(SMOKE)

    assert await journal.silence("zhang") == 2
    await journal.report(FIRE)
    assert await journal.silence("li") == 1
    assert await journal.silence("li") == 0

    for point, who in (("gate-button", "zhang"), ("hall-smoke", "zhang"), ("panel-fire", "li")):
        alarm = of(journal, point)
        silence = journal.silence_of(alarm)
        assert silence is not None
        assert (silence.by, silence.at) == (who, START)
        assert alarm.acknowledged_at is None
        (event,) = [e for e in await journal.events_of(alarm.id) if e.type is EventType.ALARM_SILENCED]
        data = json.loads(event.body)["data"]
        assert (data["actor"], data["state"]) == (who, alarm.state.value)


async def test_nothing_open_is_nothing_to_silence(tmp_path: Path, opened: Opener) -> None:
    """No event, no row."""
    journal = await opened(school(tmp_path), ManualClock())

    assert await journal.silence("zhang") == 0
    assert not [row for row in await journal.waiting("bureau", 1) if row.type is EventType.ALARM_SILENCED]


async def test_what_is_acknowledged_is_silenced_only_where_a_sounder_goes_on(
    tmp_path: Path, opened: Opener
) -> None:
    """`until = "closed"` sounds after the acknowledgement, and a guard must be able to end that; the rest is silent."""
    journal = await opened(school(tmp_path, more=SIREN), ManualClock())
    for signal in (PRESS, SMOKE):
        await journal.report(signal)
        await journal.acknowledge(of(journal, signal.point).id, "zhang")

    assert await journal.silence("zhang") == 1
    assert journal.is_silenced(of(journal, "hall-smoke"))
    assert not journal.is_silenced(of(journal, "gate-button"))


async def test_a_silenced_alarm_goes_on_to_the_next_person(tmp_path: Path, opened: Opener) -> None:
    """Silence changes the sound alone: the alarm is escalated, acknowledged and closed as ever."""
    journal = await opened(school(tmp_path), ManualClock())
    await journal.report(PRESS)
    alarm = of(journal, "gate-button").id
    await journal.silence("zhang")

    assert (await journal.escalate(alarm)).escalation == 1
    assert journal.is_silenced(of(journal, "gate-button"))
    await journal.acknowledge(alarm, "zhang")
    await journal.report(replace(PRESS, level=Level.NORMAL))
    over = await journal.close_alarm(alarm, "zhang", Verdict.REAL)

    assert over.state is AlarmState.CLOSED
    assert journal.silence_of(over) is None


async def test_a_silence_outlives_a_restart(tmp_path: Path, opened: Opener) -> None:
    """The same alarm is silent in the next life, and a press in it sounds."""
    site = school(tmp_path)
    first = await opened(site, ManualClock())
    await first.report(PRESS)
    await first.silence("zhang")
    await first.close()

    journal = await opened(site, ManualClock())
    assert journal.is_silenced(of(journal, "gate-button"))
    assert await journal.silence("zhang") == 0
    await journal.report(PRESS)

    assert not journal.is_silenced(of(journal, "gate-button"))
    assert await journal.silence("li") == 1


async def test_silences_go_into_memory_mode_and_back(tmp_path: Path, opened: Opener) -> None:
    """The disk goes: what was silent stays so, what is silenced meanwhile is silent after its return as well."""
    clock = ManualClock()
    journal = await opened(school(tmp_path), clock)
    await journal.report(PRESS)
    await journal.silence("zhang")
    gone = take_away(journal)
    assert await journal.report(SMOKE) is Durability.MEMORY
    assert journal.is_silenced(of(journal, "gate-button"))

    assert await journal.silence("li") >= 1
    assert journal.is_silenced(of(journal, "hall-smoke"))
    bring_back(journal, gone)

    async def returned() -> bool:
        clock.advance(0.1)
        return journal.status.durability is Durability.DISK

    await until(returned)
    assert journal.is_silenced(of(journal, "gate-button"))
    assert journal.is_silenced(of(journal, "hall-smoke"))


async def test_the_last_test_of_an_output_is_kept(tmp_path: Path, opened: Opener) -> None:
    """With an event that names it, and over a restart; the next one replaces it."""
    site = school(tmp_path, more=SIREN)
    journal = await opened(site, ManualClock())
    (siren,) = site.outputs
    assert await journal.output_tests() == {}

    await journal.record_output_test(siren, actor="schedule", reason="it does not answer")
    (event,) = [row for row in await journal.waiting("bureau", 3) if row.type is EventType.OUTPUT_TESTED]
    body = json.loads(event.payload)
    assert body["subject"] == "siren"
    told = {key: body["data"][key] for key in ("output", "name", "device", "ok", "reason", "actor")}
    assert told == {
        "output": "siren",
        "name": "校门警号",
        "device": "siren-box",
        "ok": False,
        "reason": "it does not answer",
        "actor": "schedule",
    }
    await journal.record_output_test(siren, actor="li", reason="")
    await journal.close()

    kept = (await (await opened(site, ManualClock())).output_tests())["siren"]
    assert (kept.ok, kept.at) == (True, START)


async def test_an_outputs_fault_says_which_and_where_and_stays_while_the_output_does(
    tmp_path: Path, opened: Opener
) -> None:
    """Its name, device and zone; at a start it counts as returned only if the site file has no such output any more."""
    site = school(tmp_path, more=SIREN)
    journal = await opened(site, ManualClock())
    await journal.raise_own(Kind.FAULT, "siren", "it does not answer")
    source = of(journal, "siren").source
    assert (source.name, source.device, source.point) == ("校门警号", "siren-box", None)
    assert source.zone is not None
    assert source.zone.id == "hall"
    assert await journal.withdraw_missing() == 0
    await journal.close()

    without = await opened(school(tmp_path), ManualClock())
    assert await without.withdraw_missing() == 1
    assert of(without, "siren").returned_at is not None
