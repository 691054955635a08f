"""The line to a destination's broker: made, kept, lost, made again; while it stands a publisher is at work on it."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.clock import wait_for_event
from gateway.errors import JournalUnwritable, SiteFileError
from gateway.policy.backoff import Backoff
from gateway.site import Site
from gateway.store import Journal
from gateway.uplink.bridge import Bridge
from gateway.uplink.feed import Feed
from gateway.uplink.gauge import BacklogGauge
from gateway.uplink.messages import Ack, Inbound, LinkDown, LinkRefused
from gateway.uplink.password import Password, client_id
from gateway.uplink.publisher import Publisher
from gateway.uplink.retained import Retained
from gateway.uplink.shared import Shared
from gateway.uplink.watch import StateWatch

logger = logging.getLogger(__name__)

#: `state` is published at least so often.
STATE_EVERY_S = 60.0
#: The backlog is counted again so soon after a count that changes have crossed.
COUNT_AGAIN_S = 5.0
RECONNECT = Backoff(first_s=1.0, longest_s=30.0)
#: A connection that lasted so long was a good one: the next failure is the first again.
GOOD_CONNECTION_S = 10.0
GOODBYE_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """Who deals with what the broker sends: the handler of each topic that is to be subscribed."""

    handlers: dict[str, Callable[[Inbound], None]]

    def receive(self, messages: Sequence[Inbound]) -> None:
        """Hand each message on; a topic nobody asked for (an old subscription) is left alone."""
        for message in messages:
            handler = self.handlers.get(message.topic)
            if handler is not None:
                handler(message)


class Line:
    """`run` never ends by itself. `publisher` is the present connection's; None: there is no connection.

    `since` is since when that is so (UTC), `problem` why there is none.
    """

    def __init__(
        self,
        shared: Shared,
        site: Site,
        journal: Journal,
        *,
        retained: Retained,
        watch: StateWatch,
        gauge: BacklogGauge,
        receivers: Receivers,
    ) -> None:
        self.publisher: Publisher | None = None
        self.since = shared.clock.now()
        self.problem = "not tried yet"
        self._shared = shared
        self._settings = shared.settings
        self._name = shared.settings.name
        self._broker = shared.settings.broker[0]
        self._clock = shared.clock
        self._site = site
        self._journal = journal
        self._retained = retained
        self._watch = watch
        self._gauge = gauge
        self._receivers = receivers
        self._password = Password(lambda: site.secret(self._broker.password_file))
        self._urgent = asyncio.Event()
        self._farewell: tuple[int, asyncio.Event] | None = None

    def hurry(self) -> None:
        """There is a new alarm: don't wait long for the next attempt."""
        self._urgent.set()

    async def run(self) -> None:
        """Keep connected, until cancelled; then say goodbye."""
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._connection()
            except (LinkDown, JournalUnwritable, SiteFileError) as error:
                if str(error) != self.problem:
                    logger.warning("uplink %s: %s", self._name, error)
                self.problem = str(error)
            lasted = self._clock.monotonic() - began
            failures = 1 if lasted >= GOOD_CONNECTION_S else failures + 1
            chance = random.random()  # noqa: S311 - spreads attempts in time, hides nothing
            await self._pause(RECONNECT.delay(failures, chance))

    async def _connection(self) -> None:
        """One connection, from its opening to its loss. Raises LinkDown when it can't be made, and when it is lost."""
        self._retained.since = self._clock.now()
        password = await self._password.take()
        bridge = Bridge(
            self._broker,
            client_id=client_id(self._site, self._name),
            password=password,
            will=self._retained.absence(),
            most_in_flight=self._settings.window + 1,  # for the goodbye
            on_acks=self._acknowledged,
            on_inbound=self._receivers.receive,
        )
        try:
            await self._open(bridge)
            is_first = not self._watch.has_looked
            if is_first:
                await self._ask_for_alarms(bridge)
            watched = {self._retained.state_topic, self._retained.alarms_topic}
            await bridge.subscribe([self._retained.state_topic])
            await bridge.subscribe([topic for topic in self._receivers.handlers if topic not in watched])
            await self._watch.first_look(bridge.lost)
            if is_first:  # or each change would come back over the line
                bridge.unsubscribe(self._retained.alarms_topic)
            await self._traffic(bridge)
        finally:
            bridge.abandon("closed")

    async def _open(self, bridge: Bridge) -> None:
        try:
            await bridge.open()
        except LinkRefused as error:
            if not self._password.problem:
                raise
            raise LinkRefused(f"{error}; {self._password.problem}") from error

    async def _ask_for_alarms(self, bridge: Bridge) -> None:
        """Our own `alarms/open`, for the first look; a broker whose access list forbids it is a broker all the same."""
        try:
            await bridge.subscribe([self._retained.alarms_topic])
        except LinkRefused as error:
            logger.info("uplink %s: `alarms/open` can't be looked at: %s", self._name, error)

    async def _traffic(self, bridge: Bridge) -> None:
        streams = await self._journal.streams(self._name)
        await self._gauge.count()
        head = self._journal.head(self._name)
        feed = Feed(self._journal, self._name, streams, (head.stream, head.last_sequence))
        feed.note_stream(head.stream)
        publisher = Publisher(self._shared, bridge, feed)
        self._note_up(publisher)
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(publisher.run()), group.create_task(self._keep_state_fresh())]
                reason = await asyncio.shield(bridge.lost)
                for helper in helpers:
                    helper.cancel()
        except asyncio.CancelledError:
            publisher.stop()
            await self._say_goodbye(bridge)
            raise
        finally:
            self._note_down(publisher)
        raise LinkDown(reason)

    def _note_up(self, publisher: Publisher) -> None:
        logger.info("uplink %s: connected to %s:%d", self._name, self._broker.host, self._broker.port)
        self.since, self.problem = self._clock.now(), ""
        self.publisher = publisher
        self._shared.readings.drop()
        self._retained.begin_connection()
        self._journal.reach(self._name, connected=True)

    def _note_down(self, publisher: Publisher) -> None:
        self.since = self._clock.now()
        self.publisher = None
        publisher.end()
        self._journal.reach(self._name, connected=False)

    def _acknowledged(self, acks: Sequence[Ack]) -> None:
        if self._farewell is not None and any(ack.packet == self._farewell[0] for ack in acks):
            self._farewell[1].set()
        if self.publisher is not None:
            self.publisher.acknowledged(acks)

    async def _say_goodbye(self, bridge: Bridge) -> None:
        """The broker does not send the will after a goodbye: `state` says the same."""
        try:
            packet = bridge.publish(self._retained.absence())
            self._farewell = (packet, asyncio.Event())
            async with asyncio.timeout(GOODBYE_LIMIT_S):
                await self._farewell[1].wait()
            await bridge.close()
        except (LinkDown, TimeoutError) as error:
            logger.info("uplink %s: no goodbye: %s", self._name, error)

    async def _keep_state_fresh(self) -> None:
        while True:
            await self._clock.sleep(COUNT_AGAIN_S if self._gauge.is_stale else STATE_EVERY_S)
            self._shared.complaints.forget_old()
            try:
                await self._gauge.count()
            except JournalUnwritable as error:
                logger.info("uplink %s: the backlog can't be counted: %s", self._name, error)
            self._retained.state_changed()
            if self.publisher is not None:
                self.publisher.wake()

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; a new alarm shortens the wait to its first step."""
        first = min(seconds, RECONNECT.first_s)
        await self._clock.sleep(first)
        try:
            await wait_for_event(self._clock, self._urgent, seconds - first)
        finally:
            self._urgent.clear()  # not before: an alarm that came while the attempt failed counts too
