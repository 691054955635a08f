"""What the store keeps of evidence: presses followed once, files told of once, a library brought up to date."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import to_ms
from gateway.model import EventType, Kind, Level, Origin, Signal, Verdict
from gateway.policy.evidence import EvidenceKind, EvidenceRules
from gateway.store import Journal
from gateway.store.database import apply_script, schema_text
from gateway.store.evidence_rows import EvidenceRow, EvidenceState, Made
from gateway.store.library import Library
from gateway.store.library_rows import LIBRARY_VERSION
from gateway.wire import uuid7
from tests.clocks import START, ManualClock
from tests.sites import school

RULES = EvidenceRules(
    snapshots=True,
    clips=True,
    before=timedelta(seconds=30),
    after=timedelta(seconds=60),
    hold=timedelta(days=180),
    keep=timedelta(days=90),
)


def press(point: str = "gate-button") -> Signal:
    """Somebody presses a button."""
    return Signal(device="buttons", point=point, kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT)


async def test_presses_come_in_order_and_each_once(tmp_path: Path) -> None:
    """From the cursor on: raised and repeated, with the number of the press; nothing of what was told before."""
    clock = ManualClock()
    journal = await Journal.open(school(tmp_path), clock=clock)
    await journal.report(press())
    first = await journal.presses(None)
    clock.advance(5)
    await journal.report(press())
    await journal.report(press("gate-button-2"))
    second = await journal.presses(first.cursor)
    third = await journal.presses(second.cursor)
    await journal.close()
    assert [(p.alarm.source.subject, p.number) for p in first.presses] == [("gate-button", 0)]
    assert [(p.alarm.source.subject, p.number) for p in second.presses] == [
        ("gate-button", 1),
        ("gate-button-2", 0),
    ]
    assert second.presses[0].at == START + timedelta(seconds=5)
    assert not third.presses
    assert third.cursor == second.cursor


async def test_a_journal_that_does_not_know_the_cursor_tells_of_open_alarms(tmp_path: Path) -> None:
    """After a journal was lost or restored: all presses of what is open, none of what was closed."""
    journal = await Journal.open(school(tmp_path), clock=ManualClock())
    for point in ("gate-button", "gate-button-2"):
        await journal.report(press(point))
        await journal.report(press(point))
    (closed, _) = journal.open_alarms
    await journal.report(
        Signal(
            device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.NORMAL, origin=Origin.EVENT
        )
    )
    await journal.acknowledge(closed, "guard")
    await journal.close_alarm(closed, "guard", Verdict.FALSE)
    page = await journal.presses("01234567-89ab-7def-8123-456789abcdef")
    await journal.close()
    assert [(p.alarm.source.subject, p.number) for p in page.presses] == [
        ("gate-button-2", 0),
        ("gate-button-2", 1),
    ]


async def test_the_same_file_is_told_of_once(tmp_path: Path) -> None:
    """Asked twice, one event; another file of the same evidence is another event. It is a step of its alarm."""
    journal = await Journal.open(school(tmp_path), clock=ManualClock())
    await journal.report(press())
    (alarm,) = journal.open_alarms
    data = {"evidence": "01234567-89ab-7def-8123-456789abcdef", "sha256": "a" * 64}
    first = await journal.announce_evidence(EventType.CLIP, "cam-gate", alarm=alarm, data=data)
    second = await journal.announce_evidence(EventType.CLIP, "cam-gate", alarm=alarm, data=data)
    other = await journal.announce_evidence(
        EventType.CLIP, "cam-gate", alarm=alarm, data={**data, "sha256": "b" * 64}
    )
    told = [event.event_id for event in await journal.events_of(alarm) if event.type is EventType.CLIP]
    await journal.close()
    assert first == second
    assert told == [first, other]


async def test_planning_twice_asks_for_nothing_more(tmp_path: Path) -> None:
    """The same presses again, as after a lost cursor: the rows that there are answer them."""
    clock = ManualClock()
    journal = await Journal.open(school(tmp_path), clock=clock)
    library = Library(tmp_path / "recordings")
    await library.open(stamp="x")
    await journal.report(press())
    page = await journal.presses(None)
    counts = [
        await library.plan_evidence(
            page.presses,
            page.cursor,
            rules=RULES,
            cameras={"cam-gate"},
            new_id=lambda: uuid7(clock.now()),
            now=clock.now(),
        )
        for _ in range(2)
    ]
    rows = await library.recent_evidence(10)
    assert await library.evidence_cursor() == page.cursor
    await library.close()
    await journal.close()
    assert [(count.snapshots, count.clips) for count in counts] == [(1, 1), (0, 0)]
    assert {(row.kind, row.state) for row in rows} == {
        (EvidenceKind.SNAPSHOT, EvidenceState.WAITING),
        (EvidenceKind.CLIP, EvidenceState.WAITING),
    }
    assert all(row.path.parent.name == "2026-03-01" for row in rows)


async def test_a_library_of_the_first_version_keeps_all_it_has(tmp_path: Path) -> None:
    """Opened by this program: its segments, garbage and identity are there, and it takes evidence; nothing is set aside."""
    path = tmp_path / "library.db"
    db = sqlite3.connect(path, isolation_level=None)
    apply_script(db, schema_text("library.sql"), 1)
    db.execute("insert into library values (1, 'an identity')")
    begin = to_ms(START)
    db.execute(
        "insert into segment (camera, start_ms, end_ms, bytes, path) values ('cam', ?, ?, 9, 'cam/2026-03-01/1-2.mp4')",
        (begin, begin + 1000),
    )
    db.close()
    library = Library(tmp_path)
    await library.open(stamp="x")
    segments = await library.segments("cam", START, START + timedelta(seconds=1))
    assert await library.recent_evidence(1) == []
    await library.close()
    with sqlite3.connect(path) as db:
        assert db.execute("pragma user_version").fetchone() == (LIBRARY_VERSION,)
    db.close()
    assert library.identity == "an identity"
    assert [segment.bytes for segment in segments] == [9]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["library.db"]


async def test_a_library_cut_off_between_its_steps_is_finished(tmp_path: Path) -> None:
    """A power cut after the first version's tables, before the identity: the next opening makes it whole."""
    db = sqlite3.connect(tmp_path / "library.db", isolation_level=None)
    apply_script(db, schema_text("library.sql"), 1)
    db.close()
    library = Library(tmp_path)
    await library.open(stamp="x")
    await library.close()
    assert library.identity


