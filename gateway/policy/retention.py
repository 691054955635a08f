"""Which footage goes, in which order, and whether the site's promise will hold (DESIGN "Retention is a range"). Pure."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from math import inf
from operator import attrgetter
from typing import Literal, Protocol

#: Stretches of given-up footage closer than this are told as one.
_TOGETHER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One file on the shelf. `id` is the order of recording.

    `start` and `end` are what the clock said; `ended_by` is the latest it can have ended by a trusted clock, None
    where nobody knows yet: footage that was stamped by a wrong clock has no age.
    """

    id: int
    camera: str
    start: datetime
    end: datetime
    bytes: int
    ended_by: datetime | None


class Hold(Protocol):
    """An interval of a camera's footage that must not be deleted (I7)."""

    @property
    def camera(self) -> str:
        """Whose footage."""
        ...

    @property
    def start(self) -> datetime:
        """From when."""
        ...

    @property
    def end(self) -> datetime:
        """Until when."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`[retention]`: the promise, the privacy limit, and what is given up if the disk can't hold the promise.

    `sacrifice` is each camera's rank (absent: 0); the highest gives up its footage first.
    """

    keep: timedelta
    delete_after: timedelta | None
    when_full: Literal["oldest", "newest"]
    sacrifice: Mapping[str, int]

    def rank(self, camera: str) -> int:
        """The camera's rank in the order of sacrifice."""
        return self.sacrifice.get(camera, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What the footage's disk holds and may hold, in bytes. `max_bytes` None: as much as there is."""

    recorded_bytes: int
    free_bytes: int
    max_bytes: int | None
    min_free_bytes: int

    @property
    def capacity(self) -> int:
        """How much footage there may be."""
        room = self.recorded_bytes + self.free_bytes - self.min_free_bytes
        return max(0, room if self.max_bytes is None else min(room, self.max_bytes))

    @property
    def room(self) -> int:
        """How much may be written yet; less than nothing where it is short."""
        room = self.free_bytes - self.min_free_bytes
        return room if self.max_bytes is None else min(room, self.max_bytes - self.recorded_bytes)

    def without(self, size: int) -> "Disk":
        """The same once so much footage is gone."""
        return replace(self, recorded_bytes=self.recorded_bytes - size, free_bytes=self.free_bytes + size)

    @property
    def shortage(self) -> int:
        """How much must go; 0 where there is room."""
        return max(0, -self.room)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to go, and why; each in the order of its going.

    `expired`: beyond the privacy limit. `surplus`: beyond the promise, and the disk is short. `given_up`: inside
    the promise (or of unknown age), and the disk is short still. `shortfall`: bytes that can't be had this way:
    recording has to stop, unless the plan is `partial`: there are more segments to look at once these are gone.
    `has_more`: there is footage left that may go when new footage needs its place.
    """

    expired: tuple[Segment, ...]
    surplus: tuple[Segment, ...]
    given_up: tuple[Segment, ...]
    shortfall: int
    partial: bool
    has_more: bool

    @property
    def delete(self) -> tuple[Segment, ...]:
        """All that is to go."""
        return self.expired + self.surplus + self.given_up


def plan(
    segments: Sequence[Segment],
    holds: Iterable[Hold],
    *,
    now: datetime,
    clock_trusted: bool,
    rules: Rules,
    disk: Disk,
    truncated: frozenset[str] = frozenset(),
) -> Plan:
    """Decide over the oldest segments of each camera, in order of recording.

    `truncated` are the cameras that have more segments than were given: nothing is taken ahead of what was not
    shown. Nothing under a hold goes (I7), nothing goes by age while the clock is not trusted (I10), nothing inside
    the promise unless the disk is short and then in the stated order: rank, then age (I8).
    """
    held = Held(holds)
    loose = [segment for segment in segments if not held.touches(segment.camera, segment.start, segment.end)]
    age = _Age(now, clock_trusted, rules)
    expired = tuple(segment for segment in loose if age.beyond_privacy(segment))
    surplus = sorted(
        (s for s in loose if age.beyond_promise(s) and not age.beyond_privacy(s)),
        key=lambda s: (s.ended_by, s.id),
    )
    promised = sorted(
        (s for s in loose if not age.beyond_promise(s)),
        key=lambda s: (-rules.rank(s.camera), age.order(s), s.id),
    )
    queue = surplus + (promised if rules.when_full == "oldest" else [])
    missing = disk.shortage - sum(segment.bytes for segment in expired)
    shown = Counter(segment.camera for segment in loose)
    shown.subtract(segment.camera for segment in expired)
    taken, missing, partial = _take(queue, missing, shown, truncated)
    return Plan(
        expired=expired,
        surplus=tuple(segment for segment in taken if age.beyond_promise(segment)),
        given_up=tuple(segment for segment in taken if not age.beyond_promise(segment)),
        shortfall=max(0, missing),
        partial=partial,
        has_more=len(taken) < len(queue),
    )


def _take(
    queue: list[Segment], missing: int, shown: Counter[str], truncated: frozenset[str]
) -> tuple[list[Segment], int, bool]:
    """From the front until nothing is missing, or until a camera's unseen segments would be next."""
    if any(shown[camera] <= 0 for camera in truncated):
        return [], missing, True
    taken: list[Segment] = []
    for segment in queue:
        if missing <= 0:
            break
        taken.append(segment)
        missing -= segment.bytes
        shown[segment.camera] -= 1
        if not shown[segment.camera] and segment.camera in truncated:
            return taken, missing, missing > 0
    return taken, missing, False


class _Age:
    """How old a segment is, as far as that is known."""

    def __init__(self, now: datetime, clock_trusted: bool, rules: Rules) -> None:  # noqa: FBT001 - private, one call
        self._trusted = clock_trusted
        self._promise = now - rules.keep
        self._privacy = now - rules.delete_after if rules.delete_after is not None else None

    def beyond_promise(self, segment: Segment) -> bool:
        return self._ended_before(segment, self._promise)

    def beyond_privacy(self, segment: Segment) -> bool:
        return self._privacy is not None and self._ended_before(segment, self._privacy)

    def order(self, segment: Segment) -> float:
        """By age where the clock is trusted, else by order of recording."""
        return segment.start.timestamp() if self._trusted else segment.id

    def _ended_before(self, segment: Segment, moment: datetime) -> bool:
        return self._trusted and segment.ended_by is not None and segment.ended_by <= moment


class Held:
    """The live holds, ready to be asked about many intervals."""

    def __init__(self, holds: Iterable[Hold]) -> None:
        by_camera: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
        for hold in holds:
            by_camera[hold.camera].append((hold.start, hold.end))
        self._merged = {camera: merge(intervals) for camera, intervals in by_camera.items()}

    def touches(self, camera: str, start: datetime, end: datetime) -> bool:
        """Whether a hold and the interval have so much as an instant in common."""
        intervals = self._merged.get(camera, [])
        index = bisect_right(intervals, end, key=lambda interval: interval[0])
        return index > 0 and intervals[index - 1][1] >= start

    def intervals(self, camera: str) -> list[tuple[datetime, datetime]]:
        """What is held of a camera: disjoint, oldest first."""
        return self._merged.get(camera, [])


def merge(
    intervals: Iterable[tuple[datetime, datetime]], together: timedelta = timedelta()
) -> list[tuple[datetime, datetime]]:
    """The same time as disjoint intervals, oldest first; those closer than `together` become one."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1] + together:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def stretches(segments: Iterable[Segment]) -> list[tuple[str, datetime, datetime]]:
    """Segments as few stretches of time, camera by camera: what goes on the record (I8)."""
    by_camera = groupby(sorted(segments, key=attrgetter("camera")), key=attrgetter("camera"))
    return [
        (camera, start, end)
        for camera, group in by_camera
        for start, end in merge(((segment.start, segment.end) for segment in group), _TOGETHER)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much footage a camera makes."""

    camera: str
    bytes_per_day: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How many days of a camera's footage the disk can hold. The promise will be broken if it is less than that."""

    camera: str
    days: float


def forecast(loads: Sequence[Load], *, capacity_bytes: float, rules: Rules) -> tuple[Forecast, ...]:
    """Share the disk out in the order of sacrifice: the lowest rank has its whole promise first.

    Cameras of one rank get the same number of days. `capacity_bytes` is what the disk may hold of footage.
    """
    promise = rules.keep / timedelta(days=1)
    left = max(0.0, capacity_bytes)
    found: list[Forecast] = []
    ordered = sorted(loads, key=lambda load: (rules.rank(load.camera), load.camera))
    for _, group in groupby(ordered, key=lambda load: rules.rank(load.camera)):
        cameras = list(group)
        per_day = sum(load.bytes_per_day for load in cameras)
        days = left / per_day if per_day > 0 else inf
        found += [Forecast(camera=load.camera, days=days) for load in cameras]
        left = max(0.0, left - promise * per_day)
    return tuple(found)
