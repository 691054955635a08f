"""Appends events to the journal and numbers them for each destination's outbox, inside the writer's savepoint (I2, I4)."""

import sqlite3
from datetime import datetime

from gateway.clock import to_ms
from gateway.model import ClockState, EventType
from gateway.store.effects import Effects, Ids
from gateway.store.rows import Committed, StreamHead
from gateway.wire import JsonObject, Quality, event_body, quality_data

OTHER_EVENTS_LANE = 3


class Emitter:
    """The part of a write that says what has happened; `Transaction` is the rest."""

    def __init__(
        self,
        db: sqlite3.Connection,
        *,
        ids: Ids,
        now: datetime,
        source: str,
        quality: Quality,
        destinations: tuple[str, ...],
    ) -> None:
        self.db = db
        self.now = now
        self.ids = ids
        self.effects = Effects()
        self._source = source
        self._quality = quality
        self._destinations = destinations
        ids.rewind()

    @property
    def trusts_clock(self) -> bool:
        """Whether `now` may be believed."""
        return self._quality.clock is ClockState.TRUSTED

    def emit(
        self,
        event_type: EventType,
        subject: str,
        data: JsonObject,
        *,
        at: datetime | None = None,
        alarm_id: str | None = None,
        lane: int = OTHER_EVENTS_LANE,
        only: str | None = None,
    ) -> str:
        """Append an event and a row of the outbox for each destination (or `only` one); returns the event's id."""
        event_id = self.ids.take()
        happened = at or self.now
        body = event_body(
            event_id=event_id,
            source=self._source,
            event_type=event_type,
            subject=subject,
            at=happened,
            data={**quality_data(self._quality), **data},
        )
        row = self.db.execute(
            "insert into event (event_id, type, subject, alarm_id, at_ms, recorded_ms, durable, body)"
            " values (?,?,?,?,?,?,?,?)",
            (
                event_id,
                event_type.value,
                subject,
                alarm_id,
                to_ms(happened),
                to_ms(self.now),
                int(self._quality.durable),
                body,
            ),
        ).lastrowid
        for destination in (only,) if only is not None else self._destinations:
            self._deliver(destination, row, lane)
        self.effects.events.append(
            Committed(event_id=event_id, type=event_type, subject=subject, alarm_id=alarm_id, at=happened)
        )
        return event_id

    def _deliver(self, destination: str, event_row: int | None, lane: int) -> None:
        stream_id, sequence = self.db.execute(
            "update stream set last_sequence = last_sequence + 1"
            " where id = (select max(id) from stream where destination = ?) returning id, last_sequence",
            (destination,),
        ).fetchone()
        self.db.execute(
            "insert into delivery (stream_id, sequence, event, lane) values (?,?,?,?)",
            (stream_id, sequence, event_row, lane),
        )
        self.effects.sequences[destination] = sequence

    def start_stream(
        self,
        destination: str,
        stream: str,
        reason: str,
        *,
        previous_stream: str | None = None,
        previous_sequence: int | None = None,
    ) -> StreamHead:
        """Begin a new run of numbers; its number 1 says why, and names the last one (CONTRACT)."""
        self.db.execute(
            "insert into stream (destination, stream, reason, previous_stream, previous_sequence, started_ms)"
            " values (?,?,?,?,?,?)",
            (destination, stream, reason, previous_stream, previous_sequence, to_ms(self.now)),
        )
        self.emit(
            EventType.STREAM_STARTED,
            "gateway",
            {"reason": reason, "previous_stream": previous_stream, "previous_sequence": previous_sequence},
            only=destination,
        )
        head = StreamHead(
            destination=destination,
            stream=stream,
            last_sequence=1,
            reason=reason,
            previous_stream=previous_stream,
            previous_sequence=previous_sequence,
        )
        self.effects.heads[destination] = head
        return head
