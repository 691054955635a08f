"""What every driver shares that is called by its devices: the TCP listener, with bounds on all that a caller can hold.

The one for UDP is in `datagrams.py`; its names can be had from here, too.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn, Protocol, cast

from drivers.datagrams import MOST_DATAGRAMS, MOST_PEERS_AT_ONCE, Reply, UdpListener
from drivers.listening import READ_BYTES, Listener, bind_error, name_of, start
from gateway.accepting import accept_no_more
from gateway.clock import Clock

__all__ = [
    "MOST_CONNECTIONS",
    "MOST_DATAGRAMS",
    "MOST_PEERS_AT_ONCE",
    "PROVE_WITHIN_S",
    "READ_BYTES",
    "SEND_LIMIT_S",
    "Peer",
    "Reply",
    "TcpListener",
    "UdpListener",
    "bind_error",
]

#: So many connections of a listener at once; for one more, one of the address that has most of them goes.
MOST_CONNECTIONS = 256

#: A caller that has said nothing valid within so many seconds is closed; looked at every `_LOOK_S`.
PROVE_WITHIN_S = 60.0
_LOOK_S = 5.0

#: A peer that does not take what it is sent within so many seconds is dropped.
SEND_LIMIT_S = 10.0

#: TCP keepalive: seconds of silence before the first probe, between probes, and how many of them.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))

logger = logging.getLogger(__name__)


class Peer(Protocol):
    """One caller over TCP, as its handler sees it."""

    name: str

    async def read(self) -> bytes:
        """What it has sent, at most `READ_BYTES`; empty at the end, however it came."""
        ...

    async def send(self, data: bytes) -> None:
        """Send; raises ConnectionError where it is not taken within `SEND_LIMIT_S`."""
        ...

    def proven(self) -> None:
        """It has said something valid: it may stay."""
        ...

    def close(self) -> None:
        """End the connection; reads give the end from now on."""
        ...


class TcpListener(Listener):
    """Accepts connections and gives each to `serve`, in a task of its own.

    `what` names it in errors ("the DC-09 receiver"). `dropped` counts those who had to go: for want of a valid word, or for
    another's sake.
    """

    def __init__(
        self, host: str, port: int, serve: Callable[[Peer], Awaitable[None]], clock: Clock, *, what: str
    ) -> None:
        super().__init__(host, port, clock, what)
        self._serve = serve
        self._peers: dict[_TcpPeer, None] = {}  # in order of arrival
        self._full = False
        self._ending = False
        self.dropped = 0

    async def _listen(self, tasks: asyncio.TaskGroup) -> NoReturn:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peer = _TcpPeer(reader, writer, self._clock)
            if self._ending:  # accepted by the kernel before, told of only now
                peer.abort()
                return
            self._admit(peer)
            start(tasks, self._attend(peer), f"{self._what} {peer.name}")

        self._ending = False
        try:
            server = await asyncio.start_server(
                accept, self._host, self._port, limit=READ_BYTES, start_serving=False
            )
        except OSError as error:
            raise bind_error(error, self._what, self._host, self._port, "TCP") from error
        try:
            try:  # not by start_server: cancelled there, its sockets would stay open
                await server.start_serving()
            except OSError as error:
                raise bind_error(error, self._what, self._host, self._port, "TCP") from error
            self._listens(server.sockets[0].getsockname())
            while True:
                await self._clock.sleep(_LOOK_S)
                self._close_the_mute()
        finally:
            self._bound = None
            self._ending = True
            for peer in list(self._peers):
                peer.abort()
            try:
                await accept_no_more(server)
            finally:
                server.close()

    def _admit(self, peer: "_TcpPeer") -> None:
        """Whoever calls gets in: nobody can hold all places, however valid what he says."""
        if len(self._peers) >= MOST_CONNECTIONS:
            if not self._full:
                logger.warning(
                    "%s: %d connections at once, as many as it takes", self._what, len(self._peers)
                )
            self._full = True
            self._drop(self._least_missed(peer.host))
        self._peers[peer] = None

    def _least_missed(self, newcomer: str) -> "_TcpPeer":
        """Of the address with most connections: one that never said anything valid, else the longest silent.

        Panels have one connection each, or one address for all; somebody who fills the place has one for many.
        """
        counts = Counter([newcomer, *(peer.host for peer in self._peers)])
        return min(self._peers, key=lambda known: (-counts[known.host], known.has_proven, known.heard_at))

    async def _attend(self, peer: "_TcpPeer") -> None:
        try:
            with suppress(ConnectionError):
                await self._serve(peer)
            peer.close()
        finally:
            self._peers.pop(peer, None)
            self._full = self._full and len(self._peers) > MOST_CONNECTIONS // 2
            await peer.gone()

    def _close_the_mute(self) -> None:
        now = self._clock.monotonic()
        for peer in list(self._peers):
            if not peer.has_proven and now - peer.since >= PROVE_WITHIN_S:
                self._drop(peer)

    def _drop(self, peer: "_TcpPeer") -> None:
        self.dropped += 1
        self._peers.pop(peer, None)
        peer.abort()


class _TcpPeer:
    """A connection with its limits; nothing of what is sent stays in a buffer of ours."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self.name = name_of(writer.get_extra_info("peername"))
        self.host = self.name.rpartition(":")[0]
        self.since = self.heard_at = clock.monotonic()
        self.has_proven = False
        # drain() then waits until the kernel has it all, and the reader's buffer holds three reads at most
        writer.transport.set_write_buffer_limits(high=0)
        writer.transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # what it takes of its socket at once
        _keep_alive(writer)

    async def read(self) -> bytes:
        if self._writer.is_closing():
            return b""
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError:
            return b""
        self.heard_at = self._clock.monotonic()
        return data

    async def send(self, data: bytes) -> None:
        if self._writer.is_closing():
            raise ConnectionResetError(f"{self.name} is gone")
        self._writer.write(data)
        if self._writer.transport.get_write_buffer_size():
            await self._drain()

    async def _drain(self) -> None:
        drained = asyncio.ensure_future(self._writer.drain())
        limit = asyncio.ensure_future(self._clock.sleep(SEND_LIMIT_S))
        try:
            await asyncio.wait({drained, limit}, return_when=asyncio.FIRST_COMPLETED)
            in_time = drained.done()
        finally:
            for task in (drained, limit):
                task.cancel()
            ends = await asyncio.gather(drained, limit, return_exceptions=True)
        if not in_time:
            self.abort()
            raise ConnectionAbortedError(f"{self.name} does not read what it is sent")
        if isinstance(ends[0], OSError):
            raise ConnectionResetError(f"{self.name} is gone") from ends[0]

    def proven(self) -> None:
        self.has_proven = True

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Wait until its socket is closed; after a cancellation or an error it is not flushed first."""
        if not self._writer.is_closing():
            self.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    sock = cast("socket.socket", writer.get_extra_info("socket"))
    with suppress(OSError):  # it is gone already: the first read says so
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
