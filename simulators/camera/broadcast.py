"""One camera's pictures, sent to all its viewers in time with its frame rate."""

import asyncio
import logging
import math
import random
import time
from collections import deque
from dataclasses import dataclass

from simulators.camera import rtp
from simulators.camera.encoder import Footage
from simulators.camera.misbehaviour import Misbehaviour
from simulators.fault import Fault

_log = logging.getLogger(__name__)

#: Bytes that may wait for one viewer, beside what its socket holds; one who takes less is cut off.
MAX_WAITING_BYTES = 2 * 1024 * 1024
#: Ended viewers whose counts are remembered.
MAX_REMEMBERED = 256
_REPORT_SECONDS = 5.0  # RFC 3550 section 6.2: the least interval between RTCP reports
_RUBBISH_BYTES = 700
_MAX_BEHIND_SECONDS = 1.0


class Outlet:
    """The way out to one client, bounded: whoever does not read is cut off, so memory does not grow."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self.peer = "{}:{}".format(*transport.get_extra_info("peername")[:2])
        self.cut_off = False

    def write(self, data: bytes) -> bool:
        """Send, or cut the client off if too much waits already; False if nothing was sent."""
        if self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() + len(data) > MAX_WAITING_BYTES:
            _log.warning("%s reads too slowly: cut off", self.peer)
            self.cut_off = True
            self._transport.abort()
            return False
        self._transport.write(data)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerCount:
    """What was handed to one viewer's connection, in order and without a gap, until it left or was `cut_off`.

    All of it arrives if the viewer hangs up last: after `CameraSimulator.stop`, which waits until it is sent.
    """

    peer: str
    frames: int
    packets: int
    octets: int
    watching: bool
    cut_off: bool


class Viewer:
    """One client's RTP session. `channel` takes RTP, the next one RTCP."""

    def __init__(self, outlet: Outlet, channel: int) -> None:
        self._outlet = outlet
        self._channel = channel
        self._ssrc = random.getrandbits(32)
        self._first_sequence = random.getrandbits(16)
        self._timestamp_offset = random.getrandbits(32)
        self._frames = self._packets = self._octets = 0
        self._next_report = 0.0
        self.needs_key = True

    @property
    def ssrc(self) -> int:
        """The RTP source, 32 bits."""
        return self._ssrc

    @property
    def next_sequence(self) -> int:
        """The RTP sequence number of the next packet."""
        return (self._first_sequence + self._packets) & 0xFFFF

    def count(self, *, watching: bool) -> ViewerCount:
        """What was sent so far."""
        return ViewerCount(
            peer=self._outlet.peer,
            frames=self._frames,
            packets=self._packets,
            octets=self._octets,
            watching=watching,
            cut_off=self._outlet.cut_off,
        )

    def show(self, unit: rtp.AccessUnit, timestamp: int) -> None:
        """Send a picture, unless this viewer still waits for a key frame."""
        if self.needs_key and not unit.key:
            return
        last = len(unit.payloads) - 1
        packets = (
            rtp.packet(
                payload,
                marker=n == last,
                sequence=self.next_sequence + n,
                timestamp=self._timestamp_offset + timestamp,
                ssrc=self._ssrc,
            )
            for n, payload in enumerate(unit.payloads)
        )
        if self._outlet.write(b"".join(rtp.interleave(self._channel, packet) for packet in packets)):
            self.needs_key = False
            self._frames += 1
            self._packets += len(unit.payloads)
            self._octets += sum(map(len, unit.payloads))

    def report(self, timestamp: int) -> None:
        """Send an RTCP sender report if one is due. `timestamp` is that of this instant."""
        if self.needs_key or time.monotonic() < self._next_report:
            return
        self._next_report = time.monotonic() + _REPORT_SECONDS
        totals = rtp.SenderTotals(ssrc=self._ssrc, packets=self._packets, octets=self._octets)
        report = rtp.sender_report(
            totals,
            wall_clock=time.time(),
            timestamp=self._timestamp_offset + timestamp,
            cname="camera",
        )
        self._outlet.write(rtp.interleave(self._channel + 1, report))

    def send_rubbish(self) -> None:
        """Send bytes that are no RTP."""
        self._outlet.write(random.randbytes(_RUBBISH_BYTES))


@dataclass(frozen=True, slots=True)
class _Late:
    due: float
    timestamp: int
    unit: rtp.AccessUnit


class Broadcast:
    """Fetches pictures while anyone watches, and only then. RTP time runs on a grid of 1 / fps seconds."""

    def __init__(self, footage: Footage, fps: int, misbehaviour: Misbehaviour) -> None:
        self._footage = footage
        self._fps = fps
        self._misbehaviour = misbehaviour
        self._start = time.monotonic()
        self._viewers: list[Viewer] = []
        self._left: deque[ViewerCount] = deque(maxlen=MAX_REMEMBERED)
        self._watched = asyncio.Event()
        self._key_wanted = False
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

    async def run(self) -> None:
        """Send until cancelled. Pictures that are late are made up for; past `_MAX_BEHIND_SECONDS` they are left out."""
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
        timestamp = tick * rtp.CLOCK_RATE // self._fps
        self._underway.append(_Late(time.monotonic() + self._misbehaviour.lag, timestamp, unit))
        self._deliver()

    @property
    def _disturbed(self) -> bool:
        return self._misbehaviour.mute or self._misbehaviour.fault is Fault.GARBAGE

    async def _next_unit(self) -> rtp.AccessUnit:
        key, self._key_wanted = self._key_wanted, False
        return await self._footage.next_unit(key=key)

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
                viewer.show(late.unit, late.timestamp)
        for viewer in tuple(self._viewers):
            viewer.report(round((now - self._start) * rtp.CLOCK_RATE))
