"""The packets of one open stream as segments that begin with a key frame, in fragments of a second."""

from collections.abc import Callable
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.recording.leftovers import recover
from gateway.recording.names import free_name
from gateway.recording.protocol import Cause, Opened, Recovered, Report, SegmentFinished, Task
from gateway.recording.timeline import Span, Stamp, Timeline

#: A stream that brings no key frame for so long is opened anew, which makes a camera send one; seconds.
KEY_LIMIT_S = 60.0

_KEY_SLACK_S = 0.5  # a key frame so shortly before segment_s is its end: the next one may be seconds away
_BAD_PACKETS = 250  # in a row: more is no glitch
_LONGEST_PICTURE_S = 1.0
# A fragment is a second at most and flushed at once, so that a crash loses no more than that.
_OUTPUT = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "1000000",
    "flush_packets": "1",
}


class Interrupted(GatewayError):  # noqa: N818 - what happened, in the words of the house
    """Recording of this camera can't go on. `refused`: the camera answers and says no, so try again slowly."""

    def __init__(self, cause: Cause, reason: str, *, refused: bool = False) -> None:
        self.cause = cause
        self.refused = refused
        super().__init__(reason)


class Cutter:
    """Turns the packets of one open stream into segments that begin with a key frame.

    A segment ends at the key frame that comes when it is `segment_s` old, or at the next one after the camera's
    stamps jumped, a packet could not be written, or the wall clock was set.
    """

    def __init__(
        self,
        camera: str,
        stream: VideoStream,
        *,
        task: Task,
        since: float,
        clock: Clock,
        report: Callable[[Report], None],
    ) -> None:
        self._camera = camera
        self._stream = stream
        self._folder = Path(task.spool) / camera
        self._unreadable = Path(task.unreadable) / camera
        self._segment_s = task.segment_s
        self._clock = clock
        self._report = report
        assert stream.time_base is not None
        self._timeline = Timeline(stream.time_base)
        self._since: float | None = since
        self._key_seen = clock.monotonic()
        self._file: SegmentFile | None = None
        self._span = Span(0.0, 0.0)
        self._cut = False
        self._fresh = False
        self._picture_s = 0.0
        self._last_dts = 0
        self._bad = 0
        self._ended_ms: int | None = None

    def take(self, packet: "Packet[VideoStream]", arrival: float) -> bool:
        """Write the packet where it belongs; False if that could not be done. Raises Interrupted."""
        stamp = self._timeline.place(packet.dts, packet.pts, packet.duration, arrival)
        self._cut |= stamp.jumped
        if packet.is_keyframe:
            self._key_seen = arrival
            if self._file is None or self._due(arrival):
                self._begin(arrival, stamp)
        elif arrival - self._key_seen > KEY_LIMIT_S:
            raise Interrupted(Cause.CAMERA, f"no key frame for {KEY_LIMIT_S:.0f} s")
        if self._file is None:
            return False
        self._picture_s = min(_LONGEST_PICTURE_S, self._timeline.seconds(stamp.dts - self._last_dts))
        self._last_dts = stamp.dts
        self._span.observe(arrival, self._timeline.seconds(stamp.dts - self._file.first_dts))
        if self._fresh and self._span.settled(arrival):
            self._settle(self._file)
        return self._write(self._file, packet, stamp)

    def finish(self) -> int | None:
        """Close the open segment; when footage ended, None if there never was any. Never raises."""
        self._close(self._span.end_ms(picture_s=self._picture_s))
        return self._ended_ms

    def _due(self, arrival: float) -> bool:
        return (
            self._cut
            or self._span.age(arrival) >= self._segment_s - _KEY_SLACK_S
            or self._span.stepped(self._clock.now().timestamp(), arrival)
        )

    def _begin(self, arrival: float, stamp: Stamp) -> None:
        self._close(self._span.end_ms(arrival))
        first, self._since, self._cut = self._since, None, False
        self._fresh = first is not None
        wall = self._clock.now().timestamp()
        self._span = Span(wall, arrival, first)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = SegmentFile(
                free_name(self._folder, str(round(wall * 1000))), self._stream, stamp.dts
            )
        except OSError as error:
            raise Interrupted(Cause.DISK, f"no new file in the spool: {error.strerror}") from None
        self._last_dts = stamp.dts

    def _settle(self, file: "SegmentFile") -> None:
        """The first segment's start is known now and its first fragments are on disk: name it so, and tell."""
        try:
            file.rename(free_name(self._folder, str(self._span.start_ms)))
        except OSError as error:
            self._abandon(file)
            raise Interrupted(Cause.DISK, f"the spool does not take more: {error.strerror}") from None
        self._report_opened()

    def _write(self, file: "SegmentFile", packet: "Packet[VideoStream]", stamp: Stamp) -> bool:
        try:
            file.write(packet, stamp)
        except OSError as error:
            self._abandon(file)
            raise Interrupted(Cause.DISK, f"the spool does not take more: {error.strerror}") from None
        except av.FFmpegError as error:
            self._bad += 1
            self._cut = True
            if self._bad > _BAD_PACKETS:
                raise Interrupted(Cause.CAMERA, f"sends what MP4 can't hold: {error.strerror}") from None
            return False
        self._bad = 0
        return True

    def _close(self, end_ms: int) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except (OSError, av.FFmpegError):
            self._abandon(file)
            return
        if self._fresh:
            self._report_opened()
        self._ended_ms = end_ms
        self._report(
            SegmentFinished(
                camera=self._camera, path=str(file.path), start_ms=self._span.start_ms, end_ms=end_ms
            )
        )

    def _abandon(self, file: "SegmentFile") -> None:
        """The disk failed under the file: what is in it is found by reading it again."""
        self._file = None
        file.discard()
        found = recover(file.path, self._camera, self._unreadable)
        if found is not None:
            self._report(found)
        if isinstance(found, Recovered):
            self._ended_ms = found.end_ms

    def _report_opened(self) -> None:
        self._fresh = False
        codec = self._stream.codec_context
        self._report(
            Opened(
                camera=self._camera,
                at_ms=self._span.start_ms,
                codec=codec.name,
                width=codec.width,
                height=codec.height,
            )
        )


class SegmentFile:
    """A fragmented MP4 that is being written. Raises OSError as the disk has it, av.FFmpegError for a bad packet."""

    def __init__(self, path: Path, template: VideoStream, first_dts: int) -> None:
        self.path = path
        self.first_dts = first_dts
        self._container: OutputContainer = av.open(str(path), "w", format="mp4", options=_OUTPUT)
        # opaque: the stream's own parameters as they are, no encoder.
        self._stream: Stream = self._container.add_stream_from_template(template, opaque=True)

    def write(self, packet: "Packet[VideoStream]", stamp: Stamp) -> None:
        """Append; the packet's stamps are replaced."""
        packet.stream = self._stream  # type: ignore[assignment]  # a remuxed packet changes its stream
        packet.dts = stamp.dts - self.first_dts
        packet.pts = stamp.pts - self.first_dts
        self._container.mux_one(packet)

    def rename(self, path: Path) -> None:
        """Go on under another name in the same folder."""
        self.path = self.path.rename(path)

    def close(self) -> None:
        """Write the end and close."""
        self._container.close()

    def discard(self) -> None:
        """Close what can't be closed properly any more."""
        try:
            self._container.close()
        except (OSError, av.FFmpegError):
            return  # the fault is known and reported already
