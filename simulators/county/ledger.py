"""What is stored of each stream, as ranges of numbers, and from that the receipt: pure, told the time."""

from bisect import bisect_right
from dataclasses import dataclass, field

from simulators.county.wire import STREAM_STARTED, Event, Receipt, State

#: A receipt is bounded: so many ranges at most in `also` (the highest ones) and numbers in `missing` (the lowest).
ALSO_RANGES = 200
MISSING_NUMBERS = 100


class Sequences:
    """A set of numbers from 1 on, kept as disjoint ranges; adding takes O(log n) and a shift."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, number: int) -> bool:
        """Put one in. False if it was there."""
        at = bisect_right(self._firsts, number)
        if at and number <= self._lasts[at - 1]:
            return False
        joins_left = at > 0 and self._lasts[at - 1] == number - 1
        joins_right = at < len(self._firsts) and self._firsts[at] == number + 1
        if joins_left and joins_right:
            self._lasts[at - 1] = self._lasts.pop(at)
            del self._firsts[at]
        elif joins_left:
            self._lasts[at - 1] = number
        elif joins_right:
            self._firsts[at] = number
        else:
            self._firsts.insert(at, number)
            self._lasts.insert(at, number)
        return True

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """From low to high, both ends included."""
        return tuple(zip(self._firsts, self._lasts, strict=True))

    @property
    def upto(self) -> int:
        """The last number before the first gap; 0 if number 1 is not there."""
        return self._lasts[0] if self._firsts and self._firsts[0] == 1 else 0

    @property
    def top(self) -> int:
        """The highest number; 0 if there is none."""
        return self._lasts[-1] if self._lasts else 0

    def gaps(self, top: int) -> tuple[tuple[int, int], ...]:
        """What is missing of 1 to `top`, as ranges."""
        holes = []
        expected = 1
        for first, last in self.ranges:
            if first > expected:
                holes.append((expected, first - 1))
            expected = last + 1
        if expected <= top:
            holes.append((expected, top))
        return tuple(holes)


@dataclass(slots=True)
class _Wait:
    """Since when a gap has been as it is, and when it was last asked for. Monotonic seconds."""

    since: float
    asked: float | None = None


@dataclass(slots=True)
class StreamLedger:
    """One stream of one gateway."""

    root: str
    source: str
    stream: str
    numbers: Sequences = field(default_factory=Sequences)
    stored: int = 0
    duplicates: int = 0
    overtaken: int = 0
    announced: int = 0
    reason: str | None = None
    previous_stream: str | None = None
    previous_sequence: int | None = None
    _waits: dict[tuple[int, int], _Wait] = field(default_factory=dict)

    def add(self, sequence: int) -> None:
        """An event has been stored. One that a higher number had overtaken is counted as such."""
        self.stored += 1
        self.overtaken += sequence < self.numbers.top
        self.numbers.add(sequence)

    def note_start(self, event: Event) -> None:
        """Number 1 says why the stream began and which one it follows."""
        reason, stream = event.data.get("reason"), event.data.get("previous_stream")
        sequence = str(event.data.get("previous_sequence"))
        self.reason = reason if isinstance(reason, str) else None
        self.previous_stream = stream if isinstance(stream, str) else None
        self.previous_sequence = int(sequence) if sequence.isdecimal() else None

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """The holes below the highest number that is stored."""
        return self.numbers.gaps(self.numbers.top)

    def missing(self, now: float, *, patience: float, again: float) -> tuple[int, ...]:
        """The numbers to ask for now: of gaps that have not shrunk for `patience` seconds, each `again` seconds.

        A gap that shrinks is a backlog on its way (alarms overtake it), not a loss. What the gateway's `state`
        announces beyond the highest stored number is a gap too.
        """
        gaps = self.numbers.gaps(max(self.announced, self.numbers.top))
        self._waits = {gap: self._waits.get(gap) or _Wait(now) for gap in gaps}
        wanted: list[int] = []
        for (first, last), wait in self._waits.items():
            ripe = now - wait.since >= patience and (wait.asked is None or now - wait.asked >= again)
            if ripe and len(wanted) < MISSING_NUMBERS:
                wanted.extend(range(first, min(last, first + MISSING_NUMBERS - len(wanted) - 1) + 1))
                wait.asked = now
        return tuple(wanted)

    def receipt(self, missing: tuple[int, ...] = ()) -> Receipt:
        """The truth as of now."""
        upto = self.numbers.upto
        beyond = tuple(pair for pair in self.numbers.ranges if pair[0] > upto)
        return Receipt(stream=self.stream, upto=upto, also=beyond[-ALSO_RANGES:], missing=missing)


class Ledger:
    """All streams of all gateways, in order of their first mention."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], StreamLedger] = {}

    @property
    def streams(self) -> tuple[StreamLedger, ...]:
        """In order of their first mention."""
        return tuple(self._streams.values())

    def of(self, root: str, stream: str, source: str = "") -> StreamLedger:
        """One stream, begun if it is new. The source is learnt from its first event."""
        found = self._streams.setdefault((root, stream), StreamLedger(root, source, stream))
        found.source = found.source or source
        return found

    def add(self, event: Event) -> StreamLedger:
        """A new event has been stored; its stream."""
        stream = self.of(event.root, event.stream, event.source)
        stream.add(event.sequence)
        if event.type == STREAM_STARTED:
            stream.note_start(event)
        return stream

    def announce(self, state: State) -> None:
        """A gateway that is online says how far it has counted."""
        if state.online and state.stream is not None and state.sequence:
            stream = self.of(state.root, state.stream)
            stream.announced = max(stream.announced, state.sequence)

    def adopt(self, other: "Ledger") -> None:
        """Become what the other one is; an empty one makes this one forget."""
        self._streams = dict(other._streams)  # noqa: SLF001 - the same class
