"""Zones armed and disarmed, points bypassed and restored, points tested: people's and the schedule's acts, one transaction each."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.clock import from_ms, rfc3339, to_ms
from gateway.errors import NotFound
from gateway.model import POINT_KINDS, Bypass, EventType, Kind, Level, Origin, Signal, Source, ZoneArming
from gateway.policy import arming as policy
from gateway.policy.arming import BY_ZONE, SCHEDULE, obeys_zone, still_applies
from gateway.site.site import PointEntry, ZoneEntry
from gateway.store.mirror import levels_of
from gateway.store.people import People
from gateway.store.record import record_held, record_waiting
from gateway.store.standing import arming_in, bypass_in, bypasses_of
from gateway.store.transaction import Transaction
from gateway.wire import JsonObject


@dataclass(frozen=True, slots=True)
class PointTest:
    """Since when a point is watched for tests, and when it was last pressed."""

    since: datetime
    tested: datetime | None


class Arming(People):
    """Whatever ends a reason for which alarms were held back raises, in the same transaction, those that are due (I2)."""

    # ---- zones

    async def arm(self, zone: str, actor: str) -> ZoneArming:
        """Arm a zone (布防): a person has its exit delay, the schedule has none. Raises NotFound, ActRefused.

        Once no exit delay is left, points that are active alarm.
        """
        exit_s = 0 if actor == SCHEDULE else self._zone_entry(zone).exit_s

        def work(tx: Transaction) -> ZoneArming:
            made = policy.arm(arming_in(tx.db, zone), zone, actor=actor, now=tx.now, exit_s=exit_s)
            tx.set_arming(made)
            self._emit_zone(tx, made, EventType.ZONE_ARMED)
            self._raise_held(tx, self._of_zone(zone))
            return made

        return await self._write(work)

    async def disarm(self, zone: str, actor: str) -> ZoneArming:
        """Disarm a zone (撤防). Its open alarms stay as they are. Raises NotFound, ActRefused."""
        self._zone_entry(zone)

        def work(tx: Transaction) -> ZoneArming:
            before = arming_in(tx.db, zone)
            made = policy.disarm(before, zone, actor=actor, now=tx.now)
            tx.set_arming(made)
            waited = [waiting.point for waiting in before.waiting] if before else []
            self._emit_zone(tx, made, EventType.ZONE_DISARMED, waited)
            return made

        return await self._write(work)

    async def end_exit(self, zone: str, until: datetime) -> None:
        """The exit delay that ran until then is over: points that are still active alarm. Again does nothing."""

        def work(tx: Transaction) -> None:
            arming = arming_in(tx.db, zone)
            if arming is None or arming.exit_until != until:
                return
            tx.set_arming(replace(arming, exit_until=None))
            self._raise_held(tx, self._of_zone(zone))

        await self._write(work, urgent=True)

    async def end_entry(self, zone: str, until: datetime) -> None:
        """The entry that ran until then is over and nobody has disarmed: who waited alarms. Again does nothing."""

        def work(tx: Transaction) -> None:
            arming = arming_in(tx.db, zone)
            if arming is None or arming.entry_until != until:
                return
            tx.set_arming(replace(arming, entry_until=None, waiting=()))
            for waiting in arming.waiting:
                signal = self._press_of(waiting.point, waiting.kind, waiting.at, waiting.detail)
                source = self.directory.of_signal(signal)
                record_waiting(tx, waiting, signal, source, can_report=self.directory.can_report(source))

        await self._write(work, urgent=True)

    def active_points(self, zone: str) -> list[tuple[str, str, Kind]]:
        """The zone's intrusion and door points that are active now, and would alarm: id, name, kind."""
        of_zone = self._of_zone(zone)
        return [
            (source.subject, source.name, source.kind)
            for _, source in self._active(self._mirror.levels, self._mirror.bypasses)
            if of_zone(source) and not self._is_bypassed(source.subject)
        ]

    # ---- points

    async def bypass(self, point: str, actor: str, until: datetime, reason: str) -> Bypass:
        """Set a point aside until then (旁路); again sets a new end. Raises NotFound, ActRefused."""
        entry = self._point_entry(point)
        end = from_ms(to_ms(until))  # as it is stored

        def work(tx: Transaction) -> Bypass:
            made = policy.bypass(point, entry.kind, actor=actor, until=end, reason=reason, now=tx.now)
            tx.set_bypass(made)
            self._emit_bypass(tx, EventType.POINT_BYPASSED, made, actor)
            return made

        return await self._write(work)

    async def restore(self, point: str, actor: str, until: datetime | None = None) -> Bypass:
        """End a point's bypass, or the one that ran until then: if it is active, it alarms. Raises ActRefused."""

        def work(tx: Transaction) -> Bypass:
            lasting = bypass_in(tx.db, point)
            ended = policy.restore(
                lasting if until is None or (lasting and lasting.until == until) else None, point
            )
            assert lasting is not None  # else it was refused
            tx.set_bypass(ended)
            self._emit_bypass(tx, EventType.POINT_RESTORED, lasting, actor)
            self._raise_held(tx, lambda source: source.subject == point)
            return ended

        return await self._write(work, urgent=True)

    # ---- tests of points

    async def watch_tests(self) -> Mapping[str, PointTest]:
        """Begin to watch the points that want tests; how each stands. Only while the clock is trusted.

        Stamps ahead of now become now: those of a clock that was wrong, which would keep a dead button from being found,
        and those that were not dated, for want of a clock.
        """
        points = [point.id for point in self.directory.tested_points()]

        def work(tx: Transaction) -> dict[str, PointTest]:
            now = to_ms(tx.now)
            tx.db.executemany(
                "insert or ignore into point_test (point, since_ms) values (?, ?)",
                [(point, now) for point in points],
            )
            tx.db.execute(
                "update point_test set since_ms = min(since_ms, ?1), tested_ms = min(tested_ms, ?1)"
                " where since_ms > ?1 or tested_ms > ?1",
                (now,),
            )
            return {
                point: PointTest(from_ms(since), None if tested is None else from_ms(tested))
                for point, since, tested in tx.db.execute("select point, since_ms, tested_ms from point_test")
            }

        return await self._write(work)

    # ---- what is held back

    async def raise_held(self) -> None:
        """At a start: what was held back by a site file that has changed since alarms."""
        await self._write(lambda tx: self._raise_held(tx, lambda _source: True))

    def _raise_held(self, tx: Transaction, wanted: Callable[[Source], bool]) -> None:
        for signal, source in self._active(levels_of(tx.db), bypasses_of(tx.db)):
            if wanted(source):
                watch = self.directory.watch_of(signal, source)
                record_held(tx, signal, source, watch, drill=self._in_drill(tx, signal, source))

    def _active(
        self, levels: Mapping[tuple[str, Kind], Level], bypasses: Container[str]
    ) -> Iterator[tuple[Signal, Source]]:
        """The points that are active and tell when they are not any more, and whose alarms may have been held back."""
        for (point, kind), level in levels.items():
            if (
                level is not Level.ACTIVE
                or kind not in POINT_KINDS
                or not (kind in BY_ZONE or point in bypasses)
            ):
                continue
            signal = self._press_of(point, kind)
            source = self.directory.of_signal(signal)
            is_other = (
                kind not in BY_ZONE and self.directory.point(point) is not None
            )  # its tampers and faults
            if source.returns and (is_other or self.directory.can_report(source)):
                yield signal, source

    def _press_of(self, point: str, kind: Kind, at: datetime | None = None, detail: str = "") -> Signal:
        return Signal(
            device=self.directory.device_of(point),
            point=point,
            kind=kind,
            level=Level.ACTIVE,
            origin=Origin.EVENT,
            occurred_at=at,
            detail=detail,
        )

    def _of_zone(self, zone: str) -> Callable[[Source], bool]:
        return lambda source: (
            source.zone is not None
            and source.zone.id == zone
            and obeys_zone(source.kind, self.directory.kind_of(source.subject))
        )

    def _is_bypassed(self, point: str) -> bool:
        bypass = self.bypasses.get(point)
        return bypass is not None and bypass.lasts and still_applies(bypass, self.directory.kind_of(point))

    # ---- the site file, and what goes out

    def _zone_entry(self, zone: str) -> ZoneEntry:
        if self.directory.zone(zone) is None:
            raise NotFound(f"there is no zone {zone!r}")
        return self.directory.zone_entry(zone)

    def _point_entry(self, point: str) -> PointEntry:
        entry = self.directory.point(point)
        if entry is None:
            raise NotFound(f"there is no point {point!r}")
        return entry

    def _zone_data(self, zone: str | None) -> JsonObject | None:
        found = self.directory.zone(zone)
        return {"id": found.id, "name": found.name, "place": found.place} if found else None

    def _emit_zone(
        self, tx: Transaction, arming: ZoneArming, event: EventType, waited: Sequence[str] = ()
    ) -> None:
        """`active`: what is open now; `waited`: what was opened in the entry that ends by it, which nothing else tells."""
        of_zone = self._of_zone(arming.zone)
        active = [
            source.subject
            for _, source in self._active(levels_of(tx.db), bypasses_of(tx.db))
            if of_zone(source)
        ]
        tx.emit(
            event,
            arming.zone,
            {
                "zone": self._zone_data(arming.zone),
                "actor": arming.by,
                "reason": "schedule" if arming.by == SCHEDULE else "person",
                "exit_until": rfc3339(arming.exit_until) if arming.exit_until else None,
                "active": active,
                "waited": list(waited),
            },
        )

    def _emit_bypass(self, tx: Transaction, event: EventType, bypass: Bypass, actor: str) -> None:
        entry = self.directory.point(bypass.point)
        tx.emit(
            event,
            bypass.point,
            {
                "point": bypass.point,
                "name": entry.name if entry else bypass.point,
                "kind": entry.kind.value if entry else None,
                "device": self.directory.device_of(bypass.point),
                "zone": self._zone_data(entry.zone if entry else None),
                "actor": actor,
                "until": rfc3339(bypass.until),
                "reason": bypass.reason,
            },
        )
