"""One camera's stream, opened and copied: packets are never decoded (DESIGN "Recording is remux")."""

import errno
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from gateway.clock import Clock, to_ms
from gateway.recording.cutter import Cutter, Interrupted
from gateway.recording.guard import MOST_BYTES, Guard, Meter
from gateway.recording.link import connections_to, hears_from, more_waits, talks_nonsense
from gateway.recording.pace import GATHER_S, WAITED_S, Pace
from gateway.recording.protocol import CameraTask, Cause, Lost, Progress, Report, Task
from gateway.recording.sound import Sound
from gateway.recording.syncer import Syncer

#: What an MP4 segment can hold of what cameras send.
CODECS = frozenset({"h264", "hevc"})
#: How long opening a stream may take, where stall_s is not shorter; seconds.
OPEN_LIMIT_S = 10.0

_PROGRESS_S = 5.0
_MOST_AT_ONCE = 32
_PICTURE_BYTES, _BEHIND_S = 16 * 1024, 0.5  # no rest for a reader that is further behind


class _Came(NamedTuple):
    """A packet, when it was there, and whether it had to be waited for."""

    packet: "Packet[Stream]"
    at: float
    waited: bool


class Remuxer:
    """Records one camera, attempt by attempt; lives in a thread of its own."""

    def __init__(
        self,
        camera: str,
        *,
        task: Task,
        clock: Clock,
        report: Callable[[Report], None],
        syncer: Syncer,
        guard: Guard,
        stop: threading.Event,
    ) -> None:
        """An attempt ends soon after `stop` is set."""
        self.camera = camera
        self._task = task
        self._clock = clock
        self._report = report
        self._syncer = syncer
        self._guard = guard
        self._stop = stop
        self._silenced = False
        self._packets = self._bytes = self._dropped = 0
        self._next_progress = 0.0
        self._seen = 0.0

    def attempt(self, order: CameraTask, *, why_stopped: Callable[[], Interrupted]) -> NoReturn:
        """Open the stream and record it until it ends or is to end. Raises Interrupted, which has been reported."""
        began = self._clock.monotonic()
        cutter: Cutter | None = None
        meter = self._guard.begin(order.url)
        try:
            with self._open(order) as source:
                try:
                    stream = _video_of(source)
                    cutter = self._cutter(stream, _sound_of(self.camera, source), began)
                    self._copy(order, source, stream, cutter, meter)
                except av.error.ExitError:
                    raise _no_picture(order.url, self._task.stall_s) from None
            interrupted = why_stopped()
        except Interrupted as why:
            interrupted = why
        except av.FFmpegError as error:
            waited = self._clock.monotonic() - began
            interrupted = _explain(
                error, order.url, opened=cutter is not None, waited_s=waited, task=self._task
            )
            if cutter is None and meter.talks(self._clock.monotonic()):
                interrupted = Interrupted(Cause.CAMERA, "its answer has no end")
        except ValueError as error:
            interrupted = Interrupted(Cause.CAMERA, f"sends what can't be recorded: {error}")
        finally:
            self._guard.end(meter)
        if meter.cut:
            what = f"sends more than {MOST_BYTES >> 20} MB without a whole picture"
            interrupted = Interrupted(Cause.CAMERA, what)
        # A camera that can't be opened with its sound is tried without it the next time.
        self._silenced = order.sound and cutter is None and not self._silenced
        self._lose(interrupted, cutter)
        raise interrupted

    def _open(self, order: CameraTask) -> InputContainer:
        sound = order.sound and not self._silenced
        # Only what is wanted is asked for; the rate of pictures is not probed, which would take a second.
        options = {
            "rtsp_transport": order.transport,
            "allowed_media_types": "video+audio" if sound else "video",
            "fpsprobesize": "0",
        }
        # A read limit of T ends the wait after 2 T.
        limits = (min(OPEN_LIMIT_S, self._task.stall_s), self._task.stall_s / 2)
        return av.open(order.url, "r", options=options, timeout=limits)

    def _cutter(self, stream: VideoStream, sound: Sound | None, began: float) -> Cutter:
        return Cutter(
            self.camera,
            stream,
            task=self._task,
            since=began,
            clock=self._clock,
            report=self._report,
            syncer=self._syncer,
            sound=sound,
        )

    def _copy(
        self, order: CameraTask, source: InputContainer, stream: VideoStream, cutter: Cutter, meter: Meter
    ) -> None:
        """Until told to stop, or Interrupted."""
        now = self._clock.monotonic
        assert stream.time_base is not None
        pace = Pace(stream.time_base)
        # Of UDP the kernel keeps too little to take a rest.
        connections = connections_to(order.url) if order.transport == "tcp" else []
        began = self._seen = asked = now()
        before = self._bytes
        burst: list[
            _Came
        ] = []  # what is there at once is written at once: in turns with reading it costs more
        try:
            for packet in source.demux():
                size = packet.size
                if size == 0:
                    continue  # the library's mark of the end
                meter.taken += size
                came = now()
                waited = came - asked > WAITED_S
                burst.append(_Came(packet, came, waited))
                if waited or len(burst) >= _MOST_AT_ONCE:
                    self._take(burst, stream.index, pace, cutter)
                    if self._stop.is_set():
                        return
                    if waited and not more_waits(connections, _backlog(self._bytes - before, came - began)):
                        time.sleep(GATHER_S)
                asked = now()
        finally:
            self._take(burst, stream.index, pace, cutter)
        raise Interrupted(Cause.CAMERA, "the camera ended the stream")

    def _take(self, burst: "list[_Came]", video: int, pace: Pace, cutter: Cutter) -> None:
        """Write what came, and forget it. Raises Interrupted."""
        packets = burst.copy()
        burst.clear()
        for packet, came, waited in packets:
            if packet.stream_index == video:
                # Of a camera of few pictures the library may not know the order of decoding, ever.
                stamp = packet.dts if packet.dts is not None else packet.pts
                arrival = self._seen = pace.arrived(stamp, came, waited=waited)
                self._packets += 1
                self._bytes += packet.size
                self._dropped += not cutter.take(cast("Packet[VideoStream]", packet), arrival)
            elif came - self._seen > self._task.stall_s:
                raise Interrupted(Cause.CAMERA, f"sound, but no picture for {self._task.stall_s:g} s")
            else:
                cutter.take_sound(cast("Packet[AudioStream]", packet))
            if came >= self._next_progress:
                self._next_progress = came + _PROGRESS_S
                self._report(self._progress())

    def _progress(self) -> Progress:
        return Progress(camera=self.camera, packets=self._packets, bytes=self._bytes, dropped=self._dropped)

    def _lose(self, interrupted: Interrupted, cutter: Cutter | None) -> None:
        ended_ms = cutter.finish() if cutter is not None else None
        if ended_ms is None:
            ended_ms = to_ms(self._clock.now())
        self._report(
            Lost(camera=self.camera, at_ms=ended_ms, cause=interrupted.cause, reason=str(interrupted))
        )


