"""The library's file and its rows as values: how it is opened, set aside, and how a segment becomes a row and back."""

import contextlib
import logging
import sqlite3
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.clock import from_ms, to_ms
from gateway.policy.retention import Segment
from gateway.store.database import Damaged, apply_script, connect, schema_text

logger = logging.getLogger(__name__)

#: What brings a library from each version to the next, from nothing on. One of a later version is rebuilt from the files.
_STEPS = ("library.sql", "library_evidence.sql")
LIBRARY_VERSION = len(_STEPS)

#: What is added one at a time was recorded so lately; what is adopted from the shelf may be of any age.
FRESH_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSegment(Segment):
    """A segment and where its file lies, below the shelf."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSegment:
    """A file that was placed on the shelf and has no row yet. `trusted`: its stamps are by a trusted clock."""

    camera: str
    start: datetime
    end: datetime
    bytes: int
    path: str
    trusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What a camera has on the shelf."""

    segments: int
    bytes: int


def open_database(path: Path) -> sqlite3.Connection:
    """Open, create or bring up to date. Raises OSError, sqlite3.Error, Damaged for a later version's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = connect(path)
    try:
        version = db.execute("pragma user_version").fetchone()[0]
        if version > LIBRARY_VERSION:
            raise Damaged(f"version {version}, this program knows {LIBRARY_VERSION}")
        for step in range(version, LIBRARY_VERSION):
            apply_script(db, schema_text(_STEPS[step]), step + 1)
        db.execute("insert or ignore into library values (1, ?)", (str(uuid.uuid4()),))
        db.execute("select count(*) from total").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db


def set_aside(path: Path, stamp: str) -> None:
    """Move the file to `{name}.damaged-{stamp}.db`, with what belongs to it. Raises OSError."""
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    logger.error("%s was damaged and is kept as %s; it is filled again from the shelf", path, aside)


def stored(row: tuple[Any, ...]) -> StoredSegment:  # Any: SQLite's values
    """A whole row of segment, or of garbage, which has one column more."""
    number, camera, start_ms, end_ms, size, path, before_ms = row[:7]
    return StoredSegment(
        id=number,
        camera=camera,
        start=from_ms(start_ms),
        end=from_ms(end_ms),
        bytes=size,
        ended_by=None if before_ms is None else from_ms(before_ms),
        path=path,
    )


def add(db: sqlite3.Connection, segment: NewSegment, *, fresh: bool) -> int:
    """Insert a segment; its id, also where its file has a row already.

    A trusted one dates what was recorded before it by a clock that was not; a fresh one (it ended FRESH_MS ago at
    most) also that of the other cameras, some of which may never be recorded again.
    """
    start_ms, end_ms = to_ms(segment.start), to_ms(segment.end)
    if segment.trusted:
        db.execute(
            "update segment set before_ms = ? where camera = ? and before_ms is null",
            (start_ms, segment.camera),
        )
        if fresh:
            db.execute("update segment set before_ms = ? where before_ms is null", (end_ms + FRESH_MS,))
    row = (segment.camera, start_ms, end_ms, segment.bytes, segment.path, end_ms if segment.trusted else None)
    db.execute(
        "insert into segment (camera, start_ms, end_ms, bytes, path, before_ms) values (?,?,?,?,?,?)"
        " on conflict (path) do nothing",
        row,
    )
    return int(db.execute("select id from segment where path = ?", (segment.path,)).fetchone()[0])


def days(db: sqlite3.Connection, camera: str) -> list[str]:
    """The days of which a camera has rows, found by leaping from one to the next on the index of paths."""
    found: set[str] = set()
    for sql in (
        "select min(path) from segment where path > ? and path < ?",
        "select min(path) from garbage where path > ? and path < ?",
    ):
        after = f"{camera}/"
        while (path := db.execute(sql, (after, f"{camera}0")).fetchone()[0]) is not None:
            day = path.split("/")[1]
            found.add(day)
            after = f"{camera}/{day}0"
    return sorted(found)
