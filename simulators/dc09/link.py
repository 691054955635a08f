"""A panel's connection to its receiver, over TCP or UDP: bytes out at a chosen pace, answers in."""

import asyncio
import contextlib
from collections.abc import Callable
from enum import StrEnum
from typing import cast

from simulators.dc09.frames import Answer, take_answers

#: How a slow line passes a frame.
SLOW_BYTES = 4
SLOW_SECONDS = 0.05
CLOSE_SECONDS = 2.0


class Carrier(StrEnum):
    """The transport protocol."""

    TCP = "tcp"
    UDP = "udp"


class Link(asyncio.Protocol, asyncio.DatagramProtocol):
    """One connection. `wake` is called when something has come or the connection has gone.

    `answers` are those not looked at yet; `noise` counts what came in the shape of a frame and is no answer.
    """

    def __init__(self, carrier: Carrier, key: Callable[[], bytes | None], wake: Callable[[], None]) -> None:
        self.answers: list[Answer] = []
        self.noise = 0
        self.lost = False
        self._carrier = carrier
        self._key = key
        self._wake = wake
        self._received = bytearray()
        self._deaf = False
        self._gone = asyncio.Event()
        self._transport: asyncio.Transport | asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The protocol's callback."""
        self._transport = cast("asyncio.Transport | asyncio.DatagramTransport", transport)

    def data_received(self, data: bytes) -> None:
        """The protocol's callback."""
        self._received += data
        for found in take_answers(self._received, self._key()):
            if isinstance(found, Answer):
                self.answers.append(found)
            else:
                self.noise += 1
        self._wake()

    def datagram_received(self, data: bytes, _address: object) -> None:
        """The protocol's callback."""
        if not self._deaf:
            self.data_received(data)

    def error_received(self, _error: Exception) -> None:
        """Nobody listens there (ICMP): as silent as a datagram that was lost."""

    def connection_lost(self, _error: Exception | None) -> None:
        """The protocol's callback."""
        self.lost = True
        self._gone.set()
        self._wake()

    def be_deaf(self, *, deaf: bool) -> None:
        """Take nothing in any more, so that the other end feels it; or do again."""
        if deaf == self._deaf or self.lost:
            return
        self._deaf = deaf
        if self._carrier is Carrier.TCP:
            stream = cast("asyncio.Transport", self._transport)
            (stream.pause_reading if deaf else stream.resume_reading)()

    def write(self, data: bytes) -> None:
        """Send at once: over UDP as one datagram. Raises ConnectionError if the connection has gone."""
        if self._transport is None or self.lost or self._transport.is_closing():
            raise ConnectionResetError("the receiver has ended the connection")
        if self._carrier is Carrier.UDP:
            cast("asyncio.DatagramTransport", self._transport).sendto(data)
        else:
            cast("asyncio.Transport", self._transport).write(data)

    async def write_slowly(self, data: bytes) -> None:
        """A few bytes at a time. A datagram can't come in pieces: it comes late by as long."""
        pieces = [data[at : at + SLOW_BYTES] for at in range(0, len(data), SLOW_BYTES)]
        if self._carrier is Carrier.UDP:
            await asyncio.sleep(SLOW_SECONDS * len(pieces))
            self.write(data)
            return
        for piece in pieces:
            self.write(piece)
            await asyncio.sleep(SLOW_SECONDS)

    async def end(self, *, flush: bool = False) -> None:
        """Let go of the socket: without a goodbye, or after what was written has left."""
        if self._transport is None:
            return
        if flush:
            self._transport.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._gone.wait()
        self._transport.abort()


async def dial(
    host: str,
    port: int,
    carrier: Carrier,
    key: Callable[[], bytes | None],
    wake: Callable[[], None],
) -> Link:
    """Connect. Raises OSError if nobody takes the call."""
    loop = asyncio.get_running_loop()
    if carrier is Carrier.UDP:
        _, link = await loop.create_datagram_endpoint(
            lambda: Link(carrier, key, wake), remote_addr=(host, port)
        )
    else:
        _, link = await loop.create_connection(lambda: Link(carrier, key, wake), host, port)
    return link
