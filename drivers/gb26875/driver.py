"""The receiving centre of GB/T 26875.3-2011: records what fire panels send, confirms it after commit, and tells them things."""

import asyncio
from typing import NoReturn

from drivers.gb26875.attendance import Attendance
from drivers.gb26875.centre import Centre
from drivers.gb26875.links import Links
from drivers.gb26875.panel import Panel
from drivers.gb26875.questions import guard_check, initialise, set_clock
from drivers.gb26875.settings import FireConnection
from drivers.gb26875.tables import Command
from gateway.clock import Clock
from gateway.driver import Command as Told
from gateway.driver import Sink
from gateway.errors import DeviceRefused, first_cause


class FireDriver:
    """One connection, over TCP, UDP or a serial line, and all the panels that call on it."""

    def __init__(self, connection: FireConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._panels = {
            device.settings.panel: Panel(device, connection.settings, clock) for device in connection.devices
        }

    async def run(self, sink: Sink) -> NoReturn:
        """Serve until cancelled. Raises DeviceUnavailable and DeviceRefused where the port or line can't be had."""
        try:
            async with asyncio.TaskGroup() as tasks:
                attendance = Attendance(self._connection, self._clock, self._panels.values(), sink, tasks)
                centre = Centre(self._connection, self._clock, self._panels, sink, attendance, tasks)
                await Links(self._connection.settings, self._clock, centre).run(attendance.begin)
        except BaseExceptionGroup as group:
            raise first_cause(group) from group
        finally:
            for panel in self._panels.values():
                panel.link = None
                panel.end(f"{self._connection.id} is not served any more")
        raise AssertionError("links end only by an error")

    async def command(self, device: str, command: Told, *, minutes: int = 10) -> str:
        """Tell a panel something, and what came of it in words. Raises DeviceUnavailable, DeviceRefused."""
        panel = next((panel for panel in self._panels.values() if panel.device.id == device), None)
        if panel is None:
            raise DeviceRefused(f"{device!r} is no device of {self._connection.id}")
        match command:
            case Told.READ_STATE:
                asked, answered = await panel.read_state()
                return f"the panel was asked for its state: {answered} of {asked} questions were answered"
            case Told.INITIALISE:
                await panel.ask(Command.CONTROL, initialise())
                return "the panel confirmed that it initialises itself"
            case Told.SET_CLOCK:
                return await self._set_clock(panel)
            case Told.GUARD_CHECK:
                return await self._guard_check(panel, minutes)

    async def _set_clock(self, panel: Panel) -> str:
        if not self._connection.clock_trusted():
            raise DeviceRefused("our own clock is not trusted: no panel's clock is set by it")
        await panel.ask(Command.CONTROL, set_clock(self._clock.now(), panel.zone))
        return "the panel confirmed the new time"

    async def _guard_check(self, panel: Panel, minutes: int) -> str:
        if not 1 <= minutes <= 255:
            raise DeviceRefused(f"a guard check takes 1 to 255 minutes, not {minutes}")
        begun = self._clock.monotonic()
        operator = await panel.guard_answer(guard_check(minutes), minutes)
        return f"operator {operator} answered the guard check after {self._clock.monotonic() - begun:.0f} s"
