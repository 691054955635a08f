"""The ways from a transmission device to a centre: dialled TCP, UDP, and a serial line on a pty."""

import asyncio
import socket
import struct
from pathlib import Path
from typing import Protocol, cast

from simulators.modbus.line import SerialLine

READ_BYTES = 4096
MOST_DATAGRAMS = 1000  # received and not yet taken; the next is lost, as UDP does
SEND_SECONDS = 5.0  # a centre that takes nothing for so long is given up

_LINGER_NOT = struct.pack("ii", 1, 0)  # close() sends RST instead of FIN


class Link(Protocol):
    """A line that is open. Its methods raise OSError when it has failed."""

    datagrams: bool

    async def send(self, data: bytes) -> None:
        """Put bytes on it; one datagram where it has such."""
        ...

    async def receive(self) -> bytes:
        """What has come, at least a byte; nothing at its end."""
        ...

    async def end(self) -> None:
        """Close it once all that was sent is out."""
        ...

    def close(self) -> None:
        """Let go at once. Twice does no harm."""
        ...


class Line(Protocol):
    """A way to the centre, open or not."""

    def prepare(self) -> None:
        """Take what is ours also while the line is closed. Raises OSError where it can't be had."""
        ...

    async def open(self) -> Link:
        """Reach the centre. Raises OSError."""
        ...

    def release(self) -> None:
        """Give back what `prepare` took."""
        ...


class Tcp:
    """Dials to a centre's port."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def __str__(self) -> str:
        return f"tcp://{self.host}:{self.port}"

    def prepare(self) -> None:
        """Nothing is ours before the call."""

    async def open(self) -> "Link":
        """Dial. Raises OSError."""
        return _TcpLink(*await asyncio.open_connection(self.host, self.port))

    def release(self) -> None:
        """Nothing is ours."""


class _TcpLink:
    datagrams = False

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(SEND_SECONDS):
            await self._writer.drain()

    async def receive(self) -> bytes:
        return await self._reader.read(READ_BYTES)

    async def end(self) -> None:
        self._writer.close()
        async with asyncio.timeout(SEND_SECONDS):
            await self._writer.wait_closed()

    def close(self) -> None:
        if not self._writer.is_closing():
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._writer.transport.abort()


class Udp:
    """Datagrams to a centre's port; each call has a port of its own."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def __str__(self) -> str:
        return f"udp://{self.host}:{self.port}"

    def prepare(self) -> None:
        """Nothing is ours before the call."""

    async def open(self) -> "Link":
        """Take a port; that says nothing of the centre. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, link = await loop.create_datagram_endpoint(_UdpLink, remote_addr=(self.host, self.port))
        return link

    def release(self) -> None:
        """Nothing is ours."""


class _UdpLink(asyncio.DatagramProtocol):
    datagrams = True

    def __init__(self) -> None:
        self._received: asyncio.Queue[bytes] = asyncio.Queue(MOST_DATAGRAMS)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # It has the methods; asyncio's own class is no DatagramTransport in Python 3.11.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, _addr: object) -> None:
        if data and not self._received.full():
            self._received.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        """A centre that is not there is found out by its silence, as on a network that tells nothing."""

    async def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(data)

    async def receive(self) -> bytes:
        return await self._received.get()

    async def end(self) -> None:
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Serial:
    """A serial line on a pty; `link` is the path to give to the centre. `line.unplug()` and `line.plug()` are its plug."""

    def __init__(self, link: Path) -> None:
        self.line = SerialLine(link)

    def __str__(self) -> str:
        return f"serial {self.line.link}"

    def prepare(self) -> None:
        """Make the path. Raises OSError where it would cover a file."""
        if not self.line.plugged:
            self.line.plug()

    async def open(self) -> "Link":
        """Listen to it; what came before is forgotten."""
        self.line.forget()
        return _SerialLink(self.line)

    def release(self) -> None:
        """Take the path away."""
        self.line.unplug()


class _SerialLink:
    datagrams = False

    def __init__(self, line: SerialLine) -> None:
        self._line = line

    async def send(self, data: bytes) -> None:
        self._line.send(data)

    async def receive(self) -> bytes:
        return await self._line.receive(None)

    async def end(self) -> None:
        """A serial line has no end."""

    def close(self) -> None:
        """The path stays, and is silent."""
