"""A fire panel for tests, which speaks bytes laid out by the tables, over TCP, UDP or a pty; and site files with it."""

import asyncio
import os
import socket
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from drivers import DRIVERS
from drivers.gb26875 import SPEC
from drivers.gb26875.driver import FireDriver
from gateway.clock import Clock, SystemClock
from gateway.site import load_site
from tests.drivers.contract import AnyConnection
from tests.drivers.gb26875.vectors import CENTRE, DEVICE
from tests.drivers.recorder import Recorder

TIME = bytes.fromhex("023A091A090C")
CONTROL, SEND, CONFIRM, REQUEST, ANSWER, DENY = 1, 2, 3, 4, 5, 6

POINTS = """
[[device.point]]
id = "smoke-201"
kind = "smoke"
address = "10.2"
[[device.point]]
id = "button"
kind = "panic"
address = "3.1"
[[device.point]]
id = "kitchen-gas"
kind = "gas"
address = "20.7"
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def connection_of(
    folder: Path, bus: str, device: str = "", points: str = POINTS, *, more: str = ""
) -> AnyConnection:
    """One panel on a connection with these keys, as the daemon reads it."""
    file = folder / "site.toml"
    file.write_text(
        '[site]\nid = "school-1"\nname = "First School"\ncounty = "330106"\n'
        '[[zone]]\nid = "hall"\nname = "Hall"\n'
        f'[[bus]]\nid = "fire"\ndriver = "gb26875"\n{bus}\n'
        f'[[device]]\nid = "panel"\nzone = "hall"\nbus = "fire"\npanel = {DEVICE}\n{device}\n{points}{more}',
        encoding="utf-8",
    )
    (connection,) = load_site(file, DRIVERS).connections
    return connection


def frame(
    serial: int, command: int, data: bytes = b"", *, source: int = DEVICE, destination: int = CENTRE
) -> bytes:
    """A frame, laid out here by the table of the specification, 2.1."""
    body = (
        serial.to_bytes(2, "little")
        + b"\x01\x01"
        + bytes.fromhex("203A091A090C")
        + source.to_bytes(6, "little")
        + destination.to_bytes(6, "little")
        + len(data).to_bytes(2, "little")
        + bytes((command,))
        + data
    )
    return b"@@" + body + bytes((sum(body) % 256,)) + b"##"


def component(
    address: str, status: int, *, kind: int = 40, text: str = "", system: tuple[int, int] = (1, 1)
) -> bytes:
    """Application data of type 2 with one object."""
    zone, point = (int(part).to_bytes(2, "little") for part in address.split("."))
    return (
        bytes((2, 1, *system, kind))
        + zone
        + point
        + status.to_bytes(2, "little")
        + text.encode("gb18030").ljust(31, b"\0")
        + TIME
    )


def system(status: int) -> bytes:
    """Application data of type 1 for system 1.1."""
    return bytes((1, 1, 1, 1)) + status.to_bytes(2, "little") + TIME


class Heard:
    """A frame from the gateway, taken apart by the table of the specification, 2.1."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.serial = int.from_bytes(raw[2:4], "little")
        self.source = int.from_bytes(raw[12:18], "little")
        self.destination = int.from_bytes(raw[18:24], "little")
        self.command = raw[26]
        self.data = raw[27:-3]

    def __repr__(self) -> str:
        return self.raw.hex(" ")


class Panel:
    """Sends what it is told, and keeps what it hears. `answers` says what it replies to the gateway's commands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.serial = 0
        self.asked: list[Heard] = []

    async def send(self, raw: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(raw)
        await self._writer.drain()

    async def tell(self, data: bytes) -> int:
        """Application data with a new serial, which is returned."""
        self.serial += 1
        await self.send(frame(self.serial, SEND, data))
        return self.serial

    async def hear(self, seconds: float = 5) -> Heard:
        """The next frame. Raises TimeoutError, IncompleteReadError."""
        async with asyncio.timeout(seconds):
            head = await self._reader.readexactly(27)
            return Heard(head + await self._reader.readexactly(int.from_bytes(head[24:26], "little") + 3))

    async def hear_reply(self, serial: int) -> Heard:
        """The confirmation or denial of that serial; the gateway's own commands are kept in `asked`."""
        while True:
            heard = await self.hear()
            if heard.command in {CONFIRM, DENY} and heard.serial == serial:
                return heard
            self.asked.append(heard)

    async def hear_command(self, kind: int) -> Heard:
        """The next command of ours with that type flag."""
        while True:
            for heard in self.asked:
                if heard.data[:1] == bytes((kind,)):
                    self.asked.remove(heard)
                    return heard
            self.asked.append(await self.hear())

    async def confirmed(self, data: bytes) -> None:
        """Tell it, and wait for the confirmation."""
        serial = await self.tell(data)
        assert (await self.hear_reply(serial)).command == CONFIRM

    async def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether no reply comes for so long."""
        try:
            while (heard := await self.hear(seconds)).command == REQUEST:
                self.asked.append(heard)
        except TimeoutError:
            return True
        return False

    async def hear_end(self) -> list[Heard]:
        """Everything up to the end of the connection."""
        heard = []
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                heard.append(await self.hear())
        return heard

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


async def call(port: int) -> Panel:
    """A panel that calls over TCP, once the port is open."""
    for _ in range(200):
        try:
            return Panel(*await asyncio.open_connection("127.0.0.1", port))
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)
    raise TimeoutError(port)


def pty() -> tuple[int, str]:
    """Our end of a serial line, and the path of the gateway's."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    os.close(theirs)
    return ours, path


@asynccontextmanager
async def serving(
    connection: AnyConnection, sink: Recorder, clock: Clock | None = None
) -> AsyncIterator[FireDriver]:
    """The driver at work, until the end of the block."""
    driver = SPEC.build(connection, clock or SystemClock())
    assert isinstance(driver, FireDriver)
    run = asyncio.create_task(driver.run(sink))
    try:
        yield driver
    finally:
        run.cancel()
        await asyncio.wait({run}, timeout=2)
        assert run.cancelled(), run
