"""Snapshots on their way to one destination: one at a time, over a thin connection of their own that no alarm stands behind.

MQTT sends a message in one piece, so an alarm behind a snapshot on the same connection would wait until the line has
taken all of it: 13 s for 100 KiB at 64 kbit/s.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import NoReturn, Protocol

from gateway.clock import Clock, wait_for_event
from gateway.errors import GatewayError, SiteFileError
from gateway.policy.backoff import Backoff
from gateway.site import Site, UplinkSettings
from gateway.uplink.bridge import Bridge
from gateway.uplink.complaints import Complaints
from gateway.uplink.messages import (
    NO_MATCHING_SUBSCRIBERS,
    SUCCESS,
    Ack,
    Inbound,
    LinkDown,
    Message,
)
from gateway.uplink.password import Password, client_id

logger = logging.getLogger(__name__)

#: No snapshot on the wire has more bytes.
MOST_BYTES = 512 * 1024

#: The kernel holds no more of a snapshot than twice this many bytes, so that is what an alarm finds on the line before it.
SEND_BUFFER = 4 * 1024
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


class SnapshotLine:
    """`run` sends what the shelf has while the destination's own line is idle. Its connection lasts while there is more."""

    def __init__(
        self,
        shelf: SnapshotShelf,
        settings: UplinkSettings,
        site: Site,
        *,
        clock: Clock,
        complaints: Complaints,
    ) -> None:
        self._shelf = shelf
        self._destination = settings.name
        self._root = site.root_of(settings)
        self._client_id = f"{client_id(site, settings.name)}-snapshots"
        # a ping would stand behind the snapshot that is on its way
        self._broker = settings.broker[0].model_copy(update={"keepalive_s": round(_LIMIT_S)})
        self._accepts_unrouted = settings.unrouted == "accept"
        self._password = Password(lambda: site.secret(settings.broker[0].password_file))
        self._clock = clock
        self._complaints = complaints
        self._new = asyncio.Event()
        self._idle = asyncio.Event()
        self._bridge: Bridge | None = None
        self._is_up = False
        self._rests_until = 0.0
        self._answers: dict[int, asyncio.Future[Ack]] = {}

    # ---- told by others

    def wake(self) -> None:
        """There may be a new one."""
        self._new.set()

    def may_begin(self, idle: bool) -> None:  # noqa: FBT001 - it is what it says
        """Whether the destination's own line has nothing to do; what has begun goes on in any case."""
        self._is_up = True
        if idle:
            self._idle.set()
        else:
            self._idle.clear()

    def end(self) -> None:
        """The destination's own line is gone: perhaps the broker suffers only one connection of ours."""
        self._is_up = False
        self._idle.clear()
        self._hang_up("the destination's line is lost")
        self._complaints.lasts("snapshot-not-taken", None)

    # ---- the work

    async def run(self) -> NoReturn:
        """Bring one after the other, until cancelled."""
        try:
            while True:
                self._new.clear()
                try:
                    found = await self._shelf.next(self._destination)
                    if found is not None:
                        await self._deliver(*found)
                        await self._shelf.sent(self._destination, found[0])
                        continue
                except (GatewayError, OSError) as error:
                    logger.debug("uplink %s: no snapshots just now: %s", self._destination, error)
                    await self._clock.sleep(_SHELF_AGAIN_S)
                    continue
                self._hang_up("no more snapshots")
                await wait_for_event(self._clock, self._new, _LOOK_S)
        finally:
            self._hang_up("closed")

    async def _deliver(self, evidence: str, jpeg: bytes) -> None:
        """Until the broker has taken it, or it is clear that it never will."""
        message = Message(topic=f"{self._root}/snapshot/{evidence}", payload=jpeg, content_type="image/jpeg")
        failures = 0
        await self._clock.sleep(max(0.0, self._rests_until - self._clock.monotonic()))
        while len(jpeg) <= MOST_BYTES:
            await self._idle.wait()
            began = self._clock.monotonic()
            try:
                bridge = await self._connected()
                if not bridge.takes(message):
                    words = f"snapshot: larger than the {bridge.most_bytes} bytes that the broker takes"
                    self._complaints.happened("too-large", words)
                    return
                refusal = self._refusal_in(await self._answer(bridge, message))
            except (LinkDown, SiteFileError) as error:
                logger.info("uplink %s: a snapshot did not get through: %s", self._destination, error)
                self._hang_up(str(error))
                refusal = str(error)
            if not refusal:
                self._complaints.lasts("snapshot-not-taken", None)
                took = self._clock.monotonic() - began
                self._rests_until = began + took * _SHARE
                return
            failures += 1
            if self._is_up:  # else the whole line is gone, which is told already
                self._complaints.lasts("snapshot-not-taken", refusal)
            await self._clock.sleep(_AGAIN.ceiling(failures))

    def _refusal_in(self, ack: Ack) -> str:
        if ack.reason == SUCCESS or (ack.reason == NO_MATCHING_SUBSCRIBERS and self._accepts_unrouted):
            return ""
        return ack.words or "no subscribers"

    # ---- the connection

    async def _connected(self) -> Bridge:
        """The connection, made where there is none. Raises LinkDown, SiteFileError."""
        if self._bridge is None or self._bridge.lost.done():
            self._bridge = Bridge(
                self._broker,
                client_id=self._client_id,
                password=await self._password.take(),
                will=None,
                most_in_flight=1,
                on_acks=self._acknowledged,
                on_inbound=_ignore,
                send_buffer=SEND_BUFFER,
            )
            await self._bridge.open()
        return self._bridge

    async def _answer(self, bridge: Bridge, message: Message) -> Ack:
        """Publish, and wait for the PUBACK. Raises LinkDown."""
        packet = bridge.publish(message)
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._answers[packet] = answer
        try:
            bridge.lost.add_done_callback(lambda _lost: answer.cancel())
            await asyncio.wait({answer}, timeout=_LIMIT_S)
            if answer.done() and not answer.cancelled():
                return answer.result()
        finally:
            del self._answers[packet]
        raise LinkDown(
            bridge.lost.result() if bridge.lost.done() else f"no acknowledgement for {_LIMIT_S:g} s"
        )

    def _acknowledged(self, acks: Sequence[Ack]) -> None:
        for ack in acks:
            answer = self._answers.get(ack.packet)
            if answer is not None and not answer.done():
                answer.set_result(ack)

    def _hang_up(self, why: str) -> None:
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            bridge.abandon(why)


def _ignore(_messages: Sequence[Inbound]) -> None:
    """Nothing is subscribed here."""
