"""gateway.store.arming: zones and bypasses in the journal, and what they make of presses within their transaction (I2)."""

import asyncio
import os
import signal as signal_module
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import to_ms
from gateway.errors import ActRefused, NotFound
from gateway.model import AlarmState, Durability, Kind, Message, Origin
from gateway.policy.arming import SCHEDULE
from gateway.store import Journal
from gateway.store.check import check_journal
from tests.arming_school import DOORS, FRONT, SAFE, STORE, WINDOW, active, alarms, guarded, shut, told
from tests.clocks import START, ManualClock
from tests.store.test_disk import bring_back, take_away
from tests.wait import until

SMOKE = active("office-smoke", Kind.SMOKE)
HOUR = timedelta(hours=1)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    opened = await Journal.open(guarded(tmp_path), clock=clock)
    yield opened
    await opened.close()


async def test_a_zone_that_nobody_touched_is_armed(journal: Journal) -> None:
    """As before there was arming: a press is an alarm, with no row and no event of the zone."""
    await journal.report(WINDOW)

    assert alarms(journal) == {"window"}
    assert not journal.armings
    assert not await told(journal, "zone")


async def test_a_disarmed_zone_raises_nothing_but_what_watches_round_the_clock(journal: Journal) -> None:
    """The levels of doors and windows are journalled; smoke, tampers and duress alarm; another zone is as it was."""
    await journal.disarm("office", "wang")
    for signal in (
        FRONT,
        WINDOW,
        SMOKE,
        active("window", Kind.TAMPER),
        active("hold-up", Kind.DURESS),
        STORE,
    ):
        await journal.report(signal)

    assert alarms(journal) == {"office-smoke", "window", "hold-up", "store-door"}
    assert {alarm.source.kind for alarm in journal.open_alarms.values()} == {
        Kind.SMOKE,
        Kind.TAMPER,
        Kind.DURESS,
        Kind.DOOR,
    }
    with closing(sqlite3.connect(journal.path)) as db:
        levels = dict(db.execute("select point, level from point_level where kind in ('door', 'intrusion')"))
    assert levels == {"front-door": "active", "window": "active", "store-door": "active"}


async def test_disarming_leaves_open_alarms_alone(journal: Journal) -> None:
    """Neither closed nor returned: that is for the window, and for people."""
    await journal.report(WINDOW)
    before = dict(journal.open_alarms)
    await journal.disarm("office", "wang")

    assert journal.open_alarms == before
    await journal.report(shut("window", Kind.INTRUSION))
    (alarm,) = journal.open_alarms.values()
    assert alarm.state is AlarmState.RETURNED_UNACKNOWLEDGED


async def test_every_change_is_an_event_that_says_who(journal: Journal, clock: ManualClock) -> None:
    """Actor, reason, zone, the end of the exit delay, and what is active now; committed with the change (I2)."""
    await journal.disarm("office", "wang")
    await journal.report(WINDOW)
    made = await journal.arm("office", "wang")
    clock.advance(1)
    await journal.disarm("office", SCHEDULE)

    events = await told(journal, "zone")
    assert [name for name, _ in events] == ["disarmed", "armed", "disarmed"]
    armed = events[1][1]
    assert armed["zone"] == {"id": "office", "name": "办公楼", "place": "3 号楼"}
    assert (armed["actor"], armed["reason"], armed["active"]) == ("wang", "person", ["window"])
    assert armed["exit_until"] == "2026-03-01T08:01:00.000Z"
    assert made.exit_until == START + timedelta(seconds=60)
    assert (events[2][1]["actor"], events[2][1]["reason"]) == ("schedule", "schedule")
    assert events[2][1]["exit_until"] is None


