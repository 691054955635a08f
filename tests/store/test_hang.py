"""A disk that neither takes a write nor refuses it: alarms go on without it, and it gets everything later."""

import asyncio
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.model import Durability, Kind, Level, Origin, Signal
from gateway.store import Journal
from gateway.store.check import check_journal
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
