"""The journal at its worst: an end in memory mode, a salvage cut short, a locked file, a file of a later version."""

import asyncio
import json
import os
import shlex
import shutil
import sqlite3
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import SystemClock, to_ms
from gateway.model import Alarm, Durability, EventType, Kind, Level, Verdict
from gateway.site import Site
from gateway.store import Account, Journal, salvage, side
from gateway.store.accounts import write_account
from gateway.store.check import check_journal
from gateway.store.database import connect
from tests.chaos.namespace import Namespace
from tests.clocks import START, ManualClock
from tests.sites import put_account, said, school
from tests.store.test_disk import (
    GUARD,
    PRESS,
    SMOKE,
    Opener,
    bring_back,
    of_points,
    opened,
    payloads,
    take_away,
    tells_of_disk,
)
from tests.wait import until

__all__ = ["opened"]  # a fixture

ROOT = Path(__file__).parents[2]
KILLED = 9


def hard_site(tmp_path: Path) -> Site:
    """Its state may be taken away; the side copy is on another medium."""
    return school(tmp_path, state=tmp_path / "disk/state", site_keys=f'side_dir = "{tmp_path / "side"}"')


def command(function: str, tmp_path: Path) -> list[str]:
    """A process that runs a function of this module."""
    code = (
        "import asyncio, sys, pathlib; from tests.store import test_hard_times as hard;"
        f" asyncio.run(hard.{function}(pathlib.Path(sys.argv[1])))"
    )
    return [sys.executable, "-c", code, str(tmp_path)]


async def end_of(function: str, tmp_path: Path) -> int:
    """How a process with that function ended."""
    process = await asyncio.create_subprocess_exec(*command(function, tmp_path), cwd=ROOT)
    async with asyncio.timeout(30):
        return await process.wait()


def causes(journal: Journal) -> list[list[str]]:
    """What the open alarms are of, sorted."""
    return sorted([alarm.source.subject, alarm.source.kind.value] for alarm in of_points(journal).values())


def remember(tmp_path: Path, journal: Journal) -> None:
    """Write down, for the test, what a process knew when it ended."""
    known = {
        "alarms": sorted(of_points(journal)),
        "causes": causes(journal),
        "stream": journal.head("bureau").stream,
    }
    (tmp_path / "known.json").write_text(json.dumps(known), encoding="utf-8")


def remembered(tmp_path: Path) -> dict[str, object]:
    """What `remember` wrote."""
    known: dict[str, object] = json.loads((tmp_path / "known.json").read_text(encoding="utf-8"))
    return known


def on_side_copy(journal: Journal) -> bool:
    """The side copy has the open alarms of memory mode."""
    copy = side.read(journal._side_path)
    return copy is not None and copy.in_memory and copy.open_alarms == dict(journal.open_alarms)


async def into_memory(tmp_path: Path) -> Journal:
    """A journal with an alarm on its disk and another, and a repetition of the first, in memory."""
    journal = await Journal.open(hard_site(tmp_path), clock=SystemClock())
    await put_account(journal, GUARD)
    await journal.report(PRESS)
    take_away(journal)
    assert await journal.report(SMOKE) is Durability.MEMORY
    await journal.report(PRESS)
    await until(lambda: tells_of_disk(journal))
    return journal


async def die_in_memory(tmp_path: Path) -> None:
    """A process that ends at once while its disk is away."""
    journal = await into_memory(tmp_path)
    await until(lambda: on_side_copy(journal))
    remember(tmp_path, journal)
    os._exit(KILLED)


async def die_after_another_alarm(tmp_path: Path) -> None:
    """The same, but the alarm that is open on the disk was closed in memory, and the button pressed again."""
    journal = await into_memory(tmp_path)
    (panic,) = [alarm.id for alarm in of_points(journal).values() if alarm.source.kind is Kind.PANIC]
    await journal.report(replace(PRESS, level=Level.NORMAL))
    await journal.acknowledge(panic, "zhang")
    await journal.close_alarm(panic, "zhang", Verdict.REAL)
    await journal.report(PRESS)
    assert panic not in journal.open_alarms
    await until(lambda: on_side_copy(journal))
    remember(tmp_path, journal)
    os._exit(KILLED)