async def test_what_can_not_be_done_changes_nothing(journal: Journal) -> None:
    """Armed twice, an unknown zone or point, a bypass of panic: refused, and no event says otherwise."""
    with pytest.raises(ActRefused):
        await journal.arm("office", "wang")
    with pytest.raises(NotFound):
        await journal.disarm("cellar", "wang")
    with pytest.raises(NotFound):
        await journal.bypass("panel:7", "li", START + HOUR, "维修")
    for point in ("gate-button", "hold-up", "panel-fire"):
        with pytest.raises(ActRefused) as caught:
            await journal.bypass(point, "li", START + HOUR, "维修")
        assert caught.value.code == "never-bypassed"
    with pytest.raises(ActRefused):
        await journal.restore("window", "li")

    assert not await told(journal, "zone")
    assert not await told(journal, "point")


async def test_leaving(journal: Journal) -> None:
    """While people leave nothing alarms; at the end only what is still open does, once."""
    await journal.disarm("office", "wang")
    await journal.report(WINDOW)
    made = await journal.arm("office", "wang")
    for signal in (FRONT, SAFE, shut("front-door")):
        await journal.report(signal)
    assert not alarms(journal)
    assert made.exit_until is not None

    await journal.end_exit("office", made.exit_until - timedelta(seconds=1))  # of another leave
    assert not alarms(journal)
    await journal.end_exit("office", made.exit_until)
    await journal.end_exit("office", made.exit_until)

    assert alarms(journal) == {"window", "safe"}
    assert {alarm.repeats for alarm in journal.open_alarms.values()} == {0}


async def test_the_schedule_has_no_exit_delay(journal: Journal) -> None:
    """What is open when it arms alarms in the same transaction."""
    await journal.disarm("office", "wang")
    await journal.report(WINDOW)
    await journal.arm("office", SCHEDULE)

    assert alarms(journal) == {"window"}
    assert journal.armings["office"].exit_until is None


async def test_arming_repeats_no_alarm_that_stands(journal: Journal) -> None:
    """A window that has been in alarm all along is one alarm; one that was shut and opened while disarmed repeats."""
    for signal in (SAFE, WINDOW):
        await journal.report(signal)
    await journal.disarm("office", "wang")
    await journal.report(shut("window", Kind.INTRUSION))
    await journal.report(WINDOW)
    await journal.arm("office", SCHEDULE)

    found = {alarm.source.subject: alarm for alarm in journal.open_alarms.values()}
    assert (found["safe"].repeats, found["window"].repeats) == (0, 1)
    assert found["window"].state is AlarmState.UNACKNOWLEDGED


async def test_coming_in_and_disarming_in_time(journal: Journal) -> None:
    """The front door begins the entry, the window waits with it; disarmed: nothing, not even later."""
    await journal.report(FRONT)
    await journal.report(WINDOW)
    entry = journal.armings["office"].entry_until
    assert entry == START + timedelta(seconds=30)
    await journal.disarm("office", "wang")
    await journal.end_entry("office", entry)

    assert not alarms(journal)


async def test_coming_in_and_not_disarming(journal: Journal, clock: ManualClock) -> None:
    """All that were opened meanwhile alarm, also what was shut again; round the clock kinds never waited."""
    await journal.report(FRONT)
    clock.advance(10)
    for signal in (WINDOW, shut("window", Kind.INTRUSION), shut("front-door"), FRONT, SMOKE):
        await journal.report(signal)
    assert alarms(journal) == {"office-smoke"}
    clock.advance(20)
    entry = journal.armings["office"].entry_until
    assert entry is not None
    await journal.end_entry("office", entry)

    found = {alarm.source.subject: alarm.state for alarm in journal.open_alarms.values()}
    assert found == {
        "front-door": AlarmState.UNACKNOWLEDGED,
        "window": AlarmState.RETURNED_UNACKNOWLEDGED,
        "office-smoke": AlarmState.UNACKNOWLEDGED,
    }
    rows = await journal._rows("select type, at_ms from event where subject = 'window' order by id")
    assert [(kind.split(".")[2], at) for kind, at in rows] == [
        ("raised", to_ms(START + timedelta(seconds=10))),
        ("returned", to_ms(clock.now())),
    ]
    assert journal.armings["office"].waiting == ()
    assert journal.armings["office"].armed


