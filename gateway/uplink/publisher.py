"""Keeps the window of one connection full: what goes out next, what came back, what has to go again."""

import asyncio
from collections.abc import Sequence

from gateway.errors import JournalUnwritable
from gateway.policy.ranges import Ranges, Run
from gateway.policy.receipts import StreamKnowledge
from gateway.policy.window import Window
from gateway.store import Delivery
from gateway.trace import Stage
from gateway.uplink.bridge import Bridge
from gateway.uplink.feed import Feed
from gateway.uplink.flights import Flights
from gateway.uplink.messages import NO_MATCHING_SUBSCRIBERS, SUCCESS, Ack, LinkDown
from gateway.uplink.resend import Resender
from gateway.uplink.retry import Retries
from gateway.uplink.shared import Shared
from gateway.uplink.sources import TOPICS, Outgoing, Sources
from gateway.uplink.timer import Timer

#: The outbox is read at most so often: at thousands of commits a second, one query serves several.
READ_PAUSE_S = 0.003
_READ_AGAIN_S = 1.0


class Publisher:
    """One connection's traffic. `pump` never waits; `run` reads ahead. Nothing here outlives the connection."""

    def __init__(self, shared: Shared, bridge: Bridge, feed: Feed) -> None:
        self.window = Window(cap=max(1, bridge.most_in_flight - 1))  # the goodbye has its own
        self._shared = shared
        self._clock = shared.clock
        self._bridge = bridge
        self._feed = feed
        self._broker = shared.settings.broker[0]
        self._awaits_receipts = shared.settings.confirm == "platform"
        self._retries = Retries()
        self._resender = Resender(timeout_s=shared.settings.receipt_timeout_s)
        self._sources = Sources(shared, feed, self._retries)
        self._sent = self._sources.sent
        self._flights = Flights(limit_s=self._broker.ack_timeout_s)
        self._is_stopped = False
        self._reading = asyncio.Event()
        self._reading.set()
        self._timer = Timer(shared.clock, self.pump)
        feed.on_move = self._forget_sent

    # ---- what others tell

    async def run(self) -> None:
        """Read ahead of the window, until cancelled."""
        try:
            while True:
                await self._reading.wait()
                self._reading.clear()
                try:
                    await self._feed.read(is_wanted=lambda: not self._bridge.lost.done())
                    self._shared.complaints.lasts("journal-unreadable", None)
                except JournalUnwritable as error:
                    self._shared.complaints.lasts("journal-unreadable", str(error))
                    await self._clock.sleep(_READ_AGAIN_S)
                    self._reading.set()
                    continue
                self.pump()
                await self._clock.sleep(READ_PAUSE_S)
        finally:
            await self._timer.close()

    def committed(self) -> None:
        """The journal has something new."""
        self._feed.wake()
        self._reading.set()

    def wake(self) -> None:
        """Something besides the outbox may be due."""
        self._reading.set()

    def stop(self) -> None:
        """Send nothing more."""
        self._is_stopped = True

    def read_anew(self) -> None:
        """Rows may wait where the lanes have passed already: the journal has moved, or a topic has subscribers again."""
        self._feed.restart()
        self._feed.wake()
        self._reading.set()

    def _forget_sent(self) -> None:
        """Everything that still waits goes once more, but for what is on its way."""
        self._sent.clear()
        for stream, number in self._flights.rows():
            self._sent[stream].add(number, number)

    def note_stream(self, stream: str) -> None:
        """A new stream has begun."""
        self._feed.note_stream(stream)

    def receipted(self, stream: str, runs: Sequence[Run]) -> None:
        """The county has stored these."""
        self._resender.receipted(stream, runs, self._clock.monotonic())
        self._complain()

    def may_ask(self, stream: str, runs: Sequence[Run]) -> list[Run]:
        """What of the numbers asked for is to be sent again now; those whose turn is still to come are left to it."""
        frontier = self._frontier(stream)
        passed = Ranges()
        for first, last in runs:
            if frontier is None or first <= frontier:
                passed.add(first, last if frontier is None else min(last, frontier))
            for part in self._sent[stream].overlap(first, last):
                passed.add(*part)
        return self._resender.asked(stream, list(passed), self._clock.monotonic())

    def send_again(self, stream: str, run: Run) -> list[Run]:
        """Send these once more, as far as they wait in the outbox; those on their way just now are left out."""
        wanted = Ranges([run])
        for name, number in self._flights.rows():
            if name == stream:
                wanted.remove(number, number)
        for part in wanted:
            self._sent[stream].remove(*part)
            self._feed.send_again(stream, part)
        self._reading.set()
        return list(wanted)

    # ---- the heart

    def pump(self) -> None:
        """Send what the window has room for; then see to it that something wakes us when more can be done."""
        if self._bridge.lost.done() or self._is_stopped:
            return
        now = self._clock.monotonic()
        if self._flights.watch(now, line_is_blocked=self._bridge.is_congested):
            self._bridge.abandon(f"no acknowledgement for {self._broker.ack_timeout_s:g} s")
            return
        self._send_overdue(now)
        self._fill_window(now)
        self._send_readings(now)
        if self._feed.wants_rows:
            self._reading.set()
        self._shared.snapshots.may_begin(self._is_idle)
        self._flights.watch(now, line_is_blocked=self._bridge.is_congested)
        self._timer.at(self._next_deadline(now))

    def acknowledged(self, acks: Sequence[Ack]) -> None:
        """The broker's PUBACKs. What paho says of QoS 0 is no sign of life: it was written, nobody has answered."""
        now = self._clock.monotonic()
        taken: list[str] = []
        for ack in acks:
            flight = self._flights.land(ack.packet)
            if flight is None:
                continue
            self.window.acknowledged(
                round_trip_s=now - flight.sent_at, in_flight=len(self._flights) + 1, now=now
            )
            outgoing = flight.outgoing
            if outgoing.row is not None:
                if self._row_acknowledged(outgoing.row, ack, now):
                    taken.append(outgoing.row.event_id)
            elif outgoing.landed is not None:
                outgoing.landed(now, accepted=ack.reason in {SUCCESS, NO_MATCHING_SUBSCRIBERS})
        if taken:
            self._shared.tracer.mark(Stage.BROKER, taken, now, self._shared.settings.name)
        self._complain()
        self.pump()

    def end(self) -> None:
        """The connection is gone: answers that did not get through go out on the next one; rows are in the outbox."""
        for answer in self._flights.answers():
            self._shared.results.put_back(answer)
        self._shared.snapshots.end()
        for kind in ("no-subscriber", "refused-by-broker", "no-receipts", "journal-unreadable"):
            self._shared.complaints.lasts(kind, None)

    # ---- sending

    def _fill_window(self, now: float) -> None:
        published: list[str] = []
        while len(self._flights) < self.window.size:
            outgoing = self._sources.take(now)
            if outgoing is None:
                break
            if not self._bridge.takes(outgoing.message):
                self._refuse_too_large(outgoing, now)
                continue
            if not self._send(outgoing, now):
                break
            if outgoing.row is not None:
                published.append(outgoing.row.event_id)
        if published:
            self._shared.tracer.mark(Stage.PUBLISHED, published, now, self._shared.settings.name)

    def _send(self, outgoing: Outgoing, now: float) -> bool:
        if outgoing.row is not None:
            self._note_published(outgoing.row)
        try:
            packet = self._bridge.publish(outgoing.message)
        except LinkDown as error:
            self._bridge.abandon(str(error))
            return False
        self._flights.start(packet, outgoing, now)
        return True

    def _note_published(self, row: Delivery) -> None:
        known = self._shared.knowledge.setdefault(row.stream, StreamKnowledge(published=Ranges(), numbered=0))
        known.publish(row.sequence)
        self._sent[row.stream].add(row.sequence, row.sequence)
        self._shared.confirmer.trace(row)

    def _refuse_too_large(self, outgoing: Outgoing, now: float) -> None:
        words = f"larger than the {self._bridge.most_bytes} bytes that the broker takes"
        if outgoing.row is not None:
            self._retries.refused(outgoing.row, TOPICS[outgoing.row.type], words, now)
        elif outgoing.landed is not None:
            outgoing.landed(now, accepted=False)
        self._shared.complaints.happened("too-large", f"{outgoing.message.topic}: {words}")

    def _send_overdue(self, now: float) -> None:
        if not self._awaits_receipts:
            return
        for stream, run in self._resender.due(now, self._frontier):
            self.send_again(stream, run)
        self._complain()

    def _frontier(self, stream: str) -> int | None:
        waiting = self._retries.lowest_unsent(stream)
        limits = [self._feed.frontier(stream), None if waiting is None else waiting - 1]
        return min((limit for limit in limits if limit is not None), default=None)

    def _send_readings(self, now: float) -> None:
        due = self._shared.readings.next_at
        if due is None or now < due:
            return
        if self._bridge.is_congested or len(self._flights) >= self.window.size:
            return  # they wait for room, as many as the stock holds
        for message in self._shared.readings.take(self._shared.root):
            try:
                self._bridge.publish(message)
            except LinkDown as error:
                self._bridge.abandon(str(error))
                return

    @property
    def _is_idle(self) -> bool:
        """Nothing is on its way, and nothing waits to be read."""
        return not len(self._flights) and not self._feed.wants_rows and not self._bridge.is_congested

    # ---- what came back

    def _row_acknowledged(self, row: Delivery, ack: Ack, now: float) -> bool:
        """Deal with one row's PUBACK; whether the broker has taken it."""
        topic = TOPICS[row.type]
        accepts_unrouted = self._shared.settings.unrouted == "accept"
        if ack.reason == SUCCESS or (ack.reason == NO_MATCHING_SUBSCRIBERS and accepts_unrouted):
            if self._retries.accepted(row, topic):
                self.read_anew()
            if self._awaits_receipts:
                self._resender.published(row.stream, row.sequence, now)
                self._apply_held_receipt(row, now)
            else:
                self._shared.confirmer.confirm(row.stream, [(row.sequence, row.sequence)])
            return True
        self._sent[row.stream].remove(row.sequence, row.sequence)
        if ack.reason == NO_MATCHING_SUBSCRIBERS:
            self._retries.unrouted(row, topic, now)
        else:
            self._retries.refused(row, topic, ack.words, now)
        return False

    def _apply_held_receipt(self, row: Delivery, now: float) -> None:
        known = self._shared.knowledge[row.stream]
        if not known.take(row.sequence):
            return
        runs = [(row.sequence, row.sequence)]
        self._resender.receipted(row.stream, runs, now)
        self._shared.confirmer.confirm(row.stream, runs)
        self._shared.confirmer.receipt(row.stream, known.upto)

    def _complain(self) -> None:
        complaints = self._shared.complaints
        complaints.lasts("no-subscriber", ", ".join(self._retries.unrouted_topics) or None)
        complaints.lasts("refused-by-broker", self._retries.refusal)
        unanswered = "published events are sent again, and no receipt comes"
        complaints.lasts("no-receipts", unanswered if self._resender.is_unanswered else None)

    # ---- time

    def _next_deadline(self, now: float) -> float | None:
        """What could go already waits for room in the window, not for a time."""
        times = [
            self._retries.next_at,
            self._shared.status.next_at,
            self._shared.presences.next_at,
            self._shared.readings.next_at,
            self._resender.next_at,
            self._flights.mute_at,
        ]
        return min((time for time in times if time is not None and time > now), default=None)
