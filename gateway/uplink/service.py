"""One destination: its parts put together, told of what the journal commits, and seen from outside."""

import asyncio
import logging
from collections.abc import Callable

from gateway.clock import Clock
from gateway.errors import JournalUnwritable
from gateway.model import ClockState, Durability, EventType, Reading
from gateway.policy.ranges import Ranges
from gateway.policy.receipts import StreamKnowledge
from gateway.site import Site, UplinkSettings
from gateway.store import Change, Journal
from gateway.trace import NoTrace, Tracer
from gateway.uplink.commands import Commands
from gateway.uplink.complaints import Complaints
from gateway.uplink.confirm import Confirmer
from gateway.uplink.gauge import BacklogGauge
from gateway.uplink.inbox import Receipts
from gateway.uplink.latest import Results
from gateway.uplink.line import Line, Receivers
from gateway.uplink.messages import Inbound, Message
from gateway.uplink.readings import ReadingStock
from gateway.uplink.retained import Retained
from gateway.uplink.shared import Shared
from gateway.uplink.snapshots import NoShelf, SnapshotLine, SnapshotShelf
from gateway.uplink.view import UplinkView
from gateway.uplink.watch import StateWatch

logger = logging.getLogger(__name__)

_START_AGAIN_S = 1.0
_TOPIC_LIMIT = 256


def _trusted() -> ClockState:
    return ClockState.TRUSTED


def _no_reasons() -> tuple[str, ...]:
    return ()


