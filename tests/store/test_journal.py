"""The journal's alarm path, and the invariants that it keeps."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import to_ms
from gateway.errors import ActRefused, NotFound
from gateway.model import (
    AlarmState,
    Durability,
    EventType,
    Kind,
    Level,
    Origin,
    Presence,
    Signal,
    Verdict,
)
from gateway.store import Journal
from tests.clocks import ManualClock
from tests.sites import said, school, uplink

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)
RELEASE = replace(PRESS, level=Level.NORMAL)
SMOKE = replace(PRESS, point="hall-smoke", kind=Kind.SMOKE)
HELD = replace(PRESS, origin=Origin.STATE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    opened = await Journal.open(school(tmp_path), clock=clock)
    yield opened
    await opened.close()


async def types_of(journal: Journal) -> list[str]:
    """The waiting events' types in sequence, both lanes."""
    rows = await journal.waiting("bureau", 1) + await journal.waiting("bureau", 3)
    return [row.type.value.split(".", 1)[1] for row in sorted(rows, key=lambda row: row.sequence)]


def disk(journal: Journal) -> sqlite3.Connection:
    """Another process's view of the journal's file."""
    return sqlite3.connect(f"file:{journal.path}?mode=ro", uri=True)


async def test_i1_what_is_reported_is_on_disk_when_report_returns(journal: Journal) -> None:
    """A signal's event, alarm, outbox row and hold are visible to another process once `report` has returned."""
    assert await journal.report(PRESS) is Durability.DISK

    with disk(journal) as db:
        assert db.execute("select count(*) from alarm").fetchone() == (1,)
        assert db.execute("select count(*) from event where type like '%alarm.raised%'").fetchone() == (1,)
        assert db.execute("select count(*) from delivery").fetchone() == (2,)
        assert db.execute("select camera, from_ms, to_ms, expires_ms from hold").fetchone() == (
            "cam-gate",
            to_ms(journal._now() - timedelta(seconds=30)),
            to_ms(journal._now() + timedelta(seconds=60)),
            None,
        )
    db.close()


