"""What a benchmark says in the end: figures, the targets they are held to, and what must never be."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from gateway.bench.machine import Machine


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The middle and the slow end of many durations, in milliseconds."""

    p50: float
    p99: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.2f}, p99 {self.p99:.2f}"


@dataclass(frozen=True, slots=True)
class Each:
    """One figure for each of several things, by name."""

    of: Mapping[str, float]

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in self.of.items())


Figure = float | int | Percentiles | Each | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a figure should reach on a quiet machine: at most `limit`, or (`least`) at least. Missing it breaks nothing."""

    figure: str
    value: float
    limit: float
    least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether it does."""
        return self.value >= self.limit if self.least else self.value <= self.limit

    def __str__(self) -> str:
        bound = "at least" if self.least else "at most"
        verdict = "met" if self.is_met else "missed"
        return f"target {verdict}: {self.figure} {self.value:g}, {bound} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run. `broken` is what must never be, each in words: a lost event, a media library in the alarm process."""

    figures: Mapping[str, Figure]
    targets: Sequence[Target] = ()
    broken: Sequence[str] = field(default=())

    def document(self, name: str, machine: Machine) -> dict[str, object]:
        """The JSON of the contract (CONTRACT, "A benchmark's JSON")."""
        figures = {key: _plain(figure) for key, figure in self.figures.items()}
        return {"name": name, "machine": asdict(machine), "figures": figures}


def percentiles(milliseconds: Sequence[float]) -> Percentiles:
    """By nearest rank, to the microsecond. Raises ValueError if there are none."""
    return Percentiles(_rank(milliseconds, 0.50), _rank(milliseconds, 0.99))


def _rank(values: Sequence[float], share: float) -> float:
    if not values:
        raise ValueError("no durations: nothing was measured")
    return round(sorted(values)[max(0, math.ceil(share * len(values)) - 1)], 3)


def _plain(figure: Figure) -> object:
    match figure:
        case Percentiles():
            return asdict(figure)
        case Each():
            return dict(figure.of)
        case _:
            return figure
