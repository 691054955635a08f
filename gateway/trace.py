"""Where an event is on its way, told to whoever measures: metrics, benches, the demo's timeline."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """The stations of an event's way from the driver to the county."""

    SEEN = "seen"  # the driver handed the signal over
    COMMITTED = "committed"  # its transaction is on disk (or kept in memory mode)
    PUBLISHED = "published"  # handed to the connection to the broker
    BROKER = "broker"  # the broker acknowledged it (PUBACK)
    CONFIRMED = "confirmed"  # the confirmation that its destination is configured for


class Tracer(Protocol):
    """Takes marks; never fails, never waits."""

    def mark(self, stage: Stage, event_ids: Sequence[str], monotonic: float, destination: str = "") -> None:
        """These events reached that stage at that monotonic second (gateway.clock.Clock.monotonic)."""
        ...


class NoTrace:
    """Nobody measures."""

    def mark(self, stage: Stage, event_ids: Sequence[str], monotonic: float, destination: str = "") -> None:
        """Forget it."""
