"""How much of what others send is dealt with: a token bucket on the injected clock."""

from gateway.clock import Clock


class TokenBucket:
    """`burst` at once, `per_second` in the long run."""

    def __init__(self, clock: Clock, *, burst: float, per_second: float) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._tokens = burst
        self._filled_at = clock.monotonic()

    def take(self) -> bool:
        """One more? False: too many."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
