"""What to publish next: the lanes of the outbox, read in batches ahead of the window, mixed so that none starves."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.model import Durability
from gateway.policy.ranges import Run
from gateway.store import Delivery, Journal

#: Rows read at once, and the stock below which a lane is read again. A lane's stock is at most both together.
READ_ROWS = 200
LOW_STOCK = 100

URGENT_LANE = 1
OTHER_LANE = 3

Position = tuple[str, int]


@dataclass(slots=True, kw_only=True)
class Lane:
    """One way through a lane of the outbox, from the oldest waiting row to the newest.

    `until`: where it ends for good (another reader has the rest); None: never. `is_dry`: it has seen all there is
    for now.
    """

    number: int
    after: Position | None = None
    until: Position | None = None
    rows: deque[Delivery] = field(default_factory=deque)
    is_dry: bool = False
    is_finished: bool = False
    _wakes: int = 0
    _restarts: int = 0

    @property
    def wants_rows(self) -> bool:
        """Whether it is worth a query now."""
        return not self.is_dry and not self.is_finished and len(self.rows) < LOW_STOCK

    async def read(self, journal: Journal, destination: str, streams: Mapping[str, int]) -> bool:
        """Read on; whether any rows came. `streams` orders the streams by age. Raises JournalUnwritable."""
        wakes, restarts = self._wakes, self._restarts
        rows = await journal.waiting(destination, self.number, after=self.after, limit=READ_ROWS)
        if restarts != self._restarts:
            return False
        self._take_in(rows, streams)
        if wakes != self._wakes:
            self.is_dry = False
        return bool(rows)

    def _take_in(self, rows: list[Delivery], streams: Mapping[str, int]) -> None:
        self.is_dry = len(rows) < READ_ROWS
        for row in rows:
            if self.until is not None and _is_beyond(row, self.until, streams):
                self.is_finished = True
                return
            self.rows.append(row)
            self.after = (row.stream, row.sequence)
        if self.is_dry and self.until is not None:
            self.is_finished = True

    def wake(self) -> None:
        """Something was committed."""
        self._wakes += 1
        self.is_dry = False

    def restart(self, until: Position | None) -> None:
        """Read everything that waits anew."""
        self._restarts += 1
        self.rows.clear()
        self.after, self.until = None, until
        self.is_dry = self.is_finished = False

    @property
    def next_position(self) -> Position | None:
        """Up to here nothing waits in this lane; None: nothing waits at all."""
        if self.rows:
            return self.rows[0].stream, self.rows[0].sequence - 1
        if self.is_finished or self.is_dry:
            return None
        return self.after or ("", 0)


def _is_beyond(row: Delivery, until: Position, streams: Mapping[str, int]) -> bool:
    here, end = streams.get(row.stream, -1), streams.get(until[0], len(streams))
    return here > end or (here == end and row.sequence > until[1])


def _nothing() -> None:
    """Nobody wants to know."""


class Feed:
    """The lanes of one destination, for one connection.

    Critical and high alarms that are younger than the connection (`live`) do not wait behind the backlog of their
    own lane. `again` are ranges of numbers that are to be sent once more. `on_move` is called when the journal has
    moved between its disk and memory: what it knew of confirmations may be lost.
    """

    def __init__(
        self, journal: Journal, destination: str, streams: Mapping[str, int], head: Position
    ) -> None:
        self._journal = journal
        self._destination = destination
        self._streams = {stream: age for age, stream in enumerate(streams)}
        self.live = Lane(number=URGENT_LANE, after=head)
        self.urgent = Lane(number=URGENT_LANE, until=head)
        self.other = Lane(number=OTHER_LANE)
        self.again: deque[Delivery] = deque()
        self._ranges: deque[tuple[str, Run]] = deque()
        self.on_move: Callable[[], None] = _nothing
        self._read_from: Durability | None = None

    @property
    def wants_rows(self) -> bool:
        """Whether `read` has something to do."""
        return any(lane.wants_rows for lane in self._lanes) or self._wants_again

    @property
    def _lanes(self) -> tuple[Lane, Lane, Lane]:
        return self.live, self.urgent, self.other

    @property
    def _wants_again(self) -> bool:
        return bool(self._ranges) and len(self.again) < LOW_STOCK

    def wake(self) -> None:
        """Something was committed."""
        for lane in self._lanes:
            lane.wake()

    def note_stream(self, stream: str) -> None:
        """A new stream has begun."""
        self._streams.setdefault(stream, len(self._streams))

    def restart(self) -> None:
        """Read everything that waits anew; what was sent already is skipped by whoever takes the rows."""
        self.urgent.restart(self.live.after)
        self.other.restart(None)

    def send_again(self, stream: str, run: Run) -> None:
        """These numbers are wanted once more; they must be waiting in the outbox."""
        self._ranges.append((stream, run))

    async def read(self, *, is_wanted: Callable[[], bool]) -> bool:
        """Fill up every lane that runs low; whether any rows came. Raises JournalUnwritable.

        `is_wanted` is asked between two queries: a connection that is gone wants nothing. When the journal has moved
        between its disk and memory, rows may wait where the lanes have passed: they begin anew.
        """
        durability = self._journal.status.durability
        if durability is not self._read_from:
            known = [*await self._journal.streams(self._destination), *self._streams]
            self._streams = {stream: age for age, stream in enumerate(dict.fromkeys(known))}
            self.on_move()
            self.restart()
        came = await self._fill(is_wanted)
        self._read_from = durability if self._journal.status.durability is durability else None
        return came

    async def _fill(self, is_wanted: Callable[[], bool]) -> bool:
        came = False
        for lane in self._lanes:
            if lane.wants_rows and is_wanted():
                came = await lane.read(self._journal, self._destination, self._streams) or came
        if self._wants_again and is_wanted():
            came = await self._read_again() or came
        return came

    def frontier(self, stream: str) -> int | None:
        """All of the stream up to this number has been taken from the lanes; None: all there is."""
        limits = [self._limit(lane.next_position, stream) for lane in self._lanes]
        limits += [run[0] - 1 for name, run in self._ranges if name == stream]
        limits += [row.sequence - 1 for row in self.again if row.stream == stream]
        return min((limit for limit in limits if limit is not None), default=None)

    def _limit(self, position: Position | None, stream: str) -> int | None:
        if position is None:
            return None
        here, asked = self._streams.get(position[0], -1), self._streams.get(stream, len(self._streams))
        if here == asked:
            return position[1]
        return 0 if here < asked else None

    async def _read_again(self) -> bool:
        stream, (first, last) = self._ranges.popleft()
        end = min(last, first + READ_ROWS - 1)
        if end < last:
            self._ranges.appendleft((stream, (end + 1, last)))
        found: list[Delivery] = []
        for number in (URGENT_LANE, OTHER_LANE):
            rows = await self._journal.waiting(
                self._destination, number, after=(stream, first - 1), limit=end - first + 1
            )
            found += [row for row in rows if row.stream == stream and row.sequence <= end]
        self.again.extend(sorted(found, key=lambda row: row.sequence))
        return bool(found)
