"""Takes frames off TCP connections and datagrams, hands each to whoever handles it, and sends what that answers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, Protocol

from drivers.dc09.framing import FrameStream, Garbage
from drivers.dc09.settings import BusKeys
from drivers.listener import Peer, Reply, TcpListener, UdpListener
from gateway.clock import Clock
from gateway.errors import first_cause

WHAT = "the DC-09 receiver"

#: So many messages of one connection, and of all datagrams together, wait for their commit at once.
MOST_MESSAGES_AT_ONCE = 16
MOST_DATAGRAMS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a frame: the answer, if it gets one, and whose it was, if it may stay."""

    answer: bytes | None = None
    device: str | None = None


class Handler(Protocol):
    """Who understands frames."""

    async def take(self, body: bytes, caller: str) -> Taken:
        """Handle the body of a good frame; `caller` is an address without its port."""
        ...

    def garbage(self, garbage: Garbage, device: str | None) -> None:
        """Count bytes that are no frame, of a device if it is known whose they are."""
        ...


async def receive(
    bus: BusKeys, handler: Handler, clock: Clock, ready: Callable[[], None] = lambda: None
) -> NoReturn:
    """Listen as `bus` says, until cancelled; `ready` is called once it does.

    Raises what the handler raises, and DeviceUnavailable or DeviceRefused where the port can't be had; one error may
    come in a group.
    """
    async with asyncio.TaskGroup() as tasks:
        crowd = _Crowd(tasks, MOST_DATAGRAMS_AT_ONCE)
        listeners: list[TcpListener | UdpListener] = []
        if bus.transport != "udp":
            listeners.append(
                TcpListener(bus.host, bus.port, lambda peer: _serve(peer, handler), clock, what=WHAT)
            )
        if bus.transport != "tcp":
            listeners.append(
                UdpListener(
                    bus.host,
                    bus.port,
                    lambda data, reply: _take(data, reply, handler, crowd),
                    clock,
                    what=WHAT,
                )
            )
        for listener in listeners:
            tasks.create_task(listener.run())
        for listener in listeners:
            await listener.ready()
        ready()
    raise AssertionError("a listener ends only by an error")


class _Crowd:
    """Work that is begun in order, and goes on side by side; beyond so many the next one waits."""

    def __init__(self, tasks: asyncio.TaskGroup, most: int) -> None:
        self._tasks = tasks
        self._places = asyncio.Semaphore(most)

    async def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin it as soon as there is a place."""
        await self._places.acquire()
        self._tasks.create_task(self._do(work))

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            with suppress(ConnectionError):  # nobody is there for the answer
                await work()
        finally:
            self._places.release()


async def _serve(peer: Peer, handler: Handler) -> None:
    """One connection. It is read on while messages wait for their commit, for their repetitions must be heard."""
    try:
        async with asyncio.TaskGroup() as tasks:
            await _Line(peer, handler).read(_Crowd(tasks, MOST_MESSAGES_AT_ONCE))
    except BaseExceptionGroup as group:
        raise first_cause(group) from group


class _Line:
    """What is known of one TCP connection."""

    def __init__(self, peer: Peer, handler: Handler) -> None:
        self._peer = peer
        self._handler = handler
        self._caller = _host(peer.name)
        self._device: str | None = None
        self._sending = asyncio.Lock()

    async def read(self, crowd: _Crowd) -> None:
        """Until its end."""
        stream = FrameStream()
        while data := await self._peer.read():
            for found in stream.feed(data):
                if isinstance(found, Garbage):
                    self._handler.garbage(found, self._device)
                else:
                    await crowd.begin(partial(self._answer, found))
        for garbage in stream.finish():
            self._handler.garbage(garbage, self._device)

    async def _answer(self, body: bytes) -> None:
        taken = await self._handler.take(body, self._caller)
        if taken.device is not None:
            self._device = taken.device
            self._peer.proven()
        if taken.answer is not None:
            async with self._sending:
                await self._peer.send(taken.answer)


async def _take(data: bytes, reply: Reply, handler: Handler, crowd: _Crowd) -> None:
    """One datagram, which holds whole frames."""
    stream = FrameStream()
    for found in (*stream.feed(data), *stream.finish()):
        if isinstance(found, Garbage):
            handler.garbage(found, None)
        else:
            await crowd.begin(partial(_answer_datagram, found, reply, handler))


async def _answer_datagram(body: bytes, reply: Reply, handler: Handler) -> None:
    taken = await handler.take(body, _host(reply.name))
    if taken.answer is not None:
        reply.send(taken.answer)


def _host(name: str) -> str:
    return name.rpartition(":")[0] or name
