"""The journal's reading connection: one statement at a time, none waited for without end."""

import asyncio
import contextlib
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


class Reader:
    """Opened at the first statement, and anew after each failure. One that hangs is left to its thread, a daemon's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None
        self._opening = asyncio.Lock()
        self._dropped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a statement as of now. Raises JournalUnwritable where the disk fails or does not answer."""
        dropped = self._dropped
        reading = asyncio.create_task(self._read(sql, parameters), name="journal-read")
        try:
            either: set[asyncio.Future[Any]] = {reading, dropped}
            await asyncio.wait(either, timeout=READ_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return reading.result()
        except sqlite3.Error as error:
            if not dropped.done():
                self.drop()
            raise JournalUnwritable(f"the journal can't be read: {error}") from error
        finally:
            reading.cancel()
        if not dropped.done():
            self.drop()
        raise JournalUnwritable("the journal can't be read: its disk does not answer")

    def drop(self) -> None:
        """Wait for nothing that is being read any more; the next statement opens the file anew."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.stop()
        if not self._dropped.done():
            self._dropped.set_result(None)
        self._dropped = asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Let go of the file, within 2 s if the disk lets go of it. What is being read is an error."""
        if not self._dropped.done():
            self._dropped.set_result(None)
        self._dropped = asyncio.get_running_loop().create_future()
        connection = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_LIMIT_S), self._opening:
                connection, self._connection = self._connection, None
        if connection is not None and (closed := connection.stop()) is not None:
            await asyncio.wait({closed}, timeout=_CLOSE_LIMIT_S)

    async def _read(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        async with self._opening:
            if self._connection is None:
                opening = aiosqlite.connect(uri(self._path, "ro"), uri=True, isolation_level=None)
                opening._thread.daemon = True  # noqa: SLF001 - a journal that nobody closed must not keep the process alive
                self._connection = await opening
            connection = self._connection
        return [tuple(row) for row in await connection.execute_fetchall(sql, parameters)]
