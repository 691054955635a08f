"""The county's store: every event once, by its id, in sqlite; one writer thread, many events a commit."""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from simulators.county.tables import Contents, Entry, Stored, Tables
from simulators.county.wire import Event

#: So many messages wait for the writer at most; then whoever puts one in waits (back-pressure on the broker).
WAITING_ENTRIES = 2000
BATCH_ENTRIES = 500

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Job:
    """Something else to do between two transactions, or the news that it can't be done."""

    run: Callable[[Tables], None]
    refuse: Callable[[sqlite3.Error], None]


class CountyStore:
    """A file, or (path None) memory that lasts from `start` to `stop`. May be started again after a stop.

    Before a commit it waits `linger_s` seconds for more to share it, which costs much less where thousands come a second.
    """

    def __init__(self, path: Path | None = None, *, linger_s: float = 0.0) -> None:
        self.path = path
        self._linger_s = linger_s
        self._waiting: queue.Queue[Entry | _Job | None] = queue.Queue(WAITING_ENTRIES)
        self._thread: threading.Thread | None = None

    async def start(
        self, on_commit: Callable[[Sequence[Stored]], None], on_failure: Callable[[sqlite3.Error], None]
    ) -> Contents:
        """Open it, and call back from the writer thread: after each commit, and once when it can't write any more.

        After a failure nothing is stored or acknowledged. Raises sqlite3.Error when it can't be opened.
        """
        opened: Future[Contents] = Future()
        self._waiting = queue.Queue(WAITING_ENTRIES)
        self._thread = threading.Thread(
            target=self._write, args=(opened, on_commit, on_failure), name="county-store", daemon=True
        )
        self._thread.start()
        try:
            return await asyncio.wrap_future(opened)
        except sqlite3.Error:
            self._thread = None
            raise

    async def stop(self) -> None:
        """Commit what waits, and close."""
        if self._thread is None:
            return
        thread, self._thread = self._thread, None
        await asyncio.to_thread(self._waiting.put, None)
        await asyncio.to_thread(thread.join)

    def put(self, entry: Entry) -> None:
        """Hand an entry to the writer, from any thread but the event loop's: it blocks while the queue is full."""
        self._waiting.put(entry)

    async def events(self) -> tuple[Event, ...]:
        """What is stored, in order of arrival. All of it in memory at once."""
        return await self._do(Tables.events)

    async def forget(self, then: Callable[[], None]) -> None:
        """Lose everything that was put in before. `then` is called in the writer thread, before any later commit."""

        def forget(tables: Tables) -> None:
            tables.forget()
            then()

        await self._do(forget)

    async def _do(self, work: Callable[[Tables], Result]) -> Result:
        answer: Future[Result] = Future()

        def run(tables: Tables) -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(work(tables))
                except sqlite3.Error as error:
                    answer.set_exception(error)

        await asyncio.to_thread(self._waiting.put, _Job(run, answer.set_exception))
        return await asyncio.wrap_future(answer)

    # --- in the writer thread

    def _write(
        self,
        opened: Future[Contents],
        on_commit: Callable[[Sequence[Stored]], None],
        on_failure: Callable[[sqlite3.Error], None],
    ) -> None:
        try:
            with closing(sqlite3.connect(self.path or ":memory:", isolation_level=None)) as db:
                tables = Tables(db)
                opened.set_result(tables.contents())
                self._serve(tables, on_commit)
                return
        except sqlite3.Error as error:
            if not opened.done():
                opened.set_exception(error)
                return
            on_failure(error)
            self._refuse(error)

    def _serve(self, tables: Tables, on_commit: Callable[[Sequence[Stored]], None]) -> None:
        while True:
            item: Entry | _Job | None = self._waiting.get()
            if self._linger_s and isinstance(item, Entry):
                time.sleep(self._linger_s)
            batch: list[Entry] = []
            while isinstance(item, Entry):
                batch.append(item)
                if len(batch) == BATCH_ENTRIES or self._waiting.empty():
                    break
                item = self._waiting.get()
            if batch:
                on_commit(tables.commit(batch))
            if item is None:
                return
            if isinstance(item, _Job):
                item.run(tables)

    def _refuse(self, error: sqlite3.Error) -> None:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, _Job):
                item.refuse(error)
