"""The two ends of memory mode: what memory takes over from the disk, and what the disk gets back, each in one transaction."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from gateway.clock import to_ms
from gateway.policy.holds import HoldRules, expiry
from gateway.store.database import uri
from gateway.store.rows import ALARM_COLUMNS, alarm_of
from gateway.store.standing import forget_silences
from gateway.store.transaction import REPETITIONS_KEPT

#: The cause of a gap that is none: memory mode's note that one ended which the disk alone knows.
GAP_ENDED = "ended"

_KEEP_NEWER = {
    "point_level": "point, kind, level, changed_ms",
    "presence": "device, presence, since_ms, reason, identity",
    "session": "token_sha256, account, csrf, created_ms, expires_ms",
    "command": "id, received_ms, result",
    "silence": "alarm_id, repeats, at_ms, by",
    "arming": "zone, armed, changed_ms, by, exit_ms, entry_ms, waiting",
    "bypass": "point, kind, placed_ms, until_ms, by, reason",
    "output_test": "output, tested_ms, ok",
}
_APPEND = {
    "message": "account, bytes, received_ms",
    "access_log": "at_ms, actor, action, camera, from_ms, to_ms, reason",
    "drill": "zone, from_ms, until_ms, started_by",
}


#: Small tables that memory mode takes over as they are.
_WHOLE = (
    "stream", "journal", "message", "drill", "point_level", "presence", "account", "silence", "arming", "bypass",
    "point_test", "output_test",
)  # fmt: skip

#: The waiting rows that memory mode takes over, and their events: destinations, limit.
_WAITING = (
    "where confirmed_ms is null and stream_id in (select id from stream where destination in"
    " (select value from json_each(?))) order by lane, sequence desc limit ?"
)
_OF_WAITING = f"where id in (select event from delivery {_WAITING})"  # noqa: S608 - our own words


def seed(
    memory: sqlite3.Connection, source: sqlite3.Connection, destinations: Sequence[str], limit: int
) -> int:
    """Copy what a dying disk can still show and memory mode needs: streams and the events that still wait.

    The newest `limit` waiting rows of these destinations, critical and high alarms before others; the rest waits on
    the disk. Alarms, levels and presence as the disk has them: a COMMIT that failed may have taken place.
    Returns how many rows. Raises sqlite3.Error where the disk can't be read either.
    """
    wanted = (json.dumps(destinations), limit)
    try:
        memory.execute("begin")
        source.execute("begin")
        for table in _WHOLE:
            _copy(source, memory, table)
        _copy(source, memory, "event", _OF_WAITING, wanted)
        copied = _copy(source, memory, "delivery", _WAITING, wanted)
        _copy(source, memory, "alarm", "where closed_ms is null")
        _copy(source, memory, "gap", "where to_ms is null")
        memory.execute("commit")
    except sqlite3.Error:
        if memory.in_transaction:
            memory.execute("rollback")
        raise
    finally:
        if source.in_transaction:
            source.execute("rollback")
    return copied


def _copy(
    source: sqlite3.Connection,
    memory: sqlite3.Connection,
    table: str,
    condition: str = "",
    values: tuple[str | int, ...] = (),
) -> int:
    rows = source.execute(f"select * from {table} {condition}", values)  # noqa: S608 - our own names
    places = ",".join("?" * len(rows.description))
    return memory.executemany(f"insert into {table} values ({places})", rows).rowcount  # noqa: S608 - the same


def merge_into_disk(memory: sqlite3.Connection, path: Path, *, now_ms: int, rules: HoldRules) -> None:
    """Write everything that memory mode recorded into the journal at `path`.

    Alarms closed meanwhile end their older holds too, which are on the disk alone. Raises sqlite3.Error: nothing
    changed then.
    """
    hold_ends = _hold_ends(memory, rules)
    memory.execute("attach ? as disk", (uri(path, "rw"),))
    try:
        memory.execute("pragma disk.synchronous = full")
        memory.execute("begin immediate")
        _merge_events(memory)
        _merge_gaps(memory)
        _merge_alarms(memory, now_ms, hold_ends)
        for table, columns in _KEEP_NEWER.items():
            statement = f"insert or replace into disk.{table} ({columns}) select {columns} from main.{table}"  # noqa: S608 - our own names
            memory.execute(statement)
        _merge_tests(memory)
        forget_silences(memory, "disk")
        for table, columns in _APPEND.items():
            memory.execute(
                f"insert into disk.{table} ({columns}) select {columns} from main.{table} except"  # noqa: S608 - our own names
                f" select {columns} from disk.{table}"
            )
        memory.execute(
            "insert or ignore into disk.account (name, display, hash, role, disabled, created_ms)"
            " select name, display, hash, role, disabled, created_ms from main.account"
        )
        memory.execute(
            "delete from disk.message where id not in (select id from (select id, row_number() over"
            " (partition by account order by id desc) as age from disk.message) where age <= ?)",
            (REPETITIONS_KEPT,),
        )
        memory.execute("commit")
    except sqlite3.Error:
        if memory.in_transaction:
            memory.execute("rollback")
        raise
    finally:
        memory.execute("detach disk")


def _merge_events(memory: sqlite3.Connection) -> None:
    memory.execute(
        "insert into disk.stream (destination, stream, reason, previous_stream, previous_sequence, started_ms,"
        " last_sequence, receipted)"
        " select destination, stream, reason, previous_stream, previous_sequence, started_ms, last_sequence, receipted"
        " from main.stream m where stream not in (select stream from disk.stream) order by m.id"
    )
    memory.execute(
        "update disk.stream set receipted = max(receipted, coalesce((select m.receipted from main.stream m"
        " where m.stream = disk.stream.stream), 0))"
    )
    # A batch that was given up on disk and run again here may have reached the disk late: its numbers there were never
    # sent, and the new stream says that the old one ended before them.
    memory.execute(
        "create temp table doomed as select stream_id, sequence from disk.delivery where confirmed_ms is null"
        " and event in (select d.id from disk.event d join main.event m on m.event_id = d.event_id where m.durable = 0)"
        " and stream_id not in (select ds.id from disk.stream ds join main.stream ms on ms.stream = ds.stream"
        " where ms.reason = 'memory-mode')"
    )
    memory.execute(
        "update disk.stream set last_sequence = (select min(sequence) from doomed where stream_id = disk.stream.id) - 1"
        " where id in (select stream_id from doomed)"
    )
    memory.execute(
        "delete from disk.delivery where (stream_id, sequence) in (select stream_id, sequence from doomed)"
    )
    memory.execute("drop table doomed")
    # An event whose COMMIT failed and yet took place was recorded once more here: its bytes as sent are the true ones.
    memory.execute(
        "update disk.event set body = (select m.body from main.event m where m.event_id = disk.event.event_id),"
        " durable = 0 where event_id in (select event_id from main.event where durable = 0)"
    )
    memory.execute(
        "insert into disk.event (event_id, type, subject, alarm_id, at_ms, recorded_ms, durable, body)"
        " select event_id, type, subject, alarm_id, at_ms, recorded_ms, durable, body from main.event m"
        " where not exists (select 1 from disk.event d where d.event_id = m.event_id) order by m.id"
    )
    memory.execute(
        "insert into disk.delivery (stream_id, sequence, event, lane, confirmed_ms)"
        " select ds.id, m.sequence, de.id, m.lane, m.confirmed_ms from main.delivery m"
        " join main.stream ms on ms.id = m.stream_id join disk.stream ds on ds.stream = ms.stream"
        " join main.event me on me.id = m.event join disk.event de on de.event_id = me.event_id"
        " where true on conflict (stream_id, sequence) do update"
        " set confirmed_ms = coalesce(disk.delivery.confirmed_ms, excluded.confirmed_ms)"
    )
    # An older copy in the journal's place does not know how far its stream had got.
    memory.execute(
        "update disk.stream set last_sequence = max(last_sequence, coalesce((select max(sequence) from disk.delivery d"
        " where d.stream_id = disk.stream.id), 0))"
    )


def _merge_alarms(memory: sqlite3.Connection, now_ms: int, hold_ends: Sequence[tuple[str, int]]) -> None:
    # Where the memory did not know of an alarm that is open on disk and raised another for the same cause, the newer
    # one goes on (the county and the guards know it) and the older one ends by naming it.
    memory.execute(
        "update disk.alarm set returned_ms = coalesce(returned_ms, ?1), acknowledged_ms = coalesce(acknowledged_ms, ?1),"
        " closed_ms = ?1, closed_by = 'gateway', detail = 'continued as ' || (select m.id from main.alarm m"
        " where m.subject = disk.alarm.subject and m.kind = disk.alarm.kind and m.closed_ms is null)"
        " where closed_ms is null and exists (select 1 from main.alarm m where m.subject = disk.alarm.subject"
        " and m.kind = disk.alarm.kind and m.closed_ms is null and m.id <> disk.alarm.id)",
        (now_ms,),
    )
    # Closed ones first: an alarm that was closed and raised again would else be open twice for a moment.
    for condition in ("closed_ms is not null", "closed_ms is null"):
        memory.execute(f"insert or replace into disk.alarm select * from main.alarm where {condition}")  # noqa: S608 - our own condition
    for alarm_id, expires_ms in hold_ends:
        memory.execute(
            "update disk.hold set expires_ms = ? where alarm_id = ? and expires_ms is null",
            (expires_ms, alarm_id),
        )
    memory.execute(
        "insert into disk.hold (camera, from_ms, to_ms, alarm_id, reason, placed_by, placed_ms, expires_ms)"
        " select camera, from_ms, to_ms, alarm_id, reason, placed_by, placed_ms, expires_ms from main.hold m"
        " where not exists (select 1 from disk.hold d where d.camera = m.camera and d.from_ms = m.from_ms"
        " and d.to_ms = m.to_ms and d.alarm_id is m.alarm_id and d.placed_ms = m.placed_ms)"
    )


def _merge_tests(memory: sqlite3.Connection) -> None:
    """Memory that could not read the disk began to watch anew: the earlier beginning counts, and the later press."""
    memory.execute(
        "insert into disk.point_test (point, since_ms, tested_ms)"
        " select point, since_ms, tested_ms from main.point_test where true on conflict (point) do update set"
        " since_ms = min(since_ms, excluded.since_ms),"
        " tested_ms = coalesce(max(tested_ms, excluded.tested_ms), tested_ms, excluded.tested_ms)"
    )


def _merge_gaps(memory: sqlite3.Connection) -> None:
    """First the ends of gaps that are open on the disk, then the gaps that it does not have."""
    memory.execute(
        "update disk.gap set to_ms = (select m.to_ms from main.gap m where m.camera = disk.gap.camera and"
        " m.from_ms = disk.gap.from_ms and m.cause = disk.gap.cause) where to_ms is null"
    )
    memory.execute(
        "update disk.gap set to_ms = (select max(disk.gap.from_ms, min(m.to_ms)) from main.gap m where m.cause = ?1"
        " and m.camera = disk.gap.camera) where to_ms is null",
        (GAP_ENDED,),
    )
    memory.execute(
        "insert into disk.gap (camera, from_ms, to_ms, cause) select camera, from_ms, to_ms, cause from main.gap"
        " where cause <> ?1 except select camera, from_ms, to_ms, cause from disk.gap",
        (GAP_ENDED,),
    )


def _hold_ends(memory: sqlite3.Connection, rules: HoldRules) -> list[tuple[str, int]]:
    closed = [
        alarm_of(row)
        for row in memory.execute(f"select {ALARM_COLUMNS} from alarm where closed_ms is not null")  # noqa: S608 - our own column list
    ]
    ends = [(alarm.id, expiry(alarm, rules)) for alarm in closed]
    return [(alarm_id, to_ms(end)) for alarm_id, end in ends if end is not None]
