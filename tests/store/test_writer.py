"""The single writer: what is told is committed, once, and a caller's own mistake is its own."""

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from gateway.model import Durability, Kind, Level, Origin, Signal
from gateway.store import Journal
from gateway.store.check import check_journal
from gateway.store.database import connect
from gateway.store.hand import Hand
from gateway.store.writer import Writer
from tests.clocks import ManualClock
from tests.sites import school

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)


class Faulty(sqlite3.Connection):
    """A connection whose next COMMIT fails, before or after it took place, as a dying card answers an fsync."""

    fault: ClassVar[str] = ""
    tried: ClassVar[list[str]] = []

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # Any: as sqlite3 has it
        """As sqlite3 has it, but for that COMMIT; notes the ids of events."""
        if sql.startswith("insert into event "):
            self.tried.append(parameters[0])
        if sql != "commit" or not self.fault:
            return super().execute(sql, parameters)
        fault, Faulty.fault = self.fault, ""
        if fault == "after":
            super().execute(sql)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error


@pytest.fixture
async def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
    """A journal on such connections."""
    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Faulty))
    journal = await Journal.open(school(tmp_path), clock=ManualClock())
    Faulty.tried.clear()
    yield journal
    Faulty.fault = ""
    await journal.close()


async def open_writer(tmp_path: Path) -> Writer:
    """A writer of a file with one table."""

    def open_connection(_hand: Hand) -> sqlite3.Connection:
        db = connect(tmp_path / "numbers.db")
        db.execute("create table if not exists number (n integer primary key)")
        return db

    writer = Writer(open_connection, name="numbers")
    await writer.start()
    return writer


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    """One that is closed at the end."""
    one = await open_writer(tmp_path)
    yield one
    await one.close()


def insert(db: sqlite3.Connection, number: int) -> int:
    """Keep a number."""
    db.execute("insert into number values (?)", (number,))
    return number


def numbers(tmp_path: Path) -> list[int]:
    """The numbers in the file, as another process sees them."""
    db = sqlite3.connect(tmp_path / "numbers.db")
    try:
        return [row[0] for row in db.execute("select n from number order by n")]
    finally:
        db.close()


async def events(journal: Journal) -> list[str]:
    """The ids of the alarm events on disk."""
    return [row[0] for row in await journal._rows("select event_id from event where alarm_id is not null")]


async def test_what_is_committed_is_on_the_medium(tmp_path: Path) -> None:
    """The journal's own connection writes ahead and syncs at every COMMIT: synchronous FULL, which is 2."""
    journal = await Journal.open(school(tmp_path), clock=ManualClock())

    def pragmas(db: sqlite3.Connection) -> list[object]:
        return [
            db.execute(f"pragma {name}").fetchone()[0]
            for name in ("synchronous", "journal_mode", "foreign_keys")
        ]

    assert await journal._writer.on_thread(pragmas) == [2, "wal", 1]
    await journal._writer.exchange(
        lambda _: journal._disk.recover(journal._writer._hand, sqlite3.OperationalError("disk I/O error"), 0)
    )
    assert await journal._writer.on_thread(pragmas) == [2, "wal", 1]
    await journal.close()


async def test_a_commit_that_failed_and_took_place_is_not_written_twice(faulty: Journal) -> None:
    """An error after COMMIT: the file is asked whether it has the batch, and it has: one event, on disk."""
    Faulty.fault = "after"
    assert await faulty.report(PRESS) is Durability.DISK
    assert Faulty.fault == ""
    assert len(Faulty.tried) == 1
    assert await events(faulty) == Faulty.tried
    assert [row.sequence for row in await faulty.waiting("bureau", 1)] == [2]
    assert check_journal(faulty.path) == []


async def test_a_commit_that_did_not_take_place_is_written_again_with_the_same_id(faulty: Journal) -> None:
    """An error before COMMIT: the batch is run again; one event, with the id that it had the first time."""
    Faulty.fault = "before"
    assert await faulty.report(PRESS) is Durability.DISK
    assert Faulty.fault == ""
    assert len(Faulty.tried) == 2
    assert len(set(Faulty.tried)) == 1
    assert await events(faulty) == Faulty.tried[:1]
    assert [row.sequence for row in await faulty.waiting("bureau", 1)] == [2]
    assert check_journal(faulty.path) == []


async def test_an_error_of_one_write_reaches_its_caller_alone(writer: Writer, tmp_path: Path) -> None:
    """Of writes that share a commit, the one that fails is undone and told; the others are kept."""

    def mistaken(db: sqlite3.Connection) -> int:
        insert(db, 2)
        raise ValueError("mine")

    results = await asyncio.gather(
        writer.write(lambda db: insert(db, 1)),
        writer.write(mistaken),
        writer.write(lambda db: insert(db, 1)),
        writer.write(lambda db: insert(db, 3)),
        return_exceptions=True,
    )
    assert (results[0], results[3]) == (1, 3)
    assert isinstance(results[1], ValueError)
    assert isinstance(results[2], sqlite3.IntegrityError)
    assert numbers(tmp_path) == [1, 3]


async def test_writes_of_one_moment_share_a_commit(writer: Writer, tmp_path: Path) -> None:
    """Group commit: 50 writes at once wait for two COMMITs at most, with an fsync each, and not for 50."""
    statements: list[str] = []
    await writer.on_thread(lambda db: db.set_trace_callback(statements.append))
    await asyncio.gather(*(writer.write(functools.partial(insert, number=number)) for number in range(50)))

    assert 1 <= statements.count("commit") <= 2
    assert numbers(tmp_path) == list(range(50))


async def test_close_commits_what_waits(tmp_path: Path) -> None:
    """Writes that were asked for before `close` are on disk after it, and their callers are told."""
    writer = await open_writer(tmp_path)
    writes = [
        asyncio.create_task(writer.write(functools.partial(insert, number=number))) for number in range(600)
    ]
    await asyncio.sleep(0)  # all are in the queue
    await writer.close()
    assert numbers(tmp_path) == list(range(600))
    assert await asyncio.gather(*writes) == list(range(600))


async def test_a_writer_whose_caller_went_away_writes_all_the_same(writer: Writer, tmp_path: Path) -> None:
    """A cancelled caller's write is made, and what follows a commit is done for it."""
    followed: list[int] = []
    write = asyncio.create_task(writer.write(lambda db: insert(db, 1), followed.append))
    await asyncio.sleep(0)
    write.cancel()
    assert await writer.write(lambda db: insert(db, 2)) == 2
    assert write.cancelled()
    assert followed == [1]
    assert numbers(tmp_path) == [1, 2]
