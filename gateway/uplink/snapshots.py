"""Snapshots on their way to one destination (lane 5): one at a time, when nothing else waits, again until one is taken."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn, Protocol

from gateway.clock import Clock, wait_for_event
from gateway.errors import GatewayError
from gateway.policy.backoff import Backoff
from gateway.uplink.complaints import Complaints
from gateway.uplink.messages import NO_MATCHING_SUBSCRIBERS, SUCCESS, Ack, Message

logger = logging.getLogger(__name__)

#: No snapshot on the wire has more bytes.
MOST_BYTES = 512 * 1024

#: Snapshots take one part in so many of a line's time.
_SHARE = 5
#: One that was not acknowledged for so long is tried again later; seconds.
_LIMIT_S = 300.0
#: After a line was lost under a snapshot, or the broker refused one: it may be the snapshot's fault.
_AGAIN = Backoff(first_s=60.0, longest_s=3600.0)
#: The shelf is asked so often although nobody said that there is something new; seconds.
_LOOK_S = 60.0
_SHELF_AGAIN_S = 10.0


class SnapshotShelf(Protocol):
    """Where snapshots wait; implemented by the evidence service. Both raise GatewayError or OSError: try again later."""

    async def next(self, destination: str) -> tuple[str, bytes] | None:
        """The oldest one that the destination has not taken: its evidence id and the JPEG."""
        ...

    async def sent(self, destination: str, evidence_id: str) -> None:
        """The destination has it: never give it again."""
        ...


class NoShelf:
    """There is no evidence."""

    async def next(self, destination: str) -> None:
        """Nothing waits."""
        del destination

    async def sent(self, destination: str, evidence_id: str) -> None:
        """Nothing was sent."""
        del destination, evidence_id


class SnapshotLane:
    """Outlives connections. `run` fetches one snapshot ahead; a connection's publisher takes it when it may go.

    `on_ready` is called when there is one to take.
    """

    def __init__(
        self,
        shelf: SnapshotShelf,
        destination: str,
        *,
        root: str,
        accepts_unrouted: bool,
        clock: Clock,
        complaints: Complaints,
        on_ready: Callable[[], None],
    ) -> None:
        self._shelf = shelf
        self._destination = destination
        self._root = root
        self._accepts_unrouted = accepts_unrouted
        self._clock = clock
        self._complaints = complaints
        self._on_ready = on_ready
        self._new = asyncio.Event()
        self._over = asyncio.Event()
        self._stock: tuple[str, bytes] | None = None
        self._flight: tuple[int, float] | None = None
        self._not_before = float("-inf")
        self._failures = 0

    # ---- the shelf

    def wake(self) -> None:
        """There may be a new one."""
        self._new.set()

    async def run(self) -> NoReturn:
        """Bring one after the other, until cancelled."""
        while True:
            self._new.clear()
            try:
                found = await self._shelf.next(self._destination)
                if found is not None and len(found[1]) <= MOST_BYTES:
                    await self._offer(found)
                if found is not None:
                    await self._shelf.sent(self._destination, found[0])
                    continue
            except (GatewayError, OSError) as error:
                logger.debug("uplink %s: no snapshots just now: %s", self._destination, error)
                await self._clock.sleep(_SHELF_AGAIN_S)
                continue
            await wait_for_event(self._clock, self._new, _LOOK_S)

    async def _offer(self, snapshot: tuple[str, bytes]) -> None:
        """Until the broker has taken it."""
        self._over.clear()
        self._stock = snapshot
        self._on_ready()
        try:
            await self._over.wait()
        finally:
            self._stock = None

    # ---- the connection

    def take(self, now: float) -> Message | None:
        """The snapshot that may go now; `sent` or `refused` must follow."""
        if self._flight is not None and now - self._flight[1] >= _LIMIT_S:
            self._fail(now)
        if self._stock is None or self._flight is not None or now < self._not_before:
            return None
        evidence, jpeg = self._stock
        return Message(topic=f"{self._root}/snapshot/{evidence}", payload=jpeg, content_type="image/jpeg")

    def sent(self, packet: int, now: float) -> None:
        """It was handed to the broker as this packet."""
        self._flight = (packet, now)

    def land(self, ack: Ack, now: float) -> bool:
        """The broker has answered; False: to something else."""
        if self._flight is None or self._flight[0] != ack.packet:
            return False
        took = now - self._flight[1]
        accepted = ack.reason == SUCCESS or (ack.reason == NO_MATCHING_SUBSCRIBERS and self._accepts_unrouted)
        if not accepted:
            self._fail(now)
            self._complaints.lasts("snapshot-not-taken", ack.words or "no subscribers")
            return True
        self._flight = None
        self._failures = 0
        self._not_before = now + took * (_SHARE - 1)
        self._complaints.lasts("snapshot-not-taken", None)
        self._finish()
        return True

    def refused(self, words: str) -> None:
        """The broker takes no message of this size: it will never go."""
        self._complaints.happened("too-large", f"snapshot: {words}")
        self._finish()

    def lost(self, now: float) -> None:
        """The connection is gone."""
        if self._flight is not None:
            self._fail(now)
        self._complaints.lasts("snapshot-not-taken", None)

    @property
    def is_flying(self) -> bool:
        """Whether one is on its way."""
        return self._flight is not None

    @property
    def next_at(self) -> float | None:
        """When one that has to wait may go, or one that is not answered is given up for now."""
        if self._flight is not None:
            return self._flight[1] + _LIMIT_S
        return None if self._stock is None else self._not_before

    def _fail(self, now: float) -> None:
        self._flight = None
        self._failures += 1
        self._not_before = now + _AGAIN.ceiling(self._failures)

    def _finish(self) -> None:
        self._stock = None
        self._over.set()
