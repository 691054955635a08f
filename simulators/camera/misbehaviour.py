"""The fault of the moment, as every part of one camera sees it."""

import asyncio

from simulators.fault import Fault


class Misbehaviour:
    """Holds the fault; `slow_seconds` is how late SLOW makes answers and pictures."""

    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._fault = Fault.NONE
        self._awake = asyncio.Event()
        self._awake.set()

    @property
    def fault(self) -> Fault:
        """The fault that holds now."""
        return self._fault

    @property
    def mute(self) -> bool:
        """Whether nothing at all is sent."""
        return self._fault in {Fault.SILENT, Fault.HALF_OPEN}

    @property
    def lag(self) -> float:
        """How many seconds late everything is sent."""
        return self._slow_seconds if self._fault is Fault.SLOW else 0.0

    def change(self, fault: Fault) -> None:
        """Let another fault hold from now on."""
        self._fault = fault
        if self.mute:
            self._awake.clear()
        else:
            self._awake.set()

    async def until_awake(self) -> None:
        """Wait, without a limit of its own, until something may be sent again."""
        await self._awake.wait()
