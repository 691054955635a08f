"""The listeners that drivers share: bounds on what a caller can hold, order, errors in words, and letting go."""

import asyncio
import errno
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from drivers import listener as bounds
from drivers.listener import Peer, Reply, TcpListener, UdpListener, bind_error
from gateway.clock import Clock, SystemClock
from gateway.driver import CANCEL_LIMIT_S
from gateway.errors import DeviceRefused, DeviceUnavailable
from tests.clocks import ManualClock
from tests.drivers.contract import left_open, open_files
from tests.wait import until

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(peer: Peer) -> None:
    """Send back what comes; whoever says something has said something valid."""
    while data := await peer.read():
        assert len(data) <= bounds.READ_BYTES
        peer.proven()
        await peer.send(data)


async def echo_datagram(data: bytes, reply: Reply) -> None:
    reply.send(data)


def tcp(serve: object = echo, clock: Clock | None = None) -> TcpListener:
    return TcpListener("127.0.0.1", 0, serve, clock or SystemClock(), what="the receiver")  # type: ignore[arg-type]  # as given


@asynccontextmanager
async def serving(listener: TcpListener | UdpListener) -> AsyncIterator["asyncio.Task[None]"]:
    """The listener at work, until the end of the block; it ends within the limit."""
    run: asyncio.Task[None] = asyncio.create_task(listener.run())
    try:
        await asyncio.wait({run, asyncio.ensure_future(listener.ready())}, return_when="FIRST_COMPLETED")
        yield run
    finally:
        run.cancel()
        await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)
        assert run.done()
        with suppress(asyncio.CancelledError):
            run.exception()


@asynccontextmanager
async def connected(
    listener: TcpListener, count: int = 1, host: str = "127.0.0.1"
) -> AsyncIterator[list[Stream]]:
    """So many callers from an address."""
    streams: list[Stream] = []
    try:
        for _ in range(count):
            streams.append(  # noqa: PERF401 - closed if one fails
                await asyncio.open_connection("127.0.0.1", listener.port, local_addr=(host, 0))
            )
        yield streams
    finally:
        for _, writer in streams:
            writer.transport.abort()
        for _, writer in streams:
            with suppress(OSError):
                await writer.wait_closed()


async def told(stream: Stream, data: bytes) -> bytes:
    async with asyncio.timeout(10):
        stream[1].write(data)
        return await stream[0].readexactly(len(data))


async def ended(stream: Stream) -> bool:
    async with asyncio.timeout(10):
        try:
            return await stream[0].read(1) == b""
        except ConnectionError:
            return True


async def test_serves_and_lets_go() -> None:
    """Callers are served side by side; when it is cancelled, all is closed within the limit."""
    files = open_files()
    listener = tcp()
    async with connected_to(listener) as streams:
        assert [await told(stream, b"hello") for stream in streams] == [b"hello"] * 3
    await until(lambda: not left_open(files), 3)
    assert listener.port is None


@asynccontextmanager
async def connected_to(listener: TcpListener, count: int = 3) -> AsyncIterator[list[Stream]]:
    async with serving(listener), connected(listener, count) as streams:
        yield streams


async def test_too_many_callers() -> None:
    """Of 300 who have all said something valid 256 stay: the longest silent go, counted, and whoever calls is served."""
    clock = ManualClock()
    listener = tcp(clock=clock)
    async with connected_to(listener, 0), connected(listener, 256) as streams:
        for stream in streams:
            await told(stream, b"x")
            clock.advance(0.001)
        async with AsyncExitStack() as late:
            for _ in range(44):
                (stream,) = await late.enter_async_context(connected(listener))
                assert await told(stream, b"hello") == b"hello"
            for stream in streams[:44]:
                assert await ended(stream)
            assert await told(streams[44], b"still") == b"still"
        assert listener.dropped == 44


async def test_mute_callers_make_room() -> None:
    """With 300 mute callers the line is not blocked: who calls gets in, and those go that never spoke, oldest first."""
    listener = tcp()
    async with connected_to(listener, 0), connected(listener, 300) as streams:
        await until(lambda: listener.dropped == 44)
        assert await ended(streams[0])
        assert await told(streams[299], b"hello") == b"hello"


