"""What a panel has still to deliver and what was acknowledged: a queue that drops nothing, and waiting for it."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

#: Events a panel's memory holds; one more is an error of the test, never a lost alarm.
MOST_WAITING = 10_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Delivered(Generic[Item]):
    """An item that was acknowledged, with the bytes that were, how often they were sent, and when the answer came."""

    item: Item
    data: bytes
    attempts: int
    at_utc: datetime
    at_monotonic_ns: int


class Delivery(Generic[Item]):
    """First in, first out; an item leaves the head only when it is delivered or refused for good."""

    def __init__(self) -> None:
        self.waiting: deque[Item] = deque()
        self.delivered: list[Delivered[Item]] = []
        self._waiters: list[tuple[int | None, asyncio.Future[None]]] = []

    def put(self, item: Item) -> None:
        """Queue it. Raises ValueError if the memory is full."""
        if len(self.waiting) >= MOST_WAITING:
            raise ValueError(f"{MOST_WAITING} events wait already: nothing takes them")
        self.waiting.append(item)

    def deliver(self, data: bytes, attempts: int) -> Delivered[Item]:
        """The head was acknowledged."""
        done = Delivered(self.waiting.popleft(), data, attempts, datetime.now(UTC), time.monotonic_ns())
        self.delivered.append(done)
        self._wake()
        return done

    def refuse(self) -> Item:
        """The head was answered, and not with an acknowledgement; the next may go."""
        item = self.waiting.popleft()
        self._wake()
        return item

    async def all(self, within_s: float) -> None:
        """Return when nothing waits. Raises TimeoutError that says how much still does."""
        await self._wait(None, within_s)

    async def count(self, number: int, within_s: float) -> Delivered[Item]:
        """The item that was acknowledged as the `number`-th, from 1. Raises TimeoutError."""
        await self._wait(number, within_s)
        return self.delivered[number - 1]

    async def _wait(self, number: int | None, within_s: float) -> None:
        if self._reached(number):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (number, waiter)
        self._waiters.append(entry)
        try:
            async with asyncio.timeout(within_s):
                await waiter
        except TimeoutError:
            raise TimeoutError(f"{len(self.waiting)} still to be acknowledged after {within_s:g} s") from None
        finally:
            self._waiters.remove(entry)

    def _reached(self, number: int | None) -> bool:
        return not self.waiting if number is None else len(self.delivered) >= number

    def _wake(self) -> None:
        for number, waiter in self._waiters:
            if self._reached(number) and not waiter.done():
                waiter.set_result(None)
