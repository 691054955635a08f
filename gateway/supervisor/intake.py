"""What the supervisor needs of the journal, and what it tells others of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from gateway.model import Durability, Kind, Message, Presence, Signal


class Intake(Protocol):
    """The journal, as far as devices are concerned. Each call returns when it is kept; each is idempotent."""

    async def report(self, signal: Signal) -> Durability:
        """Record a signal (I1)."""
        ...

    async def receive(self, message: Message) -> Durability:
        """Record a device's message, once (I1, I3)."""
        ...

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Record whether a device is there; a lost one is an alarm of its own."""
        ...

    async def bus_lost(self, bus: str, devices: Sequence[str], reason: str) -> None:
        """Record that a shared connection is gone: one alarm for all its devices."""
        ...

    async def bus_back(self, bus: str) -> None:
        """Record that a shared connection serves again."""
        ...

    async def raise_own(self, kind: Kind, subject: str = ..., detail: str = "") -> None:
        """Raise an alarm of the gateway's own."""
        ...

    async def return_own(self, kind: Kind, subject: str = ...) -> None:
        """Its cause is gone."""
        ...


@runtime_checkable
class Polls(Protocol):
    """A driver that asks its devices."""

    @property
    def polled_at(self) -> float:
        """The monotonic second at which the last request ended, or to which there is none to make."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStats:
    """What a connection has done since the start.

    `serving` is whether it does now. `attempts` counts drivers built, `losses` how often a serving connection went,
    `faults` how often its driver broke, `strangers` the calls of whom nobody knows. `malformed` is by device, or by the connection's id where nobody knows whose.
    """

    connection: str
    driver: str
    serving: bool
    attempts: int = 0
    losses: int = 0
    faults: int = 0
    reports: int = 0
    readings: int = 0
    messages: int = 0
    strangers: int = 0
    malformed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Input that nobody could understand: its first bytes, for the technician."""

    device: str | None
    data: bytes
    why: str
