"""The demo as plain lines: for a log, a pipe, and a terminal that can do no more."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self, TextIO

from gateway.clock import SystemClock
from gateway.demo.guard import Guard
from gateway.demo.telling import Facts, in_words
from gateway.demo.timeline import Row, Timeline, Way
from gateway.demo.words import Words
from gateway.model import GATEWAY

#: A press that is on disk and has not reached the county after so long gets a line of its own; seconds.
_WAITS_S = 0.5


class Lines:
    """A line for each step, and one for each event that is through, with its times from the press (else the commit)."""

    def __init__(self, out: TextIO, words: Words) -> None:
        self._out = out
        self._words = words
        self._clock = SystemClock()
        self._names: Mapping[str, str] = {}
        self._through: set[int] = set()
        self._waits: set[int] = set()

    async def __aenter__(self) -> Self:
        """Nothing to prepare."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to restore."""

    def introduce(self, names: Mapping[str, str], guard: Guard) -> None:
        """What points and devices are called, by their ids. The guard is said when there is a console."""
        del guard
        self._names = names

    def say(self, key: str, **values: object) -> None:
        """A line."""
        self._write(f"  {self._words(key, **values)}")

    def begin(self, step: str) -> None:
        """A step begins."""
        self._write(f"▶ {self._words(f'step-{step}')}")

    def done(self, step: str, seconds: float) -> None:
        """It is done."""
        self._write(self._words("step-done", step=self._words(f"step-{step}"), seconds=f"{seconds:.1f}"))

    def failed(self, step: str, why: str) -> None:
        """It is not."""
        self._write(self._words("step-failed", step=self._words(f"step-{step}"), why=why))

    async def show(self, facts: Facts, timeline: Timeline) -> None:
        """The rows that have come through since the last time, and presses that wait."""
        del facts
        for number, row in enumerate(timeline.rows):
            if number in self._through:
                continue
            way = timeline.way(row)
            if way.receipt is not None and way.county is not None:
                self._through.add(number)
                self._write(self._row(row, way))
            elif number not in self._waits and self._is_waiting(row, way):
                self._waits.add(number)
                self._write(f"{self._row(row, way)}  … {self._words('waiting')}")

    def _is_waiting(self, row: Row, way: Way) -> bool:
        """Pressed a while ago, safe on disk, and the county does not know."""
        if row.pressed is None or way.disk is None or way.county is not None:
            return False
        return (self._clock.now() - row.pressed).total_seconds() > _WAITS_S

    def _row(self, row: Row, way: Way) -> str:
        number = f"#{row.sequence}" if row.sequence else "#…"
        name = self._words("gateway") if row.subject == GATEWAY else self._names.get(row.subject, row.subject)
        hops = [("sent", way.sent), ("county", way.county), ("receipt", way.receipt)]
        pressed = ""
        if row.pressed is not None:
            hops.insert(0, ("disk", way.disk))
            pressed = f"{self._words('pressed')} → "
        times = "  ".join(
            f"{self._words(f'col-{hop}')} +{in_words(seconds)}"
            for hop, seconds in hops
            if seconds is not None
        )
        at = f"{way.at.astimezone():%H:%M:%S}" if way.at else ""
        return f"    {at} {number:>4} {self._words(row.type)} {name}: {pressed}{times}"

    def _write(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()
