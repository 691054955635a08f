"""The county: subscribes, stores, receipts, commands; reports what came; misbehaves when told to."""

import asyncio
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from pydantic import JsonValue

from simulators.county import rubbish
from simulators.county.commands import Commands
from simulators.county.ledger import Ledger
from simulators.county.link import CountyRefused, Incoming, Link, Protocol
from simulators.county.picture import Picture
from simulators.county.reading import TOPICS_BELOW_ROOT, read
from simulators.county.receipts import Clerk, Honesty
from simulators.county.report import CountyReport
from simulators.county.store import CountyStore
from simulators.county.tables import Entry, Stored
from simulators.county.wire import CommandResult, Event, Receipt, Snapshot, Violation
from simulators.fault import Fault

CONNECT_SECONDS = 10.0

_HONESTY = {
    Fault.SILENT: Honesty.NONE,
    Fault.SLOW: Honesty.LATE,
    Fault.GARBAGE: Honesty.RUBBISH,
    Fault.HALF_OPEN: Honesty.NONE,
    Fault.REFUSED: Honesty.NONE,
}


class County:
    """A receiving platform at a broker that is already there; implements `Simulator`.

    `root` is the topic root with `+` for each level that differs between gateways. `client_id` names its session at
    the broker: two counties at one broker need two. `on_event` is called on the event loop after the commit of each
    new event, with the moment of its arrival (UTC, and monotonic ns), `on_snapshot` with each picture. `clerk` has the receipts and their timing.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        root: str = "campus/1/+/+",
        protocol: Protocol = "5",
        receipts: bool = True,
        store: CountyStore | None = None,
        client_id: str = "county",
    ) -> None:
        self.root = root
        self.store = store or CountyStore()
        self.on_event: Callable[[Event, datetime, int], None] | None = None
        self.on_snapshot: Callable[[Snapshot], None] | None = None
        self._reply_topic = f"county-reply/{client_id}"
        topics = [f"{root}/{below}" for below in TOPICS_BELOW_ROOT] + [self._reply_topic]
        self._link = Link(host, port, protocol=protocol, client_id=client_id, topics=topics)
        self._commands = Commands(self._link, self._reply_topic)
        self._picture = Picture()
        self._honesty = Honesty.TRUE if receipts else Honesty.NONE
        self.clerk = Clerk(self._picture.ledger, self._link.publish)
        self.clerk.honesty = self._honesty
        self._link.on_up = self.clerk.mark_all
        self._clerking: asyncio.Task[None] | None = None
        self._fault = Fault.NONE
        self._failure: sqlite3.Error | None = None
        self._changed = asyncio.Event()
        self._watchers: list[Callable[[Event], None]] = []

    # --- life

    async def start(self) -> None:
        """Open the store, connect, subscribe. Raises sqlite3.Error, or CountyRefused when the broker does not take us."""
        loop = asyncio.get_running_loop()

        def on_commit(batch: Sequence[Stored]) -> None:
            for stored in batch:
                stored.entry.acknowledge()  # only now the broker may forget it
            loop.call_soon_threadsafe(self._committed, batch)

        def on_failure(error: sqlite3.Error) -> None:
            loop.call_soon_threadsafe(self._fail, error)

        self._failure = None
        contents = await self.store.start(on_commit, on_failure)
        self._begin(contents.ledger, contents.violations)
        self._clerking = asyncio.create_task(self.clerk.run())
        if self._fault is Fault.REFUSED:
            return  # the fault outlives a power cycle
        try:
            await self._link.start(self._arrived, CONNECT_SECONDS)
        except CountyRefused:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Leave with a goodbye; the broker keeps the session, a file keeps the events."""
        await self._end(goodbye=True)

    async def misbehave(self, fault: Fault) -> None:
        """One fault at a time, `NONE` heals.

        `SILENT`: stores, sends no receipts. `SLOW`: receipts 2 s late. `GARBAGE`: rubbish receipts from now on, and
        rubbish commands once. `HALF_OPEN`: connected, but takes and says nothing. `REFUSED`: not there.
        """
        before, self._fault = self._fault, fault
        self.clerk.be(_HONESTY.get(fault, self._honesty))
        if fault is Fault.REFUSED:
            await self._link.stop()
        elif before is Fault.REFUSED:
            await self._link.start(self._arrived, CONNECT_SECONDS)
        elif before is Fault.HALF_OPEN and fault is not Fault.HALF_OPEN:
            self._link.break_connection()  # what was not acknowledged comes again on the next connection
        if fault is Fault.GARBAGE:
            for root in {stream.root for stream in self._picture.ledger.streams}:
                self._commands.send_rubbish(root)

    async def power_cycle(self, off_seconds: float) -> None:
        """Gone without a goodbye for so long, then back. A store in memory is empty then."""
        await self._end(goodbye=False)
        await asyncio.sleep(off_seconds)
        await self.start()

    async def lose_store(self) -> None:
        """Everything stored is gone; connects anew, so that retained messages say how far the gateways have counted."""
        loop = asyncio.get_running_loop()

        def then() -> None:
            loop.call_soon_threadsafe(self._begin, Ledger(), ())

        await self.store.forget(then)
        self._link.break_connection()

    # --- what came

    def report(self) -> CountyReport:
        """All that is committed up to now."""
        return self._picture.report()

    async def events(self) -> tuple[Event, ...]:
        """Everything stored, in order of arrival."""
        return await self.store.events()

    @property
    def results(self) -> tuple[CommandResult, ...]:
        """The newest 1,000 answers to commands, in order of arrival."""
        return tuple(self._commands.results)

    def receipted_at(self, stream: str, sequence: int) -> datetime | None:
        """When the first true receipt that covers this number was sent (UTC); of the latest 100,000 numbers."""
        return self.clerk.receipted_at(stream, sequence)

    @property
    def on_receipt(self) -> Callable[[Receipt, datetime, int], None] | None:
        """Called on the event loop for each true receipt that was sent, with the moment (UTC, and monotonic ns)."""
        return self.clerk.on_receipt

    @on_receipt.setter
    def on_receipt(self, callback: Callable[[Receipt, datetime, int], None] | None) -> None:
        self.clerk.on_receipt = callback

    async def wait_for(self, predicate: Callable[[CountyReport], bool], seconds: float) -> CountyReport:
        """The first report for which `predicate` holds. Raises TimeoutError, and sqlite3.Error if the store failed."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._raise_failure()
                    changed = self._changed
                    report = self.report()
                    if predicate(report):
                        return report
                    await changed.wait()
        except TimeoutError:
            raise TimeoutError(f"not within {seconds} s; the county has {self.report()}") from None

    async def wait_for_event(self, match: Callable[[Event], bool], seconds: float) -> Event:
        """The first event, stored or still to come, that matches. Raises TimeoutError."""
        found: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

        def look(event: Event) -> None:
            if not found.done() and match(event):
                found.set_result(event)

        self._watchers.append(look)
        try:
            async with asyncio.timeout(seconds):
                for event in await self.store.events():
                    look(event)
                return await found
        except TimeoutError:
            raise TimeoutError(f"no such event within {seconds} s; the county has {self.report()}") from None
        finally:
            self._watchers.remove(look)

    # --- what goes

    def root_of(self, county: str, site: str) -> str:
        """The root of one gateway: the pattern with its `+` filled in, in this order."""
        levels = iter((county, site))
        return "/".join(next(levels) if level == "+" else level for level in self.root.split("/"))

    async def send_command(
        self,
        county: str,
        site: str,
        command: Mapping[str, JsonValue],
        *,
        reply: bool = False,
        seconds: float = 10.0,
    ) -> CommandResult:
        """Send, and await the answer. `id` and `issued` are filled in where they are not given.

        `reply` asks for the answer on a topic of our own (MQTT 5 response topic) instead of `command/result`.
        Raises CountyRefused without a connection, TimeoutError without an answer.
        """
        return await self._commands.send(self.root_of(county, site), command, reply=reply, seconds=seconds)

    def send_rubbish(self, county: str, site: str) -> int:
        """Every rubbish receipt and command there is, once; a retained command among them. How many were sent."""
        root = self.root_of(county, site)
        streams = [stream for stream in self._picture.ledger.streams if stream.root == root]
        truth = streams[-1].receipt() if streams else Receipt(stream=str(uuid.uuid4()), upto=0)
        sent = sum(self._link.publish(f"{root}/receipt", payload) for payload in rubbish.receipts(truth))
        return sent + self._commands.send_rubbish(root)

    # --- inside

    def _arrived(self, incoming: Incoming) -> None:
        """In paho's thread. May block: then the broker waits."""
        if self._fault is Fault.HALF_OPEN:
            return
        message, violations = read(incoming, self.root)
        self.store.put(
            Entry(
                message=message,
                violations=violations,
                received_ns=incoming.received_ns,
                acknowledge=incoming.acknowledge,
            )
        )

    def _committed(self, batch: Sequence[Stored]) -> None:
        for stored in batch:
            stream = self._picture.note(stored)
            message = stored.entry.message
            if isinstance(message, CommandResult):
                self._commands.note(message)
            if isinstance(message, Snapshot) and self.on_snapshot is not None:
                self.on_snapshot(message)
            if stream is not None and isinstance(message, Event):
                self.clerk.mark(stream, stored=message.sequence if stored.is_new else None)
                if stored.is_new:
                    self._tell(message, stored.entry.received_ns)
        self._wake()

    def _tell(self, event: Event, received_ns: int) -> None:
        if self.on_event is not None:
            self.on_event(event, event.received_at, received_ns)
        for look in self._watchers:
            look(event)

    def _begin(self, ledger: Ledger, violations: Sequence[Violation]) -> None:
        self._picture.begin(ledger, violations)
        self.clerk.forget()
        self._wake()

    async def _end(self, *, goodbye: bool) -> None:
        await self._link.stop(goodbye=goodbye)
        if self._clerking is not None:
            self._clerking.cancel()
            await asyncio.gather(self._clerking, return_exceptions=True)
            self._clerking = None
        await self.store.stop()
        await asyncio.sleep(0)  # the last commits' calls to the loop

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _fail(self, error: sqlite3.Error) -> None:
        self._failure = error
        self._wake()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._clerking is not None and self._clerking.done():
            self._clerking.result()
