"""A disk that neither takes a write nor refuses it: alarms go on without it, and it gets everything later."""

import asyncio
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.errors import JournalUnwritable
from gateway.model import Durability, Kind, Level, Origin, Signal
from gateway.policy.holds import HoldRules
from gateway.store import Journal, reader
from gateway.store.check import check_journal
from gateway.store.hand import Hand
from gateway.store.library import Library, LibraryUnusable
from gateway.store.merge import merge_into_disk, seed
from gateway.store.opening import Identity, Opener
from tests.sites import school
from tests.wait import until

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)


async def test_a_disk_that_hangs_is_left_behind_and_has_everything_after_its_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that does not come back: memory mode, nothing lost or doubled, and on disk again when it answers."""
    monkeypatch.setattr("gateway.store.writer.HANG_LIMIT_S", 0.3)
    answers = threading.Event()
    journal = await Journal.open(school(tmp_path), clock=SystemClock())
    try:
        await journal.report(PRESS)
        before_commit = journal._disk.before_commit

        def hanging(db: sqlite3.Connection, batch: str) -> None:
            if journal._disk.durability is Durability.DISK and not answers.is_set():
                answers.wait(20)
            before_commit(db, batch)

        monkeypatch.setattr(journal._writer, "_before_commit", hanging)
        second = replace(PRESS, point="gate-button-2")
        async with asyncio.timeout(10):
            assert await journal.report(second) is Durability.MEMORY
        assert {alarm.source.point for alarm in journal.open_alarms.values()} >= {
            "gate-button",
            "gate-button-2",
        }

        answers.set()
        await until(lambda: journal.status.durability is Durability.DISK, 20)
        assert await journal.report(PRESS) is Durability.DISK
        (alarm,) = [alarm for alarm in journal.open_alarms.values() if alarm.source.point == "gate-button-2"]
        assert alarm.repeats == 0
    finally:
        answers.set()
        await journal.close()
    assert check_journal(journal.path) == []


async def _in_memory(journal: Journal, monkeypatch: pytest.MonkeyPatch, back: threading.Event) -> None:
    """The journal goes to memory, and its disk does not return before `back`."""
    probe = journal._disk.probe
    monkeypatch.setattr(journal._disk, "probe", lambda: back.is_set() and probe())
    await journal._writer.exchange(
        lambda _: journal._disk.recover(journal._writer._hand, sqlite3.OperationalError("disk I/O error"), 1)
    )
    assert journal.status.durability is Durability.MEMORY


async def test_a_disk_that_hangs_on_the_way_back_costs_no_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk answers, takes half the merge and hangs: alarms go on in memory, and all is on disk in the end, once."""
    monkeypatch.setattr("gateway.store.writer.HANG_LIMIT_S", 0.3)
    back, merging, answers = threading.Event(), threading.Event(), threading.Event()

    def hanging(memory: sqlite3.Connection, path: Path, *, now_ms: int, rules: HoldRules) -> None:
        merging.set()
        answers.wait(20)
        merge_into_disk(memory, path, now_ms=now_ms, rules=rules)

    monkeypatch.setattr("gateway.store.disk.merge_into_disk", hanging)
    journal = await Journal.open(school(tmp_path), clock=SystemClock())
    try:
        await _in_memory(journal, monkeypatch, back)
        await journal.report(PRESS)
        back.set()
        await until(merging.is_set)
        second = replace(PRESS, point="gate-button-2")
        async with asyncio.timeout(10):
            assert await journal.report(second) is Durability.MEMORY
        answers.set()
        await until(lambda: journal.status.durability is Durability.DISK, 20)
        assert await journal.report(PRESS) is Durability.DISK
    finally:
        back.set()
        answers.set()
        await journal.close()
    assert check_journal(journal.path) == []
    with sqlite3.connect(journal.path) as db:
        raised = db.execute(
            "select subject, count(*) from event where type like '%raised%' and subject like 'gate-button%' group by 1"
        ).fetchall()
    db.close()
    assert raised == [("gate-button", 1), ("gate-button-2", 1)]


