"""Watches our own retained `state` at the broker: a late will is corrected, a number ahead of ours begins a new stream."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from gateway.clock import Clock
from gateway.errors import JournalUnwritable
from gateway.policy.receipts import StreamKnowledge
from gateway.store import Journal
from gateway.uplink.documents import judge_state
from gateway.uplink.messages import Inbound

logger = logging.getLogger(__name__)

#: Before this process publishes anything it waits so long for what the broker has retained of its earlier lives;
#: most brokers have sent it by now: the subscription to `state` was agreed before another that is agreed as well.
FIRST_LOOK_S = 0.25
#: A new stream because of what `state` says is begun at most so often.
NEW_STREAM_PAUSE_S = 60.0


class StateWatch:
    """`receive` never waits; `run` begins new streams. `is_wrong` is called when `state` must be published again."""

    def __init__(
        self,
        journal: Journal,
        destination: str,
        *,
        clock: Clock,
        knowledge: dict[str, StreamKnowledge],
        is_wrong: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._destination = destination
        self._clock = clock
        self._knowledge = knowledge
        self._is_wrong = is_wrong
        self._looked = False
        self._seen = asyncio.Event()
        self._ahead: tuple[str, int] | None = None
        self._began_at = float("-inf")
        self._wake = asyncio.Event()

    def receive(self, message: Inbound) -> None:
        """Our own `state` came back, or somebody else's idea of it."""
        head = self._journal.head(self._destination)
        streams = {stream: known.numbered for stream, known in self._knowledge.items()}
        finding = judge_state(message.payload, head=head, streams=streams)
        if finding.ahead is not None and self._counts(finding.ahead[0], head.stream):
            self._ahead = finding.ahead
            self._wake.set()
        if finding.is_wrong:
            self._is_wrong()
        self._seen.set()

    async def first_look(self) -> None:
        """Find out, once and before anything is published, whether numbers were given that this journal lacks.

        Raises JournalUnwritable.
        """
        if self._looked:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_S):
                await self._seen.wait()
        await self._begin()
        self._looked = True

    async def run(self) -> None:
        """Begin new streams where needed, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._looked:
                try:
                    await self._begin()
                except JournalUnwritable as error:
                    logger.warning("uplink %s: no new stream yet: %s", self._destination, error)

    def _counts(self, stream: str, current: str) -> bool:
        """A stream nobody here knows is ours at the first look only; later it is somebody else with our name."""
        if not self._looked:
            return True
        return stream == current and self._clock.monotonic() - self._began_at >= NEW_STREAM_PAUSE_S

    async def _begin(self) -> None:
        if self._ahead is None:
            return
        (stream, sequence), self._ahead = self._ahead, None
        self._began_at = self._clock.monotonic()
        logger.warning(
            "uplink %s: the broker's state names number %s of stream %s, which this journal lacks: a new stream begins",
            self._destination,
            sequence,
            stream,
        )
        await self._journal.start_stream(
            self._destination, "state-ahead", previous_stream=stream, previous_sequence=sequence
        )
