"""One file of footage while it is written: fragmented MP4, pictures as they came, sound beside them where it is wanted."""

from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from gateway.recording.sound import Sound
from gateway.recording.timeline import Stamp

# A fragment is a second at most and flushed at once, so that a crash loses no more than that; nor does a picture wait long
# for sound that does not come (microseconds). Whatever its stamps say, no more than 8 MiB of it wait in memory.
_OUTPUT = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "1000000",
    "frag_size": str(8 * 1024 * 1024),
    "flush_packets": "1",
    "max_interleave_delta": "300000",
}


class SegmentFile:
    """A fragmented MP4 that is being written. Raises OSError as the disk has it, av.FFmpegError for a bad packet."""

    def __init__(
        self, path: Path, template: VideoStream, source: VideoStream, first_dts: int, sound: Sound | None
    ) -> None:
        """`template` describes the pictures, `source` is where their packets come from."""
        self.path = path
        self.first_dts = first_dts
        #: Whether it holds a picture.
        self.written = False
        self._container: OutputContainer = av.open(str(path), "w", format="mp4", options=_OUTPUT)
        # opaque: the stream's own parameters as they are, no encoder.
        self._stream: Stream = self._container.add_stream_from_template(template, opaque=True)
        if template is not source:
            assert source.time_base is not None
            self._stream.time_base = source.time_base
        self._sound = sound
        self._track = sound.track(self._container) if sound is not None else None

    def write(self, packet: "Packet[VideoStream]", stamp: Stamp) -> None:
        """Append; the packet's stamps are replaced."""
        packet.stream = self._stream  # type: ignore[assignment]  # a remuxed packet changes its stream
        packet.dts = stamp.dts - self.first_dts
        packet.pts = stamp.pts - self.first_dts
        self._container.mux_one(packet)
        self.written = True

    def write_sound(self, packet: "Packet[AudioStream]", media_s: float) -> None:
        """Append what was heard when the pictures had come so far. Raises OSError."""
        if self._track is None or self._sound is None:
            return
        try:
            self._track.write(packet, media_s)
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            self._track = None
            self._sound.fail(str(error))

    def rename(self, path: Path) -> None:
        """Go on under another name in the same folder."""
        self.path = self.path.rename(path)

    def close(self) -> None:
        """Write the end and close."""
        if self._track is not None and self._sound is not None:
            try:
                self._track.end()
            except (av.FFmpegError, ValueError) as error:
                self._sound.fail(str(error))
        self._container.close()

    def discard(self) -> None:
        """Close what can't be closed properly any more."""
        try:
            self._container.close()
        except (OSError, av.FFmpegError):
            return  # the fault is known and reported already
