"""The library: which footage there is, in order of recording; rows only, it never touches a file of footage."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from gateway.clock import from_ms, to_ms
from gateway.errors import GatewayError, JournalUnwritable
from gateway.policy.retention import Held, Load
from gateway.store.database import connect, is_damage
from gateway.store.hand import Hand
from gateway.store.library_evidence import EvidenceTable
from gateway.store.library_rows import (
    NewSegment,
    StoredSegment,
    Total,
    open_database,
    set_aside,
    stored,
)
from gateway.store.library_rows import add as add_row
from gateway.store.library_rows import days as days_of
from gateway.store.writer import Writer

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PAGE = 1000
_DAY_MS = 86_400_000


class LibraryUnusable(GatewayError):  # noqa: N818 - the design's way of saying it
    """The footage's disk does not take or give the library's rows: try again later. `damaged`: rebuild it."""

    def __init__(self, message: str, *, damaged: bool = False) -> None:
        self.damaged = damaged
        super().__init__(message)


class Library(EvidenceTable):
    """One for a recording directory. Every method raises LibraryUnusable while the disk fails.

    `identity` is a UUID, new with each fresh library; known once it is open.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "library.db"
        self._writer: Writer | None = None
        self._damaged = False
        self.identity = ""

    # ---- life

    async def open(self, *, stamp: str) -> None:
        """Open or create, anew if it is open; the shelf's orphans have to be adopted then.

        A damaged library, or one of another version, is set aside as `library.damaged-{stamp}.db`.
        """
        await self.close()
        writer = Writer(lambda _hand: _open_sound(self.path, stamp), recover=self._reopen, name="library")
        try:
            await writer.start()
        except (sqlite3.Error, OSError) as error:
            await writer.close()
            raise LibraryUnusable(f"{self.path} can't be opened: {error}") from error
        self._writer, self._damaged = writer, False
        self.identity = (await self._read(lambda db: db.execute("select identity from library").fetchone()))[
            0
        ]

    async def close(self) -> None:
        """Commit what waits and let go of the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    async def set_aside(self, *, stamp: str) -> None:
        """Close a library that was found damaged and put it away; `open` begins a fresh one. Raises OSError."""
        await self.close()
        await asyncio.to_thread(set_aside, self.path, stamp)

    # ---- segments

    async def add_segment(self, segment: NewSegment) -> int:
        """Own a file that was placed just now; its row's id. The same file again is the same row.

        A trusted one must have ended FRESH_MS ago at most: it dates what other cameras recorded before.
        """
        return await self._write(lambda db: add_row(db, segment, fresh=True))

    async def add_segments(self, segments: Sequence[NewSegment]) -> list[int]:
        """Own files of any age, in the order given, in one transaction; their rows' ids."""
        return await self._write(lambda db: [add_row(db, segment, fresh=False) for segment in segments])

    async def segments(
        self, camera: str, start: datetime, end: datetime, *, limit: int = 10_000
    ) -> list[StoredSegment]:
        """The camera's segments that touch an interval, oldest first; `limit` at most."""
        # No segment is longer than a day, which keeps the index useful for the one that began before `start`.
        sql = (
            "select * from segment where camera = ? and start_ms < ? and start_ms > ? and end_ms > ?"
            " order by start_ms limit ?"
        )
        begin = to_ms(start)
        return await self._select(sql, (camera, to_ms(end), begin - _DAY_MS, begin, limit))

    async def oldest(self, camera: str, limit: int, held: Held) -> tuple[list[StoredSegment], bool]:
        """The camera's first `limit` segments in order of recording that no hold touches, and whether there are more."""
        sql = "select * from segment where camera = ? and id > ? order by id limit ?"
        found: list[StoredSegment] = []
        last = 0
        while page := await self._select(sql, (camera, last, _PAGE)):
            last = page[-1].id
            found += [s for s in page if not held.touches(s.camera, s.start, s.end)]
            if len(found) > limit:
                return found[:limit], True
        return found, False

    async def ended_by(self, camera: str, moment: datetime, limit: int, held: Held) -> list[StoredSegment]:
        """The camera's footage that had ended by then, whenever it got its row; `limit` at most, none of it held.

        Oldest stamp first. Untrusted footage with a stamp after that moment is left out: `oldest` comes to it.
        """
        sql = (
            "select * from segment where camera = ? and start_ms <= ? and before_ms <= ?"
            " and (start_ms, id) > (?, ?) order by start_ms, id limit ?"
        )
        found: list[StoredSegment] = []
        border, last = to_ms(moment), (-(2**62), 0)
        while page := await self._select(sql, (camera, border, border, *last, _PAGE)):
            last = (to_ms(page[-1].start), page[-1].id)
            found += [s for s in page if not held.touches(s.camera, s.start, s.end)]
            if len(found) >= limit:
                break
        return found[:limit]

    async def last_end(self, camera: str) -> datetime | None:
        """When the camera's newest footage ends; None where there is none."""
        sql = "select end_ms from segment where camera = ? order by start_ms desc limit 1"
        rows = await self._read(lambda db: db.execute(sql, (camera,)).fetchall())
        return from_ms(rows[0][0]) if rows else None

    async def totals(self) -> Mapping[str, Total]:
        """What each camera has on the shelf, garbage not counted."""
        rows = await self._read(lambda db: db.execute("select camera, segments, bytes from total").fetchall())
        return {camera: Total(segments=segments, bytes=size) for camera, segments, size in rows}

    async def load(self, camera: str, since: datetime, *, at_least_s: float) -> Load | None:
        """How much the camera makes in a day of recording, from its footage since then; None if that is too little."""
        sql = "select sum(bytes), sum(end_ms - start_ms) from segment where camera = ? and start_ms >= ?"
        size, length_ms = await self._read(lambda db: db.execute(sql, (camera, to_ms(since))).fetchone())
        if not length_ms or length_ms < at_least_s * 1000:
            return None
        return Load(camera=camera, bytes_per_day=size * _DAY_MS / length_ms)

    async def held_bytes(self, camera: str, held: Held, before: datetime) -> int:
        """How much of the camera's footage that ended before then is kept by holds."""
        sql = (
            "select coalesce(sum(bytes), 0) from segment"
            " where camera = ? and start_ms <= ? and start_ms > ? and end_ms >= ? and end_ms < ?"
        )
        intervals = [(to_ms(a), to_ms(b)) for a, b in held.intervals(camera) if a < before]
        border = to_ms(before)

        def work(db: sqlite3.Connection) -> int:
            return sum(
                db.execute(sql, (camera, end, start - _DAY_MS, start, border)).fetchone()[0]
                for start, end in intervals
            )

        return await self._read(work)

    # ---- garbage: I7

    async def condemn(self, ids: Sequence[int], *, at: datetime) -> None:
        """Turn segments into garbage, all or none; one that is garbage already stays it."""

        def work(db: sqlite3.Connection) -> None:
            rows = [(number,) for number in ids]
            db.execute("create temp table if not exists condemned (id integer primary key)")
            db.execute("delete from condemned")
            db.executemany("insert or ignore into condemned values (?)", rows)
            found = db.execute("delete from segment where id in condemned returning *").fetchall()
            db.executemany("insert into garbage values (?,?,?,?,?,?,?,?)", [(*r, to_ms(at)) for r in found])

        await self._write(work)

    async def restore(self, ids: Sequence[int]) -> None:
        """Turn garbage into segments again, with the ids they had."""

        def work(db: sqlite3.Connection) -> None:
            for number in ids:
                row = db.execute("delete from garbage where id = ? returning *", (number,)).fetchone()
                if row is not None:
                    db.execute("insert into segment values (?,?,?,?,?,?,?)", row[:-1])

        await self._write(work)

    async def garbage(self, limit: int) -> list[StoredSegment]:
        """Files that are to be unlinked, first condemned first; `limit` at most."""
        return await self._select("select * from garbage order by condemned_ms, id limit ?", (limit,))

    async def forget(self, ids: Sequence[int]) -> None:
        """The files of this garbage are gone from the disk: so are their rows."""
        rows = [(number,) for number in ids]
        await self._write(lambda db: db.executemany("delete from garbage where id = ?", rows))

    # ---- files and rows held against each other: I6

    async def days(self, camera: str) -> list[str]:
        """The days (YYYY-MM-DD) of which a camera has rows of either kind."""
        return await self._read(lambda db: days_of(db, camera))

    async def cameras(self) -> list[str]:
        """The cameras that have rows of either kind."""
        sql = "select camera from total where segments > 0 union select camera from garbage order by camera"
        return [row[0] for row in await self._read(lambda db: db.execute(sql).fetchall())]

    async def paths(self, camera: str, day: str) -> set[str]:
        """The paths of a camera's day that have a row, segment or garbage."""
        folder = (f"{camera}/{day}/", f"{camera}/{day}0")  # '0' follows '/'
        rows = await self._read(
            lambda db: [
                *db.execute("select path from segment where path > ? and path < ?", folder),
                *db.execute("select path from garbage where path > ? and path < ?", folder),
            ]
        )
        return {row[0] for row in rows}

    async def disown(self, paths: Iterable[str]) -> list[StoredSegment]:
        """Forget segments and garbage whose files are not there; the segments that were lost so."""
        gone = [(path,) for path in paths]

        def work(db: sqlite3.Connection) -> list[StoredSegment]:
            sql = "delete from segment where path = ? returning *"
            lost = [stored(row) for path in gone for row in db.execute(sql, path).fetchall()]
            db.executemany("delete from garbage where path = ?", gone)
            return lost

        return await self._write(work)

    # ---- the writer

    async def _select(
        self, sql: str, parameters: Sequence[Any]
    ) -> list[StoredSegment]:  # Any: SQLite's values
        return await self._read(lambda db: [stored(row) for row in db.execute(sql, parameters)])

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._guarded(lambda writer: writer.on_thread(work))

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._guarded(lambda writer: writer.write(work))

    async def _guarded(self, call: Callable[[Writer], Awaitable[T]]) -> T:
        if self._writer is None:
            raise LibraryUnusable(f"{self.path} is not open")
        try:
            return await call(self._writer)
        except JournalUnwritable as error:
            raise LibraryUnusable(f"{self.path}: {error}", damaged=self._damaged) from error
        except sqlite3.Error as error:
            raise LibraryUnusable(f"{self.path}: {error}", damaged=is_damage(error)) from error

    def _reopen(self, hand: Hand, error: sqlite3.Error, attempt: int) -> sqlite3.Connection:
        """Once, in the writer's thread; after that the disk is given up for the time being, its connection stays open."""
        self._damaged = self._damaged or is_damage(error)
        if attempt > 0 or not self.path.exists():
            raise JournalUnwritable(str(error)) from error
        fresh = connect(self.path)
        with contextlib.suppress(sqlite3.Error):  # it has failed already
            hand.close()
        return fresh


def _open_sound(path: Path, stamp: str) -> sqlite3.Connection:
    """The library, or a fresh one in the place of a damaged one."""
    try:
        return open_database(path)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        logger.warning("%s is damaged (%s)", path, error)
    set_aside(path, stamp)
    return open_database(path)
