"""Keeps one output as it is wanted: writes it, writes it again, tries again, and says what is wrong with it."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn, Protocol

from gateway.clock import Clock, wait_for_event
from gateway.errors import DeviceRefused, DeviceUnavailable, NotFound
from gateway.policy.backoff import Backoff
from gateway.policy.outputs import OutputRule, OutputState
from gateway.site.site import OutputEntry

logger = logging.getLogger(__name__)

#: An output is written again after so long, for a module that restarted has forgotten it; seconds.
REASSERT_ON_S = 10.0
REASSERT_OFF_S = 60.0

#: After a failure.
AGAIN = Backoff(first_s=1.0, longest_s=10.0)

#: A switch that takes longer has failed; seconds. Drivers have shorter limits of their own.
SWITCH_LIMIT_S = 5.0

#: An output that nobody hears missing (it is to be off, or its device is being connected) may fail so long without being
#: a fault; seconds. One that was there and can't be switched on is a fault at once.
PATIENCE_S = 10.0


class Switch(Protocol):
    """Whoever reaches the devices."""

    async def switch(self, output: str, *, on: bool) -> None:
        """Set an output; returns when the device has taken it. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        ...


class Worker:
    """One output. Nothing here waits for the journal, nor for another output.

    `on_until` gives the monotonic second until which alarms want it on; `news` is called when `complaint` is set, or
    when an output that may have a fault open has been switched.
    """

    def __init__(
        self,
        entry: OutputEntry,
        switch: Switch,
        clock: Clock,
        *,
        on_until: Callable[[OutputRule], float | None],
        news: Callable[[], None],
    ) -> None:
        self.entry = entry
        self.rule = entry.rule
        self.testing = False
        self.complaint = ""  # what is to be raised as a fault, until it is
        self.told = True  # a fault may be open: from before the start, too
        self._switch = switch
        self._clock = clock
        self._on_until = on_until
        self._news = news
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tried: bool | None = None
        self._actual: bool | None = None
        self._may_be_on = False
        self._worked_once = False
        self._due = clock.monotonic()
        self._failures = 0
        self._failing_since = 0.0
        self._reason = ""

    @property
    def state(self) -> OutputState:
        """How it is now."""
        return OutputState(
            id=self.entry.id,
            wanted=self._wanted,
            actual=self._actual,
            testing=self.testing,
            reason=self._reason,
        )

    @property
    def works(self) -> bool:
        """Whether the last switch was taken."""
        return self._actual is not None

    async def run(self) -> NoReturn:
        """Keep it as it is wanted until cancelled."""
        while True:
            self._changed.clear()
            await self._settle()
            await self._wait()

    def wake(self) -> None:
        """Something has changed that may change what is wanted."""
        self._changed.set()

    def reassert(self) -> None:
        """Its device has come back, and may have forgotten it: write it at once."""
        self._due = self._clock.monotonic()
        self._failures = 0
        self._changed.set()

    async def test(self, begun: asyncio.Event) -> str:
        """Switch it on for `test_s`, then to what is wanted; returns why that failed, nothing if it did not.

        `begun` is set as soon as it is on, or could not be switched on. The caller has set `testing`.
        """
        try:
            await self._settle()
            why = self._reason
            begun.set()
            if not why:
                await self._clock.sleep(self.entry.settings.test_s)
        finally:
            begun.set()
            self.testing = False
            self._changed.set()
        if not why:
            await self._settle()
        return why or self._reason

    async def off(self) -> None:
        """The daemon stops: switch it off, if it may be on."""
        if not self._may_be_on:
            return
        try:
            await self._switch.switch(self.entry.id, on=False)
        except (DeviceUnavailable, DeviceRefused, NotFound) as error:
            logger.warning("output %s can't be switched off at the end: %s", self.entry.id, error)
        else:
            self._may_be_on = False

    # ---- writing

    @property
    def _wanted(self) -> bool:
        ends = self._on_until(self.rule)
        return self.testing or (ends is not None and self._clock.monotonic() < ends)

    async def _settle(self) -> None:
        async with self._lock:
            on = self._wanted
            if on is not self._tried or self._clock.monotonic() >= self._due:
                await self._write(on=on)

    async def _write(self, *, on: bool) -> None:
        self._tried = on
        self._may_be_on = self._may_be_on or on
        try:
            async with asyncio.timeout(SWITCH_LIMIT_S):
                await self._switch.switch(self.entry.id, on=on)
        except (DeviceUnavailable, DeviceRefused, NotFound) as error:
            self._failed(str(error), on=on)
        except TimeoutError:
            self._failed(f"it was not switched within {SWITCH_LIMIT_S:g} s", on=on)
        else:
            self._worked(on=on)

    def _worked(self, *, on: bool) -> None:
        if self._reason:
            logger.info("output %s can be switched again", self.entry.id)
        self._actual = self._may_be_on = on
        self._worked_once = True
        self._failures, self._reason = 0, ""
        self._due = self._clock.monotonic() + (REASSERT_ON_S if on else REASSERT_OFF_S)
        if self.told or self.complaint:
            self._news()

    def _failed(self, why: str, *, on: bool) -> None:
        now = self._clock.monotonic()
        if not self._reason:
            logger.warning("output %s can't be switched: %s", self.entry.id, why)
            self._failing_since = now
        self._failures += 1
        self._reason = why or "it failed without a reason"
        self._actual = None
        self._due = now + AGAIN.ceiling(self._failures)
        at_once = self.testing or (on and self._worked_once)
        if at_once or now - self._failing_since >= PATIENCE_S:
            self.complaint = self._reason
            self._news()

    # ---- waiting

    async def _wait(self) -> None:
        """Until it is to be written again, until its time is over, or until something has changed."""
        now = self._clock.monotonic()
        ends = self._on_until(self.rule)
        at = self._due if ends is None or ends <= now else min(self._due, ends)
        if at <= now:
            return
        await wait_for_event(self._clock, self._changed, at - now)
