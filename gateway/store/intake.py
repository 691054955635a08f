"""The alarm path of the journal: signals, presence, the gateway's own alarms, and people's acts upon alarms."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from gateway.clock import to_ms
from gateway.errors import ActRefused
from gateway.model import (
    GATEWAY,
    Alarm,
    Durability,
    EventType,
    Kind,
    Level,
    Origin,
    Presence,
    Signal,
    Source,
    Verdict,
)
from gateway.policy import alarms
from gateway.policy.alarms import Step
from gateway.policy.severity import URGENT
from gateway.store.core import JournalCore
from gateway.store.transaction import Transaction
from gateway.store.unconfirmed import Unconfirmed
from gateway.wire import JsonObject

#: How long a drill may last at most.
DRILL_LIMIT = timedelta(hours=4)


class Intake(JournalCore):
    """Everything here is one transaction each (I2)."""

    def _begin_intake(self) -> None:
        self._unconfirmed = Unconfirmed(self._clock)
        self._drill_ends: dict[int, float] = {}

    # ---- signals

    async def report(self, signal: Signal) -> Durability:
        """Record a signal; returns once it is committed, with where it is kept (I1, I3).

        In memory mode a signal with a `message` returns when a destination has confirmed its event or, with none in
        reach, at the device's second repetition. Raises JournalUnwritable where neither came within 60 s, or where
        even memory does not take it: do not acknowledge it to the device then.
        """
        source = self.directory.of_signal(signal)
        repeated, event_ids = await self._write(
            lambda tx: _record(tx, signal, source, drill=self._in_drill(tx, signal, source)),
            urgent=source.severity in URGENT,
        )
        durability = self._disk.durability
        if durability is Durability.MEMORY and signal.message is not None:
            key = (signal.account or signal.device, signal.message)
            await self._unconfirmed.wait(key, event_ids, repeated=repeated)
        return durability

    def reach(self, destination: str, *, connected: bool) -> None:
        """An uplink tells whether its destination is in reach (memory mode depends on it, I1)."""
        self._unconfirmed.reach(destination, connected=connected)

    def _in_drill(self, tx: Transaction, signal: Signal, source: Source) -> bool:
        """Whether a drill is on for this signal. Duress is never one: nobody may be able to talk it away.

        A drill of this process ends by the monotonic clock, so that a clock set back can't prolong it.
        """
        if signal.level is not Level.ACTIVE or signal.kind is Kind.DURESS:
            return False
        over = {drill for drill, end in list(self._drill_ends.items()) if end <= self._clock.monotonic()}
        return any(drill not in over for drill in tx.drills(source.zone.id if source.zone else None))

    # ---- devices

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Keep whether a device is there. A change is an event and, if it is lost, an alarm; no change costs nothing."""
        known = self._mirror.presences.get(device)
        same = known and known.presence is presence and (identity is None or known.identity == identity)
        if same and self._writer.idle:
            return
        source = self.directory.of_own(Kind.DEVICE_LOST, device)
        await self._write(lambda tx: _set_presence(tx, source, presence, reason, identity))

    async def bus_lost(self, bus: str, devices: Sequence[str], reason: str) -> None:
        """A shared connection is down: one alarm `bus-lost`; its devices are `unknown`, with no alarm of their own."""
        source = self.directory.of_own(Kind.BUS_LOST, bus)

        def work(tx: Transaction) -> None:
            for device in devices:
                known = tx.presence(device)
                if known is None or known.presence is Presence.ONLINE:
                    tx.set_presence(
                        device, Presence.UNKNOWN, f"{bus}: {reason}", known.identity if known else {}
                    )
            _own(tx, source, Level.ACTIVE, reason)

        await self._write(work)

    async def bus_back(self, bus: str) -> None:
        """The shared connection serves again; its devices tell of themselves."""
        await self.return_own(Kind.BUS_LOST, bus)

    # ---- the gateway's own

    async def raise_own(self, kind: Kind, subject: str = GATEWAY, detail: str = "") -> None:
        """Raise an alarm of the gateway's own; nothing happens while it is open and has not returned."""
        if self._writer.idle and self._mirror.levels.get((subject, kind)) is Level.ACTIVE:
            return
        source = self.directory.of_own(kind, subject)
        await self._write(lambda tx: _own(tx, source, Level.ACTIVE, detail))

    async def return_own(self, kind: Kind, subject: str = GATEWAY) -> None:
        """The cause of an alarm of the gateway's own is gone; the alarm stays until a person closes it."""
        if self._writer.idle and self._mirror.levels.get((subject, kind), Level.NORMAL) is Level.NORMAL:
            return
        source = self.directory.of_own(kind, subject)
        await self._write(lambda tx: _own(tx, source, Level.NORMAL, ""))

    async def emit(self, event_type: EventType, subject: str, data: JsonObject) -> str:
        """Append an event that is no step of an alarm; returns its id."""
        return await self._write(lambda tx: tx.emit(event_type, subject, data))

    # ---- acts of people; they return after COMMIT

    async def acknowledge(self, alarm_id: str, actor: str) -> Alarm:
        """A person has seen the alarm (确认). Raises NotFound, ActRefused."""
        return await self._act(
            alarm_id, lambda tx, alarm: alarms.acknowledge(alarm, actor=actor, now=tx.now), actor
        )

    async def close_alarm(self, alarm_id: str, actor: str, verdict: Verdict | None) -> Alarm:
        """A person ends the alarm (复位). Raises NotFound, ActRefused."""
        return await self._act(
            alarm_id, lambda tx, alarm: alarms.close(alarm, actor=actor, verdict=verdict, now=tx.now), actor
        )

    async def shelve(self, alarm_id: str, actor: str, until: datetime, reason: str) -> Alarm:
        """A person sets the alarm aside for a limited time (旁路). Raises NotFound, ActRefused."""
        return await self._act(
            alarm_id,
            lambda tx, alarm: alarms.shelve(alarm, actor=actor, until=until, reason=reason, now=tx.now),
            actor,
        )

    async def unshelve(self, alarm_id: str, actor: str) -> Alarm:
        """The shelved time is over, or a person ends it. Raises NotFound, ActRefused."""
        return await self._act(alarm_id, lambda _tx, alarm: alarms.unshelve(alarm), actor)

    async def escalate(self, alarm_id: str) -> Alarm:
        """Nobody acknowledged in time. Raises NotFound, ActRefused (somebody just did)."""

        def step(_tx: Transaction, alarm: Alarm) -> Step:
            if not alarm.is_open or alarm.acknowledged_at is not None:
                raise ActRefused(f"alarm {alarm.id} is acknowledged: nothing to escalate")
            return alarms.escalate(alarm)

        return await self._act(alarm_id, step, None)

    async def _act(
        self, alarm_id: str, act: Callable[[Transaction, Alarm], Step], actor: str | None
    ) -> Alarm:
        return await self._write(lambda tx: tx.apply(act(tx, tx.alarm(alarm_id)), actor=actor))

    async def start_drill(self, zone: str | None, until: datetime, actor: str) -> None:
        """Alarms raised in this zone (None: everywhere) until then are marked as drill. Raises ActRefused."""

        def work(tx: Transaction) -> int:
            if not tx.now < until <= tx.now + DRILL_LIMIT:
                raise ActRefused(
                    f"a drill ends within {DRILL_LIMIT.total_seconds() / 3600:.0f} hours from now"
                )
            if zone is not None and self.directory.zone(zone) is None:
                raise ActRefused(f"there is no zone {zone!r}")
            row = tx.db.execute(
                "insert into drill (zone, from_ms, until_ms, started_by) values (?,?,?,?) returning id",
                (zone, to_ms(tx.now), to_ms(until), actor),
            ).fetchone()
            return int(row[0])

        seconds = (until - self._now()).total_seconds()
        drill = await self._write(work)
        self._drill_ends[drill] = self._clock.monotonic() + seconds

    async def withdraw_missing(self) -> int:
        """Open alarms of points and devices that the site file no longer has count as returned (I5); how many."""

        def work(tx: Transaction) -> int:
            done = 0
            for known in list(self._mirror.open_alarms.values()):
                alarm = tx.alarm(known.id)
                step = None if self._is_known(alarm.source) else alarms.withdraw(alarm, tx.now)
                if step is not None:
                    tx.apply(step)
                    tx.set_level(alarm.source.subject, alarm.source.kind, Level.NORMAL)
                    done += 1
            return done

        return await self._write(work)

    def _is_known(self, source: Source) -> bool:
        """Whether the source can still report a return. An address that no point names is asked anew at each start."""
        if source.point is not None:
            return self.directory.has_point(source.point, source.kind)
        of_gateway = source.subject == GATEWAY
        if source.kind in {Kind.RECORDING_LOST, Kind.RETENTION_RISK}:
            return self.directory.records(None if of_gateway else source.subject)
        return of_gateway or self.directory.has_connection(source.subject)


