"""How much waits for a destination: counted by the journal now and then, kept exact in between by what changes."""

from gateway.store import Backlog, Journal, StreamHead

_TRIES = 3


class BacklogGauge:
    """Rows that no confirmation has come for. `is_stale`: a change crossed the last count, count again soon."""

    def __init__(self, journal: Journal, destination: str) -> None:
        self._journal = journal
        self._destination = destination
        self._head = journal.head(destination)
        self._rows = 0
        self._counted = Backlog(0, None)
        self._changes = 0
        self.is_stale = True

    @property
    def value(self) -> Backlog:
        """Rows, and since when the oldest waits (as of the last count)."""
        return Backlog(self._rows, self._counted.oldest) if self._rows > 0 else Backlog(0, None)

    async def count(self) -> None:
        """Ask the journal. Raises JournalUnwritable."""
        for _ in range(_TRIES):
            changes = self._changes
            self._counted = await self._journal.backlog(self._destination)
            self._rows = self._counted.rows
            self.is_stale = changes != self._changes
            if not self.is_stale:
                return

    def follow(self, head: StreamHead) -> None:
        """Numbers were given."""
        before = self._head.last_sequence if self._head.stream == head.stream else 0
        self.add(head.last_sequence - before)
        self._head = head

    def add(self, rows: int) -> None:
        """So many more wait (or fewer)."""
        if rows:
            self._rows += rows
            self._changes += 1
