"""`fsck` finds each way in which a journal can be wrong, and nothing in one that is right."""

import sqlite3
from pathlib import Path

import pytest

from gateway.model import Kind, Level, Origin, Presence, Signal, Verdict
from gateway.store import Journal
from gateway.store.check import check_journal
from tests.clocks import ManualClock
from tests.sites import school, uplink

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A journal in which something of everything has happened."""
    journal = await Journal.open(
        school(tmp_path, uplinks=uplink() + uplink(name="police")), clock=ManualClock()
    )
    await journal.report(PRESS)
    await journal.report(
        Signal(
            device="buttons",
            point="hall-smoke",
            kind=Kind.SMOKE,
            level=Level.ACTIVE,
            origin=Origin.EVENT,
            message=b"m",
            account="1",
        )
    )
    await journal.presence("buttons", Presence.OFFLINE)
    (alarm, *_) = journal.open_alarms
    await journal.acknowledge(alarm, "zhang")
    await journal.report(
        Signal(
            device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.NORMAL, origin=Origin.EVENT
        )
    )
    await journal.close_alarm(alarm, "zhang", Verdict.REAL)
    await journal.report(PRESS)
    await journal.close()
    return journal.path


async def test_a_sound_journal_has_no_findings(path: Path) -> None:
    """Nothing is found where nothing is wrong."""
    assert check_journal(path) == []


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("delete from event where type like '%raised%'", "refers to a row of event that is not there"),
        ("update event set alarm_id = null where alarm_id is not null", "I2: alarm"),
        ("delete from delivery where sequence = 2", "I4: stream"),
        ("update stream set last_sequence = 99", "was numbered to 99"),
        ("delete from delivery where event = 2", "I4: event"),
        ("update alarm set verdict = null", "I5: alarm"),
        ("delete from hold", "I7: alarm"),
        ("update event set body = cast(substr(body, 1, 40) as blob)", "I12: event"),
        ("update event set body = cast(replace(cast(body as text), event_id, 'x') as blob)", "I12: event"),
        ("drop index one_open_alarm", "one_open_alarm is not as schema.sql has it"),
        ("pragma user_version = 99", "the schema is version 99"),
        (
            "insert into message (account, bytes, received_ms) select 'a', x'00', 0 from generate_20",
            "I3: 20 messages",
        ),
    ],
)
async def test_every_kind_of_damage_is_found(path: Path, damage: str, finding: str) -> None:
    """Each invariant's query tells when it is broken."""
    with sqlite3.connect(path) as db:
        db.execute(
            "create temp view generate_20 as"
            " with recursive n(i) as (select 1 union all select i + 1 from n where i < 20) select i from n"
        )
        db.executescript(damage)
    db.close()

    assert any(finding in str(found) for found in check_journal(path)), check_journal(path)


async def test_a_missing_or_foreign_file_is_said(tmp_path: Path) -> None:
    """No journal, or something else in its place, is a finding, not a traceback."""
    assert "no journal" in str(check_journal(tmp_path / "journal.db")[0])
    (tmp_path / "journal.db").write_bytes(b"x" * 5000)
    assert "can't be" in str(check_journal(tmp_path / "journal.db")[0])
