"""Cuts the clip of each press once its footage is there, or has been waited for long enough."""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from gateway.errors import GatewayError
from gateway.evidence.manifest import Shown, manifest_bytes
from gateway.evidence.needs import Common, Media, Part, Tries, drop_unowned
from gateway.footage import Footage, FootageUnavailable, Piece
from gateway.media.values import Clip, MediaDown, MediaRefused
from gateway.policy.backoff import Backoff
from gateway.policy.evidence import PATIENCE, SETTLE, EvidenceKind, causes, is_ripe
from gateway.store.evidence_rows import EvidenceRow, Made
from gateway.store.library import Library
from gateway.store.rows import GapRow

logger = logging.getLogger(__name__)

#: A clip that ends so much too early, while more footage comes in, is cut again a little later.
_SHORT = timedelta(seconds=1)

_PAGE = 200
_MOST_REFUSALS = 3
_LEAST_WAIT_S = 0.2
_IDLE_S = 30.0
_FULL_S = 60.0


class Gaps(Protocol):
    """The part of the journal that knows why there is no footage."""

    async def gaps(self, camera: str, start: datetime, end: datetime) -> Sequence[GapRow]:
        """The gaps of a camera that touch an interval. Raises JournalUnwritable."""
        ...


class NotYet(GatewayError):  # noqa: N818 - named like NotFound
    """Its footage may still come: try again."""


class Hopeless(GatewayError):  # noqa: N818 - named like NotFound
    """There is no footage of it, and there will be none."""


class Clips(Part):
    """`recorded` are the cameras that there can be footage of; `made` is called when there is something to announce."""

    def __init__(
        self,
        common: Common,
        *,
        footage: Footage,
        media: Media,
        gaps: Gaps,
        segment_s: float,
        recorded: Collection[str],
        made: Callable[[], None],
    ) -> None:
        super().__init__(common)
        self._footage = footage
        self._media = media
        self._gaps = gaps
        self._segment_s = segment_s
        self._recorded = recorded
        self._made = made
        self._tries = Tries(common.clock, Backoff(first_s=2.0, longest_s=15.0))
        self._refusals: dict[str, int] = {}
        self._seen: dict[str, float] = {}  # since when each is waited for; monotonic

    async def round(self) -> float:
        """Cut what is ripe, one after the other; in how many seconds more may be."""
        library = await self._library()
        if self._stats.full:
            return _FULL_S
        later = self._tries.waiting()
        rows = await library.waiting_evidence(EvidenceKind.CLIP, _PAGE, but=later)
        self._seen = {
            evidence: self._seen.get(evidence, self._clock.monotonic())
            for evidence in [*later, *(row.id for row in rows)]
        }
        worked = False
        waits = []
        for row in rows:
            wait = self._wait_of(row)
            if wait > 0:
                waits.append(wait)
                continue
            if await self._try(library, row):
                worked = True
            else:
                waits.append(self._tries.wait_of(row.id))
        if worked and len(rows) == _PAGE:
            return 0.0
        waits.append(self._tries.next_in(_IDLE_S))
        return max(_LEAST_WAIT_S, min([*waits, _IDLE_S]))  # the clock may step: never longer than that

    def _wait_of(self, row: EvidenceRow) -> float:
        """Until its time has passed; footage that is late is asked for again and again then."""
        return (row.end + SETTLE - self._now_of(row)).total_seconds() + 0.001

    def _now_of(self, row: EvidenceRow) -> datetime:
        """Now, as the clock of its press has it: a clock that was set back by an hour delays no clip by an hour.

        An hour later there would also be footage of another hour under the same stamps.
        """
        passed = self._clock.monotonic() - self._seen.get(row.id, self._clock.monotonic())
        return max(self._clock.now(), row.at + timedelta(seconds=passed))

    async def _try(self, library: Library, row: EvidenceRow) -> bool:
        """Whether it is made, or given up."""
        try:
            await self._cut(library, row)
        except MediaRefused as error:
            refusals = self._refusals[row.id] = self._refusals.get(row.id, 0) + 1
            if refusals < _MOST_REFUSALS:
                self._tries.failed(row.id)
                return False
            await self._give_up(library, row, str(error))
        except Hopeless as error:
            await self._give_up(library, row, str(error))
        except (NotYet, FootageUnavailable, MediaDown):
            self._tries.failed(row.id)
            return False
        self._tries.over(row.id)
        self._refusals.pop(row.id, None)
        return True

    async def _give_up(self, library: Library, row: EvidenceRow, why: str) -> None:
        self._stats.failed += 1
        logger.warning("no clip of %s for alarm %s: %s", row.camera, row.alarm, why)
        await self._files.do(self._folder.drop_draft, row)
        await library.evidence_failed(row, why[:500])

    async def _cut(self, library: Library, row: EvidenceRow) -> None:
        """Make and keep it."""
        if row.camera not in self._recorded:
            raise Hopeless("the camera is not recorded")
        pieces = await self._footage.pieces(row.camera, row.start, row.end)
        now = self._now_of(row)
        reached = max((piece.end for piece in pieces), default=None)
        if not is_ripe(row.end, now=now, footage_ends=reached, segment_s=self._segment_s):
            raise NotYet("its footage is not there yet")
        gaps = await self._gaps.gaps(row.camera, row.start, row.end)
        if not pieces:
            words = causes((row.start, row.end), [(gap.start, gap.end, gap.cause) for gap in gaps])
            raise Hopeless(f"no footage of that time ({', '.join(words) or 'unknown'})")
        clip = await self._media.clip(pieces, row.start, row.end, self._folder.draft(row), about=row.at)
        if self._is_short(row, clip, pieces):
            raise NotYet("its last footage is not written yet")
        await self._keep(library, row, clip, gaps)

    def _is_short(self, row: EvidenceRow, clip: Clip, pieces: Sequence[Piece]) -> bool:
        patience = timedelta(seconds=self._segment_s) + PATIENCE
        ends = max((end for _, end in clip.intervals), default=row.start)
        growing = any(piece.growing for piece in pieces)
        return growing and ends < row.end - _SHORT and self._now_of(row) <= row.end + patience

    async def _keep(self, library: Library, row: EvidenceRow, clip: Clip, gaps: Sequence[GapRow]) -> None:
        made = Made(bytes=clip.bytes, sha256=clip.sha256, start=row.start, end=row.end)
        shown = Shown(
            intervals=clip.intervals,
            sources=clip.sources,
            gaps=gaps,
            otherwise=clip.otherwise,
            origin="footage",
            clock=self._clock_state(),
            created=self._clock.now(),
        )
        await self._files.do(self._folder.place, row, manifest_bytes(row, made, shown))
        if await library.evidence_made(row, made, bytes_most=0, destinations=()):
            self._stats.clips += 1
            self._made()
        else:
            await drop_unowned(library, self._files, self._folder, row)
