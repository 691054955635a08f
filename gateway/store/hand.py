"""The thread that writes a database, with its connection; one that hangs in a dying disk is left behind for another."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from gateway.errors import JournalUnwritable

T = TypeVar("T")


class Hand:
    """One thread, one connection. `left_behind`: another has taken its place."""

    def __init__(self, name: str) -> None:
        self.db: sqlite3.Connection | None = None
        self.left_behind = False
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._awaited: set[asyncio.Future[Any]] = set()  # Any: each function has a result type of its own

    def do(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        """Run it after what it does already. Raises JournalUnwritable where the thread is left behind meanwhile."""
        loop = asyncio.get_running_loop()
        awaited: asyncio.Future[T] = loop.create_future()
        self._awaited.add(awaited)
        awaited.add_done_callback(self._awaited.discard)
        done = loop.run_in_executor(self._executor, function)
        done.add_done_callback(lambda _: _hand_over(done, awaited))
        return awaited

    def leave_behind(self) -> None:
        """Expect nothing of it any more; it lets go of its file when, and if, the disk lets go of it."""
        self.left_behind = True
        self._executor.shutdown(wait=False, cancel_futures=True)
        for awaited in [future for future in self._awaited if not future.done()]:
            awaited.set_exception(JournalUnwritable("the disk does not answer"))

    def roll_back(self) -> None:
        """In its own thread: undo what was begun, if anything was."""
        if self.db is not None and self.db.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the connection is replaced or proves itself next time
                self.db.execute("rollback")

    def forget_closed(self) -> None:
        """In its own thread: a connection that somebody has closed is none."""
        try:
            _ = self.db is None or self.db.total_changes
        except sqlite3.ProgrammingError:
            self.db = None

    def close(self) -> None:
        """In its own thread: let go of the file."""
        if self.db is not None:
            self.db.close()
            self.db = None

    def end(self) -> None:
        """Let go of the thread."""
        self._executor.shutdown(wait=True)


class Recovery(Protocol):
    """What a writer does when the disk does not take a batch. Runs in the hand's thread."""

    def __call__(self, hand: Hand, error: sqlite3.Error, attempt: int) -> sqlite3.Connection:
        """Close the hand's connection and return one to try again on. Raises JournalUnwritable to give up."""
        ...


#: Opens a hand's connection, in its thread.
Open = Callable[[Hand], sqlite3.Connection]


class Frame(Protocol):
    """What a batch does besides its writes, inside its transaction."""

    def __call__(self, db: sqlite3.Connection, batch: str) -> None:
        """Called right before COMMIT."""
        ...


def _hand_over(done: "asyncio.Future[T]", awaited: "asyncio.Future[T]") -> None:
    error = None if done.cancelled() else done.exception()
    if awaited.done() or done.cancelled():
        return
    if error is not None:
        awaited.set_exception(error)
    else:
        awaited.set_result(done.result())