async def test_somebody_who_holds_all_places() -> None:
    """An attacker with 256 connections that all said something valid keeps nobody out, and puts nobody out who has few."""
    listener = tcp()
    async with connected_to(listener, 0), connected(listener, 1, "127.0.0.2") as (panel,):
        await told(panel, b"x")
        async with connected(listener, 300) as attackers:
            for stream in attackers[-200:]:
                await told(stream, b"x")
            async with connected(listener, 1, "127.0.0.3") as (late,):
                assert await told(late, b"hello") == b"hello"
                assert await told(panel, b"still") == b"still"
                async with connected(listener, 100):
                    assert await told(late, b"still") == b"still"
                    assert await told(panel, b"still") == b"still"


async def test_mute_callers_are_closed() -> None:
    """Who says nothing valid for 60 s is closed; who did may be silent."""
    clock = ManualClock()
    listener = tcp(clock=clock)
    async with connected_to(listener, 2) as (mute, known), asyncio.timeout(10):
        await told(known, b"x")
        await until(lambda: len(listener._peers) == 2)
        clock.advance(66)
        assert await ended(mute)
        assert await told(known, b"y") == b"y"


async def test_peer_that_does_not_read() -> None:
    """What is sent to a peer that does not read waits for its limit, then the peer is dropped; others are not held up."""
    clock = ManualClock()
    ends: list[Exception] = []

    async def talk(peer: Peer) -> None:
        flood = await peer.read() != b"echo"
        try:
            await peer.send(b"echo")
            while flood:
                await peer.send(b"x" * 65536)
        except ConnectionError as error:
            ends.append(error)
            raise

    listener = tcp(talk, clock)
    async with connected_to(listener, 2) as (slow, quick):
        slow[0]._transport.pause_reading()  # type: ignore[attr-defined]  # nothing else stops a StreamReader's reading
        slow[1].write(b"flood")
        assert await told(quick, b"echo") == b"echo"
        await until(lambda: len(clock._sleepers) >= 2)
        assert not ends
        clock.advance(11)
        await until(lambda: bool(ends))
        assert "does not read" in str(ends[0])


async def test_error_of_the_handler() -> None:
    """What a handler raises ends the run with it, unless it is connection trouble."""

    async def broken(peer: Peer) -> None:
        raise ConnectionError if await peer.read() == b"line" else ArithmeticError("broken")

    listener = tcp(broken)
    async with serving(listener) as run, connected(listener, 2) as (one, two):
        one[1].write(b"line")
        assert await ended(one)
        assert not run.done()
        two[1].write(b"bug")
        await asyncio.wait({run}, timeout=5)
        assert isinstance(run.exception(), ArithmeticError)


async def test_caller_at_the_very_end() -> None:
    """Who is accepted while it is being cancelled neither holds it up nor stays open."""
    files = open_files()
    for turns in range(8):
        listener = tcp()
        with socket.socket() as late:
            async with serving(listener) as run:
                late.connect(("127.0.0.1", listener.port))
                for _ in range(turns):
                    await asyncio.sleep(0)
                run.cancel()
                await asyncio.wait({run}, timeout=CANCEL_LIMIT_S)
                assert run.done()
            await asyncio.sleep(0)
            gc.collect()  # what was forgotten open would warn
    await until(lambda: not left_open(files), 3)


async def test_lets_go_of_a_handler_that_waits() -> None:
    """A handler that waits for something else is cancelled, and its connection closed."""

    async def stuck(peer: Peer) -> None:
        await peer.read()
        await asyncio.Event().wait()

    files = open_files()
    listener = tcp(stuck)
    async with connected_to(listener, 1) as (stream,):
        stream[1].write(b"x")
        await asyncio.sleep(0.05)
    await until(lambda: not left_open(files), 3)


async def test_keepalive() -> None:
    """A connection that is half open is noticed by the kernel: keepalive is on."""
    seen: list[int] = []

    async def look(peer: Peer) -> None:
        sock = peer._writer.get_extra_info("socket")  # type: ignore[attr-defined]  # to see its options
        seen.extend(
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )

    listener = tcp(look)
    async with connected_to(listener, 1) as (stream,):
        assert await ended(stream)
    assert seen == [30, 10, 3]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