async def test_memory_that_is_only_slow_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of memory mode that takes longer than a hanging disk's limit: it is written, and the writer goes on."""
    monkeypatch.setattr("gateway.store.writer.HANG_LIMIT_S", 0.1)
    back, goes_on = threading.Event(), threading.Event()
    journal = await Journal.open(school(tmp_path), clock=SystemClock())
    try:
        await _in_memory(journal, monkeypatch, back)
        before_commit = journal._disk.before_commit
        asked = threading.Event()
        on_hang = journal._disk.on_hang

        def slow(db: sqlite3.Connection, batch: str) -> None:
            goes_on.wait(20)
            before_commit(db, batch)

        def asking(hand: Hand) -> object:
            asked.set()
            return on_hang(hand)

        monkeypatch.setattr(journal._writer, "_before_commit", slow)
        monkeypatch.setattr(journal._writer, "_on_hang", asking)
        report = asyncio.create_task(journal.report(PRESS))
        await until(asked.is_set)
        goes_on.set()
        assert await report is Durability.MEMORY
        assert await journal.report(replace(PRESS, point="gate-button-2")) is Durability.MEMORY
    finally:
        back.set()
        goes_on.set()
        await journal.close()


async def test_of_two_threads_that_go_to_memory_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that asks a dying disk for its rows is left behind: the stream that is told of is the live journal's."""
    monkeypatch.setattr("gateway.store.writer.HANG_LIMIT_S", 0.3)
    answers, ended, back = threading.Event(), threading.Event(), threading.Event()

    def hanging(memory: sqlite3.Connection, source: sqlite3.Connection, names: list[str], limit: int) -> int:
        answers.wait(20)
        try:
            return seed(memory, source, names, limit)
        finally:
            ended.set()

    journal = await Journal.open(school(tmp_path), clock=SystemClock())
    try:
        monkeypatch.setattr("gateway.store.disk.seed", hanging)
        probe = journal._disk.probe
        monkeypatch.setattr(journal._disk, "probe", lambda: back.is_set() and probe())
        moved = journal.path.with_name("moved.db")
        journal.path.rename(moved)
        async with asyncio.timeout(10):
            assert await journal.report(PRESS) is Durability.MEMORY
        answers.set()
        await until(ended.is_set)
        await journal.report(replace(PRESS, point="gate-button-2"))
        await journal.report(PRESS)
        streams = {row.stream for row in await journal.waiting("bureau", 1)}
        assert journal.head("bureau").stream in streams
        assert len(streams) == 1
    finally:
        answers.set()
        back.set()
        await journal.close()


async def test_a_read_that_hangs_ends_when_memory_mode_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The uplink reads its rows from memory at once; nobody waits for the disk that was left."""
    back, answers = threading.Event(), threading.Event()
    journal = await Journal.open(school(tmp_path), clock=SystemClock())
    try:
        await _hang_reads(journal, answers)
        reading = asyncio.create_task(journal._rows("select hang()"))
        await until(lambda: journal._reader._opened.connection is not None)
        assert not reading.done()
        await _in_memory(journal, monkeypatch, back)
        with pytest.raises(sqlite3.OperationalError, match="no such function: hang"):
            async with asyncio.timeout(5):  # asked of memory, which has never heard of it
                await reading
        async with asyncio.timeout(5):
            assert await journal.waiting("bureau", 3)
    finally:
        answers.set()
        back.set()
        await journal.close()


async def test_a_read_that_hangs_ends_within_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has written meanwhile, so memory mode has not begun: the read is an error, and the next one is made anew."""
    monkeypatch.setattr(reader, "READ_LIMIT_S", 0.2)
    answers = threading.Event()
    journal = await Journal.open(school(tmp_path), clock=SystemClock())
    try:
        await _hang_reads(journal, answers)
        with pytest.raises(JournalUnwritable, match="does not answer"):
            await journal._rows("select hang()")
        assert await journal.waiting("bureau", 3)
    finally:
        answers.set()
        await journal.close()


async def test_the_end_does_not_wait_for_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`close` comes back though writer and reader are stuck in the disk: systemd's own limit is not needed."""
    monkeypatch.setattr("gateway.store.writer.CLOSE_LIMIT_S", 0.3)
    answers = threading.Event()
    journal = await Journal.open(school(tmp_path), clock=SystemClock())
    try:
        await _hang_reads(journal, answers)
        reading = asyncio.create_task(journal._rows("select hang()"))
        monkeypatch.setattr(journal._writer, "_before_commit", lambda _db, _batch: answers.wait(20))
        report = asyncio.create_task(journal.report(PRESS))
        await until(lambda: bool(journal._writer._batch))
        async with asyncio.timeout(5):
            await journal.close()
        for task in (reading, report):
            task.cancel()
        await asyncio.gather(reading, report, return_exceptions=True)
    finally:
        answers.set()
        journal._writer._hand.end()


