"""The county's receipts: each believed only as far as it can be true, then confirmed, or sent again what it misses."""

import asyncio
import logging
from collections.abc import Callable

from gateway.clock import Clock
from gateway.errors import JournalUnwritable, NotFound
from gateway.policy.ranges import Ranges, Run
from gateway.policy.receipts import Nonsense, StreamKnowledge, parse_receipt, weigh
from gateway.store import Journal
from gateway.uplink.bucket import TokenBucket
from gateway.uplink.complaints import Complaints
from gateway.uplink.confirm import Confirmer
from gateway.uplink.messages import Inbound
from gateway.uplink.publisher import Publisher

logger = logging.getLogger(__name__)

#: Receipts dealt with at once, and a second in the long run; the next one makes up for any that was left out.
RECEIPT_BURST = 500
RECEIPTS_PER_S = 200.0


class Receipts:
    """`receive` never waits; `run` makes confirmed rows wait again where the county asks for them.

    `publisher()` is the connection's, while there is one; `reopened` is told how many rows wait again.
    """

    def __init__(
        self,
        journal: Journal,
        destination: str,
        *,
        clock: Clock,
        knowledge: dict[str, StreamKnowledge],
        confirmer: Confirmer,
        complaints: Complaints,
        publisher: Callable[[], Publisher | None],
        reopened: Callable[[int], None],
    ) -> None:
        self._journal = journal
        self._destination = destination
        self._knowledge = knowledge
        self._confirmer = confirmer
        self._complaints = complaints
        self._publisher = publisher
        self._reopened = reopened
        self._bucket = TokenBucket(clock, burst=RECEIPT_BURST, per_second=RECEIPTS_PER_S)
        self._wanted: dict[str, Ranges] = {}
        self._wake = asyncio.Event()

    def receive(self, message: Inbound) -> None:
        """Deal with a receipt. A retained one is of another time: left alone."""
        if message.retained:
            return
        if not self._bucket.take():
            self._complaints.happened("flooding-receipts", f"more than {RECEIPTS_PER_S:g} a second")
            return
        receipt = parse_receipt(message.payload)
        meaning = receipt if isinstance(receipt, Nonsense) else weigh(receipt, self._knowledge)
        if isinstance(receipt, Nonsense) or isinstance(meaning, Nonsense):
            reason = meaning.reason if isinstance(meaning, Nonsense) else ""
            self._complaints.happened("nonsense-receipts", reason)
            return
        self._knowledge[receipt.stream].learn(meaning)
        if meaning.confirmed:
            self._confirmer.confirm(receipt.stream, meaning.confirmed)
            self._confirmer.receipt(receipt.stream, meaning.upto)
        publisher = self._publisher()
        if publisher is not None:
            publisher.receipted(receipt.stream, meaning.confirmed)
            self._want(receipt.stream, publisher.may_ask(receipt.stream, meaning.wanted))

    async def run(self) -> None:
        """Reopen and send again what is asked for, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            wanted, self._wanted = self._wanted, {}
            try:
                for stream, numbers in wanted.items():
                    await self.send_again(stream, list(numbers))
            except JournalUnwritable as error:
                logger.warning("uplink %s: %s; the county will ask again", self._destination, error)

    async def send_again(self, stream: str, runs: list[Run]) -> int:
        """Confirmed rows wait again, and all of these are sent once more; how many the journal has reopened.

        Raises JournalUnwritable, and NotFound for a stream that is none of this destination.
        """
        known = self._knowledge.get(stream)
        if known is None:
            raise NotFound(f"there is no stream {stream} for {self._destination}")
        rows = await self._journal.reopen(self._destination, stream, runs)
        self._reopened(rows)
        publisher = self._publisher()
        for run in runs:
            for part in publisher.send_again(stream, run) if publisher is not None else [run]:
                known.reopen(*part)
        return rows

    def _want(self, stream: str, runs: list[Run]) -> None:
        if not runs:
            return
        numbers = self._wanted.setdefault(stream, Ranges())
        for first, last in runs:
            numbers.add(first, last)
        self._wake.set()
