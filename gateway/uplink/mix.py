"""Takes from several sources by weight: the heavy go first, the light are never left out."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Mix(Generic[T]):
    """Weighted turns over sources that may be empty.

    Each source is (weight, take); `take(now)` gives its next item, or None. Of the sources that have something, each
    gets its weight's share; an empty one saves nothing up.
    """

    def __init__(self, sources: Sequence[tuple[int, Callable[[float], T | None]]]) -> None:
        self._takes = [take for _, take in sources]
        self._strides = [1 / weight for weight, _ in sources]
        self._turns = [0.0] * len(sources)  # when each source's next turn is, on a clock that only turns move
        self._time = 0.0

    def take(self, now: float) -> T | None:
        """The next item; None if every source is empty."""
        turns = self._turns
        for at in sorted(range(len(turns)), key=turns.__getitem__):
            turns[at] = max(turns[at], self._time)
            item = self._takes[at](now)
            if item is not None:
                self._time = turns[at]
                turns[at] += self._strides[at]
                return item
        return None