@pytest.mark.parametrize("kind", ["path", "id"])
async def test_no_two_rows_own_a_file(tmp_path: Path, kind: str) -> None:
    """The table itself refuses a second owner (I6)."""
    library = Library(tmp_path)
    await library.open(stamp="x")

    def insert(evidence: str, path: str) -> None:
        db = sqlite3.connect(library.path)
        with db:
            db.execute(
                "insert into evidence (id, alarm, camera, kind, state, at_ms, press, from_ms, to_ms, path, subject,"
                " created_ms) values (?, 'a', 'c', 'clip', 'waiting', 0, 0, 0, 1, ?, '{}', 0)",
                (evidence, path),
            )
        db.close()

    insert("one", "day/one.mp4")
    with pytest.raises(sqlite3.IntegrityError):
        insert("two" if kind == "path" else "one", "day/one.mp4" if kind == "path" else "day/two.mp4")
    await library.close()


async def a_library(directory: Path) -> tuple[Library, dict[str, dict[EvidenceKind, EvidenceRow]]]:
    """One that has a snapshot and a clip, still waiting, of each of two alarms; by alarm and kind."""
    journal = await Journal.open(school(directory), clock=ManualClock())
    library = Library(directory / "recordings")
    await library.open(stamp="x")
    await journal.report(press())
    await journal.report(press("gate-button-2"))
    page = await journal.presses(None)
    await journal.close()
    await library.plan_evidence(
        page.presses, page.cursor, rules=RULES, cameras={"cam-gate"}, new_id=lambda: uuid7(START), now=START
    )
    found: dict[str, dict[EvidenceKind, EvidenceRow]] = {}
    for row in reversed(await library.recent_evidence(10)):
        found.setdefault(row.alarm, {})[row.kind] = row
    return library, found


async def make(library: Library, row: EvidenceRow, *, size: int = 10) -> EvidenceRow:
    """Its file is placed; what is larger than 100 bytes is not sent."""
    made = Made(bytes=size, sha256="a" * 64, start=row.start, end=row.end)
    assert await library.evidence_made(row, made, bytes_most=100, destinations=["county"])
    found = await library.find_evidence(row.id)
    assert found is not None
    return found


async def test_a_snapshot_without_its_file_is_in_nobodys_queue(tmp_path: Path) -> None:
    """It waits, it has failed, or it was made again and is too large now: the next one is sent meanwhile."""
    library, alarms = await a_library(tmp_path)
    first, second = [await make(library, pieces[EvidenceKind.SNAPSHOT]) for pieces in alarms.values()]
    heads = [await library.next_snapshot("county")]
    await library.make_evidence_again([first])
    heads.append(await library.next_snapshot("county"))
    await make(library, first)
    heads.append(await library.next_snapshot("county"))
    await library.make_evidence_again([first])
    await make(library, first, size=1000)
    heads.append(await library.next_snapshot("county"))
    await library.make_evidence_again([first])
    await library.evidence_failed(first, "no footage")
    await library.snapshot_sent("county", second.id)
    heads.append(await library.next_snapshot("county"))
    await library.close()
    assert [head and head.id for head in heads] == [first.id, second.id, first.id, second.id, None]


async def test_a_queue_that_an_earlier_program_left_stuck_goes_on(tmp_path: Path) -> None:
    """A snapshot that is waited for at the head of the queue: the next one is sent all the same."""
    library, alarms = await a_library(tmp_path)
    first, second = [await make(library, pieces[EvidenceKind.SNAPSHOT]) for pieces in alarms.values()]
    with sqlite3.connect(library.path) as db:
        db.execute("update evidence set state = 'waiting' where id = ?", (first.id,))
    db.close()
    head = await library.next_snapshot("county")
    await library.close()
    assert head == second


async def test_evidence_is_elsewhere_too_once_all_of_it_is_taken(tmp_path: Path) -> None:
    """The clip is uploaded and the county has the snapshot; a clip that still waits, or none at all, is not elsewhere."""
    library, alarms = await a_library(tmp_path)
    (alarm, pieces), (other, rest) = alarms.items()
    sent = []

    async def look() -> None:
        found = await library.evidence_alarms(0, 10)
        assert [one.alarm for one in found] == [alarm, other]
        sent.append(found[0].sent)
        assert not found[1].sent

    await make(library, pieces[EvidenceKind.SNAPSHOT])
    await make(library, rest[EvidenceKind.SNAPSHOT])
    await look()
    clip = await make(library, pieces[EvidenceKind.CLIP])
    await look()
    await library.evidence_uploaded(clip, START)
    await look()
    for snapshot in (pieces, rest):
        await library.snapshot_sent("county", snapshot[EvidenceKind.SNAPSHOT].id)
    await library.evidence_failed(rest[EvidenceKind.CLIP], "no footage")
    await look()
    sizes = [one.bytes for one in await library.evidence_alarms(0, 10)]
    await library.close()
    assert sent == [False, False, False, True]
    assert sizes == [20, 10]
