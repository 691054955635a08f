"""Where the journal is kept just now: on its disk, or in memory while the disk fails (DESIGN "A dying disk").

Everything here runs in the journal writer's thread.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from gateway.clock import Clock, to_ms
from gateway.errors import JournalUnwritable
from gateway.model import Durability
from gateway.policy.holds import HoldRules
from gateway.store import side
from gateway.store.ballast import Ballast
from gateway.store.basis import knows_streams, recall, take_over, write_basis
from gateway.store.database import (
    Moved,
    check_pages,
    connect,
    connect_memory,
    is_busy,
    is_damage,
    is_full,
    prepare_journal,
)
from gateway.store.merge import merge_into_disk, seed
from gateway.store.mirror import Mirror
from gateway.store.salvage import finish, salvage, unfinished

logger = logging.getLogger(__name__)

#: Rows of the outbox that memory mode takes over from a disk that can still be read.
SEED_LIMIT = 20_000

#: How often a batch is tried while another process holds the file: about 2 s in all (database.connect).
BUSY_TRIES = 3

#: A journal up to this size has all its pages checked at start (about a second on flash); a larger one is left to `fsck`.
CHECKED_AT_START_BYTES = 256 * 1024 * 1024


class JournalDisk:
    """Opens the journal, and decides after a failure: the ballast, the file once more, or memory.

    `durability` and `reason` say where it is kept and why; `origin` why its numbers can't be proved to go on
    (empty: they can). `mirror` seeds memory mode and is loaded at opening. `begin_streams(db, reason)` starts a new
    stream for every destination. `on_change` is called after each change between disk and memory, and when the
    ballast was given up.
    """

    def __init__(
        self,
        path: Path,
        *,
        side_path: Path,
        ballast: Ballast,
        mirror: Mirror,
        clock: Clock,
        rules: HoldRules,
        begin_streams: Callable[[sqlite3.Connection, str], None],
        on_change: Callable[[], object],
    ) -> None:
        self.path = path
        self.durability = Durability.DISK
        self.reason = ""
        self.origin = ""
        self.boot = 0
        self.newest_ms = 0  # the latest stamp from before this start: a clock behind it is wrong
        self.ballast = ballast
        self._side_path = side_path
        self._mirror = mirror
        self._clock = clock
        self._rules = rules
        self._begin_streams = begin_streams
        self._on_change = on_change
        self._identity: tuple[int, int] | None = None

    # ---- start

    def open(self) -> sqlite3.Connection:
        """The journal on its disk, salvaged if need be; else in memory. Never raises for a bad disk."""
        db = None
        try:
            db = self._open_or_salvage()
            db.execute("update journal set boot = boot + 1")
            boot, heartbeat, event = db.execute(
                "select boot, heartbeat_ms, (select max(recorded_ms) from event) from journal"
            ).fetchone()
            self.boot = int(boot)
            self.newest_ms = max(int(heartbeat), int(event or 0))
        except (sqlite3.Error, OSError) as error:
            if db is not None:
                db.close()
            self.boot = recall(self._mirror, self.path, self._side_path)
            return self._to_memory(str(error), self._readonly)
        lost = self._mirror.heads if self.origin else {}
        self._mirror.load(db)
        self._mirror.heads |= lost  # the stream that a new one follows
        return db

    def _open_or_salvage(self) -> sqlite3.Connection:
        if unfinished(self.path):
            finish(self.path)
            self.origin = "journal-salvaged"
            self.reason = "the journal was damaged; the power went while it was salvaged, which is done now"
        existed = self.path.exists()
        try:
            db = self._open_file(check=existed)
        except sqlite3.Error as error:
            if not is_damage(error) or not existed:
                raise
            self._salvage(error)
            return self._open_file(check=False)
        try:
            if not existed or db.execute("select count(*) from journal").fetchone()[0] == 0:
                self._begin(db)
            elif self.durability is Durability.DISK:
                self._take_over_lost_memory(db)
            if self.origin == "journal-salvaged":
                self._basis(db, side.read(self._side_path) or Mirror())
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _open_file(self, *, check: bool) -> sqlite3.Connection:
        db = connect(self.path)
        try:
            if check and self.path.stat().st_size <= CHECKED_AT_START_BYTES:
                check_pages(db)
            prepare_journal(db)
            stat = self.path.stat()
        except (sqlite3.Error, OSError):
            db.close()
            raise
        self._identity = (stat.st_dev, stat.st_ino)
        return db

    def _begin(self, db: sqlite3.Connection) -> None:
        """A fresh journal: the side copy says whether there was one before it, and which alarms were open."""
        before = side.read(self._side_path)
        self.origin = "journal-lost" if before is not None or self._side_path.exists() else "first-start"
        self._mirror.heads = before.heads if before is not None else {}
        self._basis(db, before or Mirror())

    def _salvage(self, error: sqlite3.Error) -> None:
        found = salvage(self.path, str(to_ms(self._clock.now())))
        self.origin = "journal-salvaged"
        self.reason = f"the journal was damaged ({error}); set aside as {found.set_aside.name}, {found.rows} rows salvaged"
        before = side.read(self._side_path) or Mirror()
        db = connect(self.path)
        try:
            known = {row[0] for row in db.execute("select id from alarm")}
            lost = {key: alarm for key, alarm in before.open_alarms.items() if key not in known}
            self._basis(db, Mirror(open_alarms=lost, accounts=before.accounts, levels=before.levels))
        finally:
            db.close()

    def _take_over_lost_memory(self, db: sqlite3.Connection) -> None:
        """The daemon ended in memory mode and its disk is back: what memory knew is in the side copy."""
        before = side.read(self._side_path)
        if before is None or not before.in_memory or knows_streams(db, before):
            return
        take_over(db, before, now_ms=to_ms(self._clock.now()), rules=self._rules)
        self.origin = "memory-lost"
        self.reason = (
            "the gateway ended while its journal was in memory; its open alarms were taken from the side copy,"
            " events of that time are lost here"
        )
        self._mirror.heads = before.heads

    def _basis(self, db: sqlite3.Connection, known: Mirror) -> None:
        write_basis(db, known, now_ms=to_ms(self._clock.now()), rules=self._rules)

    # ---- while running

    def before_commit(self, db: sqlite3.Connection, batch: str) -> None:
        """Mark the batch, and make sure that the file written to is still the one at the journal's path."""
        if self.durability is Durability.DISK:
            try:
                stat = self.path.stat()
            except OSError as error:
                raise Moved(f"the journal is gone from {self.path}: {error.strerror}") from error
            if (stat.st_dev, stat.st_ino) != self._identity:
                raise Moved(f"another file has taken the journal's place at {self.path}")
        db.execute("update journal set last_batch = ?", (batch,))

    @staticmethod
    def was_committed(db: sqlite3.Connection, batch: str) -> bool:
        """Whether a COMMIT that failed took place after all."""
        row = db.execute("select last_batch from journal").fetchone()
        return row is not None and row[0] == batch

    def recover(
        self, db: sqlite3.Connection | None, error: sqlite3.Error, attempt: int
    ) -> sqlite3.Connection:
        """A connection to run the failed batch on again: the disk once or twice more, then memory."""
        if db is not None and is_busy(error) and attempt < BUSY_TRIES:
            return db
        if db is not None and isinstance(
            error, Moved
        ):  # its path shows another file, or none: it alone has the rows
            return self._to_memory(str(error), lambda: db)
        if db is not None:
            db.close()
        if self.durability is Durability.MEMORY:
            raise JournalUnwritable(f"even memory does not take it: {error}") from error
        freed = is_full(error) and self.ballast.release()
        if freed:
            self.reason = "the journal's disk is full: the reserve was given up"
            self._on_change()
        if (attempt == 0 or freed) and not is_damage(error):
            try:
                return self._open_file(check=False)
            except (sqlite3.Error, OSError) as again:
                return self._to_memory(str(again), self._readonly)
        return self._to_memory(str(error), self._readonly)

    def on_hang(self) -> sqlite3.Connection:
        """The disk does not answer: memory, without asking it for anything."""
        if self.durability is Durability.MEMORY:
            raise JournalUnwritable("even memory does not answer")
        return self._to_memory("the disk does not answer", None)

    def _to_memory(self, reason: str, disk: Callable[[], sqlite3.Connection] | None) -> sqlite3.Connection:
        """`disk` opens what can still be read of it; None: it is not to be asked."""
        logger.error("the journal's disk fails (%s): going on in memory", reason)
        memory = connect_memory()
        if disk is not None:
            self._seed(memory, disk)
        self._forget_superseded(memory)
        self._basis(memory, self._mirror)
        self.durability = Durability.MEMORY
        self._mirror.in_memory = True
        self.reason = reason
        self._begin_streams(memory, "memory-mode")
        self._on_change()
        return memory

    def _forget_superseded(self, memory: sqlite3.Connection) -> None:
        """An alarm of the disk whose cause has a later one in the mirror gives way to it."""
        for alarm in self._mirror.open_alarms.values():
            memory.execute(
                "delete from alarm where subject = ? and kind = ? and id <> ?",
                (alarm.source.subject, alarm.source.kind.value, alarm.id),
            )

    def _readonly(self) -> sqlite3.Connection:
        return connect(self.path, readonly=True)

    def _seed(self, memory: sqlite3.Connection, disk: Callable[[], sqlite3.Connection]) -> None:
        try:
            with contextlib.closing(disk()) as source:
                taken = seed(memory, source, list(self._mirror.heads), SEED_LIMIT)
            logger.warning("%d waiting deliveries were taken over from the disk", taken)
        except sqlite3.Error as error:
            logger.warning("what waited on the disk stays there until it returns: %s", error)

    # ---- the way back

    def probe(self) -> bool:
        """Whether the disk takes a write again. Salvages what it finds damaged. In a thread of its own: it may hang."""
        db = None
        try:
            db = self._open_or_salvage()
            db.execute("update journal set heartbeat_ms = ?", (to_ms(self._clock.now()),))
        except (sqlite3.Error, OSError) as error:
            logger.debug("the journal's disk still fails: %s", error)
            return False
        finally:
            # Left open, a connection of a read-only disk would keep SQLite read-only when the disk is not any more.
            if db is not None:
                db.close()
        return True

    def try_return(self, memory: sqlite3.Connection) -> sqlite3.Connection | None:
        """The journal on disk with everything that memory has, or None if the disk fails after all."""
        db = None
        try:
            db = self._open_file(check=False)
            merge_into_disk(memory, self.path, now_ms=to_ms(self._clock.now()), rules=self._rules)
        except (sqlite3.Error, OSError) as error:
            if db is not None:
                db.close()
            logger.debug("the journal's disk still fails: %s", error)
            return None
        memory.close()
        self.durability = Durability.DISK
        self._mirror.in_memory = False
        self.reason = ""
        self.origin = ""
        self._mirror.load(db)
        self._on_change()
        logger.warning("the journal is on its disk again")
        return db
