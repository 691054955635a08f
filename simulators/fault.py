"""The ways in which every simulated thing can be told to misbehave."""

from enum import StrEnum
from typing import Protocol


class Fault(StrEnum):
    """One way to misbehave; a simulator has one at a time, and `NONE` is health."""

    NONE = "none"
    SILENT = "silent"  # takes what it is sent and answers nothing
    SLOW = "slow"  # answers, but late
    GARBAGE = "garbage"  # answers with bytes that are no frame of its protocol
    HALF_OPEN = "half-open"  # the connection stays open while nothing passes either way
    REFUSED = "refused"  # refuses the connection, or the password


class Simulator(Protocol):
    """What tests, the demo and `campus-sim` do with any simulator."""

    async def start(self) -> None:
        """Begin to serve; returns when it can be reached."""
        ...

    async def stop(self) -> None:
        """End, and let go of every socket, file and task."""
        ...

    async def misbehave(self, fault: Fault) -> None:
        """Change the fault, also for connections that are open."""
        ...

    async def power_cycle(self, off_seconds: float) -> None:
        """Vanish without a goodbye, stay away so long, come back at the same address with start-up state."""
        ...
