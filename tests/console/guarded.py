"""A school with doors, sounders and a fire panel for tests of the page: the real services, and a bench for the devices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.arming import ArmingService
from gateway.clock import SystemClock
from gateway.commanding import Commanding
from gateway.console import Console, ConsoleDeps, Limits
from gateway.driver import Command
from gateway.model import ClockState
from gateway.outputs import Outputs
from gateway.site import Site
from gateway.store import Journal
from tests.arming_school import DOORS, NIGHTS
from tests.console.desk import LI, QUICK, WANG, Desk, Health, serving
from tests.console.test_outputs_api import OUTPUTS, Bench, View
from tests.sites import put_account, school
from tests.wait import until


@dataclass(kw_only=True)
class School(Desk):
    """A console with doors, outputs and a panel behind it; the bench switches, the room answers when it is let."""

    bench: Bench
    room: "Room"


class Room:
    """Where somebody is asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.words = "operator 3 answered the guard check after 12 s"
        self.refusal: Exception | None = None

    async def tell(self, _device: str, _command: Command, _minutes: int) -> str:
        """Answer when the test lets it."""
        self.asked.set()
        await self.answers.wait()
        if self.refusal is not None:
            raise self.refusal
        return self.words


@asynccontextmanager
async def guarded(tmp_path: Path, *, limits: Limits = QUICK) -> AsyncIterator[School]:
    """The school with doors, sounders and a fire panel, and the services that serve them."""
    clock = SystemClock()
    doors = DOORS.format(schedule=NIGHTS).replace("panel-by-hand", "by-hand")
    site = with_commands(school(tmp_path, more=f"\n[console]\nport = 0\n{doors}\n{OUTPUTS}"))
    journal = await Journal.open(site, clock=clock)
    for account in (WANG, LI):
        await put_account(journal, account)
    bench, room = Bench(), Room()
    outputs = Outputs(site, journal, bench, clock, lambda: ClockState.TRUSTED)
    commanding = Commanding(site, journal, room.tell, clock)
    arming = ArmingService(site, journal, clock, lambda: ClockState.UNTRUSTED)  # no schedule acts in between
    console = Console(
        ConsoleDeps(
            journal=journal,
            site=site,
            clock=clock,
            health=Health(),
            limits=limits,
            outputs=View(outputs),
            commands=commanding,
        )
    )
    tasks = [asyncio.create_task(service.run()) for service in (outputs, commanding, arming)]
    try:
        async with serving(console):
            host, port = await console.listening()
            running = School(site, journal, console, f"http://{host}:{port}", clock, bench=bench, room=room)
            await until(lambda: bench.on == {"siren": False, "lamp": False})
            async with running.clients:
                yield running
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await journal.close()


def with_commands(site: Site) -> Site:
    """Its panel can be told everything."""
    devices = tuple(
        replace(device, commands=frozenset(Command)) if device.id == "panel" else device
        for device in site.devices
    )
    return replace(site, devices=devices)
