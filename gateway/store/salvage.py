"""A damaged journal: what is still readable goes into a fresh one, the damaged file is set aside, never deleted."""

import contextlib
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from gateway.store.database import connect, is_damage, prepare_journal

logger = logging.getLogger(__name__)

#: Parents before children, so that foreign keys hold.
_TABLES = (
    "journal", "stream", "event", "delivery", "alarm", "point_level", "message", "presence", "hold", "gap",
    "account", "session", "access_log", "drill", "command",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of it."""

    set_aside: Path
    rows: int
    incomplete: tuple[str, ...]  # tables of which rows were lost


def salvage(path: Path, stamp: str) -> Salvaged:
    """Move the journal to `journal.damaged-{stamp}.db` and copy what can be read. Raises OSError, sqlite3.Error."""
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    fresh = connect(path)
    try:
        prepare_journal(fresh)
        fresh.execute("pragma foreign_keys = off")
        rows, incomplete = _copy(aside, fresh)
        _drop_strays(fresh)
    finally:
        fresh.close()
    logger.error("journal %s was damaged: %d rows salvaged, set aside as %s", path, rows, aside)
    return Salvaged(aside, rows, tuple(incomplete))


def _copy(aside: Path, fresh: sqlite3.Connection) -> tuple[int, list[str]]:
    total, incomplete = 0, []
    try:
        damaged = connect(aside)
    except sqlite3.Error as error:
        logger.warning("nothing in %s can be read: %s", aside, error)
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
    """Read forward until the damage, then backward from the end until the damage."""
    columns = [row[1] for row in fresh.execute(f"pragma table_info({table})")]
    key = [row[1] for row in fresh.execute(f"pragma table_info({table})") if row[5]] or columns[:1]
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    insert = f"insert or ignore into {table} ({names}) values ({marks})"  # noqa: S608 - our own table and column names
    count, whole = 0, True
    for direction in ("asc", "desc"):
        order = ", ".join(f"{column} {direction}" for column in key)
        fresh.execute("begin")
        try:
            for row in damaged.execute(f"select {names} from {table} order by {order}"):  # noqa: S608 - as above
                count += fresh.execute(insert, row).rowcount
        except sqlite3.DatabaseError as error:
            if not is_damage(error) and not isinstance(error, sqlite3.OperationalError):
                raise
            whole = False
        finally:
            fresh.execute("commit")
        if whole:
            break
    return count, whole


def _drop_strays(fresh: sqlite3.Connection) -> None:
    """Rows whose other half was lost can't be delivered or shown; the damaged file still has them."""
    fresh.execute("begin")
    fresh.execute(
        "delete from delivery where event not in (select id from event) or stream_id not in (select id from stream)"
    )
    fresh.execute("update hold set alarm_id = null where alarm_id not in (select id from alarm)")
    fresh.execute("delete from session where account not in (select name from account)")
    fresh.execute("commit")
