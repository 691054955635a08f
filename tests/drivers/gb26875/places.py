"""A gateway with the real journal and the driver, which may be started again and again."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from drivers import DRIVERS
from gateway.clock import Clock, SystemClock
from gateway.model import Alarm, Durability, Kind, Message, Presence
from gateway.site import load_site
from gateway.store import Journal
from tests.drivers.gb26875.panels import Panel, call, connection_of, free_port, serving
from tests.drivers.recorder import Recorder


class Kept(Recorder):
    """Gives everything to a real journal, and writes it down."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal

    async def receive(self, message: Message) -> Durability:
        """Once it is committed."""
        durability = await self.journal.receive(message)
        await super().receive(message)
        return durability

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Once it is committed."""
        await self.journal.presence(device, presence, reason, identity)
        await super().presence(device, presence, reason, identity)

    def alarm(self, point: str, kind: Kind = Kind.FIRE) -> Alarm:
        """The open alarm of a point."""
        (alarm,) = [
            alarm
            for alarm in self.journal.open_alarms.values()
            if (alarm.source.point, alarm.source.kind) == (point, kind)
        ]
        return alarm

    def burns(self, point: str, kind: Kind = Kind.FIRE) -> bool:
        """Whether its alarm is open and has not returned."""
        return self.alarm(point, kind).returned_at is None


class Place:
    """A gateway with one panel, which may be started again and again."""

    def __init__(self, folder: Path, more: str = "", bus: str = "") -> None:
        self.port = free_port()
        self.connection = connection_of(folder, f'host = "127.0.0.1"\nport = {self.port}\n{bus}', more=more)
        file = folder / "kept.toml"
        text = (folder / "site.toml").read_text(encoding="utf-8")
        state = f'county = "330106"\nstate_dir = "{folder / "state"}"\n[journal]\nballast_mb = 0\n'
        file.write_text(text.replace('county = "330106"\n', state), encoding="utf-8")
        self._site = load_site(file, DRIVERS)
        self._panels: list[Panel] = []

    async def call(self) -> Panel:
        """A panel that calls; it hangs up at the gateway's end."""
        panel = await call(self.port)
        self._panels.append(panel)
        return panel

    async def hang_up(self) -> None:
        """All that have called."""
        while self._panels:
            await self._panels.pop().close()

    @asynccontextmanager
    async def on(self, clock: Clock | None = None) -> AsyncIterator[Kept]:
        """From its start to its end."""
        journal = await Journal.open(self._site, clock=clock or SystemClock())
        try:
            sink = Kept(journal)
            async with serving(self.connection, sink, clock):
                yield sink
        finally:
            await self.hang_up()
            await journal.close()
