"""How the journal's file is opened: as it was, fresh, salvaged, or with what the side copy knows of a life in memory."""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import Clock, to_ms
from gateway.policy.holds import HoldRules
from gateway.store import side
from gateway.store.basis import knows_streams, take_over, write_basis
from gateway.store.database import check_pages, connect, is_damage, prepare_journal
from gateway.store.mirror import Mirror
from gateway.store.rows import StreamHead
from gateway.store.salvage import finish, salvage, unfinished

#: A journal up to this size has all its pages checked at start (about a second on flash); a larger one is left to `fsck`.
CHECKED_AT_START_BYTES = 256 * 1024 * 1024

#: Device and inode.
Identity = tuple[int, int]


@dataclass(slots=True)
class Opened:
    """The file; why its numbers can't be proved to go on (empty: they can), in words too; the streams that new ones follow."""

    db: sqlite3.Connection
    identity: Identity
    origin: str = ""
    reason: str = ""
    heads: dict[str, StreamHead] = field(default_factory=dict)


class Opener:
    """Blocks for the disk, and changes nothing but its files: for any thread."""

    def __init__(self, path: Path, *, side_path: Path, clock: Clock, rules: HoldRules) -> None:
        self._path = path
        self._side_path = side_path
        self._clock = clock
        self._rules = rules

    def open(self, *, after_memory: bool) -> Opened:
        """The file, fit to be written. `after_memory`: this very life is in memory, and will be merged into it.

        Raises sqlite3.Error, OSError as the disk has it.
        """
        origin, reason = "", ""
        if unfinished(self._path):
            finish(self._path)
            origin = "journal-salvaged"
            reason = "the journal was damaged; the power went while it was salvaged, which is done now"
        existed = self._path.exists()
        try:
            db, identity = self.open_file(check=existed)
        except sqlite3.Error as error:
            if not is_damage(error) or not existed:
                raise
            reason = self._salvage(error)
            return Opened(*self.open_file(check=False), "journal-salvaged", reason)
        found = Opened(db, identity, origin, reason)
        try:
            if not existed or db.execute("select count(*) from journal").fetchone()[0] == 0:
                self._begin(found)
            elif not after_memory:
                self._take_over_lost_memory(found)
            if origin:
                self._basis(db, side.read(self._side_path) or Mirror())
        except sqlite3.Error:
            db.close()
            raise
        return found

    def open_file(self, *, check: bool) -> tuple[sqlite3.Connection, Identity]:
        """The file and what it is on its disk, salvaged by nobody. `check` looks at its pages and what lies open in it.

        Raises as `open` does.
        """
        db = connect(self._path)
        try:
            if check and self._path.stat().st_size <= CHECKED_AT_START_BYTES:
                check_pages(db)
            prepare_journal(db)
            if check:
                Mirror().load(db)
            stat = self._path.stat()
        except (sqlite3.Error, OSError):
            db.close()
            raise
        return db, (stat.st_dev, stat.st_ino)

    def _begin(self, found: Opened) -> None:
        """A fresh journal: the side copy says whether there was one before it, and which alarms were open."""
        before = side.read(self._side_path)
        found.origin = "journal-lost" if before is not None or self._side_path.exists() else "first-start"
        found.heads = before.heads if before is not None else {}
        self._basis(found.db, before or Mirror())

    def _salvage(self, error: sqlite3.Error) -> str:
        """Returns what happened, in words."""
        found = salvage(self._path, str(to_ms(self._clock.now())))
        before = side.read(self._side_path) or Mirror()
        db = connect(self._path)
        try:
            known = {row[0] for row in db.execute("select id from alarm")}
            lost = {key: alarm for key, alarm in before.open_alarms.items() if key not in known}
            before.open_alarms = lost
            self._basis(db, before)
        finally:
            db.close()
        return f"the journal was damaged ({error}); set aside as {found.set_aside.name}, {found.rows} rows salvaged"

    def _take_over_lost_memory(self, found: Opened) -> None:
        """The daemon ended in memory mode and its disk is back: what memory knew is in the side copy."""
        before = side.read(self._side_path)
        if before is None or not before.in_memory or knows_streams(found.db, before):
            return
        take_over(found.db, before, now_ms=to_ms(self._clock.now()), rules=self._rules)
        found.origin = "memory-lost"
        found.reason = (
            "the gateway ended while its journal was in memory; its open alarms were taken from the side copy,"
            " events of that time are lost here"
        )
        found.heads = before.heads

    def _basis(self, db: sqlite3.Connection, known: Mirror) -> None:
        write_basis(db, known, now_ms=to_ms(self._clock.now()), rules=self._rules)
