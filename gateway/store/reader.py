"""The journal's reading connection: one statement at a time, none waited for without end."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from gateway.errors import JournalUnwritable
from gateway.store.database import uri

#: A statement that has not come back within so many seconds hangs in the disk.
READ_LIMIT_S = 10.0

_CLOSE_LIMIT_S = 1.0

Row = tuple[Any, ...]  # Any: SQLite's values


class _Opened:
    """One opening of the file; `ended`: whoever still works on it works for nobody."""

    def __init__(self) -> None:
        self.connection: aiosqlite.Connection | None = None
        self.lock = asyncio.Lock()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self) -> "asyncio.Future[Any] | None":
        """Have its thread close it as soon as the disk lets go of it; done when it has. None: nothing is open yet."""
        self.ended.set_result(None)
        return None if self.connection is None else self.connection.stop()


class Reader:
    """Opened at the first statement, and anew after each failure. One that hangs is left to its thread, a daemon's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = _Opened()
        self._under_way: set[asyncio.Task[list[Row] | None]] = set()

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a statement as of now. Raises JournalUnwritable where the disk fails or does not answer."""
        opened = self._opened
        reading = asyncio.create_task(self._read(opened, sql, parameters), name="journal-read")
        # Never cancelled: aiosqlite forgets a connection whose opening is cancelled, and it would stay open.
        self._under_way.add(reading)
        reading.add_done_callback(self._over)
        either: set[asyncio.Future[Any]] = {reading, opened.ended}
        await asyncio.wait(either, timeout=READ_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        try:
            if reading.done() and (found := reading.result()) is not None:
                return found
        except sqlite3.Error as error:
            self._drop(opened)
            raise JournalUnwritable(f"the journal can't be read: {error}") from error
        self._drop(opened)
        raise JournalUnwritable("the journal can't be read: its disk does not answer")

    def drop(self) -> None:
        """Wait for nothing that is being read any more; the next statement opens the file anew."""
        self._drop(self._opened)

    async def close(self) -> None:
        """Let go of the file, within 1 s if the disk lets go of it. What is being read is an error."""
        closed = self._drop(self._opened)
        if closed is not None:
            await asyncio.wait({closed}, timeout=_CLOSE_LIMIT_S)

    def _drop(self, opened: _Opened) -> "asyncio.Future[Any] | None":
        if opened.ended.done():
            return None  # another has done it
        self._opened = _Opened()
        return opened.end()

    def _over(self, reading: "asyncio.Task[list[Row] | None]") -> None:
        self._under_way.discard(reading)
        if not reading.cancelled():
            reading.exception()  # whoever waits has it too, and for whom nobody waits it is nothing

    async def _read(self, opened: _Opened, sql: str, parameters: Sequence[Any]) -> list[Row] | None:
        """None: it has ended meanwhile."""
        async with opened.lock:
            if opened.connection is None and not opened.ended.done():
                opening = aiosqlite.connect(uri(self._path, "ro"), uri=True, isolation_level=None)
                opening._thread.daemon = True  # noqa: SLF001 - a journal that nobody closed must not keep the process alive
                connection = await opening
                if opened.ended.done():
                    connection.stop()
                opened.connection = connection
        if opened.connection is None or opened.ended.done():
            return None
        return [tuple(row) for row in await opened.connection.execute_fetchall(sql, parameters)]
