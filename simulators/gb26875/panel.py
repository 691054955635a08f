"""The fire panel and its transmission device as they stand: systems, components, clock, what was done; no line."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from gateway.clock import Clock
from simulators.gb26875 import units
from simulators.gb26875.fittings import (
    FIRE_ALARM_SYSTEM,
    Analog,
    Component,
    ComponentFlag,
    DeviceFlag,
    Operation,
    System,
    SystemFlag,
)
from simulators.gb26875.units import Type, unit

#: Operations that are remembered for types 64 and 84; older ones are forgotten.
MOST_REMEMBERED = 1000
CHINA = timezone(timedelta(hours=8))

#: What a system has in common with its components: status bits 1 to 7.
_SHARED = 0xFE


class PanelClock:
    """The device's own clock: local time of China, wrong by `offset`, which a centre's type 90 changes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.offset = timedelta()

    def now(self) -> datetime:
        """What the device believes."""
        return self.clock.now().astimezone(CHINA) + self.offset

    def stamp(self) -> bytes:
        """The same as six bytes."""
        return units.pack_time(self.now())

    def set(self, moment: datetime) -> None:
        """Believe this."""
        self.offset = moment - self.clock.now().astimezone(CHINA)


@dataclass(slots=True)
class Reading:
    """The last analog value of a component, in steps of its kind."""

    kind: Analog
    steps: int


@dataclass(frozen=True, slots=True)
class Done:
    """An operation that is remembered; `body` is its object without the time."""

    at: datetime
    body: bytes


