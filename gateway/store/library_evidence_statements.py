"""How evidence becomes rows of the library and comes back: statements inside the writer's transaction, nothing else."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.clock import from_ms, to_ms
from gateway.policy.evidence import EvidenceKind, Known, Longer, Press, Wanted
from gateway.store.evidence_rows import EvidenceRow, EvidenceState, Subject

_SUFFIX = {EvidenceKind.SNAPSHOT: ".jpg", EvidenceKind.CLIP: ".mp4"}
#: The columns of a row, in the order of `row_of`.
COLUMNS = (
    "id, alarm, camera, kind, state, at_ms, press, from_ms, to_ms, path, subject, bytes, sha256, reason,"
    " created_ms, uploaded_ms"
)


def row_of(row: tuple[Any, ...], folder: Path) -> EvidenceRow:  # Any: SQLite's values
    """A row of COLUMNS; `folder` is where evidence lies."""
    (
        number_id,
        alarm,
        camera,
        kind,
        state,
        at,
        press,
        start,
        end,
        path,
        subject,
        size,
        sha,
        why,
        made,
        up,
    ) = row
    return EvidenceRow(
        id=number_id,
        alarm=alarm,
        camera=camera,
        kind=EvidenceKind(kind),
        state=EvidenceState.FAILED if state == "condemned" else EvidenceState(state),
        at=from_ms(at),
        press=press,
        start=from_ms(start),
        end=from_ms(end),
        path=folder / path,
        bytes=size,
        sha256=sha,
        reason=why,
        created=from_ms(made),
        uploaded=None if up is None else from_ms(up),
        subject=Subject(**json.loads(subject)),
    )


def relative_path(evidence: str, kind: EvidenceKind, created: datetime) -> str:
    """Where a piece of evidence lies below the evidence folder; the day is UTC's."""
    return f"{created:%Y-%m-%d}/{evidence}{_SUFFIX[kind]}"


def known(db: sqlite3.Connection, alarm: str) -> list[Known]:
    """All evidence of an alarm, as the policy takes it."""
    rows = db.execute(
        "select id, camera, kind, press, from_ms, to_ms, state from evidence where alarm = ? order by number",
        (alarm,),
    )
    return [
        Known(
            id=evidence,
            camera=camera,
            kind=EvidenceKind(kind),
            press=press,
            start=from_ms(start),
            end=from_ms(end),
            waiting=state == "waiting",
        )
        for evidence, camera, kind, press, start, end, state in rows
    ]


def lengthen(db: sqlite3.Connection, step: Longer, press: Press) -> None:
    """A waiting clip goes on."""
    db.execute(
        "update evidence set to_ms = ?, press = ? where id = ?", (to_ms(step.end), press.number, step.id)
    )


def ask(db: sqlite3.Connection, evidence: str, wanted: Wanted, press: Press, now: datetime) -> None:
    """A new row that waits."""
    source = press.alarm.source
    subject = Subject(
        kind=source.kind.value,
        severity=source.severity.value,
        point=source.point,
        zone=source.zone.id if source.zone else None,
        drill=press.drill,
        clock=press.clock,
    )
    db.execute(
        "insert into evidence (id, alarm, camera, kind, state, at_ms, press, from_ms, to_ms, path, subject, created_ms)"
        " values (?,?,?,?,'waiting',?,?,?,?,?,?,?)",
        (
            evidence,
            press.alarm.id,
            wanted.camera,
            wanted.kind.value,
            to_ms(press.at),
            press.number,
            to_ms(wanted.start),
            to_ms(wanted.end),
            relative_path(evidence, wanted.kind, now),
            json.dumps(asdict(subject), ensure_ascii=False),
            to_ms(now),
        ),
    )


def insert(db: sqlite3.Connection, row: EvidenceRow) -> int | None:
    """A row as it is; its number, None where there is one of its id."""
    found = db.execute(
        "insert into evidence (id, alarm, camera, kind, state, at_ms, press, from_ms, to_ms, path, subject, bytes,"
        " sha256, created_ms) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?) on conflict do nothing returning number",
        (
            row.id,
            row.alarm,
            row.camera,
            row.kind.value,
            row.state.value,
            to_ms(row.at),
            row.press,
            to_ms(row.start),
            to_ms(row.end),
            f"{row.path.parent.name}/{row.path.name}",
            json.dumps(asdict(row.subject), ensure_ascii=False),
            row.bytes,
            row.sha256,
            to_ms(row.created),
        ),
    ).fetchone()
    return None if found is None else int(found[0])


def enqueue(db: sqlite3.Connection, number: int, destinations: Sequence[str]) -> None:
    """A snapshot is to be sent to these."""
    db.executemany(
        "insert or ignore into snapshot_sending values (?, ?)", [(name, number) for name in destinations]
    )


def dequeue(db: sqlite3.Connection, evidence: Iterable[str]) -> None:
    """A snapshot whose file is not there is sent to nobody."""
    db.executemany(
        "delete from snapshot_sending where evidence in"
        " (select number from evidence where id = ? and state in ('waiting', 'failed'))",
        [(one,) for one in evidence],
    )
