"""Sets of sequence numbers kept as runs: what was sent, confirmed or asked for, in little memory however long it gets."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

#: A run of numbers, both ends included.
Run = tuple[int, int]


class Ranges:
    """A set of integers as sorted, disjoint runs that do not touch. Memory goes by the runs, not by the numbers."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in runs:
            self.add(first, last)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __contains__(self, number: int) -> bool:
        return self.covers(number, number)

    def __iter__(self) -> Iterator[Run]:
        return iter(list(zip(self._firsts, self._lasts, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # a set that changes has no hash

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"

    @property
    def lowest(self) -> int | None:
        """The smallest number; None if there is none."""
        return self._firsts[0] if self._firsts else None

    @property
    def count(self) -> int:
        """How many numbers."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def covers(self, first: int, last: int) -> bool:
        """Whether all of `first` to `last` are in."""
        at = bisect_right(self._firsts, first) - 1
        return at >= 0 and last <= self._lasts[at]

    def overlap(self, first: int, last: int) -> list[Run]:
        """The runs of this set within `first` to `last`."""
        if first > last:
            return []
        start, end = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        return [
            (max(first, low), min(last, high))
            for low, high in zip(self._firsts[start:end], self._lasts[start:end], strict=True)
        ]

    def add(self, first: int, last: int) -> None:
        """Put `first` to `last` in. Raises ValueError if that is no run."""
        if first > last:
            raise ValueError(f"{first} to {last} is no run of numbers")
        if self._lasts and first == self._lasts[-1] + 1:  # the usual case: the next number
            self._lasts[-1] = last
            return
        start, end = bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1)
        if start < end:
            first, last = min(first, self._firsts[start]), max(last, self._lasts[end - 1])
        self._firsts[start:end], self._lasts[start:end] = [first], [last]

    def remove(self, first: int, last: int) -> bool:
        """Take `first` to `last` out; whether any of them were in."""
        if first > last:
            return False
        start, end = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        if start >= end:
            return False
        low, high = self._firsts[start], self._lasts[end - 1]
        rest = [run for run in ((low, first - 1), (last + 1, high)) if run[0] <= run[1]]
        self._firsts[start:end] = [run[0] for run in rest]
        self._lasts[start:end] = [run[1] for run in rest]
        return True

    def missing(self, first: int, last: int) -> list[Run]:
        """The runs within `first` to `last` that are not in this set."""
        found = []
        for low, high in self.overlap(first, last):
            if first < low:
                found.append((first, low - 1))
            first = high + 1
        return [*found, (first, last)] if first <= last else found


def runs_of(numbers: Iterable[int]) -> list[Run]:
    """Single numbers, in any order, as runs."""
    found = Ranges()
    for number in numbers:
        found.add(number, number)
    return list(found)