async def _hang_reads(journal: Journal, answers: threading.Event) -> None:
    """`select hang()` keeps the reader's thread until `answers`."""
    await journal.backlog("bureau")
    connection = journal._reader._opened.connection
    assert connection is not None
    await connection.create_function("hang", 0, lambda: answers.wait(20))


async def test_a_disk_that_hangs_at_the_start_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alarms are taken in from memory, with those that the side copy knew; the disk has everything when it answers."""
    site = school(tmp_path, site_keys=f'side_dir = "{tmp_path / "side"}"')
    journal = await Journal.open(site, clock=SystemClock())
    await journal.report(PRESS)
    await journal.close()
    monkeypatch.setattr("gateway.store.writer.OPEN_LIMIT_S", 0.3)
    answers = threading.Event()
    open_file = Opener.open_file

    def hanging(self: Opener, *, check: bool) -> tuple[sqlite3.Connection, Identity]:
        answers.wait(20)
        return open_file(self, check=check)

    monkeypatch.setattr(Opener, "open_file", hanging)
    async with asyncio.timeout(10):
        journal = await Journal.open(site, clock=SystemClock())
    try:
        assert journal.status.durability is Durability.MEMORY
        assert {alarm.source.point for alarm in journal.open_alarms.values()} >= {"gate-button"}
        assert await journal.report(replace(PRESS, point="gate-button-2")) is Durability.MEMORY
        answers.set()
        await until(lambda: journal.status.durability is Durability.DISK, 20)
        assert len([alarm for alarm in journal.open_alarms.values() if alarm.source.point]) == 2
    finally:
        answers.set()
        await journal.close()
    assert check_journal(journal.path) == []


async def test_the_thread_that_is_in_memory_already_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lost its disk, and is only slow to begin: the stream that is told of is the one that its events are in."""
    monkeypatch.setattr("gateway.store.writer.HANG_LIMIT_S", 0.2)
    goes_on, asked, back = threading.Event(), threading.Event(), threading.Event()
    journal = await Journal.open(school(tmp_path), clock=SystemClock())
    try:
        begin_streams, on_hang = journal._disk._begin_streams, journal._disk.on_hang
        probe = journal._disk.probe

        def slow(db: sqlite3.Connection, reason: str) -> None:
            goes_on.wait(20)
            begin_streams(db, reason)

        def asking(hand: Hand) -> object:
            asked.set()
            return on_hang(hand)

        monkeypatch.setattr(journal._disk, "_begin_streams", slow)
        monkeypatch.setattr(journal._writer, "_on_hang", asking)
        monkeypatch.setattr(journal._disk, "probe", lambda: back.is_set() and probe())
        journal.path.rename(journal.path.with_name("moved.db"))
        report = asyncio.create_task(journal.report(PRESS))
        await until(asked.is_set)
        goes_on.set()
        assert await report is Durability.MEMORY
        assert journal.head("bureau").stream in {row.stream for row in await journal.waiting("bureau", 1)}
    finally:
        goes_on.set()
        back.set()
        await journal.close()


async def test_a_hand_that_is_left_behind_tells_all_who_wait_for_it() -> None:
    """Also where one of them has just been cancelled, or has its answer already."""
    hand, answers = Hand("test"), threading.Event()
    first, second, third = (hand.do(lambda: answers.wait(20)) for _ in range(3))
    first.cancel()
    hand.leave_behind()
    answers.set()
    for waiting in (second, third):
        with pytest.raises(JournalUnwritable):
            await waiting
    assert first.cancelled()


async def test_a_library_whose_disk_hangs_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I9: the journal closes after it, and has to come to its turn; whoever waits for a row hears that there is none."""
    monkeypatch.setattr("gateway.store.writer.CLOSE_LIMIT_S", 0.3)
    answers = threading.Event()
    library = Library(tmp_path)
    await library.open(stamp="1")
    writer = library._writer
    assert writer is not None
    monkeypatch.setattr(writer, "_before_commit", lambda _db, _batch: answers.wait(20))
    writing = asyncio.create_task(library.condemn([1], at=SystemClock().now()))
    await until(lambda: bool(writer._batch))
    try:
        async with asyncio.timeout(5):
            await library.close()
        with pytest.raises(LibraryUnusable):
            await writing
    finally:
        answers.set()
        writer._hand.end()
