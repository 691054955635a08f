"""What drivers.modbus puts on the wire and reads from it, against frames from vendors' documents."""

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.model import Level, Origin
from tests.drivers.contract import AnyConnection, running
from tests.drivers.modbus.subjects import site_of
from tests.drivers.recorder import Recorder
from tests.wait import until


class Wire:
    """The far end of a serial line: gives to each request that it knows its answer, and writes all of them down."""

    spec = DRIVERS["modbus"]

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self.ours, False)
        self.asked: list[str] = []
        self.answers: dict[str, str] = {}

    @property
    def path(self) -> str:
        """The end that the gateway opens."""
        return os.ttyname(self._theirs)

    def answer(self) -> None:
        """Take a request; on a pty it comes in one piece."""
        request = os.read(self.ours, 256).hex(" ").upper()
        self.asked.append(request)
        if request in self.answers:
            os.write(self.ours, bytes.fromhex(self.answers[request]))

    def close(self) -> None:
        """Let go of both ends."""
        os.close(self.ours)
        os.close(self._theirs)

    def connection(self, slave: int, points: str) -> AnyConnection:
        """A device at this end of the line."""
        line = self.path
        return site_of(
            self._folder,
            f'[[device]]\nid = "module"\nzone = "gate"\ndriver = "modbus"\nserial = "{line}"\nslave = {slave}\n'
            f"poll_ms = 20\n{points}",
        ).connections[0]


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    line = Wire(tmp_path)
    loop = asyncio.get_running_loop()
    loop.add_reader(line.ours, line.answer)
    yield line
    loop.remove_reader(line.ours)
    line.close()


def point(kind: str, function: str, address: int, keys: str = "") -> str:
    return (
        f'[[device.point]]\nid = "p{address}"\nkind = "{kind}"\nfunction = "{function}"\naddress = {address}\n'
        f"{keys}\n"
    )


async def test_inverted_contact(wire: Wire) -> None:
    """A module at id 255 whose first input is 1 at rest (its manual's frames for OK and for ALARM)."""
    query, ok, alarm = "FF 02 00 00 00 08 6C 12", "FF 02 01 01 51 A0", "FF 02 01 00 90 60"
    connection = wire.connection(
        255, point("panic", "discrete", 0, 'contact = "nc"') + point("door", "discrete", 7)
    )
    wire.answers[query] = ok
    sink = Recorder()

    async with running(wire.spec, connection, sink):
        await until(lambda: len(sink.signals) == 2)
        wire.answers[query] = alarm
        await until(lambda: len(sink.told_of("p0")) == 2)

    assert set(wire.asked) == {query}
    assert sink.told_of("p0") == [(Level.NORMAL, Origin.STATE), (Level.ACTIVE, Origin.EVENT)]
    assert sink.told_of("p7") == [(Level.NORMAL, Origin.STATE)]


@pytest.mark.parametrize(
    ("points", "query"),
    [
        (point("panic", "discrete", 0) + point("panic", "discrete", 7), "01 02 00 00 00 08 79 CC"),
        (point("temperature", "holding", 0), "01 03 00 00 00 01 84 0A"),
        (point("smoke", "holding", 2, "high = 1"), "01 03 00 02 00 01 25 CA"),
        (point("temperature", "holding", 3), "01 03 00 03 00 01 74 0A"),
        (point("temperature", "input", 0), "01 04 00 00 00 01 31 CA"),
    ],
)
async def test_queries(wire: Wire, points: str, query: str) -> None:
    """Requests are byte for byte those of the manuals."""
    async with running(wire.spec, wire.connection(1, points), Recorder()):
        await until(lambda: bool(wire.asked))

    assert wire.asked[0] == query


async def test_answer_of_another_function(wire: Wire) -> None:
    """A whole frame with a right CRC that answers another question is no answer: counted, no signal of it."""
    wire.answers["01 04 00 00 00 01 31 CA"] = "01 02 01 01 60 48"
    sink = Recorder()

    async with running(wire.spec, wire.connection(1, point("smoke", "input", 0, "high = 1")), sink):
        await until(lambda: bool(sink.garbage))

    assert sink.garbage[0][1].hex(" ").upper() == "01 02 01 01 60 48"
    assert not sink.signals


@pytest.mark.parametrize(
    "pdu",
    [
        "55 01 01",
        "02 09 01",
        "02 00",
        "02",
        "82",
        "2B 0E 01 01 00 00 01 00 01 41",
        "08 00 00 12 34",
        "00",
        "FF 02",
    ],
)
async def test_whole_frames_without_sense(tmp_path: Path, pdu: str) -> None:
    """An answer that fits its request in all but its content is counted, breaks nothing, and the next right one counts."""
    mishaps: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: mishaps.append(context))
    answers = [bytes.fromhex(pdu)] * 2

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while request := await reader.readexactly(12):
                body = answers.pop() if answers else bytes.fromhex("02 01 01")
                writer.write(request[:4] + struct.pack(">H", len(body) + 1) + request[6:7] + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = site_of(
        tmp_path,
        '[[device]]\nid = "module"\nzone = "gate"\ndriver = "modbus"\nhost = "127.0.0.1"\n'
        f"port = {server.sockets[0].getsockname()[1]}\nslave = 1\npoll_ms = 20\ntimeout_s = 0.1\n"
        + point("panic", "discrete", 0),
    ).connections[0]
    sink = Recorder()
    async with server, running(DRIVERS["modbus"], connection, sink):
        await until(lambda: bool(sink.signals))

    assert sink.told_of("p0") == [(Level.ACTIVE, Origin.STATE)]
    assert len(sink.garbage) == 2
    assert not mishaps
