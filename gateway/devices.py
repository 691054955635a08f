"""The alarm devices as the rest of the daemon sees them: served by a supervisor, built anew at each start of it."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.clock import Clock
from gateway.driver import Command, DriverSpec, Streams
from gateway.errors import DeviceUnavailable
from gateway.model import ClockState, Reading
from gateway.site import Site
from gateway.store import Journal
from gateway.supervisor import ConnectionStats, Supervisor


class Devices:
    """While no supervisor runs there are no figures, and nothing can be switched or told."""

    def __init__(
        self,
        site: Site,
        drivers: Mapping[str, DriverSpec],
        journal: Journal,
        clock: Clock,
        clock_state: Callable[[], ClockState],
    ) -> None:
        self._connections = [
            replace(connection, clock_trusted=lambda: clock_state() is ClockState.TRUSTED)
            for connection in site.connections
        ]
        self._drivers = drivers
        self._journal = journal
        self._clock = clock
        self._supervisor: Supervisor | None = None

    async def run(self) -> None:
        """Serve until cancelled, also where there is nothing to serve."""
        self._supervisor = Supervisor(
            self._connections,
            self._drivers,
            self._journal,
            self._clock,
            random.Random(),  # noqa: S311 - spreads retries
        )
        try:
            await self._supervisor.run()
            if not self._connections:
                await asyncio.Event().wait()
        finally:
            self._supervisor = None  # its figures would be those of a dead one

    async def switch(self, output: str, *, on: bool) -> None:
        """Set an output. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        await self._served.switch(output, on=on)

    async def command(self, device: str, command: Command, minutes: int) -> str:
        """Tell a device something. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        return await self._served.command(device, command, minutes=minutes)

    async def streams(self, camera: str) -> Streams:
        """Where a camera's pictures are. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        return await self._served.streams(camera)

    async def picture(self, camera: str) -> bytes:
        """A JPEG from a camera's own snapshot address. Raises DeviceUnavailable, DeviceRefused, NotFound."""
        return await self._served.picture(camera)

    @property
    def _served(self) -> Supervisor:
        if self._supervisor is None:
            raise DeviceUnavailable("the devices are not served just now")
        return self._supervisor

    def latest_readings(self) -> Sequence[Reading]:
        """Every point's latest value."""
        return self._supervisor.latest_readings() if self._supervisor else ()

    @property
    def readings_dropped(self) -> int:
        """Values that found no room."""
        return self._supervisor.readings_dropped if self._supervisor else 0

    def stats(self) -> Sequence[ConnectionStats]:
        """What each connection has done."""
        return self._supervisor.stats() if self._supervisor else ()

    def progress(self) -> Mapping[str, float]:
        """The monotonic second of each connection's last sign of life."""
        return self._supervisor.progress() if self._supervisor else {}
