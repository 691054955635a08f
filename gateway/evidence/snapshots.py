"""Takes the snapshot of each press: from the footage, or where there is none, the camera's own picture."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.errors import DeviceRefused, DeviceUnavailable, GatewayError, NotFound
from gateway.evidence.manifest import Shown, manifest_bytes
from gateway.evidence.needs import Common, Media, Part, Picture, Tries, drop_unowned
from gateway.footage import Footage, FootageUnavailable
from gateway.media.values import MediaDown, MediaRefused
from gateway.policy.backoff import Backoff
from gateway.policy.evidence import EvidenceKind
from gateway.store.evidence_rows import EvidenceRow, Made
from gateway.store.library import Library

logger = logging.getLogger(__name__)

#: What goes over MQTT has so many bytes at most, and is so many pixels wide; the widths are tried in turn.
MOST_BYTES = 512 * 1024
WIDTHS = (1280, 960, 640)

#: A picture of the footage that is further from the press than this shows something else.
NEAR = timedelta(seconds=5)
#: The camera's own picture is of now: later than this after the press it is no evidence of it.
OWN_PICTURE = timedelta(seconds=30)

_PICTURE_LIMIT_S = 10.0
_PICTURE_MOST_BYTES = 16 * 1024 * 1024
_JPEG = b"\xff\xd8\xff"
_PAGE = 100
_MOST_TRIES = 10
_IDLE_S = 30.0


class NoPicture(GatewayError):  # noqa: N818 - named like NotFound
    """There is none of that time just now, in the words of who was asked."""


class NotNow(NoPicture):
    """Who could tell does not answer: the footage may well be there."""


@dataclass(frozen=True, slots=True)
class _Shot:
    jpeg: bytes
    at: datetime
    origin: Literal["footage", "camera"]


class Snapshots(Part):
    """`made` is called when there is something to announce."""

    def __init__(
        self,
        common: Common,
        *,
        footage: Footage,
        media: Media,
        picture: Picture,
        destinations: Sequence[str],
        made: Callable[[], None],
    ) -> None:
        super().__init__(common)
        self._footage = footage
        self._media = media
        self._picture = picture
        self._destinations = destinations
        self._made = made
        self._tries = Tries(common.clock, Backoff(first_s=1.0, longest_s=60.0))
        self._refusals: dict[str, int] = {}
        self._choosing = asyncio.Lock()
        self._busy: set[str] = set()
        self._seen: dict[str, float] = {}  # when each was tried first; monotonic

    async def round(self) -> float:
        """Take one that is due; in how many seconds there may be another. As many at once as there are who call this."""
        library = await self._library()
        async with self._choosing:
            row = await self._choose(library)
            if row is None:
                return max(0.1, self._tries.next_in(_IDLE_S))
            self._busy.add(row.camera)
        try:
            await self._try(library, row)
        finally:
            self._busy.discard(row.camera)
        return 0.0

    async def _choose(self, library: Library) -> EvidenceRow | None:
        """One that was tried least, so that what fails again and again holds up no new press; of a camera one at a time."""
        rows = await library.waiting_evidence(
            EvidenceKind.SNAPSHOT, _PAGE, but=self._tries.waiting(), cameras_but=self._busy
        )
        return min(rows, key=lambda row: self._tries.count(row.id), default=None)

    async def _try(self, library: Library, row: EvidenceRow) -> None:
        self._seen.setdefault(row.id, self._clock.monotonic())
        try:
            shot = await self._shot(row)
        except NoPicture as error:
            self._tries.failed(row.id)
            if isinstance(error, NotNow):
                return
            refusals = self._refusals[row.id] = self._refusals.get(row.id, 0) + 1
            if refusals < _MOST_TRIES:
                return
            self._stats.failed += 1
            logger.warning("no snapshot of %s for alarm %s: %s", row.camera, row.alarm, error)
            await library.evidence_failed(row, str(error)[:500])
        else:
            await self._keep(library, row, shot)
        self._tries.over(row.id)
        self._refusals.pop(row.id, None)
        self._seen.pop(row.id, None)

    async def _shot(self, row: EvidenceRow) -> _Shot:
        try:
            return await self._from_footage(row)
        except NoPicture as missing:
            if self._age_of(row) > OWN_PICTURE:
                raise
            why, kind = str(missing), type(missing)
        try:
            return await self._from_camera(row.camera)
        except NoPicture as error:
            raise kind(f"{why}; {error}") from error

    def _age_of(self, row: EvidenceRow) -> timedelta:
        """Since its press, by whichever clock says more: one that was set back makes no picture earlier."""
        passed = timedelta(seconds=self._clock.monotonic() - self._seen[row.id])
        return max(self._clock.now() - row.at, passed)

    async def _from_footage(self, row: EvidenceRow) -> _Shot:
        try:
            pieces = await self._footage.pieces(row.camera, row.at - NEAR, row.at + NEAR)
            if not pieces:
                raise NoPicture("no footage of that time")
            for width in WIDTHS:
                still = await self._media.still(pieces, row.at, width=width)
                if len(still.jpeg) <= MOST_BYTES:
                    break
        except (FootageUnavailable, MediaDown) as error:
            raise NotNow(str(error)) from error
        except MediaRefused as error:
            raise NoPicture(str(error)) from error
        if abs(still.at - row.at) > NEAR:
            raise NoPicture(f"the nearest picture of the footage is of {still.at:%H:%M:%S}")
        return _Shot(still.jpeg, still.at, "footage")

    async def _from_camera(self, camera: str) -> _Shot:
        try:
            async with asyncio.timeout(_PICTURE_LIMIT_S):
                jpeg = await self._picture(camera)
        except TimeoutError as error:
            raise NoPicture(f"the camera gave no picture within {_PICTURE_LIMIT_S:g} s") from error
        except (DeviceUnavailable, DeviceRefused, NotFound) as error:
            raise NoPicture(f"the camera gives no picture: {error}") from error
        if not jpeg.startswith(_JPEG) or len(jpeg) > _PICTURE_MOST_BYTES:
            raise NoPicture("what the camera gave is no JPEG that can be kept")
        return _Shot(jpeg, self._clock.now(), "camera")

    async def _keep(self, library: Library, row: EvidenceRow, shot: _Shot) -> None:
        made = Made(
            bytes=len(shot.jpeg), sha256=hashlib.sha256(shot.jpeg).hexdigest(), start=shot.at, end=shot.at
        )
        shown = Shown(
            intervals=[(shot.at, shot.at)],
            sources=(),
            gaps=(),
            origin=shot.origin,
            clock=self._clock_state(),
            created=self._clock.now(),
        )
        await self._files.do(self._place, row, shot.jpeg, manifest_bytes(row, made, shown))
        if await library.evidence_made(row, made, bytes_most=MOST_BYTES, destinations=self._destinations):
            self._stats.snapshots += 1
            self._made()
        else:
            await drop_unowned(library, self._files, self._folder, row)

    def _place(self, row: EvidenceRow, jpeg: bytes, manifest: bytes) -> None:
        self._folder.write_draft(row, jpeg)
        self._folder.place(row, manifest)
