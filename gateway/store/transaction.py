"""What one write of the journal may do: alarms, events, outbox and holds together (I2), inside the writer's savepoint."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime

from gateway.clock import to_ms
from gateway.errors import NotFound
from gateway.model import Alarm, Bypass, DevicePresence, EventType, Kind, Level, Presence, Silence, ZoneArming
from gateway.policy import holds
from gateway.policy.alarms import Step, lane_of
from gateway.policy.holds import HoldRules
from gateway.store.effects import Ids
from gateway.store.emitter import Emitter
from gateway.store.rows import ALARM_COLUMNS, alarm_of, presence_of, put_alarm
from gateway.store.standing import put_arming, put_bypass, put_silence
from gateway.wire import Quality, alarm_data

#: "The same message" is byte-identical to one of the account's last so many within so many ms (I3).
REPETITIONS_KEPT = 16
REPETITION_WINDOW_MS = 10 * 60 * 1000


class Transaction(Emitter):
    """One write. Reads see what earlier writes of the same commit did."""

    def __init__(
        self,
        db: sqlite3.Connection,
        *,
        ids: Ids,
        now: datetime,
        source: str,
        quality: Quality,
        destinations: tuple[str, ...],
        rules: HoldRules,
    ) -> None:
        super().__init__(db, ids=ids, now=now, source=source, quality=quality, destinations=destinations)
        self._rules = rules

    # ---- alarms

    def open_alarm(self, subject: str, kind: Kind) -> Alarm | None:
        """The open alarm of a subject and kind: there is at most one (I5)."""
        row = self.db.execute(
            f"select {ALARM_COLUMNS} from alarm where subject = ? and kind = ? and closed_ms is null",  # noqa: S608 - our own column list
            (subject, kind.value),
        ).fetchone()
        return alarm_of(row) if row else None

    def alarm(self, alarm_id: str) -> Alarm:
        """An alarm by id. Raises NotFound."""
        row = self.db.execute(
            f"select {ALARM_COLUMNS} from alarm where id = ?",  # noqa: S608 - our own column list
            (alarm_id,),
        ).fetchone()
        if row is None:
            raise NotFound(f"there is no alarm {alarm_id}")
        return alarm_of(row)

    def apply(self, step: Step, *, occurred_at: datetime | None = None, actor: str | None = None) -> Alarm:
        """Keep what a step made of an alarm: the row, an event for each change, and its holds."""
        alarm = step.alarm
        put_alarm(self.db, alarm)
        self.effects.alarms[alarm.id] = alarm
        for event_type in step.events:
            self.emit(
                event_type,
                alarm.source.subject,
                alarm_data(
                    alarm,
                    occurred_at=occurred_at or self.now,
                    recorded_at=self.now,
                    quality=self._quality,
                    actor=actor,
                ),
                at=occurred_at,
                alarm_id=alarm.id,
                lane=lane_of(alarm.source.severity),
            )
            if event_type in {EventType.ALARM_RAISED, EventType.ALARM_REPEATED}:
                self._hold_footage(alarm)
            elif event_type is EventType.ALARM_CLOSED:
                self._end_holds(alarm)
                self.db.execute("delete from silence where alarm_id = ?", (alarm.id,))
        return alarm

    def silence(self, alarm: Alarm, actor: str) -> None:
        """A person has silenced the alarm's sound, until the next press."""
        silence = Silence(alarm=alarm.id, repeats=alarm.repeats, at=self.now, by=actor)
        put_silence(self.db, silence)
        self.effects.silences[alarm.id] = silence
        self.apply(Step(alarm, (EventType.ALARM_SILENCED,)), actor=actor)

    def _hold_footage(self, alarm: Alarm) -> None:
        interval = holds.interval(alarm, self._rules)
        if interval is None:
            return
        start, end = to_ms(interval[0]), to_ms(interval[1])
        for camera in alarm.source.cameras:
            longer = self.db.execute(
                "update hold set to_ms = ? where alarm_id = ? and camera = ? and from_ms <= ? and to_ms >= ?",
                (end, alarm.id, camera, start, start),
            )
            if longer.rowcount == 0:
                self.db.execute(
                    "insert into hold (camera, from_ms, to_ms, alarm_id, reason, placed_by, placed_ms)"
                    " values (?,?,?,?,?,?,?)",
                    (camera, start, end, alarm.id, alarm.source.kind.value, "gateway", to_ms(self.now)),
                )

    def _end_holds(self, alarm: Alarm) -> None:
        ends = holds.expiry(alarm, self._rules)
        if ends is not None:
            self.db.execute("update hold set expires_ms = ? where alarm_id = ?", (to_ms(ends), alarm.id))

    # ---- what a driver said before

    def level(self, point: str, kind: Kind) -> Level:
        """The point's last journalled level; normal before its first report."""
        row = self.db.execute(
            "select level from point_level where point = ? and kind = ?", (point, kind.value)
        ).fetchone()
        return Level(row[0]) if row else Level.NORMAL

    def set_level(self, point: str, kind: Kind, level: Level) -> None:
        """Journal the point's level."""
        self.db.execute(
            "insert into point_level (point, kind, level, changed_ms) values (?,?,?,?)"
            " on conflict (point, kind) do update set level = excluded.level, changed_ms = excluded.changed_ms",
            (point, kind.value, level.value, to_ms(self.now)),
        )
        self.effects.levels[point, kind] = level

    def set_arming(self, arming: ZoneArming) -> None:
        """Keep whether a zone is armed."""
        put_arming(self.db, arming)
        self.effects.armings[arming.zone] = arming

    def set_bypass(self, bypass: Bypass) -> None:
        """Keep a point's bypass."""
        put_bypass(self.db, bypass)
        self.effects.bypasses[bypass.point] = bypass

    def is_repetition(self, account: str, message: bytes) -> bool:
        """Whether these bytes are one of the account's recent messages (I3); if not, they are now."""
        now = to_ms(self.now)
        recent = self.db.execute(
            "select bytes, received_ms from message where account = ? order by id desc limit ?",
            (account, REPETITIONS_KEPT),
        ).fetchall()
        if any(kept == message and abs(now - at) <= REPETITION_WINDOW_MS for kept, at in recent):
            return True
        self.db.execute(
            "insert into message (account, bytes, received_ms) values (?,?,?)", (account, message, now)
        )
        self.db.execute(
            "delete from message where account = ? and id not in"
            " (select id from message where account = ? order by id desc limit ?)",
            (account, account, REPETITIONS_KEPT),
        )
        return False

    def drills(self, zone: str | None) -> list[int]:
        """The drills that are announced for this zone, or everywhere, just now."""
        now = to_ms(self.now)
        return [
            row[0]
            for row in self.db.execute(
                "select id from drill where from_ms <= ? and until_ms > ? and (zone is null or zone = ?)",
                (now, now, zone),
            )
        ]

    # ---- devices

    def presence(self, device: str) -> DevicePresence | None:
        """The last known presence of a device."""
        row = self.db.execute(
            "select device, presence, since_ms, reason, identity from presence where device = ?", (device,)
        ).fetchone()
        return presence_of(row) if row else None

    def set_presence(
        self, device: str, presence: Presence, reason: str, identity: Mapping[str, str]
    ) -> DevicePresence:
        """Keep whether a device is there."""
        self.db.execute(
            "insert into presence (device, presence, since_ms, reason, identity) values (?,?,?,?,?)"
            " on conflict (device) do update set presence = excluded.presence, since_ms = excluded.since_ms,"
            " reason = excluded.reason, identity = excluded.identity",
            (device, presence.value, to_ms(self.now), reason, json.dumps(dict(identity), ensure_ascii=False)),
        )
        kept = DevicePresence(
            device=device, presence=presence, since=self.now, reason=reason, identity=dict(identity)
        )
        self.effects.presences[device] = kept
        return kept
