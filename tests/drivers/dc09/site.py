"""What the tests of the driver share: a site file with panels, a free port, and a caller."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from pydantic import BaseModel

from drivers.dc09 import SPEC
from gateway.driver import Connection
from gateway.site import Site, load_site
from tests.drivers.dc09.vectors import KEY

HEAD = """
[site]
id = "school-1"
name = "First School"
county = "330106"
state_dir = "{state}"
[journal]
ballast_mb = 0
[[zone]]
id = "hall"
name = "Hall"
"""
PANEL = """
[[device]]
id = "panel"
zone = "hall"
bus = "receiver"
account = "1234"
lost_after_s = 60
{keys}
[[device.point]]
id = "button"
kind = "panic"
returns = true
address = 1

[[device.point]]
id = "smoke-lab"
kind = "smoke"
address = "002"
"""


def free_port() -> int:
    """A port that is free for TCP and UDP just now."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def site(
    folder: Path, *, keys: str = "", bus: str = "", more: str = "", key: str = KEY.hex()
) -> Connection[BaseModel, BaseModel, BaseModel]:
    """A receiver with one panel, from a site file."""
    return whole_site(folder, keys=keys, bus=bus, more=more, key=key).connections[0]


def whole_site(folder: Path, *, keys: str = "", bus: str = "", more: str = "", key: str = KEY.hex()) -> Site:
    """The site whose only connection is that receiver; its state is kept in the folder."""
    (folder / "panel.key").write_text(key, encoding="ascii")
    file = folder / "site.toml"
    receiver = f'[[bus]]\nid = "receiver"\ndriver = "dc09"\nhost = "127.0.0.1"\nport = {free_port()}\n{bus}\n'
    head = HEAD.format(state=folder / "state")
    file.write_text(head + receiver + PANEL.format(keys=keys) + more, encoding="utf-8")
    return load_site(file, {SPEC.name: SPEC})


def port_of(connection: Connection[BaseModel, BaseModel, BaseModel]) -> int:
    """Where the receiver listens."""
    port: int = connection.settings.port  # type: ignore[attr-defined]  # the driver's own model
    return port


class Caller:
    """A panel's TCP connection, as bare as it gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Put it on the line."""
        self._writer.write(data)

    async def answer(self) -> bytes:
        """The next frame that comes back; empty at the end."""
        async with asyncio.timeout(10):
            try:
                return await self._reader.readuntil(b"\r")
            except (asyncio.IncompleteReadError, ConnectionError):
                return b""

    async def ask(self, data: bytes) -> bytes:
        """Send, and wait for the answer."""
        self.send(data)
        return await self.answer()

    async def silent(self) -> bool:
        """Whether nothing comes back for a moment."""
        try:
            async with asyncio.timeout(0.1):
                return not await self._reader.read(1)
        except TimeoutError:
            return True


@asynccontextmanager
async def calling(connection: Connection[BaseModel, BaseModel, BaseModel]) -> AsyncIterator[Caller]:
    """Connect, and hang up at the end."""
    async with asyncio.timeout(10):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port_of(connection))
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)  # it is about to listen
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def datagrams(connection: Connection[BaseModel, BaseModel, BaseModel]) -> AsyncIterator[socket.socket]:
    """A UDP socket that talks to the receiver."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)  # noqa: FBT003 - the socket module's own
        sock.connect(("127.0.0.1", port_of(connection)))
        yield sock
