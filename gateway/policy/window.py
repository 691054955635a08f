"""How many messages may be on their way at once: as many as the line carries without a queue building up. Pure."""

from collections import deque

#: A line may hold its messages back so many seconds before fewer are sent: what a live alarm may wait for others.
QUEUE_ALLOWANCE_S = 0.1

_START = 4.0
_LEAST = 1.0
_STEP_LIMITS = (0.5, 2.0)
_LEAST_STEP_S = 0.01
_BASE_AGE_S = 60.0
_RATE_SMOOTHING = 0.2


class Window:
    """The number of messages in flight, from 1 to `cap`, following the measured round trip.

    The round trip on an idle line is taken as its base (the least of the last one or two minutes). Once a round
    trip the window becomes `size * (base + allowance) / measured`: it settles where what is in flight equals the
    line's rate times (base + allowance). That is the cap on a LAN, 1 on a thin line, hundreds on a long one.
    """

    def __init__(self, *, cap: int, start: float = _START) -> None:
        self._cap = float(max(cap, 1))
        self._size = min(start, self._cap)
        self._base: deque[tuple[float, float]] = (
            deque()
        )  # the least round trip of each spell: (its begin, seconds)
        self._step_began: float | None = None
        self._step_total_s = 0.0
        self._step_count = 0
        self._was_full = False
        self._round_trip_s: float | None = None
        self._rate = 0.0

    @property
    def size(self) -> int:
        """Messages that may be in flight."""
        return int(self._size)

    @property
    def round_trip_s(self) -> float | None:
        """The mean of the last step, in seconds; None before the first."""
        return self._round_trip_s

    @property
    def rate(self) -> float:
        """Acknowledgements a second, smoothed."""
        return self._rate

    def acknowledged(self, *, round_trip_s: float, in_flight: int, now: float) -> None:
        """One message came back after so long; `in_flight` were on their way just before. Monotonic seconds."""
        round_trip_s = max(round_trip_s, 1e-6)
        self._note_base(round_trip_s, now)
        if self._step_began is None:
            self._step_began = now - round_trip_s
        self._step_total_s += round_trip_s
        self._step_count += 1
        self._was_full = self._was_full or in_flight >= self.size
        mean = self._step_total_s / self._step_count
        if now - self._step_began >= max(mean, _LEAST_STEP_S):
            self._finish_step(mean, now)

    def _finish_step(self, mean: float, now: float) -> None:
        assert self._step_began is not None
        measured = self._step_count / (now - self._step_began)
        self._rate += (measured - self._rate) * (_RATE_SMOOTHING if self._rate else 1.0)
        self._round_trip_s = mean
        low, high = _STEP_LIMITS
        factor = min(max((self._base_s + QUEUE_ALLOWANCE_S) / mean, low), high)
        if factor < 1 or self._was_full:
            self._size = min(max(self._size * factor, _LEAST), self._cap)
        self._step_began, self._step_total_s, self._step_count, self._was_full = now, 0.0, 0, False

    @property
    def _base_s(self) -> float:
        return min(seconds for _, seconds in self._base)

    def _note_base(self, round_trip_s: float, now: float) -> None:
        """Keep two spells, so that a route that became longer is believed after one or two minutes."""
        if not self._base or now - self._base[-1][0] >= _BASE_AGE_S:
            self._base.append((now, round_trip_s))
            if len(self._base) > 2:
                self._base.popleft()
        elif round_trip_s < self._base[-1][1]:
            self._base[-1] = (self._base[-1][0], round_trip_s)
