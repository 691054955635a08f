"""The packets of one open stream as segments that begin with a key frame, in fragments of a second."""

from collections.abc import Callable
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.recording.leftovers import recover
from gateway.recording.names import free_name
from gateway.recording.parameters import Description
from gateway.recording.protocol import (
    Begun,
    Cause,
    Opened,
    Recovered,
    Report,
    SegmentFinished,
    Skipped,
    Task,
)
from gateway.recording.segment_file import SegmentFile
from gateway.recording.sound import Sound
from gateway.recording.syncer import Syncer
from gateway.recording.timeline import Span, Stamp, Timeline

#: A stream that brings no key frame for so long is opened anew, which makes a camera send one; seconds.
KEY_LIMIT_S = 60.0

_KEY_SLACK_S = 0.5  # a key frame so shortly before segment_s is its end: the next one may be seconds away
_BAD_PACKETS = 250  # in a row: more is no glitch
_LONGEST_PICTURE_S = 1.0
_SKIPPED_MS = 1000  # between two segments of one stream no time passes, unless the wall clock was set


class Interrupted(GatewayError):  # noqa: N818 - what happened, in the words of the house
    """Recording of this camera can't go on. `refused`: the camera answers and says no, so try again slowly."""

    def __init__(self, cause: Cause, reason: str, *, refused: bool = False) -> None:
        self.cause = cause
        self.refused = refused
        super().__init__(reason)


class Cutter:
    """Turns the packets of one open stream into segments that begin with a key frame.

    A segment ends at the key frame that comes when it is `segment_s` old, or at the next one after the camera's
    stamps jumped, a packet could not be written, or the wall clock was set; and before a key frame with other
    parameter sets.
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
        syncer: Syncer,
        sound: Sound | None = None,
    ) -> None:
        self._camera = camera
        self._stream = stream
        self._description = Description(stream)
        self._syncer = syncer
        self._sound = sound
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
        self._picture = 0
        self._last_dts = 0
        self._bad = 0
        self._ended_ms: int | None = None

    def take(self, packet: "Packet[VideoStream]", arrival: float) -> bool:
        """Write the packet where it belongs; False if that could not be done. Raises Interrupted."""
        stamp = self._timeline.place(packet.dts, packet.pts, packet.duration, arrival)
        self._cut |= stamp.jumped
        if packet.is_keyframe:
            self._key_seen = arrival
            described = self._description.follow(packet)
            if self._file is None or described or self._due(arrival):
                self._begin(arrival, stamp)
                if described and not self._fresh:
                    self._report_opened()
        elif arrival - self._key_seen > KEY_LIMIT_S:
            raise Interrupted(Cause.CAMERA, f"no key frame for {KEY_LIMIT_S:.0f} s")
        file = self._file
        if file is None:
            return False
        self._picture = stamp.dts - self._last_dts
        self._last_dts = stamp.dts
        self._span.last = arrival
        if self._fresh:
            self._span.observe(arrival, self._timeline.seconds(stamp.dts - file.first_dts))
            if self._span.settled(arrival) and file.written:
                self._settle(file)
        return self._write(file, packet, stamp)

    def take_sound(self, packet: "Packet[AudioStream]") -> None:
        """Write what was heard beside the latest picture. Raises Interrupted."""
        if self._file is None:
            return
        try:
            self._file.write_sound(packet, self._timeline.seconds(self._last_dts - self._file.first_dts))
        except OSError as error:
            self._abandon(self._file)
            raise Interrupted(Cause.DISK, f"the spool does not take more: {error.strerror}") from None

    def finish(self) -> int | None:
        """Close the open segment; when footage ended, None if there never was any. Never raises."""
        picture_s = min(_LONGEST_PICTURE_S, self._timeline.seconds(self._picture))
        self._close(self._span.end_ms(picture_s=picture_s))
        return self._ended_ms

    def _due(self, arrival: float) -> bool:
        return (
            self._cut
            or self._span.age(arrival) >= self._segment_s - _KEY_SLACK_S
            or self._span.stepped(self._clock.now().timestamp(), arrival)
        )

    def _begin(self, arrival: float, stamp: Stamp) -> None:
        ended_ms = self._span.end_ms(arrival) if self._file is not None else None
        self._close(self._span.end_ms(arrival))
        described = self._description.template.codec_context
        if not (described.width and described.height):
            raise Interrupted(Cause.CAMERA, "describes no picture that can be", refused=True)
        first, self._cut = self._since, False
        self._fresh = first is not None
        # To close a file takes time: the wall clock as it was when the packet came.
        wall = self._clock.now().timestamp() - (self._clock.monotonic() - arrival)
        self._span = Span(wall, arrival, first)
        if ended_ms is not None and self._span.start_ms - ended_ms > _SKIPPED_MS:
            self._report(Skipped(camera=self._camera, start_ms=ended_ms, end_ms=self._span.start_ms))
        try:
            # Not its parents: where the disk is gone there is no spool, and below its mount point is no place for footage.
            self._folder.mkdir(exist_ok=True)
            name = free_name(self._folder, str(round(wall * 1000)))
            self._file = SegmentFile(name, self._description.template, self._stream, stamp.dts, self._sound)
        except OSError as error:
            raise Interrupted(Cause.DISK, f"no new file in the spool: {error.strerror}") from None
        self._last_dts = stamp.dts
        self._syncer.begun(self._file)
        self._report_begun(self._file)

    def _settle(self, file: SegmentFile) -> None:
        """The first segment's start is known now and its first fragments are on disk: name it so, and tell."""
        try:
            file.rename(free_name(self._folder, str(self._span.start_ms)))
        except OSError as error:
            self._abandon(file)
            raise Interrupted(Cause.DISK, f"the spool does not take more: {error.strerror}") from None
        self._syncer.renamed(file)
        self._report_begun(file)
        self._report_opened()

    def _write(self, file: SegmentFile, packet: "Packet[VideoStream]", stamp: Stamp) -> bool:
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
        self._bad, self._since = 0, None
        return True

    def _close(self, end_ms: int) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        self._syncer.ended(file)
        try:
            file.close()
            if not file.written:
                file.path.unlink()
                return
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

    def _abandon(self, file: SegmentFile) -> None:
        """The disk failed under the file: what is in it is found by reading it again."""
        self._file = None
        self._syncer.ended(file)
        file.discard()
        found = recover(file.path, self._camera, self._unreadable)
        if found is not None:
            self._report(found)
        if isinstance(found, Recovered):
            self._ended_ms = found.end_ms

    def _report_begun(self, file: SegmentFile) -> None:
        self._report(Begun(camera=self._camera, path=str(file.path), start_ms=self._span.start_ms))

    def _report_opened(self) -> None:
        self._fresh = False
        codec = self._description.template.codec_context
        self._report(
            Opened(
                camera=self._camera,
                at_ms=self._span.start_ms,
                codec=codec.name,
                width=codec.width,
                height=codec.height,
            )
        )
