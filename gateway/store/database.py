"""How a database file of ours is opened: pragmas, schema, migrations, and what counts as damage."""

import sqlite3
from importlib.resources import files
from pathlib import Path

#: The version of schema.sql; `migrations/NNN.sql` brings version NNN-1 to NNN.
SCHEMA_VERSION = 2

#: Another process (`users`, a technician's sqlite3) may hold the file; alarms wait for it no longer than this a try.
_BUSY_TIMEOUT_MS = 500


class Damaged(sqlite3.DatabaseError):
    """The file is a database no more, or its pages contradict each other: salvage it."""


class Moved(sqlite3.OperationalError):
    """The file that is open is no longer the one at its path: what is written to it would be lost."""


class TooNew(sqlite3.OperationalError):
    """The file is of a later version of this program: it is whole, and not ours to take apart."""


def connect(path: Path | str, *, readonly: bool = False) -> sqlite3.Connection:
    """Open with our pragmas: WAL, synchronous=FULL, foreign keys. Transactions are begun by hand.

    Raises sqlite3.Error as the file system has it.
    """
    db = sqlite3.connect(
        uri(path, "ro" if readonly else "rwc"),
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_TIMEOUT_MS / 1000,
        cached_statements=256,
    )
    try:
        if not readonly:
            db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute("pragma foreign_keys = on")
        db.execute("pragma temp_store = memory")
    except sqlite3.Error:
        db.close()
        raise
    return db


def connect_memory(copied: sqlite3.Connection | None = None) -> sqlite3.Connection:
    """A journal in memory, for memory mode: empty, or as another one is."""
    db = sqlite3.connect(
        ":memory:", uri=True, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    if copied is not None:
        copied.backup(db)
    db.execute("pragma foreign_keys = on")
    prepare_journal(db)
    return db


def prepare_journal(db: sqlite3.Connection) -> None:
    """Bring the journal's schema to the newest version. Raises TooNew for a file of a later version."""
    version = db.execute("pragma user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise TooNew(
            f"the journal has schema {version}, this program knows {SCHEMA_VERSION}: install the newer one"
        )
    if version == 0:
        apply_script(db, schema_text("schema.sql"), SCHEMA_VERSION)
    for step in range(version + 1 if version else SCHEMA_VERSION + 1, SCHEMA_VERSION + 1):
        apply_script(db, schema_text(f"migrations/{step:03d}.sql"), step)


def schema_text(name: str) -> str:
    """A SQL file of this package."""
    return files("gateway.store").joinpath(name).read_text(encoding="utf-8")


def apply_script(db: sqlite3.Connection, script: str, version: int) -> None:
    """Run a SQL file and set the version, all or nothing."""
    db.executescript(f"begin immediate;\n{script}\npragma user_version = {version};\ncommit;")


def check_pages(db: sqlite3.Connection) -> None:
    """Raises Damaged where the file's pages contradict each other."""
    try:
        found = [row[0] for row in db.execute("pragma quick_check(10)")]
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            raise Damaged(str(error)) from error
        raise
    if found != ["ok"]:
        raise Damaged("; ".join(found))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, not the disk under it."""
    return isinstance(error, Damaged) or _primary(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_disk_failure(error: sqlite3.Error) -> bool:
    """Whether the disk does not take or give bytes: full, EIO, read-only, gone."""
    return isinstance(error, Moved) or _primary(error) in {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
    }


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk is full."""
    return _primary(error) == sqlite3.SQLITE_FULL


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the file just now."""
    return _primary(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code, the low byte of the extended one; 0 where there is none."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def uri(path: Path | str, mode: str) -> str:
    """What SQLite opens a file by; `mode` is ro, rw or rwc."""
    escaped = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{escaped}?mode={mode}"
