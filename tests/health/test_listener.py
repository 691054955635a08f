"""gateway.health.listener over real sockets: what it answers, and what a bad client may cost."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
import pytest

from gateway.clock import Clock, SystemClock
from gateway.health import listener as module
from gateway.health.listener import CONNECTIONS, REQUEST_BYTES, MetricsListener
from gateway.site import MetricsSettings
from tests.clocks import ManualClock
from tests.wait import until

PAGE = b"# HELP one One.\none 1.0\n"


async def page() -> bytes:
    """A page."""
    return PAGE


@asynccontextmanager
async def running(listener: MetricsListener) -> AsyncIterator[tuple[str, int]]:
    """The listener at work; at the end every connection is gone."""
    task = asyncio.create_task(listener.run())
    try:
        yield await asyncio.wait_for(listener.listening(), 10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not listener._open


def listener_on(port: int = 0, clock: Clock | None = None) -> MetricsListener:
    return MetricsListener(
        MetricsSettings(port=port), page, "text/plain; version=0.0.4", clock or SystemClock()
    )


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    async with running(listener_on()) as where:
        yield where


@asynccontextmanager
async def client(
    address: tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that is closed at the end, whatever happens."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def is_let_go(reader: asyncio.StreamReader) -> bool:
    """Whether the other end closes without a word."""
    try:
        return await asyncio.wait_for(reader.read(), 10) == b""
    except ConnectionResetError:
        return True


async def say(address: tuple[str, int], request: bytes) -> bytes:
    """One request as bytes; all that comes back."""
    async with client(address) as (reader, writer):
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 10)


async def test_a_port_of_zero_is_a_real_one(address: tuple[str, int]) -> None:
    """The address that is told is the one that answers."""
    host, port = address
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{host}:{port}/metrics?name[]=one")

    assert (answer.status_code, answer.content) == (200, PAGE)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4"


async def test_head_is_the_same_without_a_body(address: tuple[str, int]) -> None:
    """HEAD gives the length of what GET would give."""
    answer = await say(address, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n")

    assert f"Content-Length: {len(PAGE)}".encode() in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /metrics/x HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400"),
        (b"GET /metrics\r\n\r\n", b"400"),
        (b"GET /metrics SIP/2.0\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * REQUEST_BYTES + b"\r\n\r\n", b"431"),
        (b"x" * (3 * REQUEST_BYTES), b"431"),
    ],
)
async def test_anything_else_is_refused(
    address: tuple[str, int], request_bytes: bytes, status: bytes
) -> None:
    """Other paths, other methods, other protocols and too much are told so, and the connection ends."""
    answer = await say(address, request_bytes)

    assert answer.startswith(b"HTTP/1.1 " + status)


async def test_a_slow_client_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not finish a request within the limit loses the connection, and others never notice."""
    monkeypatch.setattr(module, "CONNECTION_S", 0.2)
    async with running(listener_on()) as address, client(address) as (reader, writer):
        writer.write(b"GET /metrics HTTP/1.1\r\nX-Slow: ")

        assert (await say(address, b"GET /metrics HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await is_let_go(reader)


async def test_many_connections_are_too_many() -> None:
    """The seventeenth connection at once is dropped; when the others go there is room again."""
    listener = listener_on()
    async with running(listener) as address:
        async with AsyncExitStack() as idle:
            for _ in range(CONNECTIONS):
                await idle.enter_async_context(client(address))
            await until(lambda: len(listener._open) == CONNECTIONS)
            async with client(address) as (reader, _):
                assert await is_let_go(reader)
        await until(lambda: not listener._open)
        assert (await say(address, b"GET /metrics HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_stopping_lets_go_of_clients() -> None:
    """A client that says nothing does not hold up the end, and its connection is closed."""
    async with AsyncExitStack() as still_there:
        listener = listener_on()
        async with running(listener) as address:
            reader, _ = await still_there.enter_async_context(client(address))
            await until(lambda: len(listener._open) == 1)

        assert await is_let_go(reader)


async def test_a_port_that_is_taken_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """The daemon goes on without metrics, says so once, and serves them as soon as the port is free."""
    clock = ManualClock()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listener = listener_on(taken.getsockname()[1], clock)
        task = asyncio.create_task(listener.run())
        await until(lambda: bool(clock._sleepers))
        clock.advance(30)
        await until(lambda: bool(clock._sleepers))
    clock.advance(30)

    address = await asyncio.wait_for(listener.listening(), 10)
    assert (await say(address, b"GET /metrics HTTP/1.1\r\n\r\n")).endswith(PAGE)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("turns", range(6))
async def test_who_calls_at_the_very_end_is_let_go(turns: int) -> None:
    """However far the loop has got with a connection when the listener ends, that connection ends too."""
    listener = listener_on()
    async with running(listener) as address:
        caller = socket.create_connection(address)
        for _ in range(turns):
            await asyncio.sleep(0)
    with caller:
        caller.settimeout(0.0)
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(caller, 1), 10) == b""
