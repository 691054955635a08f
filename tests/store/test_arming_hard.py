"""Arming, bypass and silence where things go wrong: other site files, panels with words of their own, memory mode, lost memory."""

import hashlib
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ActRefused
from gateway.model import AlarmState, ClockState, Durability, Kind, Message, Origin, Verdict
from gateway.policy.arming import SCHEDULE
from gateway.store import Journal, side
from gateway.store.check import check_journal
from tests.arming_school import DOORS, FRONT, SAFE, STORE, WINDOW, active, alarms, guarded, shut, told
from tests.clocks import START, ManualClock
from tests.store.test_disk import bring_back, take_away
from tests.wait import until

HOUR = timedelta(hours=1)
SMOKE = active("office-smoke", Kind.SMOKE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    opened = await Journal.open(guarded(tmp_path), clock=clock)
    yield opened
    await opened.close()


# ---- panels with words of their own


@pytest.mark.parametrize("point", ["hold-up", "office-smoke"])
@pytest.mark.parametrize("kind", [Kind.INTRUSION, Kind.DOOR])
async def test_a_round_the_clock_point_that_is_called_a_burglary_alarms(
    journal: Journal, point: str, kind: Kind
) -> None:
    """Disarmed, leaving, entering: the site file says that it watches round the clock, whatever the panel calls it."""
    await journal.disarm("office", "wang")
    await journal.report(active(point, kind))
    assert alarms(journal) == {point}

    await journal.report(shut(point, kind))
    await journal.arm("office", "wang")
    await journal.report(active(point, kind))
    (alarm,) = journal.open_alarms.values()
    assert alarm.repeats == 1
    assert journal.active_points("office") == []


async def test_a_reset_by_hand_ends_what_a_bypass_held_back(journal: Journal) -> None:
    """A smoke detector that was reset while it was set aside does not alarm for old smoke when the bypass ends."""
    await journal.bypass("office-smoke", "li", START + HOUR, "清洗")
    await journal.report(SMOKE)
    await journal.receive(Message(device="panel", account="1", data=b"1", reset=True))
    await journal.restore("office-smoke", "li")

    assert not alarms(journal)


async def test_who_came_in_is_on_record_though_nothing_alarmed(journal: Journal) -> None:
    """The event of the disarming names every point that was opened in the entry that it ended."""
    for signal in (FRONT, shut("front-door"), WINDOW):
        await journal.report(signal)
    await journal.disarm("office", "wang")
    await journal.arm("office", SCHEDULE)

    events = [(name, data["actor"], data["waited"]) for name, data in await told(journal, "zone")]
    assert events == [("disarmed", "wang", ["front-door", "window"]), ("armed", "schedule", [])]


# ---- another site file


@pytest.mark.parametrize("kind", ["smoke", "panic", "tamper"])
async def test_a_bypass_is_not_of_what_the_point_has_become(
    tmp_path: Path, clock: ManualClock, kind: str
) -> None:
    """A guard set a window aside; the technician made it another point: it watches, its faults too, at once."""
    journal = await Journal.open(guarded(tmp_path), clock=clock)
    await journal.bypass("window", "wang", START + HOUR, "维修")
    await journal.bypass("office-smoke", "li", START + HOUR, "清洗")
    await journal.close()
    doors = DOORS.replace('kind = "intrusion"', f'kind = "{kind}"', 1)
    doors = doors.replace('kind = "smoke"', 'kind = "panic"')
    assert doors != DOORS
    journal = await Journal.open(guarded(tmp_path, doors=doors), clock=clock)
    try:
        await journal.report(active("window", Kind(kind)))
        await journal.report(active("window", Kind.FAULT))
        assert {alarm.source.kind for alarm in journal.open_alarms.values()} == {Kind(kind), Kind.FAULT}
        await journal.report(active("office-smoke", Kind.FAULT))  # a panic wire that is cut
        assert alarms(journal) == {"window", "office-smoke"}
    finally:
        await journal.close()


async def test_what_waited_at_a_point_that_is_gone_alarms_and_can_be_closed(
    tmp_path: Path, clock: ManualClock
) -> None:
    """The door was opened, the daemon restarted with a site file that does not have it: an alarm, and no eternal one."""
    journal = await Journal.open(guarded(tmp_path), clock=clock)
    await journal.report(FRONT)
    await journal.close()
    journal = await Journal.open(
        guarded(tmp_path, doors=DOORS.replace('"front-door"', '"main-door"')), clock=clock
    )
    try:
        await journal.withdraw_missing()
        await journal.raise_held()
        entry = journal.armings["office"].entry_until
        assert entry is not None
        await journal.end_entry("office", entry)
        (alarm,) = journal.open_alarms.values()
        assert (alarm.source.subject, alarm.state) == ("front-door", AlarmState.RETURNED_UNACKNOWLEDGED)
        await journal.acknowledge(alarm.id, "wang")
        await journal.close_alarm(alarm.id, "wang", Verdict.FALSE)
    finally:
        await journal.close()


# ---- tests of points by a clock that was wrong


async def test_a_press_before_the_clock_was_right_is_a_test(tmp_path: Path) -> None:
    """A fresh school whose box wakes up in 1970: the press of the first day counts from the first true look on."""
    clock = ManualClock(START.replace(year=1970))
    trust = ClockState.UNTRUSTED
    journal = await Journal.open(guarded(tmp_path), clock=clock, clock_state=lambda: trust)
    try:
        await journal.report(active("gate-button", Kind.PANIC, device="buttons"))
        trust = ClockState.TRUSTED
        clock.step((START - clock.now()).total_seconds())
        first = (await journal.watch_tests())["gate-button"]
        assert (first.since, first.tested) == (START, START)

        trust = ClockState.UNTRUSTED
        clock.step(-timedelta(days=400).total_seconds())
        await journal.report(shut("gate-button", Kind.PANIC))
        await journal.report(active("gate-button", Kind.PANIC, device="buttons"))
        trust = ClockState.TRUSTED
        clock.step(timedelta(days=410).total_seconds())
        assert (await journal.watch_tests())["gate-button"].tested == START + timedelta(days=10)
    finally:
        await journal.close()


# ---- memory mode


async def test_lost_memory_knows_what_was_armed(tmp_path: Path, clock: ManualClock) -> None:
    """Armed by a guard while the disk was away, then the power goes: the next start knows from the side copy."""
    disk, other = tmp_path / "disk/state", tmp_path / "stick"
    site = guarded(tmp_path, state=disk, site_keys=f'side_dir = "{other}"')
    journal = await Journal.open(site, clock=clock)
    await journal.report(SMOKE)
    await journal.disarm("office", "wang")
    await journal.disarm("store", "wang")
    await journal.bypass("safe", "li", START + HOUR, "维修")
    gone = take_away(journal)
    await journal.arm("office", SCHEDULE)
    await journal.arm("store", SCHEDULE)
    await journal.restore("safe", "li")
    await journal.bypass("window", "li", START + HOUR, "玻璃碎了")
    await journal.silence("wang")
    for signal in (FRONT, shut("front-door")):
        await journal.report(signal)
    known = dict(journal.armings), dict(journal.bypasses)
    assert known[0]["office"].waiting
    assert journal.status.durability is Durability.MEMORY
    await journal.close()
    bring_back(journal, gone)

    journal = await Journal.open(site, clock=clock)
    try:
        assert (dict(journal.armings), dict(journal.bypasses)) == known
        assert [journal.is_silenced(alarm) for alarm in journal.open_alarms.values()
                if alarm.source.kind is Kind.SMOKE] == [True]  # fmt: skip
        await journal.report(STORE)
        assert journal.armings["store"].entry_until is None
        assert "store-door" in alarms(journal)
        entry = journal.armings["office"].entry_until
        assert entry is not None
        await journal.end_entry("office", entry)
        assert "front-door" in alarms(journal)
        assert check_journal(journal.path) == []
    finally:
        await journal.close()


async def test_an_act_alone_reaches_the_side_copy(tmp_path: Path) -> None:
    """Without any alarm or level that changed: a disarmed zone and a bypass are there within a second or two."""
    clock = ManualClock()
    journal = await Journal.open(guarded(tmp_path), clock=clock)
    try:
        await journal.disarm("office", "wang")
        await journal.bypass("safe", "li", START + HOUR, "维修")

        def kept() -> bool:
            clock.advance(2)
            copy = side.read(journal._side_path)
            return copy is not None and (copy.armings, copy.bypasses) == (
                dict(journal.armings),
                dict(journal.bypasses),
            )

        await until(kept)
    finally:
        await journal.close()


def test_a_side_copy_of_before_is_read(tmp_path: Path) -> None:
    """One that knows nothing of arming: nothing is disarmed, silenced or bypassed."""
    content = b'{"version":1,"in_memory":false,"alarms":[],"levels":[],"accounts":[],"heads":[]}'
    found = side.decode(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)

    assert (found.silences, found.armings, found.bypasses) == ({}, {}, {})


async def test_an_alarm_closed_in_memory_leaves_no_silence_behind(tmp_path: Path, clock: ManualClock) -> None:
    """Silenced on the disk, closed while it was away: nothing is left of it when the disk returns."""
    journal = await Journal.open(guarded(tmp_path, state=tmp_path / "disk/state"), clock=clock)
    try:
        await journal.report(SMOKE)
        await journal.report(shut("office-smoke", Kind.SMOKE))
        await journal.silence("wang")
        gone = take_away(journal)
        (alarm,) = [a.id for a in journal.open_alarms.values() if a.source.kind is Kind.SMOKE]
        await journal.acknowledge(alarm, "wang")
        await journal.close_alarm(alarm, "wang", Verdict.FALSE)
        bring_back(journal, gone)
        clock.advance(1)
        await until(lambda: journal.status.durability is Durability.DISK)
        with closing(sqlite3.connect(journal.path)) as db:
            assert db.execute("select alarm_id from silence where alarm_id = ?", (alarm,)).fetchall() == []
        assert check_journal(journal.path) == []
    finally:
        await journal.close()


async def test_tests_that_memory_saw_do_not_forget_those_of_the_disk(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Memory that could read nothing of the disk began to watch anew: the earlier beginning stands after it."""
    journal = await Journal.open(guarded(tmp_path, state=tmp_path / "disk/state"), clock=clock)
    try:
        await journal.report(active("gate-button", Kind.PANIC, device="buttons"))
        before = (await journal.watch_tests())["gate-button"]
        clock.advance(3600)
        gone = take_away(journal)
        await journal.disarm("office", "wang")
        await journal._write(lambda tx: tx.db.execute("delete from point_test"))
        await journal.watch_tests()
        bring_back(journal, gone)
        clock.advance(1)
        await until(lambda: journal.status.durability is Durability.DISK)
        assert (await journal.watch_tests())["gate-button"] == before
    finally:
        await journal.close()


def summary(journal: Journal) -> dict[str, Any]:  # of several tables
    """All that stands, without what differs by chance: alarms by their cause."""
    names = {alarm.id: (alarm.source.subject, alarm.source.kind) for alarm in journal.open_alarms.values()}
    return {
        "alarms": {
            names[alarm.id]: (alarm.state, alarm.repeats, alarm.raised_at, alarm.detail)
            for alarm in journal.open_alarms.values()
            if alarm.source.kind is not Kind.DISK
        },
        "levels": {key: level for key, level in journal._mirror.levels.items() if key[1] is not Kind.DISK},
        "silences": {
            names[key]: (silence.repeats, silence.at, silence.by)
            for key, silence in journal._mirror.silences.items()
            if names[key][1] is not Kind.DISK
        },
        "armings": dict(journal.armings),
        "bypasses": dict(journal.bypasses),
    }


async def end_delays(journal: Journal) -> None:
    """Every exit and entry delay is over."""
    for arming in list(journal.armings.values()):
        if arming.exit_until is not None:
            await journal.end_exit(arming.zone, arming.exit_until)
        if arming.entry_until is not None:
            await journal.end_entry(arming.zone, arming.entry_until)


async def acknowledge_all(journal: Journal) -> None:
    """A guard has seen everything."""
    for alarm in list(journal.open_alarms.values()):
        if alarm.acknowledged_at is None and alarm.source.kind is not Kind.DISK:
            await journal.acknowledge(alarm.id, "wang")


async def close_all(journal: Journal) -> None:
    """A guard closes what can be."""
    for alarm in list(journal.open_alarms.values()):
        if alarm.acknowledged_at and alarm.returned_at and alarm.source.kind is not Kind.DISK:
            await journal.close_alarm(alarm.id, "wang", Verdict.FALSE)


def one_act(dice: random.Random, now: Any) -> Any:  # an act upon a journal, and how it is done
    """Something that happens at a school."""
    zone, point = (
        dice.choice(["office", "store"]),
        dice.choice(["window", "safe", "front-door", "store-door"]),
    )
    signal = dice.choice([FRONT, WINDOW, SAFE, STORE, SMOKE, active("window", Kind.TAMPER)])
    if dice.random() < 0.4:
        signal = shut(signal.point, signal.kind)
    signal = replace(signal, origin=dice.choice(list(Origin)))
    who = dice.choice(["wang", SCHEDULE])

    return dice.choice(
        [
            lambda journal: journal.report(signal),
            lambda journal: journal.report(signal),
            lambda journal: journal.report(signal),
            lambda journal: journal.arm(zone, who),
            lambda journal: journal.disarm(zone, who),
            lambda journal: journal.bypass(point, "li", now + HOUR, "维修"),
            lambda journal: journal.restore(point, "li"),
            lambda journal: journal.silence("wang"),
            end_delays,
            acknowledge_all,
            close_all,
        ]
    )


def is_back(journal: Journal, clock: ManualClock) -> bool:
    """Whether it is on its disk again; it tries when its time has come, which passes here."""
    clock.advance(1)
    return journal.status.durability is Durability.DISK


async def tried(act: Awaitable[object]) -> str:
    """What was refused, if it was."""
    try:
        await act
    except ActRefused as error:
        return error.code or "refused"
    return ""


@pytest.mark.parametrize("seed", range(8))
async def test_a_life_partly_in_memory_is_as_one_on_disk(tmp_path: Path, seed: int) -> None:
    """The same sixty acts and signals, with the disk away for some of them or not: the same answers, and the same state.

    Before, in, and after memory mode, and once more after a restart.
    """
    dice = random.Random(seed)
    clock = ManualClock()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sites = [guarded(tmp_path / name, state=tmp_path / name / "disk/state") for name in "ab"]
    steady, shaky = [await Journal.open(site, clock=clock) for site in sites]
    away, back = sorted(dice.sample(range(5, 55), 2))
    gone: Path | None = None
    try:
        for number in range(60):
            if number == away:
                gone = take_away(shaky)
            if number == back and gone is not None:
                bring_back(shaky, gone)
                await until(lambda: is_back(shaky, clock), 30)
            clock.advance(1)
            act = one_act(dice, clock.now())
            answers = [await tried(act(journal)) for journal in (steady, shaky)]
            if number == away + 1:
                await shaky.heartbeat()
                assert shaky.status.durability is Durability.MEMORY
            assert answers[0] == answers[1]
            assert summary(shaky) == summary(steady)
        for journal in (steady, shaky):
            await journal.close()
            assert check_journal(journal.path) == []
        steady, shaky = [await Journal.open(site, clock=clock) for site in sites]
        assert summary(shaky) == summary(steady)
    finally:
        for journal in (steady, shaky):
            await journal.close()
