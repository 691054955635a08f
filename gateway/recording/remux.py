"""One camera's stream, opened and copied: packets are never decoded (DESIGN "Recording is remux")."""

import threading
from collections.abc import Callable
from typing import NoReturn

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from gateway.clock import Clock, to_ms
from gateway.recording.cutter import Cutter, Interrupted
from gateway.recording.protocol import Cause, Lost, Progress, Report, Task

#: What an MP4 segment can hold of what cameras send.
CODECS = frozenset({"h264", "hevc"})
#: How long opening a stream may take, where stall_s is not shorter; seconds.
OPEN_LIMIT_S = 10.0

_PROGRESS_S = 5.0
# Video alone is asked for, over the connection itself; the rate of pictures is not probed, which would take a second.
_INPUT = {"rtsp_transport": "tcp", "allowed_media_types": "video", "fpsprobesize": "0"}


class Remuxer:
    """Records one camera, attempt by attempt; lives in a thread of its own."""

    def __init__(
        self,
        camera: str,
        url: str,
        *,
        task: Task,
        clock: Clock,
        report: Callable[[Report], None],
        stop: threading.Event,
    ) -> None:
        self.camera = camera
        self._url = url
        self._task = task
        self._clock = clock
        self._report = report
        self._stop = stop
        self._packets = self._bytes = self._dropped = 0
        self._next_progress = 0.0

    def attempt(self) -> NoReturn:
        """Open the stream and record it until it ends or is to end. Raises Interrupted, which has been reported."""
        began = self._clock.monotonic()
        cutter: Cutter | None = None
        interrupted = Interrupted(Cause.STOPPED, "told to stop")
        try:
            with self._open() as source:
                stream = _video_of(source)
                cutter = Cutter(
                    self.camera, stream, task=self._task, since=began, clock=self._clock, report=self._report
                )
                self._copy(source, stream, cutter)
        except Interrupted as why:
            interrupted = why
        except av.FFmpegError as error:
            waited = self._clock.monotonic() - began
            interrupted = _explain(error, opened=cutter is not None, waited_s=waited, task=self._task)
        except ValueError as error:
            interrupted = Interrupted(Cause.CAMERA, f"sends what can't be recorded: {error}")
        self._lose(interrupted, cutter)
        raise interrupted

    def _open(self) -> InputContainer:
        # A read limit of T ends the wait after 2 T.
        limits = (min(OPEN_LIMIT_S, self._task.stall_s), self._task.stall_s / 2)
        return av.open(self._url, "r", options=_INPUT, timeout=limits)

    def _copy(self, source: InputContainer, stream: VideoStream, cutter: Cutter) -> None:
        for packet in source.demux(stream):
            if packet.size == 0:
                continue  # the library's mark of the end
            arrival = self._clock.monotonic()
            self._packets += 1
            self._bytes += packet.size
            self._dropped += not cutter.take(packet, arrival)
            if arrival >= self._next_progress:
                self._next_progress = arrival + _PROGRESS_S
                self._report(self._progress())
            if self._stop.is_set():
                return
        raise Interrupted(Cause.CAMERA, "the camera ended the stream")

    def _progress(self) -> Progress:
        return Progress(camera=self.camera, packets=self._packets, bytes=self._bytes, dropped=self._dropped)

    def _lose(self, interrupted: Interrupted, cutter: Cutter | None) -> None:
        ended_ms = cutter.finish() if cutter is not None else None
        if ended_ms is None:
            ended_ms = to_ms(self._clock.now())
        self._report(
            Lost(camera=self.camera, at_ms=ended_ms, cause=interrupted.cause, reason=str(interrupted))
        )


def _video_of(source: InputContainer) -> VideoStream:
    if not source.streams.video:
        raise Interrupted(Cause.CAMERA, "the stream has no video", refused=True)
    stream = source.streams.video[0]
    if stream.codec_context.name not in CODECS:
        raise Interrupted(
            Cause.CAMERA,
            f"video is {stream.codec_context.name}: set the camera to H.264 or H.265",
            refused=True,
        )
    return stream


def _explain(error: av.FFmpegError, *, opened: bool, waited_s: float, task: Task) -> Interrupted:
    """The library's error in words that help, without the address (it has the password in it)."""
    match error:
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return Interrupted(Cause.CAMERA, "refuses the user name or the password", refused=True)
        case av.error.HTTPNotFoundError():
            return Interrupted(Cause.CAMERA, "has no stream of that address", refused=True)
    cause, what = Cause.CAMERA, f"does not talk sense: {error.strerror}"
    if opened and isinstance(error, av.error.ExitError):
        cause, what = Cause.NETWORK, f"no picture for {task.stall_s:g} s"
    elif not opened and waited_s >= min(OPEN_LIMIT_S, task.stall_s) * 0.9:
        cause, what = Cause.NETWORK, f"no answer within {waited_s:.0f} s"
    elif isinstance(error, ConnectionError):
        what = f"the connection failed: {error.strerror}"
    elif isinstance(error, OSError):
        cause, what = Cause.NETWORK, f"can't be reached: {error.strerror}"
    return Interrupted(cause, what)
