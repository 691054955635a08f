"""What one connection has handed to the broker and not got acknowledged yet; and how long the broker has been silent."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.uplink.messages import Message
from gateway.uplink.retry import Key, key_of
from gateway.uplink.sources import Outgoing


@dataclass(frozen=True, slots=True)
class Flight:
    """A message on its way, and since when (monotonic seconds)."""

    outgoing: Outgoing
    sent_at: float


class Flights:
    """At most a window of messages. A broker that owes us something and says nothing for `limit_s` is mute."""

    def __init__(self, *, limit_s: float) -> None:
        self._limit_s = limit_s
        self._flights: dict[int, Flight] = {}
        self._rows: set[Key] = set()
        self._silent_since: float | None = None

    def __len__(self) -> int:
        return len(self._flights)

    def start(self, packet: int, outgoing: Outgoing, now: float) -> None:
        """A message was handed over as this packet."""
        self._flights[packet] = Flight(outgoing, now)
        if outgoing.row is not None:
            self._rows.add(key_of(outgoing.row))

    def land(self, packet: int) -> Flight | None:
        """The broker has answered; None: to nothing of ours."""
        flight = self._flights.pop(packet, None)
        if flight is not None:
            self._silent_since = None
            if flight.outgoing.row is not None:
                self._rows.discard(key_of(flight.outgoing.row))
        return flight

    def rows(self) -> Iterator[Key]:
        """The rows of the outbox that are on their way."""
        return iter(self._rows)

    def answers(self) -> list[Message]:
        """The commands' answers that are on their way, newest first."""
        return [
            flight.outgoing.message
            for flight in reversed(self._flights.values())
            if flight.outgoing.is_answer
        ]

    def watch(self, now: float, *, line_is_blocked: bool) -> bool:
        """Look whether the broker is mute; to be asked after each change, and at `mute_at`."""
        if not self._flights and not line_is_blocked:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        return self.mute_at is not None and now >= self.mute_at

    @property
    def mute_at(self) -> float | None:
        """When the broker will have been silent for too long; None: it owes us nothing."""
        return None if self._silent_since is None else self._silent_since + self._limit_s
