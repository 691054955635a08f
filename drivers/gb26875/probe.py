"""Listens for a minute and tells a technician which panels call, what they say, and which do not call.

Alarms are not confirmed: the panels keep them, and send them again to the gateway.
"""

import asyncio
from collections.abc import AsyncIterator

from drivers.gb26875.codec import Damage, Frame
from drivers.gb26875.content import Content, OwnTime, Version, decode
from drivers.gb26875.interpretation import CLOCK_LIMIT_S, length
from drivers.gb26875.interpreter import Interpreter
from drivers.gb26875.links import Links
from drivers.gb26875.panel import Link, Panel, host_of, stranger
from drivers.gb26875.questions import read_device
from drivers.gb26875.settings import BusKeys, FireConnection
from drivers.gb26875.tables import Command, Type
from gateway.clock import Clock
from gateway.driver import Finding
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Level, Origin

#: So long panels have to call, in seconds: two heartbeats of nearly all of them.
LISTEN_S = 60.0

#: A question is asked once, and waited for so long, in seconds.
PATIENCE_S = 5.0

#: So many different callers and damages are told at most.
MOST_TOLD = 50

_QUESTIONS = (
    (Type.READ_DEVICE_STATUS, "its state"),
    (Type.READ_DEVICE_VERSION, "its version"),
    (Type.READ_DEVICE_TIME, "its time"),
)


