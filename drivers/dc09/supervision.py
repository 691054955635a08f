"""Tells whether panels are there: by their calls, and by their silence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from drivers.dc09.settings import LOST_AFTER_S, Dc09Connection, Dc09Device
from gateway.clock import Clock
from gateway.driver import Sink
from gateway.errors import JournalUnwritable
from gateway.model import Presence

#: A panel whose messages are refused so many times in a row for their time does not take ours: tell a person.
REFUSALS_BEFORE_LOST = 3

#: Without anybody to supervise, the timer looks so often, in seconds.
_IDLE_S = 3600.0

#: What the journal did not take is told again after so many seconds.
_RETRY_S = 10.0

NOT_YET = "has not called yet"


@dataclass(slots=True)
class _Watched:
    device: Dc09Device
    heard_at: float
    told: Presence | None = None
    refusals: int = 0
    trouble: str = ""

    @property
    def silent_at(self) -> float:
        """The monotonic second at which its silence is too long."""
        limit = self.device.settings.lost_after_s
        return self.heard_at + limit if limit else math.inf


class Supervision:
    """What is known of each panel's presence. One task, `run`, waits for silence."""

    def __init__(self, connection: Dc09Connection, sink: Sink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        now = clock.monotonic()
        self._watched = {device.id: _Watched(device, now) for device in connection.devices}

    async def begin(self, unserved: Mapping[str, str]) -> None:
        """The receiver serves: tell that of each panel nothing is known yet, and who can't be served and why."""
        for watched in self._watched.values():
            if (why := unserved.get(watched.device.id)) is not None:
                await self._tell(watched, Presence.OFFLINE, why)
            else:
                await self._tell(watched, Presence.UNKNOWN, NOT_YET)

    async def served(self, device: str) -> None:
        """What kept it from being served is mended: from now on its silence counts."""
        watched = self._watched[device]
        watched.heard_at = self._clock.monotonic()
        if watched.told is not Presence.ONLINE:
            await self._tell(watched, Presence.UNKNOWN, NOT_YET)

    def hears(self, device: str) -> None:
        """It has just said something valid: a commit that takes its time is not its silence."""
        watched = self._watched[device]
        watched.heard_at = self._clock.monotonic()
        watched.refusals = 0
        watched.trouble = ""

    def doubts(self, device: str, why: str) -> None:
        """Somebody calls with its account and is not believed: perhaps why it will seem to be silent."""
        self._watched[device].trouble = why

    async def heard(self, device: str, address: str) -> None:
        """Tell that it is there, at this address."""
        await self._tell(self._watched[device], Presence.ONLINE, identity={"address": address})

    async def refused(self, device: str, why: str) -> None:
        """It has said something that is refused for its time.

        That it goes on doing so is told, but of one that is there only once it is silent otherwise: somebody may play its
        old messages again.
        """
        watched = self._watched[device]
        watched.trouble = why
        watched.refusals += 1
        if watched.refusals >= REFUSALS_BEFORE_LOST and not self._is_there(watched):
            await self._tell(watched, Presence.OFFLINE, why)

    def _is_there(self, watched: _Watched) -> bool:
        limit = watched.device.settings.lost_after_s or LOST_AFTER_S
        return watched.told is Presence.ONLINE and self._clock.monotonic() - watched.heard_at < limit

    async def run(self) -> NoReturn:
        """Tell of each panel that is silent for too long, until cancelled."""
        while True:
            now = self._clock.monotonic()
            for watched in self._watched.values():
                if watched.silent_at <= now:
                    await self._tell(watched, Presence.OFFLINE, _silence(watched))
            await self._clock.sleep(self._wait())

    def _wait(self) -> float:
        """Until the first could fall silent. One that is lost may be back meanwhile, and then silent again."""
        now = self._clock.monotonic()
        waits = [
            watched.silent_at - now if watched.silent_at > now else watched.device.settings.lost_after_s
            for watched in self._watched.values()
        ]
        untold = any(watched.told is None for watched in self._watched.values())
        return min(*waits, _RETRY_S if untold else _IDLE_S)

    async def _tell(
        self,
        watched: _Watched,
        presence: Presence,
        reason: str = "",
        identity: dict[str, str] | None = None,
    ) -> None:
        """Once for each change. One that was not kept is told again at the next occasion."""
        if watched.told is presence:
            return
        watched.told = presence
        try:
            await self._sink.presence(watched.device.id, presence, reason, identity)
        except JournalUnwritable:
            watched.told = None


def _silence(watched: _Watched) -> str:
    settings = watched.device.settings
    quiet = f"nothing valid from account {settings.account} for {settings.lost_after_s:g} s"
    if watched.trouble:
        return f"{quiet}; last: {watched.trouble}"
    return (
        f"{quiet}; check the panel's power and network, the receiver's address and port in it, and that it calls (NULL) "
        "more often than that"
    )
