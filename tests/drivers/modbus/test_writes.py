"""drivers.modbus.link: the bytes of writes, and the echoes that are believed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from drivers.modbus.codec import Write
from drivers.modbus.link import Link, NoAnswer, RequestRefused
from drivers.modbus.settings import BusKeys, Function
from gateway.clock import SystemClock

#: The examples of the application protocol V1.1b3: 6.5 (coil 173 on), 6.6 (register 2 to 3); addresses on the wire.
COIL = (Write(function=Function.COIL, address=0xAC, value=1), bytes.fromhex("0500ACFF00"))
REGISTER = (Write(function=Function.HOLDING, address=1, value=3), bytes.fromhex("0600010003"))


@asynccontextmanager
async def answering(pdu: bytes | None) -> AsyncIterator[tuple[Link, list[bytes]]]:
    """A link to somebody who answers each request with that PDU (None: with what was asked), and what was asked."""
    asked: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while head := await reader.read(7):
                request = await reader.readexactly(int.from_bytes(head[4:6], "big") - 1)
                asked.append(request)
                answer = request if pdu is None else pdu
                writer.write(head[:4] + (len(answer) + 1).to_bytes(2, "big") + head[6:7] + answer)
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = Link(BusKeys(host="127.0.0.1", port=port, timeout_s=0.3), SystemClock())
    async with server:
        await link.open()
        try:
            yield link, asked
        finally:
            link.close()
            await asyncio.wait_for(ended.wait(), 10)


@pytest.mark.parametrize(("write", "pdu"), [COIL, REGISTER])
async def test_the_specification_s_examples(write: Write, pdu: bytes) -> None:
    """What is sent is the example, and its echo is taken."""
    async with answering(None) as (link, asked):
        await link.write(17, write)

    assert asked == [pdu]


@pytest.mark.parametrize(
    ("write", "answer"),
    [
        (COIL[0], "0500AC0000"),  # off
        (COIL[0], "0500ADFF00"),  # another coil
        (COIL[0], "0600AC0001"),  # another function
        (COIL[0], "010101"),  # a read
        (REGISTER[0], "0600010004"),
        (REGISTER[0], "06000100030000"),
        (REGISTER[0], "0600"),
    ],
)
async def test_another_echo_is_none(write: Write, answer: str) -> None:
    """An answer that does not repeat the command is no answer to it."""
    async with answering(bytes.fromhex(answer)) as (link, _):
        with pytest.raises(NoAnswer):
            await link.write(17, write)


async def test_a_refusal() -> None:
    """An exception is told with what was to be written."""
    async with answering(bytes.fromhex("8502")) as (link, _):
        with pytest.raises(RequestRefused, match="refuses to write coil 172 = 1: exception 2"):
            await link.write(17, COIL[0])
