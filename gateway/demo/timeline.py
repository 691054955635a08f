"""Each event's way from the hand at the button to the county's receipt, put together from everyone's own clock readings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.clock import rfc3339
from gateway.model import EventType
from gateway.trace import Stage
from simulators.county import Event

#: The events that a press makes.
PRESSES = frozenset({EventType.ALARM_RAISED, EventType.ALARM_REPEATED})

Marks = Mapping[Stage, datetime]

_NO_MARKS: Marks = {}


class TraceReader:
    """Follows the gateway's trace file. `read` blocks: for a thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._marks: dict[str, dict[Stage, datetime]] = {}

    def of(self, event_id: str | None) -> Marks:
        """When the event was first at each station."""
        return self._marks.get(event_id, _NO_MARKS) if event_id is not None else _NO_MARKS

    def waiting(self) -> int:
        """Events that are committed, and whose confirmation has not been seen."""
        return sum(
            Stage.COMMITTED in marks and Stage.CONFIRMED not in marks for marks in self._marks.values()
        )

    def read(self) -> None:
        """Take in what was written since the last time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                new = file.read()
        except FileNotFoundError:
            return
        whole, found, _ = new.rpartition(b"\n")
        self._read_bytes += len(whole) + len(found)
        for line in whole.splitlines():
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            mark = json.loads(line)
            stage, at = Stage(mark["stage"]), datetime.fromisoformat(mark["at"])
        except (ValueError, KeyError):
            return  # a SIGKILL in the middle of a line
        for event_id in mark["ids"]:
            self._marks.setdefault(event_id, {}).setdefault(stage, at)


@dataclass(slots=True, kw_only=True)
class Row:
    """One event, or a press of which there is no event yet (`id` None). `subject` is the point, device or camera."""

    subject: str
    type: str = ""
    pressed: datetime | None = None
    id: str | None = None
    stream: str = ""
    sequence: int | None = None
    received: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How far a row has come: `at` is when it began (the press, else the commit); then seconds from there, None: not yet."""

    at: datetime | None
    disk: float | None
    sent: float | None
    county: float | None
    receipt: float | None


class Timeline:
    """Rows in the order in which they became known. Lives on the event loop."""

    def __init__(self, trace: TraceReader) -> None:
        self.trace = trace
        self.rows: list[Row] = []
        self._by_id: dict[str, Row] = {}

    # ---- what is told

    def pressed(self, point: str, at: datetime) -> None:
        """A hand did it, by the simulator's clock."""
        self.rows.append(Row(subject=point, pressed=at))

    def journalled(self, event_id: str, event_type: str, subject: str, at: datetime) -> None:
        """The gateway's console shows the event; the county may not have it yet."""
        if event_id not in self._by_id:
            self._row_of(event_id, event_type, subject, at)

    def heard(self, event: Event) -> None:
        """The county has stored it."""
        row = self._by_id.get(event.id) or self._row_of(event.id, event.type, event.subject, event.time)
        row.stream, row.sequence, row.received = event.stream, event.sequence, event.received_at

    # ---- what is known

    def way(self, row: Row) -> Way:
        """How far it has come."""
        marks = self.trace.of(row.id)
        at = row.pressed or marks.get(Stage.COMMITTED) or row.received

        def after(moment: datetime | None) -> float | None:
            # clocks are read on both sides of a process border: less than nothing is nothing
            return None if moment is None or at is None else max(0.0, (moment - at).total_seconds())

        return Way(
            at=at,
            disk=after(marks.get(Stage.COMMITTED)),
            sent=after(marks.get(Stage.PUBLISHED)),
            county=after(row.received),
            receipt=after(marks.get(Stage.CONFIRMED)),
        )

    def unanswered(self) -> list[Row]:
        """Presses of which no event is known."""
        return [row for row in self.rows if row.id is None]

    def is_receipted(self, event_id: str) -> bool:
        """Whether the gateway has the county's receipt for it."""
        return Stage.CONFIRMED in self.trace.of(event_id)

    def missing_receipts(self) -> list[Row]:
        """Events that the county has and the gateway has no receipt for."""
        return [
            row for row in self.rows if row.received and row.id is not None and not self.is_receipted(row.id)
        ]

    def document(self, events: Sequence[Event]) -> dict[str, list[dict[str, object]]]:
        """The timeline as CONTRACT has it, of these events of the county's store: streams as they came, each in sequence."""
        streams = list(dict.fromkeys(event.stream for event in events))
        ordered = sorted(events, key=lambda event: (streams.index(event.stream), event.sequence))
        return {"events": [self._entry(event) for event in ordered]}

    # ---- inside

    def _entry(self, event: Event) -> dict[str, object]:
        marks, row = self.trace.of(event.id), self._by_id.get(event.id)
        return {
            "stream": event.stream,
            "sequence": event.sequence,
            "id": event.id,
            "type": event.type,
            "subject": event.subject,
            "pressed": _stamp(row.pressed if row else None),
            "committed": _stamp(marks.get(Stage.COMMITTED)),
            "published": _stamp(marks.get(Stage.PUBLISHED)),
            "received": _stamp(event.received_at),
            "receipted": _stamp(marks.get(Stage.CONFIRMED)),
        }

    def _row_of(self, event_id: str, event_type: str, subject: str, at: datetime) -> Row:
        row = self._press_of(event_type, subject, at)
        if row is None:
            row = Row(subject=subject)
            self.rows.append(row)
        row.id, row.type = event_id, event_type
        self._by_id[event_id] = row
        return row

    def _press_of(self, event_type: str, subject: str, at: datetime) -> Row | None:
        """The press that this event tells of: the latest of its point that came before it and has no event yet."""
        if event_type not in PRESSES:
            return None
        return next(
            (
                row
                for row in reversed(self.rows)
                if row.id is None
                and row.subject == subject
                and row.pressed is not None
                and _cut(row.pressed, at) <= at
            ),
            None,
        )


def _cut(moment: datetime, like: datetime) -> datetime:
    """As exact as the other one is: an event's time is cut to milliseconds, and a fire panel tells whole seconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000 if like.microsecond else 0)


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
