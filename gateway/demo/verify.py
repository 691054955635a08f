"""Is anything missing: the gateway's journal, the county's store, the timeline and the shelf held against each other."""

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import to_ms
from gateway.demo.play import STEPS, Day
from gateway.demo.stage import Stage
from gateway.demo.words import Words
from gateway.recording.check import check_footage
from gateway.store.check import check_journal
from gateway.store.database import connect


@dataclass(frozen=True, slots=True)
class Journalled:
    """An event of the journal, with its number for the county and whether that is confirmed."""

    id: str
    type: str
    subject: str
    sequence: int
    is_confirmed: bool


async def missing(stage: Stage, day: Day | None, words: Words, *, exit_code: int | None) -> list[str]:
    """What is missing at the end, in words; empty if nothing is.

    The gateway has ended with that exit code (None: it was dead already). Without a `day` that was to be played, only
    what holds at any moment is asked for: whatever was journalled has reached the county.
    """
    events = {event.id for event in await stage.county.events()}
    found = [*_of_way(stage, words), *await asyncio.to_thread(_of_journal, stage, events, words)]
    if exit_code not in {0, None}:
        found.append(words("miss-exit", code=exit_code))
    if day is not None:
        found = [
            *_of_day(day, stage, words),
            *found,
            *_of_pictures(stage, words),
            *await asyncio.to_thread(_of_shelf, stage, words),
        ]
    return list(dict.fromkeys(found))


def _of_day(day: Day, stage: Stage, words: Words) -> Iterator[str]:
    if day.failed is not None:
        step, why = day.failed
        yield words("miss-step", step=words(f"step-{step}"), why=why)
    for step in STEPS[len(day.done) + (day.failed is not None) :]:
        yield words("miss-not-begun", step=words(f"step-{step}"))
    for row in stage.timeline.unanswered():
        yield words("miss-press", time=f"{row.pressed:%H:%M:%S}", point=row.subject)


def _of_pictures(stage: Stage, words: Words) -> Iterator[str]:
    for evidence in sorted(stage.unseen()):
        yield words("miss-snapshot", evidence=evidence)


def _of_way(stage: Stage, words: Words) -> Iterator[str]:
    """What the county says, and the gateway's receipts."""
    report = stage.county.report()
    for gap in report.gaps:
        yield words("miss-gap", first=gap.first, last=gap.last)
    for violation in report.violations:
        yield words("miss-violation", rule=violation.rule, detail=violation.detail)
    if len(report.streams) != 1:
        yield words("miss-stream", count=len(report.streams))
    for row in stage.timeline.missing_receipts():
        yield words("miss-receipt", sequence=row.sequence, type=words(row.type), subject=row.subject)


def _of_journal(stage: Stage, stored: set[str], words: Words) -> list[str]:
    """Each event of the outbox, by its id."""
    try:
        journalled = read_journal(_journal(stage))
    except sqlite3.Error as error:
        return [words("miss-invariant", finding=error)]
    return [
        words(
            "miss-receipt" if event.id in stored else "miss-event",
            sequence=event.sequence,
            type=words(event.type),
            subject=event.subject,
        )
        for event in journalled
        if event.id not in stored or not event.is_confirmed
    ]


def _of_shelf(stage: Stage, words: Words) -> list[str]:
    """The footage, and every numbered invariant that can be asked of the files."""
    found = [words("miss-expired", file=path.name) for path in stage.seeded.expired if path.exists()]
    if not stage.seeded.held.exists():
        found.append(words("miss-held", file=stage.seeded.held.name))
    if not stage.recorded():
        found.append(words("miss-recorded"))
    journal, now_ms = _journal(stage), to_ms(stage.clock.now())
    findings = [*check_journal(journal), *check_footage(stage.site.recording_dir, journal, now_ms)]
    return found + [words("miss-invariant", finding=finding) for finding in findings]


def _journal(stage: Stage) -> Path:
    return stage.site.site.state_dir / "journal.db"


def read_journal(path: Path) -> list[Journalled]:
    """Every event in the outbox, in order. Raises sqlite3.Error."""
    db = connect(path, readonly=True)
    try:
        rows = db.execute(
            "select e.event_id, e.type, e.subject, d.sequence, d.confirmed_ms is not null"
            " from delivery d join event e on e.id = d.event order by d.stream_id, d.sequence"
        ).fetchall()
    finally:
        db.close()
    return [
        Journalled(event_id, event_type, subject, sequence, bool(confirmed))
        for event_id, event_type, subject, sequence, confirmed in rows
    ]
