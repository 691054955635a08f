"""Where a connection's next message comes from: the lanes of DESIGN, mixed by weight."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from gateway.model import EventType
from gateway.policy.ranges import Ranges
from gateway.store import Delivery
from gateway.uplink.feed import Feed
from gateway.uplink.latest import Latest
from gateway.uplink.messages import Message
from gateway.uplink.mix import Mix
from gateway.uplink.retry import Retries
from gateway.uplink.shared import Shared

EVENT_CONTENT_TYPE = "application/cloudevents+json"

#: The topic of each type below the root, looked up for every row.
TOPICS = {kind: kind.topic for kind in EventType}


class Landed(Protocol):
    """Is told when a retained document has come to the broker, or was refused by it."""

    def __call__(self, now: float, *, accepted: bool) -> None:
        """At this monotonic second."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message, and what it is: a row of the outbox, a retained document, or (neither) a command's answer."""

    message: Message
    row: Delivery | None = None
    landed: Landed | None = None

    @property
    def is_answer(self) -> bool:
        """It is nowhere else: lost if it does not get through."""
        return self.row is None and self.landed is None


class Sources:
    """`sent` are the numbers of each stream that went out on this connection: no source gives them twice."""

    def __init__(self, shared: Shared, feed: Feed, retries: Retries) -> None:
        self.sent: defaultdict[str, Ranges] = defaultdict(Ranges)
        self._shared = shared
        self._feed = feed
        self._retries = retries
        self._mix = Mix[Outgoing](
            [
                (16, self._from_live),
                (8, self._from_status),
                (4, self._from_again),
                (4, self._from_urgent),
                (4, self._from_other),
                (2, self._from_retries),
                (1, self._from_presences),
            ]
        )

    def take(self, now: float) -> Outgoing | None:
        """The next message; None: nothing can go now."""
        return self._mix.take(now)

    def _from_live(self, _now: float) -> Outgoing | None:
        """A new critical or high alarm is tried at once, also on a topic without subscribers."""
        return self._next_row(self._feed.live.rows, lambda row: not self._retries.holds(row))

    def _from_urgent(self, _now: float) -> Outgoing | None:
        return self._from_backlog(self._feed.urgent.rows)

    def _from_other(self, _now: float) -> Outgoing | None:
        return self._from_backlog(self._feed.other.rows)

    def _from_again(self, _now: float) -> Outgoing | None:
        return self._from_backlog(self._feed.again)

    def _from_backlog(self, rows: deque[Delivery]) -> Outgoing | None:
        if self._retries.is_full:
            return None
        return self._next_row(rows, lambda row: self._retries.may_send(row, TOPICS[row.type]))

    def _from_retries(self, now: float) -> Outgoing | None:
        row = self._retries.take_due(now)
        return None if row is None else self._outgoing(row)

    def _from_status(self, now: float) -> Outgoing | None:
        answer = self._shared.results.take()
        return Outgoing(answer) if answer is not None else self._from_latest(self._shared.status, now)

    def _from_presences(self, now: float) -> Outgoing | None:
        return self._from_latest(self._shared.presences, now)

    def _from_latest(self, latest: Latest, now: float) -> Outgoing | None:
        slot = latest.take(now)
        if slot is None:
            return None
        message = Message(
            topic=slot.topic, payload=slot.build(), retain=True, content_type="application/json"
        )
        return Outgoing(message, landed=partial(latest.acknowledged, slot))

    def _next_row(self, rows: deque[Delivery], may_send: Callable[[Delivery], bool]) -> Outgoing | None:
        while rows:
            row = rows.popleft()
            if row.sequence not in self.sent[row.stream] and may_send(row):
                return self._outgoing(row)
        return None

    def _outgoing(self, row: Delivery) -> Outgoing:
        topic = f"{self._shared.root}/{TOPICS[row.type]}"
        return Outgoing(Message(topic=topic, payload=row.payload, content_type=EVENT_CONTENT_TYPE), row)
