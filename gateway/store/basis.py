"""What a journal is given that it does not have by itself: from the side copy, or from the mirror in memory mode."""

import contextlib
import json
import logging
import sqlite3
import uuid
from dataclasses import replace
from pathlib import Path

from gateway.clock import to_ms
from gateway.model import Alarm
from gateway.policy import holds
from gateway.policy.holds import HoldRules
from gateway.store import side
from gateway.store.database import connect
from gateway.store.mirror import Mirror, open_alarms_of
from gateway.store.rows import put_alarm
from gateway.store.standing import forget_silences, put_arming, put_bypass, put_silence

logger = logging.getLogger(__name__)


def write_basis(
    db: sqlite3.Connection, known: Mirror, *, now_ms: int, rules: HoldRules, is_later: bool = False
) -> None:
    """Give a journal its identity and what is known from elsewhere; what it has itself stands.

    `is_later`: what is known of arming and bypasses was so after what the journal has of them.
    """
    db.execute("begin immediate")
    db.execute(
        "insert or ignore into journal (one, identity, created_ms) values (1, ?, ?)",
        (str(uuid.uuid4()), now_ms),
    )
    there = {(alarm.source.subject, alarm.source.kind) for alarm in open_alarms_of(db)}
    for alarm in known.open_alarms.values():
        if (alarm.source.subject, alarm.source.kind) not in there:
            put_alarm(db, alarm)
            _hold_again(db, alarm, now_ms, rules)
    db.executemany(
        "insert or ignore into point_level (point, kind, level, changed_ms) values (?,?,?,?)",
        [(point, kind.value, level.value, now_ms) for (point, kind), level in known.levels.items()],
    )
    db.executemany(
        "insert or ignore into presence (device, presence, since_ms, reason, identity) values (?,?,?,?,?)",
        [
            (
                p.device,
                p.presence.value,
                to_ms(p.since),
                p.reason,
                json.dumps(dict(p.identity), ensure_ascii=False),
            )
            for p in known.presences.values()
        ],
    )
    db.executemany(
        "insert or ignore into account (name, display, hash, role, disabled, created_ms) values (?,?,?,?,?,?)",
        [(a.name, a.display, a.hash, a.role, int(a.disabled), now_ms) for a in known.accounts.values()],
    )
    _put_standing(db, known, "replace" if is_later else "ignore")
    for silence in known.silences.values():
        put_silence(db, silence, "ignore")
    forget_silences(db)
    db.execute("commit")


def _put_standing(db: sqlite3.Connection, known: Mirror, verb: str) -> None:
    for arming in known.armings.values():
        put_arming(db, arming, verb)
    for bypass in known.bypasses.values():
        put_bypass(db, bypass, verb)


def knows_streams(db: sqlite3.Connection, known: Mirror) -> bool:
    """Whether the journal has every stream that the side copy was written in."""
    there = {stream for (stream,) in db.execute("select stream from stream")}
    return all(head.stream in there for head in known.heads.values())


def take_over(db: sqlite3.Connection, lost: Mirror, *, now_ms: int, rules: HoldRules) -> None:
    """The daemon ended in memory mode: the side copy knows later than the journal which alarms are open.

    An alarm that the journal has open and the side copy has not stays open: a person looks at it once more. One
    that both have for the same cause is one alarm, the journal's, with the later presses.
    """
    db.execute("begin immediate")
    there = {(alarm.source.subject, alarm.source.kind): alarm for alarm in open_alarms_of(db)}
    for alarm in lost.open_alarms.values():
        later = _continued(there.get((alarm.source.subject, alarm.source.kind)), alarm)
        put_alarm(db, later)
        silence = lost.silences.get(alarm.id)
        if silence is not None and silence.covers(alarm):
            put_silence(db, replace(silence, alarm=later.id, repeats=later.repeats))
        _hold_again(db, later, now_ms, rules)
    db.executemany(
        "insert or replace into point_level (point, kind, level, changed_ms) values (?,?,?,?)",
        [(point, kind.value, level.value, now_ms) for (point, kind), level in lost.levels.items()],
    )
    _put_standing(db, lost, "replace")
    db.execute("commit")


def recall(mirror: Mirror, path: Path, side_path: Path) -> int:
    """At a start without a writable disk: what the journal says if it can be read, else the side copy.

    Returns the number of this start, 0 where only the journal knows it.
    """
    before = side.read(side_path)
    try:
        with contextlib.closing(connect(path, readonly=True)) as db:
            mirror.load(db)
            boot = int(db.execute("select boot from journal").fetchone()[0]) + 1
            is_later = before is not None and before.in_memory and not knows_streams(db, before)
    except (sqlite3.Error, OSError, TypeError) as error:
        logger.warning("the journal can't be read either: %s", error)
        if before is not None:
            mirror.open_alarms, mirror.levels = before.open_alarms, before.levels
            mirror.accounts, mirror.heads = before.accounts, before.heads
            mirror.silences, mirror.armings = before.silences, before.armings
            mirror.bypasses = before.bypasses
        return 0
    if before is not None and is_later:
        causes = {(alarm.source.subject, alarm.source.kind) for alarm in before.open_alarms.values()}
        mirror.open_alarms = before.open_alarms | {
            key: alarm
            for key, alarm in mirror.open_alarms.items()
            if (alarm.source.subject, alarm.source.kind) not in causes
        }
        mirror.levels |= before.levels
        mirror.silences |= before.silences
        mirror.armings |= before.armings
        mirror.bypasses |= before.bypasses
        mirror.heads |= before.heads
    return boot


def _continued(known: Alarm | None, alarm: Alarm) -> Alarm:
    if known is None or known.id == alarm.id:
        return alarm
    repeats = known.repeats + alarm.repeats + 1
    return replace(alarm, id=known.id, raised_at=known.raised_at, repeats=repeats)


def _hold_again(db: sqlite3.Connection, alarm: Alarm, now_ms: int, rules: HoldRules) -> None:
    """An open alarm whose holds are on a lost journal holds the footage of its latest press (I7)."""
    interval = holds.interval(alarm, rules)
    if interval is None:
        return
    start, end = to_ms(interval[0]), to_ms(interval[1])
    for camera in alarm.source.cameras:
        db.execute(
            "insert into hold (camera, from_ms, to_ms, alarm_id, reason, placed_by, placed_ms)"
            " select ?1, ?2, ?3, ?4, ?5, 'gateway', ?6 where not exists (select 1 from hold where alarm_id = ?4"
            " and camera = ?1 and from_ms <= ?2 and to_ms >= ?3)",
            (camera, start, end, alarm.id, alarm.source.kind.value, now_ms),
        )
