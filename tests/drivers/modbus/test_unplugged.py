"""drivers.modbus under the real supervisor: an adapter that is pulled, and comes back as another device behind its link."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.model import Level, Origin, Presence
from gateway.supervisor import Supervisor
from simulators.modbus import ModbusRtuSimulator
from tests.drivers.modbus.halls import QUICK, buttons, slaves
from tests.drivers.modbus.subjects import site_of, where_is
from tests.drivers.recorder import Recorder
from tests.wait import until


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[ModbusRtuSimulator]:
    """Slaves 1 and 2 under a name as in /dev/serial/by-id."""
    folder = tmp_path / "by-id"
    folder.mkdir()
    simulator = ModbusRtuSimulator(slaves(1, 2), link=folder / "usb-FTDI_FT232R-if00-port0")
    await simulator.start()
    yield simulator
    await simulator.stop()


@asynccontextmanager
async def supervised(folder: Path, line: ModbusRtuSimulator) -> AsyncIterator[Recorder]:
    tables = f'[[bus]]\nid = "hall"\ndriver = "modbus"\n{where_is(line)}{QUICK}{buttons([1, 2])}'
    sink = Recorder()
    supervisor = Supervisor(
        site_of(folder, tables).connections,
        DRIVERS,
        sink,  # the journal's part, written down
        SystemClock(),
        random.Random(5),
    )
    run = asyncio.create_task(supervisor.run())
    try:
        yield sink
    finally:
        run.cancel()
        await asyncio.wait({run})


async def test_it_comes_back_as_another_device(tmp_path: Path, line: ModbusRtuSimulator) -> None:
    """The bus is lost in words, found again by its link though another pty is behind it, and a press meanwhile is told."""
    async with supervised(tmp_path, line) as sink:
        await until(lambda: len(sink.signals) == 2)
        before = Path(line.device).readlink()
        await line.unplug()
        await until(lambda: ("bus-lost", "hall") in sink.own, 20)
        assert not Path(line.device).is_symlink()
        taken = os.openpty()  # the number that was free goes to somebody else
        try:
            line.slaves[2].press(0)
            await line.replug()
            await until(lambda: ("bus-back", "hall") in sink.own, 20)
            await until(lambda: sink.told_of("b2")[-1] == (Level.ACTIVE, Origin.STATE), 20)
            assert Path(line.device).readlink() != before
        finally:
            for end in taken:
                os.close(end)

        line.slaves[1].press(0)
        await until(lambda: sink.levels_of("b1")[-1] is Level.ACTIVE)
        assert sink.presence_of("m1") is Presence.ONLINE
        assert any("by-id" in reason for reason in sink.reasons)


async def test_it_is_not_there_at_the_start(tmp_path: Path, line: ModbusRtuSimulator) -> None:
    """A gateway that starts before its adapter is plugged in finds it later."""
    await line.unplug()
    async with supervised(tmp_path, line) as sink:
        await until(lambda: ("bus-lost", "hall") in sink.own, 20)
        assert "is not there; check that the adapter is plugged in" in sink.reasons[0]
        await line.replug()
        await until(lambda: len(sink.signals) == 2, 20)
