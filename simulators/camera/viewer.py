"""One client that watches one stream: what it is sent on each track, and how much that was."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from simulators.camera import lies, rtcp, rtp, sound
from simulators.camera.lies import Lie
from simulators.camera.outlet import Outlet, Way

VIDEO, SOUND = 0, 1  # the tracks of a stream
_RUBBISH_BYTES = 700
_KINDS = {VIDEO: (rtp.PAYLOAD_TYPE, rtp.CLOCK_RATE), SOUND: (sound.PAYLOAD_TYPE, sound.RATE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerCount:
    """What was handed to one viewer's connection, in order and without a gap, until it left or was `cut_off`.

    `frames` are pictures that were handed over whole, `packets` and `octets` theirs; sound is counted apart.
    All of it arrives if the viewer hangs up last: after `CameraSimulator.stop`, which waits until it is sent. Over
    UDP it is what the kernel took. What a `Lie` spoils is counted as if it were whole.
    """

    peer: str
    frames: int
    packets: int
    octets: int
    watching: bool
    cut_off: bool
    stream: str = "main"
    transport: str = "tcp"
    sound_packets: int = 0


class Flow:
    """One track on its way to one viewer: an RTP session's sending half (RFC 3550)."""

    def __init__(self, way: Way, track: int) -> None:
        self.way = way
        self.ssrc = random.getrandbits(32)
        self.packets = self.octets = 0
        self._payload_type, self._rate = _KINDS[track]
        self._first_sequence = random.getrandbits(16)
        self._timestamp_offset = random.getrandbits(32)
        self._next_report = 0.0

    @property
    def next_sequence(self) -> int:
        """The RTP sequence number of the next packet."""
        return (self._first_sequence + self.packets) & 0xFFFF

    def send(self, payloads: Sequence[bytes], timestamp: int, lie: Lie) -> bool:
        """Send payloads of one time stamp; the last one is marked. False if nothing was sent."""
        last = len(payloads) - 1
        packets = [
            rtp.packet(
                payload,
                marker=n == last,
                sequence=self.next_sequence + n,
                timestamp=self._timestamp_offset + timestamp,
                ssrc=self.ssrc,
                payload_type=self._payload_type,
            )
            for n, payload in enumerate(payloads)
        ]
        if lie is Lie.LENGTHS:
            packets = [lies.wrong_length(packet, self.packets + n) for n, packet in enumerate(packets)]
        sent = self.way.send(packets)
        if sent or self.way.transport == "udp":  # a datagram lost leaves its gap in the numbers
            self.packets += len(payloads)
            self.octets += sum(map(len, payloads))
        return sent

    def report(self, timestamp: int, wall_clock: float) -> None:
        """Send an RTCP sender report if one is due. `timestamp` and `wall_clock` are those of this instant."""
        if not self.packets or time.monotonic() < self._next_report:
            return
        self._next_report = time.monotonic() + rtcp.REPORT_SECONDS
        self.way.report(
            rtcp.sender_report(
                rtcp.SenderTotals(ssrc=self.ssrc, packets=self.packets, octets=self.octets),
                wall_clock=wall_clock,
                timestamp=self._timestamp_offset + timestamp,
                cname="camera",
            )
        )


class Viewer:
    """One client's session with one stream: a flow for each track that it has set up."""

    def __init__(self, outlet: Outlet, stream: str) -> None:
        self._outlet = outlet
        self._stream = stream
        self._frames = 0
        self.flows: dict[int, Flow] = {}
        self.needs_key = True

    def flow(self, track: int, way: Way) -> Flow:
        """The flow of a track, which goes this way from now on."""
        if (old := self.flows.get(track)) is not None:
            old.way.close()
        self.flows[track] = Flow(way, track)
        return self.flows[track]

    def count(self, *, watching: bool) -> ViewerCount:
        """What was sent so far."""
        video, sound_flow = self.flows.get(VIDEO), self.flows.get(SOUND)
        return ViewerCount(
            peer=self._outlet.peer,
            frames=self._frames,
            packets=video.packets if video else 0,
            octets=video.octets if video else 0,
            watching=watching,
            cut_off=self._outlet.cut_off,
            stream=self._stream,
            transport=next(flow.way.transport for flow in self.flows.values()),
            sound_packets=sound_flow.packets if sound_flow else 0,
        )

    def show(self, unit: rtp.AccessUnit, timestamp: int, lie: Lie) -> None:
        """Send a picture, unless this viewer still waits for a key frame or wants none."""
        video = self.flows.get(VIDEO)
        if video is None or (self.needs_key and not unit.key):
            return
        if lie is Lie.ENDLESS_FRAME:
            video.way.hang()
        elif video.send(unit.payloads, timestamp, lie):
            self.needs_key = False
            self._frames += 1

    def hear(self, payload: bytes, timestamp: int, lie: Lie) -> None:
        """Send a packet of sound, if this viewer wants any."""
        if (flow := self.flows.get(SOUND)) is not None and lie is not Lie.ENDLESS_FRAME:
            flow.send([payload], timestamp, lie)

    def send_rubbish(self) -> None:
        """Send bytes that are no RTP."""
        for flow in self.flows.values():
            flow.way.rubbish(random.randbytes(_RUBBISH_BYTES))

    def close(self) -> None:
        """Let go of sockets."""
        for flow in self.flows.values():
            flow.way.close()