async def test_another_way_in_is_an_alarm_at_once(journal: Journal) -> None:
    """A window before the door, or a door of a zone without entry delay, waits for nobody."""
    await journal.report(WINDOW)
    await journal.report(STORE)
    await journal.report(FRONT)

    assert alarms(journal) == {"window", "store-door"}


async def test_a_restart_forgets_nothing_of_an_entry(tmp_path: Path, clock: ManualClock) -> None:
    """The door that was opened and shut before the restart alarms after it."""
    site = guarded(tmp_path)
    journal = await Journal.open(site, clock=clock)
    for signal in (FRONT, shut("front-door")):
        await journal.report(signal)
    await journal.close()
    journal = await Journal.open(site, clock=clock)
    try:
        entry = journal.armings["office"].entry_until
        assert entry is not None
        await journal.end_entry("office", entry)

        assert alarms(journal) == {"front-door"}
    finally:
        await journal.close()
    assert check_journal(site.site.state_dir / "journal.db") == []


async def test_a_drill_during_an_entry_is_a_drill(journal: Journal, clock: ManualClock) -> None:
    """A press is marked at its source, when it comes; not by what is on when the entry ends."""
    await journal.start_drill("office", START + timedelta(seconds=20), "li")
    await journal.report(FRONT)
    clock.advance(25)
    await journal.report(WINDOW)
    entry = journal.armings["office"].entry_until
    assert entry is not None
    await journal.end_entry("office", entry)

    assert {alarm.source.subject: alarm.drill for alarm in journal.open_alarms.values()} == {
        "front-door": True,
        "window": False,
    }


@pytest.mark.parametrize("press_first", [True, False])
async def test_a_press_and_a_disarming_at_once(journal: Journal, press_first: bool) -> None:  # noqa: FBT001 - a table
    """Written in one commit, each sees what the other did: the order decides, nothing is half of each."""
    acts = [journal.report(STORE), journal.disarm("store", "wang")]
    await asyncio.gather(*(acts if press_first else reversed(acts)))

    assert alarms(journal) == ({"store-door"} if press_first else set())


async def test_many_at_once_are_in_some_order(journal: Journal) -> None:
    """Presses among arming and disarming: an alarm is there exactly if a press or an arming found the zone armed."""
    acts: list[Awaitable[object]] = []
    for number in range(30):
        acts.append(journal.report(FRONT if number % 2 else shut("front-door")))
        acts.append(journal.disarm("office", "wang") if number % 3 else journal.arm("office", SCHEDULE))
    results = await asyncio.gather(*acts, return_exceptions=True)

    assert all(isinstance(r, ActRefused) or not isinstance(r, BaseException) for r in results)
    events = await told(journal, "zone")
    names = [name for name, _ in events]
    assert names == [("disarmed", "armed")[n % 2] for n in range(len(names))]  # never twice the same
    row = (await journal._rows("select armed from arming where zone = 'office'"))[0][0]
    assert bool(row) is journal.armings["office"].armed is (names[-1] == "armed")


async def test_a_bypassed_point_raises_nothing(journal: Journal) -> None:
    """Its level is journalled and its open alarm may return; who, until when and why is an event."""
    await journal.report(WINDOW)
    made = await journal.bypass("window", "wang", START + HOUR, "玻璃碎了")
    await journal.report(shut("window", Kind.INTRUSION))
    (alarm,) = journal.open_alarms.values()
    assert alarm.state is AlarmState.RETURNED_UNACKNOWLEDGED
    await journal.report(WINDOW)
    assert [alarm.repeats for alarm in journal.open_alarms.values()] == [0]

    ended = await journal.restore("window", "li")

    assert (made.lasts, ended.lasts) == (True, False)
    assert [alarm.repeats for alarm in journal.open_alarms.values()] == [1]
    (bypassed, restored) = await told(journal, "point")
    assert (bypassed[0], bypassed[1]["actor"], bypassed[1]["reason"]) == ("bypassed", "wang", "玻璃碎了")
    assert bypassed[1]["until"] == "2026-03-01T09:00:00.000Z"
    assert (restored[0], restored[1]["actor"], restored[1]["zone"]["id"]) == ("restored", "li", "office")


