"""Where a stream's coded pictures come from: a live encoder with the true time in them, or one loop encoded beforehand."""

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, Self

from gateway.clock import SystemClock
from simulators.camera import rtp
from simulators.camera.encoder import Encoder, ParameterSets, Video, access_unit, parameter_sets
from simulators.camera.scene import Scene
from simulators.camera.stage import Stage


class Footage(Protocol):
    """A source of coded pictures for one stream."""

    @property
    def parameter_sets(self) -> ParameterSets:
        """What the pictures of now need; known once it is open."""
        ...

    async def open(self) -> None:
        """Begin."""
        ...

    def change(self, to: "Video | EncodedLoop") -> None:
        """Go on with this from the next picture on. Raises ValueError if it is not of the kind that was there."""
        ...

    async def next_unit(self, *, key: bool) -> rtp.AccessUnit:
        """The next picture; a key frame if one is asked for."""
        ...

    async def close(self) -> None:
        """End, and let go of every thread."""
        ...


class LiveFootage:
    """Encodes as it is asked, in a thread of its own, with the time of the asking in the picture."""

    def __init__(self, video: Video, stage: Stage) -> None:
        self._video = video
        self._stage = stage
        self._thread = ThreadPoolExecutor(1, "camera-encoder")
        self._encoder: Encoder | None = None
        self._encodes = video
        self._sets: ParameterSets | None = None

    @property
    def parameter_sets(self) -> ParameterSets:
        """Those of the last key frame."""
        assert self._sets is not None, "the footage is not open"
        return self._sets

    async def open(self) -> None:
        """Open the encoder; a picture that nobody sees tells the parameter sets."""
        await self._in_thread(key=True)

    def change(self, to: "Video | EncodedLoop") -> None:
        """Film like this from the next picture on, which is a key frame."""
        if not isinstance(to, Video):
            raise ValueError("a live picture can't become a loop")  # noqa: TRY004 - what a person asked for
        self._video = to

    async def next_unit(self, *, key: bool) -> rtp.AccessUnit:
        """The picture of now."""
        return await self._in_thread(key=key)

    async def close(self) -> None:
        """End the thread, after the picture at hand."""
        await asyncio.to_thread(self._thread.shutdown)

    async def _in_thread(self, *, key: bool) -> rtp.AccessUnit:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._encode, key)

    def _encode(self, key: bool) -> rtp.AccessUnit:  # noqa: FBT001 - run_in_executor passes by position
        video = self._video
        if self._encoder is None or self._encodes != video:
            self._encoder, self._encodes = Encoder(video), video
        now = SystemClock().now()
        nals = self._encoder.encode(now, key=key, scene=self._stage.scene(now))
        unit = access_unit(nals, video.codec)
        if unit.key:
            self._sets = parameter_sets(nals, video.codec)
        return unit


@dataclass(frozen=True, slots=True)
class EncodedLoop:
    """Pictures encoded beforehand, to be played for ever by any number of cameras: their clock is not true."""

    video: Video
    parameter_sets: ParameterSets
    units: tuple[rtp.AccessUnit, ...]

    @classmethod
    def render(
        cls, video: Video, *, seconds: float = 4.0, start: datetime | None = None, scene: Scene | None = None
    ) -> Self:
        """Encode whole groups of pictures, `seconds` long or a little more. Blocks: use a thread on an event loop.

        `start` (default: now) is the time in the first picture, and the one at which a frozen `scene` stands.
        """
        start = start or datetime.now(UTC)
        seen = replace(scene or Scene(), since=start)
        count = video.group * max(1, math.ceil(seconds * video.fps / video.group))
        encoder = Encoder(video)
        pictures = [
            encoder.encode(start + timedelta(seconds=n / video.fps), scene=seen) for n in range(count)
        ]
        units = tuple(access_unit(nals, video.codec) for nals in pictures)
        return cls(video, parameter_sets(pictures[0], video.codec), units)


class LoopFootage:
    """One camera's place in a loop. Costs no encoding; a key frame asked for is the next one of the loop."""

    def __init__(self, loop: EncodedLoop) -> None:
        self._loop = loop
        self._at = 0

    @property
    def parameter_sets(self) -> ParameterSets:
        """Those of the loop."""
        return self._loop.parameter_sets

    async def open(self) -> None:
        """Nothing to begin."""

    def change(self, to: Video | EncodedLoop) -> None:
        """Play another loop from the next picture on, which is its first."""
        if not isinstance(to, EncodedLoop):
            raise ValueError("a loop's parameters are its own: give another loop")  # noqa: TRY004 - as above
        self._loop, self._at = to, 0

    async def next_unit(self, *, key: bool) -> rtp.AccessUnit:
        """The next picture of the loop, without leaving the event loop."""
        units = self._loop.units
        while key and not units[self._at].key:
            self._at = (self._at + 1) % len(units)
        unit = units[self._at]
        self._at = (self._at + 1) % len(units)
        return unit

    async def close(self) -> None:
        """Nothing to end."""
