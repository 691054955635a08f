"""A Modbus connection of the site file: its bus with every slave, input and output."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from drivers.modbus.settings import (
    ModbusConnection,
    ModbusDevice,
    ProfileProblems,
    SiteConnection,
    SwitchKeys,
    resolve,
)
from simulators.fault import Fault
from simulators.modbus import Change, ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator, Table
from simulators.school_parts import AnyConnection, Context, Device, Served, Switched
from simulators.wiring import TABLES, Input, build_slave

#: Switchings of an output that are remembered.
MOST_SWITCHED = 1000

Bus = ModbusTcpSimulator | ModbusRtuSimulator


def serve_modbus(connection: AnyConnection, _context: Context) -> Served:
    """Raises ValueError for a profile that does not fit, and for what can't be simulated."""
    try:
        modbus = resolve(cast("SiteConnection", connection)).connection
    except ProfileProblems as error:
        raise ValueError(f"{connection.id}: {error}") from error
    bus = _bus(modbus)
    keys = modbus.settings
    devices: dict[str, Device] = {connection.id: bus}
    points: dict[str, Input] = {}
    outputs: dict[str, Coil] = {}
    for device in modbus.devices:
        slave = bus.slaves[device.settings.slave]
        if connection.shared:
            devices[device.id] = SharedDevice(bus, slave)
        points |= {point.id: Input(slave, point) for point in device.points}
        outputs |= _coils(slave, device)
    return Served(
        id=connection.id,
        where=keys.serial or f"{keys.host}:{keys.port}",
        simulators=(bus,),
        devices=devices,
        points=points,
        outputs=outputs,
        link=None if keys.serial is None else Path(keys.serial),
    )


class Coil:
    """An output as its slave has it."""

    def __init__(self, slave: ModbusSlave, keys: SwitchKeys) -> None:
        self._slave = slave
        self._keys = keys
        self._switched: deque[Switched] = deque(maxlen=MOST_SWITCHED)

    @property
    def cell(self) -> tuple[Table, int]:
        """Where a master writes it."""
        return TABLES[self._keys.function], self._keys.address

    @property
    def is_on(self) -> bool:
        """Whether the cell has the value that the site file calls on."""
        return self._slave.value(*self.cell) == self._keys.value(on=True)

    @property
    def switched(self) -> Sequence[Switched]:
        """Each change of it."""
        return tuple(self._switched)

    def note(self, change: Change) -> None:
        """Its cell has another value."""
        self._switched.append(Switched(self.is_on, change.at))


@dataclass(frozen=True, slots=True)
class SharedDevice:
    """A device that shares its bus: it fails alone."""

    bus: Bus
    slave: ModbusSlave

    async def misbehave(self, fault: Fault) -> None:
        """Of this slave."""
        await self.bus.misbehave(fault, slave=self.slave.slave_id)

    async def power_off(self) -> None:
        """It falls silent; its neighbours do not."""
        await self.misbehave(Fault.SILENT)

    async def power_on(self) -> None:
        """It has forgotten its fault, too."""
        self.slave.restart()
        await self.misbehave(Fault.NONE)


def _coils(slave: ModbusSlave, device: ModbusDevice) -> Mapping[str, Coil]:
    coils = {output.id: Coil(slave, cast("SwitchKeys", output.settings)) for output in device.outputs}
    by_cell = {coil.cell: coil for coil in coils.values()}

    def note(change: Change) -> None:
        coil = by_cell.get((change.table, change.address))
        if coil is not None:
            coil.note(change)

    slave.on_change = note
    return coils


def _bus(connection: ModbusConnection) -> Bus:
    slaves = [build_slave(device) for device in connection.devices]
    keys = connection.settings
    if keys.serial is not None:
        character_bits = 1 + 8 + (keys.parity != "N") + keys.stopbits
        return ModbusRtuSimulator(
            slaves, link=Path(keys.serial), baud=keys.baudrate, character_bits=character_bits
        )
    if keys.framer != "socket":
        raise ValueError(
            f"{connection.id}: no simulator speaks framer {keys.framer!r} over TCP; rehearse it with a `serial` line"
        )
    assert keys.host is not None  # one or the other: BusKeys
    return ModbusTcpSimulator(keys.host, keys.port, slaves)
