"""A whole school from the gateway's own site file: every device at the address it names, worked by the ids it gives."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from pydantic import BaseModel

from drivers.modbus.settings import ModbusConnection
from gateway.driver import Connection
from gateway.site import Site
from gateway.site.site import Camera
from simulators.camera import CameraSimulator
from simulators.fault import Fault
from simulators.modbus import ModbusRtuSimulator, ModbusTcpSimulator, Press
from simulators.wiring import Input, build_slave

RTSP_PORT = 554  # RFC 2326 section 3.2

ModbusSimulator = ModbusTcpSimulator | ModbusRtuSimulator


class School:
    """Every device and camera of a site file, simulated.

    Raises ValueError for what no simulator can be made for, with the id and what would help; SiteFileError for a
    camera's password that can't be read. Points and devices are named by their ids.
    """

    def __init__(self, site: Site) -> None:
        self._buses: dict[str, ModbusSimulator] = {}
        self._inputs: dict[str, Input] = {}
        self._devices: dict[str, _Place] = {}
        for connection in site.connections:
            self._add_connection(connection)
        self._cameras = {camera.id: _camera(site, camera) for camera in site.cameras}
        self._where = {connection.id: _address(connection) for connection in site.connections}
        self._where |= {camera.id: camera.settings.url for camera in site.cameras}
        self._running = AsyncExitStack()

    @property
    def points(self) -> Mapping[str, Input]:
        """Every point by its id."""
        return self._inputs

    @property
    def devices(self) -> tuple[str, ...]:
        """Everything that can misbehave or lose power: buses, devices, cameras."""
        return tuple(dict.fromkeys([*self._buses, *self._devices, *self._cameras]))

    # ---- life

    async def start(self) -> None:
        """Serve at every address. Raises OSError, with the id and the address, if one can't be had; then none is."""
        simulators = {**self._buses, **self._cameras}
        async with AsyncExitStack() as ending:
            for name, simulator in simulators.items():
                ending.push_async_callback(simulator.stop)
                try:
                    await simulator.start()
                except OSError as error:
                    why = error.strerror or error
                    raise OSError(f"{name} can't be simulated at {self._where[name]}: {why}") from error
            self._running = ending.pop_all()

    async def stop(self) -> None:
        """End every simulator, and let go of every socket, file and task."""
        await self._running.aclose()

    # ---- what a person does. Raises ValueError for a point that is not there, or can't be told so.

    def press(self, point: str) -> Press:
        """Bring a point into alarm, as its contact or its limits have it; it stays so until `release`."""
        return self._input(point).press()

    def release(self, point: str) -> Press:
        """Bring it to rest."""
        return self._input(point).release()

    async def pulse(self, point: str, seconds: float) -> Press:
        """Press for so many seconds, also if cancelled on the way. A latched point stays until `release`, as in life."""
        pressed = self.press(point)
        if self._input(point).keys.latched:
            return pressed
        try:
            await asyncio.sleep(seconds)
        finally:
            self.release(point)
        return pressed

    def set_value(self, point: str, value: float) -> Press:
        """Let a point measure so much, in its unit."""
        return self._input(point).set_value(value)

    # ---- what goes wrong. Raises ValueError for a device that is not there.

    async def misbehave(self, device: str, fault: Fault) -> None:
        """Give a device, a whole bus or a camera this fault in place of the one it had."""
        if device in self._cameras:
            await self._cameras[device].misbehave(fault)
        elif device in self._buses:
            await self._buses[device].misbehave(fault)
        else:
            place = self._place(device)
            await self._buses[place.bus].misbehave(fault, slave=place.slave)

    async def power_cycle(self, device: str, off_seconds: float) -> None:
        """Take its power away for so long; it comes back at the same address with start-up state."""
        await self.power_off(device)
        try:
            await asyncio.sleep(off_seconds)
        finally:
            await self.power_on(device)

    async def power_off(self, device: str) -> None:
        """Without a goodbye. A device that shares its bus falls silent alone."""
        if device in self._cameras:
            await self._cameras[device].power_off()
        elif device in self._buses:
            await self._buses[device].power_off()
        else:
            await self.misbehave(device, Fault.SILENT)

    async def power_on(self, device: str) -> None:
        """Come back, with start-up state: a device that shares its bus has forgotten its fault, too."""
        if device in self._cameras:
            await self._cameras[device].power_on()
        elif device in self._buses:
            await self._buses[device].power_on()
        else:
            place = self._place(device)
            self._buses[place.bus].slaves[place.slave].restart()
            await self.misbehave(device, Fault.NONE)

    # ---- inside

    def _add_connection(self, connection: Connection[BaseModel, BaseModel, BaseModel]) -> None:
        build = _BUILDERS.get(connection.driver)
        if build is None:
            raise ValueError(
                f"{connection.id}: there is no simulator for driver {connection.driver!r}; "
                f"there are: {', '.join(_BUILDERS)}"
            )
        modbus = cast("ModbusConnection", connection)  # the loader made it with that driver's models
        bus = self._buses[connection.id] = build(modbus)
        for device in modbus.devices:
            slave = device.settings.slave
            if connection.shared:
                self._devices[device.id] = _Place(connection.id, slave)
            self._inputs |= {point.id: Input(bus.slaves[slave], point) for point in device.points}

    def _input(self, point: str) -> Input:
        if point not in self._inputs:
            raise ValueError(f"there is no point {point!r}; there are: {', '.join(self._inputs)}")
        return self._inputs[point]

    def _place(self, device: str) -> "_Place":
        if device not in self._devices:
            raise ValueError(f"there is no device {device!r}; there are: {', '.join(self.devices)}")
        return self._devices[device]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a device is that shares its bus."""

    bus: str
    slave: int


def _address(connection: Connection[BaseModel, BaseModel, BaseModel]) -> str:
    keys = cast("ModbusConnection", connection).settings
    return keys.serial or f"{keys.host}:{keys.port}"


def _modbus(connection: ModbusConnection) -> ModbusSimulator:
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


#: How the simulator of a connection is made, by its driver's name.
_BUILDERS: Mapping[str, Callable[[ModbusConnection], ModbusSimulator]] = {"modbus": _modbus}


def _camera(site: Site, camera: Camera) -> CameraSimulator:
    keys = camera.settings
    if not keys.username:
        raise ValueError(
            f"{camera.id}: a simulated camera wants a password; give `username` and `password_file`"
        )
    url = urlsplit(keys.url)
    return CameraSimulator(
        host=url.hostname or "127.0.0.1",
        port=url.port or RTSP_PORT,
        path=url.path.rstrip("/"),  # it asks for no query: one camera has one stream
        username=keys.username,
        password=site.secret(keys.password_file),
        title=camera.id,
    )
