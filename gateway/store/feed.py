"""Who wants to know of commits is told here: bounded, never waited for."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.model import Alarm, DevicePresence
from gateway.store.rows import Committed

#: Events (a change without any counts as one) that a slow subscriber may fall behind; past that it gets one `resync`.
FEED_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit changed. `resync`: changes were missed, look at everything anew.

    `others`: silences, arming or bypasses have changed; the journal has them as they are now.
    """

    alarms: tuple[Alarm, ...] = ()
    presences: tuple[DevicePresence, ...] = ()
    events: tuple[Committed, ...] = ()
    others: bool = False
    resync: bool = False

    @property
    def size(self) -> int:
        """What it counts in a queue."""
        return len(self.events) or 1


class Subscription:
    """One listener's queue. Iterate over it; `close` ends the iteration."""

    def __init__(self, feed: "Feed") -> None:
        self._feed = feed
        self._changes: deque[Change] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, change: Change) -> None:
        """Add a change; past FEED_LIMIT all that wait become one `resync`."""
        if self._waiting + change.size > FEED_LIMIT:
            self._changes.clear()
            self._waiting = 0
            change = Change(resync=True)
        self._changes.append(change)
        self._waiting += change.size
        self._wake.set()

    def close(self) -> None:
        """Listen no more."""
        self._closed = True
        self._feed.forget(self)
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Change]:
        """The changes, in the order of their commits."""
        while True:
            while self._changes:
                change = self._changes.popleft()
                self._waiting -= change.size
                yield change
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()


class Feed:
    """All listeners."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def subscribe(self) -> Subscription:
        """A new listener, from now on."""
        subscription = Subscription(self)
        self._subscriptions.append(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """A listener has closed."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def tell(self, change: Change) -> None:
        """Tell every listener; costs nothing where nobody listens."""
        for subscription in self._subscriptions:
            subscription.put(change)
