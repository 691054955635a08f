"""Where the journal is kept just now: on its disk, or in memory while the disk fails (DESIGN "A dying disk").

All of it runs in the journal writer's thread, but for `probe`, which asks the disk in a thread of its own, and `on_hang`.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from gateway.clock import Clock, to_ms
from gateway.errors import JournalUnwritable
from gateway.model import Durability
from gateway.policy.holds import HoldRules
from gateway.store import side
from gateway.store.ballast import Ballast
from gateway.store.basis import recall, write_basis
from gateway.store.database import (
    Moved,
    connect,
    connect_memory,
    is_busy,
    is_damage,
    is_full,
)
from gateway.store.hand import Hand
from gateway.store.merge import merge_into_disk, seed
from gateway.store.mirror import Mirror
from gateway.store.opening import Identity, Opener

logger = logging.getLogger(__name__)

#: Rows of the outbox that memory mode takes over from a disk that can still be read.
SEED_LIMIT = 20_000

#: How often a batch is tried while another process holds the file: about 2 s in all (database.connect).
BUSY_TRIES = 3

#: A side copy that can't be read within so many seconds lies on a disk that hangs too.
SIDE_LIMIT_S = 3.0

_NO_RESERVE = "the disk space reserved for alarms is missing: the disk is full, or does not take it"


class JournalDisk:
    """Opens the journal, and decides after a failure: the ballast, the file once more, or memory.

    `durability` says where it is kept; `origin` why its numbers can't be proved to go on
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
        self.origin = ""
        self.boot = 0
        self.newest_ms = 0  # the latest stamp from before this start: a clock behind it is wrong
        self.ballast = ballast
        self._side_path = side_path
        self._opener = Opener(path, side_path=side_path, clock=clock, rules=rules)
        self._mirror = mirror
        self._clock = clock
        self._rules = rules
        self._begin_streams = begin_streams
        self._on_change = on_change
        self._identity: Identity | None = None
        self._reason = ""
        self._turning = threading.Lock()  # between disk and memory: one thread at a time
        self._spare: sqlite3.Connection | None = None

    @property
    def reason(self) -> str:
        """What is wrong with the journal's disk, in words; empty if nothing is."""
        return self._reason or ("" if self.ballast.present else _NO_RESERVE)

    # ---- start

    def open(self, hand: Hand) -> sqlite3.Connection:
        """The journal on its disk, salvaged if need be; else in memory. Never raises for a bad disk.

        Raises JournalUnwritable in memory mode, whose only connection is gone: the watchdog ends the daemon then.
        """
        if self.durability is Durability.MEMORY:
            raise JournalUnwritable("the journal in memory is lost")
        db = None
        there = Mirror()
        try:
            found = self._opener.open(after_memory=False)
            db = found.db
            db.execute("update journal set boot = boot + 1")
            boot, heartbeat, event = db.execute(
                "select boot, heartbeat_ms, (select max(recorded_ms) from event) from journal"
            ).fetchone()
            there.load(db)
        except (sqlite3.Error, OSError) as error:
            if db is not None:
                db.close()
            boot = recall(there, self.path, self._side_path)
            with self._turning:
                self._must_be_ours(hand)
                self.boot = boot
                self._mirror.follow(there)
            return self._to_memory(hand, str(error), self._readonly)
        there.heads |= found.heads
        with self._turning:
            self._must_be_ours(hand, db)
            self.boot, self.newest_ms = int(boot), max(int(heartbeat), int(event or 0))
            self.origin, self._reason, self._identity = found.origin, found.reason, found.identity
            self._mirror.follow(there)
        return db

    def _must_be_ours(self, hand: Hand, db: sqlite3.Connection | None = None) -> None:
        """With `_turning` held: a thread that was left behind decides nothing. Raises JournalUnwritable, `db` closed."""
        if hand.left_behind:
            if db is not None:
                db.close()
            raise JournalUnwritable("another thread has taken this one's place")

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

    def recover(self, hand: Hand, error: sqlite3.Error, attempt: int) -> sqlite3.Connection:
        """A connection to run the failed batch on again: the disk once or twice more, then memory."""
        if self.durability is Durability.MEMORY:
            raise JournalUnwritable(f"even memory does not take it: {error}") from error
        db = hand.db
        if db is not None and is_busy(error) and attempt < BUSY_TRIES:
            return db
        if db is not None and isinstance(error, Moved):
            # Its path shows another file, or none: this connection alone has the rows.
            return self._to_memory(hand, str(error), lambda: db)
        if db is not None:
            db.close()
        freed = is_full(error) and self.ballast.release()
        if freed:
            self._on_change()
        if (attempt == 0 or freed) and not is_damage(error):
            try:
                again, identity = self._opener.open_file(check=False)
            except (sqlite3.Error, OSError) as last:
                return self._to_memory(hand, str(last), self._readonly)
            with self._turning:
                self._must_be_ours(hand, again)
                self._identity = identity
            return again
        return self._to_memory(hand, str(error), self._readonly)

    def on_hang(self, hand: Hand) -> Callable[[Hand], sqlite3.Connection] | None:
        """The disk does not answer this hand: what goes on without asking it for anything. On the event loop.

        Memory mode asks the disk for nothing but on its way back to it, and made a copy of itself before; None:
        memory is at work, and only slow.
        """
        with self._turning:
            if self.durability is Durability.DISK:
                hand.left_behind = True
                return self._without_disk
            spare, self._spare = self._spare, None
            hand.left_behind = spare is not None
        return None if spare is None else lambda _fresh: spare

    def _without_disk(self, hand: Hand) -> sqlite3.Connection:
        """What the mirror knows; at the start that is nothing yet, and the side copy may lie elsewhere."""
        if not self._mirror.heads and (before := _within(SIDE_LIMIT_S, lambda: side.read(self._side_path))):
            self._mirror.follow(before)
        return self._to_memory(hand, "the disk does not answer", None)

    def _to_memory(
        self, hand: Hand, reason: str, disk: Callable[[], sqlite3.Connection] | None
    ) -> sqlite3.Connection:
        """`disk` opens what can still be read of it; None: it is not to be asked. Raises JournalUnwritable: left behind."""
        logger.error("the journal's disk fails (%s): going on in memory", reason)
        memory = connect_memory()
        if disk is not None:
            self._seed(memory, disk)
        self._forget_superseded(memory)
        write_basis(memory, self._mirror, now_ms=to_ms(self._clock.now()), rules=self._rules, is_later=True)
        with self._turning:
            self._must_be_ours(hand, memory)
            self.durability = Durability.MEMORY
            self._mirror.in_memory = True
            self._reason = reason
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
            db = self._opener.open(after_memory=True).db
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
        spare = self._spare = connect_memory(memory)
        db = None
        try:
            db, identity = self._opener.open_file(check=False)
            merge_into_disk(memory, self.path, now_ms=to_ms(self._clock.now()), rules=self._rules)
            there = Mirror()
            there.load(db)
        except (sqlite3.Error, OSError) as error:
            logger.debug("the journal's disk still fails: %s", error)
            self._give_up(spare, db)
            return None
        with self._turning:
            is_in_time = self._spare is spare
            if is_in_time:
                self._spare, self._identity = None, identity
                self.durability = Durability.DISK
                self.origin = self._reason = ""
                self._mirror.follow(there)
        if (
            not is_in_time
        ):  # the alarms of meanwhile are in the copy; what the disk has got already does no harm
            db.close()
            return None
        spare.close()
        memory.close()
        self._on_change()
        logger.warning("the journal is on its disk again")
        return db

    def _give_up(self, spare: sqlite3.Connection, db: sqlite3.Connection | None) -> None:
        if db is not None:
            db.close()
        with self._turning:
            if self._spare is spare:
                self._spare = None
                spare.close()


def _within(seconds: float, read: Callable[[], Mirror | None]) -> Mirror | None:
    """What it reads, in a thread that is waited for no longer than this; None: nothing in time."""
    found: list[Mirror | None] = []
    thread = threading.Thread(target=lambda: found.append(read()), name="side-copy", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None
