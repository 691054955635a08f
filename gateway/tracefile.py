"""A file that tells where each event is on its way: for benches, the demo's timeline, and a puzzled engineer."""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.clock import Clock, rfc3339
from gateway.trace import Stage, Tracer

logger = logging.getLogger(__name__)

_FLUSH_S = 0.1

#: Marks that wait for the file at most; past that the oldest are forgotten, and the file says how many.
_LIMIT = 200_000


class TraceFile:
    """JSON lines `{"stage", "ids", "monotonic", "at", "destination"}`, written in a thread, never waited for."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._marks: list[tuple[Stage, tuple[str, ...], float, str]] = []
        self._forgotten = 0

    def mark(self, stage: Stage, event_ids: Sequence[str], monotonic: float, destination: str = "") -> None:
        """Remember it for the next write."""
        if len(self._marks) >= _LIMIT:
            self._forgotten += len(self._marks)
            self._marks.clear()
        self._marks.append((stage, tuple(event_ids), monotonic, destination))

    async def run(self) -> None:
        """Write what was marked, until cancelled; then the rest."""
        try:
            while True:
                await self._clock.sleep(_FLUSH_S)
                await asyncio.to_thread(self._flush)
        finally:
            self._flush()

    def _flush(self) -> None:
        marks, self._marks = self._marks, []
        if not marks:
            return
        behind = self._clock.now().timestamp() - self._clock.monotonic()
        lines = []
        for stage, ids, monotonic, destination in marks:
            at = datetime.fromtimestamp(monotonic + behind, UTC)
            line = {"stage": stage, "ids": ids, "monotonic": monotonic, "at": rfc3339(at)}
            if destination:
                line["destination"] = destination
            if self._forgotten:
                line["forgotten"] = self._forgotten
            lines.append(json.dumps(line))
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
        except OSError as error:
            logger.warning("the trace %s can't be written: %s", self._path, error)


class Tracers:
    """Several listeners as one."""

    def __init__(self, *tracers: Tracer) -> None:
        self._tracers = tracers

    def mark(self, stage: Stage, event_ids: Sequence[str], monotonic: float, destination: str = "") -> None:
        """Tell each."""
        for tracer in self._tracers:
            tracer.mark(stage, event_ids, monotonic, destination)
