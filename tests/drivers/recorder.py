"""Writes down what it is told: a Sink for a driver alone, and the journal's part for a supervisor."""

import asyncio
from collections.abc import Mapping, Sequence

from gateway.model import GATEWAY, Durability, Kind, Level, Message, Notice, Origin, Presence, Reading, Signal


class Recorder:
    """A commit waits while `commits` is cleared; `refusal`, if set, is raised instead."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.messages: list[Message] = []
        self.notices: list[Notice] = []
        self.strangers: list[tuple[bytes, str]] = []
        self.pretended: list[str | None] = []
        self.readings: list[Reading] = []
        self.presences: list[tuple[str, Presence, str]] = []
        self.garbage: list[tuple[str | None, bytes, str]] = []
        self.own: list[tuple[str, str]] = []
        self.reasons: list[str] = []
        self.waiting = 0
        self.refusal: Exception | None = None
        self.commits = asyncio.Event()
        self.commits.set()

    def told_of(self, point: str) -> list[tuple[Level, Origin]]:
        """What was reported of a point, in order."""
        return [(signal.level, signal.origin) for signal in self.signals if signal.point == point]

    def levels_of(self, point: str) -> list[Level]:
        """The levels that were reported of a point, in order."""
        return [level for level, _ in self.told_of(point)]

    def presence_of(self, device: str) -> Presence | None:
        """The last presence that was told of a device."""
        return next((presence for name, presence, _ in reversed(self.presences) if name == device), None)

    def presences_of(self, device: str) -> list[Presence]:
        """The presences that were told of a device, in order."""
        return [presence for name, presence, _ in self.presences if name == device]

    async def report(self, signal: Signal) -> Durability:
        """Take it when commits go through."""
        self.waiting += 1
        try:
            await self.commits.wait()
        finally:
            self.waiting -= 1
        if self.refusal is not None:
            raise self.refusal
        self.signals.append(signal)
        return Durability.DISK

    async def receive(self, message: Message) -> Durability:
        """Take it when commits go through; a repetition adds no signals."""
        self.waiting += 1
        try:
            await self.commits.wait()
        finally:
            self.waiting -= 1
        if self.refusal is not None:
            raise self.refusal
        repeated = any(
            (known.account, known.data) == (message.account, message.data) for known in self.messages
        )
        self.messages.append(message)
        if not repeated:
            self.signals.extend(message.signals)
            self.notices.extend(message.notices)
        return Durability.DISK

    async def stranger(self, data: bytes, why: str, device: str | None = None) -> None:
        """Take it."""
        self.pretended.append(device)
        self.strangers.append((data, why))

    def reading(self, reading: Reading) -> None:
        """Take it."""
        self.readings.append(reading)

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Take it."""
        self.presences.append((device, presence, reason))

    def malformed(self, device: str | None, data: bytes, why: str) -> None:
        """Take it."""
        self.garbage.append((device, data, why))

    async def bus_lost(self, bus: str, devices: Sequence[str], reason: str) -> None:
        """Take it."""
        self.own.append(("bus-lost", bus))
        self.reasons.append(reason)

    async def bus_back(self, bus: str) -> None:
        """Take it."""
        self.own.append(("bus-back", bus))

    async def raise_own(self, kind: Kind, subject: str = GATEWAY, detail: str = "") -> None:
        """Take it."""
        self.own.append((f"{kind.value} raised", subject))
        self.reasons.append(detail)

    async def return_own(self, kind: Kind, subject: str = GATEWAY) -> None:
        """Take it."""
        self.own.append((f"{kind.value} returned", subject))
