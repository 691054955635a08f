"""A supervisor with scripted drivers, a recorder for a journal, and a clock that a test moves."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NoReturn

from pydantic import BaseModel

from gateway.clock import Clock
from gateway.driver import ConnectedDevice, Connection, Driver, DriverSpec, Sink
from gateway.errors import DeviceUnavailable
from gateway.model import Presence
from gateway.supervisor import Supervisor
from tests.clocks import ManualClock
from tests.drivers.recorder import Recorder
from tests.sites import Keys
from tests.wait import until

AnyConnection = Connection[BaseModel, BaseModel, BaseModel]
Act = Callable[[Sink], Awaitable[None]]


class RetryClock(ManualClock):
    """Remembers how long it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved so far."""
        self.waits.append(seconds)
        await super().sleep(seconds)

    async def retry(self, count: int = 1) -> None:
        """Let the next waits pass, one after the other."""
        for _ in range(count):
            begun = len(self.waits)
            self.advance(60)
            await until(lambda: len(self.waits) > begun)  # noqa: B023 - awaited at once


class Script:
    """A registry line whose drivers do what the script says: one act for each attempt, the last one for ever."""

    def __init__(self, *acts: Act) -> None:
        self.acts = list(acts)
        self.built = 0
        self.spec = DriverSpec(
            name="scripted",
            bus=Keys,
            device=Keys,
            point=Keys,
            build=self._build,
            reports_state=False,
            notices_loss_within_s=1,
            advice=lambda _: [],
        )

    def _build(self, connection: AnyConnection, clock: Clock) -> Driver:
        assert connection.driver == "scripted"
        assert clock is not None
        self.built += 1
        return Scripted(self.acts.pop(0) if len(self.acts) > 1 else self.acts[0])


class Scripted:
    """One attempt."""

    polled_at = 4321.0

    def __init__(self, act: Act) -> None:
        self._act = act

    async def run(self, sink: Sink) -> NoReturn:
        """Do as the script says, then nothing for ever."""
        await self._act(sink)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


def failing(error: Exception, *, first: Act | None = None) -> Act:
    async def act(sink: Sink) -> None:
        if first is not None:
            await first(sink)
        raise error

    return act


async def serve(sink: Sink) -> None:
    """Find the device and go on for ever."""
    await sink.presence("module", Presence.ONLINE)


GONE = failing(DeviceUnavailable("the cable is out"))
GONE_LATER = failing(DeviceUnavailable("the cable came out"), first=serve)


def connection(name: str = "module", *devices: str, shared: bool = False) -> AnyConnection:
    return Connection(
        id=name,
        driver="scripted",
        shared=shared,
        settings=Keys(),
        devices=tuple(ConnectedDevice(id=d, settings=Keys(), points=()) for d in devices or (name,)),
    )


BUS = connection("bus", "module", "other", shared=True)


class Scene:
    """A supervisor at work, with everything around it."""

    def __init__(self, *acts: Act) -> None:
        self.script = Script(*acts)
        self.journal = Recorder()
        self.clock = RetryClock()

    @asynccontextmanager
    async def playing(self, *connections: AnyConnection) -> AsyncIterator[Supervisor]:
        """Run the supervisor until the end of the block."""
        supervisor = Supervisor(
            connections or (connection(),),
            {"scripted": self.script.spec},
            self.journal,
            self.clock,
            random.Random(3),
        )
        run = asyncio.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            run.cancel()
            with suppress(asyncio.CancelledError):
                await run

    async def failures(self, count: int) -> None:
        """Wait until an attempt has failed so often."""
        await until(lambda: len(self.clock.waits) >= count)
