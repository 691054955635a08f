"""A transmission device at work: it calls its centre, tells, obeys, and can be made to misbehave."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import assert_never

from gateway.clock import Clock, SystemClock
from simulators.fault import Fault
from simulators.gb26875.acts import PanelActs
from simulators.gb26875.delivery import Delivered, Delivery, Habits
from simulators.gb26875.fittings import Component, System
from simulators.gb26875.frames import SHORTEST_FRAME, Command, Damaged, Deframer, Frame, address_bytes
from simulators.gb26875.lines import Line, Link
from simulators.gb26875.orders import Orders
from simulators.gb26875.panel import FirePanel, PanelClock, default_systems

__all__ = ["FirePanelSimulator", "Habits"]

SLOW_BYTES, SLOW_SECONDS = 4, 0.05
#: The latest frames from the centre that are remembered.
MOST_HEARD = 10_000
#: The stranger that a REFUSED device is differs from it in these bits.
_STRANGER = 0x5A5A_5A5A_5A5A
#: Noise has no `@`: no frame can begin in it.
_NOISE = bytes(set(range(256)) - {0x40})

log = logging.getLogger(__name__)


class FirePanelSimulator(PanelActs):
    """A fire panel (`panel`: address 889 or another of six bytes) that calls a centre over `line`.

    `start` does not wait for the centre: `connected` does. What is told waits in `delivery` until it is confirmed.
    Raises ValueError for an address of more than six bytes, and for components that `FirePanel` refuses.
    """

    def __init__(
        self,
        line: Line,
        *,
        panel: int = 889,
        centre: int = 88888,
        systems: Sequence[System] = (),
        components: Iterable[Component] = (),
        habits: Habits | None = None,
        clock: Clock | None = None,
        in_service_bit: bool = True,
    ) -> None:
        for address in (panel, centre):
            address_bytes(address)  # raises now rather than at the first frame
        self.address = panel
        self.centre = centre
        self.line = line
        self.habits = habits or Habits()
        self.heard: deque[Frame] = deque(maxlen=MOST_HEARD)
        self.foreign = 0  # frames for another device
        self.damaged = 0  # frames whose checksum was wrong
        wired = list(components)
        used = clock or SystemClock()
        self.clock = PanelClock(used)
        fittings = FirePanel(
            self.clock, systems or default_systems(wired), wired, in_service_bit=in_service_bit
        )
        super().__init__(fittings, Orders(fittings, used), Delivery(self.habits, used, self._pack))
        self._fault = Fault.NONE
        self._running, self._powered = False, True
        self._settling = asyncio.Lock()
        self._calling: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._connected = asyncio.Event()
        self._passing = asyncio.Event()  # cleared while half-open
        self._telling = asyncio.Event()  # cleared while half-open or silent
        self._passing.set()
        self._telling.set()
        self._writing = asyncio.Lock()
        self._cut_after: int | None = None
        self._dice = random.Random(26875)  # the same noise on each run

    async def start(self) -> None:
        """Begin to call. Raises OSError where the serial path can't be had."""
        self.line.prepare()
        self._running = True
        await self._settle()

    async def stop(self) -> None:
        """End, and let go of every socket, file and task. What waits is kept for the next start."""
        self._running = False
        await self._settle()
        self.line.release()

    async def misbehave(self, fault: Fault) -> None:
        """Have this fault in place of the one before, also on the connection that is open."""
        another_device = (fault is Fault.REFUSED) is not (self._fault is Fault.REFUSED)
        self._fault = fault
        _set(self._passing, on=fault is not Fault.HALF_OPEN)
        _set(self._telling, on=fault not in {Fault.HALF_OPEN, Fault.SILENT})
        if another_device:
            await self._settle(anew=True)

    async def power_cycle(self, off_seconds: float) -> None:
        """Lose power, stay away so long, come back with serial numbers from 0 and all that was not confirmed."""
        await self.power_off()
        try:
            await asyncio.sleep(off_seconds)
        finally:
            await self.power_on()

    async def power_off(self) -> None:
        """Vanish: a TCP connection is reset. Acts go on meanwhile and are told later."""
        self._powered = False
        await self._settle()

    async def power_on(self) -> None:
        """Call again with start-up state; nothing rings any longer."""
        if not self._powered:
            self.delivery.restart()
            self.orders.guard_check = None
        self._powered = True
        await self._settle()

    # What a test waits for and looks at.

    @property
    def confirmed(self) -> Sequence[Delivered]:
        """The latest reports that the centre has taken, oldest first."""
        return self.delivery.confirmed

    async def connected(self, seconds: float = 10.0) -> None:
        """Return once the line is open. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await self._connected.wait()

    async def delivered(self, seconds: float = 10.0) -> None:
        """Return once everything is confirmed. Raises TimeoutError."""
        await self.delivery.delivered(seconds)

    # Bytes as a test wants them.

    def frame(self, data: bytes, command: Command = Command.SEND) -> bytes:
        """A frame with the next serial number that is not in the queue: for `send_raw`, whole, spoiled or twice."""
        return self._encoded(self.delivery.take_serial(), command, data, self.centre)

    async def send_raw(self, data: bytes, *, piece: int | None = None, pause_s: float = 0.0) -> None:
        """Put bytes on the line as they are, in pieces of so many with a pause between. Raises ConnectionError without one.

        Joined frames are simply joined bytes; a duplicate is the same bytes twice.
        """
        if self._link is None:
            raise ConnectionError("the line is not open")
        async with self._writing:
            for start in range(0, len(data), piece or len(data)):
                await self._link.send(data[start : start + (piece or len(data))])
                await asyncio.sleep(pause_s)

    def cut_next(self, after: int) -> None:
        """Drop the connection so many bytes into the next report; it goes out whole on the connection after."""
        self._cut_after = after

    # At work.

    async def _settle(self, *, anew: bool = False) -> None:
        async with self._settling:
            serving = self._running and self._powered
            if self._calling is not None and (anew or not serving):
                self._calling.cancel()
                await asyncio.wait([self._calling])
                calling, self._calling = self._calling, None
                if not calling.cancelled():
                    calling.result()  # an error of the simulator itself
            if anew:
                self.delivery.repack()
            if serving and self._calling is None:
                self._calling = asyncio.create_task(self._call(), name="fire panel")

    async def _call(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.habits.connect_s):
                    link = await self.line.open()
            except OSError as error:
                log.debug("no way to the centre: %s", error)
            else:
                log.info("fire panel %s has its line %s", self.address, self.line)
                await self._serve(link)
            await asyncio.sleep(self.habits.retry_s)

    async def _serve(self, link: Link) -> None:
        self._link = link
        self._connected.set()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._listen(link))
                both.create_task(self.delivery.run(lambda frame: self._tell(link, frame)))
        except* OSError as errors:
            log.info("fire panel %s lost its line: %s", self.address, errors.exceptions[0])
        finally:
            self._link = None
            self._connected.clear()
            link.close()

    async def _listen(self, link: Link) -> None:
        deframer = Deframer()
        while True:
            data = await link.receive()
            await self._passing.wait()
            if not data:
                raise ConnectionError("the centre has ended the connection")
            if self._fault is Fault.SILENT:
                continue
            found = deframer.feed(data)
            for frame in [*found, *(deframer.give_up() if link.datagrams else [])]:
                await self._hear(link, frame)

    async def _hear(self, link: Link, frame: Frame | Damaged) -> None:
        if isinstance(frame, Damaged):
            self.damaged += 1
            await self._reply(link, frame, Command.DENY)
        elif frame.destination != self.address:
            self.foreign += 1
        else:
            self.heard.append(frame)
            await self._obey(link, frame)

    async def _obey(self, link: Link, frame: Frame) -> None:
        try:
            match frame.command:
                case Command.CONFIRM | Command.DENY:
                    self.delivery.settle(frame.serial, confirmed=frame.command == Command.CONFIRM)
                case Command.CONTROL:
                    self.orders.execute(frame.data)
                    await self._reply(link, frame, Command.CONFIRM)
                case Command.REQUEST:
                    await self._reply(link, frame, Command.ANSWER, self.orders.answer(frame.data))
                case _:
                    await self._reply(link, frame, Command.DENY)
        except ValueError as error:
            log.debug("denied to the centre: %s", error)
            await self._reply(link, frame, Command.DENY)

    async def _reply(self, link: Link, to: Frame | Damaged, command: Command, data: bytes = b"") -> None:
        if self._telling.is_set():
            await self._write(link, self._encoded(to.serial, command, data, to.source))

    async def _tell(self, link: Link, frame: bytes) -> None:
        await self._telling.wait()
        cut = self._cut_after
        if cut is None or len(frame) == SHORTEST_FRAME:  # which is a heartbeat
            await self._write(link, frame)
            return
        self._cut_after = None
        await self._write(link, frame[:cut])
        await link.end()
        raise ConnectionError(f"cut {cut} bytes into a frame")

    async def _write(self, link: Link, frame: bytes) -> None:
        async with self._writing:
            match self._fault:
                case Fault.SLOW if link.datagrams:
                    await asyncio.sleep(SLOW_SECONDS * len(frame) / SLOW_BYTES)
                    await link.send(frame)
                case Fault.SLOW:
                    for start in range(0, len(frame), SLOW_BYTES):
                        await link.send(frame[start : start + SLOW_BYTES])
                        await asyncio.sleep(SLOW_SECONDS)
                case Fault.GARBAGE:
                    for data in (self._noise(), frame, self._noise()):
                        await link.send(data)
                case Fault.NONE | Fault.SILENT | Fault.HALF_OPEN | Fault.REFUSED:
                    await link.send(frame)
                case never:
                    assert_never(never)

    def _pack(self, serial: int, data: bytes) -> bytes:
        return self._encoded(serial, Command.SEND, data, self.centre)

    def _encoded(self, serial: int, command: Command, data: bytes, to: int) -> bytes:
        source = self.address ^ _STRANGER if self._fault is Fault.REFUSED else self.address
        return Frame(
            serial=serial,
            source=source,
            destination=to,
            command=command,
            time=self.clock.stamp(),
            data=data,
        ).encode()

    def _noise(self) -> bytes:
        return bytes(self._dice.choices(_NOISE, k=self._dice.randint(5, 24)))


def _set(event: asyncio.Event, *, on: bool) -> None:
    if on:
        event.set()
    else:
        event.clear()
