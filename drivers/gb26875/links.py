"""The ways to panels: takes frames off TCP connections, datagrams and a serial line, and hands them on in order."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import NoReturn, Protocol

from drivers.gb26875.codec import Damage, Frame, StreamDecoder
from drivers.gb26875.panel import Link
from drivers.gb26875.settings import BusKeys
from drivers.listener import Peer, Reply, TcpListener, UdpListener
from drivers.serial_line import LineSettings, open_line
from gateway.clock import Clock
from gateway.errors import DeviceUnavailable, first_cause

Ready = Callable[[Link | None], Coroutine[None, None, None]]

#: A frame whose next bytes do not come within so many seconds has broken off.
STALL_S = 5.0


class Takes(Protocol):
    """Who makes something of what comes."""

    async def take(self, found: Frame | Damage, link: Link) -> bool:
        """A frame, or damaged bytes; returns whether whoever sent it is known."""
        ...

    def left(self, link: Link) -> None:
        """This way is closed."""
        ...


class _Reads(Protocol):
    async def read(self) -> bytes:
        """Bytes; none at the end."""
        ...


class _Datagram:
    """Where the last datagram of a panel came from."""

    def __init__(self, reply: Reply) -> None:
        self.name = f"UDP {reply.name}"
        self._reply = reply

    async def send(self, data: bytes) -> None:
        """It may get lost, as any."""
        self._reply.send(data)

    def close(self) -> None:
        """There is nothing to close."""


class _Wire(Protocol):
    name: str

    async def send(self, data: bytes) -> None:
        """Raises ConnectionError where nothing is taken."""
        ...


class _Line:
    """A wire on which confirmations and commands must not mix."""

    def __init__(self, wire: _Wire) -> None:
        self.name = wire.name
        self._wire = wire
        self._sending = asyncio.Lock()

    async def send(self, data: bytes) -> None:
        """Raises ConnectionError where the line takes nothing."""
        async with self._sending:
            await self._wire.send(data)

    def close(self) -> None:
        """The line stays: other panels may be on it."""


class _Call(_Line):
    """A TCP connection."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(peer)
        self._peer = peer

    def close(self) -> None:
        """End the connection."""
        self._peer.close()


class Links:
    """All the ways on which panels of one connection may come. The constructor does no I/O."""

    def __init__(self, keys: BusKeys, clock: Clock, takes: Takes) -> None:
        self._keys = keys
        self._clock = clock
        self._takes = takes

    async def run(self, ready: Ready) -> NoReturn:
        """Serve until cancelled. `ready` is awaited once they are open, with the line where there is one.

        Raises DeviceUnavailable, DeviceRefused where they can't be opened or the line is gone, and what `take` raises.
        """
        try:
            if self._keys.serial is not None:
                await self._line(self._keys.serial, ready)
            else:
                await self._listen(self._keys.port or 0, ready)
        except BaseExceptionGroup as group:
            raise first_cause(group) from group
        raise AssertionError("links end only by an error")

    async def _listen(self, port: int, ready: Ready) -> None:
        keys, what = self._keys, "the fire panel receiver"
        listeners: list[TcpListener | UdpListener] = []
        if keys.transport in {"tcp", "both"}:
            listeners.append(TcpListener(keys.host, port, self._serve, self._clock, what=what))
        if keys.transport in {"udp", "both"}:
            listeners.append(UdpListener(keys.host, port, self._datagram, self._clock, what=what))
        async with asyncio.TaskGroup() as tasks:
            for listener in listeners:
                tasks.create_task(listener.run())
            for listener in listeners:
                await listener.ready()
            await ready(None)

    async def _serve(self, peer: Peer) -> None:
        link = _Call(peer)
        try:
            await self._stream(peer, link, peer.proven)
        finally:
            self._takes.left(link)

    async def _datagram(self, data: bytes, reply: Reply) -> None:
        """Frames do not go over the edge of a datagram."""
        decoder, link = StreamDecoder(), _Datagram(reply)
        for found in (*decoder.feed(data), *decoder.abandon()):
            await self._takes.take(found, link)

    async def _line(self, path: str, ready: Ready) -> None:
        keys = self._keys
        settings = LineSettings(path, baudrate=keys.baudrate, parity=keys.parity, stopbits=keys.stopbits)
        async with open_line(settings, self._clock) as line, asyncio.TaskGroup() as tasks:
            link = _Line(line)
            tasks.create_task(ready(link))  # what comes meanwhile is read
            await self._stream(line, link, lambda: None)
            raise DeviceUnavailable(f"{path}: the line is gone; is the adapter unplugged?")

    async def _stream(self, source: _Reads, link: Link, proven: Callable[[], None]) -> None:
        decoder = StreamDecoder()
        while True:
            try:
                async with asyncio.timeout(STALL_S if decoder.held else None):
                    data = await source.read()
            except TimeoutError:
                found = decoder.abandon()
            else:
                if not data:
                    return
                found = decoder.feed(data)
            for thing in found:
                if await self._takes.take(thing, link):
                    proven()
