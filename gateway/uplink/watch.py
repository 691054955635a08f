"""Watches our own retained `state` and `alarms/open` at the broker: a late will is corrected, a number ahead of ours begins a new stream."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from gateway.clock import Clock
from gateway.errors import JournalUnwritable
from gateway.policy.receipts import StreamKnowledge
from gateway.store import Journal
from gateway.uplink.documents import judge_alarms, judge_state
from gateway.uplink.messages import Inbound

logger = logging.getLogger(__name__)

#: Before this process publishes anything it waits so long, after the subscriptions were agreed, for what the broker
#: has retained of its earlier lives.
FIRST_LOOK_S = 1.0
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
        self.has_looked = False
        self._state_seen = asyncio.Event()
        self._alarms_seen = asyncio.Event()
        self._ahead: tuple[str, int] | None = None
        self._began_at = float("-inf")
        self._wake = asyncio.Event()

    def receive(self, message: Inbound) -> None:
        """Our own `state` came back, or somebody else's idea of it."""
        head = self._journal.head(self._destination)
        streams = {stream: known.numbered for stream, known in self._knowledge.items()}
        finding = judge_state(message.payload, head=head, streams=streams)
        if finding.ahead is not None:
            self._note_ahead(finding.ahead, head.stream)
        if finding.is_wrong:
            self._is_wrong()
        self._state_seen.set()

    def receive_alarms(self, message: Inbound) -> None:
        """Our own `alarms/open`, as the broker has retained it."""
        head = self._journal.head(self._destination)
        ahead = judge_alarms(message.payload, head=head)
        if ahead is not None:
            self._note_ahead(ahead, head.stream)
        self._alarms_seen.set()

    async def first_look(self, lost: "asyncio.Future[str]") -> None:
        """Find out, once and before anything is published, whether numbers were given that this journal lacks.

        If the connection is `lost` meanwhile, the next one is for another look. Raises JournalUnwritable.
        """
        if self.has_looked:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_S):
                await self._state_seen.wait()
                await self._alarms_seen.wait()
        await self._begin()
        self.has_looked = not lost.done()

    async def run(self) -> None:
        """Begin new streams where needed, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self.has_looked:
                try:
                    await self._begin()
                except JournalUnwritable as error:
                    logger.warning("uplink %s: no new stream yet: %s", self._destination, error)

    def _note_ahead(self, ahead: tuple[str, int], current: str) -> None:
        if not self._counts(ahead[0], current):
            return
        if self._ahead is None or self._ahead[0] != ahead[0] or self._ahead[1] < ahead[1]:
            self._ahead = ahead
        self._wake.set()

    def _counts(self, stream: str, current: str) -> bool:
        """A stream nobody here knows is ours at the first look only; later it is somebody else with our name."""
        if not self.has_looked:
            return True
        return stream == current and self._clock.monotonic() - self._began_at >= NEW_STREAM_PAUSE_S

    async def _begin(self) -> None:
        if self._ahead is None:
            return
        (stream, sequence), self._ahead = self._ahead, None
        self._began_at = self._clock.monotonic()
        logger.warning(
            "uplink %s: what the broker retains names number %s of stream %s, which this journal lacks: a new stream begins",
            self._destination,
            sequence,
            stream,
        )
        await self._journal.start_stream(
            self._destination, "state-ahead", previous_stream=stream, previous_sequence=sequence
        )
