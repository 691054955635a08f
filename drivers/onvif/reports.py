"""Hands what a camera tells to the sink: in its order, without making the pulling wait."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from gateway.driver import Sink
from gateway.model import Presence, Signal

#: Reports that may wait behind a slow commit; while there is no room, nothing more is pulled: the camera keeps it.
MOST_WAITING = 512


class Reports:
    """A queue, emptied by a task that lives while there is work.

    An error of the sink ends the task group, and so the driver: a fresh one asks for the present state again.
    """

    def __init__(self, sink: Sink, tasks: asyncio.TaskGroup) -> None:
        self._sink = sink
        self._tasks = tasks
        self._waiting: deque[Callable[[], Awaitable[object]]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._emptying = False

    async def room(self) -> None:
        """Wait until there is room for another answer's reports."""
        await self._room.wait()

    def signal(self, signal: Signal) -> None:
        """Report it after all that waits."""
        self._put(partial(self._sink.report, signal))

    def online(self, device: str, identity: Mapping[str, str]) -> None:
        """The camera is there."""
        self._put(partial(self._sink.presence, device, Presence.ONLINE, "", identity))

    def _put(self, report: Callable[[], Awaitable[object]]) -> None:
        self._waiting.append(report)
        if len(self._waiting) >= MOST_WAITING:
            self._room.clear()
        if not self._emptying:
            self._emptying = True
            self._tasks.create_task(self._empty())

    async def _empty(self) -> None:
        while self._waiting:
            await self._waiting.popleft()()
            if len(self._waiting) < MOST_WAITING // 2:
                self._room.set()
        self._emptying = False
