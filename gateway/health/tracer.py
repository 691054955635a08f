"""How long events take from the driver to the county: a tracer that counts, cheaply and without growing."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from gateway.trace import Stage

#: Events on their way that are remembered; the oldest give way, and their later stages go uncounted.
MOST_EVENTS = 10_000

#: Upper edges of the histograms' buckets, in seconds: a commit takes milliseconds, a link that is down takes hours.
BUCKETS_S = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    600.0,
    3600.0,
)

_STAGES = (Stage.PUBLISHED, Stage.BROKER, Stage.CONFIRMED)


class Latency:
    """A histogram of seconds. For one thread."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one; less than nothing counts as nothing."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.total_s += max(seconds, 0.0)

    def cumulative(self) -> list[tuple[str, float]]:
        """The buckets as Prometheus wants them: upper edge, and how many were not above it."""
        edges = [*(str(edge) for edge in BUCKETS_S), "+Inf"]
        sums = []
        so_far = 0
        for edge, count in zip(edges, self.counts, strict=True):
            so_far += count
            sums.append((edge, float(so_far)))
        return sums


class MetricsTracer:
    """A gateway.trace.Tracer. Only the site's destinations are counted, each event once for each stage of each.

    An event that is sent again counts with its first time: resending is the line's matter, not its own latency.
    """

    def __init__(self, destinations: Iterable[str]) -> None:
        self.committed = Latency()
        self.ways: dict[tuple[str, Stage], Latency] = {
            (destination, stage): Latency() for destination in destinations for stage in _STAGES
        }
        self.events = 0
        self._bits = {way: 1 << index for index, way in enumerate(self.ways)}
        self._all = (1 << len(self.ways)) - 1
        self._seen: dict[str, float] = {}
        self._committed: dict[str, tuple[float, int]] = {}

    def mark(self, stage: Stage, event_ids: Sequence[str], monotonic: float, destination: str = "") -> None:
        """Take a mark."""
        if stage is Stage.SEEN:
            self._seen.update(dict.fromkeys(event_ids, monotonic))
            _forget_oldest(self._seen)
        elif stage is Stage.COMMITTED:
            self._commit(event_ids, monotonic)
        else:
            self._advance(stage, event_ids, monotonic, destination)

    def _commit(self, event_ids: Sequence[str], monotonic: float) -> None:
        self.events += len(event_ids)
        for event_id in event_ids:
            seen = self._seen.pop(event_id, None)
            if seen is not None:
                self.committed.observe(monotonic - seen)
            if self._all:
                self._committed[event_id] = (monotonic, 0)
        _forget_oldest(self._committed)

    def _advance(self, stage: Stage, event_ids: Sequence[str], monotonic: float, destination: str) -> None:
        bit = self._bits.get((destination, stage), 0)
        for event_id in event_ids if bit else ():
            since, done = self._committed.get(event_id, (0.0, bit))
            if done & bit:
                continue
            self.ways[destination, stage].observe(monotonic - since)
            if done | bit == self._all:
                del self._committed[event_id]
            else:
                self._committed[event_id] = (since, done | bit)


def _forget_oldest(events: dict[str, float] | dict[str, tuple[float, int]]) -> None:
    while len(events) > MOST_EVENTS:
        del events[next(iter(events))]
