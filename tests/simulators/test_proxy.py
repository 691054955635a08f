"""Each fault of the line, before a plain echo server."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from simulators.fault import Fault
from simulators.proxy import FaultProxy
from tests.wait import until


class Echo:
    """Answers every byte with itself; `received` is all that ever came."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.resets = 0
        self.goodbyes = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close every connection."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await until(lambda: not self._writers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while data := await reader.read(65536):
                self.received += data
                writer.write(data)
                await writer.drain()
            self.goodbyes += 1
        except ConnectionError:
            self.resets += 1
        finally:
            writer.close()
            self._writers.discard(writer)


class Client:
    """One connection, closed at the end of the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes, seconds: float = 5.0) -> bytes:
        """Send, and return as many bytes of answer."""
        self.writer.write(data)
        return await self.receive(len(data), seconds)

    async def receive(self, count: int, seconds: float = 5.0) -> bytes:
        """So many bytes, or TimeoutError."""
        async with asyncio.timeout(seconds):
            return await self.reader.readexactly(count)

    async def close(self) -> None:
        """Without a goodbye, if there is something left to read."""
        self.writer.transport.abort()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    server = Echo()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[FaultProxy]:
    line = FaultProxy("127.0.0.1", echo.port)
    await line.start()
    yield line
    await line.stop()


class Connect:
    """Makes clients of the proxy and closes them afterwards."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.clients: list[Client] = []

    async def __call__(self) -> Client:
        """One more."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client


@pytest.fixture
async def connect(proxy: FaultProxy) -> AsyncIterator[Connect]:
    maker = Connect(proxy.port)
    yield maker
    for client in maker.clients:
        await client.close()


async def test_bytes_pass_both_ways_and_a_goodbye_is_handed_on(
    proxy: FaultProxy, echo: Echo, connect: Connect
) -> None:
    """A healthy line changes nothing: a megabyte comes back whole, and closing is a goodbye, not a reset."""
    client = await connect()
    block = bytes(range(256)) * 4096
    assert await client.ask(block) == block
    client.writer.write_eof()
    assert await client.reader.read() == b""
    await until(lambda: proxy.open_connections == 0)
    assert (echo.goodbyes, echo.resets) == (1, 0)
    assert (proxy.up.passed_bytes, proxy.down.passed_bytes) == (len(block), len(block))


async def test_cut_resets_and_refuses_until_restored_at_the_same_port(
    proxy: FaultProxy, echo: Echo, connect: Connect
) -> None:
    """While cut: standing connections end by a reset on both sides, new ones are refused; afterwards all is well."""
    client = await connect()
    await client.ask(b"before")
    await proxy.cut()
    with pytest.raises(ConnectionResetError):
        await client.receive(1)
    await until(lambda: echo.resets == 1)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await connect()
    await proxy.restore()
    assert await (await connect()).ask(b"after") == b"after"


async def test_a_stalled_line_stays_open_and_loses_nothing(
    proxy: FaultProxy, echo: Echo, connect: Connect
) -> None:
    """Half-open: neither side hears or loses anything, a new connection is taken; what was held comes later."""
    client = await connect()
    await client.ask(b"before")
    await proxy.stall()
    with pytest.raises(TimeoutError):
        await client.ask(b"held", 0.2)
    newcomer = await connect()
    newcomer.writer.write(b"new")
    assert bytes(echo.received) == b"before"
    await proxy.restore()
    assert await client.receive(4) == b"held"
    assert await newcomer.receive(3) == b"new"


async def test_a_stalled_line_does_not_tell_that_the_client_went(
    proxy: FaultProxy, echo: Echo, connect: Connect
) -> None:
    """A client that vanishes behind a half-open line is not missed until the line is back."""
    client = await connect()
    await client.ask(b"before")
    await proxy.stall()
    await client.close()
    with pytest.raises(TimeoutError):
        await until(lambda: echo.goodbyes + echo.resets > 0, 0.2)
    await proxy.restore()
    await until(lambda: echo.goodbyes + echo.resets == 1)


async def test_a_stalled_line_pushes_back(proxy: FaultProxy, connect: Connect) -> None:
    """A sender is stopped by back-pressure, not served by ever more memory."""
    client = await connect()
    await client.ask(b"before")
    await proxy.stall()
    written = 0

    async def write_on() -> None:
        nonlocal written
        while written < 64 << 20:
            client.writer.write(bytes(1 << 20))
            await client.writer.drain()
            written += 1 << 20

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(write_on(), 1)
    assert written < 32 << 20


async def test_latency_delays_each_direction(proxy: FaultProxy, connect: Connect) -> None:
    """A round trip takes the latency of both directions, and a second request does not wait for the first."""
    proxy.up.latency, proxy.down.latency = 0.2, 0.1
    client = await connect()
    started = time.monotonic()
    client.writer.write(b"one")
    await asyncio.sleep(0.1)
    client.writer.write(b"two")
    assert await client.receive(3) == b"one"
    assert time.monotonic() - started >= 0.3
    assert await client.receive(3) == b"two"
    assert time.monotonic() - started >= 0.4


async def test_pacing_holds_the_rate_of_one_direction(proxy: FaultProxy, connect: Connect) -> None:
    """10 kB up a line of 20 kB/s take half a second; the way back is not slowed."""
    proxy.up.bytes_per_second = 20_000
    client = await connect()
    started = time.monotonic()
    await client.ask(bytes(10_000))
    took = time.monotonic() - started
    assert 0.45 <= took < 3


async def test_some_new_connections_are_dropped(proxy: FaultProxy, connect: Connect) -> None:
    """With a drop chance of one half, some of 40 connections are reset at once and the others work."""
    proxy.drop_chance = 0.5
    outcomes = []
    for _ in range(40):
        try:
            outcomes.append(await (await connect()).ask(b"hello") == b"hello")
        except (ConnectionError, asyncio.IncompleteReadError):
            outcomes.append(False)
    assert 5 < outcomes.count(True) < 35


async def test_reset_after_so_many_bytes_happens_once(
    proxy: FaultProxy, echo: Echo, connect: Connect
) -> None:
    """The connection that carries the sixth byte ends there, in the middle of a message; the next one works."""
    client = await connect()
    await client.ask(b"before")
    await proxy.reset_after(6)
    client.writer.write(b"0123456789")
    with pytest.raises(ConnectionResetError):
        await client.receive(10)
    assert bytes(echo.received) == b"before012345"
    assert await (await connect()).ask(b"0123456789") == b"0123456789"


async def test_garbage_comes_instead_of_answers(proxy: FaultProxy, echo: Echo, connect: Connect) -> None:
    """The target is sent what the client said, and the client is answered with as many bytes of rubbish."""
    await proxy.misbehave(Fault.GARBAGE)
    client = await connect()
    assert await client.ask(b"a sane question") != b"a sane question"
    assert bytes(echo.received) == b"a sane question"


async def test_silent_takes_and_does_not_answer(proxy: FaultProxy, echo: Echo, connect: Connect) -> None:
    """The target gets the request; the answer is held, and comes when the fault is over."""
    client = await connect()
    await proxy.misbehave(Fault.SILENT)
    with pytest.raises(TimeoutError):
        await client.ask(b"question", 0.2)
    assert bytes(echo.received) == b"question"
    await proxy.misbehave(Fault.NONE)
    assert await client.receive(8) == b"question"


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.HALF_OPEN, Fault.REFUSED, Fault.SILENT, Fault.GARBAGE])
async def test_every_fault_is_healed_by_none(fault: Fault, proxy: FaultProxy, connect: Connect) -> None:
    """After any fault, NONE brings a line that carries bytes at once."""
    await proxy.misbehave(fault)
    await proxy.misbehave(Fault.NONE)
    started = time.monotonic()
    assert await (await connect()).ask(b"hello") == b"hello"
    assert time.monotonic() - started < 1.5


async def test_power_cycle_comes_back_at_the_same_port(proxy: FaultProxy, connect: Connect) -> None:
    """Off: connections end and none are taken. On again: the same address answers."""
    client = await connect()
    await client.ask(b"before")
    off = asyncio.create_task(proxy.power_cycle(0.2))
    with pytest.raises(ConnectionResetError):
        await client.receive(1)
    assert not off.done()
    await off
    assert await (await connect()).ask(b"after") == b"after"


async def test_a_target_that_refuses_looks_like_a_reset() -> None:
    """With nothing behind it, the proxy resets its clients; it does not keep them waiting."""
    proxy = FaultProxy("127.0.0.1", 1)
    await proxy.start()
    client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.receive(1)
    await client.close()
    await proxy.stop()