async def start_and_acknowledge(tmp_path: Path) -> None:
    """Start on a disk that is read-only, and acknowledge every alarm that is shown as open."""
    journal = await Journal.open(hard_site(tmp_path), clock=SystemClock())
    assert journal.status.durability is Durability.MEMORY
    assert journal.account("zhang") == GUARD
    for alarm_id in list(journal.open_alarms):
        await journal.acknowledge(alarm_id, "zhang")
    remember(tmp_path, journal)
    await journal.close()


def put_back(tmp_path: Path) -> None:
    """The disk returns, without a journal to ask."""
    (tmp_path / "disk/state").unlink()
    (tmp_path / "disk/gone").rename(tmp_path / "disk/state")


def assert_levels_known(journal: Journal) -> None:
    """What was active in memory mode counts as active."""
    for signal in (PRESS, SMOKE):
        assert journal._mirror.levels[signal.point, signal.kind] is Level.ACTIVE


# ---- the daemon ends in memory mode


@pytest.mark.parametrize("how", ["closed", "killed"])
async def test_alarms_of_a_memory_mode_that_the_daemon_did_not_outlive_are_open_at_the_next_start(
    tmp_path: Path, opened: Opener, how: str
) -> None:
    """Disk away, daemon ended, disk back: alarms, levels and holds are there, the stream says `memory-lost`, guards hear."""
    if how == "closed":
        journal = await into_memory(tmp_path)
        remember(tmp_path, journal)
        await journal.close()
    else:
        assert await end_of("die_in_memory", tmp_path) == KILLED
    known = remembered(tmp_path)
    put_back(tmp_path)

    journal = await opened(hard_site(tmp_path), SystemClock())
    assert journal.status.durability is Durability.DISK
    assert sorted(of_points(journal)) == known["alarms"]
    assert len(of_points(journal)) == 2
    assert_levels_known(journal)
    head = journal.head("bureau")
    assert (head.reason, head.previous_stream) == ("memory-lost", known["stream"])
    await until(lambda: tells_of_disk(journal))
    assert "memory" in journal.status.reason
    await journal.report(replace(SMOKE, level=Level.NORMAL))
    assert [
        a.returned_at is not None for a in of_points(journal).values() if a.source.kind is Kind.SMOKE
    ] == [True]
    assert check_journal(journal.path) == []


async def test_it_is_told_once_not_at_every_start_after(tmp_path: Path, opened: Opener) -> None:
    """The start after the one that took over the side copy goes on in that one's stream."""
    assert await end_of("die_in_memory", tmp_path) == KILLED
    put_back(tmp_path)
    journal = await opened(hard_site(tmp_path), SystemClock())
    stream = journal.head("bureau").stream
    await journal.close()

    journal = await opened(hard_site(tmp_path), SystemClock())
    assert journal.head("bureau").stream == stream
    assert journal.status.reason == ""


async def test_an_alarm_raised_anew_in_lost_memory_is_one_with_the_one_on_disk(
    tmp_path: Path, opened: Opener
) -> None:
    """The disk has the older alarm of a cause open, the side copy a newer one: one alarm is open, with the later press."""
    assert await end_of("die_after_another_alarm", tmp_path) == KILLED
    put_back(tmp_path)
    with sqlite3.connect(tmp_path / "disk/state/journal.db") as db:
        (older,) = db.execute("select id from alarm where kind = 'panic'").fetchone()
    db.close()

    journal = await opened(hard_site(tmp_path), SystemClock())
    assert causes(journal) == remembered(tmp_path)["causes"]
    panic = of_points(journal)[older]
    assert panic.repeats > 0
    assert panic.acknowledged_at is None
    assert check_journal(journal.path) == []


async def test_a_disk_that_is_still_away_at_the_next_start_and_back_at_the_one_after(
    tmp_path: Path, opened: Opener
) -> None:
    """Two lives in memory: nothing that was open is lost, whether the disk returns at a start or while it runs."""
    assert await end_of("die_in_memory", tmp_path) == KILLED
    known = remembered(tmp_path)

    journal = await opened(hard_site(tmp_path), SystemClock())
    assert journal.status.durability is Durability.MEMORY
    assert sorted(of_points(journal)) == known["alarms"]
    assert journal.account("zhang") == GUARD
    assert_levels_known(journal)
    assert journal.head("bureau").previous_stream == known["stream"]
    second = journal.head("bureau").stream
    await journal.close()

    put_back(tmp_path)
    journal = await opened(hard_site(tmp_path), SystemClock())
    head = journal.head("bureau")
    assert (head.reason, head.previous_stream) == ("memory-lost", second)
    assert sorted(of_points(journal)) == known["alarms"]
    assert check_journal(journal.path) == []


