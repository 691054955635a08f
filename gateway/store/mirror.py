"""What the journal says just now, kept in memory: exact as of the last commit, and the seed of memory mode."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.model import Alarm, Bypass, DevicePresence, Kind, Level, Silence, ZoneArming
from gateway.store.database import Damaged
from gateway.store.effects import Effects
from gateway.store.rows import ALARM_COLUMNS, Account, StreamHead, alarm_of, presence_of
from gateway.store.standing import (
    ARMING_COLUMNS,
    BYPASS_COLUMNS,
    SILENCE_COLUMNS,
    arming_of,
    armings_of,
    bypass_of,
    bypasses_of,
    silence_of,
    silences_of,
)

#: What a value that is damaged within its page makes of a row.
NOT_OURS = (ValueError, TypeError, KeyError)


@dataclass(slots=True)
class Mirror:
    """Changed on the event loop right after each commit, and by the writer's thread on its way between disk and memory.

    Read by whoever shows or saves the present state.
    """

    open_alarms: dict[str, Alarm] = field(default_factory=dict)
    levels: dict[tuple[str, Kind], Level] = field(default_factory=dict)
    presences: dict[str, DevicePresence] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    armings: dict[str, ZoneArming] = field(default_factory=dict)
    bypasses: dict[str, Bypass] = field(default_factory=dict)
    heads: dict[str, StreamHead] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    in_memory: bool = False  # memory mode: the journal on disk does not know all of this

    def load(self, db: sqlite3.Connection) -> None:
        """Take everything from a journal. Raises Damaged where a value is none that we wrote: pages have no checksums."""
        try:
            self.open_alarms = {alarm.id: alarm for alarm in open_alarms_of(db)}
            self.levels = levels_of(db)
            self.presences = presences_of(db)
            self.silences = silences_of(db)
            self.armings = armings_of(db)
            self.bypasses = bypasses_of(db)
            self.heads = heads_of(db)
            self.accounts = {account.name: account for account in accounts_of(db)}
        except NOT_OURS as error:
            raise Damaged(f"a row can't be read: {error}") from error

    def follow(self, other: "Mirror") -> None:
        """Take everything from another one: the journal is on its disk."""
        self.open_alarms, self.levels, self.presences = other.open_alarms, other.levels, other.presences
        self.silences, self.armings, self.bypasses = other.silences, other.armings, other.bypasses
        self.heads, self.accounts, self.in_memory = other.heads, other.accounts, other.in_memory

    def apply(self, effects: Effects) -> None:
        """Follow a committed write."""
        for alarm in effects.alarms.values():
            if alarm.is_open:
                self.open_alarms[alarm.id] = alarm
            else:
                self.open_alarms.pop(alarm.id, None)
                self.silences.pop(alarm.id, None)
        self.levels.update(effects.levels)
        self.presences.update(effects.presences)
        self.silences.update(effects.silences)
        self.armings.update(effects.armings)
        self.bypasses.update(effects.bypasses)
        self.heads.update(effects.heads)
        for destination, sequence in effects.sequences.items():
            head = self.heads[destination]
            if sequence > head.last_sequence:
                self.heads[destination] = replace(head, last_sequence=sequence)


def accounts_of(db: sqlite3.Connection) -> list[Account]:
    """All console accounts."""
    return [
        account_of(row)
        for row in db.execute("select name, display, hash, role, disabled from account order by name")
    ]


def account_of(row: tuple[str, str, str, str, int]) -> Account:
    """An account from a row (name, display, hash, role, disabled)."""
    name, display, digest, role, disabled = row
    return Account(name=name, display=display, hash=digest, role=role, disabled=bool(disabled))


def heads_of(db: sqlite3.Connection) -> dict[str, StreamHead]:
    """The current stream of each destination that the journal knows."""
    return {
        row[0]: StreamHead(
            destination=row[0],
            stream=row[1],
            last_sequence=row[2],
            reason=row[3],
            previous_stream=row[4],
            previous_sequence=row[5],
        )
        for row in db.execute(
            "select destination, stream, last_sequence, reason, previous_stream, previous_sequence"
            " from stream where id in (select max(id) from stream group by destination)"
        )
    }


def open_alarms_of(db: sqlite3.Connection) -> list[Alarm]:
    """All open alarms, oldest first."""
    return [
        alarm_of(row)
        for row in db.execute(
            f"select {ALARM_COLUMNS} from alarm where closed_ms is null order by raised_ms, id"  # noqa: S608 - our own column list
        )
    ]


def levels_of(db: sqlite3.Connection) -> dict[tuple[str, Kind], Level]:
    """The last journalled level of every point."""
    return {
        (point, Kind(kind)): Level(level)
        for point, kind, level in db.execute("select point, kind, level from point_level")
    }


def presences_of(db: sqlite3.Connection) -> dict[str, DevicePresence]:
    """The last known presence of every device."""
    return {
        row[0]: presence_of(row)
        for row in db.execute("select device, presence, since_ms, reason, identity from presence")
    }


def drop_unreadable(db: sqlite3.Connection) -> int:
    """Delete the rows that `Mirror.load` and the alarms' history could not read; how many. For a salvage."""
    readers: dict[str, tuple[str, Callable[[tuple[Any, ...]], object]]] = {  # Any: SQLite's values
        "alarm": (ALARM_COLUMNS, alarm_of),
        "presence": ("device, presence, since_ms, reason, identity", presence_of),
        "point_level": ("kind, level", lambda row: (Kind(row[0]), Level(row[1]))),
        "silence": (SILENCE_COLUMNS, silence_of),
        "arming": (ARMING_COLUMNS, arming_of),
        "bypass": (BYPASS_COLUMNS, bypass_of),
    }
    dropped = 0
    for table, (columns, read) in readers.items():
        key = "point || kind" if table == "point_level" else columns.split(",")[0]
        for row in db.execute(f"select {key}, {columns} from {table}").fetchall():  # noqa: S608 - our own names
            try:
                read(row[1:])
            except NOT_OURS:
                dropped += db.execute(f"delete from {table} where {key} = ?", (row[0],)).rowcount  # noqa: S608 - the same
    return dropped
