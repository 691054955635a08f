"""What a centre asks of the device and orders it to do, and what the device makes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.clock import Clock
from simulators.gb26875 import units
from simulators.gb26875.fittings import Component, System
from simulators.gb26875.panel import CHINA, FirePanel
from simulators.gb26875.units import Type, unit


@dataclass(frozen=True, slots=True)
class GuardCheck:
    """It rings in the panel's room until `until` (monotonic seconds), so many minutes after it was asked."""

    minutes: int
    until: float


class Orders:
    """Requests (command 4) and controls (command 1). `guard_check` is the one that rings now, if any.

    `initialised` counts the times that the device was told to initialise itself; `on_order` hears of each control.
    """

    def __init__(self, panel: FirePanel, clock: Clock) -> None:
        self.initialised = 0
        self.on_order: Callable[[str], None] | None = None
        self.guard_check: GuardCheck | None = None
        self._panel = panel
        self._clock = clock

    def answer(self, data: bytes) -> bytes:
        """What is asked for. Raises ValueError for what the tables do not have, and for what the panel does not."""
        kind, bodies = units.parse_down(data)
        if kind not in _ANSWERS:
            raise ValueError(f"type {kind} is no request")
        return _ANSWERS[kind](self._panel, bodies)

    def execute(self, data: bytes) -> Type:
        """Do it; what it was. Raises ValueError for what the tables do not have, and a time that no calendar has."""
        kind, bodies = units.parse_down(data)
        match kind:
            case Type.INITIALISE:
                # The device, not the panel behind it: a fire goes on burning.
                self.initialised += 1
                self.guard_check = None
                self._announce("the centre initialises the device")
            case Type.SET_CLOCK:
                self._panel.clock.set(units.read_time(bodies[0], CHINA))
                self._announce(f"the centre sets the clock: {self._panel.clock.now():%Y-%m-%d %H:%M:%S}")
            case Type.GUARD_CHECK:
                minutes = bodies[0][0]
                self.guard_check = GuardCheck(minutes, self._clock.monotonic() + 60 * minutes)
                self._announce(f"查岗: the centre asks for the guard within {minutes} min; `answer OPERATOR`")
            case _:
                raise ValueError(f"type {kind} is no control")
        return kind

    def take_guard_check(self) -> GuardCheck:
        """End the ringing. Raises ValueError when nothing rings, or no longer."""
        asked, self.guard_check = self.guard_check, None
        if asked is None:
            raise ValueError("nobody has asked for the guard")
        if self._clock.monotonic() > asked.until:
            raise ValueError(f"too late: the {asked.minutes} min are over")
        return asked

    def _announce(self, order: str) -> None:
        if self.on_order is not None:
            self.on_order(order)


def _systems(panel: FirePanel, bodies: Sequence[bytes]) -> list[System]:
    found = [panel.systems[body[0], body[1]] for body in bodies if (body[0], body[1]) in panel.systems]
    if not found:
        raise ValueError("the panel has none of these systems")
    return found


def _components(panel: FirePanel, bodies: Sequence[bytes]) -> list[Component]:
    found = []
    for body in bodies:
        system = panel.systems.get((body[0], body[1]))
        if system is not None:
            component = panel.components.get((system, int.from_bytes(body[2:6], "little")))
            found += [component] if component else []
    if not found:
        raise ValueError("the panel has none of these components")
    return found


def _operations(panel: FirePanel, bodies: Sequence[bytes]) -> bytes:
    system, count = _systems(panel, bodies)[0], bodies[0][2]
    since = units.read_time(bodies[0][3:9], CHINA)
    done = [one for of, one in panel.operations if of == system and one.at >= since][:count]
    return unit(Type.OPERATION, [one.body + units.pack_time(one.at) for one in done])


def _device_operations(panel: FirePanel, bodies: Sequence[bytes]) -> bytes:
    count, since = bodies[0][0], units.read_time(bodies[0][1:7], CHINA)
    done = [one for one in panel.device_operations if one.at >= since][:count]
    return unit(Type.DEVICE_OPERATION, [one.body + units.pack_time(one.at) for one in done])


def _system_version(panel: FirePanel, bodies: Sequence[bytes]) -> bytes:
    system = _systems(panel, bodies)[0]
    return unit(Type.SYSTEM_VERSION, [bytes((system.kind, system.address, *panel.version))])


def _system_config(panel: FirePanel, bodies: Sequence[bytes]) -> bytes:
    return unit(
        Type.SYSTEM_CONFIG,
        [
            bytes((system.kind, system.address)) + units.counted_text(system.name)
            for system in _systems(panel, bodies)
        ],
    )


def _system_time(panel: FirePanel, bodies: Sequence[bytes]) -> bytes:
    system = _systems(panel, bodies)[0]
    return unit(Type.SYSTEM_TIME, [bytes((system.kind, system.address)) + panel.clock.stamp()])


_ANSWERS: Mapping[Type, Callable[[FirePanel, Sequence[bytes]], bytes]] = {
    Type.READ_SYSTEM_STATUS: lambda panel, bodies: panel.tell_systems(_systems(panel, bodies)),
    Type.READ_COMPONENT_STATUS: lambda panel, bodies: panel.tell_components(_components(panel, bodies)),
    Type.READ_ANALOG: lambda panel, bodies: panel.tell_analogs(_components(panel, bodies)),
    Type.READ_OPERATION: _operations,
    Type.READ_SYSTEM_VERSION: _system_version,
    Type.READ_SYSTEM_CONFIG: _system_config,
    Type.READ_COMPONENT_CONFIG: lambda panel, bodies: panel.tell_config_of(_components(panel, bodies)),
    Type.READ_SYSTEM_TIME: _system_time,
    Type.READ_DEVICE_STATUS: lambda panel, _bodies: panel.tell_device(),
    Type.READ_DEVICE_OPERATION: _device_operations,
    Type.READ_DEVICE_VERSION: lambda panel, _bodies: panel.tell_version(),
    Type.READ_DEVICE_CONFIG: lambda panel, _bodies: panel.tell_config(),
    Type.READ_DEVICE_TIME: lambda panel, _bodies: panel.tell_time(),
}
