"""One serial line on the event loop, for drivers that listen to a receiver: opened for us alone, read and written.

pyserial opens and sets the line. Reading and writing are our own: its asyncio transports spin in `write` while the
kernel takes no more bytes, which stops the whole process.
"""

import asyncio
import errno
import os
import termios
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

import serial

from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable, GatewayError

#: Opening a line takes so long at most, in seconds.
OPEN_LIMIT_S = 3.0

#: What is sent leaves within so many seconds, or the line is taken for broken.
SEND_LIMIT_S = 5.0

#: Bytes that nobody has read yet, at most; then the rest waits in the kernel, which drops what it has no room for.
UNREAD_LIMIT = 4096


@dataclass(frozen=True)
class LineSettings:
    """Which line, by its path, and how characters go over it."""

    path: str
    baudrate: int = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1

    def __str__(self) -> str:
        """As a technician says it: `9600 8N1`."""
        return f"{self.baudrate} {self.bytesize}{self.parity}{self.stopbits}"


class SerialLine:
    """One open line; made by `open_line`. One task reads, and one at a time sends.

    `heard_at` is the monotonic second at which the last bytes came, or the line was opened.
    """

    def __init__(self, port: serial.Serial, name: str, clock: Clock) -> None:
        self.name = name
        self.heard_at = clock.monotonic()
        self._port = port
        self._fd: int = port.fileno()
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._unread = bytearray()
        self._arrived = asyncio.Event()
        self._gone = False
        self._reading = False
        self._stuck = False
        self._resume()

    async def read(self) -> bytes:
        """What has come, at least one byte; b"" when the line is gone (unplugged) and all that came was read."""
        await self._arrived.wait()
        data = bytes(self._unread)
        self._unread.clear()
        if not self._gone:
            self._arrived.clear()
            self._resume()
        return data

    async def send(self, data: bytes) -> None:
        """Put bytes on the line; returns when the kernel has them. Raises ConnectionError, within 5 s."""
        rest = memoryview(data)
        self._stuck = True
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                while rest:
                    rest = rest[self._write(rest) :]
                    if rest:
                        await self._room()
            self._stuck = False
        except TimeoutError as error:
            raise ConnectionError(f"{self.name} takes no bytes for {SEND_LIMIT_S:g} s") from error
        except OSError as error:
            raise ConnectionError(f"{self.name} is gone ({error.strerror or error})") from error

    def close(self) -> None:
        """Let go of the line at once; doing so twice does no harm."""
        if self._port.is_open:
            self._gone = True
            self._arrived.set()
            self._pause()
            self._loop.remove_writer(self._fd)
            _close(self._port, drop=self._stuck)

    def _write(self, data: memoryview) -> int:
        if self._gone:
            raise ConnectionError("closed")
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0

    async def _room(self) -> None:
        """Wait until the kernel takes bytes again."""
        ready = asyncio.Event()
        self._loop.add_writer(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._fd)

    def _take(self) -> None:
        try:
            data = os.read(self._fd, UNREAD_LIMIT - len(self._unread))
        except BlockingIOError:
            return
        except OSError:  # EIO: the adapter is pulled
            data = b""
        self._unread += data
        self._arrived.set()
        if data:
            self.heard_at = self._clock.monotonic()
        else:
            self._gone = True
        if self._gone or len(self._unread) >= UNREAD_LIMIT:
            self._pause()

    def _resume(self) -> None:
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._fd, self._take)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)


@asynccontextmanager
async def open_line(settings: LineSettings, clock: Clock) -> AsyncIterator[SerialLine]:
    """The line, until the end of the block; nobody else who asks for it alone can open it meanwhile.

    Raises DeviceUnavailable where it is not there or in use, DeviceRefused where a person must give the right to it.
    """
    line = SerialLine(await _open(settings), settings.path, clock)
    try:
        yield line
    finally:
        line.close()


async def _open(settings: LineSettings) -> serial.Serial:
    """In a thread: an adapter that hangs holds up its own open only. If nobody waits any more, it is closed again."""
    opening = partial(
        serial.Serial,
        settings.path,
        baudrate=settings.baudrate,
        bytesize=settings.bytesize,
        parity=settings.parity,
        stopbits=settings.stopbits,
        exclusive=True,
        timeout=0,
        inter_byte_timeout=0,  # VMIN = 1: no bytes are then EAGAIN, and nothing at all is the end of the line
    )
    thread = asyncio.get_running_loop().run_in_executor(None, opening)
    try:
        async with asyncio.timeout(OPEN_LIMIT_S):
            return await asyncio.shield(thread)
    except TimeoutError as error:
        thread.add_done_callback(_close_late)
        raise DeviceUnavailable(
            f"{settings.path} does not open in {OPEN_LIMIT_S:g} s; unplug the adapter and plug it in again"
        ) from error
    except asyncio.CancelledError:
        thread.add_done_callback(_close_late)
        raise
    except OSError as error:
        raise _why_not(settings.path, error) from error
    except ValueError as error:
        raise DeviceRefused(f"{settings.path} can't do {settings} ({error}); check `baudrate`") from error


def _close_late(opening: "asyncio.Future[serial.Serial] | Future[serial.Serial]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result(), drop=True)


def _close(port: serial.Serial, *, drop: bool) -> None:
    """What has not left yet is dropped where the line takes nothing: closing would wait for it."""
    if drop:
        with suppress(OSError, termios.error):  # the adapter may be pulled already
            port.reset_output_buffer()
    port.close()


def _why_not(path: str, error: OSError) -> GatewayError:
    words = error.strerror or str(error)
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return DeviceRefused(
                f"{path} may not be opened ({words}); give the gateway's user the right to it"
            )
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return DeviceUnavailable(
                f"{path} is not there; check that the adapter is plugged in, and `serial`"
            )
        case errno.EAGAIN | errno.EBUSY:
            return DeviceUnavailable(f"{path} is in use by another program; stop that one")
        case _:
            return DeviceUnavailable(f"{path} can't be used as a serial line ({words}); check `serial`")
