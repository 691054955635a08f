"""What is asked of the media process and what it answers, as values; and how it can fail."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.errors import GatewayError


class MediaRefused(GatewayError):  # noqa: N818 - named like DeviceRefused
    """This footage can't be used (damaged, no key frame, no picture of that time): asking again changes nothing."""


class MediaDown(GatewayError):  # noqa: N818 - named like LinkDown
    """The media process died, is silent or has too much to do: try again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A picture as JPEG, and when it was taken (UTC, by arrival)."""

    jpeg: bytes
    at: datetime
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that a clip was copied from: how many of its bytes were read from its beginning, and their SHA-256.

    A growing file is only ever appended to, so these bytes can be checked against the finished one.
    """

    path: Path
    start: datetime
    end: datetime
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A cut by stream copy, one seekable MP4. `intervals` are what it really shows (UTC), holes left out.

    `otherwise` is the time of pieces that were left out because they are coded in another way.
    """

    path: Path
    bytes: int
    sha256: str
    intervals: tuple[tuple[datetime, datetime], ...]
    sources: tuple[Source, ...]
    otherwise: tuple[tuple[datetime, datetime], ...] = ()


def part_of(target: Path) -> Path:
    """Where a clip is written before it is whole: beside its target."""
    return target.with_name(f".{target.name}.part")
