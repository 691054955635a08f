"""A receiver at a serial line: tells the computer one line after another until each is acknowledged, and that it lives."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulators.contact_id.lines import (
    ACK,
    FIRST,
    HEARTBEAT,
    NAK,
    Form,
    Origin,
    alarm_code,
    contact_id_line,
    known_code,
    sia_line,
)
from simulators.contact_id.passing import Passing
from simulators.delivery import Delivered, Delivery
from simulators.fault import Fault
from simulators.modbus.line import SerialLine

HEARTBEAT_SECONDS = 30.0
ACK_SECONDS = 4.0
REPEATS = 3

_QUIET = {Fault.SILENT, Fault.HALF_OPEN}


@dataclass(frozen=True, slots=True)
class ReceiverEvent:
    """A line in the receiver's memory, as it goes on the wire."""

    data: bytes

    def __str__(self) -> str:
        return self.data[:-1].decode()


class ContactIdReceiverSimulator:
    """A receiver of panels; `device` is the path to give to the gateway, a link that stays while the pty behind it changes.

    A line that is not acknowledged within `ack_timeout_s` is sent three times more; then the receiver stores all, and resumes with the first
    heartbeat that is acknowledged. Its memory outlives a power cut. `baud` paces the line, None is as fast as it goes.
    """

    def __init__(
        self,
        *,
        link: Path | None = None,
        baud: int | None = None,
        form: Form = Form.CID,
        account: str = "1234",
        origin: Origin = FIRST,
        heartbeat_s: float = HEARTBEAT_SECONDS,
        ack_timeout_s: float = ACK_SECONDS,
    ) -> None:
        self.form = form
        self.account = account
        self.delivery: Delivery[ReceiverEvent] = Delivery()
        self.heartbeats = 0  # acknowledged
        self.storing = False
        self.unexpected = 0  # bytes that were neither ACK nor NAK
        self.on_acknowledged: Callable[[Delivered[ReceiverEvent]], None] = lambda _done: None
        self._asked_link = link
        self._passing = Passing(baud)
        self._origin = origin
        self._heartbeat_s = heartbeat_s
        self._ack_timeout_s = ack_timeout_s
        self._fault = Fault.NONE
        self._kinds: dict[int, str] = {}
        self._wake = asyncio.Event()
        self._directory: Path | None = None
        self._line: SerialLine | None = None
        self._running, self._powered, self._plugged = False, True, True
        self._serving: asyncio.Task[None] | None = None
        self._settling = asyncio.Lock()

    # ---- life

    async def start(self) -> None:
        """Lay the line; returns when the path is there. Raises OSError if it can't be had."""
        self._running = True
        await self._settle()

    async def stop(self) -> None:
        """End, and let go of line, path and task."""
        self._running = False
        await self._settle()

    async def power_off(self) -> None:
        """Fall silent; the path stays, since the adapter is the computer's."""
        self._powered = False
        await self._settle()

    async def power_on(self) -> None:
        """Come back; what is in the memory is sent first."""
        self._powered = True
        await self._settle()

    async def power_cycle(self, off_seconds: float) -> None:
        """Lose power, stay away so long, come back."""
        await self.power_off()
        try:
            await asyncio.sleep(off_seconds)
        finally:
            await self.power_on()

    async def unplug(self) -> None:
        """Pull the USB adapter: the path is gone, and who has it open gets an error."""
        self._plugged = False
        await self._settle()

    async def replug(self) -> None:
        """Put it back: the same path, a new line behind it."""
        self._plugged = True
        await self._settle()

    async def misbehave(self, fault: Fault) -> None:
        """Change the fault; it outlives a power cycle.

        SILENT sends nothing; SLOW three bytes each 50 ms; GARBAGE noise before and after each line; HALF_OPEN passes nothing either way, which a
        serial line shows no other than SILENT; REFUSED takes the path away.
        """
        self._fault = fault
        self._wake.set()
        await self._settle()

    @property
    def device(self) -> str:
        """The path of the gateway's end, also while unplugged. Raises RuntimeError unless started."""
        if self._line is None:
            raise RuntimeError("the receiver has no device yet: start it first")
        return str(self._line.link)

    # ---- what panels call in

    def press(self, zone: int, kind: str = "panic") -> ReceiverEvent:
        """Queue an alarm of that zone. Raises ValueError for a kind that is not in `alarm_codes.KINDS`."""
        event = self.send(alarm_code(self.form, kind), zone)
        self._kinds[zone] = kind
        return event

    def restore(self, zone: int) -> ReceiverEvent:
        """Queue the return of what was pressed there last, panic if nothing was."""
        return self.send(alarm_code(self.form, self._kinds.get(zone, "panic"), restored=True), zone)

    def send(self, code: str, zone: int, group: int = 1, account: str | None = None) -> ReceiverEvent:
        """Queue any code: `1120` of Contact ID, `PA` of SIA. Raises ValueError for what does not fit a line."""
        caller = account or self.account
        if self.form is Form.SIA:
            return self.send_line(sia_line(self._origin, caller, code, zone))
        return self.send_line(contact_id_line(self._origin, caller, code, group, zone))

    def send_line(self, data: bytes) -> ReceiverEvent:
        """Queue a line as it is, right or not; its DC4 is part of it."""
        event = ReceiverEvent(data)
        self.delivery.put(event)
        self._wake.set()
        return event

    def known_code(self, code: str) -> str:
        """The code, if its format can say it. Raises ValueError."""
        return known_code(self.form, code)

    # ---- what goes wrong with the next line sent, once

    def split_next(self, at: int, pause_s: float = 0.1) -> None:
        """In two pieces, with a pause between."""
        self._passing.split_next(at, pause_s)

    def duplicate_next(self) -> None:
        """Twice."""
        self._passing.duplicate_next()

    def cut_next(self, at: int) -> None:
        """Only its beginning; its repetition is whole."""
        self._passing.cut_next(at)

    def send_raw(self, data: bytes) -> None:
        """Put these bytes on the line now."""
        if self._line is not None:
            self._line.send(data)

    # ---- what became of it

    @property
    def acknowledged(self) -> Sequence[Delivered[ReceiverEvent]]:
        """What was acknowledged, in order; heartbeats are only counted."""
        return self.delivery.delivered

    @property
    def waiting(self) -> tuple[ReceiverEvent, ...]:
        """What is still to be told, the head first."""
        return tuple(self.delivery.waiting)

    async def all_acknowledged(self, within_s: float = 60.0) -> None:
        """Return when nothing waits. Raises TimeoutError."""
        await self.delivery.all(within_s)

    async def acknowledgement(self, number: int, within_s: float = 60.0) -> Delivered[ReceiverEvent]:
        """The `number`-th acknowledgement, from 1, as soon as it is there. Raises TimeoutError."""
        return await self.delivery.count(number, within_s)

    # ---- inside

    async def _settle(self) -> None:
        """Make line and task what power, plug and fault ask for."""
        async with self._settling:
            present = self._running and self._plugged and self._fault is not Fault.REFUSED
            if self._running and self._line is None:
                self._line = SerialLine(self._asked_link or self._own_link())
            if self._line is None:
                return
            if not (present and self._powered):
                await self._end_serving()
            if not present:
                self._line.unplug()
            elif not self._line.plugged:
                self._line.plug()
            if present and self._powered and self._serving is None:
                self._serving = asyncio.create_task(self._serve(self._line))
            if not self._running:
                self._line = None
                self._remove_directory()

    async def _end_serving(self) -> None:
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.cancel()
            await asyncio.wait([serving])
            if not serving.cancelled():
                serving.result()

    async def _serve(self, line: SerialLine) -> None:
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        self.storing = False
        while True:
            self._wake.clear()
            if self._fault in _QUIET:
                await self._wake.wait()
            elif loop.time() >= beat_at:
                beat_at = loop.time() + self._heartbeat_s
                await self._beat(line)
            elif self.delivery.waiting and not self.storing:
                await self._deliver(line, self.delivery.waiting[0])
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(beat_at):
                        await self._wake.wait()

    async def _beat(self, line: SerialLine) -> None:
        if await self._ask(line, HEARTBEAT):
            self.heartbeats += 1
            self.storing = False

    async def _deliver(self, line: SerialLine, event: ReceiverEvent) -> None:
        for attempt in range(1, 2 + REPEATS):
            if await self._ask(line, event.data):
                self.on_acknowledged(self.delivery.deliver(event.data, attempt))
                return
            if self._fault in _QUIET:
                return
        self.storing = True

    async def _ask(self, line: SerialLine, data: bytes) -> bool:
        """Send a line; whether it was acknowledged in time."""
        line.forget()
        await self._passing.transmit(line, data, self._fault)
        deadline = asyncio.get_running_loop().time() + self._ack_timeout_s
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            for byte in await line.receive(left):
                if byte in {ACK, NAK} and self._fault is not Fault.HALF_OPEN:
                    return byte == ACK
                self.unexpected += 1
        return False

    def _own_link(self) -> Path:
        self._directory = Path(tempfile.mkdtemp(prefix="campus-receiver-"))
        return self._directory / "receiver"

    def _remove_directory(self) -> None:
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None
