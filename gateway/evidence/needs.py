"""What evidence needs of others, and how its works go on after a failure."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn, Protocol

from gateway.clock import Clock, wait_for_event
from gateway.errors import GatewayError
from gateway.evidence.folder import Folder
from gateway.evidence.stats import EvidenceStats
from gateway.footage import Piece
from gateway.media.values import Clip, Still
from gateway.model import ClockState
from gateway.policy.backoff import Backoff
from gateway.store.evidence_rows import EvidenceRow
from gateway.store.files import FileThread
from gateway.store.library import Library

logger = logging.getLogger(__name__)

_AGAIN = Backoff(first_s=1.0, longest_s=30.0)
_FORGET_S = 3600.0

#: Gives the library once it is open and its evidence has been held against the files. Raises LibraryUnusable, OSError.
LibraryReady = Callable[[], Awaitable[Library]]
#: A camera's own picture, as JPEG, now. Raises DeviceUnavailable, DeviceRefused, NotFound.
Picture = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What every work on files of evidence is built upon."""

    library: LibraryReady
    folder: Folder
    files: FileThread
    clock: Clock
    clock_state: Callable[[], ClockState]
    stats: EvidenceStats


class Part:
    """Works on files of evidence with what all such works share."""

    def __init__(self, common: Common) -> None:
        self._library = common.library
        self._folder = common.folder
        self._files = common.files
        self._clock = common.clock
        self._clock_state = common.clock_state
        self._stats = common.stats


class Media(Protocol):
    """The part of `gateway.media.client.MediaProcess` that evidence uses. Both raise MediaRefused, MediaDown."""

    async def still(self, pieces: Sequence[Piece], at: datetime, *, width: int | None = None) -> Still:
        """The picture nearest to `at`."""
        ...

    async def clip(
        self,
        pieces: Sequence[Piece],
        start: datetime,
        end: datetime,
        target: Path,
        *,
        about: datetime | None = None,
    ) -> Clip:
        """Copy what was filmed from `start` to `end` into a file, coded as the footage of the moment that it is `about`."""
        ...


class Work:
    """Something that is done again and again: when it is woken, when its time has come, and later after a failure.

    `round` does what there is to do and returns in how many seconds there may be more.
    """

    def __init__(self, name: str, round_: Callable[[], Awaitable[float]], clock: Clock) -> None:
        self._name = name
        self._round = round_
        self._clock = clock
        self._woken = asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    async def run(self) -> NoReturn:
        """Until cancelled. What fails otherwise than by GatewayError or OSError ends it."""
        while True:
            self._woken.clear()
            try:
                wait = await self._round()
            except (GatewayError, OSError) as error:
                self._failures += 1
                if self._failures == 2:  # once may be a library that is just being opened
                    logger.warning("evidence, %s: %s; tried again", self._name, error)
                await self._clock.sleep(_AGAIN.delay(self._failures, random.random()))  # noqa: S311 - no secret
                continue
            if self._failures > 1:
                logger.info("evidence, %s: goes on", self._name)
            self._failures = 0
            if wait > 0:
                await wait_for_event(self._clock, self._woken, wait)


class Tries:
    """When each piece of evidence is tried again; in memory, so a new start tries everything at once.

    What was due for an hour and was not tried is forgotten: its row has gone.
    """

    def __init__(self, clock: Clock, backoff: Backoff) -> None:
        self._clock = clock
        self._backoff = backoff
        self._failed: dict[str, tuple[int, float]] = {}

    def failed(self, evidence: str) -> int:
        """It did not work; how often it has not by now."""
        count = self._failed.get(evidence, (0, 0.0))[0] + 1
        wait = self._backoff.delay(count, random.random())  # noqa: S311 - no secret
        self._failed[evidence] = (count, self._clock.monotonic() + wait)
        return count

    def count(self, evidence: str) -> int:
        """How often it has not worked."""
        return self._failed.get(evidence, (0, 0.0))[0]

    def waiting(self) -> set[str]:
        """All whose turn is still to come."""
        now = self._clock.monotonic()
        self._failed = {evidence: one for evidence, one in self._failed.items() if one[1] > now - _FORGET_S}
        return {evidence for evidence, (_, due) in self._failed.items() if due > now}

    def next_in(self, most: float) -> float:
        """In how many seconds the first of those that wait has its turn; `most` where none does."""
        now = self._clock.monotonic()
        return min((due - now for _, due in self._failed.values() if due > now), default=most)

    def over(self, evidence: str) -> None:
        """It worked, or was given up."""
        self._failed.pop(evidence, None)

    def wait_of(self, evidence: str) -> float:
        """In how many seconds it is its turn; 0: now."""
        known = self._failed.get(evidence)
        return 0.0 if known is None else max(0.0, known[1] - self._clock.monotonic())


async def drop_unowned(library: Library, files: FileThread, folder: Folder, row: EvidenceRow) -> None:
    """Remove what was placed for a row that has gone or was condemned meanwhile (I6); another state keeps its file."""
    if await library.find_evidence(row.id) is None:
        await files.do(folder.unlink, [row])
