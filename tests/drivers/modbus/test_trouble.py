"""drivers.modbus: what the trouble of one device on a connection is to the others, and to the guard."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.errors import DeviceUnavailable
from gateway.model import Level, Origin, Presence
from simulators.fault import Fault
from simulators.modbus import ExceptionCode, ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator
from tests.drivers.contract import ending
from tests.drivers.modbus.halls import Line, QuickClock, buttons, device, hall, point, slaves
from tests.wait import until


@pytest.fixture(params=["tcp", "rtu"])
def line(request: pytest.FixtureRequest) -> Line:
    """Slaves 1 to 4, either way."""
    if request.param == "tcp":
        return ModbusTcpSimulator(slaves=slaves(1, 2, 3, 4))
    return ModbusRtuSimulator(slaves(1, 2, 3, 4))


async def test_one_dead_slave(tmp_path: Path, line: Line) -> None:
    """A slave that falls silent is lost alone, in words; it is asked rarely from then on, and the others go on."""
    async with hall(tmp_path, line, buttons([1, 2, 3, 4])) as bus:
        await until(lambda: len(bus.sink.signals) == 4)
        await line.misbehave(Fault.SILENT, slave=2)
        await until(lambda: bus.sink.presence_of("m2") is Presence.OFFLINE)
        asked = line.requests[2]
        await bus.rounds(1, 20)
        line.slaves[3].press(0)
        await until(lambda: Level.ACTIVE in bus.sink.levels_of("b3"))

        assert line.requests[2] - asked <= 3
        assert bus.presences() == {
            "m1": Presence.ONLINE, "m2": Presence.OFFLINE, "m3": Presence.ONLINE, "m4": Presence.ONLINE
        }  # fmt: skip
        assert "no answer in 0.1 s" in bus.sink.presences[-1][2]
        assert not bus.run.done()


async def test_dead_slaves_never_block_the_line_in_a_row(tmp_path: Path) -> None:
    """With several dead slaves the living one waits for one time-out at a time, not for theirs together."""
    line = ModbusTcpSimulator(slaves=slaves(1, 2, 3, 4))
    async with hall(tmp_path, line, buttons([1, 2, 3, 4]), "timeout_s = 0.4\n") as bus:
        await until(lambda: len(bus.sink.signals) == 4)
        dead = (2, 3, 4)
        for slave in dead:
            await line.misbehave(Fault.SILENT, slave=slave)
        # the first time-out of each comes by surprise, so it is measured from the second on
        at_first = dict(line.requests)
        await until(lambda: all(line.requests[slave] >= at_first[slave] + 2 for slave in dead))
        reads = [time.monotonic()]
        asked = line.requests[1]
        while any(bus.sink.presence_of(f"m{slave}") is not Presence.OFFLINE for slave in dead):
            await asyncio.sleep(0.01)
            if line.requests[1] != asked:
                asked = line.requests[1]
                reads.append(time.monotonic())
        waits = [after - before for before, after in pairwise(reads)]

        assert len(waits) > 5
        assert max(waits) < 0.75


async def test_a_lost_device_comes_back(tmp_path: Path, line: Line) -> None:
    """What a device says after it was lost is its present state, also if its button was pressed meanwhile."""
    async with hall(tmp_path, line, buttons([1, 2]), clock=QuickClock()) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        await line.misbehave(Fault.SILENT, slave=2)
        await until(lambda: bus.sink.presence_of("m2") is Presence.OFFLINE)
        line.slaves[2].press(0)
        await line.misbehave(Fault.NONE, slave=2)
        await until(lambda: len(bus.sink.told_of("b2")) == 2)

        assert bus.sink.told_of("b2") == [(Level.NORMAL, Origin.STATE), (Level.ACTIVE, Origin.STATE)]
        assert bus.sink.presences_of("m2") == [Presence.ONLINE, Presence.OFFLINE, Presence.ONLINE]


async def test_a_short_silence_is_no_loss(tmp_path: Path, line: Line) -> None:
    """A device that misses a request or two is not lost, and a press meanwhile is an event."""
    async with hall(
        tmp_path, line, buttons([1]) + device(2, point("b2"), "poll_ms = 20\nlost_after = 9\n")
    ) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        await line.misbehave(Fault.SILENT, slave=2)
        await bus.rounds(2, 1)
        line.slaves[2].press(0)
        await line.misbehave(Fault.NONE, slave=2)
        await until(lambda: len(bus.sink.told_of("b2")) == 2)

        assert bus.sink.told_of("b2")[1] == (Level.ACTIVE, Origin.EVENT)
        assert bus.sink.presences_of("m2") == [Presence.ONLINE]


async def test_all_silent_is_one_fault(tmp_path: Path, line: Line) -> None:
    """If nobody answers, the connection is gone, and no device is called lost by itself."""
    async with hall(tmp_path, line, buttons([1, 2, 3, 4])) as bus:
        await until(lambda: len(bus.sink.signals) == 4)
        await line.misbehave(Fault.SILENT)
        words = await ending(bus.run, DeviceUnavailable, 10)

        assert "none of 4 devices answers" in words
        assert set(bus.presences().values()) == {Presence.ONLINE}


async def test_silent_from_the_start(tmp_path: Path, line: Line) -> None:
    """One dead slave at the start is lost, the others are found; nothing waits for it."""
    await line.misbehave(Fault.SILENT, slave=1)
    async with hall(tmp_path, line, buttons([1, 2, 3])) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        await until(lambda: bus.sink.presence_of("m1") is Presence.OFFLINE)

        assert bus.sink.presences_of("m1") == [Presence.OFFLINE]


async def test_a_slave_that_talks_rubbish(tmp_path: Path, line: Line) -> None:
    """Rubbish from one slave is counted for that slave, which is lost; it is no signal of anybody."""
    async with hall(tmp_path, line, buttons([1, 2])) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        await line.misbehave(Fault.GARBAGE, slave=2)
        await until(lambda: bus.sink.presence_of("m2") is Presence.OFFLINE)

        assert {name for name, _, _ in bus.sink.garbage} == {"m2"}
        assert len(bus.sink.signals) == 2


async def test_an_address_that_is_not_there(tmp_path: Path, line: Line) -> None:
    """A wrong address in the site file is told of its device, with function and address; all else is served."""
    wrong = device(1, point("b1") + point("wrong", 900)) + device(2, point("b2"))
    async with hall(tmp_path, line, wrong) as bus:
        await until(lambda: bus.sink.presence_of("m1") is Presence.OFFLINE)
        line.slaves[1].press(0)
        line.slaves[2].press(0)
        await until(lambda: Level.ACTIVE in bus.sink.levels_of("b1"))
        await until(lambda: Level.ACTIVE in bus.sink.levels_of("b2"))

        why = bus.sink.presences[-1][2]
        assert "refuses to read discrete 900: exception 2" in why
        assert "check `function` and `address`" in why
        assert bus.sink.presence_of("m2") is Presence.ONLINE
        assert not bus.sink.told_of("wrong")


async def test_a_refusal_that_ends(tmp_path: Path, line: Line) -> None:
    """A device that is put right is online again without a restart."""
    async with hall(tmp_path, line, buttons([1, 2]), clock=QuickClock()) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        await line.misbehave(Fault.REFUSED, slave=2, exception=ExceptionCode.DEVICE_FAILURE)
        await until(lambda: bus.sink.presence_of("m2") is Presence.OFFLINE)
        await line.misbehave(Fault.NONE, slave=2)
        await until(lambda: bus.sink.presence_of("m2") is Presence.ONLINE)

        assert "exception 4" in bus.sink.presences[-2][2]


async def test_a_device_that_minds_gaps(tmp_path: Path) -> None:
    """Unused addresses between two points are read along, unless the device refuses that."""
    odd = ModbusSlave(1, discrete_inputs=[0, 8])
    async with hall(tmp_path, ModbusTcpSimulator(slaves=[odd]), device(1, point("a") + point("b", 8))) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        odd.press(8)
        await until(lambda: Level.ACTIVE in bus.sink.levels_of("b"))

        assert bus.sink.presences_of("m1") == [Presence.ONLINE]


async def test_a_gateway_that_answers_for_absent_slaves(tmp_path: Path) -> None:
    """Exception 0x0B of a TCP gateway means that the slave is lost; the connection is not, even if all are."""
    gateway = ModbusTcpSimulator(slaves=[], absent=ExceptionCode.GATEWAY_TARGET_SILENT)
    async with hall(tmp_path, gateway, buttons([1, 2])) as bus:
        await until(lambda: bus.presences() == {"m1": Presence.OFFLINE, "m2": Presence.OFFLINE})

        assert "the gateway on the way got no answer" in bus.sink.presences[0][2]
        assert not bus.run.done()
