"""A GB/T 26875.3 connection of the site file: one fire panel for each device, which calls its centre."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from drivers.gb26875.settings import FireConnection, FireDevice, FirePoint
from gateway.model import Kind
from simulators.fault import Fault
from simulators.gb26875 import (
    Analog,
    Component,
    ComponentFlag,
    FirePanelSimulator,
    Habits,
    Line,
    Operation,
    Serial,
    System,
    Tcp,
    Udp,
)
from simulators.modbus import Press
from simulators.school_codes import moment
from simulators.school_parts import (
    REDIAL_S,
    AnyConnection,
    Context,
    Served,
    call_every,
    dialled,
    in_time,
    on_bus,
)

#: Our address where the site file says that we are whatever a panel calls us.
_ANY_CENTRE = 88888

#: Without a confirmation for so long a panel sends again (clause 6.5); seconds.
CONFIRM_S = 10.0

#: Component types (table 6): gas detector, call point, heat and smoke detector; 0 is a component of no special type.
_TYPES = {Kind.GAS: 10, Kind.PANIC: 23, Kind.FIRE: 23, Kind.HEAT: 30, Kind.TEMPERATURE: 30, Kind.SMOKE: 40}
_MEASURES = {Kind.TEMPERATURE: Analog.TEMPERATURE, Kind.HEAT: Analog.TEMPERATURE, Kind.GAS: Analog.GAS}

#: What a panel shows of a component's name, and the clock that the simulator has by itself.
_NAME_BYTES, _CHINA = 31, timedelta(hours=8)

_NO_FLAG = ComponentFlag(0)


def serve_gb26875(connection: AnyConnection, context: Context) -> Served:
    """Raises ValueError for two points at one address, and for several panels on one serial line."""
    fire = cast("FireConnection", connection)
    keys = fire.settings
    if keys.serial is not None and len(fire.devices) > 1:
        raise ValueError(f"{fire.id}: simulated panels do not share a serial line: give each its own")
    panels = {device.id: FirePanel(fire, device, context) for device in fire.devices}
    points = {
        point.id: Detector(panels[device.id].simulator, point, context.names.get(point.id, ""))
        for device in fire.devices
        for point in device.points
    }
    return Served(
        id=connection.id,
        where=keys.serial or f"{dialled(keys.host)}:{keys.port}",
        simulators=tuple(panel.simulator for panel in panels.values()),
        devices=on_bus(connection, panels),
        points=points,
        link=None if keys.serial is None else Path(keys.serial),
    )


class FirePanel:
    """A panel with its transmission device, and the person in its room."""

    def __init__(self, connection: FireConnection, device: FireDevice, context: Context) -> None:
        keys = device.settings
        try:
            self.simulator = FirePanelSimulator(
                _line(connection),
                panel=keys.panel,
                centre=connection.settings.centre or _ANY_CENTRE,
                components=[component(point, context.names.get(point.id, "")) for point in device.points],
                habits=Habits(
                    heartbeat_s=call_every(keys.lost_after_s),
                    confirm_s=in_time(CONFIRM_S, keys.lost_after_s),
                    retry_s=REDIAL_S,
                ),
            )
        except ValueError as error:
            raise ValueError(f"{device.id}: {error}") from error
        local = datetime.now(UTC).astimezone(keys.zone).utcoffset() or timedelta()
        self.simulator.clock.offset = local - _CHINA
        self.simulator.orders.on_order = lambda order: context.announce(f"{device.id}: {order}")

    @property
    def waiting(self) -> int:
        """Reports that the centre has not confirmed."""
        return self.simulator.delivery.waiting

    async def misbehave(self, fault: Fault) -> None:
        """Of this panel alone."""
        await self.simulator.misbehave(fault)

    async def power_off(self) -> None:
        """Its connection is reset."""
        await self.simulator.power_off()

    async def power_on(self) -> None:
        """It calls again."""
        await self.simulator.power_on()

    def mains(self, *, on: bool) -> None:
        """Of the transmission device."""
        self.simulator.mains_fault(on=not on)

    def battery(self, *, on: bool) -> None:
        """Of the transmission device."""
        self.simulator.battery_fault(on=not on)

    def reset(self, operator: int) -> None:
        """Every component of every system is normal, and each system tells that it was reset."""
        self.simulator.panel.all_normal()
        for system in self.simulator.panel.systems.values():
            self.simulator.operate(Operation.RESET, operator, system)

    def answer(self, operator: int) -> None:
        """查岗. Raises ValueError when nobody has asked, or too long ago."""
        self.simulator.answer_guard_check(operator)


class Detector:
    """A point that is a component of a panel."""

    latched = False

    def __init__(self, panel: FirePanelSimulator, point: FirePoint, name: str) -> None:
        self.kind = point.kind
        self._panel = panel
        self._component = component(point, name)

    def press(self) -> Press:
        """It sees fire; a point that watches for a fault breaks."""
        flag = ComponentFlag.FAULT if self.kind is Kind.FAULT else ComponentFlag.FIRE
        return self._change(add=flag, remove=_NO_FLAG)

    def release(self) -> Press:
        """It is as it shall be."""
        return self._change(add=_NO_FLAG, remove=~_NO_FLAG)

    def set_value(self, value: float) -> Press:
        """An analog value, which is told and never an alarm by itself. Raises ValueError where it measures nothing."""
        at = moment()
        self._panel.panel.measure(self._component, value, _MEASURES.get(self.kind))
        self._panel.delivery.put(self._panel.panel.tell_analogs([self._component]))
        return at

    def _change(self, *, add: ComponentFlag, remove: ComponentFlag) -> Press:
        at, one = moment(), self._component
        self._panel.change([(one.zone, one.point)], add=add, remove=remove, system=one.system)
        return at


def component(point: FirePoint, name: str) -> Component:
    """The component that is at a point's address."""
    keys = point.settings
    place = keys.address & 0xFFFF, keys.address >> 16
    kind = _TYPES.get(point.kind, 0)
    shown = name.encode("gb18030", "replace")[:_NAME_BYTES].decode("gb18030", "ignore")
    return Component(*place, kind, shown, System(*keys.system) if keys.system else System())


def _line(connection: FireConnection) -> Line:
    keys = connection.settings
    if keys.serial is not None:
        return Serial(Path(keys.serial))
    assert keys.port is not None  # one or the other: BusKeys
    return (Udp if keys.transport == "udp" else Tcp)(dialled(keys.host), keys.port)
