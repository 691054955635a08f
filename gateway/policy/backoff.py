"""How long to wait before trying again: doubling up to a limit, spread by chance so that nobody marches in step."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits of `first_s` seconds, doubling with each failure in a row, `longest_s` at most.

    Raises ValueError unless 0 < first_s <= longest_s.
    """

    first_s: float = 0.5
    longest_s: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.longest_s:
            raise ValueError(f"back-off from {self.first_s} to {self.longest_s} s: need 0 < first <= longest")

    def ceiling(self, failures: int) -> float:
        """The longest wait after so many failures in a row (from 1), in seconds."""
        if failures < 1:
            raise ValueError(f"{failures} failures: there is nothing to wait for before the first")
        wait = self.first_s
        for _ in range(failures - 1):
            wait *= 2
            if wait >= self.longest_s:
                return self.longest_s
        return wait

    def delay(self, failures: int, chance: float) -> float:
        """The wait after so many failures: from half the ceiling to the whole of it, by `chance` (0 to 1), in seconds.

        Half is kept so that chance can't turn a back-off into a tight loop.
        """
        return self.ceiling(failures) * (0.5 + 0.5 * chance)