async def test_a_disk_that_returns_while_the_second_life_runs(tmp_path: Path, opened: Opener) -> None:
    """A start in memory with the side copy of another life in memory; the disk returns and has all open alarms."""
    assert await end_of("die_in_memory", tmp_path) == KILLED
    journal = await opened(hard_site(tmp_path), SystemClock())
    bring_back(journal, tmp_path / "disk/gone")

    await until(lambda: journal.status.durability is Durability.DISK)
    assert sorted(of_points(journal)) == remembered(tmp_path)["alarms"]
    assert_levels_known(journal)
    assert check_journal(journal.path) == []


@pytest.mark.parametrize("life", ["die_in_memory", "die_after_another_alarm"])
async def test_a_disk_that_is_read_only_at_the_next_start(tmp_path: Path, life: str) -> None:
    """It can be read and lacks what memory knew: both count, and every alarm that is shown can be acknowledged."""
    namespace = Namespace(tmp_path / "disk")
    try:
        await namespace.open(8)
        go = f"cd {shlex.quote(str(ROOT))}; "
        await namespace.run(f"{go}{shlex.join(command(life, tmp_path))}; test $? = {KILLED}")
        known = remembered(tmp_path)
        disk = shlex.quote(str(namespace.disk))
        await namespace.run(
            f"rm {disk}/state && mv {disk}/gone {disk}/state && mount -o remount,ro,bind {disk}"
        )
        await namespace.run(go + shlex.join(command("start_and_acknowledge", tmp_path)))
    finally:
        await namespace.close()
    assert remembered(tmp_path)["causes"] == known["causes"]


# ---- salvage cut short


async def damaged(tmp_path: Path) -> Site:
    """A journal with three pages overwritten, and a side copy."""
    site = hard_site(tmp_path)
    journal = await Journal.open(site, clock=ManualClock())
    await put_account(journal, GUARD)
    for _ in range(200):
        await journal.report(PRESS)
    await journal.report(SMOKE)
    await journal.close()
    with journal.path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xa5" * (4096 * 3))
    return site


async def salvaged(
    site: Site, opened: Opener
) -> tuple[dict[str, Alarm], list[int], Account | None, str | None]:
    """What a start makes of it: the open alarms, the waiting numbers of the stream of before, the guards, the new stream."""
    journal = await opened(site, ManualClock())
    assert journal.status.durability is Durability.DISK
    head = journal.head("bureau")
    assert head.reason == "journal-salvaged"
    waiting = [
        row.sequence
        for lane in (1, 3)
        for row in await journal.waiting("bureau", lane, limit=1000)
        if row.stream == head.previous_stream
    ]
    await until(lambda: tells_of_disk(journal))
    return (of_points(journal), waiting, journal.account("zhang"), head.previous_stream)


async def die_in_salvage(tmp_path: Path) -> None:
    """End in the middle of the copy, when streams and events are there and the outbox is not."""
    copy_table = salvage._copy_table

    def until_delivery(
        damaged: sqlite3.Connection, fresh: sqlite3.Connection, table: str
    ) -> tuple[int, bool]:
        if table == "delivery":
            os._exit(KILLED)
        return copy_table(damaged, fresh, table)

    salvage._copy_table = until_delivery
    await Journal.open(hard_site(tmp_path), clock=ManualClock())


async def die_before_exchange(tmp_path: Path) -> None:
    """End when the damaged file has been set aside and the fresh one is not in its place."""
    rename = Path.rename

    def until_fresh(self: Path, target: Path) -> Path:
        if self.name == "journal.salvage.db":
            os._exit(KILLED)
        return rename(self, target)

    Path.rename = until_fresh  # type: ignore[method-assign,assignment]  # in a process of its own, which ends by it
    await Journal.open(hard_site(tmp_path), clock=ManualClock())


