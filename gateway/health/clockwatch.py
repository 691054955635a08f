"""Says whether the wall clock may be believed, and notices when it steps (DESIGN "Time", I10)."""

import ctypes
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NoReturn, Protocol

from gateway.clock import Clock, rfc3339
from gateway.errors import JournalUnwritable
from gateway.model import GATEWAY, ClockState, EventType, Kind

logger = logging.getLogger(__name__)

#: A wall clock that leaves the monotonic one by more than this, in seconds, has stepped: NTP's slewing is 0.5 ms a second.
STEP_LIMIT_S = 1.0

#: So often the two clocks are compared, in seconds.
LOOK_S = 1.0

#: A clock that is not trusted for so long, in seconds, is worth an alarm: at a start, synchronising takes a while.
ALARM_AFTER_S = 600.0

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2) as far as `status`; the rest is room for what the kernel writes behind it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def kernel_synchronised() -> bool:
    """Whether the kernel says that its clock is synchronised: adjtimex(2) without TIME_ERROR and STA_UNSYNC.

    Reads only. Where the call is forbidden (a container's filter) nothing can be proved: False.
    """
    timex = _Timex()
    answer = _libc.adjtimex(ctypes.byref(timex))
    if answer == -1:
        logger.debug("adjtimex: %s", os.strerror(ctypes.get_errno()))
        return False
    return bool(answer != _TIME_ERROR and not timex.status & _STA_UNSYNC)


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock jumped: by so many seconds (negative: back), found at `at` by the clock as it is now."""

    seconds: float
    at: datetime


class ClockListener(Protocol):
    """Who is told, each thing once."""

    async def stepped(self, step: ClockStep) -> None:
        """The wall clock has stepped."""
        ...

    async def untrusted(self, reason: str) -> None:
        """It has not been trusted for `ALARM_AFTER_S`."""
        ...

    async def trusted(self) -> None:
        """It is trusted, at a start or again."""
        ...


class ClockWatch:
    """The state of the clock by the site file's `clock`.

    `ntp`: trusted while the kernel says synchronised. `host`: trusted unless it has stepped since the start (a step
    undone is none) or is behind what the journal has written; after a step that was right, a restart is the person's
    word for it. `state` may be asked from any thread and is exact at that moment; `run` tells the listener.
    """

    def __init__(
        self,
        mode: Literal["ntp", "host"],
        clock: Clock,
        *,
        synchronised: Callable[[], bool] = kernel_synchronised,
    ) -> None:
        self._mode = mode
        self._clock = clock
        self._synchronised = synchronised
        self._trusted_offset = self._seen_offset = self._offset()
        self._newest: datetime | None = None
        self._step: ClockStep | None = None
        self._untrusted_since: float | None = None
        self._told: ClockState | None = None

    def not_before(self, newest: datetime | None) -> None:
        """The latest stamp that the journal has from before this start: a clock behind it is wrong."""
        self._newest = newest

    def state(self) -> ClockState:
        """May the wall clock be believed just now."""
        return ClockState.UNTRUSTED if self.reason() else ClockState.TRUSTED

    def reason(self) -> str:
        """Why not; empty if it may."""
        if self._mode == "ntp":
            if self._synchronised():
                return ""
            return 'the kernel says the clock is not synchronised; see to NTP, or set clock = "host" where there is none'
        moved = self._offset() - self._trusted_offset
        if abs(moved) > STEP_LIMIT_S:
            return f"the clock stepped by {moved:+.1f} s; set it right and restart the gateway"
        if self._newest is not None and self._clock.now() + timedelta(seconds=STEP_LIMIT_S) < self._newest:
            return (
                f"the clock is behind the journal, which was written at {rfc3339(self._newest)}; set it right"
            )
        return ""

    async def run(self, listener: ClockListener) -> NoReturn:
        """Compare the clocks until cancelled. What the journal does not take is told at the next look."""
        failed = False
        while True:
            self._look()
            try:
                await self._tell(listener)
                failed = False
            except JournalUnwritable as error:
                if not failed:
                    logger.warning("what the clock does can't be recorded, trying again: %s", error)
                failed = True
            await self._clock.sleep(LOOK_S)

    def _look(self) -> None:
        """Note a step since the last look, if there was one. Slewing is followed."""
        offset = self._offset()
        moved, self._seen_offset = offset - self._seen_offset, offset
        if abs(moved) > STEP_LIMIT_S:
            untold = self._step.seconds if self._step else 0.0
            self._step = ClockStep(untold + moved, self._clock.now())
            logger.warning("the wall clock stepped by %+.1f s to %s", moved, rfc3339(self._step.at))
        elif abs(offset - self._trusted_offset) <= STEP_LIMIT_S:
            self._trusted_offset = offset

    async def _tell(self, listener: ClockListener) -> None:
        if self._step is not None:
            await listener.stepped(self._step)
            self._step = None
        reason = self.reason()
        if not reason:
            self._untrusted_since = None
            if self._told is not ClockState.TRUSTED:
                await listener.trusted()
                self._told = ClockState.TRUSTED
            return
        now = self._clock.monotonic()
        self._untrusted_since = now if self._untrusted_since is None else self._untrusted_since
        if self._told is not ClockState.UNTRUSTED and now - self._untrusted_since >= ALARM_AFTER_S:
            await listener.untrusted(reason)
            self._told = ClockState.UNTRUSTED

    def _offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


class ClockJournal(Protocol):
    """The journal, as far as the clock is concerned."""

    async def raise_own(self, kind: Kind, subject: str = ..., detail: str = "") -> None:
        """Raise an alarm of the gateway's own."""
        ...

    async def return_own(self, kind: Kind, subject: str = ...) -> None:
        """Its cause is gone."""
        ...

    async def emit(self, event_type: EventType, subject: str, data: dict[str, object]) -> str:
        """Append an event."""
        ...


class ClockNews:
    """Writes what happens to the clock into the journal, and tells who else must know of a step (recording)."""

    def __init__(
        self, journal: ClockJournal, *, on_step: Callable[[ClockStep], Awaitable[None]] | None = None
    ) -> None:
        self._journal = journal
        self._on_step = on_step

    async def stepped(self, step: ClockStep) -> None:
        """A step is an event. Raises JournalUnwritable."""
        if self._on_step is not None:
            await self._on_step(step)
        await self._journal.emit(EventType.CLOCK_STEPPED, GATEWAY, {"seconds": round(step.seconds, 3)})

    async def untrusted(self, reason: str) -> None:
        """A clock that stays wrong is an alarm. Raises JournalUnwritable."""
        await self._journal.raise_own(Kind.CLOCK, GATEWAY, reason)

    async def trusted(self) -> None:
        """Its cause is gone. Raises JournalUnwritable."""
        await self._journal.return_own(Kind.CLOCK, GATEWAY)