async def test_a_bypass_and_a_zone_are_two_things(journal: Journal) -> None:
    """Neither lets through what the other holds."""
    await journal.disarm("office", "wang")
    await journal.bypass("window", "wang", START + HOUR, "维修")
    await journal.report(WINDOW)
    await journal.restore("window", "wang")
    assert not alarms(journal)

    await journal.bypass("window", "wang", START + HOUR, "维修")
    await journal.arm("office", SCHEDULE)
    assert not alarms(journal)
    assert journal.active_points("office") == []
    await journal.restore("window", "wang")
    assert alarms(journal) == {"window"}


async def test_a_smoke_detector_under_repair(journal: Journal) -> None:
    """A technician's bypass covers its smoke and its faults, never a fire that it tells of."""
    await journal.bypass("office-smoke", "li", START + HOUR, "清洗")
    for kind in (Kind.SMOKE, Kind.FAULT, Kind.FIRE):
        await journal.report(active("office-smoke", kind))
    assert [alarm.source.kind for alarm in journal.open_alarms.values()] == [Kind.FIRE]

    await journal.restore("office-smoke", "li")

    assert {alarm.source.kind for alarm in journal.open_alarms.values()} == {
        Kind.FIRE,
        Kind.SMOKE,
        Kind.FAULT,
    }


async def test_a_panels_message_obeys_the_zone_too(journal: Journal) -> None:
    """Signals of a message, of points with a name and without, are held; a reset by hand forgets what was open."""
    await journal.disarm("office", "wang")
    unnamed = active("panel:31", Kind.INTRUSION)
    await journal.receive(Message(device="panel", account="1", data=b"1", signals=(WINDOW, unnamed)))
    assert not alarms(journal)
    assert {point for point, _, _ in journal.active_points("office")} == {"window", "panel:31"}

    await journal.receive(Message(device="panel", account="1", data=b"2", reset=True))
    assert journal.active_points("office") == []
    await journal.arm("office", SCHEDULE)
    assert not alarms(journal)


async def test_memory_mode_arms_and_disarms(tmp_path: Path, clock: ManualClock) -> None:
    """The disk goes during an entry: disarmed state, bypass and who waits are known in memory, and on the disk after it."""
    site = guarded(tmp_path, state=tmp_path / "disk/state")
    journal = await Journal.open(site, clock=clock)
    try:
        await journal.disarm("store", "wang")
        await journal.bypass("safe", "li", START + HOUR, "维修")
        await journal.report(FRONT)
        gone = take_away(journal)
        for signal in (shut("front-door"), WINDOW, SAFE, STORE):
            await journal.report(signal)
        assert journal.status.durability is Durability.MEMORY
        assert not alarms(journal) & {"front-door", "window", "safe", "store-door"}
        entry = journal.armings["office"].entry_until
        assert entry is not None
        await journal.end_entry("office", entry)
        assert alarms(journal) >= {"front-door", "window"}
        await journal.restore("safe", "li")
        assert "safe" in alarms(journal)
        await journal.disarm("office", "wang")

        bring_back(journal, gone)
        clock.advance(1)
        await until(lambda: journal.status.durability is Durability.DISK)
        with closing(sqlite3.connect(journal.path)) as db:
            rows = db.execute("select zone, armed, entry_ms, waiting from arming order by zone").fetchall()
            assert rows == [("office", 0, None, "[]"), ("store", 0, None, "[]")]
            assert db.execute("select until_ms > placed_ms from bypass").fetchone() == (0,)
    finally:
        await journal.close()


