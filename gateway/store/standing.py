"""What stands until somebody changes it, as rows: silences, arming, bypasses."""

import json
import sqlite3
from typing import Any

from gateway.clock import from_ms, ms_or_none, to_ms
from gateway.model import Bypass, Kind, Silence, Waiting, ZoneArming

SILENCE_COLUMNS = "alarm_id, repeats, at_ms, by"
ARMING_COLUMNS = "zone, armed, changed_ms, by, exit_ms, entry_ms, waiting"
BYPASS_COLUMNS = "point, kind, placed_ms, until_ms, by, reason"

_Row = tuple[Any, ...]  # Any: SQLite's values


def silences_of(db: sqlite3.Connection) -> dict[str, Silence]:
    """The open alarms whose sound a person has silenced."""
    rows = db.execute(
        f"select {SILENCE_COLUMNS} from silence"  # noqa: S608 - our own column list
        " where alarm_id in (select id from alarm where closed_ms is null)"
    )
    return {row[0]: silence_of(row) for row in rows}


def armings_of(db: sqlite3.Connection) -> dict[str, ZoneArming]:
    """Whether each zone that was ever armed or disarmed is armed."""
    return {row[0]: arming_of(row) for row in db.execute(f"select {ARMING_COLUMNS} from arming")}  # noqa: S608 - as above


def bypasses_of(db: sqlite3.Connection) -> dict[str, Bypass]:
    """The last bypass of each point that ever had one."""
    return {row[0]: bypass_of(row) for row in db.execute(f"select {BYPASS_COLUMNS} from bypass")}  # noqa: S608 - as above


def arming_in(db: sqlite3.Connection, zone: str | None) -> ZoneArming | None:
    """Whether a zone is armed; one without a row is."""
    row = db.execute(f"select {ARMING_COLUMNS} from arming where zone = ?", (zone,)).fetchone()  # noqa: S608 - as above
    return arming_of(row) if row else None


def bypass_in(db: sqlite3.Connection, point: str) -> Bypass | None:
    """The bypass of a point that lasts."""
    sql = f"select {BYPASS_COLUMNS} from bypass where point = ? and until_ms > placed_ms"  # noqa: S608 - as above
    row = db.execute(sql, (point,)).fetchone()
    return bypass_of(row) if row else None


def silence_of(row: _Row) -> Silence:
    """A silence from a row of SILENCE_COLUMNS."""
    alarm, repeats, at, by = row
    return Silence(alarm=alarm, repeats=repeats, at=from_ms(at), by=by)


def arming_of(row: _Row) -> ZoneArming:
    """A zone's arming from a row of ARMING_COLUMNS."""
    zone, armed, changed, by, leaving, entering, waiting = row
    return ZoneArming(
        zone=zone,
        armed=bool(armed),
        since=from_ms(changed),
        by=by,
        exit_until=None if leaving is None else from_ms(leaving),
        entry_until=None if entering is None else from_ms(entering),
        waiting=tuple(
            Waiting(point=point, kind=Kind(kind), at=from_ms(at), drill=bool(drill), detail=detail)
            for point, kind, at, drill, detail in json.loads(waiting)
        ),
    )


def bypass_of(row: _Row) -> Bypass:
    """A bypass from a row of BYPASS_COLUMNS."""
    point, kind, placed, until, by, reason = row
    return Bypass(
        point=point, kind=Kind(kind), since=from_ms(placed), until=from_ms(until), by=by, reason=reason
    )


def silence_row(silence: Silence) -> _Row:
    """A row of SILENCE_COLUMNS."""
    return silence.alarm, silence.repeats, to_ms(silence.at), silence.by


def arming_row(arming: ZoneArming) -> _Row:
    """A row of ARMING_COLUMNS."""
    waiting = [[w.point, w.kind.value, to_ms(w.at), int(w.drill), w.detail] for w in arming.waiting]
    return (
        arming.zone,
        int(arming.armed),
        to_ms(arming.since),
        arming.by,
        ms_or_none(arming.exit_until),
        ms_or_none(arming.entry_until),
        json.dumps(waiting, ensure_ascii=False),
    )


def bypass_row(bypass: Bypass) -> _Row:
    """A row of BYPASS_COLUMNS."""
    return bypass.point, bypass.kind.value, to_ms(bypass.since), to_ms(bypass.until), bypass.by, bypass.reason


def forget_silences(db: sqlite3.Connection, schema: str = "main") -> None:
    """Silences of alarms that are open no more."""
    db.execute(
        f"delete from {schema}.silence where alarm_id not in"  # noqa: S608 - our own words
        f" (select id from {schema}.alarm where closed_ms is null)"
    )


def put_silence(db: sqlite3.Connection, silence: Silence, verb: str = "replace") -> None:
    """Keep that an alarm's sound is silenced; with `verb` "ignore" only where it is not yet."""
    db.execute(
        f"insert or {verb} into silence ({SILENCE_COLUMNS}) values (?,?,?,?)",  # noqa: S608 - our own words
        silence_row(silence),
    )


def put_arming(db: sqlite3.Connection, arming: ZoneArming, verb: str = "replace") -> None:
    """Keep a zone's arming; with `verb` "ignore" only where there is none."""
    db.execute(
        f"insert or {verb} into arming ({ARMING_COLUMNS}) values (?,?,?,?,?,?,?)",  # noqa: S608 - our own words
        arming_row(arming),
    )


def put_bypass(db: sqlite3.Connection, bypass: Bypass, verb: str = "replace") -> None:
    """Keep a point's bypass; with `verb` "ignore" only where there is none."""
    db.execute(
        f"insert or {verb} into bypass ({BYPASS_COLUMNS}) values (?,?,?,?,?,?)",  # noqa: S608 - our own words
        bypass_row(bypass),
    )
