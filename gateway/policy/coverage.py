"""How much of a time was recorded, and why the rest was not (DESIGN "coverage"). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.policy.retention import merge

#: Less than this is missing between two segments by the rounding of their stamps: not a gap.
JOINT = timedelta(seconds=1)
#: A gap's row and the segments round it are stamped by different processes: this much between them is the same gap.
SLACK = timedelta(seconds=5)

UNKNOWN = "unknown"
#: The cause of what is missing before anything was written down.
BEFORE = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Time that was not recorded. `cause` is the journal's word for it, `unknown` where it has none."""

    start: datetime
    end: datetime
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What there is of [start, end)."""

    start: datetime
    end: datetime
    recorded: timedelta
    gaps: tuple[Gap, ...]

    @property
    def share(self) -> float:
        """The share recorded, 0 to 1; 1 of no time at all."""
        whole = self.end - self.start
        return self.recorded / whole if whole else 1.0


def coverage(
    recorded: Iterable[tuple[datetime, datetime]], known: Iterable[Gap], *, start: datetime, end: datetime
) -> Coverage:
    """What footage there is decides; `known` gaps only say why the rest is missing.

    Raises ValueError where `end` is before `start`.
    """
    if end < start:
        raise ValueError(f"coverage from {start} to {end}: the end is before the start")
    pieces = merge(((max(a, start), min(b, end)) for a, b in recorded if a < end and b > start))
    holes = _holes(pieces, start, end)
    missing = sum((b - a for a, b in holes), timedelta())
    causes = sorted((gap for gap in known if gap.start < gap.end), key=lambda gap: gap.start)
    gaps = tuple(gap for a, b in holes for gap in _explain(a, b, causes))
    return Coverage(start=start, end=end, recorded=(end - start) - missing, gaps=gaps)


def since_records_begin(found: Coverage, begun: datetime) -> Coverage:
    """The same; what nobody can explain is `before` as far as it lies before the journal's beginning.

    Where footage comes first, only what lies before that: the gateway ran already, and its journal was lost.
    """
    first = found.start
    for gap in found.gaps:
        if gap.start > first:
            break
        first = gap.end
    begun = begun if first == found.end else min(begun, first)
    return replace(found, gaps=tuple(part for gap in found.gaps for part in _split(gap, begun)))


def _split(gap: Gap, begun: datetime) -> Sequence[Gap]:
    if gap.cause != UNKNOWN or gap.start >= begun:
        return [gap]
    if gap.end - begun <= SLACK:
        return [replace(gap, cause=BEFORE)]
    return [replace(gap, end=begun, cause=BEFORE), replace(gap, start=begun)]


def _holes(
    pieces: Sequence[tuple[datetime, datetime]], start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    edges = [start, *(moment for piece in pieces for moment in piece), end]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > JOINT]


def _explain(start: datetime, end: datetime, causes: Sequence[Gap]) -> list[Gap]:
    """The hole as stretches with a cause each; what no row explains is `unknown`, unless it is mere slack."""
    told: list[Gap] = []
    at = start
    for gap in causes:
        begin, finish = max(gap.start, at), min(gap.end, end)
        if begin >= finish:
            continue
        if begin - at > SLACK:
            told.append(Gap(start=at, end=begin, cause=UNKNOWN))
            at = begin
        _append(told, at, finish, gap.cause)
        at = finish
    if told and end - at <= SLACK and told[-1].cause != UNKNOWN:
        _append(told, at, end, told[-1].cause)
    elif at < end:
        told.append(Gap(start=at, end=end, cause=UNKNOWN))
    return told


def _append(told: list[Gap], start: datetime, end: datetime, cause: str) -> None:
    if told and told[-1].cause == cause and told[-1].end == start:
        told[-1] = Gap(start=told[-1].start, end=end, cause=cause)
    elif start < end:
        told.append(Gap(start=start, end=end, cause=cause))
