"""One stream's pictures and sound, sent to all its viewers in time with its frame rate."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from simulators.camera import lies, rtp, sound
from simulators.camera.encoder import Codec
from simulators.camera.footage import Footage
from simulators.camera.misbehaviour import Misbehaviour
from simulators.camera.stamps import StampFault, Stamps
from simulators.camera.viewer import SOUND, VIDEO, Viewer, ViewerCount
from simulators.fault import Fault

#: Ended viewers whose counts are remembered.
MAX_REMEMBERED = 256
_MAX_BEHIND_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """What is sent. `tone` None: no sound. `wall_clock` is the camera's own, in seconds since 1970."""

    footage: Footage
    codec: Codec
    fps: int
    tone: sound.Tone | None
    wall_clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Late:
    due: float
    timestamp: int
    unit: rtp.AccessUnit


class Broadcast:
    """Fetches pictures while anyone watches, and only then. RTP time runs on a grid of 1 / fps seconds.

    `worst_lag` is how far behind that grid a picture was handed out at most, in seconds, besides what a fault holds back.
    """

    def __init__(self, programme: Programme, misbehaviour: Misbehaviour) -> None:
        self._programme = programme
        self._fps = programme.fps
        self._misbehaviour = misbehaviour
        self._stamps = Stamps()
        self._start = time.monotonic()
        self._viewers: list[Viewer] = []
        self._left: deque[ViewerCount] = deque(maxlen=MAX_REMEMBERED)
        self._watched = asyncio.Event()
        self._key_wanted = False
        self.worst_lag = 0.0
        self._underway: deque[_Late] = deque()  # bounded by the lag: what leaves is never later than that

    def counts(self) -> tuple[ViewerCount, ...]:
        """What was sent to those who left (the latest `MAX_REMEMBERED`), then to those who watch."""
        return (*self._left, *(viewer.count(watching=True) for viewer in self._viewers))

    def add(self, viewer: Viewer) -> None:
        """Show everything from the next picture on, which is a key frame."""
        self._viewers.append(viewer)
        self._key_wanted = True
        self._watched.set()

    def remove(self, viewer: Viewer) -> None:
        """Show nothing more to a viewer; one who does not watch is no matter."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            self._left.append(viewer.count(watching=False))
        if not self._viewers:
            self._watched.clear()
            self._underway.clear()

    def stamp(self, fault: StampFault) -> None:
        """Let the RTP time stamps be wrong in this way from now on."""
        self._stamps.change(fault, time.monotonic() - self._start)

    def want_key(self) -> None:
        """Let the next picture be a key frame."""
        self._key_wanted = True

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_pictures())
            if self._programme.tone is not None:
                tasks.create_task(self._run_sound(self._programme.tone))

    async def _run_pictures(self) -> None:
        """Pictures that are late are made up for; past `_MAX_BEHIND_SECONDS` they are left out."""
        tick = 0
        while True:
            if not self._watched.is_set():
                await self._watched.wait()
                tick = self._tick_of_now()
            tick = max(tick + 1, self._tick_of_now() - round(_MAX_BEHIND_SECONDS * self._fps))
            await asyncio.sleep(self._start + tick / self._fps - time.monotonic())
            await self._take_picture(tick)

    def _tick_of_now(self) -> int:
        return math.floor((time.monotonic() - self._start) * self._fps)

    async def _take_picture(self, tick: int) -> None:
        unit = None if self._disturbed else await self._next_unit()
        if unit is None or self._disturbed:  # it may have become so while the picture was encoded
            self._interrupt()
            return
        self.worst_lag = max(self.worst_lag, time.monotonic() - self._start - tick / self._fps)
        timestamp = self._stamps.sent(tick * rtp.CLOCK_RATE // self._fps, rtp.CLOCK_RATE)
        self._underway.append(_Late(time.monotonic() + self._misbehaviour.lag, timestamp, unit))
        self._deliver()

    @property
    def _disturbed(self) -> bool:
        return self._misbehaviour.mute or self._misbehaviour.fault is Fault.GARBAGE

    async def _next_unit(self) -> rtp.AccessUnit:
        key, self._key_wanted = self._key_wanted, False
        unit = await self._programme.footage.next_unit(key=key)
        spoilt = lies.spoil(unit.payloads, self._misbehaviour.lie, self._programme.codec)
        return unit if spoilt is unit.payloads else replace(unit, payloads=tuple(spoilt))

    def _interrupt(self) -> None:
        self._underway.clear()
        self._key_wanted = True
        for viewer in self._viewers:
            viewer.needs_key = True
            if self._misbehaviour.fault is Fault.GARBAGE:
                viewer.send_rubbish()

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._underway and (not self._misbehaviour.lag or self._underway[0].due <= now):
            late = self._underway.popleft()
            for viewer in tuple(self._viewers):
                viewer.show(late.unit, late.timestamp, self._misbehaviour.lie)
        self._report(VIDEO, rtp.CLOCK_RATE)

    async def _run_sound(self, tone: sound.Tone) -> None:
        """Packets on a grid of their length; a camera that is slow sends those of a while ago."""
        period = tone.packet_ms / 1000
        sent = 0
        while True:
            await self._watched.wait()
            heard = math.floor((time.monotonic() - self._misbehaviour.lag - self._start) / period)
            for number in range(max(sent + 1, heard - round(_MAX_BEHIND_SECONDS / period)), heard + 1):
                self._send_sound(tone, number)
                sent = number
            await asyncio.sleep(
                self._start + (heard + 1) * period + self._misbehaviour.lag - time.monotonic()
            )

    def _send_sound(self, tone: sound.Tone, number: int) -> None:
        if self._disturbed:
            return
        payload = tone.payload(number)
        timestamp = self._stamps.sent(number * tone.samples, sound.RATE)
        for viewer in tuple(self._viewers):
            viewer.hear(payload, timestamp, self._misbehaviour.lie)
        self._report(SOUND, sound.RATE)

    def _report(self, track: int, rate: int) -> None:
        now = round((time.monotonic() - self._start) * rate)
        for viewer in tuple(self._viewers):
            if (flow := viewer.flows.get(track)) is not None and not (track == VIDEO and viewer.needs_key):
                flow.report(self._stamps.sent(now, rate), self._programme.wall_clock())
