"""When a device's message may be acknowledged although it is kept in memory only (I1)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.errors import JournalUnwritable

#: A device's message waits so long for a destination's confirmation; then it is not acknowledged.
CONFIRMATION_LIMIT_S = 60.0

#: Without a destination in reach, a message is acknowledged at this repetition.
ACKNOWLEDGED_AT_REPETITION = 2

#: A destination that is connected and has confirmed nothing for so long is not in reach.
SILENT_DESTINATION_S = 10.0

#: Messages that are watched for their confirmation.
MESSAGES_LIMIT = 1000

#: A device's account, and the bytes of its message.
Key = tuple[str, bytes]


@dataclass(slots=True)
class _Message:
    events: set[str]
    done: "asyncio.Future[None]"
    since: float
    repetitions: int = 0

    def acknowledge(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Unconfirmed:
    """The messages of memory mode, until a destination has them or their device has repeated them often enough."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._messages: dict[Key, _Message] = {}
        self._reached: set[str] = set()

    def __len__(self) -> int:
        return len(self._messages)

    def reach(self, destination: str, *, connected: bool) -> None:
        """A destination is in reach, or is not any more."""
        (self._reached.add if connected else self._reached.discard)(destination)

    async def wait(self, key: Key, event_ids: Sequence[str], *, repeated: bool) -> None:
        """Return when the message may be acknowledged: it was recorded as these events, or had been before.

        Raises JournalUnwritable where it may not within CONFIRMATION_LIMIT_S.
        """
        if not repeated and not event_ids:
            return  # nothing came of it that a destination could confirm
        if not repeated:
            self._watch(key, event_ids)
        message = self._messages.get(key)
        if message is None:
            return  # a destination has confirmed it meanwhile
        message.repetitions += repeated
        nobody = not self._reached or self._clock.monotonic() - message.since >= SILENT_DESTINATION_S
        if nobody and message.repetitions >= ACKNOWLEDGED_AT_REPETITION:
            message.acknowledge()
        try:
            async with asyncio.timeout(CONFIRMATION_LIMIT_S):
                await asyncio.shield(message.done)
        except TimeoutError as error:
            raise JournalUnwritable(
                "kept in memory only, and no destination has confirmed it: not acknowledged to the device"
            ) from error

    def _watch(self, key: Key, event_ids: Sequence[str]) -> None:
        if len(self._messages) >= MESSAGES_LIMIT:
            self._messages.pop(next(iter(self._messages)))
        done = asyncio.get_running_loop().create_future()
        self._messages[key] = _Message(set(event_ids), done, self._clock.monotonic())

    def repetitions(self) -> list[int]:
        """How often each message that still waits was repeated."""
        return [message.repetitions for message in self._messages.values()]

    def confirmed(self, event_ids: Sequence[str]) -> None:
        """A destination has these events."""
        there = set(event_ids)
        for key, message in list(self._messages.items()):
            if message.events & there:
                del self._messages[key]
                message.acknowledge()

    def settle(self) -> None:
        """The disk has returned and has them all: every message may be acknowledged."""
        messages, self._messages = self._messages, {}
        for message in messages.values():
            message.acknowledge()
