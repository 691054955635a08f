"""The single writer of a database: group commit, a savepoint for each write, and nobody told before COMMIT."""

import asyncio
import itertools
import logging
import sqlite3
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gateway.errors import JournalUnwritable
from gateway.store.database import is_disk_failure
from gateway.store.hand import Frame, Hand, Open, Recovery

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Writes that share a commit at most, and writes that wait at most before `write` itself waits for room.
BATCH_LIMIT = 256
QUEUE_LIMIT = 10_000

#: Opening may look through a whole file, or salvage it.
OPEN_LIMIT_S = 60.0

#: What waits is committed within so many seconds of `close`, or is an error.
CLOSE_LIMIT_S = 5.0

#: A batch that has not come back within so many seconds: the disk hangs (a flash card's pauses are shorter).
HANG_LIMIT_S = 3.0

_ATTEMPTS = 7


@dataclass(slots=True)
class _Write(Generic[T]):
    work: Callable[[sqlite3.Connection], T]
    done: "asyncio.Future[T]"
    committed: Callable[[T], None] | None


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: Any = None  # Any: each write has a result type of its own
    error: Exception | None = None


class Writer:
    """One connection, one thread, one queue.

    `write(work)` runs `work(connection)` inside a savepoint of a shared transaction and returns its result after
    COMMIT. An exception of `work` undoes that savepoint and reaches its caller alone. After a disk failure the
    whole batch is run again on the connection that `recover` returns, so `work` must be repeatable.
    `after_commit` is called on the event loop once for all writes of a commit, before any caller goes on.
    `on_hang` is asked where the disk has not answered for HANG_LIMIT_S (at the start OPEN_LIMIT_S): it marks the hand
    as left behind and gives what opens another connection, in another thread, and the batch is run again there.
    Where it gives nothing, the disk is waited for.
    """

    def __init__(
        self,
        open_connection: Open,
        *,
        recover: Recovery | None = None,
        was_committed: Callable[[sqlite3.Connection, str], bool] | None = None,
        before_commit: Frame | None = None,
        after_commit: Callable[[], None] | None = None,
        on_hang: Callable[[Hand], Open | None] = lambda _hand: None,
        name: str,
    ) -> None:
        self._open = open_connection
        self._recover = recover or self._reopen_once
        self._was_committed = was_committed or (lambda _db, _batch: False)
        self._before_commit = before_commit or (lambda _db, _batch: None)
        self._after_commit = after_commit or (lambda: None)
        self._name = name
        self._queue: deque[_Write[Any]] = deque()
        self._urgent: deque[_Write[Any]] = deque()
        self._batch: list[_Write[Any]] = []
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._on_hang = on_hang
        self._hand = Hand(name)
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._closed = False
        self._batches = itertools.count(1)
        self._token = uuid.uuid4().hex

    @property
    def idle(self) -> bool:
        """Whether nothing is being written or waits to be: what was committed last is all there is."""
        return not (self._batch or self._queue or self._urgent)

    async def start(self) -> None:
        """Open the database in the writer's thread. Raises sqlite3.Error as `open_connection` does."""
        hand = self._hand
        opened = hand.do(lambda: self._open(hand))
        if not await self._is_left_behind(opened, OPEN_LIMIT_S):
            hand.db = await opened
        self._room.set()
        self._task = asyncio.create_task(self._run(), name=f"{self._name}-writer")

    async def close(self) -> None:
        """Commit what waits, within CLOSE_LIMIT_S, then let go of the file. Again does nothing."""
        if self._closed:
            return
        self._closed = self._closing = True
        self._wake.set()
        try:
            async with asyncio.timeout(CLOSE_LIMIT_S):
                if self._task is not None:
                    await self._task
                await self._hand.do(self._hand.close)
        except TimeoutError:
            logger.error("%s: the disk does not let go of it", self._name)  # noqa: TRY400 - where it hangs is not here
            self._hand.leave_behind()
        else:
            self._hand.end()
        waiting = [*self._batch, *self._urgent, *self._queue]
        self._urgent.clear()
        self._queue.clear()
        for write in waiting:
            self._tell(write, _Outcome(error=JournalUnwritable(f"{self._name} is closed")))
        self._room.set()

    async def write(
        self,
        work: Callable[[sqlite3.Connection], T],
        committed: Callable[[T], None] | None = None,
        *,
        urgent: bool = False,
    ) -> T:
        """Run `work` in the next group commit; returns its result once it is committed.

        `committed(result)` is called on the event loop right after COMMIT, in order, even if the caller has been
        cancelled meanwhile (the write is made all the same). What is `urgent` goes before what is not. Raises JournalUnwritable, and whatever `work` raises.
        """
        queue = self._urgent if urgent else self._queue
        while len(queue) >= QUEUE_LIMIT:
            self._room.clear()
            await self._room.wait()
        if self._task is None or self._closing or self._task.done():
            raise JournalUnwritable(f"{self._name} is closed")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        queue.append(_Write(work, done, committed))
        self._wake.set()
        return await done

    async def on_thread(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a reading function on the writer's own connection, between two commits."""
        hand = self._hand

        def run() -> T:
            if hand.db is None:
                raise JournalUnwritable(f"{self._name} has no database open")
            return function(hand.db)

        return await hand.do(run)

    async def exchange(self, function: Callable[[sqlite3.Connection], sqlite3.Connection | None]) -> bool:
        """Between two commits, go on with the connection that `function` returns; None keeps the present one."""
        hand = self._hand

        def run(db: sqlite3.Connection) -> bool:
            replacement = function(db)
            if replacement is not None:
                hand.db = replacement
            return replacement is not None

        return await self.on_thread(run)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue or self._urgent:
                await asyncio.sleep(0)  # who was told of the last commit may have more to write in this one
                self._batch = batch = self._next_batch()
                self._room.set()
                outcomes = await self._outcomes(batch)
                for write, outcome in zip(batch, outcomes, strict=True):
                    self._tell(write, outcome)
                self._after_commit()
                self._batch = []
            if self._closing:
                return

    def _next_batch(self) -> list[_Write[Any]]:
        batch = [self._urgent.popleft() for _ in range(min(BATCH_LIMIT, len(self._urgent)))]
        room = BATCH_LIMIT - len(batch)
        return batch + [self._queue.popleft() for _ in range(min(room, len(self._queue)))]

    async def _outcomes(self, batch: list[_Write[Any]]) -> list[_Outcome]:
        """From the thread that writes; from another one, where that hangs."""
        hand = self._hand
        written = hand.do(lambda: self._commit(hand, batch))
        try:
            if not await self._is_left_behind(written, HANG_LIMIT_S):
                return await written
            fresh = self._hand
            return await fresh.do(lambda: self._commit(fresh, batch))
        except Exception as error:  # every waiting caller must hear of it, whatever it is
            logger.exception("%s: a batch failed", self._name)
            return [_Outcome(error=JournalUnwritable(f"{self._name}: {error}"))] * len(batch)

    async def _is_left_behind(self, done: "asyncio.Future[Any]", limit_s: float) -> bool:
        """Wait for the hand; whether another has taken its place meanwhile, for the disk does not answer."""
        await asyncio.wait({done}, timeout=limit_s)
        hand = self._hand
        reopen = None if done.done() else self._on_hang(hand)
        if reopen is None:
            return False
        logger.error("%s: the disk has not answered for %g s", self._name, limit_s)
        hand.leave_behind()
        done.exception()  # we have just said it
        self._hand = fresh = Hand(self._name)
        fresh.db = await fresh.do(lambda: reopen(fresh))
        return True

    @staticmethod
    def _tell(write: _Write[Any], outcome: _Outcome) -> None:
        if outcome.error is None and write.committed is not None:
            try:
                write.committed(outcome.result)
            except Exception as error:  # noqa: BLE001 - as with `work`: the caller hears of it, the writer goes on
                outcome = _Outcome(error=error)
        if write.done.done():
            return
        if outcome.error is not None:
            write.done.set_exception(outcome.error)
        else:
            write.done.set_result(outcome.result)

    # Everything below runs in the writer's thread.

    def _commit(self, hand: Hand, batch: list[_Write[Any]]) -> list[_Outcome]:
        """The outcomes of a batch, once it is committed or given up."""
        token = f"{self._token}-{next(self._batches)}"
        for attempt in range(_ATTEMPTS):
            outcomes: list[_Outcome] | None = None
            try:
                if hand.db is None:
                    hand.db = self._open(hand)
                outcomes = self._transaction(hand, hand.db, batch, token)
                hand.db.execute("commit")
            except sqlite3.Error as error:
                hand.roll_back()
                if hand.left_behind:
                    hand.close()
                    return []
                if not is_disk_failure(error):
                    return [_Outcome(error=error)] * len(batch)
                logger.warning("%s: %s (attempt %d)", self._name, error, attempt + 1)
                try:
                    hand.db = self._recover(hand, error, attempt)
                    if outcomes is not None and self._was_committed(hand.db, token):
                        return outcomes
                except (JournalUnwritable, sqlite3.Error) as last:
                    hand.forget_closed()
                    return [_Outcome(error=JournalUnwritable(f"{self._name}: {last}"))] * len(batch)
            else:
                if hand.left_behind:
                    hand.close()
                return outcomes
        return [_Outcome(error=JournalUnwritable(f"{self._name}: the disk did not take it"))] * len(batch)

    def _transaction(
        self, hand: Hand, db: sqlite3.Connection, batch: list[_Write[Any]], token: str
    ) -> list[_Outcome]:
        db.execute("begin immediate")
        outcomes = []
        for write in batch:
            if hand.left_behind:
                raise sqlite3.OperationalError("left behind")
            db.execute("savepoint one")
            try:
                outcome = _Outcome(result=write.work(db))
            except sqlite3.Error as error:
                if is_disk_failure(error):
                    raise
                outcome = _Outcome(error=error)
            except Exception as error:  # noqa: BLE001 - whatever a caller's own function raises goes back to that caller
                outcome = _Outcome(error=error)
            if outcome.error is not None:
                db.execute("rollback to one")
            db.execute("release one")
            outcomes.append(outcome)
        self._before_commit(db, token)
        return outcomes

    def _reopen_once(self, hand: Hand, error: sqlite3.Error, attempt: int) -> sqlite3.Connection:
        hand.close()
        if attempt > 0:
            raise JournalUnwritable(str(error)) from error
        return self._open(hand)
