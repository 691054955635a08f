"""What all parts of the journal share: its writer, its readers, its mirror."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from gateway.clock import Clock, from_ms
from gateway.errors import JournalUnwritable
from gateway.model import Alarm, Bypass, ClockState, DevicePresence, Durability, ZoneArming
from gateway.policy.holds import HoldRules
from gateway.site import Directory, Site
from gateway.store import side
from gateway.store.ballast import Ballast
from gateway.store.disk import JournalDisk
from gateway.store.effects import Effects, Ids
from gateway.store.feed import Change, Feed, Subscription
from gateway.store.mirror import Mirror
from gateway.store.reader import Reader
from gateway.store.rows import StreamHead
from gateway.store.transaction import Transaction
from gateway.store.writer import Writer
from gateway.trace import Stage, Tracer
from gateway.wire import Quality, uuid7

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PLACES_LIMIT_S = 10.0
_SIDE_COPY_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """How the journal does: where it is kept, why if not on its disk, and how often the daemon has started.

    `newest` is the latest stamp from before this start: a clock behind it is wrong.
    """

    durability: Durability
    reason: str
    boot: int
    ballast: bool
    newest: datetime | None


class JournalCore:
    """Opens, writes, reads, closes. The journal's parts (intake, outbox, people, footage) build on it."""

    def __init__(
        self, site: Site, *, clock: Clock, tracer: Tracer, clock_state: Callable[[], ClockState]
    ) -> None:
        self.directory = Directory(site)
        self.path = site.site.state_dir / "journal.db"
        self._site = site
        self._clock = clock
        self._tracer = tracer
        self._clock_state = clock_state
        self._destinations = tuple(uplink.name for uplink in site.uplinks)
        self._rules = HoldRules(
            before=timedelta(seconds=site.retention.hold_before_s),
            after=timedelta(seconds=site.retention.hold_after_s),
            keep=timedelta(days=site.retention.hold_days),
        )
        self._feed = Feed()
        self._mirror = Mirror()
        self._side_path = (site.site.side_dir or site.site.state_dir) / "side.json"
        self._loop = asyncio.get_running_loop()
        self._pending: list[Effects] = []
        self._followed: list[Effects] = []
        self._disk = JournalDisk(
            self.path,
            side_path=self._side_path,
            ballast=Ballast(site.site.state_dir / "ballast", site.journal.ballast_mb * 1024 * 1024),
            mirror=self._mirror,
            clock=clock,
            rules=self._rules,
            begin_streams=self._begin_streams,
            on_change=lambda: self._loop.call_soon_threadsafe(self._disk_has_changed),
        )
        self._writer = Writer(
            self._disk.open,
            recover=self._disk.recover,
            was_committed=self._disk.was_committed,
            before_commit=self._disk.before_commit,
            after_commit=self._tell,
            on_hang=self._disk.on_hang,
            name="journal",
        )
        self._closed = False
        self._reader = Reader(self.path)
        self._side_dirty = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.disk_changed = asyncio.Event()

    # ---- what everybody may see

    @property
    def open_alarms(self) -> Mapping[str, Alarm]:
        """The open alarms by id, oldest first, exact as of the last commit."""
        return self._mirror.open_alarms

    @property
    def presences(self) -> Mapping[str, DevicePresence]:
        """The last known presence of each device."""
        return self._mirror.presences

    @property
    def armings(self) -> Mapping[str, ZoneArming]:
        """Whether each zone that was ever armed or disarmed is armed; one that is not here is armed."""
        return self._mirror.armings

    @property
    def bypasses(self) -> Mapping[str, Bypass]:
        """The last bypass of each point that ever had one, which may be over."""
        return self._mirror.bypasses

    @property
    def status(self) -> JournalStatus:
        """Where the journal is kept just now."""
        disk = self._disk
        newest = from_ms(disk.newest_ms) if disk.newest_ms else None
        return JournalStatus(disk.durability, disk.reason, disk.boot, disk.ballast.present, newest)

    def head(self, destination: str) -> StreamHead:
        """A destination's current stream. Raises KeyError for a destination the site file does not name."""
        return self._mirror.heads[destination]

    def subscribe(self) -> Subscription:
        """Hear of every commit from now on."""
        return self._feed.subscribe()

    # ---- life

    async def _start(self) -> None:
        await asyncio.wait({self._loop.run_in_executor(None, self._make_places)}, timeout=_PLACES_LIMIT_S)
        await self._writer.start()
        self._drain_pending()
        self._tell()
        for destination in self._destinations:
            await self._prove_stream(destination)

    def _make_places(self) -> None:
        with contextlib.suppress(OSError):  # the writer finds out and says so
            self._site.site.state_dir.mkdir(parents=True, exist_ok=True)
            self._side_path.parent.mkdir(parents=True, exist_ok=True)
            self._disk.ballast.ensure()

    async def _prove_stream(self, destination: str) -> None:
        """A destination's numbers go on, or a new stream says why they can't be proved to (DESIGN "Sequence")."""
        origin = self._disk.origin
        head = self._mirror.heads.get(destination)
        if self._disk.durability is Durability.MEMORY or (head is not None and not origin):
            return
        reason = origin or "destination-added"
        await self._write(
            lambda tx: tx.start_stream(
                destination,
                tx.ids.take(),
                reason,
                previous_stream=head.stream if head else None,
                previous_sequence=head.last_sequence if head and head.last_sequence else None,
            )
        )

    async def close(self) -> None:
        """Let go of what is read (1 s at most), commit what waits (5 s), save the side copy (2 s). Again does nothing."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await (
            self._reader.close()
        )  # first: the last connection to a file takes its log in, and this one may not write
        await self._writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SIDE_COPY_LIMIT_S):
                await self._save_side_copy()

    def _disk_has_changed(self) -> None:
        if self._disk.durability is Durability.MEMORY:
            self._reader.drop()  # what it reads may hang in the disk that was left
        self.disk_changed.set()

    # ---- writing

    async def _write(self, work: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run `work` in the next group commit; mirror and feed follow right after COMMIT."""
        now = self._now()
        ids = Ids(now)
        seen = self._clock.monotonic()

        def run(db: sqlite3.Connection) -> tuple[T, Effects]:
            transaction = self._transaction(db, ids, now)
            return work(transaction), transaction.effects

        def committed(outcome: tuple[T, Effects]) -> None:
            self._drain_pending()
            self._follow(outcome[1], seen)

        result, _ = await self._writer.write(run, committed, urgent=urgent)
        return result

    def _transaction(self, db: sqlite3.Connection, ids: Ids, now: datetime) -> Transaction:
        return Transaction(
            db,
            ids=ids,
            now=now,
            source=self._site.source,
            quality=Quality(clock=self._clock_state(), durable=self._disk.durability is Durability.DISK),
            destinations=self._destinations,
            rules=self._rules,
        )

    def _begin_streams(self, db: sqlite3.Connection, reason: str) -> None:
        """A new stream for every destination, in the writer's thread: memory mode has begun."""
        now = self._now()
        transaction = self._transaction(db, Ids(now), now)
        db.execute("begin")
        for destination in self._destinations:
            head = self._mirror.heads.get(destination)
            transaction.start_stream(
                destination,
                uuid7(now),
                reason,
                previous_stream=head.stream if head else None,
                previous_sequence=head.last_sequence if head and head.last_sequence else None,
            )
        db.execute("commit")
        self._pending.append(transaction.effects)

    def _drain_pending(self) -> None:
        """Follow what the writer's thread did by itself before this commit."""
        pending, self._pending = self._pending, []
        for effects in pending:
            self._follow(effects, self._clock.monotonic())

    def _follow(self, effects: Effects, seen: float) -> None:
        self._mirror.apply(effects)
        if effects.alarms or effects.levels or effects.others:
            self._side_dirty.set()
        if effects.events:
            self._tracer.mark(Stage.SEEN, [event.event_id for event in effects.events], seen)
        if effects.events or effects.alarms or effects.presences or effects.heads or effects.others:
            self._followed.append(effects)

    def _tell(self) -> None:
        """One change for all writes of a commit; an alarm that two of them changed is in it twice, in order."""
        if not self._followed:
            return
        followed, self._followed = self._followed, []
        change = Change(
            alarms=tuple(alarm for effects in followed for alarm in effects.alarms.values()),
            presences=tuple(presence for effects in followed for presence in effects.presences.values()),
            events=tuple(event for effects in followed for event in effects.events),
            others=any(effects.others for effects in followed),
        )
        if change.events:
            ids = [event.event_id for event in change.events]
            self._tracer.mark(Stage.COMMITTED, ids, self._clock.monotonic())
        self._feed.tell(change)

    def _now(self) -> datetime:
        """The wall clock to the millisecond, as it is stored and sent."""
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    # ---- reading

    async def _rows(
        self, sql: str, parameters: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:  # Any: SQLite's values
        """All rows of a query as of now; in memory mode from the writer's own connection."""
        if self._disk.durability is Durability.DISK:
            try:
                return await self._reader.rows(sql, parameters)
            except JournalUnwritable:
                if self._disk.durability is Durability.DISK:
                    raise
        return await self._writer.on_thread(lambda db: db.execute(sql, parameters).fetchall())

    # ---- the side copy

    async def _save_side_copy(self) -> None:
        data = side.encode(self._mirror)
        try:
            await self._loop.run_in_executor(None, side.write, self._side_path, data)
        except OSError as error:
            logger.warning("the side copy %s can't be written: %s", self._side_path, error)
