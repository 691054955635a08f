"""One message in flight until it is confirmed: the queue, the resending, the heartbeat (clause 6.5)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from gateway.clock import Clock

#: Reports that wait at most; one more is refused loudly, none is ever dropped.
MOST_WAITING = 100_000
#: The latest confirmed ones that are remembered.
MOST_CONFIRMED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Seconds and counts of a device. `confirm_s` and `resends` are clause 6.5's; heartbeats are practice, None is none.

    `retry_s` is the pause after a failed series, and before the next call.
    """

    heartbeat_s: float | None = 30.0
    confirm_s: float = 10.0
    resends: int = 3
    retry_s: float = 2.0
    connect_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Report:
    """A unit that is to be told, and when it arose (monotonic seconds)."""

    data: bytes
    at: float

    @property
    def type(self) -> int:
        """Its type flag."""
        return self.data[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A report that was confirmed: the frame that carried it, how often it was sent, and monotonic seconds."""

    report: Report
    frame: bytes
    sends: int
    first_sent_at: float
    confirmed_at: float


class _Outcome(Enum):
    CONFIRMED = auto()
    DENIED = auto()
    UNANSWERED = auto()


@dataclass(slots=True)
class _Offer:
    """What is in flight. A frame stays the same however often and over however many connections it is sent."""

    report: Report | None
    frame: bytes
    serial: int
    sends: int = 0
    first_sent_at: float = 0.0


class Delivery:
    """Reports in order. `pack` makes a frame of a serial number and a unit; serial numbers start at 0 and wrap at 65536.

    `confirmed` has the latest that were taken; `heartbeats` counts those confirmed; `strays` counts confirms and
    denials of what was not in flight.
    """

    def __init__(self, habits: Habits, clock: Clock, pack: Callable[[int, bytes], bytes]) -> None:
        self.confirmed: deque[Delivered] = deque(maxlen=MOST_CONFIRMED)
        self.heartbeats = 0
        self.strays = 0
        self._habits = habits
        self._clock = clock
        self._pack = pack
        self._serial = 0
        self._waiting: deque[Report] = deque()
        self._offer: _Offer | None = None
        self._answer: tuple[int, asyncio.Future[bool]] | None = None
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def waiting(self) -> int:
        """Reports that are not yet confirmed."""
        return len(self._waiting)

    def put(self, data: bytes) -> Report:
        """Queue a unit. Raises ValueError when 100,000 wait."""
        if len(self._waiting) >= MOST_WAITING:
            raise ValueError(f"{MOST_WAITING} reports wait already: nothing more is taken")
        report = Report(data, self._clock.monotonic())
        self._waiting.append(report)
        self._empty.clear()
        self._arrived.set()
        return report

    def take_serial(self) -> int:
        """The next serial number, used up."""
        serial = self._serial
        self._serial = (serial + 1) & 0xFFFF
        return serial

    def settle(self, serial: int, *, confirmed: bool) -> None:
        """A confirm or a denial has come."""
        if self._answer is None or self._answer[0] != serial or self._answer[1].done():
            self.strays += 1
            return
        self._answer[1].set_result(confirmed)

    def repack(self) -> None:
        """Make the frame in flight anew when it is sent next."""
        self._offer = None

    def restart(self) -> None:
        """As after power-on: serial numbers from 0; the reports lie in memory that keeps."""
        self._serial = 0
        self.repack()

    async def delivered(self, seconds: float) -> None:
        """Return once nothing waits. Raises TimeoutError that says how much does."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            raise TimeoutError(f"{self.waiting} not confirmed by the centre within {seconds:g} s") from None

    async def run(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Deliver over this connection, for ever.

        Raises TimeoutError when neither the first sending nor a resending was answered, and what `send` raises.
        """
        if self._habits.heartbeat_s is not None:
            await self._series(self._heartbeat(), send)
        while True:
            if self._waiting:
                await self._series(self._head(), send)
            elif await self._heartbeat_is_due():
                await self._series(self._heartbeat(), send)

    async def _series(self, offer: _Offer, send: Callable[[bytes], Awaitable[None]]) -> None:
        outcome = _Outcome.UNANSWERED
        for _ in range(1 + self._habits.resends):
            outcome = await self._send_once(offer, send)
            if outcome is _Outcome.CONFIRMED:
                self._done(offer)
                return
        if outcome is _Outcome.UNANSWERED:
            raise TimeoutError(f"the centre did not confirm serial {offer.serial}")
        await asyncio.sleep(self._habits.retry_s)

    async def _send_once(self, offer: _Offer, send: Callable[[bytes], Awaitable[None]]) -> _Outcome:
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._answer = (offer.serial, answer)
        try:
            offer.first_sent_at = offer.first_sent_at or self._clock.monotonic()
            offer.sends += 1
            await send(offer.frame)
            async with asyncio.timeout(self._habits.confirm_s):
                return _Outcome.CONFIRMED if await answer else _Outcome.DENIED
        except TimeoutError:
            if answer.done() and not answer.cancelled():  # it came in the very moment of the time-out
                return _Outcome.CONFIRMED if answer.result() else _Outcome.DENIED
            return _Outcome.UNANSWERED
        finally:
            self._answer = None

    def _done(self, offer: _Offer) -> None:
        if offer.report is None:
            self.heartbeats += 1
            return
        self._offer = None
        self._waiting.popleft()
        self.confirmed.append(
            Delivered(
                report=offer.report,
                frame=offer.frame,
                sends=offer.sends,
                first_sent_at=offer.first_sent_at,
                confirmed_at=self._clock.monotonic(),
            )
        )
        if not self._waiting:
            self._arrived.clear()
            self._empty.set()

    def _head(self) -> _Offer:
        if self._offer is None:
            self._offer = self._packed(self._waiting[0])
        return self._offer

    def _heartbeat(self) -> _Offer:
        return self._packed(None)

    def _packed(self, report: Report | None) -> _Offer:
        serial = self.take_serial()
        return _Offer(report, self._pack(serial, report.data if report else b""), serial)

    async def _heartbeat_is_due(self) -> bool:
        try:
            async with asyncio.timeout(self._habits.heartbeat_s):
                await self._arrived.wait()
        except TimeoutError:
            return not self._waiting
        return False
