"""Keeps every connection of the site served; the one place that retries, backs off and logs for drivers."""

import asyncio
import random
from collections.abc import Iterable, Mapping

from pydantic import BaseModel

from gateway.clock import Clock
from gateway.driver import Command, Connection, DriverSpec, Streams
from gateway.errors import NotFound
from gateway.model import Reading
from gateway.supervisor.intake import ConnectionStats, Garbage, Intake, Polls
from gateway.supervisor.keeper import Keeper
from gateway.supervisor.readings import LatestReadings

__all__ = ["ConnectionStats", "Garbage", "Intake", "Polls", "Supervisor"]


class Supervisor:
    """One task for each connection; what happens to one is nothing to the others.

    `drivers` is the registry, which has every driver that a connection names; `dice` spreads the retries.
    """

    def __init__(
        self,
        connections: Iterable[Connection[BaseModel, BaseModel, BaseModel]],
        drivers: Mapping[str, DriverSpec],
        journal: Intake,
        clock: Clock,
        dice: random.Random,
    ) -> None:
        self._readings = LatestReadings()
        self._keepers = [
            Keeper(
                connection,
                drivers[connection.driver],
                journal,
                clock=clock,
                dice=dice,
                readings=self._readings,
            )
            for connection in connections
        ]

    async def run(self) -> None:
        """Serve until cancelled; returns at once if there is no connection. An error of the journal ends it."""
        async with asyncio.TaskGroup() as tasks:
            for keeper in self._keepers:
                tasks.create_task(keeper.run(), name=f"connection {keeper.connection.id}")

    async def switch(self, output: str, *, on: bool) -> None:
        """Set an output by its id. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        await self._keeper_of_output(output).ask.switch(output, on=on)

    async def command(self, device: str, command: Command, *, minutes: int = 10) -> str:
        """Tell a device something, and what came of it. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        return await self._keeper_of(device).ask.command(device, command, minutes=minutes)

    async def streams(self, camera: str) -> Streams:
        """Where a camera's pictures are. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        return await self._keeper_of(camera).ask.streams()

    async def picture(self, camera: str) -> bytes:
        """A JPEG from a camera's own snapshot address. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        return await self._keeper_of(camera).ask.picture()

    def _keeper_of(self, device: str) -> Keeper:
        for keeper in self._keepers:
            if any(device == known.id for known in keeper.connection.devices):
                return keeper
        raise NotFound(f"there is no device {device!r} with a driver")

    def _keeper_of_output(self, output: str) -> Keeper:
        for keeper in self._keepers:
            for device in keeper.connection.devices:
                if any(output == known.id for known in device.outputs):
                    return keeper
        raise NotFound(f"there is no output {output!r}")

    def latest_readings(self) -> tuple[Reading, ...]:
        """Every point's latest value."""
        return self._readings.all()

    @property
    def readings_dropped(self) -> int:
        """Values that found no room."""
        return self._readings.dropped

    def stats(self) -> tuple[ConnectionStats, ...]:
        """What each connection has done since the start."""
        return tuple(keeper.stats for keeper in self._keepers)

    def progress(self) -> Mapping[str, float]:
        """The monotonic second of each connection's last sign of life, for the watchdog."""
        return {keeper.connection.id: keeper.progress for keeper in self._keepers}

    def last_garbage(self) -> Mapping[str, Garbage]:
        """The latest unreadable input of each connection that had any."""
        return {keeper.connection.id: garbage for keeper in self._keepers if (garbage := keeper.last_garbage)}
