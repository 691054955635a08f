"""The UDP listener of drivers that are called by their devices, with bounds on all that callers can make it hold."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn, Protocol

from drivers.listening import READ_BYTES, Address, Listener, bind_error, name_of, start
from gateway.clock import Clock
from gateway.errors import DeviceUnavailable

#: So many datagrams wait at most, and so many peers' are handled at once.
MOST_DATAGRAMS = 256
MOST_PEERS_AT_ONCE = 64

#: Answers to datagrams that the kernel does not take are buffered up to so many bytes; further ones are left out.
_ANSWERS_BYTES = 64 * 1024

logger = logging.getLogger(__name__)


class Reply(Protocol):
    """Where the answer to a datagram goes."""

    name: str

    def send(self, data: bytes) -> None:
        """Send one datagram back; it may get lost, like any."""
        ...


class UdpListener(Listener):
    """Takes datagrams: those of one address in order, those of different addresses side by side.

    `dropped` counts those that came while `MOST_DATAGRAMS` were waiting, or were longer than `READ_BYTES`: who sends
    alarms by UDP repeats what is not answered.
    """

    def __init__(
        self,
        host: str,
        port: int,
        take: Callable[[bytes, Reply], Awaitable[None]],
        clock: Clock,
        *,
        what: str,
    ) -> None:
        super().__init__(host, port, clock, what)
        self._take = take
        self._waiting = 0
        self._queues: dict[Address, deque[bytes]] = {}
        self._places = asyncio.Semaphore(MOST_PEERS_AT_ONCE)
        self.dropped = 0

    async def _listen(self, tasks: asyncio.TaskGroup) -> NoReturn:
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(lambda data, address: self._queue(data, address, transport, tasks), lost),
                local_addr=(self._host, self._port),
            )
        except OSError as error:
            raise bind_error(error, self._what, self._host, self._port, "UDP") from error
        try:
            self._listens(transport.get_extra_info("sockname"))
            await lost
            raise DeviceUnavailable(f"{self._what}: its UDP socket on port {self._port} is gone")
        finally:
            self._bound = None
            transport.abort()

    def _queue(
        self, data: bytes, address: Address, transport: asyncio.DatagramTransport, tasks: asyncio.TaskGroup
    ) -> None:
        if self._waiting >= MOST_DATAGRAMS or len(data) > READ_BYTES:
            self.dropped += 1
            if self.dropped == 1:
                logger.warning("%s: a datagram is left out: too many wait, or it is too long", self._what)
            return
        self._waiting += 1
        queue = self._queues.get(address)
        if queue is None:
            queue = self._queues[address] = deque()
            reply = _UdpReply(transport, address)
            start(tasks, self._attend(address, queue, reply), f"{self._what} {reply.name}")
        queue.append(data)

    async def _attend(self, address: Address, queue: deque[bytes], reply: Reply) -> None:
        async with self._places:
            while queue:
                data = queue.popleft()
                self._waiting -= 1
                with suppress(ConnectionError):
                    await self._take(data, reply)
            del self._queues[address]


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Address], None], lost: asyncio.Future[None]) -> None:
        self._take = take
        self._lost = lost

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)

    def error_received(self, exc: Exception) -> None:
        logger.debug(
            "an answer by UDP was not taken: %s", exc
        )  # the peer is gone; it repeats when it is back

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)


class _UdpReply:
    def __init__(self, transport: asyncio.DatagramTransport, address: Address) -> None:
        self._transport = transport
        self._address = address
        self.name = name_of(address)

    def send(self, data: bytes) -> None:
        buffered: int = self._transport.get_write_buffer_size()  # type: ignore[attr-defined]  # it has, typeshed does not
        if not self._transport.is_closing() and buffered < _ANSWERS_BYTES:
            self._transport.sendto(data, self._address)
