"""Rows that the broker did not take: kept, tried again slowly, said aloud (CONTRACT, `unrouted`). Pure: told the time."""

import heapq
from dataclasses import dataclass

from gateway.policy.backoff import Backoff
from gateway.store import Delivery

#: A topic without subscribers is tried again after so long, then less and less often.
UNROUTED = Backoff(first_s=30.0, longest_s=600.0)
#: A row that was refused for another reason is tried again after so long.
REFUSED = Backoff(first_s=5.0, longest_s=300.0)
#: With so many refused rows nothing else is taken from the backlog: the broker refuses us, not a row.
REFUSED_LIMIT = 200

Key = tuple[str, int]


@dataclass(slots=True)
class _Unrouted:
    probe: Delivery
    failures: int = 0


@dataclass(slots=True)
class _Refused:
    topic: str
    words: str
    failures: int = 0


class Retries:
    """What waits for another try.

    Of a topic without subscribers one row, the first, is the probe; the others stay in the outbox until it got
    through. A row that is refused for a reason of its own waits by itself, so that it never stops the rows behind.
    """

    def __init__(self) -> None:
        self._unrouted: dict[str, _Unrouted] = {}
        self._refused: dict[Key, _Refused] = {}
        self._waiting: dict[Key, tuple[float, Delivery]] = {}
        self._due: list[tuple[float, Key]] = []

    def unrouted(self, row: Delivery, topic: str, now: float) -> None:
        """Nobody has subscribed the topic."""
        found = self._unrouted.setdefault(topic, _Unrouted(row))
        if key_of(found.probe) == key_of(row):
            found.failures += 1
            self._wait(row, now + UNROUTED.ceiling(found.failures))
        elif key_of(row) < key_of(found.probe) and row.stream == found.probe.stream and found.failures == 0:
            found.probe = row

    def refused(self, row: Delivery, topic: str, words: str, now: float) -> None:
        """The broker has another reason not to take this row."""
        found = self._refused.setdefault(key_of(row), _Refused(topic, words))
        found.words, found.failures = words, found.failures + 1
        self._wait(row, now + REFUSED.ceiling(found.failures))

    def accepted(self, row: Delivery, topic: str) -> bool:
        """The row got through; True if its topic had been without subscribers: read the outbox anew.

        Whoever has subscribed one topic may have subscribed the others too: their probes go at once.
        """
        self._refused.pop(key_of(row), None)
        found = self._unrouted.pop(topic, None)
        if found is None:
            return False
        self._waiting.pop(key_of(found.probe), None)
        for other in self._unrouted.values():
            if self.holds(other.probe):
                self._wait(other.probe, float("-inf"))
        return True

    def may_send(self, row: Delivery, topic: str) -> bool:
        """Whether a row of the backlog may go now: its topic has subscribers, and it does not wait itself."""
        return topic not in self._unrouted and not self.holds(row)

    def holds(self, row: Delivery) -> bool:
        """Whether this very row waits here."""
        return key_of(row) in self._waiting

    def take_due(self, now: float) -> Delivery | None:
        """A row whose time has come; it waits no longer."""
        while self._due and self._due[0][0] <= now:
            due = heapq.heappop(self._due)
            if self._is_current(due):
                return self._waiting.pop(due[1])[1]
        return None

    @property
    def next_at(self) -> float | None:
        """When the next row is due."""
        while self._due and not self._is_current(self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    @property
    def is_full(self) -> bool:
        """The broker refuses one row after another: leave the backlog alone."""
        return len(self._refused) >= REFUSED_LIMIT

    @property
    def unrouted_topics(self) -> tuple[str, ...]:
        """Topics without a subscriber."""
        return tuple(self._unrouted)

    @property
    def refusal(self) -> str | None:
        """Topic and words of the oldest refusal that lasts."""
        first = next(iter(self._refused.values()), None)
        return f"{first.topic}: {first.words}" if first else None

    def lowest_unsent(self, stream: str) -> int | None:
        """The lowest number of the stream that waits here, or behind a probe."""
        rows = [row for _, row in self._waiting.values()]
        rows += [topic.probe for topic in self._unrouted.values()]
        return min((row.sequence for row in rows if row.stream == stream), default=None)

    def _wait(self, row: Delivery, until: float) -> None:
        self._waiting[key_of(row)] = (until, row)
        heapq.heappush(self._due, (until, key_of(row)))

    def _is_current(self, due: tuple[float, Key]) -> bool:
        """Not an appointment that was moved, or of a row that got through meanwhile."""
        waiting = self._waiting.get(due[1])
        return waiting is not None and waiting[0] == due[0]


def key_of(row: Delivery) -> Key:
    """What names a row."""
    return row.stream, row.sequence
