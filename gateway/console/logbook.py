"""Who looks at what is on the access log before the first byte goes out (I11); no log, no footage."""

import asyncio
from collections import OrderedDict
from datetime import datetime
from typing import Literal

from gateway.clock import Clock
from gateway.console.auth import Caller
from gateway.store import Journal

#: The same person looking at the same thing again within so many seconds needs no second line.
SAME_LOOK_S = 600.0

_REMEMBERED = 4096

_Look = tuple[bytes, str, str, datetime | None, datetime | None, str]


class Logbook:
    """Writes the access log's lines about footage."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: OrderedDict[_Look, float] = OrderedDict()

    async def live(self, caller: Caller, camera: str) -> None:
        """A live viewing begins: a line each. Raises JournalUnwritable."""
        await self._journal.log_access(
            caller.account.name, "view", camera=camera, start=self._clock.now(), reason="live"
        )

    async def picture(self, caller: Caller, camera: str) -> None:
        """The current picture: a line for each camera and session, and each 10 minutes. Raises JournalUnwritable."""
        await self._once((caller.session.token_sha256, "view", camera, None, None, "snapshot"), caller)

    async def accepted(self, caller: Caller, camera: str) -> None:
        """Somebody says that a camera's picture is right: a line each. Raises JournalUnwritable."""
        await self._journal.log_access(
            caller.account.name, "accept-picture", camera=camera, start=self._clock.now()
        )

    async def footage(
        self,
        caller: Caller,
        action: Literal["view", "export"],
        camera: str,
        *,
        start: datetime,
        end: datetime,
        reason: str,
    ) -> None:
        """Footage of that time, however many parts of it are asked for. Raises JournalUnwritable.

        A line for each session, interval and reason, and each 10 minutes.
        """
        await self._once((caller.session.token_sha256, action, camera, start, end, reason), caller)

    async def _once(self, look: _Look, caller: Caller) -> None:
        async with self._lock:
            now = self._clock.monotonic()
            written = self._known.get(look)
            if written is not None and now - written < SAME_LOOK_S:
                return
            _, action, camera, start, end, reason = look
            await self._journal.log_access(
                caller.account.name,
                action,
                camera=camera,
                start=start or self._clock.now(),
                end=end,
                reason=reason,
            )
            self._known[look] = now
            self._known.move_to_end(look)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
