"""The daemon as it is, with one more driver: `storm`, which reports as fast as its reports are taken.

Its process says `ready` once the console listens, begins the storm at any line on standard input, says in one line of
JSON when it began and ended, and goes on until SIGTERM.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, NoReturn, cast

from pydantic import BaseModel, ConfigDict, Field

from drivers import DRIVERS
from gateway.app import Daemon
from gateway.clock import Clock, SystemClock
from gateway.driver import ConnectedDevice, ConnectedPoint, Connection, DriverSpec, Sink
from gateway.errors import DeviceRefused
from gateway.interpreter import settle
from gateway.model import Durability, Level, Origin, Signal
from gateway.site import load_site
from simulators.steer import stdin_lines

_AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


class NoKeys(BaseModel):
    """No keys of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StormKeys(NoKeys):
    """How many reports the device makes, all its points together."""

    reports: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Fired:
    """When the first report was begun and the last one taken, in seconds of CLOCK_MONOTONIC; how many are on disk."""

    begun: float
    ended: float
    durable: int


class StormDriver:
    """Presses and releases its points, all at once; each point waits for its report before it makes the next."""

    def __init__(
        self,
        device: ConnectedDevice[StormKeys, NoKeys],
        clock: Clock,
        start: asyncio.Event,
        fired: Callable[[Fired], None],
    ) -> None:
        self._device = device
        self._clock = clock
        self._start = start
        self._fired = fired
        self._durable = 0

    async def run(self, sink: Sink) -> NoReturn:
        """Wait for the start, storm once, and stay. Raises DeviceRefused if it is started a second time."""
        await self._start.wait()
        begun = self._clock.monotonic()
        points = self._device.points
        each, rest = divmod(self._device.settings.reports, len(points))
        async with asyncio.TaskGroup() as group:
            for number, point in enumerate(points):
                group.create_task(self._report(sink, point, each + (number < rest)))
        self._fired(Fired(begun, self._clock.monotonic(), self._durable))
        await asyncio.Event().wait()
        raise DeviceRefused("the storm is over")

    async def _report(self, sink: Sink, point: ConnectedPoint[NoKeys], count: int) -> None:
        """Each report is one event: a press raises or repeats, a release returns."""
        for number in range(count):
            level = Level.NORMAL if number % 2 else Level.ACTIVE
            signal = Signal(
                device=self._device.id, point=point.id, kind=point.kind, level=level, origin=Origin.EVENT
            )
            kept = await sink.report(signal)
            self._durable += kept is Durability.DISK  # not before the wait: others count meanwhile


def storm_spec(start: asyncio.Event, fired: Callable[[Fired], None]) -> DriverSpec:
    """The driver's line in the registry of this process alone."""

    def build(connection: _AnyConnection, clock: Clock) -> StormDriver:
        (device,) = connection.devices
        return StormDriver(cast("ConnectedDevice[StormKeys, NoKeys]", device), clock, start, fired)

    return DriverSpec(
        name="storm",
        bus=NoKeys,
        device=StormKeys,
        point=NoKeys,
        build=build,
        reports_state=True,
        notices_loss_within_s=1.0,
        advice=lambda _connection: [],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM. 0."""
    parser = argparse.ArgumentParser()
    parser.add_argument("site", type=Path)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    settle()
    asyncio.run(_serve(parser.parse_args(arguments).site))
    return 0


async def _serve(path: Path) -> None:
    start, stop = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    drivers = {**DRIVERS, "storm": storm_spec(start, lambda fired: _say(json.dumps(asdict(fired))))}
    starting = asyncio.create_task(_start_at_a_line(start))
    try:
        daemon = Daemon(load_site(path, drivers), drivers, SystemClock())
        await daemon.run(stop, lambda _started: _say("ready"))
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


async def _start_at_a_line(start: asyncio.Event) -> None:
    async for _line in stdin_lines():
        start.set()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
