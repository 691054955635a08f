"""The fault of the moment, as every part of one camera sees it."""

import asyncio
import time

from simulators.camera.lies import Lie
from simulators.fault import Fault


class Misbehaviour:
    """Holds fault, lie and stall; `slow_seconds` is how late SLOW makes answers and pictures."""

    def __init__(self, slow_seconds: float) -> None:
        self.lie = Lie.NONE
        self._slow_seconds = slow_seconds
        self._fault = Fault.NONE
        self._stalled_until = 0.0
        self._awake = asyncio.Event()
        self._awake.set()

    @property
    def fault(self) -> Fault:
        """The fault that holds now."""
        return self._fault

    @property
    def mute(self) -> bool:
        """Whether no media are sent at all."""
        return self._fault in {Fault.SILENT, Fault.HALF_OPEN} or time.monotonic() < self._stalled_until

    @property
    def lag(self) -> float:
        """How many seconds late everything is sent."""
        return self._slow_seconds if self._fault is Fault.SLOW else 0.0

    def change(self, fault: Fault) -> None:
        """Let another fault hold from now on."""
        self._fault = fault
        if fault in {Fault.SILENT, Fault.HALF_OPEN}:
            self._awake.clear()
        else:
            self._awake.set()

    def stall(self, seconds: float) -> None:
        """Send no media for so long; requests are answered. 0 ends it."""
        self._stalled_until = time.monotonic() + seconds

    async def until_awake(self) -> None:
        """Wait, without a limit of its own, until something may be sent again."""
        await self._awake.wait()
