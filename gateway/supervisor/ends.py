"""How a connection is, and why a driver's run on it has ended."""

from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """Why a driver's run has ended; the value is the word for the log."""

    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    BROKEN = "driver broke"


@dataclass(frozen=True, slots=True)
class End:
    """The end of a run, with its reason in words."""

    cause: Cause
    reason: str


class State(Enum):
    """How a connection is; unknown until its first attempt has said."""

    UNKNOWN = "unknown"
    SERVING = "serving"
    DOWN = "down"
