"""What is wrong with this destination just now, in words: the `degraded` of `state`, each reason once."""

import logging
from collections import Counter
from collections.abc import Callable

from gateway.clock import Clock

logger = logging.getLogger(__name__)

#: A complaint about what somebody sent us is dropped after so long without another of its kind.
FORGOTTEN_AFTER_S = 600.0
#: So much of a foreign text is repeated at most.
_WORDS_LIMIT = 120


class Complaints:
    """Reasons by kind. The first words of a kind stay while it lasts: counting on must not publish `state` each time."""

    def __init__(self, destination: str, clock: Clock, on_change: Callable[[], None]) -> None:
        self._destination = destination
        self._clock = clock
        self._on_change = on_change
        self._lasting: dict[str, str] = {}
        self._passing: dict[str, tuple[str, float]] = {}
        self.counts: Counter[str] = Counter()

    @property
    def reasons(self) -> tuple[str, ...]:
        """`kind: words` for each, oldest first."""
        passing = ((kind, words) for kind, (words, _) in self._passing.items())
        return tuple(
            f"{kind}: {words}" if words else kind for kind, words in (*self._lasting.items(), *passing)
        )

    def lasts(self, kind: str, words: str | None) -> None:
        """A condition with an end: `words` while it lasts, None when it is over."""
        before = self._lasting.get(kind)
        if before == words:
            return
        if words is None:
            del self._lasting[kind]
            logger.info("uplink %s: over: %s", self._destination, kind)
        else:
            self._lasting[kind] = words[:_WORDS_LIMIT]
            if before is None:
                logger.warning("uplink %s: %s: %s", self._destination, kind, words[:_WORDS_LIMIT])
        self._on_change()

    def happened(self, kind: str, words: str) -> None:
        """Something wrong arrived. Counted; said, and logged, once until none came for FORGOTTEN_AFTER_S."""
        self.counts[kind] += 1
        before = self._passing.get(kind)
        self._passing[kind] = (before[0] if before else words[:_WORDS_LIMIT], self._clock.monotonic())
        if before is None:
            logger.warning("uplink %s: %s: %s", self._destination, kind, words[:_WORDS_LIMIT])
            self._on_change()

    def forget_old(self) -> None:
        """Drop what has not happened for a while."""
        border = self._clock.monotonic() - FORGOTTEN_AFTER_S
        for kind in [kind for kind, (_, at) in self._passing.items() if at <= border]:
            del self._passing[kind]
            logger.info("uplink %s: over: %s (%d in all)", self._destination, kind, self.counts[kind])
            self._on_change()
