"""A camera's sound beside its pictures: AAC as it comes, G.711 encoded to AAC. Whatever is wrong with it stops no picture."""

import logging
from fractions import Fraction
from typing import Protocol

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

logger = logging.getLogger(__name__)

#: What is encoded to AAC; `aac` itself is copied, anything else left out.
G711 = frozenset({"pcm_alaw", "pcm_mulaw"})

_BIT_RATE = 32_000
_AAC_SAMPLES = 1024
# Sound runs by its own samples, and is set right where it is further from the pictures than this; seconds.
_BEHIND_S, _AHEAD_S = 0.5, 1.0


class Track(Protocol):
    """The sound of one file."""

    def write(self, packet: "Packet[AudioStream]", media_s: float) -> None:
        """Append what came when the pictures had come so far. Raises OSError, av.FFmpegError, ValueError."""
        ...

    def end(self) -> None:
        """Write what is left. Raises like `write`."""
        ...


class Sound:
    """The sound of one open stream; None of `track` where it can't be had (any more), which is said once."""

    def __init__(self, camera: str, stream: AudioStream) -> None:
        self._camera = camera
        self._stream = stream
        self._usable = True
        if stream.codec_context.name not in {*G711, "aac"}:
            self.fail(f"it is {stream.codec_context.name}, neither G.711 nor AAC")

    def track(self, container: OutputContainer) -> Track | None:
        """Add the sound to a file that has no packet yet."""
        if not self._usable:
            return None
        try:
            if self._stream.codec_context.name in G711:
                return _Encoded(container, self._stream)
            return _Copied(container, self._stream)
        except (av.FFmpegError, ValueError) as error:
            self.fail(str(error))
            return None

    def fail(self, reason: str) -> None:
        """No more of it until the stream is opened anew."""
        if self._usable:
            logger.warning("%s: its sound is left out, pictures go on: %s", self._camera, reason)
        self._usable = False


class _Place:
    """Where samples belong: one after the other, but never far from the pictures beside them."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.at: int | None = None

    def take(self, samples: int, media_s: float) -> int | None:
        """The place of so many samples; None where they have to be left out, for sound is ahead."""
        target = round(media_s * self._rate)
        at = self.at if self.at is not None else max(0, target)
        if at - target > self._rate * _AHEAD_S:
            return None
        if target - at > self._rate * _BEHIND_S:
            at = target
        self.at = at + samples
        return at


class _Copied:
    """AAC packets as they are; each is 1024 samples (ISO/IEC 14496-3, 4.5.1.1: frame length)."""

    def __init__(self, container: OutputContainer, source: AudioStream) -> None:
        self._container = container
        self._out = container.add_stream_from_template(source, opaque=True)
        self._tick = Fraction(1, source.codec_context.sample_rate)
        self._place = _Place(source.codec_context.sample_rate)

    def write(self, packet: "Packet[AudioStream]", media_s: float) -> None:
        at = self._place.take(_AAC_SAMPLES, media_s)
        if at is None:
            return
        packet.stream = self._out
        packet.time_base = self._tick
        packet.dts = packet.pts = at
        packet.duration = _AAC_SAMPLES
        self._container.mux_one(packet)

    def end(self) -> None:
        """Nothing is left."""


class _Encoded:
    """G.711 to AAC. The encoder counts samples without a hole; holes are made where its packets are placed."""

    def __init__(self, container: OutputContainer, source: AudioStream) -> None:
        self._container = container
        self._source = source
        rate = source.codec_context.sample_rate
        self._out = container.add_stream("aac", rate=rate)
        assert isinstance(self._out, AudioStream)
        codec = self._out.codec_context
        assert isinstance(codec, AudioCodecContext)
        codec.layout, codec.format, codec.bit_rate = "mono", "fltp", _BIT_RATE
        self._tick = Fraction(1, rate)
        self._place = _Place(rate)
        self._taken = 0
        self._shift = 0
        self._last = -1

    def write(self, packet: "Packet[AudioStream]", media_s: float) -> None:
        for frame in self._source.decode(packet):
            at = self._place.take(frame.samples, media_s)
            if at is None:
                continue
            self._shift = at - self._taken
            frame.pts, frame.time_base = self._taken, self._tick
            self._taken += frame.samples
            self._mux(self._out.encode(frame))

    def end(self) -> None:
        if self._taken:
            self._mux(self._out.encode(None))

    def _mux(self, packets: "list[Packet[AudioStream]]") -> None:
        for packet in packets:
            # What comes before the first sample is the encoder's own start, no sound.
            if packet.pts is None or packet.pts < 0:
                continue
            self._last = max(packet.pts + self._shift, self._last + 1)
            packet.pts = packet.dts = self._last
            self._container.mux_one(packet)
