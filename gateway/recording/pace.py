"""When a stream's packets came, of which several gather while nobody looks. Pure."""

from fractions import Fraction

#: How long packets may gather in the kernel; seconds. At 16 Mbit/s that is 1 MB, for which the kernel makes room.
GATHER_S = 0.5

#: A packet that took so long to come was not there yet when it was asked for; seconds.
WAITED_S = 0.003

_LONGEST_S = 1.0  # a picture is not held back for longer, as far as is allowed for
_MOST_S = 2.0  # a step of stamps beyond this says nothing of time


class Pace:
    """One open stream's. Without rests each piece of a picture wakes a thread; with them a third of the work goes."""

    def __init__(self, tick: Fraction) -> None:
        self._tick = float(tick)
        self._stamp = 0
        self._step = 0.0
        self._came: float | None = None
        self._told = 0.0

    def arrived(self, stamp: int | None, now: float, *, waited: bool) -> float:
        """When a packet came that is there `now`, in monotonic seconds; its stamp may be missing.

        One that had to be waited for was handed over now; one that was there already was so as long after the one before
        as their stamps are apart. The library hands a picture over when the next one has begun: it came a picture earlier.
        """
        if stamp is None:
            stamp = self._stamp
        step = min(max((stamp - self._stamp) * self._tick, 0.0), _MOST_S)
        self._stamp = stamp
        came = now
        if self._came is not None and not waited:
            came = min(now, max(self._came + step, now - _MOST_S))
        first = self._came is None
        held = min(step, self._step, _LONGEST_S)
        self._came, self._step = came, step
        self._told = came if first else max(self._told, came - held)
        return self._told
