"""`fsck` for the journal: each numbered invariant (gateway/README.md) that its file can show, as a query on it.

That two alarms of one cause are not open at once (I5) is a unique index: the schema is compared with ours and SQLite's
integrity check reads the index, so a breach is a finding without a number. I6, and the deleting half of I7, are of the
footage: recording/check.py. No file can show I1 (when a device was acknowledged), I9 (what was late), I10 (whether the
clock was trusted when something went by age) and I11 (a viewing that was not written down): they have no query.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.model import EventType, Kind
from gateway.policy.alarms import NEVER_SHELVED
from gateway.policy.arming import BYPASS_LIMIT
from gateway.store.database import SCHEMA_VERSION, connect, connect_memory
from gateway.store.transaction import REPETITION_WINDOW_MS, REPETITIONS_KEPT
from gateway.wire import envelope

#: Findings of one kind that are listed; the rest is counted.
LISTED = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be. `invariant` 0 is the file itself."""

    invariant: int
    text: str

    def __str__(self) -> str:
        """`I4: …`."""
        return f"I{self.invariant}: {self.text}" if self.invariant else self.text


def check_journal(path: Path) -> list[Finding]:
    """Everything that is wrong with the journal at `path`; empty if nothing. Changes nothing."""
    if not path.exists():
        return [Finding(0, f"there is no journal at {path}")]
    try:
        db = connect(path, readonly=True)
    except sqlite3.Error as error:
        return [Finding(0, f"{path} can't be opened: {error}")]
    try:
        findings = list(_file(db))
        if not findings:
            for invariant, check in _CHECKS:
                findings += [Finding(invariant, text) for text in _bounded(check(db))]
    except sqlite3.DatabaseError as error:
        findings = [Finding(0, f"{path} can't be read: {error}")]
    finally:
        db.close()
    return findings


def _bounded(texts: Iterator[str]) -> Iterator[str]:
    more = 0
    for number, text in enumerate(texts):
        if number < LISTED:
            yield text
        else:
            more += 1
    if more:
        yield f"… and {more} more of the same"


