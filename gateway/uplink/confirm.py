"""Tells the journal what the destination has confirmed: in ranges, as many as came while the last ones were written."""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable

from gateway.clock import Clock
from gateway.errors import JournalUnwritable
from gateway.policy.ranges import Ranges, Run
from gateway.store import Delivery, Journal
from gateway.trace import Stage, Tracer

logger = logging.getLogger(__name__)

#: Event ids of published rows, kept to tell the tracer when they are confirmed; older ones are not traced.
TRACED_ROWS = 5000

_RETRY_S = 1.0
_LAST_FLUSH_S = 2.0


class Confirmer:
    """The way from a confirmation to the journal. `confirmed(n)` is called with the rows that no longer wait."""

    def __init__(
        self,
        journal: Journal,
        destination: str,
        *,
        clock: Clock,
        tracer: Tracer,
        confirmed: Callable[[int], None],
    ) -> None:
        self._journal = journal
        self._destination = destination
        self._clock = clock
        self._tracer = tracer
        self._confirmed = confirmed
        self._pending: dict[str, Ranges] = {}
        self._upto: dict[str, int] = {}
        self._ids: OrderedDict[tuple[str, int], str] = OrderedDict()
        self._wake = asyncio.Event()

    def trace(self, row: Delivery) -> None:
        """A row was published: remember its id for the tracer."""
        self._ids[row.stream, row.sequence] = row.event_id
        if len(self._ids) > TRACED_ROWS:
            self._ids.popitem(last=False)

    def confirm(self, stream: str, runs: Iterable[Run]) -> None:
        """These numbers are where the destination is configured to have them."""
        pending = self._pending.setdefault(stream, Ranges())
        for first, last in runs:
            pending.add(first, last)
        self._wake.set()

    def receipt(self, stream: str, upto: int) -> None:
        """Remember the highest `upto` of the stream's receipts."""
        if upto > self._upto.get(stream, 0):
            self._upto[stream] = upto
            self._wake.set()

    async def run(self) -> None:
        """Write what comes, for ever; once more, briefly, when cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write()
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_FLUSH_S):
                    await self._write()

    async def _write(self) -> None:
        if not self._pending and not self._upto:
            return
        pending, self._pending = self._pending, {}
        upto, self._upto = self._upto, {}
        ranges = [(stream, first, last) for stream, runs in pending.items() for first, last in runs]
        try:
            done, _ = await asyncio.gather(
                self._journal.confirm(self._destination, ranges), self._keep_receipts(upto)
            )
        except JournalUnwritable as error:
            logger.warning("uplink %s: confirmations are kept for later: %s", self._destination, error)
            self._keep(pending, upto)
            await self._clock.sleep(_RETRY_S)
            self._wake.set()
            return
        self._confirmed(done)
        self._mark(pending)

    async def _keep_receipts(self, upto: dict[str, int]) -> None:
        for stream, number in upto.items():
            await self._journal.keep_receipt(self._destination, stream, number)

    def _keep(self, pending: dict[str, Ranges], upto: dict[str, int]) -> None:
        for stream, runs in pending.items():
            self.confirm(stream, runs)
        for stream, number in upto.items():
            self.receipt(stream, number)

    def _mark(self, confirmed: dict[str, Ranges]) -> None:
        ids = [
            self._ids.pop((stream, number))
            for stream, runs in confirmed.items()
            for first, last in runs
            for number in self._traced(stream, first, last)
        ]
        if ids:
            self._tracer.mark(Stage.CONFIRMED, ids, self._clock.monotonic(), self._destination)

    def _traced(self, stream: str, first: int, last: int) -> list[int]:
        if last - first < len(self._ids):
            return [number for number in range(first, last + 1) if (stream, number) in self._ids]
        return [number for name, number in self._ids if name == stream and first <= number <= last]