@pytest.mark.parametrize("moment", ["die_in_salvage", "die_before_exchange"])
async def test_a_salvage_that_was_cut_short_gives_what_a_whole_one_gives(
    tmp_path: Path, opened: Opener, moment: str
) -> None:
    """Whenever the power goes, the next start has the alarms and waiting rows of an undisturbed salvage; nothing is deleted."""
    site = await damaged(tmp_path)
    shutil.copytree(tmp_path / "disk", tmp_path / "disk-before")
    shutil.copytree(tmp_path / "side", tmp_path / "side-before")
    whole = await salvaged(site, opened)
    assert len(whole[1]) > 20
    for name in ("disk", "side"):
        shutil.move(tmp_path / name, tmp_path / f"{name}-whole")
        shutil.move(tmp_path / f"{name}-before", tmp_path / name)
    assert await end_of(moment, tmp_path) == KILLED

    assert await salvaged(site, opened) == whole
    state = tmp_path / "disk/state"
    assert len(list(state.glob("journal.damaged-*.db"))) == 1
    assert not list(state.glob("journal.salvage.db*"))


async def test_a_salvage_without_room_leaves_the_damaged_file_and_goes_on_in_memory(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLITE_FULL from the fresh file: the damaged one stays untouched; with room again it is salvaged and merged."""
    site = await damaged(tmp_path)
    path = tmp_path / "disk/state/journal.db"
    before = path.read_bytes()
    copy = side.read(tmp_path / "side/side.json")
    assert copy is not None
    alarms = set(copy.open_alarms)

    def small(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
        db = connect(path, readonly=readonly)
        db.execute("pragma max_page_count = 60")
        return db

    clock = ManualClock()
    monkeypatch.setattr(salvage, "connect", small)
    journal = await opened(site, clock)
    assert journal.status.durability is Durability.MEMORY
    assert "full" in journal.status.reason
    assert set(of_points(journal)) == alarms
    assert journal.account("zhang") == GUARD
    assert path.read_bytes() == before
    assert not list(path.parent.glob("journal.damaged-*"))
    assert await journal.report(PRESS) is Durability.MEMORY

    monkeypatch.undo()
    clock.advance(1)
    await until(lambda: journal.status.durability is Durability.DISK)
    assert set(of_points(journal)) == alarms
    assert len(list(path.parent.glob("journal.damaged-*.db"))) == 1


async def test_a_log_that_the_damaged_file_left_behind_is_not_played_into_the_fresh_one(
    tmp_path: Path, opened: Opener
) -> None:
    """The power goes between the renames of the damaged file and of its -wal: that -wal is not the fresh file's."""
    site = await damaged(tmp_path)
    state = tmp_path / "disk/state"
    assert await end_of("die_before_exchange", tmp_path) == KILLED
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("pragma journal_mode = wal")
        db.execute("create table other (a)")
        db.execute("insert into other values (randomblob(100000))")
        db.commit()
        shutil.copy(tmp_path / "other.db-wal", state / "journal.db-wal")
    db.close()

    journal = await opened(site, ManualClock())
    assert journal.head("bureau").reason == "journal-salvaged"
    assert journal.account("zhang") == GUARD
    assert len(await journal.waiting("bureau", 1, limit=500)) > 20
    assert [text for text in map(str, check_journal(journal.path)) if "file" in text] == []


# ---- other losses


async def test_i7_open_alarms_of_a_lost_journal_hold_footage_again(tmp_path: Path, opened: Opener) -> None:
    """The journal is gone, the side copy is not: what is open and urgent holds its footage, and fsck agrees."""
    site = hard_site(tmp_path)
    journal = await opened(site, ManualClock())
    await journal.report(PRESS)
    held = [(hold.camera, hold.start, hold.end, hold.alarm_id) for hold in await journal.live_holds()]
    assert len(held) == 1
    await journal.close()
    for file in journal.path.parent.glob("journal.db*"):
        file.unlink()

    journal = await opened(site, ManualClock(START + timedelta(seconds=1)))
    assert journal.head("bureau").reason == "journal-lost"
    assert [(hold.camera, hold.start, hold.end, hold.alarm_id) for hold in await journal.live_holds()] == held
    assert check_journal(journal.path) == []


async def test_i3_a_message_of_memory_mode_that_is_repeated_after_the_return_is_one_event(
    tmp_path: Path, opened: Opener
) -> None:
    """A panel that was not acknowledged in memory mode sends the same bytes again when the disk is back."""
    journal = await opened(hard_site(tmp_path), SystemClock())
    gone = take_away(journal)
    message = said(b"one", PRESS)
    unanswered = asyncio.create_task(journal.receive(message))
    await until(lambda: len(of_points(journal)) == 1)
    bring_back(journal, gone)
    await until(lambda: journal.status.durability is Durability.DISK)

    assert await journal.receive(message) is Durability.DISK
    unanswered.cancel()
    await asyncio.gather(unanswered, return_exceptions=True)
    ((alarm_id, alarm),) = of_points(journal).items()
    assert alarm.repeats == 0
    assert [event.type for event in await journal.events_of(alarm_id)] == [EventType.ALARM_RAISED]
    told = [event for event in await payloads(journal) if event["subject"] == PRESS.point]
    assert len(told) == 1


async def test_another_process_that_holds_the_file_for_a_second_is_waited_for(
    tmp_path: Path, opened: Opener
) -> None:
    """A technician's transaction delays a signal; it is on disk, once, and memory mode did not begin."""
    journal = await opened(hard_site(tmp_path), SystemClock())
    stream = journal.head("bureau").stream
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("begin immediate")
    report = asyncio.create_task(journal.report(PRESS))
    _, waiting = await asyncio.wait([report], timeout=1)
    assert waiting
    other.execute("rollback")
    other.close()

    assert await report is Durability.DISK
    assert journal.head("bureau").stream == stream
    assert [row.sequence for row in await journal.waiting("bureau", 1)] == [2]


async def test_another_process_that_never_lets_go_means_memory_mode(tmp_path: Path, opened: Opener) -> None:
    """An alarm waits about 2 s for a held file, then it is told from memory; let go, the file has it."""
    journal = await opened(hard_site(tmp_path), SystemClock())
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("begin immediate")
    async with asyncio.timeout(5):
        assert await journal.report(PRESS) is Durability.MEMORY
    other.execute("rollback")
    other.close()

    await until(lambda: journal.status.durability is Durability.DISK)
    assert len(of_points(journal)) == 1
    assert [e["subject"] for e in await payloads(journal)].count(PRESS.point) == 1
    assert check_journal(journal.path) == []


async def test_a_journal_of_a_later_version_is_not_taken_apart(tmp_path: Path, opened: Opener) -> None:
    """A program set back to an earlier version leaves the newer journal as it is, says so, and knows its alarms."""
    site = hard_site(tmp_path)
    journal = await opened(site, ManualClock())
    await put_account(journal, GUARD)
    await journal.report(PRESS)
    alarms = set(of_points(journal))
    await journal.close()
    with sqlite3.connect(journal.path) as db:
        db.execute("pragma user_version = 99")
    db.close()
    before = journal.path.read_bytes()

    clock = ManualClock()
    journal = await opened(site, clock)
    assert journal.status.durability is Durability.MEMORY
    assert "install the newer" in journal.status.reason
    assert set(of_points(journal)) == alarms
    assert journal.account("zhang") == GUARD
    assert await journal.report(SMOKE) is Durability.MEMORY
    clock.advance(1)
    await journal.heartbeat()
    assert journal.path.read_bytes() == before
    assert not list(journal.path.parent.glob("journal.damaged-*"))


async def test_a_guard_disabled_during_memory_mode_stays_disabled(tmp_path: Path, opened: Opener) -> None:
    """`users disable` writes the disk that memory mode does not: the disk's accounts win at the return."""
    clock = ManualClock()
    journal = await opened(hard_site(tmp_path), clock)
    await put_account(journal, GUARD)
    error = sqlite3.OperationalError("disk I/O error")
    await journal._writer.exchange(lambda _: journal._disk.recover(journal._writer._hand, error, 1))
    assert await journal.report(PRESS) is Durability.MEMORY
    assert journal.account("zhang") == GUARD
    write_account(journal.path, replace(GUARD, disabled=True), to_ms(START))

    clock.advance(1)
    await until(lambda: journal.status.durability is Durability.DISK)
    assert journal.account("zhang") == replace(GUARD, disabled=True)
    with sqlite3.connect(journal.path) as db:
        assert db.execute("select disabled from account").fetchall() == [(1,)]
    db.close()
