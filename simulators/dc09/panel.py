"""A panel that dials to a receiver and tells its events one by one until each is acknowledged."""

import asyncio
import logging
import re
from dataclasses import dataclass
from datetime import timedelta

from simulators.dc09.composer import Composer, Message
from simulators.dc09.events import Format
from simulators.dc09.frames import KEY_BYTES, Answer, Sender
from simulators.dc09.link import Carrier, Link, dial
from simulators.dc09.mangle import Mangling
from simulators.dc09.memory import Memory
from simulators.fault import Fault

RETRIES = 3

_QUIET = {Fault.SILENT, Fault.HALF_OPEN}
_HEX_ACCOUNT = re.compile(r"[0-9A-F]{3,16}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What a panel is set to: receiver and line number in hex (None leaves them out), and its times in seconds.

    Without `supervise_s` it sends no NULL; with it the first one goes when it has power.
    """

    receiver: str | None = None
    line: str | None = "0"
    timestamps: bool = True
    supervise_s: float | None = None
    ack_timeout_s: float = 3.0
    redial_s: float = 1.0


class Dc09PanelSimulator(Memory, Mangling):
    """One account of a panel. Its event memory outlives a power cut, its sequence starts at 0001 again.

    `delivery.waiting` and `acknowledged` say what is still to be told and what was; `refused` what got a DUH, after which the panel goes on.
    Raises ValueError for an account or a key that DC-09 can't carry.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        account: str = "1234",
        key: bytes | str | None = None,
        form: Format = Format.SIA,
        carrier: Carrier = Carrier.TCP,
        habits: Habits = Habits(),
    ) -> None:
        Memory.__init__(self, form)
        Mangling.__init__(self)
        key = bytes.fromhex(key) if isinstance(key, str) else key
        if not _HEX_ACCOUNT.fullmatch(account):
            raise ValueError(f"account {account!r}: 3 to 16 digits 0-9 and A-F")
        if key is not None and len(key) not in KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes: AES wants 16, 24 or 32")
        self.host, self.port = host, port
        self.habits = habits
        self.supervisions = 0
        self.connections = 0
        self._carrier = carrier
        own = Sender(account=account, receiver=habits.receiver, line=habits.line, key=key)
        self._composer = Composer(own, form, timestamps=habits.timestamps)
        self._fault = Fault.NONE
        self._wake = asyncio.Event()
        self._connected = asyncio.Event()
        self._link: Link | None = None
        self._started = False
        self._work: asyncio.Task[None] | None = None
        self._supervise_at = 0.0

    # ---- life

    async def start(self) -> None:
        """Begin to dial; a receiver need not be there yet."""
        self._started = True
        await self.power_on()

    async def stop(self) -> None:
        """End, and let go of socket and task. What waits keeps waiting."""
        self._started = False
        await self.power_off()

    async def power_off(self) -> None:
        """Vanish in the middle of anything."""
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            await asyncio.wait([work])
            if not work.cancelled():
                work.result()

    async def power_on(self) -> None:
        """Come back with start-up state: sequence 0001, and the event memory as it was."""
        if not self._started or self._work is not None:
            return
        self._composer.restart()
        for message in self.delivery.waiting:
            message.forget()
        self._supervise_at = asyncio.get_running_loop().time()
        self._work = asyncio.create_task(self._run())

    async def power_cycle(self, off_seconds: float) -> None:
        """Lose power, stay away so long, come back."""
        await self.power_off()
        try:
            await asyncio.sleep(off_seconds)
        finally:
            await self.power_on()

    async def misbehave(self, fault: Fault) -> None:
        """Change the fault, also for the connection that is open. It outlives a power cycle.

        SILENT connects and says nothing; SLOW sends four bytes each 50 ms; GARBAGE puts noise before and after each frame; HALF_OPEN keeps the
        connection and passes nothing; REFUSED shows a wrong key, or without one a wrong account.
        """
        if self._composer.false != (fault is Fault.REFUSED):
            self._composer.false = fault is Fault.REFUSED
            for message in self.delivery.waiting:
                message.data = None
        self._fault = fault
        if self._link is not None:
            self._link.be_deaf(deaf=fault is Fault.HALF_OPEN)
        self._wake.set()

    # ---- what else it is and does

    @property
    def account(self) -> str:
        """The panel's own account, whatever it presents."""
        return self._composer.own.account

    @property
    def clock_offset(self) -> timedelta:
        """By how much its clock is ahead."""
        return self._composer.clock_offset

    def set_clock(self, offset_s: float) -> None:
        """Let the panel's clock be so many seconds ahead, until a NAK corrects it."""
        self._composer.clock_offset = timedelta(seconds=offset_s)

    def count_in_decimal(self, *, decimal: bool = True) -> None:
        """Say the length of each frame in decimal digits, as some vendors do by mistake."""
        self._composer.decimal_length = decimal

    async def connected(self, within_s: float = 30.0) -> Link:
        """The connection, as soon as there is one. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while self._link is None:
                await self._connected.wait()
        return self._link

    async def send_raw(self, data: bytes) -> None:
        """Put these bytes on the connection, once there is one, whatever they are."""
        (await self.connected()).write(data)

    # ---- inside

    def _something_waits(self) -> None:
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.habits.ack_timeout_s):
                    link = await dial(self.host, self.port, self._carrier, self._composer.key, self._wake.set)
            except OSError as error:  # a time-out is one, too
                log.debug("panel %s can't reach %s:%d: %s", self.account, self.host, self.port, error)
            else:
                await self._serve(link)
            await asyncio.sleep(self.habits.redial_s)

    async def _serve(self, link: Link) -> None:
        self._link = link
        self.connections += 1
        self._connected.set()
        link.be_deaf(deaf=self._fault is Fault.HALF_OPEN)
        for message in self.delivery.waiting:
            message.ahead = False
        try:
            await self._converse(link)
        except ConnectionError as error:
            log.info("panel %s redials %s:%d: %s", self.account, self.host, self.port, error)
        finally:
            self._link = None
            self._connected.clear()
            await link.end()

    async def _converse(self, link: Link) -> None:
        while True:
            self._wake.clear()
            if link.lost:
                raise ConnectionResetError("the receiver has ended the connection")
            if self._fault in _QUIET:
                await self._wake.wait()
            elif self.delivery.waiting:
                await self._deliver(link, self.delivery.waiting[0])
            elif self._supervision_due():
                await self._supervise(link)
            else:
                await self._sleep_until(self._supervise_at if self.habits.supervise_s else None)

    async def _deliver(self, link: Link, message: Message) -> None:
        """Until it is answered, or the panel falls silent. Raises ConnectionError when it is time to dial anew."""
        for _ in range(1 + RETRIES):
            data = self._composer.frame(message)
            message.attempts += 1
            if message.ahead:
                message.ahead = False
            else:
                await self._transmit(link, data)
            answer = await self._answer(link, message.sequence or 0)
            if answer is None:
                if self._fault in _QUIET:
                    return
                continue
            if answer.word == "ACK":
                self.on_acknowledged(self.delivery.deliver(data, message.attempts))
                return
            if answer.word == "DUH":
                self.refused.append(self.delivery.refuse())
                return
            self._composer.correct_clock(answer)
            message.data = None
        raise ConnectionAbortedError(f"sent {1 + RETRIES} times and not acknowledged")

    async def _supervise(self, link: Link) -> None:
        data = self._composer.null()
        for _ in range(1 + RETRIES):
            await self._transmit(link, data)
            answer = await self._answer(link, 0)
            if answer is None:
                if self._fault in _QUIET:
                    return
                continue
            if answer.word != "NAK":
                self.supervisions += 1
                return
            self._composer.correct_clock(answer)
            data = self._composer.null()
        raise ConnectionAbortedError("supervision was not acknowledged")

    def _supervision_due(self) -> bool:
        return self.habits.supervise_s is not None and asyncio.get_running_loop().time() >= self._supervise_at

    async def _transmit(self, link: Link, data: bytes) -> None:
        """Any message sent starts the supervision interval anew."""
        self._supervise_at = asyncio.get_running_loop().time() + (self.habits.supervise_s or 0.0)
        if self._fault is Fault.GARBAGE:
            link.write(self._composer.noise())
        if not await self._mangled(link, data):
            await (link.write_slowly(data) if self._fault is Fault.SLOW else _write(link, data))
        if self._fault is Fault.GARBAGE:
            link.write(self._composer.noise())

    def _following(self) -> bytes | None:
        """The frame behind the head, which will have gone out with it; None if there is none."""
        if len(self.delivery.waiting) < 2:
            return None
        second = self.delivery.waiting[1]
        second.ahead = True
        return self._composer.frame(second)

    async def _answer(self, link: Link, sequence: int) -> Answer | None:
        """The answer to that message; None if it does not come in time."""
        deadline = asyncio.get_running_loop().time() + self.habits.ack_timeout_s
        while True:
            self._wake.clear()
            while link.answers:
                answer = link.answers.pop(0)
                if self._composer.is_for(answer, sequence):
                    return answer
                self.strays.append(answer)
            if link.lost:
                raise ConnectionResetError("the receiver has ended the connection")
            if not await self._sleep_until(deadline):
                return None

    async def _sleep_until(self, deadline: float | None) -> bool:
        """Until something has happened, True, or that time of the loop's clock has come, False."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


async def _write(link: Link, data: bytes) -> None:
    link.write(data)