class Uplink:
    """Delivers the journal's events to one destination (CONTRACT, MQTT), and takes its receipts and commands.

    `clock_state` and `reasons` are what `alarms/open` and the `degraded` of `state` say besides; `snapshots` is
    where those wait that are to be sent. `run` once.
    """

    def __init__(
        self,
        settings: UplinkSettings,
        site: Site,
        journal: Journal,
        clock: Clock,
        tracer: Tracer | None = None,
        *,
        clock_state: Callable[[], ClockState] = _trusted,
        reasons: Callable[[], tuple[str, ...]] = _no_reasons,
        snapshots: SnapshotShelf | None = None,
    ) -> None:
        name = settings.name
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._more_reasons = reasons
        self._root = site.root_of(settings)
        self._knowledge: dict[str, StreamKnowledge] = {}
        self._said: tuple[str, ...] = ()
        self._complaints = Complaints(name, clock, self._reasons_may_have_changed)
        self._gauge = BacklogGauge(journal, name)
        self._readings = ReadingStock(clock)
        self._results = Results()
        self._confirmer = Confirmer(
            journal,
            name,
            clock=clock,
            tracer=tracer or NoTrace(),
            confirmed=lambda rows: self._gauge.add(-rows),
        )
        self._retained = Retained(
            journal,
            site,
            name,
            root=self._root,
            clock=clock,
            clock_state=clock_state,
            gauge=self._gauge,
            reasons=self._reasons,
        )
        self._receipts = Receipts(
            journal,
            name,
            clock=clock,
            knowledge=self._knowledge,
            confirmer=self._confirmer,
            complaints=self._complaints,
            publisher=lambda: self._line.publisher,
            reopened=self._gauge.add,
        )
        self._watch = StateWatch(
            journal, name, clock=clock, knowledge=self._knowledge, is_wrong=self._state_changed
        )
        self._commands = Commands(
            journal,
            name,
            clock=clock,
            complaints=self._complaints,
            answer=self._answer,
            resend=self._receipts.send_again,
        )
        self._snapshots = SnapshotLine(
            snapshots or NoShelf(), settings, site, clock=clock, complaints=self._complaints
        )
        shared = Shared(
            settings=settings,
            root=self._root,
            clock=clock,
            tracer=tracer or NoTrace(),
            confirmer=self._confirmer,
            complaints=self._complaints,
            knowledge=self._knowledge,
            status=self._retained.status,
            presences=self._retained.presences,
            results=self._results,
            readings=self._readings,
            snapshots=self._snapshots,
        )
        self._line = Line(
            shared,
            site,
            journal,
            retained=self._retained,
            watch=self._watch,
            gauge=self._gauge,
            receivers=Receivers(handlers=self._handlers()),
        )

    def _handlers(self) -> dict[str, Callable[[Inbound], None]]:
        handlers = {
            self._retained.state_topic: self._watch.receive,
            self._retained.alarms_topic: self._watch.receive_alarms,
            f"{self._root}/command": self._commands.offer,
        }
        if self._settings.confirm == "platform":
            handlers[f"{self._root}/receipt"] = self._receipts.receive
        return handlers

    # ---- for others

    async def run(self) -> None:
        """Deliver, until cancelled; then say goodbye to the broker."""
        await self._learn_streams()
        async with asyncio.TaskGroup() as group:
            for work in (
                self._follow_journal(),
                self._confirmer.run(),
                self._receipts.run(),
                self._commands.run(),
                self._watch.run(),
                self._snapshots.run(),
                self._line.run(),
            ):
                group.create_task(work)

    def reading(self, reading: Reading) -> None:
        """Send a measured value with the next batch; dropped, and counted, where the line is slow."""
        self._readings.add(reading)
        self._wake()

    def view(self) -> UplinkView:
        """How it is just now."""
        line, broker = self._line, self._settings.broker[0]
        window = line.publisher.window if line.publisher is not None else None
        return UplinkView(
            name=self._settings.name,
            broker=f"{broker.host}:{broker.port}",
            connected=line.publisher is not None,
            since=line.since,
            problem=line.problem,
            backlog=self._gauge.value,
            degraded=self._reasons(),
            window=window.size if window else 0,
            round_trip_s=window.round_trip_s if window else None,
            acknowledged_per_s=window.rate if window else 0.0,
            readings_dropped=self._readings.dropped,
            incidents=dict(self._complaints.counts),
        )

    # ---- what the journal tells

    async def _learn_streams(self) -> None:
        """Any number may have reached the county in an earlier life; only what a receipt was kept for has for sure."""
        while True:
            try:
                streams = await self._journal.streams(self._settings.name)
                for stream, last in streams.items():
                    upto = await self._journal.receipted(self._settings.name, stream)
                    self._knowledge[stream] = StreamKnowledge(
                        published=Ranges([(1, last)] if last else []),
                        taken=Ranges([(1, upto)] if upto else []),
                        numbered=last,
                        upto=upto,
                    )
            except JournalUnwritable as error:
                logger.warning("uplink %s: not started yet: %s", self._settings.name, error)
                await self._clock.sleep(_START_AGAIN_S)
            else:
                return

    async def _follow_journal(self) -> None:
        subscription = self._journal.subscribe()
        try:
            self._follow(Change(resync=True))
            async for change in subscription:
                self._follow(change)
        finally:
            subscription.close()

    def _follow(self, change: Change) -> None:
        head = self._journal.head(self._settings.name)
        self._gauge.follow(head)
        known = self._knowledge.setdefault(head.stream, StreamKnowledge(published=Ranges(), numbered=0))
        known.numbered = max(known.numbered, head.last_sequence)
        if change.alarms:
            self._retained.alarms_changed()
            self._line.hurry()
        for presence in change.presences:
            self._retained.presence_changed(presence.device)
        if change.resync or any(event.type is EventType.SNAPSHOT for event in change.events):
            self._snapshots.wake()
        if change.resync:
            self._retained.all_may_have_changed()
        publisher = self._line.publisher
        if publisher is not None:
            publisher.note_stream(head.stream)
            publisher.committed()
        self._reasons_may_have_changed()

    # ---- commands

    def _answer(self, command: Inbound, payload: bytes) -> None:
        topic = f"{self._root}/command/result"
        if command.response_topic is not None and self._may_answer_on(command.response_topic):
            topic = command.response_topic
        self._results.put(
            Message(
                topic=topic,
                payload=payload,
                content_type="application/json",
                correlation=command.correlation,
            )
        )
        self._wake()

    def _may_answer_on(self, topic: str) -> bool:
        """Not on our own topics: a command must not be able to overwrite `state`."""
        if not 0 < len(topic) <= _TOPIC_LIMIT or any(char in topic for char in "+#\0"):
            return False
        return not topic.startswith("$") and not f"{topic}/".startswith(f"{self._root}/")

    # ---- degraded

    def _reasons(self) -> tuple[str, ...]:
        status = self._journal.status
        disk: tuple[str, ...] = ()
        if status.durability is Durability.MEMORY:
            disk = (f"memory-mode: {status.reason}",)
        elif status.reason:
            disk = (f"journal: {status.reason}",)
        return (*disk, *self._complaints.reasons, *self._more_reasons())

    def _reasons_may_have_changed(self) -> None:
        said = (self._journal.head(self._settings.name).stream, *self._reasons())
        if said != self._said:
            self._said = said
            self._state_changed()

    def _state_changed(self) -> None:
        self._retained.state_changed()
        self._wake()

    def _wake(self) -> None:
        if self._line.publisher is not None:
            self._line.publisher.wake()
