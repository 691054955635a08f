"""`fsck` for footage: is every file on the shelf owned by one row, and is nothing held about to be deleted (I6, I7)."""

import sqlite3
from pathlib import Path

from gateway.recording.shelf import Shelf
from gateway.store.check import Finding
from gateway.store.database import connect


def check_footage(recording_dir: Path, journal: Path, now_ms: int) -> list[Finding]:
    """Everything that is wrong with library and shelf; empty if nothing. Changes nothing.

    A running daemon places and deletes files meanwhile: run it on one that has stopped, or take findings of the last
    minutes with care.
    """
    library = recording_dir / "library.db"
    if not library.exists():
        if not any(Shelf(recording_dir).cameras()):
            return []
        return [
            Finding(6, f"there is footage, but no library at {library}; the gateway rebuilds it at its start")
        ]
    try:
        db = connect(library, readonly=True)
        try:
            found = [
                Finding(0, f"the library is damaged: {text}")
                for (text,) in db.execute("pragma integrity_check(20)")
                if text != "ok"
            ]
            return found or [*_ownership(db, Shelf(recording_dir)), *_held_garbage(db, journal, now_ms)]
        finally:
            db.close()
    except sqlite3.Error as error:
        return [Finding(0, f"the library {library} can't be read: {error}")]


def _ownership(db: sqlite3.Connection, shelf: Shelf) -> list[Finding]:
    findings = []
    segments = dict(db.execute("select path, bytes from segment"))
    garbage = {path for (path,) in db.execute("select path from garbage")}
    findings += [
        Finding(6, f"{path} is both segment and garbage") for path in sorted(segments.keys() & garbage)
    ]
    there: set[str] = set()
    for camera in shelf.cameras():
        for day in shelf.days(camera):
            there.update(shelf.files(camera, day))
    findings += [
        Finding(6, f"{path} is on the shelf and no row owns it; the gateway adopts it at its start")
        for path in sorted(there - segments.keys() - garbage)
    ]
    for path, expected in sorted(segments.items()):
        size = _size(shelf.path(path))
        if size is None:
            findings.append(Finding(6, f"{path} has a row, and is not on the shelf"))
        elif size != expected:
            findings.append(Finding(6, f"{path} has {size} bytes, its row says {expected}"))
    return findings


def _size(file: Path) -> int | None:
    """None where there is none, or none any more: a running daemon deletes."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _held_garbage(db: sqlite3.Connection, journal: Path, now_ms: int) -> list[Finding]:
    if not journal.exists():
        return []
    try:
        live = _live_holds(journal, now_ms)
    except sqlite3.Error as error:
        return [Finding(7, f"which footage is held can't be said: {journal} can't be read: {error}")]
    return [
        Finding(7, f"{path} is condemned, though it is held; the gateway makes it a segment again")
        for camera, start, end, path in db.execute("select camera, start_ms, end_ms, path from garbage")
        if any(held == camera and start < to and end > since for held, since, to in live)
    ]


def _live_holds(journal: Path, now_ms: int) -> list[tuple[str, int, int]]:
    holds = connect(journal, readonly=True)
    try:
        return holds.execute(
            "select camera, from_ms, to_ms from hold where expires_ms is null or expires_ms > ?", (now_ms,)
        ).fetchall()
    finally:
        holds.close()
