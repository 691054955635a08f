"""Which snapshots and clips a press asks for, when a clip can be cut, how long both are kept, what goes first. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from gateway.model import Alarm, Kind, Severity, Verdict
from gateway.policy.severity import URGENT

#: Of one alarm at most so many of each kind, however its sensor chatters; each of its cameras has one in any case.
MOST_OF_AN_ALARM = 20
#: Presses that follow each other closely share a clip, up to this.
LONGEST_CLIP = timedelta(minutes=10)
#: What turned out to be nothing can be looked at for so long after its alarm was closed.
LOOK_AGAIN = timedelta(hours=24)
#: The last fragments of the footage may come so late, and a clip waits no longer than a segment and this.
SETTLE = timedelta(seconds=2)
PATIENCE = timedelta(seconds=60)
#: Pieces of footage follow each other at such distances; more is a gap.
SEAM = timedelta(seconds=0.5)

#: Verdicts that say that there was nothing to see.
NOTHING = frozenset({Verdict.FALSE, Verdict.TEST, Verdict.DRILL})

#: Alarms of the gateway's own that are about what a camera shows: that camera is their evidence.
PICTURE_KINDS = frozenset(
    {
        Kind.CAMERA_BLACK,
        Kind.CAMERA_BRIGHT,
        Kind.CAMERA_BLURRED,
        Kind.CAMERA_COVERED,
        Kind.CAMERA_FROZEN,
        Kind.CAMERA_MOVED,
        Kind.CAMERA_SIGNAL,
    }
)

Interval = tuple[datetime, datetime]


class EvidenceKind(StrEnum):
    """What it shows."""

    SNAPSHOT = "snapshot"
    CLIP = "clip"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRules:
    """What is wanted (`[evidence]`), and how much around a press and for how long (`[retention]`)."""

    snapshots: bool
    clips: bool
    before: timedelta
    after: timedelta
    hold: timedelta
    keep: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """An alarm was raised, or repeated: the `number`th time after the first. `clock` is how the clock was then."""

    alarm: Alarm
    number: int
    at: datetime
    drill: bool
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Evidence of an alarm that was asked for before; `press` is the latest it is for."""

    id: str
    camera: str
    kind: EvidenceKind
    press: int
    start: datetime
    end: datetime
    waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """New evidence."""

    camera: str
    kind: EvidenceKind
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Longer:
    """A clip that has not been cut yet goes on until `end`."""

    id: str
    end: datetime


def cameras_of(alarm: Alarm) -> tuple[str, ...]:
    """The cameras that see what the alarm is about; none for other alarms of the gateway's own."""
    if alarm.source.point is not None:
        return alarm.source.cameras
    return (alarm.source.subject,) if alarm.source.kind in PICTURE_KINDS else ()


def plan(
    press: Press, camera: str, known: Sequence[Known], rules: EvidenceRules
) -> tuple[Wanted | Longer, ...]:
    """What a press asks for of one camera. `known` is all evidence of its alarm; the same press again asks for nothing."""
    steps: list[Wanted | Longer] = []
    if rules.snapshots and _has_room(press, camera, known, EvidenceKind.SNAPSHOT):
        steps.append(Wanted(camera=camera, kind=EvidenceKind.SNAPSHOT, start=press.at, end=press.at))
    if rules.clips and not _is_answered(press, camera, known, EvidenceKind.CLIP):
        step = _plan_clip(press, camera, known, rules)
        if step is not None:
            steps.append(step)
    return tuple(steps)


def _plan_clip(
    press: Press, camera: str, known: Sequence[Known], rules: EvidenceRules
) -> Wanted | Longer | None:
    start, end = press.at - rules.before, press.at + rules.after
    clips = [clip for clip in known if clip.camera == camera and clip.kind is EvidenceKind.CLIP]
    last = max(clips, key=lambda clip: clip.press, default=None)
    if last is not None and start <= last.end and end >= last.start:
        if end <= last.end:
            return Longer(id=last.id, end=last.end)
        if last.waiting and end - last.start <= LONGEST_CLIP:
            return Longer(id=last.id, end=end)
        start = last.end  # what is before it is in that one
    if not _has_room(press, camera, known, EvidenceKind.CLIP):
        return None
    return Wanted(camera=camera, kind=EvidenceKind.CLIP, start=start, end=min(end, start + LONGEST_CLIP))


def _is_answered(press: Press, camera: str, known: Sequence[Known], kind: EvidenceKind) -> bool:
    return any(one.press >= press.number for one in known if one.camera == camera and one.kind is kind)


def _has_room(press: Press, camera: str, known: Sequence[Known], kind: EvidenceKind) -> bool:
    of_kind = [one for one in known if one.kind is kind]
    if _is_answered(press, camera, known, kind):
        return False
    return len(of_kind) < MOST_OF_AN_ALARM or all(one.camera != camera for one in of_kind)


def is_ripe(end: datetime, *, now: datetime, footage_ends: datetime | None, segment_s: float) -> bool:
    """Whether a clip that is to end then can be cut: its footage is there, or has been waited for long enough.

    `footage_ends`: so far the camera's footage of that time reaches, None where there is none.
    """
    if now <= end + SETTLE:
        return False
    if footage_ends is not None and footage_ends >= end:
        return True
    return now > end + timedelta(seconds=segment_s) + PATIENCE


def holes(wanted: Interval, covered: Iterable[Interval]) -> Iterator[Interval]:
    """What is missing of an interval, in order; seams between files are no holes."""
    start, end = wanted
    edges = [(start, start), *sorted(covered), (end, end)]
    reached = start
    for (_, before), (after, _) in pairwise(edges):
        reached = max(reached, before)
        if min(after, end) - reached > SEAM:
            yield reached, min(after, end)


def causes(hole: Interval, gaps: Iterable[tuple[datetime, datetime | None, str]]) -> tuple[str, ...]:
    """Why there is no footage of that time, by the gaps (start, end or None, cause) on record; empty: nobody knows."""
    start, end = hole
    return tuple(
        dict.fromkeys(
            cause for begin, until, cause in gaps if begin < end and (until is None or until > start)
        )
    )


def kept_until(alarm: Alarm, rules: EvidenceRules) -> datetime | None:
    """When the evidence of an alarm may go: None while it is open.

    As its holds end (policy.holds), but what was nothing stays a day so that it can be looked at; medium and low alarms,
    which hold nothing, have `keep`.
    """
    if alarm.closed_at is None:
        return None
    if alarm.verdict in NOTHING:
        return alarm.closed_at + LOOK_AGAIN
    return alarm.closed_at + (rules.hold if alarm.source.severity in URGENT else rules.keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """All evidence of a closed alarm; `number` tells which was asked for first.

    `until` is how long it is to be kept, `sent` whether it is elsewhere too.
    """

    alarm: str
    number: int
    bytes: int
    until: datetime
    sent: bool
    verdict: Verdict | None
    severity: Severity

    def is_over(self, now: datetime | None) -> bool:
        """Whether its time has passed; `now` is None where nobody knows the time."""
        return now is not None and self.until <= now


def first_to_go(closed: Iterable[Closed], now: datetime | None) -> list[Closed]:
    """In which order evidence makes room.

    What is past its time; what was nothing; what is elsewhere too; then the least severe; each time the oldest first.
    """
    severities = list(reversed(Severity))

    def rank(one: Closed) -> tuple[int, int, int]:
        if one.is_over(now):
            return 0, 0, one.number
        if one.verdict in NOTHING:
            return 1, 0, one.number
        return 2 if one.sent else 3, severities.index(one.severity), one.number

    return sorted(closed, key=rank)
