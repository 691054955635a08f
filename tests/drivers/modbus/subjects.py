"""Modbus devices for tests: a site file's table for them, and the simulators behind it."""

from pathlib import Path

from drivers import DRIVERS
from gateway.driver import DriverSpec
from gateway.site import Site, load_site
from simulators.fault import Fault
from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator
from tests.drivers.contract import AnyConnection
from tests.wait import until

SLAVE = 17
BUTTON = 3

#: A cell is read so often before the release of a button is believed, with one read that may be under way.
READS = 4


def site_of(folder: Path, tables: str) -> Site:
    """A site file with these tables, read as the daemon reads it."""
    file = folder / "site.toml"
    file.write_text(
        '[site]\nid = "school-1"\nname = "First School"\ncounty = "330106"\n'
        f'[[zone]]\nid = "gate"\nname = "Gate"\n{tables}',
        encoding="utf-8",
    )
    return load_site(file, DRIVERS)


class ModbusUnderTest:
    """One slave with a panic button, on either simulator."""

    spec: DriverSpec = DRIVERS["modbus"]
    device = "module"
    point = "button"

    def __init__(self, folder: Path, simulator: ModbusTcpSimulator | ModbusRtuSimulator) -> None:
        self._folder = folder
        self._simulator = simulator
        self._slave = simulator.slaves[SLAVE]

    @property
    def connection(self) -> AnyConnection:
        """Polled as fast as may be, with short time-outs."""
        return self._connection("timeout_s = 0.1\npoll_ms = 10\n")

    @property
    def patient_connection(self) -> AnyConnection:
        """Polled as fast as may be, and waited for."""
        return self._connection("timeout_s = 10\npoll_ms = 10\n")

    @property
    def connection_by_default(self) -> AnyConnection:
        """As the driver comes."""
        return self._connection("")

    async def start(self) -> None:
        """Begin to serve."""
        await self._simulator.start()

    async def stop(self) -> None:
        """End."""
        await self._simulator.stop()

    def hold(self) -> None:
        """Press the button."""
        self._slave.press(BUTTON)

    async def press(self) -> None:
        """Press the button until it has been read."""
        self._slave.press(BUTTON)
        await self._read()

    async def release(self) -> None:
        """Let it go until it has been read often enough."""
        self._slave.release(BUTTON)
        await self._read()

    async def misbehave(self, fault: Fault) -> None:
        """Give the whole line a fault."""
        await self._simulator.misbehave(fault)

    async def answer_late(self) -> None:
        """Each answer takes three times as long as `connection` waits."""
        await self._simulator.misbehave(Fault.SLOW, delay=0.3)

    async def vanish(self) -> None:
        """Power off."""
        await self._simulator.power_off()

    async def power_cycle(self, off_seconds: float) -> None:
        """Power off and on."""
        await self._simulator.power_cycle(off_seconds)

    async def _read(self) -> None:
        enough = self._simulator.requests[SLAVE] + READS
        await until(lambda: self._simulator.requests[SLAVE] >= enough, 20)

    def _connection(self, keys: str) -> AnyConnection:
        return site_of(
            self._folder,
            f'[[device]]\nid = "{self.device}"\nzone = "gate"\ndriver = "modbus"\nslave = {SLAVE}\n'
            f"{where_is(self._simulator)}{keys}"
            f'[[device.point]]\nid = "{self.point}"\nkind = "panic"\nfunction = "discrete"\naddress = {BUTTON}\n'
            "return_after_s = 0\n",
        ).connections[0]


def where_is(simulator: ModbusTcpSimulator | ModbusRtuSimulator) -> str:
    """The site file's keys that lead to a simulator."""
    if isinstance(simulator, ModbusTcpSimulator):
        return f'host = "{simulator.host}"\nport = {simulator.port}\n'
    return f'serial = "{simulator.device}"\nbaudrate = 115200\n'


def one_slave() -> ModbusSlave:
    """The slave of `ModbusUnderTest`."""
    return ModbusSlave(SLAVE)
