"""The current picture of each camera, decoded once a second at most, however many look."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.console.problems import RequestError
from gateway.console.views import ConsoleDeps
from gateway.errors import GatewayError, NotFound
from gateway.model import Presence

#: Widths that pictures are made in; the smallest that is wide enough is taken. Pixels.
WIDTHS = (320, 640, 1280, 1920)

#: A picture is made again after so many seconds.
FRESH_S = 1.0

#: Where none could be made it is tried again after so many: who waited meanwhile is told the same. Seconds.
AGAIN_S = 5.0

#: The newest picture of the footage is called current as long as it is no older.
CURRENT = timedelta(seconds=10)

#: For the footage's picture, and for the camera's own: both fit into Limits.answer_s. Seconds.
_MEDIA_S, _CAMERA_S = 9.0, 8.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, and when it was taken (UTC)."""

    jpeg: bytes
    at: datetime


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock
    picture: Picture | None = None
    refusal: RequestError | None = None
    until: float = 0.0


class Stills:
    """From what is recorded; else from the camera itself."""

    def __init__(self, deps: ConsoleDeps) -> None:
        self._deps = deps
        self._kept: dict[tuple[str, int], _Kept] = {}

    async def current(self, camera: str, width: int) -> Picture:
        """The camera's current picture, at least so wide where the camera is. Raises RequestError 503.

        `camera` is one of the site file's: what is kept is bounded by their number.
        """
        size = next((each for each in WIDTHS if each >= width), WIDTHS[-1])
        kept = self._kept.setdefault((camera, size), _Kept(asyncio.Lock()))
        async with kept.lock:
            now = self._deps.clock.monotonic()
            if now < kept.until and kept.picture is not None:
                return kept.picture
            if now < kept.until and kept.refusal is not None:
                raise kept.refusal
            kept.picture = kept.refusal = None
            try:
                kept.picture = await self._make(camera, size)
            except RequestError as error:
                kept.refusal, kept.until = error, self._deps.clock.monotonic() + AGAIN_S
                raise
            kept.until = now + FRESH_S
            return kept.picture

    async def _make(self, camera: str, width: int) -> Picture:
        problem = ""
        for source, limit_s in ((self._from_footage, _MEDIA_S), (self._from_camera, _CAMERA_S)):
            try:
                async with asyncio.timeout(limit_s):
                    found = await source(camera, width)
            except (GatewayError, TimeoutError) as error:
                problem = str(error) or problem
            else:
                if found is not None:
                    return found
        raise RequestError(503, "no-picture", retry_after_s=5, detail=f" ({problem})" if problem else "")

    async def _from_footage(self, camera: str, width: int) -> Picture | None:
        deps, now = self._deps, self._deps.clock.now()
        if deps.footage is None or deps.media is None or deps.footage.growing(camera) is None:
            return None
        pieces = await deps.footage.pieces(camera, now - CURRENT, now)
        if not pieces:
            return None
        still = await deps.media.still(pieces, min(now, pieces[-1].end), width=width)
        return Picture(still.jpeg, still.at) if now - still.at <= CURRENT else None

    async def _from_camera(self, camera: str, _: int) -> Picture | None:
        deps = self._deps
        if deps.picture is None or self._is_away(camera):
            return None
        asked = deps.clock.now()
        try:
            return Picture(await deps.picture(camera), asked)
        except NotFound:  # it has no driver that could be asked
            return None

    def _is_away(self, camera: str) -> bool:
        """Whether it is known not to answer: to ask it would take seconds, in which others wait for their pictures."""
        known = self._deps.journal.presences.get(camera)
        return known is not None and known.presence is Presence.OFFLINE
