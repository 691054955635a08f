"""A hall full of Modbus devices on one connection, for tests: its simulator, its driver at work, and what that tells."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.model import Presence
from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator
from tests.drivers.contract import Run, running
from tests.drivers.modbus.subjects import site_of, where_is
from tests.drivers.recorder import Recorder
from tests.wait import until

Line = ModbusTcpSimulator | ModbusRtuSimulator

QUICK = "timeout_s = 0.1\n"


class QuickClock(SystemClock):
    """Twenty seconds pass in one."""

    def monotonic(self) -> float:
        """Seconds that go by faster."""
        return super().monotonic() * 20

    async def sleep(self, seconds: float) -> None:
        """Wait a twentieth."""
        await super().sleep(seconds / 20)


def device(slave: int, points: str, keys: str = "poll_ms = 20\nslow_poll_ms = 20\n") -> str:
    return f'[[device]]\nid = "m{slave}"\nzone = "gate"\nbus = "hall"\nslave = {slave}\n{keys}{points}'


def point(
    name: str, address: int = 0, keys: str = "", *, kind: str = "panic", function: str = "discrete"
) -> str:
    """A point whose return is believed after two reads, unless `keys` say otherwise."""
    if "return_after_s" not in keys:
        keys = f"return_after_s = 0\n{keys}"
    return f'[[device.point]]\nid = "{name}"\nkind = "{kind}"\nfunction = "{function}"\naddress = {address}\n{keys}\n'


def buttons(slaves: Iterable[int]) -> str:
    return "".join(device(slave, point(f"b{slave}")) for slave in slaves)


class Hall:
    """A bus with its simulator, its driver at work, and what that has told."""

    def __init__(self, simulator: Line, sink: Recorder, run: Run) -> None:
        self.simulator = simulator
        self.sink = sink
        self.run = run

    def presences(self) -> dict[str, Presence | None]:
        """The last word on each device that there was one of."""
        return {name: self.sink.presence_of(name) for name, _, _ in self.sink.presences}

    async def rounds(self, slave: int, count: int) -> None:
        """Wait until this slave has been asked so often from now."""
        enough = self.simulator.requests[slave] + count
        await until(lambda: self.simulator.requests[slave] >= enough)


@asynccontextmanager
async def hall(
    folder: Path,
    simulator: Line,
    devices: str,
    keys: str = QUICK,
    clock: SystemClock | None = None,
) -> AsyncIterator[Hall]:
    await simulator.start()
    try:
        tables = f'[[bus]]\nid = "hall"\ndriver = "modbus"\n{where_is(simulator)}{keys}{devices}'
        sink = Recorder()
        connection = site_of(folder, tables).connections[0]
        async with running(DRIVERS["modbus"], connection, sink, clock) as run:
            yield Hall(simulator, sink, run)
    finally:
        await simulator.stop()


def slaves(*numbers: int) -> list[ModbusSlave]:
    return [ModbusSlave(number) for number in numbers]
