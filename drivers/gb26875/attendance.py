"""Which panels are there, who they are, and when they are asked how things stand."""

import asyncio
import logging
from collections.abc import Collection

from drivers.gb26875.codec import Frame
from drivers.gb26875.panel import Link, Panel, host_of
from drivers.gb26875.settings import FireConnection
from gateway.clock import Clock
from gateway.driver import Sink
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Presence

#: A panel that did not answer when it was asked for its state is not asked again for so long, in seconds.
ASK_AGAIN_S = 3600.0

#: A panel is asked for its state so often at most, in seconds, however often it calls anew.
ASK_PAUSE_S = 60.0

_NOT_TOLD = "not told: the panel does not answer when it is asked"

logger = logging.getLogger(__name__)


class Attendance:
    """The presence of the panels of one connection."""

    def __init__(
        self,
        connection: FireConnection,
        clock: Clock,
        panels: Collection[Panel],
        sink: Sink,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._panels = panels
        self._sink = sink
        self._tasks = tasks
        self._asking: set[str] = set()
        self._again: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}
        self._silent_since: dict[str, float] = {}

    async def begin(self, line: Link | None) -> None:
        """The port or line is ours. On a line panels are asked without having called."""
        for panel in self._panels:
            panel.heard_at = self._clock.monotonic()
            if panel.presence is Presence.UNKNOWN:
                await self._sink.presence(panel.device.id, Presence.UNKNOWN, "has not called yet")
            self._tasks.create_task(self._watch(panel))
            if line is not None:
                panel.link = panel.link or line
                self.ask(panel)

    async def heard(self, panel: Panel, frame: Frame, link: Link) -> None:
        """It is there. If it has come by another way, what happened meanwhile is asked for."""
        before = panel.link
        panel.heard(frame, link)
        if panel.presence is not Presence.ONLINE:
            panel.identity["address"] = link.name
            await self._sink.presence(panel.device.id, Presence.ONLINE, "", dict(panel.identity))
            panel.presence = Presence.ONLINE
        elif before is not None and before.name == link.name:
            return
        elif before is not None and host_of(before) != host_of(link):
            await self._two(panel, before, link)
        self.ask(panel)

    async def _two(self, panel: Panel, before: Link, link: Link) -> None:
        """Perhaps it has moved; perhaps two panels have one address, and return each other's alarms."""
        also = {"also calls from": host_of(before)}
        if "also calls from" not in panel.identity:
            logger.warning(
                "%s: panel %d calls from %s and from %s; are there two with this address?",
                panel.device.id,
                panel.keys.panel,
                host_of(before),
                host_of(link),
            )
            await self.identify(panel, also)

    async def identify(self, panel: Panel, facts: dict[str, str]) -> None:
        """Tell what has become known of it."""
        if panel.presence is Presence.ONLINE and not facts.items() <= panel.identity.items():
            identity = panel.identity | facts
            await self._sink.presence(panel.device.id, Presence.ONLINE, "", identity)
            panel.identity = identity

    async def _watch(self, panel: Panel) -> None:
        """A panel that is silent for `lost_after_s` is lost."""
        limit = panel.keys.lost_after_s
        while limit:
            wait = panel.heard_at + limit - self._clock.monotonic()
            if wait <= 0:
                await self._lose(panel)
                wait = limit
            await self._clock.sleep(wait)

    async def _lose(self, panel: Panel) -> None:
        async with panel.lock:
            silent = self._clock.monotonic() - panel.heard_at
            if panel.presence is Presence.OFFLINE or silent < panel.keys.lost_after_s:
                return  # it spoke while the lock was waited for
            if panel.link is not None and self._connection.settings.serial is None:
                panel.link.close()  # half open: the panel must be able to come again
                panel.link = None
            reason = (
                f"silent for {silent:.0f} s; check the panel's power, its line, and that it sends heartbeats"
            )
            await self._sink.presence(panel.device.id, Presence.OFFLINE, reason)
            panel.presence = Presence.OFFLINE

    # Present state.

    def ask(self, panel: Panel, after_s: float = 0.0) -> None:
        """In a task of its own, one a panel; not one that is known not to answer."""
        name, now = panel.device.id, self._clock.monotonic()
        since = self._silent_since.get(name)
        if since is not None and now - since < ASK_AGAIN_S:
            return
        if name in self._asking:
            if after_s:  # what is being answered now may be from before
                self._again[name] = after_s
            return
        pause = max(after_s, self._asked_at.get(name, now - ASK_PAUSE_S) + ASK_PAUSE_S - now)
        self._asking.add(name)
        self._tasks.create_task(self._ask(panel, pause))

    async def _ask(self, panel: Panel, after_s: float) -> None:
        name = panel.device.id
        try:
            if after_s:
                await self._clock.sleep(after_s)
            self._asked_at[name] = self._clock.monotonic()
            await panel.read_state()
        except (DeviceUnavailable, DeviceRefused) as error:
            if panel.presence is Presence.ONLINE and panel.link is not None:
                logger.info("%s: its present state is not known: %s", name, error)
                self._silent_since[name] = self._clock.monotonic()
                await self.identify(panel, {"present state": _NOT_TOLD})
        else:
            self._silent_since.pop(name, None)
            if panel.identity.get("present state") == _NOT_TOLD:
                await self.identify(panel, {"present state": "told"})
        finally:
            self._asking.discard(name)
        again = self._again.pop(name, None)
        if again is not None:
            self.ask(panel, again)