class FirePanel:
    """Makes the units that tell of it. Raises ValueError for two components at one place, or one whose system is not there.

    `in_service_bit` is status bit 0, which many devices leave 0 while they serve.
    """

    version = (1, 1)
    config = "消防控制室 用户信息传输装置"

    def __init__(
        self,
        clock: PanelClock,
        systems: Sequence[System],
        components: Iterable[Component],
        *,
        in_service_bit: bool = True,
    ) -> None:
        if not systems:
            raise ValueError("a fire panel has at least one system")
        self.clock = clock
        self.systems = {(system.kind, system.address): system for system in systems}
        self.components: dict[tuple[System, int], Component] = {}
        self.in_service_bit = in_service_bit
        self.device_flags = DeviceFlag(0)
        self.operations: deque[tuple[System, Done]] = deque(maxlen=MOST_REMEMBERED)
        self.device_operations: deque[Done] = deque(maxlen=MOST_REMEMBERED)
        self._system_flags: dict[System, SystemFlag] = {}
        self._flags: dict[Component, ComponentFlag] = {}
        self._readings: dict[Component, Reading] = {}
        for component in components:
            self.add(component)

    # What it consists of.

    def add(self, component: Component) -> None:
        """Wire one more. Raises ValueError as the constructor does."""
        if component.system not in self.systems.values():
            raise ValueError(f"{component.zone}.{component.point}: the panel has no {component.system}")
        at = component.system, component.address
        if at in self.components:
            raise ValueError(f"two components at {component.zone}.{component.point}: give each its own place")
        self.components[at] = component

    def find(self, zone: int, point: int, system: System | None = None) -> Component:
        """The component there, in the first system unless told. Raises ValueError that says which there are."""
        wanted = system or next(iter(self.systems.values()))
        found = self.components.get((wanted, point << 16 | zone))
        if found is None:
            there = ", ".join(f"{one.zone}.{one.point}" for one in self.components.values())
            raise ValueError(f"no component {zone}.{point}; there are: {there or 'none'}")
        return found

    def status_of(self, component: Component) -> ComponentFlag:
        """Its status word."""
        return self._flags.get(component, ComponentFlag(0)) | (
            ComponentFlag.IN_SERVICE if self.in_service_bit else ComponentFlag(0)
        )

    def system_status_of(self, system: System) -> SystemFlag:
        """Its status word: its own flags, and what any of its components has."""
        status = self._system_flags.get(system, SystemFlag(0))
        for component, flags in self._flags.items():
            if component.system == system:
                status |= SystemFlag(flags & _SHARED)
        return status | (SystemFlag.IN_SERVICE if self.in_service_bit else SystemFlag(0))

    def device_status(self) -> DeviceFlag:
        """Status of the transmission device; fire and fault follow the systems behind it."""
        status = self.device_flags | (DeviceFlag.IN_SERVICE if self.in_service_bit else DeviceFlag(0))
        for system in self.systems.values():
            shared = self.system_status_of(system) & (SystemFlag.FIRE | SystemFlag.FAULT)
            status |= DeviceFlag(int(shared))
        return status

    # What happens to it.

    def change(self, component: Component, *, add: ComponentFlag, remove: ComponentFlag) -> None:
        """Change flags of a component."""
        self._flags[component] = (self._flags.get(component, ComponentFlag(0)) & ~remove) | add

    def change_system(self, system: System, flag: SystemFlag, *, on: bool) -> None:
        """Change a flag of a system."""
        before = self._system_flags.get(system, SystemFlag(0))
        self._system_flags[system] = before | flag if on else before & ~flag

    def change_device(self, flag: DeviceFlag, *, on: bool) -> None:
        """Change a flag of the transmission device."""
        self.device_flags = self.device_flags | flag if on else self.device_flags & ~flag

    def all_normal(self) -> None:
        """What a reset does: no component and no system has a flag any longer."""
        self._flags.clear()
        self._system_flags.clear()

    def measure(self, component: Component, value: float, kind: Analog | None = None) -> None:
        """Let a component measure so many m, °C, %LEL ... Raises ValueError where it measures nothing, or beyond 16 bits."""
        known = self._readings.get(component)
        kind = kind or (known.kind if known else component.analog)
        if kind is None:
            raise ValueError(f"{component.zone}.{component.point} measures nothing: say what ({_KINDS})")
        steps = round(value * kind.steps_in_unit)
        units.analog_value(b"", kind, steps)  # raises for what has no room
        self._readings[component] = Reading(kind, steps)

    def operate(self, system: System, flag: Operation, operator: int) -> bytes:
        """Remember what a person did at the panel; the unit of type 4 that tells it."""
        _require_operator(operator)
        body = units.operation(flag, operator, system.kind, system.address)
        self.operations.append((system, Done(self.clock.now(), body)))
        return unit(Type.OPERATION, [body + self.clock.stamp()])

    def operate_device(self, flag: Operation, operator: int) -> bytes:
        """Remember what a person did at the transmission device; the unit of type 24 that tells it."""
        _require_operator(operator)
        body = units.operation(flag, operator)
        self.device_operations.append(Done(self.clock.now(), body))
        return unit(Type.DEVICE_OPERATION, [body + self.clock.stamp()])

    # What it tells.

    def tell_components(self, components: Sequence[Component]) -> bytes:
        """Type 2. Raises ValueError for more than 22."""
        return unit(Type.COMPONENT_STATUS, [self._status(component) for component in components])

    def tell_systems(self, systems: Sequence[System]) -> bytes:
        """Type 1."""
        stamp = self.clock.stamp()
        return unit(
            Type.SYSTEM_STATUS,
            [
                units.status_of_system(system.kind, system.address, self.system_status_of(system)) + stamp
                for system in systems
            ],
        )

    def tell_analogs(self, components: Sequence[Component]) -> bytes:
        """Type 3, of those that have measured. Raises ValueError when none has."""
        stamp = self.clock.stamp()
        return unit(
            Type.ANALOG,
            [
                units.analog_value(_place(component), reading.kind, reading.steps) + stamp
                for component in components
                if (reading := self._readings.get(component)) is not None
            ],
        )

    def tell_config_of(self, components: Sequence[Component]) -> bytes:
        """Type 7."""
        return unit(
            Type.COMPONENT_CONFIG,
            [_place(component) + units.description(component.name) for component in components],
        )

    def tell_device(self) -> bytes:
        """Type 21."""
        return unit(Type.DEVICE_STATUS, [bytes([self.device_status()]) + self.clock.stamp()])

    def tell_version(self) -> bytes:
        """Type 25."""
        return unit(Type.DEVICE_VERSION, [bytes(self.version)])

    def tell_config(self) -> bytes:
        """Type 26."""
        return unit(Type.DEVICE_CONFIG, [units.counted_text(self.config)])

    def tell_time(self) -> bytes:
        """Type 28."""
        return unit(Type.DEVICE_TIME, [self.clock.stamp()])

    def _status(self, component: Component) -> bytes:
        body = units.status_of_component(_place(component), self.status_of(component), component.name)
        return body + self.clock.stamp()


_KINDS = ", ".join(f"{kind} {kind.name.lower()}" for kind in Analog)


def default_systems(components: Iterable[Component]) -> list[System]:
    """The systems that the components name; the fire alarm system where there is none."""
    return list(dict.fromkeys(component.system for component in components)) or [FIRE_ALARM_SYSTEM]


def _place(component: Component) -> bytes:
    return units.place(component.system.kind, component.system.address, component.kind, component.address)


def _require_operator(operator: int) -> None:
    if not 0 <= operator <= 0xFF:
        raise ValueError(f"operator {operator}: give 0 to 255")