def _file(db: sqlite3.Connection) -> Iterator[Finding]:
    for (text,) in db.execute("pragma integrity_check(20)"):
        if text != "ok":
            yield Finding(0, f"the file is damaged: {text}")
    version = db.execute("pragma user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        yield Finding(0, f"the schema is version {version}, this program's is {SCHEMA_VERSION}")
        return
    fresh = connect_memory()
    try:
        for name, sql in _schema(fresh).items():
            if _schema(db).get(name) != sql:
                yield Finding(0, f"{name} is not as schema.sql has it")
    finally:
        fresh.close()
    for table, row, parent, _ in db.execute("pragma foreign_key_check"):
        yield Finding(0, f"row {row} of {table} refers to a row of {parent} that is not there")


def _schema(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("select name, sql from sqlite_schema where sql is not null"))


_DAY_MS = 86_400_000

#: A stream that began because the journal, or the memory in its place, was gone: what was before it may be incomplete.
_AFTER_A_LOSS = "reason in ('journal-lost', 'journal-salvaged', 'memory-lost', 'memory-mode')"

#: Events younger than this, counted back from the newest, are never pruned (`[journal] keep_days` is 30 at least).
_NEVER_PRUNED_MS = 30 * _DAY_MS


def _border(db: sqlite3.Connection) -> int:
    newest = db.execute("select max(recorded_ms) from event").fetchone()[0]
    return int(newest or 0) - _NEVER_PRUNED_MS


def _i2_alarms_have_their_events(db: sqlite3.Connection) -> Iterator[str]:
    for (alarm,) in db.execute(
        "select id from alarm where last_raised_ms >= ?"  # noqa: S608 - our own words
        " and last_raised_ms >= (select min(recorded_ms) from event)"
        " and not exists (select 1 from event where event.alarm_id = alarm.id)"
        # taken from the side copy: its events went with the journal, or with the memory, that had them
        f" and not exists (select 1 from stream where started_ms >= last_raised_ms and {_AFTER_A_LOSS})",
        (_border(db),),
    ):
        yield f"alarm {alarm} has no event"
    for alarm, event in db.execute(
        "select alarm_id, event_id from event where alarm_id is not null and alarm_id not in (select id from alarm)"
    ):
        yield f"event {event} is of alarm {alarm}, which is not there"


def _i3_few_messages_are_remembered(db: sqlite3.Connection) -> Iterator[str]:
    for account, count in db.execute("select account, count(*) from message group by account"):
        if count > REPETITIONS_KEPT:
            yield f"{count} messages of account {account} are remembered, {REPETITIONS_KEPT} are allowed"


def _i3_no_message_is_there_twice(db: sqlite3.Connection) -> Iterator[str]:
    for account, first, again in db.execute(
        "select a.account, a.received_ms, b.received_ms from message a"  # noqa: S608 - our own words
        " join message b on b.account = a.account and b.bytes = a.bytes and b.id > a.id"
        " where abs(b.received_ms - a.received_ms) <= ?"
        f" and not exists (select 1 from stream where {_AFTER_A_LOSS}"
        " and started_ms between min(a.received_ms, b.received_ms) and max(a.received_ms, b.received_ms))",
        (REPETITION_WINDOW_MS,),
    ):
        yield f"account {account} has the same message twice, received at {first} and {again} ms"


def _i4_sequences_have_no_gap(db: sqlite3.Connection) -> Iterator[str]:
    for stream, last, low, high, count in db.execute(
        "select s.stream, s.last_sequence, min(d.sequence), max(d.sequence), count(*)"
        " from stream s join delivery d on d.stream_id = s.id join event e on e.id = d.event"
        " where e.recorded_ms >= ? group by s.id",
        (_border(db),),
    ):
        if high != last:
            yield f"stream {stream} was numbered to {last}, its outbox ends at {high}"
        elif high - low + 1 != count:
            yield f"stream {stream} has {count} rows from {low} to {high}: {high - low + 1 - count} are missing"


def _i4_every_event_is_in_the_outbox(db: sqlite3.Connection) -> Iterator[str]:
    for (event,) in db.execute(
        "select event_id from event where id not in (select event from delivery)"
        " and recorded_ms >= ? and exists (select 1 from stream s where s.started_ms <= event.recorded_ms"
        " and (select max(d.event) from delivery d where d.stream_id = s.id) > event.id)",
        (_border(db),),
    ):
        yield f"event {event} was never put into an outbox"


def _i5_alarms_are_closed_by_the_rules(db: sqlite3.Connection) -> Iterator[str]:
    for (
        alarm,
    ) in db.execute(  # a `check` too, but SQLite's integrity check reads none on a read-only connection
        "select id from alarm where closed_ms is not null"
        " and (returned_ms is null or acknowledged_ms is null or closed_by is null)"
    ):
        yield f"alarm {alarm} is closed without acknowledgement, return or a person"
    for alarm, severity in db.execute(
        "select id, severity from alarm where closed_ms is not null and verdict is null"
        " and severity in ('critical', 'high') and closed_by <> 'gateway'"
    ):
        yield f"alarm {alarm} ({severity}) is closed without a verdict"


def _i5_only_open_alarms_are_silenced(db: sqlite3.Connection) -> Iterator[str]:
    for (alarm,) in db.execute(
        "select alarm_id from silence where alarm_id not in (select id from alarm where closed_ms is null)"
    ):
        yield f"alarm {alarm} is silenced and not open"
    for alarm, repeats, silenced in db.execute(
        "select id, alarm.repeats, silence.repeats from silence join alarm on id = alarm_id"
        " where silence.repeats > alarm.repeats"
    ):
        yield f"alarm {alarm} was pressed {repeats} times again, and silenced for {silenced}"


def _i2_who_waits_has_an_entry(db: sqlite3.Connection) -> Iterator[str]:
    """What went active in an entry is an alarm at its end: there must be one, in a zone that is armed and not left."""
    for zone, waiting in db.execute("select zone, waiting from arming order by zone"):
        try:
            points = [f"{point} ({Kind(kind).value})" for point, kind, *_ in json.loads(waiting)]
        except (ValueError, TypeError) as error:
            yield f"who waits in zone {zone} can't be read: {error}"
            continue
        (lost,) = db.execute(
            "select armed = 0 or entry_ms is null or exit_ms is not null from arming where zone = ?", (zone,)
        ).fetchone()
        if points and lost:
            yield f"in zone {zone} {', '.join(points)} waits for the end of an entry that is not under way"
    for (zone,) in db.execute(
        "select zone from arming where armed = 0 and (exit_ms is not null or entry_ms is not null)"
    ):
        yield f"zone {zone} is disarmed, and somebody is leaving or entering it"


def _i5_no_bypass_is_for_ever(db: sqlite3.Connection) -> Iterator[str]:
    limit = round(BYPASS_LIMIT.total_seconds() * 1000)
    never = sorted(kind.value for kind in NEVER_SHELVED)
    for point, kind in db.execute(
        "select point, kind from bypass where until_ms > placed_ms"
        " and (until_ms - placed_ms > ? or kind in (select value from json_each(?)) or trim(reason) = '')",
        (limit, json.dumps(never)),
    ):
        yield f"point {point} ({kind}) is bypassed, which it can't be for so long, without a reason, or at all"


def _i7_open_urgent_alarms_hold(db: sqlite3.Connection) -> Iterator[str]:
    for (alarm,) in db.execute(
        "select id from alarm where closed_ms is null and severity in ('critical', 'high')"
        " and json_array_length(source, '$.cameras') > 0"
        " and not exists (select 1 from hold where hold.alarm_id = alarm.id and hold.expires_ms is null)"
    ):
        yield f"alarm {alarm} is open, has cameras, and holds no footage"


def _i8_what_was_given_up_was_told(db: sqlite3.Connection) -> Iterator[str]:
    """The event comes once a day for each camera, so one of the day on which the footage ended, or later, will do."""
    for camera, start, end in db.execute(
        "select camera, from_ms, to_ms from gap where cause = 'given-up'"  # noqa: S608 - our own words
        " and to_ms between ? and (select max(recorded_ms) from event)"
        " and not exists (select 1 from event where type = ? and subject = gap.camera"
        "  and recorded_ms >= gap.to_ms / ? * ? and cast(body as text) like '%\"footage-given-up\"%')"
        f" and not exists (select 1 from stream where started_ms >= gap.to_ms and {_AFTER_A_LOSS})",
        (_border(db), EventType.DEGRADED.value, _DAY_MS, _DAY_MS),
    ):
        yield f"footage of {camera} from {start} to {end} ms was given up, and no event says so"


def _i12_bytes_are_whole(db: sqlite3.Connection) -> Iterator[str]:
    for event_id, body in db.execute("select event_id, body from event"):
        try:
            read = json.loads(envelope(body, "s", 1))
        except ValueError as error:
            yield f"event {event_id} is not JSON: {error}"
        else:
            if read["id"] != event_id:
                yield f"event {event_id} says that its id is {read['id']}"


_CHECKS: tuple[tuple[int, Callable[[sqlite3.Connection], Iterator[str]]], ...] = (
    (2, _i2_alarms_have_their_events),
    (3, _i3_few_messages_are_remembered),
    (3, _i3_no_message_is_there_twice),
    (4, _i4_sequences_have_no_gap),
    (4, _i4_every_event_is_in_the_outbox),
    (2, _i2_who_waits_has_an_entry),
    (5, _i5_alarms_are_closed_by_the_rules),
    (5, _i5_only_open_alarms_are_silenced),
    (5, _i5_no_bypass_is_for_ever),
    (7, _i7_open_urgent_alarms_hold),
    (8, _i8_what_was_given_up_was_told),
    (12, _i12_bytes_are_whole),
)
