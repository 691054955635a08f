"""Pure: makes signals, notices and readings of the objects of one frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from drivers.gb26875.conditions import (
    OF_COMPONENT,
    OF_SYSTEM,
    OF_TRANSMITTER,
    OPERATIONS,
    TOLD,
    TOLD_OF_SYSTEM,
    Condition,
    fire_of,
)
from drivers.gb26875.content import (
    Component,
    ComponentAnalog,
    ComponentStatus,
    Config,
    Object,
    Operated,
    OwnTime,
    System,
    SystemStatus,
    TransmitterStatus,
    Version,
)
from drivers.gb26875.meaning import Meaning
from drivers.gb26875.memory import Key, Last, Memory
from drivers.gb26875.resets import conditions_of, manual_of, point_of
from drivers.gb26875.settings import USUAL_SYSTEM, FirePoint
from drivers.gb26875.tables import (
    ANALOG_TYPES,
    Operation,
    Status,
    component_name,
    system_name,
)
from gateway.model import Kind, Level, Notice, Origin, Reading, Signal

#: A panel's clock that is further from ours than this, in seconds, is wrong.
CLOCK_LIMIT_S = 60.0

#: So many characters of what a panel says of its configuration are kept.
_CONFIG_LIMIT = 200

_KINDS = frozenset(kind.value for kind in Kind)


@dataclass(slots=True)
class Interpretation:
    """One frame's objects, one after the other."""

    device: str
    points: Mapping[tuple[tuple[int, int] | None, int], FirePoint]
    systems: set[System]
    known: Memory
    origin: Origin
    now: datetime
    clock_trusted: bool
    meaning: Meaning = field(default_factory=Meaning)

    def take(self, thing: Object) -> None:
        """The next object of the frame."""
        match thing:
            case ComponentStatus():
                self._component(thing)
            case SystemStatus():
                self._system(thing)
            case TransmitterStatus():
                base = point_of(self.device, None)
                self._conditions(OF_TRANSMITTER, thing.status, base, base, "用户信息传输装置", thing.at, None)
            case Operated():
                self._operated(thing)
            case ComponentAnalog():
                self._analog(thing)
            case OwnTime():
                self._clock(thing.at)
            case Version():
                self._identify(thing.system, "version", f"{thing.main}.{thing.sub}")
            case Config():
                self._identify(thing.system, "config", thing.text[:_CONFIG_LIMIT])
            case _:  # a component's description comes with its status, too
                return

    def _component(self, thing: ComponentStatus) -> None:
        component = thing.component
        self.meaning.systems.add(component.system)
        named = self._named(component)
        label = self._label(component)
        base = f"{self.device}:{named.id if named else label}"
        words = f"{component_name(thing.type)} {label} {thing.text}".rstrip()
        conditions = (fire_of(thing.type, named), *OF_COMPONENT[1:])
        point = named.id if named else base
        self._conditions(conditions, thing.status, point, base, words, thing.at, component.system)
        self._tell(TOLD, thing.status, base, words, thing.at, component.system)

    def _system(self, thing: SystemStatus) -> None:
        self.meaning.systems.add(thing.system)
        base = point_of(self.device, thing.system)
        words = f"{system_name(thing.system.type)} {thing.system.address}"
        if self._is_new((base, "reset"), thing.system, active=bool(thing.status & Status.RESET)):
            self._notice("reset", words, "", thing.at)
            if not thing.status & Status.FIRE:  # it burns: then whatever that bit says, nothing has returned
                self._reset(thing.system, thing.at)
        self._conditions(OF_SYSTEM, thing.status, base, base, words, thing.at, thing.system)
        self._tell(TOLD_OF_SYSTEM, thing.status, base, words, thing.at, thing.system)

    def _conditions(
        self,
        conditions: tuple[Condition, ...],
        status: int,
        point: str,
        base: str,
        words: str,
        at: datetime | None,
        system: System | None,
    ) -> None:
        """Bit 0 (in service or in test) is left aside: many panels never set it (protocol notes 2.4)."""
        for condition in conditions:
            where = f"{base}{condition.suffix}" if condition.suffix else point
            active = bool(status & condition.bit)
            last = self._last((where, condition.kind.value))
            told = last is not None and (self._is_known_rest(last) or last.system != system)
            if active or not (told or status & condition.unless):
                detail = f"{condition.words}: {words}"
                self._signal(where, condition.kind, detail, at, system, active=active)

    def _tell(
        self,
        told: Mapping[Status, str],
        status: int,
        base: str,
        words: str,
        at: datetime | None,
        system: System,
    ) -> None:
        for bit, what in told.items():
            if self._is_new((base, what), system, active=bool(status & bit)):
                self._notice(what, words, "", at)

    def _reset(self, system: System | None, at: datetime | None) -> None:
        """What this system had reported has returned; what another one said, or the device itself, lasts on.

        Where the panel has no other, all in the journal has returned, which may know more than we since our start.
        """
        self.meaning.resets = True
        if system is not None and self.systems | self.meaning.systems <= {system}:
            self._reset_all()
            return
        active = [key for key in self.known.active_of(system) if key not in self.meaning.levels]
        unknown = [
            key for key in conditions_of(self.device, self.points.values(), system) if self._last(key) is None
        ]
        for point, kind in (*active, *unknown):
            if kind in _KINDS:
                self._signal(point, Kind(kind), "复位", at, system, active=False)
            else:
                self.meaning.levels[point, kind] = Last(active=False, system=system, by_event=True)

    def _reset_all(self) -> None:
        manual = manual_of(self.device, None)
        lasting = [
            (point, kind)
            for point, kind in self.known.active_of(None)
            if kind in _KINDS and point != manual and (point, kind) not in self.meaning.levels
        ]
        self.meaning.reset = True
        for point, kind in lasting:
            self._signal(point, Kind(kind), "", None, None, active=True)
            self._as_state()

    def _operated(self, thing: Operated) -> None:
        words = (
            f"{system_name(thing.system.type)} {thing.system.address}" if thing.system else "用户信息传输装置"
        )
        operator = str(thing.operator)
        if self.origin is Origin.STATE:  # a record of the past, which was told when it happened
            return
        if thing.system is not None:
            self.meaning.systems.add(thing.system)
        for bit, what in OPERATIONS.items():
            if thing.flags & bit:
                self._notice(what, words, operator, thing.at)
        if thing.flags & Operation.CONFIRM:
            self._notice("confirm" if thing.system else "guard-check-answer", words, operator, thing.at)
            if thing.system is None:
                self.meaning.guards.append(operator)
        if thing.flags & Operation.RESET:
            self._reset(thing.system, thing.at)
        if thing.flags & Operation.CLEARED:
            manual = manual_of(self.device, thing.system)
            self._signal(manual, Kind.FIRE, "警情消除", thing.at, thing.system, active=False)
        if thing.flags & Operation.MANUAL_ALARM:
            detail = f"手动报警: {words}, 操作员 {operator}"
            manual = manual_of(self.device, thing.system)
            self._signal(manual, Kind.FIRE, detail, thing.at, thing.system, active=True)

    def _analog(self, thing: ComponentAnalog) -> None:
        named = self._named(thing.component)
        quantity = ANALOG_TYPES.get(thing.quantity)
        if named is not None and quantity is not None:
            self.meaning.readings.append(
                Reading(
                    device=self.device,
                    point=named.id,
                    value=round(thing.value * quantity.step, 6),
                    unit=quantity.unit,
                    at=thing.at or self.now,
                )
            )

    def _clock(self, at: datetime | None) -> None:
        if not self.clock_trusted:
            return
        point = f"{self.device}:clock"
        offset = None if at is None else (at - self.now).total_seconds()
        wrong = offset is None or abs(offset) > CLOCK_LIMIT_S
        last = self._last((point, Kind.CLOCK.value))
        if last is not None and last.active is wrong:
            return
        words = "its clock tells no time" if offset is None else f"its clock is off by {length(offset)}"
        self._signal(point, Kind.CLOCK, words, None, None, active=wrong)
        self._as_state()  # told again and again, it is one fault

    def _identify(self, system: System | None, what: str, value: str) -> None:
        self.meaning.identity[f"system {system.type}.{system.address} {what}" if system else what] = value

    # What is remembered.

    def _last(self, key: Key) -> Last | None:
        if key in self.meaning.levels:
            return self.meaning.levels[key]
        return None if self.meaning.reset else self.known.get(key)

    def _is_known_rest(self, last: Last) -> bool:
        """An answer may be ahead of the events that wait in the panel: what they tell is told."""
        return not last.active and (last.by_event or self.origin is Origin.STATE)

    def _is_new(self, key: Key, system: System, *, active: bool) -> bool:
        """Whether an event begins with this. An answer about the present state is none."""
        before = self._last(key)
        self.meaning.levels[key] = Last(active, system, self.origin is Origin.EVENT)
        return active and not (before and before.active) and self.origin is Origin.EVENT

    def _as_state(self) -> None:
        """The last signal is no new press."""
        self.meaning.signals[-1] = replace(self.meaning.signals[-1], origin=Origin.STATE)

    def _signal(
        self,
        point: str,
        kind: Kind,
        detail: str,
        at: datetime | None,
        system: System | None,
        *,
        active: bool,
    ) -> None:
        self.meaning.levels[point, kind.value] = Last(active, system, self.origin is Origin.EVENT)
        self.meaning.signals.append(
            Signal(
                device=self.device,
                point=point,
                kind=kind,
                level=Level.ACTIVE if active else Level.NORMAL,
                origin=self.origin,
                occurred_at=at,
                detail=detail,
            )
        )

    def _notice(self, what: str, detail: str, operator: str, at: datetime | None) -> None:
        self.meaning.notices.append(
            Notice(device=self.device, what=what, detail=detail, operator=operator, occurred_at=at)
        )

    # Who it is.

    def _named(self, component: Component) -> FirePoint | None:
        system = (component.system.type, component.system.address)
        return self.points.get((system, component.address)) or self.points.get((None, component.address))

    def _label(self, component: Component) -> str:
        """Two panels behind one device may have the same addresses."""
        system = component.system
        return (
            component.label if system == USUAL_SYSTEM else f"{system.type}.{system.address}.{component.label}"
        )


def length(seconds: float) -> str:
    """A stretch of time with its sign, in the unit that a person would take."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:+.0f} {unit}"
    return f"{seconds:+.0f} s"
