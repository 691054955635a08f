"""How a line passes over the wire: at its pace, in pieces, twice, cut off, with noise around it."""

import asyncio
import random
from collections.abc import Callable

from simulators.contact_id.lines import END, HEARTBEAT
from simulators.fault import Fault
from simulators.modbus.line import SerialLine

#: How a slow line passes: so many bytes, then a pause. A paced line comes in bursts of a UART's FIFO.
SLOW_BYTES, SLOW_SECONDS = 3, 0.05
BURST_CHARACTERS, CHARACTER_BITS = 8, 10


class Passing:
    """What goes wrong with a line on its way; `baud` paces it, None is as fast as it goes.

    What is asked for the next line is done once, and to no heartbeat.
    """

    def __init__(self, baud: int | None) -> None:
        self._baud = baud
        self._dice = random.Random(18)  # the same noise on each run
        self._next: Callable[[bytes], list[bytes]] | None = None
        self._pause_s = 0.0

    def split_next(self, at: int, pause_s: float = 0.1) -> None:
        """In two pieces, with a pause between."""
        self._next, self._pause_s = (lambda data: [data[:at], data[at:]]), pause_s

    def duplicate_next(self) -> None:
        """Twice."""
        self._next, self._pause_s = (lambda data: [data + data]), 0.0

    def cut_next(self, at: int) -> None:
        """Only its beginning; its repetition is whole."""
        self._next, self._pause_s = (lambda data: [data[:at]]), 0.0

    async def transmit(self, line: SerialLine, data: bytes, fault: Fault) -> None:
        """Send a line, as it was asked for and as the fault has it."""
        pieces = [data]
        if self._next is not None and data != HEARTBEAT:
            pieces, self._next = self._next(data), None
        if fault is Fault.GARBAGE:
            pieces = [self._noise(), *pieces, self._noise()]
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(self._pause_s)
            await self._pass(line, piece, slow=fault is Fault.SLOW)

    async def _pass(self, line: SerialLine, data: bytes, *, slow: bool) -> None:
        size, pause = len(data), 0.0
        if slow:
            size, pause = SLOW_BYTES, SLOW_SECONDS
        elif self._baud:
            size, pause = BURST_CHARACTERS, BURST_CHARACTERS * CHARACTER_BITS / self._baud
        for at in range(0, len(data), size):
            line.send(data[at : at + size])
            if pause:
                await asyncio.sleep(pause)

    def _noise(self) -> bytes:
        """Bytes that are no line: they end with a DC4, as a line that was hit, so that the next one stands alone."""
        return bytes(self._dice.choices(range(0x80, 0x100), k=self._dice.randint(5, 24))) + END
