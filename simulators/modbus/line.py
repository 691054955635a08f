"""One serial line made of a pty pair, under a path that stays the same as a /dev/serial/by-id name does."""

import asyncio
import os
import termios
import tty
from pathlib import Path

RECEIVED_LIMIT = 1024  # bytes; a UART holds less. What comes on top is lost
_READ_BYTES = 1024
_SPEEDS = {
    getattr(termios, f"B{baud}"): baud for baud in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
}


class SerialLine:
    """The simulator's end of the line; `link` is a symbolic link to the end that a gateway opens.

    Our own handle on that end stays open, so that the line keeps raw and does not hang up between two masters.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self._ends: tuple[int, int] | None = None
        self._received = bytearray()
        self._arrived = asyncio.Event()

    @property
    def plugged(self) -> bool:
        """Whether the path is there."""
        return self._ends is not None

    @property
    def baudrate(self) -> int:
        """What the gateway has set its end to, in baud; 0 for a speed that has no name. Parity does not exist on a pty."""
        if self._ends is None:
            return 0
        return _SPEEDS.get(termios.tcgetattr(self._ends[1])[4], 0)

    def plug(self) -> None:
        """Make a fresh pty pair and put the link to it. Raises FileExistsError where the link would cover a file."""
        if self.link.exists() and not self.link.is_symlink():
            raise FileExistsError(f"{self.link} is no symbolic link: name a path that is free")
        ours, theirs = self._ends = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        asyncio.get_running_loop().add_reader(ours, self._take, ours)
        fresh = self.link.with_name(f"{self.link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(theirs))
        fresh.replace(self.link)

    def unplug(self) -> None:
        """Take link and line away; whoever has it open gets an end of file or EIO, as with a pulled USB adapter."""
        if self._ends is None:
            return
        asyncio.get_running_loop().remove_reader(self._ends[0])
        self.link.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = None
        self.forget()

    def forget(self) -> None:
        """Drop what has been received."""
        self._received.clear()
        self._arrived.clear()

    async def receive(self, silence: float | None) -> bytes:
        """What has arrived, at least a byte; nothing after so many seconds of silence (None: wait for ever)."""
        try:
            async with asyncio.timeout(silence):
                await self._arrived.wait()
        except TimeoutError:
            if not self._arrived.is_set():  # else they came in the very moment of the time-out
                return b""
        received = bytes(self._received)
        self.forget()
        return received

    def send(self, data: bytes) -> None:
        """Put bytes on the line. What the other end has left no room for is lost: a serial line does not wait."""
        if self._ends is None:
            return
        try:
            os.write(self._ends[0], data)
        except BlockingIOError:
            return

    def _take(self, ours: int) -> None:
        data = os.read(ours, _READ_BYTES)
        self._received += data[: RECEIVED_LIMIT - len(self._received)]
        self._arrived.set()
