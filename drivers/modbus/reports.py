"""Hands what the polling finds to the sink: in order for each point and device, without making the polling wait."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from gateway.driver import Sink
from gateway.model import Presence, Signal

#: Signals of one point that may wait behind a slow commit. Beyond it the newest takes the place of the last: an alarm is
#: waiting already, and the last one waiting is always the present level.
MOST_WAITING = 64

_Queue = deque[Callable[[], Awaitable[object]]]


class Reports:
    """A queue for each point (and one for its sensor's faults) and for each device's presence, emptied by a task that lives while there is work.

    A slow commit holds up its own point only, and different points can share a commit. An error of the sink ends
    the task group, and so the driver: a fresh one tells the present state again.
    """

    def __init__(self, sink: Sink, tasks: asyncio.TaskGroup) -> None:
        self._sink = sink
        self._tasks = tasks
        self._waiting: dict[tuple[type, str, str], _Queue] = {}

    def signal(self, signal: Signal) -> None:
        """Report it after what waits of the same point and kind; the last one waiting is always the present level."""
        queue = self._queue((Signal, signal.point, signal.kind))
        if len(queue) >= MOST_WAITING:
            queue.pop()
        queue.append(partial(self._sink.report, signal))

    def presence(self, device: str, presence: Presence, reason: str = "") -> None:
        """Tell it; of what waits of the same device, only the latest."""
        queue = self._queue((Presence, device, ""))
        queue.clear()
        queue.append(partial(self._sink.presence, device, presence, reason))

    def _queue(self, key: tuple[type, str, str]) -> _Queue:
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = deque()
            self._tasks.create_task(self._empty(key, queue))
        return queue

    async def _empty(self, key: tuple[type, str, str], queue: _Queue) -> None:
        while queue:
            await queue.popleft()()
        del self._waiting[key]