async def probe(connection: FireConnection, clock: Clock) -> AsyncIterator[Finding]:
    """What there is to say of the port or line and of each panel, as it is found."""
    hall = _Hall(connection, clock)
    work = [asyncio.create_task(hall.listen()), asyncio.create_task(hall.end())]
    try:
        while (finding := await hall.found.get()) is not None:
            yield finding
    finally:
        work += hall.visits
        for task in work:
            task.cancel()
        ends = await asyncio.gather(*work, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
    for finding in hall.silent():
        yield finding


class _Hall:
    """Where panels call during a probe. `found` ends with None."""

    def __init__(self, connection: FireConnection, clock: Clock) -> None:
        self.found: asyncio.Queue[Finding | None] = asyncio.Queue()
        self._visits: dict[int, asyncio.Task[None]] = {}
        self._connection = connection
        self._clock = clock
        self._keys = _patient(connection.settings)
        self._panels = {
            device.settings.panel: Panel(device, self._keys, clock) for device in connection.devices
        }
        self._called: dict[int, float] = {}
        self._told: set[str] = set()
        self._begun = clock.monotonic()
        self._open = False

    @property
    def visits(self) -> list[asyncio.Task[None]]:
        """The questions under way."""
        return list(self._visits.values())

    async def listen(self) -> None:
        """Until cancelled; a port or line that can't be had is a finding, and the end."""
        try:
            await Links(self._keys, self._clock, self).run(self._begin)
        except (DeviceUnavailable, DeviceRefused) as error:
            stop = "; a running gateway has it: stop that for the probe (`systemctl stop campus-gateway`)"
            busy = "in use" in str(error)
            self._tell(self._connection.id, f"{error}{stop if busy else ''}", ok=False)
            self.found.put_nowait(None)

    async def end(self) -> None:
        """When the time is over."""
        await self._clock.sleep(LISTEN_S)
        self.found.put_nowait(None)

    def silent(self) -> list[Finding]:
        """The panels that have not called."""
        if not self._open:
            return []
        where = self._keys.serial or f"port {self._keys.port}"
        return [
            Finding(
                subject=panel.device.id,
                ok=False,
                text=f"panel {number} has not called within {LISTEN_S:g} s; check its power and line, that it sends to "
                f"this machine's address and {where}, and that its own address is {number}",
            )
            for number, panel in self._panels.items()
            if number not in self._called
        ]

    def left(self, link: Link) -> None:
        """A panel's connection is closed."""
        for panel in self._panels.values():
            panel.left(link)

    async def take(self, found: Frame | Damage, link: Link) -> bool:
        """Heartbeats are confirmed, so that the panel stays; nothing else is."""
        if isinstance(found, Damage):
            advice = "check `baudrate` and `parity`" if self._keys.serial else "is its protocol GB/T 26875.3?"
            said = f"{found.data[:32].hex(' ')}; {advice}"
            self._once(self._connection.id, f"{host_of(link)}: {found.why}: {said}", ok=False)
            return False
        panel = self._panels.get(found.source)
        if panel is None:
            self._once(self._connection.id, stranger(found, link), ok=False)
            return False
        panel.heard(found, link)
        self._greet(panel, link)
        if found.command in {Command.CONFIRM, Command.ANSWER, Command.DENY}:
            panel.replied(found)
        elif found.data:
            self._says(panel, decode(found.data, panel.zone), Origin.EVENT)
        else:
            await link.send(panel.reply(found, Command.CONFIRM))
        return True

    async def _begin(self, line: Link | None) -> None:
        self._open = True
        keys = self._keys
        where = keys.serial or f"{keys.host} port {keys.port} ({keys.transport})"
        self._tell(self._connection.id, f"listens on {where} for {LISTEN_S:g} s", ok=True)
        for panel in self._panels.values():
            panel.link = line
            if line is not None:
                self._visit(panel)

    def _greet(self, panel: Panel, link: Link) -> None:
        number = panel.keys.panel
        if number not in self._called:
            took = self._called[number] = self._clock.monotonic() - self._begun
            self._tell(panel.device.id, f"panel {number} calls from {link.name}", ok=True, took=took)
            self._visit(panel)

    def _visit(self, panel: Panel) -> None:
        number = panel.keys.panel
        if number not in self._visits or self._visits[number].done():
            self._visits[number] = asyncio.create_task(self._question(panel))

    async def _question(self, panel: Panel) -> None:
        unanswered: list[str] = []
        for kind, what in _QUESTIONS:
            try:
                reply = await panel.ask(Command.REQUEST, read_device(kind))
            except (DeviceUnavailable, DeviceRefused):
                unanswered.append(what)
            else:
                self._says(panel, decode(reply.data, panel.zone), Origin.STATE)
        if unanswered and panel.keys.panel in self._called:
            words = f"does not say {', '.join(unanswered)} when asked; many panels don't, and still send their alarms"
            self._tell(panel.device.id, words, ok=True)

    def _says(self, panel: Panel, content: Content, origin: Origin) -> None:
        name = panel.device.id
        if content.fault:
            self._once(name, f"sends what is not understood: {content.fault}", ok=False)
        for thing in content.objects:
            if isinstance(thing, Version):
                self._once(name, f"version {thing.main}.{thing.sub}", ok=True)
            elif isinstance(thing, OwnTime):
                self._clock_of(panel, thing)
        now = self._clock.now()
        meaning = Interpreter(panel.device).read(content, origin, now, clock_trusted=False)
        later = "" if origin is Origin.STATE else "; not confirmed, so that the gateway hears it"
        for signal in meaning.signals:
            if signal.level is Level.ACTIVE:
                self._once(name, f"{signal.point}: {signal.kind.value}: {signal.detail}{later}", ok=False)
        for notice in meaning.notices:
            self._once(name, f"{notice.what}: {notice.detail} {notice.operator}{later}", ok=True)

    def _clock_of(self, panel: Panel, thing: OwnTime) -> None:
        if thing.at is None:
            self._once(panel.device.id, "its clock tells no time; set it", ok=False)
            return
        offset = (thing.at - self._clock.now()).total_seconds()
        well = abs(offset) <= CLOCK_LIMIT_S
        advice = "" if well else f"; set it, or check `timezone = {panel.keys.timezone!r}`"
        words = (
            "its clock agrees with ours"
            if well
            else f"its clock is off by {length(offset)} from ours{advice}"
        )
        self._once(panel.device.id, words, ok=well)

    def _once(self, subject: str, text: str, *, ok: bool) -> None:
        if text not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(text)
            self._tell(subject, text, ok=ok)

    def _tell(self, subject: str, text: str, *, ok: bool, took: float | None = None) -> None:
        self.found.put_nowait(Finding(subject=subject, ok=ok, text=text, took_s=took))


def _patient(keys: BusKeys) -> BusKeys:
    """Each question is asked once: a technician waits."""
    return keys.model_copy(update={"resends": 0, "resend_after_s": PATIENCE_S})
