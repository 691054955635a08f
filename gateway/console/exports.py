"""Clips cut for the console: one file for an interval, two made at once, kept for a while and within bounds."""

import asyncio
import logging
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway.clock import Clock
from gateway.console.problems import RequestError
from gateway.console.views import ConsoleDeps, Limits
from gateway.errors import GatewayError
from gateway.footage import FootageUnavailable, Piece
from gateway.media.values import Clip, MediaDown, MediaRefused
from gateway.policy.retention import merge

log = logging.getLogger(__name__)

#: The longest that one request may ask for.
LONGEST = timedelta(hours=1)

#: What has to stay free on the disk that clips are made on. Bytes.
_SPARE_BYTES = 512 * 1024**2

#: An answer waits so long for its clip; the clip is made on, and is there when it is asked for again. Seconds.
_WAIT_S = 15.0

_WAITING = 16
_SWEEP_S = 30.0
_MARK = "console-clip-"  # files of that name in the folder are ours

#: Less than this at a clip's edges and joints is no footage that is missing in it: it begins with a key frame.
_SLACK = timedelta(seconds=2)

_Interval = tuple[datetime, datetime]
_Key = tuple[str, datetime, datetime]


@dataclass(frozen=True, slots=True)
class Made:
    """A clip, and what was recorded in its time and is not in it: pictures of another size or coding, or damaged ones."""

    clip: Clip
    left_out: tuple[_Interval, ...]


@dataclass(slots=True)
class _Export:
    """A clip that is made or being made."""

    path: Path
    making: asyncio.Task[Made]
    used: float

    @property
    def clip(self) -> Clip | None:
        """The clip, once it is there."""
        done = self.making.done() and not self.making.cancelled() and self.making.exception() is None
        return self.making.result().clip if done else None