def _backlog(received: int, seconds: float) -> float:
    """Unread bytes of a stream that is kept up with: a picture is given when the next one has begun."""
    return _PICTURE_BYTES + _BEHIND_S * received / max(1.0, seconds)


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


def _sound_of(camera: str, source: InputContainer) -> Sound | None:
    return Sound(camera, source.streams.audio[0]) if source.streams.audio else None


def _no_picture(url: str, stall_s: float) -> Interrupted:
    """Nothing that is a picture came for too long: whose fault it is tells whether anything else did."""
    if hears_from(url, stall_s * 0.8):  # what came with the last picture is older
        return Interrupted(Cause.CAMERA, f"it sends, but no picture for {stall_s:g} s")
    return Interrupted(Cause.NETWORK, f"no picture for {stall_s:g} s")


def _explain(error: av.FFmpegError, url: str, *, opened: bool, waited_s: float, task: Task) -> Interrupted:
    """The library's error in words that help, without the address (it has the password in it)."""
    match error:
        case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return Interrupted(Cause.CAMERA, "refuses the user name or the password", refused=True)
        case av.error.HTTPNotFoundError():
            return Interrupted(Cause.CAMERA, "has no stream of that address", refused=True)
        case av.error.HTTPOtherClientError():
            return Interrupted(Cause.CAMERA, "refuses to send, or has no video")
    cause, what = Cause.CAMERA, f"does not talk sense: {error.strerror}"
    if not opened and waited_s >= min(OPEN_LIMIT_S, task.stall_s) * 0.9:
        if talks_nonsense(url):
            return Interrupted(cause, "does not talk sense")
        cause, what = Cause.NETWORK, f"no answer within {waited_s:.0f} s"
    elif isinstance(error, ConnectionError):
        what = f"the connection failed: {error.strerror}"
    elif error.errno == errno.EIO and talks_nonsense(url):
        what = "does not talk sense"  # the library's word for a broken line and for a broken language
    elif isinstance(error, OSError):
        cause, what = Cause.NETWORK, f"can't be reached: {error.strerror}"
    return Interrupted(cause, what)