async def test_i2_a_failure_half_way_leaves_nothing_of_a_signal(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Event, alarm, outbox and holds of one signal are one transaction: an error at the hold undoes them all."""
    monkeypatch.setattr("gateway.store.transaction.holds.interval", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await journal.report(PRESS)
    monkeypatch.undo()

    with disk(journal) as db:
        assert db.execute("select count(*) from alarm").fetchone() == (0,)
        assert db.execute("select count(*) from event").fetchone() == (1,)  # stream-started
    db.close()
    assert not journal.open_alarms
    await journal.report(PRESS)
    assert [row.sequence for row in await journal.waiting("bureau", 1)] == [2]


async def test_i2_one_bad_write_does_not_undo_its_neighbours(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes that share a commit stand apart: each has a savepoint of its own."""
    results = await asyncio.gather(
        journal.report(PRESS),
        journal.acknowledge("no-such-alarm", "zhang"),
        journal.report(SMOKE),
        return_exceptions=True,
    )

    assert results[0] is results[2] is Durability.DISK
    assert isinstance(results[1], NotFound)
    assert len(journal.open_alarms) == 2


async def test_i3_the_same_message_twice_is_one_event(journal: Journal, clock: ManualClock) -> None:
    """Byte-identical to one of the account's last 16 messages within 10 minutes: acknowledged, journalled once."""
    message = said(b'"SIA-DCS"0001L0#1234[#1234|NPA1]', PRESS)

    assert await journal.receive(message) is Durability.DISK
    assert await journal.receive(message) is Durability.DISK
    assert await types_of(journal) == ["gateway.stream-started.v1", "alarm.raised.v1"]

    clock.advance(601)
    await journal.receive(message)
    assert (await types_of(journal))[-1] == "alarm.repeated.v1"


async def test_i3_is_strict(journal: Journal) -> None:
    """Another account, one other byte, or the 17th message back is a new event: in doubt nothing is dropped."""
    first = said(b"m-0", PRESS)
    await journal.receive(first)
    await journal.receive(replace(first, account="9999"))
    for number in range(1, 17):
        await journal.receive(replace(first, data=b"m-%d" % number))
    await journal.receive(first)

    (alarm,) = journal.open_alarms.values()
    assert alarm.repeats == 18


async def test_i3_is_remembered_over_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    """A message repeated to the restarted daemon is still a repetition."""
    message = said(b"abc", PRESS)
    for _ in range(2):
        journal = await Journal.open(school(tmp_path), clock=clock)
        await journal.receive(message)
        repeats = [alarm.repeats for alarm in journal.open_alarms.values()]
        await journal.close()

    assert repeats == [0]


async def test_i4_only_confirmation_takes_a_row_off_the_waiting_list(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Rows wait over restarts until they are confirmed, each destination for itself; then they are kept, marked."""
    site = school(tmp_path, uplinks=uplink() + uplink(name="police"))
    journal = await Journal.open(site, clock=clock)
    await journal.report(PRESS)
    await journal.close()

    journal = await Journal.open(site, clock=clock)
    stream = journal.head("bureau").stream
    assert (await journal.backlog("bureau")).rows == 2
    assert await journal.confirm("police", [(stream, 1, 2)]) == 0  # not that destination's stream
    assert await journal.confirm("bureau", [(stream, 1, 2), ("nonsense", 1, 99)]) == 2
    assert (await journal.backlog("bureau")).rows == 0
    assert (await journal.backlog("police")).rows == 2
    assert await journal.reopen("bureau", stream, [(2, 2)]) == 1
    assert [row.sequence for row in await journal.waiting("bureau", 1)] == [2]
    await journal.close()


async def test_i5_one_open_alarm_for_a_point_and_kind(journal: Journal) -> None:
    """Presses repeat the open alarm; the schema itself refuses a second one."""
    for _ in range(3):
        await journal.report(PRESS)
    (alarm,) = journal.open_alarms.values()
    assert alarm.repeats == 2

    with pytest.raises(sqlite3.IntegrityError):
        await journal._write(
            lambda tx: tx.db.execute(
                "insert into alarm (id, subject, kind, source, severity, drill, raised_ms, last_raised_ms)"
                " select 'other', subject, kind, source, severity, drill, raised_ms, last_raised_ms from alarm"
            )
        )


async def test_i5_nothing_closes_by_itself(journal: Journal) -> None:
    """Closing needs acknowledgement, return and a verdict, in whatever order they come."""
    await journal.report(PRESS)
    (alarm,) = journal.open_alarms.values()

    with pytest.raises(ActRefused, match="acknowledge it first"):
        await journal.close_alarm(alarm.id, "zhang", Verdict.REAL)
    await journal.acknowledge(alarm.id, "zhang")
    with pytest.raises(ActRefused, match="still in alarm"):
        await journal.close_alarm(alarm.id, "zhang", Verdict.REAL)
    await journal.report(RELEASE)
    assert journal.open_alarms[alarm.id].state is AlarmState.RETURNED_ACKNOWLEDGED
    with pytest.raises(ActRefused, match="verdict"):
        await journal.close_alarm(alarm.id, "zhang", None)
    closed = await journal.close_alarm(alarm.id, "zhang", Verdict.REAL)

    assert closed.state is AlarmState.CLOSED
    assert not journal.open_alarms
    assert (await journal.alarm(alarm.id)).closed_by == "zhang"
    with pytest.raises(ActRefused, match="closed by zhang"):
        await journal.acknowledge(alarm.id, "li")


async def test_i12_an_events_bytes_are_the_same_over_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    """What is read from the outbox again, after a restart and another site name, is byte for byte the same."""
    journal = await Journal.open(school(tmp_path), clock=clock)
    await journal.report(PRESS)
    (before,) = await journal.waiting("bureau", 1)
    await journal.close()
    clock.advance(3600)
    journal = await Journal.open(school(tmp_path, site_keys="side_dir = '/tmp'"), clock=clock)
    (after,) = await journal.waiting("bureau", 1)
    await journal.close()

    assert after.payload == before.payload
    event = json.loads(after.payload)
    assert event["stream"] == after.stream
    assert event["sequence"] == "2"
    assert event["source"] == "/campus/330106/school-1"
    assert event["data"]["zone"] == {"id": "gate", "name": "校门", "place": "1 号楼一层"}
    assert event["data"]["durable"] is True


async def test_streams_go_on_over_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    """A restart that finds its journal goes on in the same stream, without a gap."""
    heads = []
    for _ in range(3):
        journal = await Journal.open(school(tmp_path), clock=clock)
        await journal.report(PRESS)
        heads.append(
            (journal.head("bureau").stream, journal.head("bureau").last_sequence, journal.status.boot)
        )
        await journal.close()

    assert len({stream for stream, _, _ in heads}) == 1
    assert [(last, boot) for _, last, boot in heads] == [(2, 1), (3, 2), (4, 3)]


async def test_a_lost_journal_begins_a_new_stream_and_keeps_alarms_and_guards(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Deleting the journal loses no open alarm (side copy) and is told: reason and the stream before."""
    site = school(tmp_path)
    journal = await Journal.open(site, clock=clock)
    await journal.report(PRESS)
    before = dict(journal.open_alarms)
    stream = journal.head("bureau").stream
    await journal.close()
    for file in journal.path.parent.glob("journal.db*"):
        file.unlink()

    journal = await Journal.open(site, clock=clock)
    assert dict(journal.open_alarms) == before
    head = journal.head("bureau")
    assert (head.reason, head.previous_stream) == ("journal-lost", stream)
    (first,) = await journal.waiting("bureau", 3)
    assert first.type is EventType.STREAM_STARTED
    assert json.loads(first.payload)["data"]["reason"] == "journal-lost"
    await journal.report(HELD)  # the button is still held: its level was kept, so this is no second press
    assert [alarm.repeats for alarm in journal.open_alarms.values()] == [0]
    await journal.close()


async def test_present_state_is_a_press_only_after_normal(journal: Journal) -> None:
    """A report of present state counts once; a held button after a restart is no new press."""
    await journal.report(HELD)
    await journal.report(HELD)
    (alarm,) = journal.open_alarms.values()
    assert alarm.repeats == 0
    await journal.report(RELEASE)
    await journal.report(HELD)
    (alarm,) = journal.open_alarms.values()
    assert alarm.repeats == 1
    assert alarm.returned_at is None


async def test_a_point_that_never_returns_is_returned_at_once(journal: Journal) -> None:
    """`returns = false`: raised and returned are emitted together, and each message counts as a press."""
    fire = replace(PRESS, point="panel-fire", kind=Kind.FIRE)
    await journal.report(fire)
    await journal.report(fire)

    assert (await types_of(journal))[1:] == [
        "alarm.raised.v1",
        "alarm.returned.v1",
        "alarm.repeated.v1",
        "alarm.returned.v1",
    ]


async def test_an_address_that_no_point_names_raises_an_alarm_in_its_devices_zone(journal: Journal) -> None:
    """Point `{device}:{address}`, the device's zone: nothing is dropped for want of a table entry."""
    await journal.report(replace(PRESS, point="buttons:17"))

    (alarm,) = journal.open_alarms.values()
    assert alarm.source.subject == "buttons:17"
    assert alarm.source.zone is not None
    assert alarm.source.zone.id == "gate"


async def test_a_lost_device_is_an_event_and_an_alarm_and_a_lost_bus_is_one(journal: Journal) -> None:
    """device.offline with device-lost; a bus gives one bus-lost and leaves its devices unknown."""
    await journal.presence("buttons", Presence.ONLINE)
    await journal.presence("buttons", Presence.ONLINE)
    await journal.presence("buttons", Presence.OFFLINE, "no answer")
    await journal.presence("buttons", Presence.ONLINE)
    await journal.bus_lost("bus-1", ["buttons"], "cable")
    assert journal.presences["buttons"].presence is Presence.UNKNOWN
    await journal.bus_back("bus-1")
    await journal.presence("buttons", Presence.ONLINE)

    assert (await types_of(journal))[1:] == [
        "device.online.v1",
        "device.offline.v1",
        "alarm.raised.v1",
        "device.online.v1",
        "alarm.returned.v1",
        "alarm.raised.v1",
        "alarm.returned.v1",
    ]
    assert {alarm.source.kind for alarm in journal.open_alarms.values()} == {Kind.DEVICE_LOST, Kind.BUS_LOST}


async def test_drills_are_marked_and_a_real_press_ends_the_mark(journal: Journal, clock: ManualClock) -> None:
    """Alarms raised in a drill's zone are marked at their source; a press after its end makes the alarm real."""
    await journal.start_drill("gate", clock.now() + timedelta(minutes=5), "li")
    await journal.report(PRESS)
    await journal.report(SMOKE)
    marks = {alarm.source.kind: alarm.drill for alarm in journal.open_alarms.values()}
    assert marks == {Kind.PANIC: True, Kind.SMOKE: False}

    clock.advance(301)
    await journal.report(PRESS)
    assert not any(alarm.drill for alarm in journal.open_alarms.values())
    with pytest.raises(ActRefused, match="4 hours"):
        await journal.start_drill(None, clock.now() + timedelta(hours=5), "li")


@pytest.mark.parametrize(("verdict", "held"), [(Verdict.REAL, True), (Verdict.FALSE, False)])
async def test_holds_end_as_their_alarm_does(
    journal: Journal, clock: ManualClock, verdict: Verdict, *, held: bool
) -> None:
    """While the alarm is open its footage is held; after the close for `hold_days`, or not at all if it was nothing."""
    await journal.report(PRESS)
    clock.advance(10)
    await journal.report(PRESS)
    (alarm,) = journal.open_alarms.values()
    (hold,) = await journal.live_holds("cam-gate")
    assert hold.end - hold.start == timedelta(seconds=100)
    await journal.report(RELEASE)
    await journal.acknowledge(alarm.id, "zhang")
    await journal.close_alarm(alarm.id, "zhang", verdict)

    assert bool(await journal.live_holds("cam-gate")) is held
    clock.advance(181 * 86400)
    assert await journal.live_holds("cam-gate") == []


async def test_subscribers_hear_of_commits_in_order_and_a_slow_one_is_told_to_look_anew(
    journal: Journal,
) -> None:
    """Every commit reaches a subscriber; one that falls 1,000 behind gets a resync instead of endless memory."""
    quick, slow = journal.subscribe(), journal.subscribe()
    await journal.report(PRESS)
    async for change in quick:
        assert [event.type for event in change.events] == [EventType.ALARM_RAISED]
        break
    await asyncio.gather(*(journal.report(PRESS) for _ in range(1001)))
    slow.close()
    changes = [change async for change in slow]

    assert changes[0].resync
    assert len(changes) < 1000


async def test_missing_points_count_as_returned(tmp_path: Path, clock: ManualClock) -> None:
    """A point removed from the site file can't return any more: its alarm can be closed by hand."""
    journal = await Journal.open(school(tmp_path), clock=clock)
    await journal.report(PRESS)
    await journal.report(SMOKE)
    await journal.close()
    site = school(tmp_path)
    devices = tuple(replace(device, points=device.points[1:]) for device in site.devices)
    journal = await Journal.open(replace(site, devices=devices), clock=clock)

    assert await journal.withdraw_missing() == 1
    assert sorted(alarm.returned_at is not None for alarm in journal.open_alarms.values()) == [False, True]
    await journal.close()


async def test_own_alarms_about_cameras_stay_while_the_camera_is_recorded(
    tmp_path: Path, clock: ManualClock
) -> None:
    """A restart withdraws nothing that is still wrong; a camera that the site file no longer has can't be at risk."""
    journal = await Journal.open(school(tmp_path), clock=clock)
    await journal.raise_own(Kind.RETENTION_RISK, "cam-gate", "too small")
    await journal.raise_own(Kind.RECORDING_LOST, detail="no disk")
    await journal.close()

    journal = await Journal.open(school(tmp_path), clock=clock)
    assert await journal.withdraw_missing() == 0
    await journal.close()
    journal = await Journal.open(replace(school(tmp_path), cameras=()), clock=clock)
    assert await journal.withdraw_missing() == 2
    await journal.close()


async def test_old_confirmed_events_are_pruned_and_waiting_ones_never(
    journal: Journal, clock: ManualClock
) -> None:
    """`[journal] keep_days` deletes what is confirmed and old; what still waits stays for ever."""
    await journal.report(PRESS)
    stream = journal.head("bureau").stream
    await journal.confirm("bureau", [(stream, 1, 1)])
    clock.advance(367 * 86400)

    assert await journal.prune(clock.now()) == 1
    assert [row.sequence for row in await journal.waiting("bureau", 1)] == [2]


async def test_history_pages_by_time_and_id(journal: Journal) -> None:
    """Alarms of one millisecond are neither skipped nor told twice from page to page."""
    for number in range(7):
        await journal.report(replace(SMOKE, point=f"buttons:{number}"))
    seen: list[str] = []
    page = await journal.history(limit=2)
    while page:
        seen += [alarm.id for alarm in page]
        page = await journal.history(limit=2, before=page[-1].raised_at, before_id=page[-1].id)
    assert len(seen) == 7
    assert set(seen) == set(journal.open_alarms)
    assert await journal.history(before=journal.open_alarms[seen[0]].raised_at) == []