class Exports:
    """Makes and keeps the clips. `run` is one task of the console's."""

    def __init__(self, deps: ConsoleDeps) -> None:
        self._deps = deps
        self._exports: dict[_Key, _Export] = {}
        self._turn = asyncio.Semaphore(deps.limits.clips)
        self._running = False

    @property
    def _limits(self) -> Limits:
        return self._deps.limits

    @property
    def _clock(self) -> Clock:
        return self._deps.clock

    async def run(self) -> None:
        """Serve until cancelled; then what is being made ends. Clips of an earlier run are deleted first."""
        folder = self._deps.exports_dir
        if folder is None:
            return
        try:
            await asyncio.to_thread(_clear, folder)
        except OSError as error:  # guards have their screen all the same; each clip will say what is wrong
            log.warning("the folder of clips can't be used: %s", error)
        self._running = True
        try:
            while True:
                await self._clock.sleep(_SWEEP_S)
                await self.sweep()
        finally:
            self._running = False
            making = [export.making for export in self._exports.values()]
            for task in making:
                task.cancel()
            await asyncio.gather(*making, return_exceptions=True)
            self._exports.clear()

    async def clip(self, camera: str, start: datetime, end: datetime) -> Made:
        """That time as one file, made now or a moment ago.

        Raises RequestError 404 where nothing was recorded, 409 where it can't be used, 503 where it is not ready
        yet or can't be made just now.
        """
        folder = self._deps.exports_dir
        if folder is None or not self._running:
            raise RequestError(503, "no-clips", retry_after_s=30)
        key = (camera, start, end)
        export = self._exports.get(key)
        if export is None:
            export = self._begin(key, folder)
        export.used = self._clock.monotonic()
        try:
            async with asyncio.timeout(_WAIT_S):
                return await asyncio.shield(export.making)
        except TimeoutError:
            raise RequestError(503, "clip-in-the-making", retry_after_s=2) from None
        except (MediaRefused, MediaDown, FootageUnavailable, OSError) as error:
            raise _refusal(error) from error

    def _begin(self, key: _Key, folder: Path) -> _Export:
        if sum(not export.making.done() for export in self._exports.values()) >= _WAITING:
            raise RequestError(503, "too-many-clips", retry_after_s=30)
        target = folder / f"{_MARK}{secrets.token_hex(8)}.mp4"
        making = asyncio.create_task(self._make(key, target), name=f"console-clip-{key[0]}")
        making.add_done_callback(lambda task: self._forget_failed(key, task))
        export = self._exports[key] = _Export(target, making, self._clock.monotonic())
        return export

    def _forget_failed(self, key: _Key, task: "asyncio.Task[Made]") -> None:
        """Who asks again gets another try."""
        if task.cancelled() or task.exception() is not None:
            self._exports.pop(key, None)

    async def _make(self, key: _Key, target: Path) -> Made:
        async with self._turn:
            made: Made | None = None
            try:
                try:
                    made = await self._cut(key, target)
                except (
                    MediaDown
                ):  # a file that has moved meanwhile is found under its new name (gateway.footage)
                    made = await self._cut(key, target)
            finally:
                if made is None:
                    await asyncio.to_thread(target.unlink, missing_ok=True)
            return made

    async def _cut(self, key: _Key, target: Path) -> Made:
        camera, start, end = key
        deps = self._deps
        if deps.footage is None or deps.media is None:
            raise RequestError(503, "no-clips", retry_after_s=30)
        pieces = await deps.footage.pieces(camera, start, end)
        if not pieces:
            raise RequestError(404, "nothing-recorded")
        await self._make_room(pieces, target.parent)
        clip = await deps.media.clip(pieces, start, end, target)
        recorded = merge(((max(piece.start, start), min(piece.end, end)) for piece in pieces), _SLACK)
        return Made(clip, tuple(_without(recorded, clip.intervals)))

    # ---- bounds

    async def _make_room(self, pieces: Sequence[Piece], folder: Path) -> None:
        """For a clip of these pieces. Raises RequestError 413, 503, OSError."""
        needed = await asyncio.to_thread(_size_of, pieces)
        if needed > self._limits.kept_clip_bytes:
            raise RequestError(413, "clip-too-large")
        await self._delete_beyond(self._limits.kept_clips - 1, self._limits.kept_clip_bytes - needed)
        free = (await asyncio.to_thread(shutil.disk_usage, folder)).free
        if free < needed + _SPARE_BYTES:
            raise RequestError(503, "no-room-for-clips", retry_after_s=60)

    async def sweep(self) -> None:
        """Delete what nobody has asked for lately."""
        now = self._clock.monotonic()
        for key, export in list(self._exports.items()):
            if export.making.done() and now - export.used >= self._limits.kept_clip_s:
                await self._delete(key)

    async def _delete_beyond(self, count: int, size: int) -> None:
        """Keep so many at most, and so many bytes; the longest unused go. One that is being sent is sent to its end."""
        made = sorted(
            (
                (export.used, key, clip.bytes)
                for key, export in self._exports.items()
                if (clip := export.clip) is not None
            ),
            key=lambda each: each[0],
        )
        kept, total = len(made), sum(weight for _, _, weight in made)
        for _, key, weight in made:
            if kept <= count and total <= size:
                return
            await self._delete(key)
            kept, total = kept - 1, total - weight

    async def _delete(self, key: _Key) -> None:
        export = self._exports.pop(key, None)
        if export is not None:
            try:
                await asyncio.to_thread(export.path.unlink, missing_ok=True)
            except OSError as error:  # the next start clears the folder
                log.warning("a clip can't be deleted: %s", error)


def _refusal(error: GatewayError | OSError) -> RequestError:
    match error:
        case MediaRefused():
            return RequestError(409, "footage-unusable", detail=str(error))
        case OSError():
            return RequestError(503, "no-clip-now", retry_after_s=10, detail=error.strerror or "")
    return RequestError(503, "no-clip-now", retry_after_s=10, detail=str(error))


def _without(recorded: Iterable[_Interval], shown: Sequence[_Interval]) -> Iterator[_Interval]:
    """What was recorded and is not shown; both in order."""
    for begin, finish in recorded:
        at = begin
        for start, end in shown:
            if start >= finish:
                break
            if start - at > _SLACK:
                yield at, start
            at = max(at, end)
        if finish - at > _SLACK:
            yield at, finish


def _size_of(pieces: Sequence[Piece]) -> int:
    total = 0
    for piece in pieces:
        try:
            total += piece.path.stat().st_size
        except FileNotFoundError:  # renamed meanwhile: the bound is rough
            continue
    return total


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob(f"{_MARK}*"):
        file.unlink(missing_ok=True)