async def test_port_in_use(protocol: str) -> None:
    """A port that somebody has is unavailable, and the words say who it may be."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if protocol == "tcp":
            taken.listen()
        port = taken.getsockname()[1]
        listener = (
            TcpListener("127.0.0.1", port, echo, SystemClock(), what="the receiver")
            if protocol == "tcp"
            else UdpListener("127.0.0.1", port, echo_datagram, SystemClock(), what="the receiver")
        )
        with pytest.raises(DeviceUnavailable, match="in use, perhaps by a gateway"):
            await listener.run()


async def test_address_of_another_machine() -> None:
    """An address that this machine does not have is unavailable, in words."""
    listener = TcpListener("192.0.2.1", 9000, echo, SystemClock(), what="the receiver")

    with pytest.raises(DeviceUnavailable, match="no such address"):
        await listener.run()


def test_no_right_to_a_port() -> None:
    """A port below 1024 is refused with what to do."""
    error = bind_error(OSError(errno.EACCES, "denied"), "the receiver", "0.0.0.0", 80, "TCP")

    assert isinstance(error, DeviceRefused)
    assert "1024" in str(error)


@asynccontextmanager
async def sockets(listener: UdpListener, count: int) -> AsyncIterator[list[socket.socket]]:
    found = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for sock in found:
            sock.setblocking(False)  # noqa: FBT003 - the socket module's own
            sock.connect(("127.0.0.1", listener.port))
        yield found
    finally:
        for sock in found:
            sock.close()


async def test_datagrams_in_order() -> None:
    """One address's datagrams are handled one after the other; another's meanwhile."""
    gate = asyncio.Event()
    seen: list[bytes] = []

    async def take(data: bytes, reply: Reply) -> None:
        if data != b"other":
            await gate.wait()
        seen.append(data)
        reply.send(data)

    listener = UdpListener("127.0.0.1", 0, take, SystemClock(), what="the receiver")
    async with serving(listener), sockets(listener, 2) as (one, other):
        for number in range(20):
            one.send(b"%d" % number)
        other.send(b"other")
        await until(lambda: seen == [b"other"])
        gate.set()
        await until(lambda: len(seen) == 21)
    assert seen[1:] == [b"%d" % number for number in range(20)]


async def test_too_many_datagrams() -> None:
    """Beyond 256 that wait, and 4 KiB each, datagrams are left out and counted; then it serves as before."""
    gate = asyncio.Event()
    seen: list[bytes] = []

    async def take(data: bytes, reply: Reply) -> None:
        await gate.wait()
        seen.append(data)

    listener = UdpListener("127.0.0.1", 0, take, SystemClock(), what="the receiver")
    async with serving(listener), sockets(listener, 1) as (sock,):
        sock.send(b"x" * 5000)
        await until(lambda: listener.dropped == 1)
        for _ in range(300):
            sock.send(b"x")
            await asyncio.sleep(0)  # the kernel's own buffer is small
        await until(lambda: listener.dropped > 1)
        assert listener._waiting <= bounds.MOST_DATAGRAMS
        gate.set()
        await until(lambda: listener._waiting == 0)
        sock.send(b"last")
        await until(lambda: seen[-1] == b"last")


async def test_datagram_handler_breaks() -> None:
    """What a handler of datagrams raises ends the run with it."""

    async def take(data: bytes, reply: Reply) -> None:
        raise ArithmeticError("broken")

    listener = UdpListener("127.0.0.1", 0, take, SystemClock(), what="the receiver")
    async with serving(listener) as run, sockets(listener, 1) as (sock,):
        sock.send(b"x")
        await asyncio.wait({run}, timeout=5)
        assert isinstance(run.exception(), ArithmeticError)


async def test_what_a_caller_can_make_it_hold() -> None:
    """A caller whose messages wait for their commit can send what he likes: no more than three reads of it are held."""
    held: list[int] = []
    gate = asyncio.Event()

    async def busy(peer: Peer) -> None:
        await gate.wait()
        while data := await peer.read():
            held.append(len(data))

    listener = tcp(busy)
    async with connected_to(listener, 1) as (stream,):
        stream[1].write(b"x" * 1_000_000)
        await until(lambda: bool(listener._peers))
        (peer,) = listener._peers
        await until(lambda: len(peer._reader._buffer) > 2 * bounds.READ_BYTES)  # type: ignore[attr-defined]  # its own
        await asyncio.sleep(0.05)
        assert len(peer._reader._buffer) <= 3 * bounds.READ_BYTES  # type: ignore[attr-defined]  # the same
        gate.set()
        await until(lambda: sum(held) == 1_000_000)
    assert max(held) == bounds.READ_BYTES
