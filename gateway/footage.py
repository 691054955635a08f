"""Footage as the services see it: pieces that lie in files, what is growing just now, and who can be asked for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gateway.errors import GatewayError


class FootageUnavailable(GatewayError):  # noqa: N818 - named like DeviceUnavailable
    """The footage can't be looked up just now (no recorder, no disk): try again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file of a camera's footage: its first picture came at `start`, its last ended at `end` (UTC).

    `growing`: it is being written, and readable as far as its last fragment; it may be renamed at any moment, which
    does no harm to who has it open. Whoever finds it gone asks again.
    """

    path: Path
    start: datetime
    end: datetime
    growing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """The file that a camera is being recorded into: a fragmented MP4 whose first picture came at `start`."""

    camera: str
    path: Path
    start: datetime


class Footage(Protocol):
    """Implemented by the recording service."""

    async def pieces(self, camera: str, start: datetime, end: datetime) -> Sequence[Piece]:
        """The files that touch [start, end), oldest first, with the growing one. Raises FootageUnavailable."""
        ...

    def growing(self, camera: str) -> Growing | None:
        """What it is recorded into just now; None while it is not. No I/O, no waiting."""
        ...
