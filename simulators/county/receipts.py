"""Who sends the receipts: soon after a commit, not too often, asking again for what is missing; truthful or not."""

import asyncio
import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

from simulators.county import rubbish
from simulators.county.ledger import Ledger, StreamLedger
from simulators.county.wire import Receipt

#: How often gaps are looked at while nothing arrives.
TICK_SECONDS = 0.25
LATE_SECONDS = 2.0
#: When a number was receipted is remembered for so many numbers, the latest.
REMEMBERED_RECEIPTS = 100_000


class Honesty(StrEnum):
    """What the receipts are worth."""

    TRUE = "true"
    NONE = "none"  # no receipts at all
    LATE = "late"  # true, 2 s later
    RUBBISH = "rubbish"  # bytes that are no receipt, one kind after another
    BEYOND = "beyond"  # more than was ever sent
    BACK = "back"  # `upto` goes back


class Clerk:
    """Sends `{"stream","upto","also","missing"}` for each stream that got something, at most every `every` seconds.

    `patience` is how long a gap may stay as it is before its numbers are asked for, `again` how long until they are
    asked for once more (seconds). Lives on the event loop.
    """

    def __init__(self, ledger: Ledger, publish: Callable[[str, bytes], bool]) -> None:
        self.honesty = Honesty.TRUE
        self.every = 0.05
        self.patience = 2.0
        self.again = 5.0
        self.on_receipt: Callable[[Receipt, datetime, int], None] | None = None
        self._ledger = ledger
        self._publish = publish
        self._dirty: dict[tuple[str, str], StreamLedger] = {}
        self._woken = asyncio.Event()
        self._unreceipted: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._receipted: OrderedDict[tuple[str, int], datetime] = OrderedDict()
        self._rubbish = itertools.count()
        #: Receipts that wait for their time: what was true LATE_SECONDS before they go, one each `every` and stream.
        self._late: deque[tuple[float, StreamLedger, Receipt]] = deque()

    def be(self, honesty: Honesty) -> None:
        """From now on. Whoever turns honest sends every stream a receipt; what was to go late does not go."""
        self.honesty = honesty
        self._late.clear()
        self.mark_all()

    def mark(self, stream: StreamLedger, *, stored: int | None = None) -> None:
        """Something came: a receipt is due. `stored` is the number, if it was new."""
        self._dirty[stream.root, stream.stream] = stream
        if stored is not None:
            self._unreceipted[stream.stream, stored] = None
            if len(self._unreceipted) > REMEMBERED_RECEIPTS:
                self._unreceipted.popitem(last=False)
        self._woken.set()

    def mark_all(self) -> None:
        """After a (re)connect: whoever waits for a receipt is to get it without sending again."""
        for stream in self._ledger.streams:
            self.mark(stream)

    def forget(self) -> None:
        """The store is lost or another one: nothing waits for a receipt any more."""
        self._dirty.clear()
        self._late.clear()
        self._unreceipted.clear()

    def receipted_at(self, stream: str, sequence: int) -> datetime | None:
        """When the first true receipt that covers this number was sent (UTC)."""
        return self._receipted.get((stream, sequence))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass  # look at the gaps, and at what goes late
            self._woken.clear()
            self._send_late()
            if self._send_due():
                await asyncio.sleep(self.every)

    def _send_due(self) -> bool:
        now = time.monotonic()
        sent = False
        for stream in self._ledger.streams:
            missing = stream.missing(now, patience=self.patience, again=self.again)
            key = (stream.root, stream.stream)
            if missing or key in self._dirty:
                sent |= self._send(stream, stream.receipt(missing))
        return sent

    def _send_late(self) -> None:
        """What finds no connection is due again."""
        while self._late and self._late[0][0] <= time.monotonic():
            _, stream, truth = self._late.popleft()
            if self._publish(f"{stream.root}/receipt", truth.encode()):
                self._note(truth)
            else:
                self.mark(stream)

    def _send(self, stream: StreamLedger, truth: Receipt) -> bool:
        if self.honesty is Honesty.LATE:
            self._late.append((time.monotonic() + LATE_SECONDS, stream, truth))
            self._dirty.pop((stream.root, stream.stream), None)
            return True
        payload = self._payload(truth)
        if payload is None:
            self._dirty.pop((stream.root, stream.stream), None)
            return False
        if not self._publish(f"{stream.root}/receipt", payload):
            return False  # stays due: no connection, or too much on its way
        self._dirty.pop((stream.root, stream.stream), None)
        if self.honesty is Honesty.TRUE:
            self._note(truth)
        return True

    def _payload(self, truth: Receipt) -> bytes | None:
        match self.honesty:
            case Honesty.NONE:
                return None
            case Honesty.RUBBISH:
                kinds = rubbish.receipts(truth)
                return kinds[next(self._rubbish) % len(kinds)]
            case Honesty.BEYOND:
                return rubbish.beyond(truth)
            case Honesty.BACK:
                return rubbish.back(truth)
            case Honesty.TRUE | Honesty.LATE:
                return truth.encode()

    def _note(self, truth: Receipt) -> None:
        sent_at, sent_ns = datetime.now(UTC), time.monotonic_ns()
        for stream, sequence in [key for key in self._unreceipted if key[0] == truth.stream]:
            if sequence <= truth.upto or any(first <= sequence <= last for first, last in truth.also):
                del self._unreceipted[stream, sequence]
                self._receipted[stream, sequence] = sent_at
        while len(self._receipted) > REMEMBERED_RECEIPTS:
            self._receipted.popitem(last=False)
        if self.on_receipt is not None:
            self.on_receipt(truth, sent_at, sent_ns)
