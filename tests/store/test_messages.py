"""gateway.store.intake: a device's message with all that it says is one transaction, and a reset takes back what was told."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.model import (
    Alarm,
    AlarmState,
    Durability,
    EventType,
    Kind,
    Level,
    Message,
    Notice,
    Origin,
    Signal,
)
from gateway.store import Journal
from tests.clocks import START, ManualClock
from tests.sites import said, school
from tests.store.test_check import PRESS, SMOKE

FIRE = Signal(
    device="buttons",
    point="panel-fire",
    kind=Kind.FIRE,
    level=Level.ACTIVE,
    origin=Origin.EVENT,
    detail="火警",
)


@pytest.fixture
async def journal(tmp_path: Path) -> Journal:
    return await Journal.open(school(tmp_path), clock=ManualClock())


def of(journal: Journal, point: str) -> Alarm:
    (alarm,) = [alarm for alarm in journal.open_alarms.values() if alarm.source.point == point]
    return alarm


async def test_i2_all_that_a_message_says_is_one_commit(journal: Journal) -> None:
    """Three signals and a notice of one message come with one change."""
    feed = journal.subscribe()
    notice = Notice(device="buttons", what="mute", operator="7", occurred_at=START - timedelta(seconds=5))
    message = replace(said(b"frame", PRESS, SMOKE, FIRE), notices=(notice,))

    assert await journal.receive(message) is Durability.DISK

    change = await anext(aiter(feed))
    assert len(change.alarms) == 3
    assert [event.type for event in change.events] == [
        EventType.ALARM_RAISED,
        EventType.ALARM_RAISED,
        EventType.ALARM_RAISED,
        EventType.ALARM_RETURNED,  # the fire point never returns
        EventType.DEVICE_REPORTED,
    ]
    assert change.events[-1].at == notice.occurred_at


async def test_i3_no_part_of_a_repeated_message_is_recorded_again(journal: Journal) -> None:
    """Neither signals nor notices nor a reset."""
    message = replace(said(b"frame", PRESS), notices=(Notice(device="buttons", what="mute"),))
    await journal.receive(message)
    last = journal.head("bureau").last_sequence

    await journal.receive(message)

    assert journal.head("bureau").last_sequence == last


async def test_a_reset_returns_what_the_device_had_told_and_nothing_else(journal: Journal) -> None:
    """Its alarms have returned, stay open, and a signal in the same message counts after the reset."""
    await journal.receive(said(b"1", SMOKE, PRESS))
    await journal.raise_own(Kind.FAULT, "buttons", "of the gateway's own")

    await journal.receive(replace(said(b"2", PRESS), reset=True))

    assert of(journal, "hall-smoke").state is AlarmState.RETURNED_UNACKNOWLEDGED
    assert of(journal, "gate-button").state is AlarmState.UNACKNOWLEDGED
    assert of(journal, "gate-button").repeats == 1
    assert all(a.returned_at is None for a in journal.open_alarms.values() if a.source.kind is Kind.FAULT)


async def test_a_reset_of_another_device_returns_nothing(journal: Journal) -> None:
    """Only what this device had reported."""
    await journal.receive(said(b"1", SMOKE))

    await journal.receive(Message(device="cam-gate", account="2", data=b"2", reset=True))

    assert of(journal, "hall-smoke").state is AlarmState.UNACKNOWLEDGED


async def test_a_press_after_a_silence_sounds_again(journal: Journal) -> None:
    """Silencing is of the presses so far, and no acknowledgement."""
    await journal.report(PRESS)
    assert await journal.silence("zhang") == 1
    assert await journal.silence("zhang") == 0
    alarm = of(journal, "gate-button")
    assert journal.is_silenced(alarm)
    assert alarm.state is AlarmState.UNACKNOWLEDGED

    await journal.report(replace(PRESS, level=Level.NORMAL))
    await journal.report(PRESS)

    assert not journal.is_silenced(of(journal, "gate-button"))
    types = [event.type for event in await journal.events_of(alarm.id)]
    assert types.count(EventType.ALARM_SILENCED) == 1


async def test_an_unparsed_message_stays_until_a_person_has_seen_it(journal: Journal) -> None:
    """It has nothing that could return, and says what was received."""
    unparsed = replace(SMOKE, point="buttons:unparsed", kind=Kind.UNPARSED, detail="XYZ: 58 59 5a")

    await journal.receive(said(b"XYZ", unparsed))

    alarm = of(journal, "buttons:unparsed")
    assert alarm.state is AlarmState.RETURNED_UNACKNOWLEDGED
    assert "58 59 5a" in alarm.detail


async def test_a_fire_behind_a_reset_is_not_taken_back_by_it(journal: Journal) -> None:
    """Both wait for the same commit: the later one is recorded later, whatever is urgent."""
    await journal.receive(said(b"1", FIRE))

    await asyncio.gather(
        journal.receive(Message(device="buttons", account="1234", data=b"2", reset=True)),
        journal.receive(said(b"3", PRESS)),
    )

    assert of(journal, "gate-button").state is AlarmState.UNACKNOWLEDGED
