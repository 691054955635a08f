"""The time of a stream: stamps that only go forward, and wall-clock times that a step of the clock can't spoil. Pure."""

from fractions import Fraction
from typing import NamedTuple

#: A stamp further ahead of its packet's arrival than this is a jump, not a late packet; seconds.
AHEAD_S = 2.0
#: Stamps that have been further behind the arrivals for longer than the second make no sense either: a network that
#: hung lets what it held back through at once. Seconds.
BEHIND_S, PATIENCE_S = 1.0, 2.0
#: A camera's clock may be so much too slow without being called wrong.
_DRIFT = 0.02
#: The wall clock has stepped if it moved so much more or less than the monotonic one; seconds.
STEP_S = 1.0
#: What the library gathered while it looked at a new stream comes out at once; this long the first arrivals are checked.
_BURST_S = 2.0
#: A picture's place behind its decoding time can't be further than this; seconds.
_REORDER_S = 10.0


class Stamp(NamedTuple):
    """Where a packet belongs, in ticks of the stream from its beginning. `jumped`: its own stamp made no sense."""

    dts: int
    pts: int
    jumped: bool


class Timeline:
    """Makes a camera's stamps continuous. A jump costs no packet: time goes on by the packets' arrival."""

    def __init__(self, tick: Fraction) -> None:
        self._tick = float(tick)
        self._ahead = self._ticks(AHEAD_S)
        self._reorder = self._ticks(_REORDER_S)
        self._last: int | None = None  # the camera's stamp of the last packet
        self._last_duration = 0
        self._out = 0
        self._arrival = 0.0
        self._began = 0.0  # when a picture with stamp 0 would have come at the earliest
        self._behind_since: float | None = None

    def place(self, dts: int | None, pts: int | None, duration: int | None, arrival: float) -> Stamp:
        """Give the next packet its place. `arrival` in monotonic seconds; stamps and duration may be missing."""
        raw = dts if dts is not None else self._guess(pts)
        jumped = False
        if self._last is not None:
            elapsed = int((arrival - self._arrival) / self._tick)
            step = raw - self._last
            jumped = step < 0 or step > elapsed + self._ahead
            self._out += (elapsed if jumped else step) or 1
        if self._falls_behind(arrival):
            self._out = int((arrival - self._began) / self._tick)
            self._behind_since, jumped = None, True
        self._last, self._last_duration, self._arrival = raw, duration or 0, arrival
        behind = pts - raw if pts is not None else 0
        return Stamp(self._out, self._out + (behind if 0 <= behind <= self._reorder else 0), jumped)

    def seconds(self, ticks: int) -> float:
        """So many ticks in seconds."""
        return ticks * self._tick

    def _falls_behind(self, arrival: float) -> bool:
        """Whether the camera's time has run too slowly for too long."""
        came = arrival - self.seconds(self._out)
        if self._last is None:
            self._began = came
        self._began = min(came, self._began + (arrival - self._arrival) * _DRIFT)
        if came - self._began <= BEHIND_S:
            self._behind_since = None
            return False
        if self._behind_since is None:
            self._behind_since = arrival
        return arrival - self._behind_since > PATIENCE_S

    def _guess(self, pts: int | None) -> int:
        """A packet's place without a stamp of decoding."""
        if pts is not None:
            return pts
        return 0 if self._last is None else self._last + self._last_duration

    def _ticks(self, seconds: float) -> int:
        return int(seconds / self._tick)


class Span:
    """The wall-clock start and end of one segment.

    `wall` (seconds since 1970) is read once, at the first packet; all else is counted by the monotonic clock.
    `since` is the earliest that the first packet can have come, for the first segment of a stream: what was
    gathered before it was handed over arrived earlier than it seems. None for the others. `last` is to be kept at the
    arrival of the last packet.
    """

    def __init__(self, wall: float, arrival: float, since: float | None = None) -> None:
        self._wall = wall
        self._arrival = arrival
        self._since = since
        self._first = arrival
        self.last = arrival

    def observe(self, arrival: float, media_s: float) -> None:
        """A packet came, whose place is `media_s` after the first one: to be told until `settled`."""
        self.last = arrival
        if self._since is not None and arrival - self._arrival <= _BURST_S:
            self._first = max(self._since, min(self._first, arrival - media_s))

    def stepped(self, wall: float, arrival: float) -> bool:
        """Whether the wall clock has been set since the first packet."""
        return abs((wall - self._wall) - (arrival - self._arrival)) > STEP_S

    def settled(self, arrival: float) -> bool:
        """Whether the start will not change any more."""
        return self._since is None or arrival - self._arrival > _BURST_S

    def age(self, arrival: float) -> float:
        """Seconds from the first packet."""
        return arrival - self._first

    @property
    def start_ms(self) -> int:
        """When the first packet came."""
        return round((self._wall - (self._arrival - self._first)) * 1000)

    def end_ms(self, arrival: float | None = None, *, picture_s: float = 0.0) -> int:
        """When the segment ended: at the arrival of what came next, else a picture's length after its last packet."""
        end = self.last + picture_s if arrival is None else arrival
        return max(self.start_ms + 1, self.start_ms + round((end - self._first) * 1000))
