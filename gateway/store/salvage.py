"""A damaged journal: what is still readable goes into a fresh one, the damaged file is set aside, never deleted."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.store.database import connect, prepare_journal
from gateway.store.mirror import drop_unreadable
from gateway.store.side import sync_directory

logger = logging.getLogger(__name__)

#: Parents before children, so that foreign keys hold.
_TABLES = (
    "journal", "stream", "event", "delivery", "alarm", "point_level", "message", "presence", "hold", "gap",
    "account", "session", "access_log", "drill", "command", "silence", "arming", "bypass", "point_test", "output_test",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of it."""

    set_aside: Path
    rows: int
    incomplete: tuple[str, ...]  # tables of which rows were lost


def salvage(path: Path, stamp: str) -> Salvaged:
    """Copy what can be read into a fresh file, then set the journal aside as `journal.damaged-{stamp}.db`.

    All or nothing: until the fresh file is whole, the damaged one stays in its place. Raises OSError, sqlite3.Error
    where the disk does not take the copy.
    """
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    fresh_path = path.with_name(f"{path.stem}.salvage{path.suffix}")
    _remove(fresh_path)  # of a salvage that did not come to its end
    fresh = connect(fresh_path)
    try:
        prepare_journal(fresh)
        fresh.execute("pragma foreign_keys = off")
        fresh.execute("begin immediate")
        rows, incomplete = _copy(path, fresh)
        rows -= drop_unreadable(fresh)
        _drop_strays(fresh)
        fresh.execute("commit")
        fresh.execute("pragma wal_checkpoint(truncate)")
    finally:
        fresh.close()
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    fresh_path.rename(path)
    sync_directory(path.parent)
    logger.error("journal %s was damaged: %d rows salvaged, set aside as %s", path, rows, aside)
    return Salvaged(aside, rows, tuple(incomplete))


def unfinished(path: Path) -> bool:
    """Whether a salvage ended between setting the damaged file aside and putting the fresh one in its place."""
    return not path.exists() and path.with_name(f"{path.stem}.salvage{path.suffix}").exists()


def finish(path: Path) -> None:
    """Put the fresh file in its place. Raises OSError.

    What the damaged one has left beside it goes first: SQLite would play a foreign `-wal` into the fresh file.
    """
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(
                path.with_name(f"{path.stem}.stray{path.suffix}{suffix}")
            )
    path.with_name(f"{path.stem}.salvage{path.suffix}").rename(path)
    sync_directory(path.parent)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _copy(damaged_path: Path, fresh: sqlite3.Connection) -> tuple[int, list[str]]:
    total, incomplete = 0, []
    try:
        damaged = connect(damaged_path, readonly=True)
    except sqlite3.Error as error:
        logger.warning("nothing in %s can be read: %s", damaged_path, error)
        return 0, list(_TABLES)
    try:
        for table in _TABLES:
            copied, whole = _copy_table(damaged, fresh, table)
            total += copied
            if not whole:
                incomplete.append(table)
    finally:
        damaged.close()
    return total, incomplete


def _copy_table(damaged: sqlite3.Connection, fresh: sqlite3.Connection, table: str) -> tuple[int, bool]:
    """Read forward until the damage, then backward from the end until the damage. Raises what `fresh` refuses."""
    columns = [row[1] for row in fresh.execute(f"pragma table_info({table})")]
    key = [row[1] for row in fresh.execute(f"pragma table_info({table})") if row[5]] or columns[:1]
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    insert = f"insert or ignore into {table} ({names}) values ({marks})"  # noqa: S608 - our own table and column names
    count = 0
    for direction in ("asc", "desc"):
        order = ", ".join(f"{column} {direction}" for column in key)
        rows = _Readable(damaged, f"select {names} from {table} order by {order}")  # noqa: S608 - as above
        for row in rows:
            count += fresh.execute(insert, row).rowcount
        if rows.whole:
            return count, True
    return count, False


class _Readable:
    """The rows of a query up to the damage; `whole` says whether there was none."""

    def __init__(self, db: sqlite3.Connection, sql: str) -> None:
        self.whole = False
        self._db = db
        self._sql = sql

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(self._sql)
        except sqlite3.DatabaseError as error:
            logger.debug("damage: %s", error)
            return
        self.whole = True


def _drop_strays(fresh: sqlite3.Connection) -> None:
    """Rows whose other half was lost can't be delivered or shown; the damaged file still has them."""
    fresh.execute(
        "delete from delivery where event not in (select id from event) or stream_id not in (select id from stream)"
    )
    fresh.execute("update hold set alarm_id = null where alarm_id not in (select id from alarm)")
    fresh.execute("delete from session where account not in (select name from account)")
