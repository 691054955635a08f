"""The county's tables: what one batch of messages does to them, in few statements; for the writer thread alone."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain

from gateway.clock import from_ms, to_ms
from simulators.county.ledger import Ledger
from simulators.county.parsing import parse_event
from simulators.county.wire import (
    Cleared,
    CommandResult,
    DeviceSaid,
    Event,
    OpenAlarms,
    Rule,
    Snapshot,
    State,
    Violation,
)

#: Violations beyond these are not kept one by one: a gateway gone mad must not fill the disk.
KEPT_VIOLATIONS = 10_000

_INSERT_EVENTS = "insert into event (id, root, source, stream, sequence, type, payload, received_ms) values "

Message = Event | State | OpenAlarms | DeviceSaid | Cleared | CommandResult | Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message on its way into the store. `message` is None if it could not be understood.

    Only events are kept; the other messages pass through in their order, for the broker sends them again
    (they are retained) or the next ones replace them. `acknowledge` tells the broker, after the commit.
    """

    message: Message | None
    violations: tuple[Violation, ...]
    received_ns: int
    acknowledge: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of an entry: an event is new, or a duplicate, or neither (its id was used for something else)."""

    entry: Entry
    is_new: bool
    is_duplicate: bool
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What was in the store when it was opened."""

    ledger: Ledger
    violations: tuple[Violation, ...]


class Tables:
    """One open database. Every statement lets other threads run and then waits for them: so there are few of them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript("pragma journal_mode = wal; pragma synchronous = full;")
        db.executescript(files("simulators.county").joinpath("schema.sql").read_text(encoding="utf-8"))
        self._sources: dict[str, str] = dict(db.execute("select root, source from site"))
        self._kept_violations: int = db.execute("select count(*) from violation").fetchone()[0]

    def contents(self) -> Contents:
        """All there is, but the events themselves."""
        rows = self._db.execute("select at_ms, root, rule, detail from violation order by number")
        violations = tuple(
            Violation(root=root, rule=Rule(rule), detail=detail, at=from_ms(at_ms))
            for at_ms, root, rule, detail in rows
        )
        return Contents(ledger=self._ledger(), violations=violations)

    def events(self) -> tuple[Event, ...]:
        """The events, in order of arrival."""
        rows = self._db.execute("select root, payload, received_ms from event order by arrival")
        return tuple(
            parse_event(payload, root=root, received_at=from_ms(received_ms))
            for root, payload, received_ms in rows
        )

    def forget(self) -> None:
        """Lose everything."""
        self._db.executescript(
            "begin; delete from event; delete from repeat; delete from site; delete from violation; commit;"
        )
        self._sources.clear()
        self._kept_violations = 0

    def commit(self, batch: Sequence[Entry]) -> list[Stored]:
        """Store a batch in one transaction. Raises sqlite3.Error; then none of it is stored."""
        self._db.execute("begin immediate")
        judge = _Judge(
            self._db, [entry.message for entry in batch if isinstance(entry.message, Event)], self._sources
        )
        stored = [judge.judge(entry) for entry in batch]
        self._insert_events(judge.new)
        self._insert_repeats(judge.repeats)
        self._insert_sites(judge.new_sources)
        self._insert_violations([violation for one in stored for violation in one.violations])
        self._db.execute("commit")
        return stored

    def _insert_events(self, events: Sequence[Event]) -> None:
        if events:
            rows = [
                (
                    event.id,
                    event.root,
                    event.source,
                    event.stream,
                    event.sequence,
                    event.type,
                    event.payload,
                    to_ms(event.received_at),
                )
                for event in events
            ]
            places = ",".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(rows))
            self._db.execute(_INSERT_EVENTS + places, tuple(chain.from_iterable(rows)))

    def _insert_repeats(self, repeats: Counter[tuple[str, str]]) -> None:
        for (root, stream), count in repeats.items():
            self._db.execute(
                "insert into repeat values (?, ?, ?) on conflict do update set count = count + excluded.count",
                (root, stream, count),
            )

    def _insert_sites(self, sources: dict[str, str]) -> None:
        for root, source in sources.items():
            self._db.execute("insert into site values (?, ?)", (root, source))

    def _insert_violations(self, violations: Sequence[Violation]) -> None:
        kept = violations[: KEPT_VIOLATIONS - self._kept_violations]
        self._kept_violations += len(kept)
        for violation in kept:
            self._db.execute(
                "insert into violation (at_ms, root, rule, detail) values (?, ?, ?, ?)",
                (to_ms(violation.at), violation.root, violation.rule.value, violation.detail[:500]),
            )

    def _ledger(self) -> Ledger:
        ledger = Ledger()
        rows = self._db.execute(
            "select root, source, stream, sequence, iif(sequence = 1, payload, null), received_ms"
            " from event order by arrival"
        )
        for root, source, stream, sequence, payload, received_ms in rows:
            found = ledger.of(root, stream, source)
            found.add(sequence)
            if payload is not None:
                found.note_start(parse_event(payload, root=root, received_at=from_ms(received_ms)))
        for root, stream, count in self._db.execute("select root, stream, count from repeat"):
            ledger.of(root, stream).duplicates = count
        return ledger


class _Judge:
    """Tells new events from repeated and wrong ones, within a batch and against what is stored."""

    def __init__(self, db: sqlite3.Connection, events: Sequence[Event], sources: dict[str, str]) -> None:
        self.new: list[Event] = []
        self.repeats: Counter[tuple[str, str]] = Counter()
        self.new_sources: dict[str, str] = {}
        self._sources = sources
        self._payloads: dict[str, bytes] = dict(
            db.execute(
                "select id, payload from event where id in (select value from json_each(?))",
                (json.dumps([event.id for event in events]),),
            )
        )
        self._ids: dict[tuple[str, str, int], str] = {}
        for root, stream in {(event.root, event.stream) for event in events}:
            numbers = json.dumps([event.sequence for event in events if event.stream == stream])
            rows = db.execute(
                "select sequence, id from event"
                " where root = ? and stream = ? and sequence in (select value from json_each(?))",
                (root, stream, numbers),
            )
            self._ids |= {(root, stream, sequence): identity for sequence, identity in rows}

    def judge(self, entry: Entry) -> Stored:
        """What is to become of one entry."""
        if not isinstance(entry.message, Event):
            return Stored(entry=entry, is_new=False, is_duplicate=False, violations=entry.violations)
        event = entry.message
        known = self._payloads.get(event.id)
        if known is None:
            broken = self._take(event)
        elif known == event.payload:
            self.repeats[event.root, event.stream] += 1
            broken = []
        else:
            broken = [_violation(event, Rule.ID_REUSED, event.id)]
        return Stored(
            entry=entry,
            is_new=known is None,
            is_duplicate=known == event.payload,
            violations=(*entry.violations, *broken),
        )

    def _take(self, event: Event) -> list[Violation]:
        broken = []
        self.new.append(event)
        self._payloads[event.id] = event.payload
        if event.root not in self._sources:
            self._sources[event.root] = self.new_sources[event.root] = event.source
        source = self._sources[event.root]
        if source != event.source:
            broken.append(_violation(event, Rule.WRONG_SOURCE, f"{event.source} under the root of {source}"))
        other = self._ids.setdefault((event.root, event.stream, event.sequence), event.id)
        if other != event.id:
            detail = f"{event.sequence} of {event.stream} is {other} and {event.id}"
            broken.append(_violation(event, Rule.SEQUENCE_REUSED, detail))
        return broken


def _violation(event: Event, rule: Rule, detail: str) -> Violation:
    return Violation(root=event.root, rule=rule, detail=detail, at=event.received_at)
