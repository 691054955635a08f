"""simulators.modbus: modules made from profiles, what masters wrote, bad contacts and bad answers."""

import asyncio
import os
import struct
from pathlib import Path

import pytest

from drivers.modbus.settings import profile_names, shipped_profile
from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator, Quirk, Table
from simulators.modbus.frames import crc16
from simulators.school import School
from simulators.wiring import Input, profile_slave
from tests.drivers.modbus.subjects import site_of
from tests.simulators.test_campus_sim import campus_sim

READ = bytes.fromhex("0001 0000 0006 01 02 0000 0008")


async def asked(simulator: ModbusTcpSimulator, request: bytes, within_s: float = 0.5) -> bytes:
    """All that comes back within that time, or until the end."""
    reader, writer = await asyncio.open_connection(simulator.host, simulator.port)
    writer.write(request)
    answer = b""
    try:
        async with asyncio.timeout(within_s):
            while data := await reader.read(100):
                answer += data
    except TimeoutError:
        pass
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("name", profile_names())
def test_a_module_of_every_profile(name: str) -> None:
    """It has every cell that its profile names, and its number."""
    profile = shipped_profile(name)
    slave = profile_slave(profile, 9)
    tables = {
        "coil": Table.COILS,
        "discrete": Table.DISCRETE_INPUTS,
        "holding": Table.HOLDING_REGISTERS,
        "input": Table.INPUT_REGISTERS,
    }

    assert slave.slave_id == 9
    for keys in profile.inputs().values():
        slave.value(tables[keys.function.value], keys.address)
    for output in profile.outputs().values():
        assert slave.value(tables[output.function.value], output.address) == 0


def test_an_inverted_module_is_at_rest() -> None:
    """The SQR-2 reads 1 when all is well and 0 in alarm, as its maker's frames have it."""
    slave = profile_slave(shipped_profile("novabo-sqr-2"), 255)

    assert slave.value(Table.DISCRETE_INPUTS, 0) == 1
    slave.press(0)
    assert slave.value(Table.DISCRETE_INPUTS, 0) == 0


def test_a_latched_detector_is_reset_by_its_write() -> None:
    """The duct detector stays in alarm until 234 is written to its first holding register."""
    slave = profile_slave(shipped_profile("calectro-ug-3"), 1)
    slave.press(2)
    slave.release(2)
    assert slave.value(Table.DISCRETE_INPUTS, 2) == 1
    slave.write(Table.HOLDING_REGISTERS, 0, [234])
    assert slave.value(Table.DISCRETE_INPUTS, 2) == 0


def test_what_masters_write_is_kept() -> None:
    """Each write with its time, the same value again too; what a person does is no write."""
    slave = ModbusSlave(1)
    slave.set_coil(3, on=True)
    slave.write(Table.COILS, 3, [0])
    slave.write(Table.COILS, 3, [0])

    assert [(one.table, one.address, one.value) for one in slave.writes] == [(Table.COILS, 3, 0)] * 2
    assert slave.writes[0].at.at_monotonic_ns <= slave.writes[1].at.at_monotonic_ns
    assert not slave.coil(3)


async def test_a_bad_contact() -> None:
    """It is pressed and let go many times, and at rest in the end."""
    slave, seen = ModbusSlave(1), list[int]()
    slave.on_change = lambda change: seen.append(change.value)
    await slave.chatter(2, 50, 0.5)

    assert len(seen) > 10
    assert seen == [1, 0] * (len(seen) // 2)


async def test_answers_twice_and_by_half() -> None:
    """The same frame twice; half of it, and then the connection ends."""
    simulator = ModbusTcpSimulator(slaves=[ModbusSlave(1)])
    await simulator.start()
    whole = await asked(simulator, READ)
    simulator.garble(Quirk.TWICE, slave=1)
    assert await asked(simulator, READ) == whole * 2
    simulator.garble(Quirk.CUT, slave=1)
    assert await asked(simulator, READ, 10) == whole[: len(whole) // 2]
    with pytest.raises(ValueError, match="no slave 7 on this bus"):
        simulator.garble(Quirk.CUT, slave=7)
    await simulator.stop()


async def test_a_slave_that_listens_at_another_speed(tmp_path: Path) -> None:
    """It hears nothing while the line is set to 9600 baud (the pty's own setting), its neighbour does."""
    simulator = ModbusRtuSimulator(
        [ModbusSlave(1), ModbusSlave(2)], link=tmp_path / "line", speeds={1: 4800, 2: 38400}
    )
    await simulator.start()
    end = os.open(simulator.device, os.O_RDWR | os.O_NOCTTY)  # a fresh pty is at 38400 baud
    for unit in (1, 2):
        body = bytes([unit, 2, 0, 0, 0, 8])
        os.write(end, body + struct.pack("<H", crc16(body)))
        await asyncio.sleep(0.1)
    os.close(end)
    await simulator.stop()

    assert simulator.requests == {2: 1}


async def test_a_profile_on_the_command_line() -> None:
    """The module of that make, its cells told, and what else it can be told."""
    async with campus_sim("modbus", "--port", "0", "--profile", "waveshare-8ch-io", "--slave", "4") as sim:
        banner = await sim.line()
        assert banner.startswith("Waveshare Modbus RTU IO 8CH, di1 discrete 0, ")
        assert "do8 coil 7" in banner
        assert (await sim.tell("press 4/2")).startswith("pressed at ")
        assert await sim.tell("writes") == "none"
        assert await sim.tell("quirk twice 4") == "ok"
        assert (await sim.tell("quirk thrice 4")).startswith("error: there is no quirk 'thrice'")
        assert await sim.tell("chatter 4/1 50 0.1") == "ok, at rest"
        assert (await sim.tell("chatter 4/1 0 1")).startswith("error: 0 Hz")
        assert await sim.tell("quit") == "ok"
        assert await sim.end() == 0


async def test_a_profile_that_is_not_there() -> None:
    """One line that names those that are."""
    async with campus_sim("modbus", "--port", "0", "--profile", "nobody") as sim:
        assert await sim.end() == 1


async def test_a_school_with_profiles(tmp_path: Path) -> None:
    """Points and outputs that a site file names by its profile are at their cells; a rise is pressed, too."""
    tables = (
        '[[device]]\nid = "box"\nzone = "gate"\ndriver = "modbus"\nhost = "127.0.0.1"\nport = 1\nslave = 4\n'
        'profile = "waveshare-8ch-io"\n'
        '[[device.point]]\nid = "button"\nkind = "panic"\ninput = "di3"\ncontact = "nc"\n'
        '[[device.point]]\nid = "heat"\nkind = "heat"\nfunction = "input"\naddress = 70\nrise_per_min = 8\nscale = 0.1\n'
        '[[device.output]]\nid = "siren"\nkind = "sounder"\noutput = "do8"\n'
    )
    school = School(site_of(tmp_path, tables))
    button = school.points["button"]
    assert isinstance(button, Input)
    slave = button.slave
    assert slave.value(Table.DISCRETE_INPUTS, 2) == 1
    school.press("button")
    before = slave.value(Table.INPUT_REGISTERS, 70)
    school.press("heat")

    assert slave.value(Table.DISCRETE_INPUTS, 2) == 0
    assert slave.value(Table.INPUT_REGISTERS, 70) - before == 80
    assert not slave.coil(7)
