"""One call back at the earliest of the times asked for, by the injected clock: an idle uplink wakes for nothing else."""

import asyncio
from collections.abc import Callable

from gateway.clock import Clock


class Timer:
    """Calls `call` on the event loop once the clock has reached the earliest time given to `at`."""

    def __init__(self, clock: Clock, call: Callable[[], None]) -> None:
        self._clock = clock
        self._call = call
        self._armed: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._replaced: set[asyncio.Task[None]] = set()

    def at(self, when: float | None) -> None:
        """Call at this monotonic second, if nothing earlier is asked for already. None asks for nothing."""
        if when is None or (self._armed is not None and self._armed <= when):
            return
        self._drop()
        self._armed = when
        self._task = asyncio.create_task(self._wait(when), name="uplink-timer")

    async def close(self) -> None:
        """Never call again."""
        self._drop()
        await asyncio.gather(*self._replaced, return_exceptions=True)

    def _drop(self) -> None:
        if self._task is not None and not self._task.done():
            self._replaced.add(self._task)
            self._task.add_done_callback(self._replaced.discard)
            self._task.cancel()
        self._task = None
        self._armed = None

    async def _wait(self, when: float) -> None:
        await self._clock.sleep(max(0.0, when - self._clock.monotonic()))
        self._armed = None
        self._call()
