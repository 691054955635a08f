"""The other ways to the gateway: UDP, and a serial line."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.gb26875 import SPEC
from gateway.errors import DeviceUnavailable
from gateway.model import Level, Origin, Presence
from tests.drivers.contract import ending, running
from tests.drivers.gb26875.panels import (
    ANSWER,
    CONFIRM,
    SEND,
    TIME,
    Heard,
    Panel,
    call,
    component,
    connection_of,
    frame,
    free_port,
    pty,
    serving,
)
from tests.drivers.recorder import Recorder
from tests.wait import until


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: list[Heard] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Keep it."""
        self.heard.append(Heard(data))


@pytest.mark.parametrize("transport", ["udp", "both"])
async def test_udp(tmp_path: Path, transport: str) -> None:
    """A datagram with two frames is taken as two, each confirmed to where it came from."""
    port, sink = free_port(), Recorder()
    connection = connection_of(tmp_path, f'host = "127.0.0.1"\nport = {port}\ntransport = "{transport}"')
    async with serving(connection, sink):
        await until(lambda: bool(sink.presences))
        link, heard = await asyncio.get_running_loop().create_datagram_endpoint(
            Datagrams, remote_addr=("127.0.0.1", port)
        )
        link.sendto(frame(1, SEND) + frame(2, SEND, component("10.2", 2)))
        await until(lambda: sum(one.command == CONFIRM for one in heard.heard) == 2)
        link.sendto(frame(3, SEND, component("10.2", 2))[:40])
        await until(lambda: bool(sink.garbage))
        link.close()

    assert [one.serial for one in heard.heard if one.command == CONFIRM] == [1, 2]
    assert Level.ACTIVE in sink.levels_of("smoke-201")
    assert sink.presence_of("panel") is Presence.ONLINE


async def test_tcp_beside_udp(tmp_path: Path) -> None:
    """With `both`, TCP is served on the same port."""
    port, sink = free_port(), Recorder()
    connection = connection_of(tmp_path, f'host = "127.0.0.1"\nport = {port}\ntransport = "both"')
    async with serving(connection, sink):
        panel = await call(port)
        await panel.confirmed(component("10.2", 2))
        await panel.close()


class Line:
    """The panel's end of a serial line."""

    def __init__(self) -> None:
        self.fd, self.path = pty()
        os.set_blocking(self.fd, False)
        self.raw = b""

    async def hear(self) -> Heard:
        """The next frame on the line."""

        def whole() -> bool:
            with suppress(OSError):  # nothing there, or the gateway has not opened its end yet
                self.raw += os.read(self.fd, 4096)
            return len(self.raw) >= 27 and len(self.raw) >= 30 + int.from_bytes(self.raw[24:26], "little")

        await until(whole)
        end = 30 + int.from_bytes(self.raw[24:26], "little")
        heard, self.raw = Heard(self.raw[:end]), self.raw[end:]
        return heard


async def test_serial_line(tmp_path: Path) -> None:
    """On a line the panel is asked at the start, its answer is a state; what it sends is confirmed."""
    line, sink = Line(), Recorder()
    connection = connection_of(tmp_path, f'serial = "{line.path}"\nresend_after_s = 60')
    async with serving(connection, sink):
        question = await line.hear()
        assert question.data == b"\x51\x01\x00"
        os.write(line.fd, frame(question.serial, ANSWER, b"\x15\x01\x08" + TIME))
        assert (await line.hear()).data[0] == 61
        os.write(line.fd, frame(8, SEND, component("10.2", 2)))
        reply = await line.hear()
    os.close(line.fd)

    assert (reply.command, reply.serial) == (CONFIRM, 8)
    assert sink.told_of("panel:transmitter.mains") == [(Level.ACTIVE, Origin.STATE)]
    assert Level.ACTIVE in sink.levels_of("smoke-201")
    assert sink.presence_of("panel") is Presence.ONLINE


async def test_unplugged(tmp_path: Path) -> None:
    """A line that goes away ends the run with words."""
    line, sink = Line(), Recorder()
    async with running(SPEC, connection_of(tmp_path, f'serial = "{line.path}"'), sink) as run:
        await line.hear()
        os.close(line.fd)
        words = await ending(run, DeviceUnavailable, 5)

    assert "unplugged" in words


async def test_datagram_twice(tmp_path: Path) -> None:
    """A datagram that the network doubles is one alarm, and is confirmed each time."""
    port, sink = free_port(), Recorder()
    connection = connection_of(tmp_path, f'host = "127.0.0.1"\nport = {port}\ntransport = "udp"')
    async with serving(connection, sink):
        await until(lambda: bool(sink.presences))
        link, heard = await asyncio.get_running_loop().create_datagram_endpoint(
            Datagrams, remote_addr=("127.0.0.1", port)
        )
        for _ in range(2):
            link.sendto(frame(1, SEND, component("10.2", 2)))
        await until(lambda: sum(one.command == CONFIRM for one in heard.heard) == 2)
        link.close()

    assert sink.levels_of("smoke-201").count(Level.ACTIVE) == 1


async def test_two_panels_with_one_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Both are heard and answered; a technician is told from where they call, once."""
    port = free_port()
    told: list[dict[str, str]] = []

    class Identities(Recorder):
        async def presence(
            self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
        ) -> None:
            told.append(dict(identity or {}))

    sink = Identities()
    async with serving(connection_of(tmp_path, f"port = {port}"), sink):
        one = await call(port)
        other = Panel(*await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)))
        for n in range(3):
            await one.confirmed(b"")
            await other.confirmed(component("10.2", 2, text=str(n)))
        await one.close()
        await other.close()

    assert told[-1]["also calls from"] == "127.0.0.1"
    assert sink.levels_of("smoke-201").count(Level.ACTIVE) == 3
    assert sum("are there two" in record.message for record in caplog.records) == 1
