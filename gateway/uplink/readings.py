"""Readings on their way: a bounded stock in memory, sent in batches with QoS 0, dropped and counted when slow."""

from collections import defaultdict

from gateway.clock import Clock
from gateway.model import Reading
from gateway.uplink.documents import readings_document
from gateway.uplink.messages import Message

#: Readings that wait at most; past that new ones are dropped.
STOCK_LIMIT = 1000
#: A batch goes out so long after its first reading.
BATCH_S = 5.0


class ReadingStock:
    """Lane 5: nothing here ever waits for anything, and nothing waits for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stock: list[Reading] = []
        self._due: float | None = None
        self.dropped = 0

    def add(self, reading: Reading) -> None:
        """Take a reading, or drop it."""
        if len(self._stock) >= STOCK_LIMIT:
            self.dropped += 1
            return
        self._stock.append(reading)
        if self._due is None:
            self._due = self._clock.monotonic() + BATCH_S

    @property
    def next_at(self) -> float | None:
        """When the next batch is due."""
        return self._due

    def take(self, root: str) -> list[Message]:
        """All that wait, a message for each device."""
        batches: dict[str, list[Reading]] = defaultdict(list)
        for reading in self._stock:
            batches[reading.device].append(reading)
        self._stock.clear()
        self._due = None
        return [
            Message(
                topic=f"{root}/reading/{device}",
                payload=readings_document(batch, self.dropped),
                qos=0,
                content_type="application/json",
            )
            for device, batch in batches.items()
        ]

    def drop(self) -> None:
        """There was no line: what waits is of another time."""
        self.dropped += len(self._stock)
        self._stock.clear()
        self._due = None
