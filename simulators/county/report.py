"""What the county can say of all that it has received, as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.county.ledger import StreamLedger
from simulators.county.wire import OpenAlarms, Snapshot, State, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Numbers that are not there while higher ones are; both ends included."""

    source: str
    stream: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """One stream: `upto` is the last number before the first gap, `top` the highest stored, `announced` by `state`.

    `overtaken` counts events that came after a higher number. `previous_*` and `reason` are what number 1 says.
    """

    root: str
    source: str
    stream: str
    upto: int
    top: int
    announced: int
    stored: int
    duplicates: int
    overtaken: int
    gaps: tuple[tuple[int, int], ...]
    reason: str | None
    previous_stream: str | None
    previous_sequence: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountyReport:
    """At one moment: all that is committed. `states`, `open_alarms`, `presence` and `snapshots` are as heard since the start.

    `presence` is by (root, device). `violations`, `states` and `snapshots` (each arrival) are the newest 10,000 at most.
    """

    events: int
    sources: tuple[str, ...]
    streams: tuple[StreamReport, ...]
    gaps: tuple[Gap, ...]
    duplicates: int
    violations: tuple[Violation, ...]
    open_alarms: Mapping[str, OpenAlarms]
    states: tuple[State, ...]
    presence: Mapping[tuple[str, str], str]
    snapshots: tuple[Snapshot, ...] = ()

    def __str__(self) -> str:
        parts = [
            f"{self.events} events of {len(self.sources)} sources in {len(self.streams)} streams",
            f"{self.duplicates} duplicates",
            "no gap" if not self.gaps else f"gaps {[(gap.first, gap.last) for gap in self.gaps[:5]]}",
            f"{len(self.violations)} violations",
        ]
        parts += [f"{violation.rule}: {violation.detail}" for violation in self.violations[-3:]]
        return ", ".join(parts)


def stream_report(stream: StreamLedger) -> StreamReport:
    """A stream as it is now."""
    return StreamReport(
        root=stream.root,
        source=stream.source,
        stream=stream.stream,
        upto=stream.numbers.upto,
        top=stream.numbers.top,
        announced=stream.announced,
        stored=stream.stored,
        duplicates=stream.duplicates,
        overtaken=stream.overtaken,
        gaps=stream.gaps(),
        reason=stream.reason,
        previous_stream=stream.previous_stream,
        previous_sequence=stream.previous_sequence,
    )
