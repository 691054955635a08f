"""A serial line on the event loop, tried on pty pairs."""

import asyncio
import os
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import ANY

import pytest
import serial

from drivers import serial_line
from drivers.serial_line import UNREAD_LIMIT, LineSettings, SerialLine, open_line
from gateway.clock import SystemClock
from gateway.errors import DeviceUnavailable
from tests.clocks import ManualClock
from tests.drivers.contract import open_files
from tests.wait import until


class Adapter:
    """The other end of the line, and a path that stays as /dev/serial/by-id does."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.ours = -1
        self.plug()

    def plug(self) -> None:
        """Put it in: a new line under the same path."""
        self.ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(self.ours, False)
        self.link.symlink_to(os.ttyname(theirs))
        self._theirs = theirs

    def unplug(self) -> None:
        """Pull it."""
        if self.ours >= 0:
            self.link.unlink()
            os.close(self.ours)
            os.close(self._theirs)
            self.ours = -1

    def write(self, data: bytes) -> int:
        """What the other end sends; returns how much there was room for."""
        try:
            return os.write(self.ours, data)
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        """What has come to the other end."""
        try:
            return os.read(self.ours, 65536)
        except BlockingIOError:
            return b""

    @property
    def settings(self) -> LineSettings:
        """As it is opened."""
        return LineSettings(str(self.link))


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    made = Adapter(tmp_path / "line")
    yield made
    made.unplug()


async def all_of(line: SerialLine, count: int) -> bytes:
    data = b""
    async with asyncio.timeout(10):
        while len(data) < count:
            data += await line.read()
    return data


async def test_both_ways(adapter: Adapter) -> None:
    """All 256 byte values go through unchanged, both ways: the line is raw."""
    every = bytes(range(256))
    async with open_line(adapter.settings, SystemClock()) as line:
        adapter.write(every)
        assert await all_of(line, 256) == every

        await line.send(every)
        await until(lambda: adapter.read() == every)


@pytest.mark.parametrize("parity", ["N", "E", "O"])
@pytest.mark.parametrize("bytesize", [7, 8])
async def test_settings_open(adapter: Adapter, parity: str, bytesize: int) -> None:
    """Every way in which a receiver's line can be set is taken, and said as technicians do."""
    settings = LineSettings(str(adapter.link), 1200, bytesize, parity, 2)  # type: ignore[arg-type]  # parametrised
    async with open_line(settings, SystemClock()) as line:
        adapter.write(b"1")
        assert await line.read() == b"1"
    assert str(settings) == f"1200 {bytesize}{parity}2"


async def test_unread_is_bounded(adapter: Adapter) -> None:
    """Beyond 4 KiB that nobody reads nothing is taken from the kernel; reading goes on when there is room."""
    async with open_line(adapter.settings, SystemClock()) as line:
        sent = 0
        for _ in range(200):
            sent += adapter.write(b"x" * 512)
            await asyncio.sleep(0)
        await until(lambda: len(line._unread) == UNREAD_LIMIT)
        await asyncio.sleep(0.05)
        assert len(line._unread) == UNREAD_LIMIT

        assert len(await line.read()) == UNREAD_LIMIT
        assert len(await all_of(line, sent - UNREAD_LIMIT)) == sent - UNREAD_LIMIT


async def test_unplugged(adapter: Adapter) -> None:
    """Who reads hears the end of the line as b"", after what had come; put back, the same path opens again."""
    async with open_line(adapter.settings, SystemClock()) as line:
        adapter.write(b"last")
        assert await line.read() == b"last"
        adapter.unplug()
        async with asyncio.timeout(5):
            assert await line.read() == b""
            assert await line.read() == b""
        with pytest.raises(ConnectionError):
            await line.send(b"x")

    with pytest.raises(DeviceUnavailable, match="not there"):
        async with open_line(adapter.settings, SystemClock()):
            pass
    adapter.plug()
    async with open_line(adapter.settings, SystemClock()) as line:
        adapter.write(b"again")
        assert await all_of(line, 5) == b"again"


async def test_nobody_takes_what_is_sent(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that takes no bytes ends the sending with ConnectionError, and never stops the event loop."""
    monkeypatch.setattr(serial_line, "SEND_LIMIT_S", 0.2)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    async with open_line(adapter.settings, SystemClock()) as line:
        ticking = asyncio.create_task(tick())
        with pytest.raises(ConnectionError, match="takes no bytes"):
            await line.send(b"x" * 1_000_000)
        ticking.cancel()
    assert ticks > 5


async def test_sends_more_than_fits(adapter: Adapter) -> None:
    """What is more than the kernel takes at once arrives whole, while the other end reads."""
    data = bytes(range(256)) * 200
    async with open_line(adapter.settings, SystemClock()) as line:
        sending = asyncio.create_task(line.send(data))
        got = b""
        async with asyncio.timeout(10):
            while len(got) < len(data):
                got += adapter.read()
                await asyncio.sleep(0)
        await sending
    assert got == data


async def test_in_use(adapter: Adapter) -> None:
    """A line has one master: a second one is told so, and it opens when the first has let go."""
    async with open_line(adapter.settings, SystemClock()):
        with pytest.raises(DeviceUnavailable, match="in use by another program"):
            async with open_line(adapter.settings, SystemClock()):
                pass
    async with open_line(adapter.settings, SystemClock()):
        pass


@pytest.mark.parametrize("kind", ["file", "folder"])
async def test_no_serial_line(tmp_path: Path, kind: str) -> None:
    """A path that is no line is said in words."""
    path = tmp_path / "thing"
    if kind == "file":
        path.write_text("x", encoding="utf-8")
    else:
        path.mkdir()
    with pytest.raises(DeviceUnavailable, match="can't be used as a serial line"):
        async with open_line(LineSettings(str(path)), SystemClock()):
            pass


@pytest.mark.parametrize("number", [13, 1])
def test_no_right(number: int) -> None:
    """Without the right to the line a person is asked for it. As root nothing is refused, so by its error alone."""
    error = serial_line._why_not("/dev/x", serial.SerialException(number, "Permission denied"))

    assert "give the gateway's user the right" in str(error)


async def test_leaves_nothing_open(adapter: Adapter) -> None:
    """After the block nothing is open, however it ends, also with bytes that nobody takes."""
    before = open_files()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2), open_line(adapter.settings, SystemClock()) as line:
            await line.send(b"x" * 1_000_000)
    assert open_files() == before


async def test_cancelled_while_it_opens(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open that nobody waits for any more is closed when it is done at last; one that hangs is told."""
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    real = serial.Serial

    def slow(*args: object, **keys: object) -> serial.Serial:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)
        return real(*args, **keys)

    before = open_files()
    monkeypatch.setattr(serial, "Serial", slow)
    monkeypatch.setattr(serial_line, "OPEN_LIMIT_S", 0.1)
    with pytest.raises(DeviceUnavailable, match="does not open"):
        async with open_line(adapter.settings, SystemClock()):
            pass
    release.set()
    await until(lambda: open_files() == before)


async def test_heard_at(adapter: Adapter) -> None:
    """It remembers when bytes came last, by the clock that it was given."""
    clock = ManualClock()
    async with open_line(adapter.settings, clock) as line:
        assert (line.heard_at, line.name) == (1000.0, ANY)
        clock.advance(7)
        adapter.write(b"x")
        await line.read()
        assert line.heard_at == 1007.0
