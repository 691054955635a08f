"""What the county knows at this moment, made of what was committed; lives on the event loop."""

from collections import deque
from collections.abc import Sequence

from simulators.county.ledger import Ledger, StreamLedger
from simulators.county.report import CountyReport, Gap, stream_report
from simulators.county.tables import Stored
from simulators.county.wire import Cleared, DeviceSaid, Event, OpenAlarms, Snapshot, State, Violation

#: The newest so many are kept.
KEPT_STATES = 10_000
KEPT_VIOLATIONS = 10_000
KEPT_SNAPSHOTS = 10_000


class Picture:
    """The ledger of the streams, and the last thing heard of everything else."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.begin(Ledger(), ())

    def begin(self, ledger: Ledger, violations: Sequence[Violation]) -> None:
        """Start from what a store held; of the rest nothing is known yet."""
        self.ledger.adopt(ledger)
        self._violations: deque[Violation] = deque(violations, KEPT_VIOLATIONS)
        self._states: deque[State] = deque(maxlen=KEPT_STATES)
        self._snapshots: deque[Snapshot] = deque(maxlen=KEPT_SNAPSHOTS)
        self._open_alarms: dict[str, OpenAlarms] = {}
        self._presence: dict[tuple[str, str], str] = {}

    def note(self, stored: Stored) -> StreamLedger | None:
        """Something was committed. The stream that is owed a receipt for it, if any."""
        self._violations.extend(stored.violations)
        match stored.entry.message:
            case Event() as event:
                return self._note_event(event, stored)
            case State() as state:
                self._states.append(state)
                self.ledger.announce(state)
            case OpenAlarms() as alarms:
                self._open_alarms[alarms.root] = alarms
            case DeviceSaid() as said:
                self._presence[said.root, said.device] = said.presence
            case Snapshot() as snapshot:
                self._snapshots.append(snapshot)
            case Cleared() as cleared:
                self._note_cleared(cleared)
        return None

    def report(self) -> CountyReport:
        """All that is known, as a value."""
        streams = tuple(stream_report(stream) for stream in self.ledger.streams)
        return CountyReport(
            events=sum(stream.stored for stream in streams),
            sources=tuple(dict.fromkeys(stream.source for stream in streams if stream.source)),
            streams=streams,
            gaps=tuple(
                Gap(source=stream.source, stream=stream.stream, first=first, last=last)
                for stream in streams
                for first, last in stream.gaps
            ),
            duplicates=sum(stream.duplicates for stream in streams),
            violations=tuple(self._violations),
            open_alarms=dict(self._open_alarms),
            states=tuple(self._states),
            presence=dict(self._presence),
            snapshots=tuple(self._snapshots),
        )

    def _note_event(self, event: Event, stored: Stored) -> StreamLedger:
        if stored.is_new:
            return self.ledger.add(event)
        stream = self.ledger.of(event.root, event.stream, event.source)
        stream.duplicates += stored.is_duplicate
        return stream

    def _note_cleared(self, cleared: Cleared) -> None:
        if cleared.below == "alarms/open":
            self._open_alarms.pop(cleared.root, None)
        elif cleared.below.startswith("device/"):
            self._presence.pop((cleared.root, cleared.below.removeprefix("device/")), None)
