"""Stills, clips and looks for the services of the gateway: asked here, made in processes of their own."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn, TypeVar

from gateway.clock import Clock
from gateway.footage import Piece
from gateway.media import answers
from gateway.media.lane import Lane
from gateway.media.look import Look
from gateway.media.protocol import Answer, Fields, ProtocolError, fields_of
from gateway.media.values import Clip, MediaDown, MediaRefused, Still, part_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an operation may take before its process is killed, and how long its caller waits in all; seconds.

    `idle_s`: how long a process without work is kept. `waiting`: how many requests may wait in each lane.
    """

    still_s: float = 10.0
    look_s: float = 10.0
    clip_s: float = 120.0
    idle_s: float = 600.0
    waiting: int = 64
    quick_turn_s: float = 60.0
    clip_turn_s: float = 1800.0


class MediaProcess:
    """Two lanes, each with a process of its own: stills and looks in one, clips in the other.

    So a long clip holds up no still, and footage that kills its process takes nothing else along. A process is
    started by the first request and ended when it had nothing to do for ten minutes. A request that killed its
    process, or took too long, is tried once more; then it is refused.
    """

    def __init__(self, clock: Clock, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.quick = Lane("quick", clock, waiting=self._limits.waiting, idle_s=self._limits.idle_s)
        self.clips = Lane("clips", clock, waiting=self._limits.waiting, idle_s=self._limits.idle_s)

    async def run(self) -> NoReturn:
        """Serve until cancelled; the processes have ended then, and what waited has failed with MediaDown."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.quick.run(), name="media-quick")
            group.create_task(self.clips.run(), name="media-clips")
        raise AssertionError("lanes never end by themselves")

    async def still(self, pieces: Sequence[Piece], at: datetime, *, width: int | None = None) -> Still:
        """The picture nearest to `at`, or the newest there is if `at` is later than all footage.

        `width` in pixels scales it down, keeping the ratio. Raises MediaRefused, MediaDown.
        """
        limits = self._limits
        fields: Fields = {"pieces": _listed(pieces), "at": at.isoformat(), "width": width}
        return await self._ask(
            self.quick, "still", fields, (limits.still_s, limits.quick_turn_s), answers.still
        )

    async def clip(
        self,
        pieces: Sequence[Piece],
        start: datetime,
        end: datetime,
        target: Path,
        *,
        about: datetime | None = None,
    ) -> Clip:
        """Copy what was filmed from `start` to `end` into `target`, one seekable MP4; the folder must be there.

        It begins with the last key frame at or before `start` and ends with the last picture before `end`. Holes
        are closed up. Pieces whose coding differs from the one at the moment that the clip is `about` (the middle, if
        none is named) are left out.
        `target` is on the disk, whole and synced, when this returns. Raises MediaRefused, MediaDown.
        """
        limits = self._limits
        fields: Fields = {
            "pieces": _listed(pieces),
            "start": start.isoformat(),
            "end": end.isoformat(),
            "about": (about or start + (end - start) / 2).isoformat(),
            "target": str(target),
        }
        try:
            return await self._ask(
                self.clips, "clip", fields, (limits.clip_s, limits.clip_turn_s), answers.clip
            )
        except (MediaDown, MediaRefused):
            # A process that was killed leaves what it had written.
            await asyncio.to_thread(part_of(target).unlink, missing_ok=True)
            raise

    async def look(self, camera: str, growing: Piece, memory_dir: Path) -> Look:
        """Measure the newest key frame of the file that a camera is being recorded into.

        `memory_dir` is where the operation keeps what it remembers of the camera. Raises MediaRefused, MediaDown.
        """
        limits = self._limits
        fields: Fields = {"camera": camera, "pieces": [fields_of(growing)], "memory_dir": str(memory_dir)}
        return await self._ask(self.quick, "look", fields, (limits.look_s, limits.quick_turn_s), answers.look)

    async def _ask(
        self,
        lane: Lane,
        operation: str,
        fields: Fields,
        limits: tuple[float, float],
        read: Callable[[Answer], T],
    ) -> T:
        limit_s, turn_s = limits
        answer = await lane.ask(operation, fields, limit_s=limit_s, turn_s=turn_s)
        try:
            return read(answer)
        except ProtocolError as error:
            lane.count_rubbish(str(error))
            raise MediaDown(f"the media process answered rubbish: {error}") from None


def _listed(pieces: Sequence[Piece]) -> list[Fields]:
    return [fields_of(piece) for piece in pieces]
