"""What matters only in its newest form: `state`, `alarms/open`, presence (retained), and answers to commands."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.uplink.messages import Message

#: Answers to commands that wait for the line; past that the oldest is dropped (the county asks again by the same id).
RESULTS_LIMIT = 200
#: A refused publication is tried again after so long.
REFUSED_PAUSE_S = 30.0
#: A large document on a thin line: it may take one part in so many of the line's time.
_SHARE = 4


@dataclass(slots=True, kw_only=True)
class Slot:
    """One retained topic. `build` makes its payload at the moment of sending; at most once in `interval_s`."""

    topic: str
    build: Callable[[], bytes]
    interval_s: float = 0.0
    sent_at: float | None = None
    not_before: float = float("-inf")


class Latest:
    """The retained topics of one lane: each goes out once for however many changes, never twice at a time."""

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}
        self._due: dict[str, Slot] = {}

    def add(self, slot: Slot) -> None:
        """A topic to look after; nothing is sent until `changed`."""
        self._slots[slot.topic] = slot

    def changed(self, topic: str) -> None:
        """Its content is not what was sent last."""
        self._due[topic] = self._slots[topic]

    def changed_all(self) -> None:
        """A new connection: the broker may know nothing."""
        self._due = dict(self._slots)
        for slot in self._slots.values():
            slot.sent_at, slot.not_before = None, float("-inf")

    def take(self, now: float) -> Slot | None:
        """The slot that has waited longest, now on its way."""
        for topic, slot in self._due.items():
            if slot.sent_at is None and slot.not_before <= now:
                del self._due[topic]
                slot.sent_at = now
                return slot
        return None

    def acknowledged(self, slot: Slot, now: float, *, accepted: bool) -> None:
        """The broker has it, or refuses it: then it is tried again later."""
        assert slot.sent_at is not None
        slot.not_before = max(slot.sent_at + slot.interval_s, now + (now - slot.sent_at) * (_SHARE - 1))
        if not accepted:
            slot.not_before = now + REFUSED_PAUSE_S
            self.changed(slot.topic)
        slot.sent_at = None

    def __contains__(self, topic: str) -> bool:
        return topic in self._slots

    @property
    def next_at(self) -> float | None:
        """When a slot that has to wait may go."""
        return min((slot.not_before for slot in self._due.values() if slot.sent_at is None), default=None)


class Results:
    """Answers on their way; one that was not acknowledged when the line broke goes out again."""

    def __init__(self) -> None:
        self._waiting: deque[Message] = deque(maxlen=RESULTS_LIMIT)

    def put(self, message: Message) -> None:
        """Send this."""
        self._waiting.append(message)

    def put_back(self, message: Message) -> None:
        """It did not get through."""
        if len(self._waiting) < RESULTS_LIMIT:
            self._waiting.appendleft(message)

    def take(self) -> Message | None:
        """The oldest."""
        return self._waiting.popleft() if self._waiting else None
