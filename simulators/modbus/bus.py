"""What TCP and serial line have in common: the slaves on a bus, how bus and slaves misbehave, and the counting."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from simulators.fault import Fault
from simulators.modbus import pdu
from simulators.modbus.pdu import ExceptionCode
from simulators.modbus.slave import ModbusSlave

SLOW_SECONDS = 1.0  # longer than the time-out of any gateway that wants to poll many slaves
MOST_ASKED = 10_000
_BROADCAST = 0


class Quirk(StrEnum):
    """What can be wrong with answers beside the faults; one at a time, and `NONE` is health."""

    NONE = "none"
    TWICE = "twice"  # each answer is sent twice
    CUT = "cut"  # half an answer, then nothing more: over TCP the connection breaks


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A fault with its particulars: the delay of SLOW in seconds, the exception with which a slave is REFUSED."""

    fault: Fault = Fault.NONE
    delay: float = 0.0
    exception: ExceptionCode = ExceptionCode.DEVICE_FAILURE


_HEALTHY = _Trouble()


class ModbusBus(ABC):
    """Slaves that share a connection, and the faults of the bus and of each slave.

    `requests` counts by slave id what arrived whole, answered or not, also for ids where nobody is; `malformed` counts
    what was no frame; `asked` are the last `MOST_ASKED` requests that were heard, id and PDU, in order. Raises ValueError if two slaves have one id.
    """

    def __init__(self, slaves: Iterable[ModbusSlave], *, absent: ExceptionCode | None = None) -> None:
        self.slaves: dict[int, ModbusSlave] = {}
        for slave in slaves:
            if slave.slave_id in self.slaves:
                raise ValueError(f"two slaves with id {slave.slave_id}: give each its own")
            self.slaves[slave.slave_id] = slave
        self.requests: Counter[int] = Counter()
        self.malformed = 0
        self.asked: deque[tuple[int, bytes]] = deque(maxlen=MOST_ASKED)
        self._absent = absent
        self._running = False
        self._powered = True
        self._trouble = _HEALTHY
        self._trouble_of: dict[int, _Trouble] = {}
        self._quirks: dict[int, Quirk] = {}
        self._dice = random.Random(485)  # the same noise on each run
        self._settling = asyncio.Lock()

    async def start(self) -> None:
        """Begin to serve; returns when it can be reached. Raises OSError if address or path can't be had."""
        self._running = True
        await self._settle()

    async def stop(self) -> None:
        """End, and let go of every socket, file and task."""
        self._running = False
        await self._settle()

    async def misbehave(
        self,
        fault: Fault,
        *,
        slave: int | None = None,
        delay: float = SLOW_SECONDS,
        exception: ExceptionCode = ExceptionCode.DEVICE_FAILURE,
    ) -> None:
        """Give the whole bus, or one slave alone, this fault in place of the one it had.

        `delay` is that of SLOW, in seconds; `exception` is what a REFUSED slave answers.
        A fault outlives a power cycle. Raises ValueError if no such slave is on the bus.
        """
        trouble = _Trouble(fault, delay if fault is Fault.SLOW else 0.0, exception)
        if slave is None:
            self._trouble = trouble
        else:
            self._require_slave(slave)
            self._trouble_of[slave] = trouble
        await self._settle()

    def garble(self, quirk: Quirk, *, slave: int) -> None:
        """Give the answers of one slave this quirk in place of the one they had; a healthy or slow slave shows it.

        Raises ValueError if no such slave is on the bus.
        """
        self._require_slave(slave)
        self._quirks[slave] = quirk

    async def power_cycle(self, off_seconds: float) -> None:
        """Lose power, stay away so long, come back at the same address with start-up state."""
        await self.power_off()
        try:
            await asyncio.sleep(off_seconds)
        finally:
            await self.power_on()

    async def power_off(self) -> None:
        """Vanish without a goodbye; what was being answered is forgotten."""
        self._powered = False
        await self._settle()

    async def power_on(self) -> None:
        """Come back at the same address with start-up state."""
        if not self._powered:
            for slave in self.slaves.values():
                slave.restart()
        self._powered = True
        await self._settle()

    def _require_slave(self, slave: int) -> None:
        if slave not in self.slaves:
            raise ValueError(f"no slave {slave} on this bus: it has {sorted(self.slaves)}")

    async def _settle(self) -> None:
        async with self._settling:
            await self._follow()

    @abstractmethod
    async def _follow(self) -> None:
        """Make sockets, files and tasks what `_running`, `_powered` and the fault of the bus ask for."""

    def _think_seconds(self, unit: int) -> float:
        """From the end of a request to the beginning of its answer."""
        slave = self.slaves.get(unit)
        turnaround = slave.turnaround if slave else 0.0
        return turnaround + sum(trouble.delay for trouble in self._troubles(unit))

    def _respond(self, unit: int, request: bytes, wrap: Callable[[bytes], bytes]) -> bytes | None:
        """Do what is asked; the bytes for the wire, None for silence.

        Only a healthy or slow slave does what it is told; one with any other fault has heard it and no more.
        """
        self.asked.append((unit, request))
        slave = self.slaves.get(unit)
        if slave is None:
            if unit == _BROADCAST:
                self._broadcast(request)
                return None
            return self._respond_absent(request, wrap)
        troubles = {trouble.fault: trouble for trouble in self._troubles(unit)}
        if troubles.keys() & {Fault.SILENT, Fault.HALF_OPEN}:
            return None
        if Fault.GARBAGE in troubles:
            return self._noise(unit)
        if Fault.REFUSED in troubles:
            return wrap(pdu.refusal(request, troubles[Fault.REFUSED].exception))
        return self._garbled(unit, wrap(pdu.answer(slave, request)))

    def _garbled(self, unit: int, data: bytes) -> bytes:
        match self._quirk(unit):
            case Quirk.TWICE:
                return data + data
            case Quirk.CUT:
                return data[: len(data) // 2]
            case Quirk.NONE:
                return data

    def _quirk(self, unit: int) -> Quirk:
        return self._quirks.get(unit, Quirk.NONE)

    def _respond_absent(self, request: bytes, wrap: Callable[[bytes], bytes]) -> bytes | None:
        if self._absent is None or self._trouble.fault is Fault.SILENT:
            return None
        return wrap(pdu.refusal(request, self._absent))

    def _broadcast(self, request: bytes) -> None:
        """Every slave does it, none answers; reads can't be broadcast (serial line V1.02, 2.1)."""
        if request[0] not in pdu.WRITES:
            return
        for unit, slave in self.slaves.items():
            if {trouble.fault for trouble in self._troubles(unit)} <= {Fault.NONE, Fault.SLOW}:
                pdu.answer(slave, request)

    def _troubles(self, unit: int) -> tuple[_Trouble, _Trouble]:
        return self._trouble, self._trouble_of.get(unit, _HEALTHY)

    def _noise(self, unit: int) -> bytes:
        """Bytes in which nobody can find an answer.

        Without a zero there is no MBAP header, and without the slave's id no RTU frame of that slave.
        """
        alphabet = [byte for byte in range(1, 256) if byte != unit]
        return bytes(self._dice.choices(alphabet, k=self._dice.randint(5, 24)))
