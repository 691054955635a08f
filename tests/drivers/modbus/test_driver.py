"""drivers.modbus: polling, reporting and measuring, and how connections begin and end."""

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest

from drivers import DRIVERS
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.link import Link
from drivers.modbus.settings import BusKeys
from gateway.clock import SystemClock
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Kind, Level
from simulators.fault import Fault
from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator
from simulators.modbus.frames import open_rtu_frame, rtu_frame, take_rtu_request
from simulators.modbus.pdu import answer
from tests.drivers.contract import ending, running
from tests.drivers.modbus.halls import QuickClock, buttons, device, hall, point, slaves
from tests.drivers.modbus.subjects import site_of, where_is
from tests.drivers.recorder import Recorder
from tests.wait import until


async def test_a_commit_that_hangs_stops_nobody(tmp_path: Path) -> None:
    """While one report waits for the disk, polling goes on, and a press elsewhere is handed over at once."""
    line = ModbusTcpSimulator(slaves=slaves(1, 2))
    async with hall(tmp_path, line, buttons([1, 2])) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        bus.sink.commits.clear()
        line.slaves[1].press(0)
        await until(lambda: bus.sink.waiting == 1)
        line.slaves[2].press(0)
        await until(lambda: bus.sink.waiting == 2)
        await bus.rounds(1, 3)
        bus.sink.commits.set()
        await until(lambda: len(bus.sink.signals) == 4)


async def test_the_last_press_before_the_line_breaks(tmp_path: Path) -> None:
    """A run does not end before what it has seen is reported."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    async with hall(tmp_path, line, buttons([1])) as bus:
        await until(lambda: len(bus.sink.signals) == 1)
        bus.sink.commits.clear()
        line.slaves[1].press(0)
        await until(lambda: bus.sink.waiting == 1)
        await line.power_off()
        await asyncio.sleep(0.3)
        assert not bus.run.done()
        bus.sink.commits.set()
        await ending(bus.run, DeviceUnavailable, 5)

        assert bus.sink.levels_of("b1") == [Level.NORMAL, Level.ACTIVE]


async def test_a_broken_connection_is_noticed_at_once(tmp_path: Path) -> None:
    """A reset connection ends the wait for an answer, however long the time-out."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    async with hall(tmp_path, line, buttons([1]), "timeout_s = 30\n") as bus:
        await until(lambda: len(bus.sink.signals) == 1)
        await line.misbehave(Fault.SILENT)
        await bus.rounds(1, 1)
        begun = time.monotonic()
        await line.power_off()
        words = await ending(bus.run, DeviceUnavailable, 5)

        assert time.monotonic() - begun < 5
        assert "broke the connection" in words


async def test_measured_values_and_thresholds(tmp_path: Path) -> None:
    """A register is a reading whenever it changes, and an alarm beyond its threshold, which says the value."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    heat = 'scale = 0.1\nunit = "°C"\nhigh = 57\nhysteresis = 3\n'
    async with hall(tmp_path, line, device(1, point("t", 5, heat, kind="heat", function="input"))) as bus:
        for tenths in (200, 571, 555, 530):
            line.slaves[1].set_input_register(5, tenths)
            await bus.rounds(1, 4)
        await until(lambda: len(bus.sink.signals) == 3)

        assert [reading.value for reading in bus.sink.readings][-4:] == [20.0, 57.1, 55.5, 53.0]
        assert bus.sink.readings[-1].unit == "°C"
        assert [(s.level, s.kind, s.detail) for s in bus.sink.signals[1:]] == [
            (Level.ACTIVE, Kind.HEAT, "57.1 °C"),
            (Level.NORMAL, Kind.HEAT, "53 °C"),
        ]


async def test_an_unchanged_value_is_given_again(tmp_path: Path) -> None:
    """Once a minute, so that its time shows that it is still measured."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    tables = device(1, point("t", 5, kind="temperature", function="holding"))
    async with hall(tmp_path, line, tables, clock=QuickClock()) as bus:
        await until(lambda: len(bus.sink.readings) == 2)

        assert line.requests[1] > 100
        assert not bus.sink.signals


