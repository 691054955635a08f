"""Who we are to a destination's broker; the password is read anew for each connection, and kept for when its disk fails."""

import asyncio
import logging
from collections.abc import Callable

from gateway.errors import SiteFileError
from gateway.site import Site
from gateway.uplink.messages import LinkDown

logger = logging.getLogger(__name__)

#: A disk that has not given the file within so many seconds hangs.
READ_LIMIT_S = 3.0


def client_id(site: Site, destination: str) -> str:
    """Who we are to the broker of a destination."""
    return f"{site.site.county}-{site.site.id}-{destination}"


class Password:
    """`read` blocks and raises SiteFileError. `problem`: why the one in use is an older one; empty if it is not."""

    def __init__(self, read: Callable[[], str]) -> None:
        self.problem = ""
        self._read = read
        self._reading: asyncio.Task[str] | None = None
        self._last: str | None = None

    async def take(self) -> str:
        """The file's content, or what it was when it could last be read. Raises SiteFileError, LinkDown: never read yet."""
        try:
            self._last = await self._fresh()
        except (SiteFileError, LinkDown) as error:
            if self._last is None:
                raise
            if not self.problem:
                logger.warning("the password that was read before is used on: %s", error)
            self.problem = str(error)
        else:
            self.problem = ""
        return self._last

    async def _fresh(self) -> str:
        """One read at a time: each that hangs keeps a thread. What comes late tells of another time."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(asyncio.to_thread(self._read), name="password")
        done, _ = await asyncio.wait({self._reading}, timeout=READ_LIMIT_S)
        if not done:
            raise LinkDown("the disk does not give the password file")
        reading, self._reading = self._reading, None
        return reading.result()
