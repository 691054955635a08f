"""drivers.modbus: answers that come twice, or by half, and what slow points are to quick ones."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import DeviceUnavailable
from gateway.model import Kind, Level, Presence
from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator, Quirk, Table
from tests.drivers.contract import ending
from tests.drivers.modbus.halls import Line, buttons, device, hall, point, slaves
from tests.wait import until


@pytest.fixture(params=["tcp", "rtu"])
def line(request: pytest.FixtureRequest) -> Line:
    """Slaves 1 and 2, either way."""
    return (
        ModbusTcpSimulator(slaves=slaves(1, 2))
        if request.param == "tcp"
        else ModbusRtuSimulator(slaves(1, 2))
    )


async def test_answers_that_come_twice(tmp_path: Path, line: Line) -> None:
    """Nobody is lost and no press is told twice: the second answer belongs to no request."""
    async with hall(tmp_path, line, buttons([1, 2])) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        line.garble(Quirk.TWICE, slave=1)
        await bus.rounds(1, 5)
        line.slaves[1].press(0)
        await until(lambda: bus.sink.levels_of("b1")[-1] is Level.ACTIVE)
        await bus.rounds(1, 5)
        line.slaves[1].release(0)
        await until(lambda: bus.sink.levels_of("b1")[-1] is Level.NORMAL)

        assert bus.sink.levels_of("b1") == [Level.NORMAL, Level.ACTIVE, Level.NORMAL]
        assert bus.sink.levels_of("b2") == [Level.NORMAL]
        assert set(bus.presences().values()) == {Presence.ONLINE}


async def test_half_an_answer_on_a_line(tmp_path: Path) -> None:
    """A slave that falls silent in mid-frame is lost alone; its half frames are no news of anybody."""
    line = ModbusRtuSimulator(slaves(1, 2))
    async with hall(tmp_path, line, buttons([1, 2])) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        line.garble(Quirk.CUT, slave=1)
        await until(lambda: bus.sink.presence_of("m1") is Presence.OFFLINE)
        line.slaves[2].press(0)
        await until(lambda: bus.sink.levels_of("b2")[-1] is Level.ACTIVE)

        assert bus.sink.levels_of("b1") == [Level.NORMAL]


async def test_half_an_answer_in_the_network(tmp_path: Path) -> None:
    """A connection that breaks in mid-frame is gone, in words."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    async with hall(tmp_path, line, buttons([1])) as bus:
        await until(lambda: len(bus.sink.signals) == 1)
        line.garble(Quirk.CUT, slave=1)
        words = await ending(bus.run, DeviceUnavailable, 5)

    assert "broke the connection" in words


async def test_slow_points_are_asked_rarely(tmp_path: Path) -> None:
    """A door is read ten times less often than a button of the same device, by default."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    tables = device(1, point("b1") + point("t1", 5, kind="temperature", function="input"), "")
    asked: list[int] = []
    slave = line.slaves[1]
    read = slave.read

    def looked_on(table: Table, address: int, count: int) -> list[int]:
        asked.append(address)
        return read(table, address, count)

    slave.read = looked_on  # type: ignore[method-assign] # to look on
    async with hall(tmp_path, line, tables) as bus:
        await bus.rounds(1, 25)

    assert 1 <= asked.count(5) <= asked.count(0) / 5


async def test_a_press_under_slow_requests(tmp_path: Path) -> None:
    """A quick point is read in between many slow requests to a device that thinks long."""
    thinker = ModbusSlave(2, turnaround=0.05)
    line = ModbusTcpSimulator(slaves=[*slaves(1), thinker])
    many = "".join(point(f"t{n}", n * 12, kind="temperature", function="input") for n in range(5))
    async with hall(
        tmp_path, line, buttons([1]) + device(2, many, "slow_poll_ms = 100\n"), "timeout_s = 2\n"
    ) as bus:
        await until(lambda: len(bus.sink.readings) >= 5)
        asked = line.requests[1], line.requests[2]
        await bus.rounds(2, 10)

        assert line.requests[1] - asked[0] >= line.requests[2] - asked[1] - 2


@pytest.mark.parametrize("gap", [0, 15])
async def test_every_request_of_a_device_has_its_turn(tmp_path: Path, gap: int) -> None:
    """A device that is asked for more than there is time for, with a gap of its own or not, is asked for all of it."""
    many = "".join(point(f"t{n}", n * 12, kind="temperature", function="input") for n in range(5))
    line = ModbusTcpSimulator(slaves=[ModbusSlave(1, turnaround=0.01)])
    async with hall(
        tmp_path, line, device(1, many, f"slow_poll_ms = 10\npoll_ms = 10\ngap_ms = {gap}\n")
    ) as bus:
        await until(lambda: len({reading.point for reading in bus.sink.readings}) == 5)


async def test_a_broken_sensor_is_told(tmp_path: Path) -> None:
    """A fault of the point itself, with the value in words, that returns; no reading is given meanwhile."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    heat = 'scale = 0.1\nunit = "°C"\nhigh = 57\nvalid_high = 125\nfault_values = [0x8000]\n'
    async with hall(tmp_path, line, device(1, point("t", 5, heat, kind="heat", function="input"))) as bus:
        line.slaves[1].set_input_register(5, 200)
        await until(lambda: bool(bus.sink.readings) and bus.sink.readings[-1].value == 20.0)
        line.slaves[1].set_input_register(5, 2000)
        await until(lambda: bus.sink.signals[-1].level is Level.ACTIVE)
        line.slaves[1].set_input_register(5, 210)
        await until(lambda: bus.sink.readings[-1].value == 21.0)
        await until(lambda: bus.sink.signals[-1].level is Level.NORMAL)

        told = [(one.kind, one.level, one.detail) for one in bus.sink.signals]
        assert (Kind.FAULT, Level.ACTIVE, "sensor out of range: 200 °C, above 125") in told
        assert not any(one.kind is Kind.HEAT and one.level is Level.ACTIVE for one in bus.sink.signals)
        assert max(reading.value for reading in bus.sink.readings) == 21.0


async def test_a_chattering_button_is_one_press(tmp_path: Path) -> None:
    """A real contact that chatters at 20 Hz is one press and one return, a second after its last."""
    line = ModbusTcpSimulator(slaves=slaves(1))
    async with hall(tmp_path, line, device(1, point("b1", 0, "return_after_s = 1.0\n"))) as bus:
        await until(lambda: len(bus.sink.signals) == 1)
        chatter = asyncio.create_task(line.slaves[1].chatter(0, 20, 2))
        await chatter
        await until(lambda: bus.sink.levels_of("b1")[-1] is Level.NORMAL)

        assert bus.sink.levels_of("b1") == [Level.NORMAL, Level.ACTIVE, Level.NORMAL]
