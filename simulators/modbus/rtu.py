"""A Modbus RTU bus on a pty pair: where frames end, how long they take on the wire, and pulled plugs."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from simulators.fault import Fault
from simulators.modbus.bus import ModbusBus
from simulators.modbus.frames import MAX_RTU_FRAME, open_rtu_frame, rtu_frame, take_rtu_request
from simulators.modbus.line import SerialLine
from simulators.modbus.slave import ModbusSlave

SILENCE_SECONDS = (
    0.02  # ends a frame that does not say its length; a shorter one is lost in a busy machine's scheduling
)
END_SECONDS = 5.0
BURST_CHARACTERS = 8  # a paced answer comes in pieces as a UART's FIFO hands them on

log = logging.getLogger(__name__)


class Pace:
    """How long things take on the wire; nothing does if `baud` is None.

    `bits` is those of a character: 11 with parity, 10 for 8N1. Silence between frames is 3.5 characters of 11 bits,
    fixed at 1.75 ms above 19200 baud (Modbus over serial line V1.02, 2.5.1.1).
    """

    def __init__(self, baud: int | None, bits: int) -> None:
        self.character = bits / baud if baud else 0.0
        self.gap = 0.0 if not baud else 0.00175 if baud > 19200 else 3.5 * 11 / baud
        self._free_at = 0.0

    def hear(self, characters: int) -> float:
        """The loop time at which a slave knows that the frame that has just come has ended.

        A master that did not wait for the silence after the last frame is taken to have done so.
        """
        begun = max(asyncio.get_running_loop().time(), self._free_at + self.gap)
        self._free_at = begun + characters * self.character
        return self._free_at + self.gap

    async def send(self, line: SerialLine, data: bytes, at: float) -> None:
        """Put an answer on the line that begins at loop time `at`; another one meanwhile is a collision, as in life."""
        if not self.character:
            line.send(data)
            return
        self._free_at = max(self._free_at, at + len(data) * self.character)
        for start in range(0, len(data), BURST_CHARACTERS):
            burst = data[start : start + BURST_CHARACTERS]
            await sleep_until(at + (start + len(burst)) * self.character)
            line.send(burst)


class ModbusRtuSimulator(ModbusBus):
    """Slaves on one serial line; `device` is the path to give to the gateway.

    `link` is that path if it shall be a certain one, else it lies in a directory of our own that `stop` removes.
    `baud` paces the line, None is as fast as it goes; `character_bits` as in `Pace`. `speeds` are slaves that listen at that
    baud rate alone: at another they hear nothing.
    """

    def __init__(
        self,
        slaves: Iterable[ModbusSlave] = (),
        *,
        link: Path | None = None,
        baud: int | None = None,
        character_bits: int = 11,
        speeds: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(slaves)
        self._speeds = dict(speeds or {})
        self._asked_link = link
        self._pace = Pace(baud, character_bits)
        self._directory: Path | None = None
        self._line: SerialLine | None = None
        self._plugged = True
        self._serving: asyncio.Task[None] | None = None
        self._busy: set[int] = set()

    @property
    def device(self) -> str:
        """The path of the gateway's end, also while unplugged. Raises RuntimeError unless started."""
        if self._line is None:
            raise RuntimeError("Modbus RTU simulator has no device yet: start it first")
        return str(self._line.link)

    async def unplug(self) -> None:
        """Pull the USB adapter: the path is gone, and who has it open gets an error."""
        self._plugged = False
        await self._settle()

    async def replug(self) -> None:
        """Put it back: the same path, a new line behind it."""
        self._plugged = True
        await self._settle()

    async def _follow(self) -> None:
        fault = self._trouble.fault
        present = self._running and self._plugged and fault is not Fault.REFUSED
        hearing = present and self._powered and fault is not Fault.HALF_OPEN
        if self._running and self._line is None:
            self._line = SerialLine(self._asked_link or self._own_link())
        if self._line is None:
            return
        if not hearing:
            await self._end_serving()
        if not present:
            self._line.unplug()
        elif not self._line.plugged:
            self._line.plug()
        if hearing and self._serving is None:
            self._line.forget()
            self._serving = asyncio.create_task(self._serve(self._line))
            self._serving.add_done_callback(_ended)
        if not self._running:
            self._line = None
            self._remove_directory()

    async def _end_serving(self) -> None:
        if self._serving is None:
            return
        serving, self._serving = self._serving, None
        serving.cancel()
        await asyncio.wait([serving], timeout=END_SECONDS)

    async def _serve(self, line: SerialLine) -> None:
        received = bytearray()
        async with asyncio.TaskGroup() as answers:
            while True:
                arrived = await line.receive(SILENCE_SECONDS if received else None)
                received += arrived
                frames = _whole(received) if arrived else [_rest(received)]
                for frame in frames:
                    if request := open_rtu_frame(frame):
                        answers.create_task(self._exchange(line, *request, self._pace.hear(len(frame))))
                    else:
                        self.malformed += 1
                # Longer than a frame, it can't become one before the next silence.
                del received[MAX_RTU_FRAME + 1 :]

    async def _exchange(self, line: SerialLine, unit: int, request: bytes, heard_at: float) -> None:
        if self._speeds.get(unit, line.baudrate) != line.baudrate:
            return
        self.requests[unit] += 1
        if unit in self._busy:  # a slave at work on one request hears no other
            return
        self._busy.add(unit)
        try:
            at = heard_at + self._think_seconds(unit)
            await sleep_until(at)
            data = self._respond(unit, request, partial(rtu_frame, unit))
        finally:
            self._busy.remove(unit)
        if data is not None:
            await self._pace.send(line, data, at)

    def _own_link(self) -> Path:
        self._directory = Path(tempfile.mkdtemp(prefix="campus-modbus-"))
        return self._directory / "rs485"

    def _remove_directory(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None


async def sleep_until(at: float) -> None:
    """Wait for that time of the event loop's clock."""
    await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))


def _ended(serving: asyncio.Task[None]) -> None:
    if not serving.cancelled() and (error := serving.exception()):
        log.error("Modbus RTU bus is deaf by a fault of the simulator", exc_info=error)


def _whole(received: bytearray) -> list[bytes]:
    """Cut off every request that is whole."""
    frames = []
    while frame := take_rtu_request(received):
        frames.append(frame)
    return frames


def _rest(received: bytearray) -> bytes:
    """After a silence, everything left is one frame, or none."""
    rest = bytes(received)
    received.clear()
    return rest
