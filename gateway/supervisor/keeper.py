"""Keeps one connection served: builds drivers, takes their reports, and tells once when the connection goes or is back."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Mapping
from typing import NoReturn

from pydantic import BaseModel

from gateway.clock import Clock
from gateway.driver import CANCEL_LIMIT_S, Connection, Driver, DriverSpec
from gateway.errors import DeviceRefused, DeviceUnavailable, JournalUnwritable, first_cause
from gateway.model import Durability, Kind, Message, Presence, Reading, Signal
from gateway.policy.backoff import Backoff
from gateway.supervisor.asking import Asking
from gateway.supervisor.ends import Cause, End, State
from gateway.supervisor.intake import ConnectionStats, Garbage, Intake, Polls
from gateway.supervisor.readings import LatestReadings
from gateway.supervisor.strangers import Strangers

#: After a loss: soon, then more rarely.
SOON = Backoff(first_s=0.5, longest_s=30.0)

#: After a refusal: a person must do something first.
SLOWLY = Backoff(first_s=60.0, longest_s=60.0)

#: A driver that ran so long before it broke starts again as if it were the first time.
RAN_WELL_S = 60.0

#: While a driver runs, its keeper looks so often whether it still does, in seconds.
LOOK_S = 15.0

#: How much of unreadable input is kept, in bytes.
GARBAGE_BYTES = 64

logger = logging.getLogger(__name__)


class Keeper:
    """One connection's supervisor, and the Sink of its drivers. `ask` is what others may ask of the one that serves.

    A connection serves as soon as its driver reports or tells a presence, whichever it is: a driver raises
    DeviceUnavailable where the whole connection is gone.
    """

    def __init__(
        self,
        connection: Connection[BaseModel, BaseModel, BaseModel],
        spec: DriverSpec,
        journal: Intake,
        *,
        clock: Clock,
        dice: random.Random,
        readings: LatestReadings,
    ) -> None:
        self.connection = connection
        self.last_garbage: Garbage | None = None
        self._devices = frozenset(device.id for device in connection.devices)
        self._spec = spec
        self._journal = journal
        self._clock = clock
        self._dice = dice
        self._readings = readings
        self._state = State.UNKNOWN
        self._changing = asyncio.Lock()
        self._presences: dict[str, tuple[Presence, str]] = {}
        self._told: End | None = None
        self._driver: Driver | None = None
        self._alive_at = clock.monotonic()
        self._strangers = {
            subject: Strangers(subject, journal, clock)
            for subject in (connection.id, *(device.id for device in connection.devices))
        }
        self._served = False
        self.ask = Asking(connection, self._serving_driver)
        self._counts: Counter[str] = Counter()
        self._malformed: Counter[str] = Counter()

    @property
    def progress(self) -> float:
        """The monotonic second of the last sign of life.

        That of a driver that asks its devices is its last request. Nobody can tell anything from the silence of one
        that only listens: it is alive while its task runs and `run` looks at it, every `LOOK_S`. A retry that is waited
        for counts from the end of the attempt; the longest wait is a minute.
        """
        driver: object = self._driver
        return driver.polled_at if isinstance(driver, Polls) else self._alive_at

    @property
    def stats(self) -> ConnectionStats:
        """What it has done since the start."""
        return ConnectionStats(
            connection=self.connection.id,
            driver=self.connection.driver,
            serving=self._state is State.SERVING,
            malformed=dict(self._malformed),
            **self._counts,
        )

    async def run(self) -> NoReturn:
        """Serve the connection until cancelled."""
        failures = 0
        while True:
            begun = self._clock.monotonic()
            self._served = False
            end = await self._attempt()
            lasted = self._clock.monotonic() - begun
            ran_well = lasted >= RAN_WELL_S if end.cause is Cause.BROKEN else self._served
            failures = 1 if ran_well else failures + 1
            await self._gone(end)
            self._live()
            backoff = SLOWLY if end.cause is Cause.REFUSED else SOON
            await self._clock.sleep(backoff.delay(failures, self._dice.random()))

    # What a driver tells us (Sink).

    async def report(self, signal: Signal) -> Durability:
        """Record a signal. A device of which nothing has been told is there, for it speaks."""
        self._counts["reports"] += 1
        await self._speaks(signal.device)
        return await self._journal.report(signal)

    async def receive(self, message: Message) -> Durability:
        """Record a device's message. A device of which nothing has been told is there, for it speaks."""
        self._counts["messages"] += 1
        await self._speaks(message.device)
        return await self._journal.receive(message)

    async def _speaks(self, device: str) -> None:
        await self._serving()
        if device in self._devices and device not in self._presences:
            await self.presence(device, Presence.ONLINE)

    def reading(self, reading: Reading) -> None:
        """Keep a value for whoever sends it on."""
        self._counts["readings"] += 1
        self._readings.take(reading)

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Record a change of presence."""
        await self._serving()
        if self._presences.get(device) == (presence, reason) and identity is None:
            return
        self._presences[device] = presence, reason
        try:
            await self._journal.presence(device, presence, reason, identity)
        except JournalUnwritable:
            self._presences.pop(device, None)  # it is still to be told
            raise

    def malformed(self, device: str | None, data: bytes, why: str) -> None:
        """Count it; the first of each device is logged, the latest is kept."""
        whose = device or self.connection.id
        self._malformed[whose] += 1
        self.last_garbage = Garbage(device=device, data=data[:GARBAGE_BYTES], why=why)
        if self._malformed[whose] == 1:
            logger.warning("%s: unreadable input: %s: %s", whose, why, data[:GARBAGE_BYTES].hex(" "))

    async def stranger(self, data: bytes, why: str, device: str | None = None) -> None:
        """Count it; the first one, after a while without any, is a fault that lasts until they stop calling."""
        self._counts["strangers"] += 1
        self.last_garbage = Garbage(device=None, data=data[:GARBAGE_BYTES], why=why)
        await self._strangers.get(device or "", self._strangers[self.connection.id]).called(why)

    def _serving_driver(self) -> Driver:
        if self._driver is None or self._state is not State.SERVING:
            why = self._told.reason if self._told else "it has not answered yet"
            raise DeviceUnavailable(f"{self.connection.id} is not connected: {why}")
        return self._driver

    # One attempt.

    async def _attempt(self) -> End:
        self._counts["attempts"] += 1
        self._live()
        try:
            await self._run(self._spec.build(self.connection, self._clock))
        except DeviceUnavailable as error:
            return End(Cause.UNAVAILABLE, str(error))
        except DeviceRefused as error:
            return End(Cause.REFUSED, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a broken driver raises, the others must not feel it
            return self._broken(error)
        return self._broken(RuntimeError("run() returned"))

    def _broken(self, error: Exception) -> End:
        cause = first_cause(error)
        if isinstance(cause, JournalUnwritable):  # not the driver's doing: its report was not taken
            return End(Cause.UNAVAILABLE, f"the journal does not take what it reports: {cause}")
        self._counts["faults"] += 1
        end = End(Cause.BROKEN, f"driver {self.connection.driver!r} broke: {type(cause).__name__}: {cause}")
        if end != self._told:
            logger.error("%s: %s", self.connection.id, end.reason, exc_info=error)
        return end

    async def _run(self, driver: Driver) -> None:
        """In a task of its own, so that a driver that does not let go can't hold up our end."""
        self._driver = driver
        task = asyncio.create_task(driver.run(self), name=f"driver {self.connection.id}")
        try:
            while not task.done():
                self._live()
                for strangers in self._strangers.values():
                    await strangers.look()
                await asyncio.wait({task}, timeout=LOOK_S)
        finally:
            await self._let_go(task)
            self._driver = None
        if task.cancelled():
            raise RuntimeError("run() cancelled itself")
        task.result()

    async def _let_go(self, task: asyncio.Task[NoReturn]) -> None:
        """Cancel it twice if need be: a library may swallow the first."""
        for _ in range(2):
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=CANCEL_LIMIT_S / 2)
        if not task.done():
            logger.error(
                "%s: driver does not let go in %g s; left behind", self.connection.id, CANCEL_LIMIT_S
            )
        elif not task.cancelled() and (error := task.exception()):
            logger.debug("%s: driver ended: %s", self.connection.id, error)

    # How the connection is.

    def _live(self) -> None:
        self._alive_at = self._clock.monotonic()

    async def _serving(self) -> None:
        self._served = True
        self._live()
        if self._state is not State.SERVING:
            async with self._changing:
                await self._come_back()

    async def _come_back(self) -> None:
        if self._state is State.SERVING:
            return  # another report was first
        # an alarm of ours may be open from before a restart, so it is said at the first time too
        if self.connection.shared:
            await self._journal.bus_back(self.connection.id)
        await self._journal.return_own(Kind.FAULT, self.connection.id)
        if self._state is State.DOWN:
            logger.info("%s: back", self.connection.id)
        self._state = State.SERVING
        self._told = None

    async def _gone(self, end: End) -> None:
        """Say it once; a different cause is news too."""
        async with self._changing:
            before, self._told = self._told, end
            is_news = before is None or before.cause is not end.cause
            if is_news and end.cause is not Cause.BROKEN:  # that is logged with its traceback
                logger.warning("%s: %s: %s", self.connection.id, end.cause.value, end.reason)
            if self._state is not State.DOWN:
                self._counts["losses"] += self._state is State.SERVING
                self._state = State.DOWN
                self._presences.clear()
                await self._record_loss(end.reason)
            if is_news and end.cause is not Cause.UNAVAILABLE:
                await self._journal.raise_own(Kind.FAULT, self.connection.id, end.reason)

    async def _record_loss(self, reason: str) -> None:
        if self.connection.shared:
            await self._journal.bus_lost(self.connection.id, sorted(self._devices), reason)
        else:
            for device in sorted(self._devices):
                await self._journal.presence(device, Presence.OFFLINE, reason)
