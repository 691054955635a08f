"""drivers.modbus: many changes at once, frames that are cut, and stray bytes, over TCP and over a serial line."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from drivers.modbus.codec import Block
from drivers.modbus.link import Link, NoAnswer
from drivers.modbus.settings import BusKeys, Function
from gateway.clock import SystemClock
from gateway.model import Level, Origin, Presence
from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator, Quirk
from simulators.modbus.frames import tcp_frame
from simulators.modbus.pdu import answer
from tests.drivers.modbus.halls import Line, buttons, device, hall, point, slaves
from tests.wait import until

MODULES, INPUTS = 4, 250


@pytest.mark.parametrize("make", [ModbusTcpSimulator, ModbusRtuSimulator])
async def test_a_thousand_changes_at_once(tmp_path: Path, make: type[Line]) -> None:
    """A thousand buttons that are pressed in one moment, and let go, while commits are slow: none lost, each in order."""
    modules = [ModbusSlave(n, discrete_inputs=range(INPUTS)) for n in range(1, MODULES + 1)]
    line = ModbusTcpSimulator(slaves=modules) if make is ModbusTcpSimulator else ModbusRtuSimulator(modules)
    names = {(n, i): f"b{n}-{i}" for n in line.slaves for i in range(INPUTS)}
    tables = "".join(
        device(n, "".join(point(names[n, i], i, "return_debounce = 1\n") for i in range(INPUTS)))
        for n in line.slaves
    )
    async with hall(tmp_path, line, tables, "timeout_s = 5\n") as bus:
        await until(lambda: len(bus.sink.signals) == len(names), 30)
        bus.sink.commits.clear()
        for n, i in names:
            line.slaves[n].press(i)
        await asyncio.gather(*(bus.rounds(n, 2) for n in line.slaves))
        for n, i in names:
            line.slaves[n].release(i)
        await asyncio.gather(*(bus.rounds(n, 2) for n in line.slaves))
        bus.sink.commits.set()
        await until(lambda: len(bus.sink.signals) == 3 * len(names), 30)

        told: dict[str, list[tuple[Level, Origin]]] = {name: [] for name in names.values()}
        for signal in bus.sink.signals:
            told[signal.point].append((signal.level, signal.origin))
    story = [(Level.NORMAL, Origin.STATE), (Level.ACTIVE, Origin.EVENT), (Level.NORMAL, Origin.EVENT)]
    assert all(one == story for one in told.values())


async def test_a_frame_that_is_cut_and_one_that_is_not(tmp_path: Path) -> None:
    """After half an answer on a line the next whole one counts, and a press in between is told."""
    line = ModbusRtuSimulator(slaves(1, 2))
    async with hall(tmp_path, line, buttons([1, 2])) as bus:
        await until(lambda: len(bus.sink.signals) == 2)
        line.garble(Quirk.CUT, slave=1)
        await bus.rounds(1, 1)
        line.slaves[1].press(0)
        line.garble(Quirk.NONE, slave=1)
        await until(lambda: bus.sink.levels_of("b1")[-1] is Level.ACTIVE)

        assert bus.sink.presence_of("m1") is Presence.ONLINE


INPUTS_1 = Block(function=Function.DISCRETE, address=0, count=8)


@asynccontextmanager
async def answering(answers: Callable[[int, bytes], bytes], timeout_s: float) -> AsyncIterator[Link]:
    """A link to somebody who answers each request, by its transaction number and PDU, with those bytes."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while request := await reader.readexactly(12):
                writer.write(answers(int.from_bytes(request[:2], "big"), request[7:]))
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = Link(BusKeys(host="127.0.0.1", port=port, timeout_s=timeout_s), SystemClock())
    async with server:
        await link.open()
        try:
            yield link
        finally:
            link.close()
            await asyncio.wait_for(ended.wait(), 10)


@pytest.mark.parametrize("before", [b"", b"\x00", b"HTTP/1.0 200 OK\r\n", b"\xff" * 40])
@pytest.mark.parametrize("after", [b"", b"\x00", b"\xff" * 300])
async def test_stray_bytes_in_the_network(before: bytes, after: bytes) -> None:
    """What a serial server puts before and after an answer does not hide it, nor does an answer to an older request."""
    slave = ModbusSlave(1)
    slave.press(0)

    def answers(number: int, request: bytes) -> bytes:
        old = tcp_frame((number - 1) or 0xFFFF, 1, b"\x02\x01\x00")
        return before + old + tcp_frame(number, 1, answer(slave, request)) + after

    async with answering(answers, 2) as link:
        for _ in range(3):
            assert (await link.read(1, INPUTS_1))[0]


async def test_another_request_s_answer() -> None:
    """An answer with another transaction number alone is no answer."""
    async with answering(lambda number, _: tcp_frame(number + 1, 1, b"\x02\x01\x01"), 0.2) as link:
        with pytest.raises(NoAnswer):
            await link.read(1, INPUTS_1)
