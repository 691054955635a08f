"""The outbox of the journal: what waits for a destination, its confirmation, and asking again (I4, I12)."""

from collections.abc import Sequence
from typing import Any

from gateway.clock import from_ms, to_ms
from gateway.model import EventType
from gateway.store.intake import Intake
from gateway.store.rows import Backlog, Delivery, StreamHead
from gateway.store.transaction import Transaction
from gateway.wire import envelope

#: Rows that one `reopen` may make wait again.
REOPEN_LIMIT = 100_000

#: By stream, from `?4` on in stream `?3`, along the index of what waits: what is confirmed costs nothing.
_WAITING = (
    "select s.stream, d.sequence, d.lane, e.event_id, e.type, e.body, e.recorded_ms from stream s"
    " cross join delivery d indexed by delivery_waiting on d.stream_id = s.id and d.lane = ?2"
    " and d.confirmed_ms is null and d.sequence > iif(s.stream = ?3, ?4, 0)"
    " join event e on e.id = d.event"
)


class Outbox(Intake):
    """One reader for each destination; a row leaves the waiting list only by `confirm`."""

    async def waiting(
        self, destination: str, lane: int, *, after: tuple[str, int] | None = None, limit: int = 100
    ) -> list[Delivery]:
        """Unconfirmed rows of a lane, by age of their stream and by sequence, `after` (stream, sequence) exclusive."""
        rows = await self._rows(
            f"{_WAITING} where s.destination = ?1 and s.id >= coalesce((select id from stream where stream = ?3), 0)"  # noqa: S608 - our own text
            " order by s.id, d.sequence limit ?5",
            (destination, lane, after[0] if after else "", after[1] if after else 0, limit),
        )
        return [_delivery(row) for row in rows]

    async def backlog(self, destination: str) -> Backlog:
        """How many rows a destination has not confirmed, and since when the oldest waits."""
        ((rows,),) = await self._rows(
            "select count(*) from stream s cross join delivery d indexed by delivery_waiting"
            " on d.stream_id = s.id and d.confirmed_ms is null where s.destination = ?",
            (destination,),
        )
        firsts = [await self.waiting(destination, lane, limit=1) for lane in (1, 3)]
        return Backlog(rows, min((row.recorded_at for first in firsts for row in first), default=None))

    async def confirm(self, destination: str, confirmed: Sequence[tuple[str, int, int]]) -> int:
        """Take rows off the waiting list: ranges (stream, first, last), inclusive. Returns how many were waiting."""

        def work(tx: Transaction) -> tuple[int, list[str]]:
            now = to_ms(tx.now)
            done, waited_for = 0, []
            for stream, first, last in confirmed:
                if self._unconfirmed:
                    waited_for += [
                        row[0]
                        for row in tx.db.execute(
                            "select e.event_id from delivery d join event e on e.id = d.event where d.stream_id ="
                            " (select id from stream where stream = ?) and d.sequence between ? and ?",
                            (stream, first, last),
                        )
                    ]
                done += tx.db.execute(
                    "update delivery set confirmed_ms = ? where confirmed_ms is null and sequence between ? and ?"
                    " and stream_id = (select id from stream where stream = ? and destination = ?)",
                    (now, first, last, stream, destination),
                ).rowcount
            return done, waited_for

        done, waited_for = await self._write(work)
        self._unconfirmed.confirmed(waited_for)
        return done

    async def reopen(self, destination: str, stream: str, ranges: Sequence[tuple[int, int]]) -> int:
        """Confirmed rows wait again: the destination asks for them (resend, missing). Returns how many, bounded."""

        def work(tx: Transaction) -> int:
            done = 0
            for first, last in ranges:
                done += tx.db.execute(
                    "update delivery set confirmed_ms = null where confirmed_ms is not null"
                    " and sequence between ? and ?"
                    " and stream_id = (select id from stream where stream = ? and destination = ?)",
                    (first, min(last, first + REOPEN_LIMIT - done - 1), stream, destination),
                ).rowcount
                if done >= REOPEN_LIMIT:
                    break
            return done

        return await self._write(work)

    async def start_stream(
        self,
        destination: str,
        reason: str,
        *,
        previous_stream: str | None = None,
        previous_sequence: int | None = None,
    ) -> StreamHead:
        """Begin a new stream: numbers can't be proved to go on (DESIGN "Sequence")."""
        return await self._write(
            lambda tx: tx.start_stream(
                destination,
                tx.ids.take(),
                reason,
                previous_stream=previous_stream,
                previous_sequence=previous_sequence,
            )
        )

    async def keep_receipt(self, destination: str, stream: str, upto: int) -> None:
        """Remember the highest `upto` of a stream; going back is ignored."""
        await self._write(
            lambda tx: tx.db.execute(
                "update stream set receipted = max(receipted, ?) where stream = ? and destination = ?",
                (upto, stream, destination),
            )
        )

    async def receipted(self, destination: str, stream: str) -> int:
        """The highest `upto` of a stream so far; 0 if none."""
        rows = await self._rows(
            "select receipted from stream where stream = ? and destination = ?", (stream, destination)
        )
        return int(rows[0][0]) if rows else 0

    async def streams(self, destination: str) -> dict[str, int]:
        """All streams of a destination, oldest first, with the last number of each."""
        return dict(
            await self._rows(
                "select stream, last_sequence from stream where destination = ? order by id", (destination,)
            )
        )

    async def command_result(self, command_id: str) -> str | None:
        """What was answered to a command of this id, if it came before."""
        rows = await self._rows("select result from command where id = ?", (command_id,))
        return str(rows[0][0]) if rows else None

    async def keep_command_result(self, command_id: str, result: str) -> None:
        """Remember an answer, so that the same command is done once and answered twice."""
        await self._write(
            lambda tx: tx.db.execute(
                "insert or ignore into command (id, received_ms, result) values (?,?,?)",
                (command_id, to_ms(tx.now), result),
            )
        )


def _delivery(row: tuple[Any, ...]) -> Delivery:  # Any: SQLite's values
    stream, sequence, lane, event_id, event_type, body, recorded = row
    return Delivery(
        stream=stream,
        sequence=sequence,
        lane=lane,
        event_id=event_id,
        type=EventType(event_type),
        payload=envelope(body, stream, sequence),
        recorded_at=from_ms(recorded),
    )
