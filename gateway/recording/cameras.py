"""What is known of each camera: is it there, is it being recorded, and since when and why not."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.clock import Clock, from_ms
from gateway.model import Presence
from gateway.recording.needs import RecordingJournal
from gateway.recording.protocol import Cause, Lost, Opened, Progress

logger = logging.getLogger(__name__)

#: One that is being recorded is heard of each 5 s only: what it lacks of that is no silence yet, nor is less than that at
#: least. Seconds.
_WORDS_APART_S, _WORDS_MISSED_S = 5.0, 15.0

_AWAY = frozenset({Cause.CAMERA, Cause.NETWORK})


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraStats:
    """One camera, for metrics. Totals since the service's start; `segments` are files that came onto the shelf.

    `packets` and `bytes` came from the camera, `dropped` packets of them could not be written; an interruption is an
    end of being recorded, whatever its cause.
    """

    camera: str
    recording: bool
    segments: int
    packets: int
    bytes: int
    dropped: int
    interruptions: int


class CameraWatch:
    """Keeps one camera's presence and gaps in the journal."""

    def __init__(
        self,
        camera: str,
        journal: RecordingJournal,
        clock: Clock,
        *,
        lost_after_s: float,
        alarm: Callable[[str], None] | None = None,
    ) -> None:
        """A camera of which nothing came for `lost_after_s` seconds is lost; one that reboots quickly is not.

        With an `alarm` its presence is another's to tell (its driver's): that it is not recorded is told there then, in
        words, and "" once it is again.
        """
        self._alarm = alarm
        self.camera = camera
        self._journal = journal
        self._clock = clock
        self._lost_after_s = lost_after_s
        self._gap: Cause | None = None
        self._reason = "not recorded yet"
        self._seen = clock.monotonic()
        self._recorder_since: float | None = None
        self._segments = self._packets = self._bytes = self._dropped = self._interruptions = 0
        self._before = Progress(camera=camera, packets=0, bytes=0, dropped=0)

    @property
    def stats(self) -> CameraStats:
        """As of now."""
        return CameraStats(
            camera=self.camera,
            recording=self._gap is None,
            segments=self._segments,
            packets=self._packets,
            bytes=self._bytes,
            dropped=self._dropped,
            interruptions=self._interruptions,
        )

    @property
    def silent_s(self) -> float:
        """For how long nothing has come of it, in seconds."""
        return self._clock.monotonic() - self._seen

    async def begin(self, last_footage: datetime | None) -> None:
        """The gateway has started; from the end of the last footage on there is none."""
        await self._miss(Cause.STOPPED, last_footage or self._clock.now())

    def recorder_started(self) -> None:
        """A recorder process runs: the camera has its time to appear."""
        self._recorder_since = self._seen = self._clock.monotonic()
        self._before = Progress(camera=self.camera, packets=0, bytes=0, dropped=0)

    async def recorder_ended(self, cause: Cause) -> None:
        """There is no recorder process, so nothing is known of the camera."""
        self._recorder_since = None
        self._seen = self._clock.monotonic()
        self._interruptions += self._gap is None
        await self._miss(cause, self._clock.now())

    async def opened(self, report: Opened) -> None:
        """It is being recorded."""
        self._seen = self._clock.monotonic()
        self._gap, self._reason = None, ""
        logger.info("%s: recording, %s %dx%d", self.camera, report.codec, report.width, report.height)
        await self._journal.close_gap(self.camera, from_ms(report.at_ms))
        identity = {"codec": report.codec, "size": f"{report.width}x{report.height}"}
        if self._alarm is not None:
            self._alarm("")
            return
        await self._journal.presence(self.camera, Presence.ONLINE, "", identity)

    async def lost(self, report: Lost, cause: Cause) -> None:
        """It is not being recorded any more, or still not. `cause` may be better known than to the reporter."""
        if cause not in _AWAY:
            self._seen = self._clock.monotonic()  # the camera is not what failed
        elif self._gap is None:
            footage_ended = (self._clock.now() - from_ms(report.at_ms)).total_seconds()
            self._seen = max(self._seen, self._clock.monotonic() - max(0.0, footage_ended))
        self._interruptions += self._gap is None
        if not self._is_known(cause):
            logger.warning("%s: not recorded (%s): %s", self.camera, cause, report.reason)
        self._reason = report.reason
        await self._miss(cause, from_ms(report.at_ms))

    def progress(self, report: Progress) -> None:
        """Pictures are arriving. The counts are those of one recorder process."""
        self._seen = self._clock.monotonic()
        self._packets += report.packets - self._before.packets
        self._bytes += report.bytes - self._before.bytes
        self._dropped += report.dropped - self._before.dropped
        self._before = report

    def placed(self) -> None:
        """A file of it came onto the shelf."""
        self._segments += 1

    async def look(self) -> None:
        """Tell the journal if the camera has been silent for too long; call it every few seconds."""
        silent_s = self.silent_s
        limit_s = self._lost_after_s
        if self._gap is None:
            limit_s = max(limit_s + _WORDS_APART_S, _WORDS_MISSED_S)
        if silent_s <= limit_s:
            return
        if self._alarm is not None:
            if self._recorder_since is not None:  # without a recorder there is an alarm already
                self._alarm(
                    f"{self.camera} is not recorded: {self._reason or f'no picture for {silent_s:.0f} s'}"
                )
            return
        if self._recorder_since is None:
            await self._journal.presence(self.camera, Presence.UNKNOWN, "there is no recorder to ask")
        else:
            await self._journal.presence(
                self.camera, Presence.OFFLINE, self._reason or f"no picture for {silent_s:.0f} s"
            )

    async def _miss(self, cause: Cause, at: datetime) -> None:
        """A gap has one cause; where the cause becomes another one, another gap begins."""
        if self._is_known(cause):
            return
        if self._gap is not None:
            await self._journal.close_gap(self.camera, at)
        self._gap = cause
        await self._journal.open_gap(self.camera, cause, at)

    def _is_known(self, cause: Cause) -> bool:
        """Whether the gap that lasts has this cause already; a camera that is away may be so in several ways."""
        return self._gap is not None and (self._gap is cause or {self._gap, cause} <= _AWAY)
