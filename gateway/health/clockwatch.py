"""Says whether the wall clock may be believed, and notices when it steps (DESIGN "Time", I10)."""

import asyncio
import ctypes
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NoReturn, Protocol

from gateway.clock import Clock, rfc3339
from gateway.errors import JournalUnwritable
from gateway.model import GATEWAY, ClockState, Kind
from gateway.store.side import write

logger = logging.getLogger(__name__)

#: A wall clock that leaves the monotonic one by more than this, in seconds, has stepped: NTP's slewing is 0.5 ms a second.
STEP_LIMIT_S = 1.0

#: So often the two clocks are compared, in seconds.
LOOK_S = 1.0

#: A clock that is not trusted for so long, in seconds, is worth an alarm: at a start, synchronising takes a while.
ALARM_AFTER_S = 600.0

#: A clock that nobody vouches for and that starts further ahead of the journal is more likely wrong than the box was off
#: so long, and believing it would delete everything by age.
AHEAD_LIMIT = timedelta(days=30)

#: The file in the state directory by which a person confirms such a clock, by making it while the clock says so.
CONFIRMED = "clock-confirmed"

#: So often the believed stamp is kept anew where the journal has stamps of the future, in seconds.
_KEEP_S = 86400.0

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
    undone is none), is behind what the journal has written, or began more than `AHEAD_LIMIT` ahead of it; after a step
    that was right, a restart is the person's word for it, and for a clock ahead the file `confirmed_by`. Beside that
    file the last stamp that was believed is kept meanwhile, for the journal goes on with the doubtful clock and would
    vouch for it at the next start. `state` may be asked from any thread and is exact at that moment; `run` tells the listener.
    """

    def __init__(
        self,
        mode: Literal["ntp", "host"],
        clock: Clock,
        *,
        confirmed_by: Path,
        synchronised: Callable[[], bool] = kernel_synchronised,
    ) -> None:
        self._mode = mode
        self._clock = clock
        self._confirmed_by = confirmed_by
        self._believed_file = confirmed_by.with_name("clock-believed")
        self._synchronised = synchronised
        self._trusted_offset = self._seen_offset = self._offset()
        self._newest: datetime | None = None
        self._ahead = False
        self._keep_again = math.inf
        self._step: ClockStep | None = None
        self._untrusted_since: float | None = None
        self._told: ClockState | None = None

    def not_before(self, newest: datetime | None) -> None:
        """The latest stamp that the journal has from before this start. Blocks for a file or two."""
        self._newest = newest
        if self._mode == "ntp" or newest is None:
            return
        written_ahead = (
            newest > self._clock.now()
        )  # by a wrong clock that has been set right, or by this one behind
        self._newest = newest = min(newest, self._believed() or newest)
        self._ahead = self._clock.now() - newest > AHEAD_LIMIT
        if self._ahead and not self._is_confirmed():
            self._keep_believed(newest)
            return
        self._ahead = False
        if written_ahead and not self.reason():
            self._keep_believed(self._clock.now())
            self._keep_again = self._clock.monotonic() + _KEEP_S
        elif not written_ahead:
            self._drop_believed()

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
        if self._newest is not None and self._ahead:
            return (
                f"the clock started more than {AHEAD_LIMIT.days} days ahead of the journal, which was written at "
                f"{rfc3339(self._newest)}; if it is wrong, set it and restart the gateway; if it is right, confirm it: "
                f"touch {self._confirmed_by}"
            )
        return ""

    async def run(self, listener: ClockListener) -> NoReturn:
        """Compare the clocks until cancelled. What the journal does not take is told at the next look."""
        failed = False
        while True:
            self._look()
            if self._ahead and await asyncio.to_thread(self._is_confirmed):
                logger.info("the clock has been confirmed by %s", self._confirmed_by)
                await asyncio.to_thread(self._drop_believed)
                self._ahead = False
            if self._clock.monotonic() >= self._keep_again and not self.reason():
                self._keep_again += _KEEP_S
                await asyncio.to_thread(self._keep_believed, self._clock.now())
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

    def _is_confirmed(self) -> bool:
        """Whether the file was made by the clock as it is now, not by one of an earlier time."""
        try:
            made = self._confirmed_by.stat().st_mtime
        except OSError:
            return False
        least = self._newest.timestamp() + AHEAD_LIMIT.total_seconds() if self._newest else 0.0
        return least < made <= self._clock.now().timestamp() + STEP_LIMIT_S

    def _drop_believed(self) -> None:
        try:
            self._believed_file.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s can't be removed: %s", self._believed_file, error)

    def _believed(self) -> datetime | None:
        """The last stamp that was believed before a clock too far ahead; None where there was none."""
        try:
            return datetime.fromisoformat(self._believed_file.read_text(encoding="ascii").strip())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("%s can't be read: %s", self._believed_file, error)
            return None

    def _keep_believed(self, newest: datetime) -> None:
        try:
            write(self._believed_file, rfc3339(newest).encode())
        except OSError as error:
            logger.warning("%s can't be written: %s", self._believed_file, error)

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

    async def clock_stepped(self, seconds: float, at: datetime) -> None:
        """Keep that the clock was set, and go on holding what is held."""
        ...


class ClockNews:
    """Writes what happens to the clock into the journal."""

    def __init__(self, journal: ClockJournal) -> None:
        self._journal = journal

    async def stepped(self, step: ClockStep) -> None:
        """A step is an event, and running holds go on. Raises JournalUnwritable."""
        await self._journal.clock_stepped(step.seconds, step.at)

    async def untrusted(self, reason: str) -> None:
        """A clock that stays wrong is an alarm. Raises JournalUnwritable."""
        await self._journal.raise_own(Kind.CLOCK, GATEWAY, reason)

    async def trusted(self) -> None:
        """Its cause is gone. Raises JournalUnwritable."""
        await self._journal.return_own(Kind.CLOCK, GATEWAY)
