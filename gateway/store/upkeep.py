"""The journal looks after itself: it goes back to its disk, tells of it, proves that it is written, forgets what is old."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NoReturn

from gateway.clock import to_ms
from gateway.errors import JournalUnwritable
from gateway.model import GATEWAY, Durability, EventType, Kind
from gateway.store.arming import Arming
from gateway.store.feed import Change
from gateway.store.transaction import Transaction

logger = logging.getLogger(__name__)

#: What fails in a way that nobody expected is begun anew after so long.
AGAIN_S = 5.0

#: The side copy is written at most so often.
SIDE_COPY_INTERVAL_S = 1.0

#: How soon the console knows what `users` wrote.
ACCOUNTS_INTERVAL_S = 2.0

#: A disk that does not answer within so many seconds has not returned yet.
PROBE_LIMIT_S = 5.0

#: Confirmed events that memory mode keeps; waiting ones are all kept.
MEMORY_KEPT = 5000

#: Rows that one round of upkeep deletes at most, so that no transaction is long.
PRUNE_LIMIT = 1000


class Upkeep(Arming):
    """What nobody asks for and everybody relies on."""

    def _begin_upkeep(self) -> None:
        self._probe: asyncio.Task[bool] | None = None
        works = (self._keep_side_copy, self._return_to_disk, self._tell_of_disk, self._watch_accounts)
        self._tasks = [
            asyncio.create_task(self._again_and_again(work), name=f"journal{work.__name__}") for work in works
        ]

    async def _again_and_again(self, work: Callable[[], Awaitable[NoReturn]]) -> NoReturn:
        while True:
            try:
                await work()
            except Exception:  # the journal must not be left without upkeep, whatever went wrong once
                logger.exception("the journal's upkeep failed; it goes on")
                await self._clock.sleep(AGAIN_S)

    async def _keep_side_copy(self) -> NoReturn:
        while True:
            await self._side_dirty.wait()
            self._side_dirty.clear()
            await self._save_side_copy()
            await self._clock.sleep(SIDE_COPY_INTERVAL_S)

    async def _return_to_disk(self) -> NoReturn:
        while True:
            await self._clock.sleep(self._site.journal.retry_disk_s)
            try:
                if self._disk.durability is Durability.MEMORY:
                    await self._forget_confirmed()
                    if await self._disk_answers():
                        await self._go_back()
                elif not self._disk.ballast.present:
                    await self._loop.run_in_executor(None, self._disk.ballast.ensure)
                    self.disk_changed.set()
            except (JournalUnwritable, sqlite3.Error, OSError) as error:
                logger.debug("the journal's disk is not as it should be yet: %s", error)

    async def _disk_answers(self) -> bool:
        """Asked in a thread of its own, one at a time: a disk that hangs must hold up nothing else."""
        if self._probe is None:
            self._probe = asyncio.create_task(asyncio.to_thread(self._disk.probe), name="journal-probe")
        probe = self._probe
        done, _ = await asyncio.wait({probe}, timeout=PROBE_LIMIT_S)
        if not done:
            return False
        self._probe = None
        return probe.result()

    async def _go_back(self) -> None:
        await self._reader.close()
        if await self._writer.exchange(self._disk.try_return):
            self._unconfirmed.settle()
            self._feed.tell(Change(resync=True))

    async def _forget_confirmed(self) -> None:
        """Memory is small: of what the destinations have confirmed, only the latest is kept until the disk returns."""

        def work(tx: Transaction) -> None:
            tx.db.execute(
                "delete from delivery where confirmed_ms is not null and event <="
                " (select max(id) from event) - ?",
                (MEMORY_KEPT,),
            )
            tx.db.execute(
                "delete from event where id <= (select max(id) from event) - ?"
                " and not exists (select 1 from delivery where delivery.event = event.id)",
                (MEMORY_KEPT,),
            )

        await self._write(work)

    async def _watch_accounts(self) -> NoReturn:
        while True:
            await self._clock.sleep(ACCOUNTS_INTERVAL_S)
            with contextlib.suppress(JournalUnwritable):  # the disk's own alarm tells of it
                await self.follow_accounts()

    async def close(self) -> None:
        """As in the core; in memory mode the disk is tried once more, so that an orderly end loses nothing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._disk.durability is Durability.MEMORY and not self._closed:
            with contextlib.suppress(TimeoutError, JournalUnwritable):
                async with asyncio.timeout(PROBE_LIMIT_S):
                    if await self._disk_answers():
                        await self._go_back()
        await super().close()

    async def _tell_of_disk(self) -> NoReturn:
        """A failing disk is an alarm and an event `degraded`; its return is told too."""
        told = ""
        self.disk_changed.set()  # the alarm may be open from before a restart, and its cause gone
        while True:
            await self.disk_changed.wait()
            self.disk_changed.clear()
            reason = self._disk.reason
            try:
                if reason:
                    await self.raise_own(Kind.DISK, GATEWAY, reason)
                    if not told:
                        await self.emit(EventType.DEGRADED, GATEWAY, {"reason": reason})
                else:
                    await self.return_own(Kind.DISK, GATEWAY)
                    if told:
                        await self.emit(EventType.RECOVERED, GATEWAY, {"reason": told})
                told = reason
            except JournalUnwritable:
                self.disk_changed.set()
                await self._clock.sleep(self._site.journal.retry_disk_s)

    async def heartbeat(self) -> Durability:
        """Prove that a write gets through the same queue as signals; returns where it went."""
        await self._write(lambda tx: tx.db.execute("update journal set heartbeat_ms = ?", (to_ms(tx.now),)))
        return self._disk.durability

    async def prune(self, now: datetime) -> int:
        """Delete events older than `[journal] keep_days` that every destination has confirmed; how many, bounded.

        Call it only while the clock is trusted.
        """
        border = to_ms(now - timedelta(days=self._site.journal.keep_days))

        def work(tx: Transaction) -> int:
            old = [
                row[0]
                for row in tx.db.execute(
                    "select e.id from event e where e.recorded_ms < ? and not exists"
                    " (select 1 from delivery d where d.event = e.id and d.confirmed_ms is null) limit ?",
                    (border, PRUNE_LIMIT),
                )
            ]
            for event in old:
                tx.db.execute("delete from delivery where event = ?", (event,))
                tx.db.execute("delete from event where id = ?", (event,))
            return len(old)

        return await self._write(work)
