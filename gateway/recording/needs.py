"""What recording needs of the journal, and the one thread in which it touches files of footage."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, ParamSpec, Protocol, TypeVar

from gateway.model import GATEWAY, Alarm, EventType, Kind, Presence
from gateway.policy.retention import Hold
from gateway.wire import JsonObject

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

#: A disk that does not answer for so long counts as failing; seconds.
FILE_LIMIT_S = 60.0
#: How long the file thread waits for an answer of the event loop; seconds.
ANSWER_LIMIT_S = 10.0


class RecordedGap(Protocol):
    """A row of the journal: a camera was not recorded (`end` None: it lasts)."""

    @property
    def start(self) -> datetime:
        """Since when."""
        ...

    @property
    def end(self) -> datetime | None:
        """Until when."""
        ...

    @property
    def cause(self) -> str:
        """Why."""
        ...


class RecordingJournal(Protocol):
    """The part of `gateway.store.Journal` that recording uses."""

    @property
    def open_alarms(self) -> Mapping[str, Alarm]:
        """The alarms that no person has closed, by id."""
        ...

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Keep whether a camera is there."""
        ...

    async def raise_own(self, kind: Kind, subject: str = GATEWAY, detail: str = "") -> None:
        """Raise an alarm of the gateway's own; nothing happens while it is active."""
        ...

    async def return_own(self, kind: Kind, subject: str = GATEWAY) -> None:
        """Its cause is gone."""
        ...

    async def emit(self, event_type: EventType, subject: str, data: JsonObject) -> str:
        """Append another event."""
        ...

    async def live_holds(self, camera: str | None = None, *, at: datetime | None = None) -> Sequence[Hold]:
        """The holds that have not ended by `at`. Raises GatewayError where that can't be proved."""
        ...

    async def open_gap(self, camera: str, cause: str, at: datetime) -> None:
        """A camera is not recorded from `at` on; nothing happens while a gap of it lasts."""
        ...

    async def close_gap(self, camera: str, at: datetime) -> None:
        """The camera is recorded again."""
        ...

    async def record_gap(self, camera: str, cause: str, start: datetime, end: datetime) -> None:
        """Time of a camera's past that there is no footage of any more; the gap that lasts now is another matter."""
        ...

    async def gaps(self, camera: str, start: datetime, end: datetime) -> Sequence[RecordedGap]:
        """The gaps that touch an interval, oldest first."""
        ...


class FileThread:
    """One thread for all work on files of footage: nothing but recording waits for a dying disk (I9)."""

    def __init__(self, limit_s: float = FILE_LIMIT_S) -> None:
        self._limit_s = limit_s
        self._executor = ThreadPoolExecutor(1, "footage")

    async def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it there. Raises what it raises, and TimeoutError (an OSError) if it takes too long."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._limit_s):
            return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    async def decide(
        self,
        question: Callable[[], Coroutine[Any, Any, A]],  # Any: what a coroutine sends and is sent
        act: Callable[[A], T],
    ) -> T:
        """Act there on an answer that the event loop gives once the thread is ours: no other work comes between.

        `question` must not wait for this thread. Raises what either raises, and TimeoutError.
        """
        loop = asyncio.get_running_loop()

        def turn() -> T:
            asked = asyncio.run_coroutine_threadsafe(question(), loop)
            try:
                answer = asked.result(ANSWER_LIMIT_S)
            finally:
                asked.cancel()  # does nothing to one that has answered
            return act(answer)

        return await self.do(turn)

    def close(self) -> None:
        """Take no more work."""
        self._executor.shutdown(wait=False, cancel_futures=True)