def _record(tx: Transaction, signal: Signal, source: Source, *, drill: bool) -> tuple[bool, list[str]]:
    """The heart: (was it a repetition, the events that came of it)."""
    if signal.message is not None and tx.is_repetition(signal.account or signal.device, signal.message):
        return True, []
    last = tx.level(signal.point, signal.kind)
    alarm = tx.open_alarm(source.subject, source.kind)
    step = alarms.step(
        alarm,
        signal,
        source=source,
        last_level=last,
        now=tx.now,
        alarm_id=alarm.id if alarm else tx.ids.take(),
        drill=drill,
    )
    if signal.level is not last:
        tx.set_level(signal.point, signal.kind, signal.level)
    if step is not None:
        tx.apply(step, occurred_at=signal.occurred_at)
    return False, [event.event_id for event in tx.effects.events]


def _own(tx: Transaction, source: Source, level: Level, detail: str) -> None:
    signal = Signal(
        device=source.subject,
        point=source.subject,
        kind=source.kind,
        level=level,
        origin=Origin.STATE,
        detail=detail,
    )
    _record(tx, signal, source, drill=False)


def _set_presence(
    tx: Transaction, lost: Source, presence: Presence, reason: str, identity: Mapping[str, str] | None
) -> None:
    before = tx.presence(lost.subject)
    known = identity if identity is not None else (before.identity if before else {})
    if before is not None and before.presence is presence and before.identity == known:
        return
    tx.set_presence(lost.subject, presence, reason, known)
    if presence is Presence.UNKNOWN or (before is not None and before.presence is presence):
        return
    online = presence is Presence.ONLINE
    was_lost = tx.level(lost.subject, lost.kind) is Level.ACTIVE
    if not online or was_lost or before is None or before.presence is not Presence.UNKNOWN:
        tx.emit(
            EventType.DEVICE_ONLINE if online else EventType.DEVICE_OFFLINE,
            lost.subject,
            {"device": lost.subject, "presence": presence.value, "reason": reason, "identity": dict(known)},
        )
    _own(tx, lost, Level.NORMAL if online else Level.ACTIVE, reason)