async def test_each_device_at_its_own_pace(tmp_path: Path) -> None:
    """A device that is to be asked rarely leaves the line to the others."""
    line = ModbusTcpSimulator(slaves=slaves(1, 2))
    async with hall(tmp_path, line, buttons([1]) + device(2, point("b2"), "poll_ms = 1000\n")) as bus:
        await bus.rounds(1, 30)

        assert line.requests[2] <= line.requests[1] / 5


async def test_polling_says_that_it_goes_on(tmp_path: Path) -> None:
    """`polled_at` moves with each request, and reaches to the next deadline where there is none to make."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    await line.start()
    clock = SystemClock()
    rarely = device(1, point("b1"), "poll_ms = 60000\n")
    tables = f'[[bus]]\nid = "hall"\ndriver = "modbus"\n{where_is(line)}{rarely}'
    driver = ModbusDriver(site_of(tmp_path, tables).connections[0], clock)  # type: ignore[arg-type] # as SPEC's models
    run = asyncio.create_task(driver.run(Recorder()))
    await until(lambda: driver.polled_at > clock.monotonic() + 50)
    run.cancel()
    await asyncio.wait({run})
    await line.stop()


async def test_rtu_frames_in_a_tcp_stream(tmp_path: Path) -> None:
    """A plain serial server is served with `framer = "rtu"`."""
    slave = ModbusSlave(1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = bytearray()
        while data := await reader.read(256):
            received += data
            while frame := take_rtu_request(received):
                opened = open_rtu_frame(frame)
                assert opened is not None
                writer.write(rtu_frame(opened[0], answer(slave, opened[1])))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    bus = f'[[bus]]\nid = "hall"\ndriver = "modbus"\nhost = "127.0.0.1"\nport = {port}\nframer = "rtu"\n'
    sink = Recorder()
    async with server, running(DRIVERS["modbus"], site_of(tmp_path, bus + buttons([1])).connections[0], sink):
        await until(lambda: len(sink.signals) == 1)
        slave.press(0)
        await until(lambda: len(sink.signals) == 2)

    assert sink.levels_of("b1") == [Level.NORMAL, Level.ACTIVE]


async def test_a_line_belongs_to_one_program(tmp_path: Path) -> None:
    """A serial line that somebody else has open exclusively is told so."""
    line = ModbusRtuSimulator(slaves(1))
    async with hall(tmp_path, line, buttons([1])) as bus:
        await until(lambda: len(bus.sink.signals) == 1)
        tables = f'[[bus]]\nid = "hall"\ndriver = "modbus"\n{where_is(line)}{buttons([1])}'
        async with running(DRIVERS["modbus"], site_of(tmp_path, tables).connections[0], Recorder()) as second:
            words = await ending(second, DeviceUnavailable, 5)

    assert "in use by another program" in words


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (errno.EACCES, DeviceRefused, "give the gateway's user the right"),
        (errno.ENOENT, DeviceUnavailable, "check that the adapter is plugged in"),
        (errno.ECONNREFUSED, DeviceUnavailable, "refuses connections"),
        (errno.EHOSTUNREACH, DeviceUnavailable, "No route to host"),
        (errno.EBUSY, DeviceUnavailable, "in use by another program"),
    ],
)
def test_why_a_connection_failed(code: int, error: type[Exception], words: str) -> None:
    """Each cause in words that say what to do; what only a person can mend is refused, not unavailable."""
    link = Link(BusKeys(serial="/dev/ttyS9"), SystemClock())

    raised = link._why_not(OSError(code, os.strerror(code)))

    assert isinstance(raised, error)
    assert words.lower() in str(raised).lower()
    assert "/dev/ttyS9" in str(raised)
