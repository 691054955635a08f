"""drivers.modbus: what it writes when it is told to, and that it writes nothing by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import SiteConnection
from gateway.clock import SystemClock
from gateway.driver import Command, Commandable, Switches
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Level
from simulators.fault import Fault
from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator, Reset, Table
from tests.drivers.modbus.halls import QUICK, Line, device, point, slaves
from tests.drivers.modbus.subjects import site_of, where_is
from tests.drivers.recorder import Recorder
from tests.wait import until


def output(name: str, keys: str) -> str:
    return f'[[device.output]]\nid = "{name}"\nkind = "sounder"\n{keys}\n'


COIL = output("siren", 'function = "coil"\naddress = 3')


@asynccontextmanager
async def at_work(folder: Path, line: Line, devices: str) -> AsyncIterator[tuple[ModbusDriver, Recorder]]:
    """The driver, connected; its outputs can be switched."""
    await line.start()
    tables = f'[[bus]]\nid = "hall"\ndriver = "modbus"\n{where_is(line)}{QUICK}{devices}'
    connection: SiteConnection = site_of(folder, tables).connections[0]  # type: ignore[assignment] # made with the driver's models
    driver, sink = ModbusDriver(connection, SystemClock()), Recorder()
    run = asyncio.create_task(driver.run(sink))
    try:
        await until(lambda: bool(sink.presences))
        yield driver, sink
    finally:
        run.cancel()
        await asyncio.wait({run})
        await line.stop()


@pytest.fixture(params=["tcp", "rtu"])
def line(request: pytest.FixtureRequest) -> Line:
    """Slaves 1 and 2, either way."""
    return (
        ModbusTcpSimulator(slaves=slaves(1, 2))
        if request.param == "tcp"
        else ModbusRtuSimulator(slaves(1, 2))
    )


async def test_an_output_is_switched(tmp_path: Path, line: Line) -> None:
    """It is on when `switch` returns, and off again; until it is told so the driver writes nothing."""
    async with at_work(tmp_path, line, device(1, point("b1") + COIL)) as (driver, sink):
        assert isinstance(driver, Switches)
        assert isinstance(driver, Commandable)
        await until(lambda: len(sink.signals) == 1)
        assert not line.slaves[1].writes
        await driver.switch("siren", on=True)
        assert line.slaves[1].coil(3)
        await driver.switch("siren", on=False)
        assert not line.slaves[1].coil(3)
        line.slaves[1].press(0)
        await until(lambda: sink.levels_of("b1")[-1] is Level.ACTIVE)

    assert len(line.slaves[1].writes) == 2


async def test_inverted_and_registers(tmp_path: Path, line: Line) -> None:
    """A coil that is on at 0, and a register with values of its own (FC06)."""
    outputs = output("lamp", 'function = "coil"\naddress = 1\ninverted = true') + output(
        "voice", 'function = "holding"\naddress = 9\non_value = 7\noff_value = 2'
    )
    async with at_work(tmp_path, line, device(1, point("b1") + outputs)) as (driver, _):
        await driver.switch("lamp", on=False)
        await driver.switch("voice", on=True)
        assert line.slaves[1].coil(1)
        assert line.slaves[1].value(Table.HOLDING_REGISTERS, 9) == 7
        await driver.switch("voice", on=False)
        assert line.slaves[1].value(Table.HOLDING_REGISTERS, 9) == 2


async def test_commands_keep_their_gap(tmp_path: Path) -> None:
    """Between two commands to a strobe that wants 50 ms there are 50 ms, and its neighbour is polled meanwhile."""
    line = ModbusTcpSimulator(slaves=slaves(1, 2))
    strobe = device(1, output("s0", 'function = "coil"\naddress = 0\ngap_ms = 50')) + device(2, point("b2"))
    async with at_work(tmp_path, line, strobe) as (driver, _):
        asked = line.requests[2]
        for number in range(5):
            await driver.switch("s0", on=number % 2 == 0)
        times = [change.at.at_monotonic_ns for change in line.slaves[1].writes]

        assert all(later - sooner >= 50_000_000 for sooner, later in pairwise(times))
        assert line.requests[2] > asked


async def test_a_device_with_outputs_alone_is_watched(tmp_path: Path) -> None:
    """Its presence is known without a point, even if it refuses to be read."""
    mute = ModbusSlave(2, coils=[])
    line = ModbusTcpSimulator(slaves=[*slaves(1), mute])
    devices = device(1, output("a", 'function = "coil"\naddress = 0')) + device(
        2, output("b", 'function = "coil"\naddress = 0')
    )
    async with at_work(tmp_path, line, devices) as (driver, sink):
        await until(lambda: len(sink.presences) == 2)
        assert {presence.value for _, presence, _ in sink.presences} == {"online"}
        with pytest.raises(DeviceRefused, match="m2 refuses to write coil 0 = 1: exception 2"):
            await driver.switch("b", on=True)


async def test_why_it_could_not_be_switched(tmp_path: Path, line: Line) -> None:
    """Silence, an unknown output and no connection are each told in words."""
    devices = device(1, point("b1") + COIL) + device(2, point("b2"))
    async with at_work(tmp_path, line, devices) as (driver, _):
        await line.misbehave(Fault.SILENT, slave=1)
        with pytest.raises(DeviceUnavailable, match=r"m1: no answer in 0.1 s"):
            await driver.switch("siren", on=True)
        with pytest.raises(DeviceRefused, match="there is no output 'horn'"):
            await driver.switch("horn", on=True)
    with pytest.raises(DeviceUnavailable, match="hall is not connected"):
        await driver.switch("siren", on=True)


async def test_commands_that_wait_when_the_line_breaks(tmp_path: Path) -> None:
    """Whoever waits for his turn is told that the line is gone."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    async with at_work(tmp_path, line, device(1, point("b1") + COIL)) as (driver, _):
        await line.misbehave(Fault.SLOW, delay=0.05)
        waiting = [asyncio.create_task(driver.switch("siren", on=True)) for _ in range(5)]
        await asyncio.sleep(0)
        await line.power_off()
        results = await asyncio.gather(*waiting, return_exceptions=True)

    assert all(isinstance(result, DeviceUnavailable) for result in results)


async def test_what_the_device_has_latched_is_reset_when_told(tmp_path: Path, line: Line) -> None:
    """The alarm stands until `initialise` makes the reset write: then it has returned. Nothing else resets it."""
    reset = 'latched = "device"\nreset = { function = "holding", address = 0, value = 234 }'
    line.slaves[1].wire(2, reset=Reset(Table.HOLDING_REGISTERS, 0, 234))
    devices = device(1, point("smoke", 2, reset, kind="smoke")) + device(2, point("b2"))
    async with at_work(tmp_path, line, devices) as (driver, sink):
        line.slaves[1].press(2)
        await until(lambda: sink.levels_of("smoke")[-1:] == [Level.ACTIVE])
        line.slaves[1].release(2)
        asked = line.requests[1]
        await until(lambda: line.requests[1] > asked + 5)
        assert sink.levels_of("smoke")[-1] is Level.ACTIVE
        words = await driver.command("m1", Command.INITIALISE)
        await until(lambda: sink.levels_of("smoke")[-1] is Level.NORMAL)

        assert words == "m1: reset, wrote holding 0 = 234"
        with pytest.raises(DeviceRefused, match="none of its points has a `reset`"):
            await driver.command("m2", Command.INITIALISE)
        with pytest.raises(DeviceRefused, match="can't be told set-clock"):
            await driver.command("m1", Command.SET_CLOCK)
