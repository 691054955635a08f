"""When a stream's packets came, of which several gather while nobody looks. Pure."""

from fractions import Fraction

#: How long packets may gather in the kernel; seconds. At 16 Mbit/s that is 400 kB.
GATHER_S = 0.3

#: A packet that took so long to come was not there yet when it was asked for; seconds.
WAITED_S = 0.003

_MOST_S = 2.0  # a step of stamps beyond this says nothing of time


class Pace:
    """One open stream's. Without rests each piece of a picture wakes a thread; with them a third of the work goes."""

    def __init__(self, tick: Fraction) -> None:
        self._tick = float(tick)
        self._stamp = 0
        self._came: float | None = None

    def arrived(self, stamp: int | None, now: float, *, waited: bool) -> float:
        """When a packet came that is there `now`, in monotonic seconds; its stamp may be missing.

        One that had to be waited for came now; one that was there already came as long after the one before as their
        stamps are apart.
        """
        if stamp is None:
            stamp = self._stamp
        step = min(max((stamp - self._stamp) * self._tick, 0.0), _MOST_S)
        self._stamp = stamp
        came = now
        if self._came is not None and not waited:
            came = min(now, max(self._came + step, now - _MOST_S))
        self._came = came
        return came
