"""One panel's messages on their way to the journal: begun in order, several at once, in bounds."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.model import Message
from gateway.policy.severity import URGENT, severity_of

#: So many messages of one panel wait for their commit at once, and so many copies of one.
MOST_AT_ONCE = 16
COPIES = 4

#: Where none of them is committed within so many seconds, the oldest is given up: it is not confirmed, the panel sends it
#: again, and what came behind it is heard. Longer than the journal takes to leave a hanging disk.
PATIENCE_S = 5.0

#: So long an urgent message waits for one that it would overtake, in seconds: in memory mode that one is recorded
#: long since, and waits for its confirmation alone.
ORDER_S = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class _Under:
    message: Message
    since: float
    task: asyncio.Task[None]


class Commits:
    """Work upon messages, each in a task. In memory mode the journal must hear the repetition of what still waits."""

    def __init__(self, tasks: asyncio.TaskGroup, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._under: list[_Under] = []

    def __len__(self) -> int:
        return len(self._under)

    async def begin(self, message: Message, work: Coroutine[None, None, None], *, again: bool) -> None:
        """Begin the work upon a message as soon as there is a place, at the latest after `PATIENCE_S` and `ORDER_S`."""
        try:
            if again:
                self._make_room_for_a_copy(message)
            else:
                await self._keep_order(message)
            await self._make_room()
            task = self._tasks.create_task(work)
        except BaseException:  # nobody will do it any more
            work.close()
            raise
        under = _Under(message, self._clock.monotonic(), task)
        self._under.append(under)
        under.task.add_done_callback(lambda _: self._under.remove(under))

    def _make_room_for_a_copy(self, message: Message) -> None:
        """The journal has counted the oldest; the newest gets the confirmation for all."""
        copies = [under for under in self._under if under.message.data == message.data]
        if len(copies) >= COPIES:
            copies[0].task.cancel()

    async def _make_room(self) -> None:
        if len(self._under) < MOST_AT_ONCE:
            return
        await self._first_of([under.task for under in self._under], PATIENCE_S)
        if len(self._under) >= MOST_AT_ONCE:
            self._under[0].task.cancel()

    async def _keep_order(self, message: Message) -> None:
        """The journal takes what is urgent first: not before a reset, or what the panel said of the same point."""
        if not _is_urgent(message):
            return
        points = {signal.point for signal in message.signals}
        for under in list(self._under):
            others = {signal.point for signal in under.message.signals}
            if not _is_urgent(under.message) and (under.message.reset or points & others):
                left = under.since + ORDER_S - self._clock.monotonic()
                if left > 0:
                    await self._first_of([under.task], left)

    async def _first_of(self, tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({timer, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            await asyncio.gather(timer, return_exceptions=True)


def _is_urgent(message: Message) -> bool:
    return any(severity_of(signal.kind) in URGENT for signal in message.signals)
