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
    Message,
    Presence,
    Signal,
    Source,
    Verdict,
)
from gateway.policy import alarms
from gateway.policy.alarms import Step
from gateway.policy.outputs import wants
from gateway.policy.severity import URGENT
from gateway.store.core import JournalCore
from gateway.store.mirror import open_alarms_of
from gateway.store.record import record_notice, record_own, record_presence, record_reset, record_signal
from gateway.store.standing import silences_of
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
        """Record a signal; returns once it is committed, with where it is kept (I1).

        Raises JournalUnwritable where even memory does not take it.
        """
        source = self.directory.of_signal(signal)
        await self._write(
            lambda tx: self._record(tx, signal, source),
            urgent=source.severity in URGENT,
        )
        return self._disk.durability

    async def receive(self, message: Message) -> Durability:
        """Record a device's message; returns once it is committed, with where it is kept (I1, I2, I3).

        In memory mode it returns when a destination has confirmed its events or, with none in reach, at the device's
        second repetition. Raises JournalUnwritable where neither came within 60 s, or where even memory does not take
        it: do not acknowledge it to the device then.
        """
        sources = [(signal, self.directory.of_signal(signal)) for signal in message.signals]

        def work(tx: Transaction) -> tuple[bool, list[str]]:
            if tx.is_repetition(message.account, message.data):
                return True, []
            if message.reset:
                record_reset(tx, message.device, self.directory.device_of)
            for signal, source in sources:
                self._record(tx, signal, source)
            for notice in message.notices:
                record_notice(tx, notice)
            return False, [event.event_id for event in tx.effects.events]

        # A fire that comes after a reset must not overtake it on the way to the disk, and be taken back by it.
        urgent = message.reset or any(source.severity in URGENT for _, source in sources)
        repeated, event_ids = await self._write(work, urgent=urgent)
        durability = self._disk.durability
        if durability is Durability.MEMORY:
            await self._unconfirmed.wait((message.account, message.data), event_ids, repeated=repeated)
        return durability

    def reach(self, destination: str, *, connected: bool) -> None:
        """An uplink tells whether its destination is in reach (memory mode depends on it, I1)."""
        self._unconfirmed.reach(destination, connected=connected)

    def _record(self, tx: Transaction, signal: Signal, source: Source) -> None:
        watch = self.directory.watch_of(signal, source)
        record_signal(tx, signal, source, drill=self._in_drill(tx, signal, source), watch=watch)

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
        await self._write(lambda tx: record_presence(tx, source, presence, reason, identity))

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
            record_own(tx, source, Level.ACTIVE, reason)

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
        await self._write(lambda tx: record_own(tx, source, Level.ACTIVE, detail))

    async def return_own(self, kind: Kind, subject: str = GATEWAY) -> None:
        """The cause of an alarm of the gateway's own is gone; the alarm stays until a person closes it."""
        if self._writer.idle and self._mirror.levels.get((subject, kind), Level.NORMAL) is Level.NORMAL:
            return
        source = self.directory.of_own(kind, subject)
        await self._write(lambda tx: record_own(tx, source, Level.NORMAL, ""))

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
        """A person sets the alarm aside for a limited time (搁置). Raises NotFound, ActRefused."""
        return await self._act(
            alarm_id,
            lambda tx, alarm: alarms.shelve(alarm, actor=actor, until=until, reason=reason, now=tx.now),
            actor,
        )

    async def unshelve(self, alarm_id: str, actor: str) -> Alarm:
        """The shelved time is over, or a person ends it. Raises NotFound, ActRefused."""
        return await self._act(alarm_id, lambda _tx, alarm: alarms.unshelve(alarm), actor)

    async def silence(self, actor: str) -> int:
        """A person silences every open alarm that is to be heard (消音); the next press of each sounds again. How many.

        To be heard is what nobody has acknowledged, and what keeps a sounder on although somebody has.
        """
        rules = [output.rule for output in self._site.outputs if output.settings.kind == "sounder"]

        def work(tx: Transaction) -> int:
            silences = silences_of(tx.db)
            sounding = [
                alarm
                for alarm in open_alarms_of(tx.db)
                if not (alarm.id in silences and silences[alarm.id].covers(alarm))
                and (
                    alarm.acknowledged_at is None or any(wants(rule, alarm, silenced=False) for rule in rules)
                )
            ]
            for alarm in sounding:
                tx.silence(alarm, actor)
            return len(sounding)

        return await self._write(work)

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
        """Whether the source can still report a return."""
        if source.point is not None:
            return self.directory.can_report(source)
        of_gateway = source.subject == GATEWAY
        if source.kind is Kind.POINT_UNTESTED:
            return any(point.id == source.subject for point in self.directory.tested_points())
        if source.kind in {Kind.RECORDING_LOST, Kind.RETENTION_RISK}:
            return self.directory.records(None if of_gateway else source.subject)
        return (
            of_gateway
            or self.directory.has_connection(source.subject)
            or self.directory.has_output(source.subject)
        )
