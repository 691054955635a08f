"""`fsck` finds each way in which a journal can be wrong, and nothing in one that is right."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.model import EventType, Kind, Level, Origin, Presence, Signal, Verdict
from gateway.store import Journal
from gateway.store.check import check_journal
from tests.clocks import START, ManualClock
from tests.sites import said, school, uplink

PRESS = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)
SMOKE = Signal(device="buttons", point="hall-smoke", kind=Kind.SMOKE, level=Level.ACTIVE, origin=Origin.EVENT)

GIVEN_UP = "(select id from event where cast(body as text) like '%footage-given-up%')"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A journal in which something of everything has happened."""
    journal = await Journal.open(
        school(tmp_path, uplinks=uplink() + uplink(name="police")), clock=ManualClock()
    )
    await journal.report(PRESS)
    await journal.receive(said(b"m", SMOKE, account="1"))
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
    await journal.record_gap("cam-gate", "given-up", START - timedelta(minutes=1), START)
    await journal.emit(EventType.DEGRADED, "cam-gate", {"reason": "footage-given-up"})
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
        ("delete from hold; delete from alarm where closed_ms is not null", "is of alarm"),
        ("delete from delivery where sequence = 2", "are missing"),
        ("update stream set last_sequence = 99", "was numbered to 99"),
        ("delete from delivery where event = 2", "I4: event"),
        (
            "pragma ignore_check_constraints = on; update alarm set closed_by = null",
            "without acknowledgement, return or a person",
        ),
        ("update alarm set verdict = null", "I5: alarm"),
        ("delete from hold", "I7: alarm"),
        (
            (
                "insert into silence (alarm_id, repeats, at_ms, by)"
                " select id, 0, 0, 'li' from alarm where closed_ms is not null"
            ),
            "is silenced and not open",
        ),
        (
            (
                "insert into silence (alarm_id, repeats, at_ms, by)"
                " select id, repeats + 1, 0, 'li' from alarm where closed_ms is null"
            ),
            "pressed 0 times again, and silenced for 1",
        ),
        (
            (
                "insert into arming (zone, armed, changed_ms, by, waiting)"
                """ values ('hall', 1, 0, 'li', '[["p", "door", 0, 0, ""]]')"""
            ),
            "I2: in zone hall p (door) waits for the end of an entry that is not under way",
        ),
        (
            "insert into arming (zone, armed, changed_ms, by, waiting) values ('hall', 1, 0, 'li', '[1]')",
            "I2: who waits in zone hall can't be read",
        ),
        (
            (
                "pragma ignore_check_constraints = on; insert into arming (zone, armed, changed_ms, by, exit_ms)"
                " values ('hall', 0, 0, 'li', 5)"
            ),
            "I2: zone hall is disarmed, and somebody is leaving or entering it",
        ),
        (
            "insert into bypass values ('p', 'panic', 0, 1, 'li', 'x')",
            "I5: point p (panic) is bypassed",
        ),
        (
            "insert into bypass values ('p', 'door', 0, 86400001, 'li', 'x')",
            "I5: point p (door) is bypassed",
        ),
        ("update event set body = cast(substr(body, 1, 40) as blob)", "I12: event"),
        ("update event set body = cast(replace(cast(body as text), event_id, 'x') as blob)", "I12: event"),
        ("drop index one_open_alarm", "one_open_alarm is not as schema.sql has it"),
        ("pragma user_version = 99", "the schema is version 99"),
        (
            "insert into message (account, bytes, received_ms) select 'a', x'00', 0 from generate_20",
            "I3: 20 messages",
        ),
        (
            "insert into message (account, bytes, received_ms) select account, bytes, received_ms + 600000 from message",
            "I3: account 1 has the same message twice",
        ),
        (
            f"delete from delivery where event in {GIVEN_UP}; delete from event where id in {GIVEN_UP}",
            "I8: footage",
        ),
        (f"update event set subject = 'cam-hall' where id in {GIVEN_UP}", "I8: footage of cam-gate"),
        (
            f"update event set recorded_ms = recorded_ms - 86400000 where id in {GIVEN_UP}",
            "I8: footage of cam-gate",
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


async def test_two_open_alarms_of_one_cause_are_found(path: Path) -> None:
    """I5: where the index let a second one pass, SQLite's own check of the index tells."""
    with sqlite3.connect(path) as db:
        as_it_is = "create index one_open_alarm on alarm (subject, kind) where closed_ms is null"
        write_schema(db, "one_open_alarm", as_it_is)
        db.execute(
            "insert into alarm (id, subject, kind, source, severity, drill, raised_ms, last_raised_ms)"
            " select 'second', subject, kind, source, severity, drill, raised_ms, last_raised_ms"
            " from alarm where closed_ms is null limit 1"
        )
        write_schema(db, "one_open_alarm", as_it_is.replace("index", "unique index", 1))
    db.close()

    assert any("non-unique entry in index one_open_alarm" in str(found) for found in check_journal(path))


async def test_the_same_message_after_ten_minutes_is_another(path: Path) -> None:
    """I3 goes no further than its window."""
    with sqlite3.connect(path) as db:
        db.execute(
            "insert into message (account, bytes, received_ms) select account, bytes, received_ms + 600001 from message"
        )
    db.close()

    assert check_journal(path) == []


def write_schema(db: sqlite3.Connection, name: str, sql: str) -> None:
    """Say that an index was made so, and leave its entries as they are."""
    db.execute("pragma writable_schema = on")
    db.execute("update sqlite_schema set sql = ? where name = ?", (sql, name))
    db.commit()
    db.execute("pragma writable_schema = reset")


async def test_a_missing_or_foreign_file_is_said(tmp_path: Path) -> None:
    """No journal, or something else in its place, is a finding, not a traceback."""
    assert "no journal" in str(check_journal(tmp_path / "journal.db")[0])
    (tmp_path / "journal.db").write_bytes(b"x" * 5000)
    assert "can't be" in str(check_journal(tmp_path / "journal.db")[0])
