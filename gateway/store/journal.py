"""The journal as its users see it: intake, outbox, people and upkeep, and with them footage and history."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.clock import Clock, from_ms, ms_or_none, to_ms
from gateway.errors import JournalUnwritable, NotFound
from gateway.model import GATEWAY, Alarm, ClockState, Durability, EventType
from gateway.site import Site
from gateway.store.evidence import EvidenceRecords
from gateway.store.merge import GAP_ENDED
from gateway.store.outputs import OutputRecords
from gateway.store.rows import ALARM_COLUMNS, GapRow, HoldRow, StoredEvent, alarm_of
from gateway.store.transaction import Transaction
from gateway.store.upkeep import Upkeep
from gateway.trace import NoTrace, Tracer


def _trusted() -> ClockState:
    return ClockState.TRUSTED


class Journal(Upkeep, OutputRecords, EvidenceRecords):
    """One for a daemon. `Journal.open(site, …)` never raises for a bad disk: it goes on in memory and says so."""

    @classmethod
    async def open(
        cls,
        site: Site,
        *,
        clock: Clock,
        tracer: Tracer | None = None,
        clock_state: Callable[[], ClockState] = _trusted,
    ) -> "Journal":
        """Open, create or salvage `{state_dir}/journal.db`, with a stream for every destination of the site file."""
        journal = cls(site, clock=clock, tracer=tracer or NoTrace(), clock_state=clock_state)
        journal._begin_intake()
        await journal._start()
        journal._begin_upkeep()
        return journal

    # ---- holds and gaps

    async def live_holds(self, camera: str | None = None, *, at: datetime | None = None) -> list[HoldRow]:
        """The holds that have not ended by `at` (now).

        Raises JournalUnwritable in memory mode: what is held can't be proved then, so nothing may be deleted.
        """
        if self._disk.durability is Durability.MEMORY:
            raise JournalUnwritable("holds can't be proved while the journal is in memory: delete nothing")
        rows = await self._rows(
            "select id, camera, from_ms, to_ms, alarm_id, reason, placed_by, expires_ms from hold"
            " where (expires_ms is null or expires_ms > ?1) and (?2 is null or camera = ?2) order by id",
            (to_ms(at or self._now()), camera),
        )
        return [_hold(row) for row in rows]

    async def place_hold(
        self,
        camera: str,
        start: datetime,
        end: datetime,
        *,
        reason: str,
        actor: str,
        expires: datetime | None = None,
    ) -> int:
        """Keep a person's hold on footage (封存); returns its id."""
        return await self._write(
            lambda tx: int(
                tx.db.execute(
                    "insert into hold (camera, from_ms, to_ms, reason, placed_by, placed_ms, expires_ms)"
                    " values (?,?,?,?,?,?,?) returning id",
                    (
                        camera,
                        to_ms(start),
                        to_ms(end),
                        reason,
                        actor,
                        to_ms(tx.now),
                        ms_or_none(expires),
                    ),
                ).fetchone()[0]
            )
        )

    async def clock_stepped(self, seconds: float, at: datetime) -> None:
        """The wall clock was set and says `at` now: an event, and what was being held then goes on being held.

        Footage after a step bears other stamps, so a hold that was running gets a second interval: its own, moved by
        the step (DESIGN "Time").
        """
        moved = round(seconds * 1000)

        def work(tx: Transaction) -> None:
            tx.emit(EventType.CLOCK_STEPPED, GATEWAY, {"seconds": round(seconds, 3)})
            tx.db.execute(
                "insert into hold (camera, from_ms, to_ms, alarm_id, reason, placed_by, placed_ms, expires_ms)"
                " select camera, from_ms + ?1, to_ms + ?1, alarm_id, reason, placed_by, ?2, expires_ms from hold"
                " where from_ms <= ?3 and to_ms >= ?3 and (expires_ms is null or expires_ms > ?3)",
                (moved, to_ms(at), to_ms(at) - moved),
            )

        await self._write(work)

    async def open_gap(self, camera: str, cause: str, at: datetime) -> None:
        """A camera is not recorded from `at` on; nothing happens while a gap of it lasts."""
        await self._write(
            lambda tx: tx.db.execute(
                "insert into gap (camera, from_ms, cause) select ?1, ?2, ?3"
                " where not exists (select 1 from gap where camera = ?1 and to_ms is null)",
                (camera, to_ms(at), cause),
            )
        )

    async def close_gap(self, camera: str, at: datetime) -> None:
        """The camera is recorded again."""

        def work(tx: Transaction) -> None:
            known = tx.db.execute(
                "update gap set to_ms = max(from_ms, ?) where camera = ? and to_ms is null",
                (to_ms(at), camera),
            ).rowcount
            if not known and self._disk.durability is Durability.MEMORY:  # it may be open on the disk alone
                tx.db.execute(
                    "insert into gap (camera, from_ms, to_ms, cause) values (?1, ?2, ?2, ?3)",
                    (camera, to_ms(at), GAP_ENDED),
                )

        await self._write(work)

    async def record_gap(self, camera: str, cause: str, start: datetime, end: datetime) -> None:
        """Time of a camera's past that there is no footage of any more; the gap that lasts now is another matter."""
        await self._write(
            lambda tx: tx.db.execute(
                "insert into gap (camera, from_ms, to_ms, cause) values (?,?,?,?)",
                (camera, to_ms(start), max(to_ms(start), to_ms(end)), cause),
            )
        )

    async def gaps(self, camera: str, start: datetime, end: datetime) -> list[GapRow]:
        """The gaps of a camera that touch an interval, oldest first."""
        rows = await self._rows(
            "select camera, from_ms, to_ms, cause from gap"
            " where camera = ? and from_ms < ? and (to_ms is null or to_ms > ?) order by from_ms",
            (camera, to_ms(end), to_ms(start)),
        )
        return [
            GapRow(camera=name, start=from_ms(a), end=None if b is None else from_ms(b), cause=cause)
            for name, a, b, cause in rows
        ]

    async def begun(self) -> datetime | None:
        """When the journal was made; None while it is in memory, for then nobody can say."""
        if self._disk.durability is Durability.MEMORY:
            return None
        rows = await self._rows("select created_ms from journal")
        return from_ms(rows[0][0]) if rows else None

    # ---- history

    async def history(
        self, *, limit: int = 100, before: datetime | None = None, before_id: str | None = None
    ) -> list[Alarm]:
        """Alarms, open and closed, newest first; those raised before `before`.

        With `before_id` also those of that very millisecond whose id is less: time and id of the last alarm of a page
        ask for the next one, and none is skipped or told twice.
        """
        rows = await self._rows(
            f"select {ALARM_COLUMNS} from alarm"  # noqa: S608 - our own column list
            " where ?1 is null or raised_ms < ?1 or (raised_ms = ?1 and id < ?2)"
            " order by raised_ms desc, id desc limit ?3",
            (ms_or_none(before), before_id, limit),
        )
        return [alarm_of(row) for row in rows]

    async def alarm(self, alarm_id: str) -> Alarm:
        """An alarm by id. Raises NotFound."""
        if alarm_id in self._mirror.open_alarms:
            return self._mirror.open_alarms[alarm_id]
        rows = await self._rows(f"select {ALARM_COLUMNS} from alarm where id = ?", (alarm_id,))  # noqa: S608 - our own column list
        if not rows:
            raise NotFound(f"there is no alarm {alarm_id}")
        return alarm_of(rows[0])

    async def events_of(self, alarm_id: str) -> list[StoredEvent]:
        """The events of an alarm, in order."""
        rows = await self._rows(
            "select event_id, type, at_ms, body from event where alarm_id = ? order by id limit 1000",
            (alarm_id,),
        )
        return [
            StoredEvent(event_id=event_id, type=EventType(kind), at=from_ms(at), body=body)
            for event_id, kind, at, body in rows
        ]


def _hold(row: tuple[Any, ...]) -> HoldRow:  # Any: SQLite's values
    hold_id, camera, start, end, alarm_id, reason, placed_by, expires = row
    return HoldRow(
        id=hold_id,
        camera=camera,
        start=from_ms(start),
        end=from_ms(end),
        alarm_id=alarm_id,
        reason=reason,
        placed_by=placed_by,
        expires=None if expires is None else from_ms(expires),
    )