async def test_a_press_is_a_test(journal: Journal, clock: ManualClock) -> None:
    """Only points that want one are noted; the fault returns in the press's own transaction, a stamp of the future goes."""
    before = await journal.watch_tests()
    assert set(before) == {"gate-button", "gate-button-2", "hold-up"}
    await journal.raise_own(Kind.POINT_UNTESTED, "gate-button", "last pressed long ago")
    clock.advance(60)
    press = active("gate-button", Kind.PANIC, device="buttons")
    await journal.report(press)
    await journal.report(WINDOW)

    untested = next(a for a in journal.open_alarms.values() if a.source.kind is Kind.POINT_UNTESTED)
    assert (untested.returned_at, untested.source.name) == (clock.now(), "门卫室按钮")
    assert (untested.source.zone and untested.source.zone.id, untested.source.device) == ("gate", "buttons")
    assert (await journal.watch_tests())["gate-button"].tested == clock.now()

    clock.step(-3600)
    assert (await journal.watch_tests())["gate-button"].tested == clock.now()
    await journal.report(replace(press, origin=Origin.STATE))  # held all along: nothing new
    assert (await journal.watch_tests())["gate-button"].tested == clock.now()


async def test_a_button_that_wants_no_test_any_more(tmp_path: Path, clock: ManualClock) -> None:
    """While the site file asks for tests its fault stands over a restart; when it does not, the fault has returned."""
    for test_days, state in ((None, AlarmState.UNACKNOWLEDGED), (0, AlarmState.RETURNED_UNACKNOWLEDGED)):
        extra = "" if test_days is None else f"test_days = {test_days}\n"
        site = guarded(tmp_path, more="\n[[device]]\nid='b'\nzone='store'\ndriver='by-hand'\n[[device.point]]\n"
                       f"id='p'\nkind='panic'\n{extra}")  # fmt: skip
        journal = await Journal.open(site, clock=clock)
        if test_days is None:
            await journal.raise_own(Kind.POINT_UNTESTED, "p", "x")
        await journal.withdraw_missing()
        (alarm,) = journal.open_alarms.values()
        assert alarm.state is state
        await journal.close()


async def test_a_start_looks_through_what_is_open(tmp_path: Path, clock: ManualClock) -> None:
    """Told as present state it obeys its zone as any press does; put into an armed zone by the site file, it alarms."""
    site = guarded(tmp_path)
    journal = await Journal.open(site, clock=clock)
    await journal.disarm("office", "wang")
    await journal.close()
    journal = await Journal.open(site, clock=clock)
    await journal.report(replace(WINDOW, origin=Origin.STATE))
    assert not alarms(journal)
    await journal.raise_held()
    assert not alarms(journal)
    await journal.close()

    doors = DOORS.replace('id = "window"', 'id = "window"\nzone = "store"')
    journal = await Journal.open(guarded(tmp_path, doors=doors), clock=clock)
    await journal.raise_held()
    assert alarms(journal) == {"window"}
    await journal.close()


async def die_during_an_entry(folder: Path) -> None:
    """In a process of its own: somebody comes into the office, and the power goes."""
    journal = await Journal.open(guarded(folder), clock=ManualClock())
    await journal.bypass("safe", "li", START + HOUR, "维修")
    for signal in (FRONT, shut("front-door")):
        await journal.report(signal)
    os.kill(os.getpid(), signal_module.SIGKILL)


async def test_a_power_cut_forgets_nothing_of_an_entry(tmp_path: Path, clock: ManualClock) -> None:
    """Killed right after the door was shut again: the entry, who waits and the bypass are on the disk."""
    code = (
        "import asyncio, sys, pathlib; from tests.store import test_arming as here;"
        " asyncio.run(here.die_during_an_entry(pathlib.Path(sys.argv[1])))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(tmp_path), cwd=ROOT)
    assert await asyncio.wait_for(process.wait(), 60) == -signal_module.SIGKILL
    journal = await Journal.open(guarded(tmp_path), clock=clock)
    try:
        assert journal.bypasses["safe"].lasts
        entry = journal.armings["office"].entry_until
        assert entry == START + timedelta(seconds=30)
        await journal.end_entry("office", entry)
        assert alarms(journal) == {"front-door"}
    finally:
        await journal.close()
