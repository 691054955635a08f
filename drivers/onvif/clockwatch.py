"""Looks at a camera's clock now and then, sets it where that is wanted, and tells how it is."""

import logging
from collections.abc import Callable

from drivers.onvif.camera import Camera
from drivers.onvif.settings import SiteConnection
from drivers.onvif.skew import Skew
from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable

#: How often the camera's clock is looked at, in seconds.
CLOCK_EVERY_S = 600.0

logger = logging.getLogger(__name__)


class ClockWatch:
    """Of one attempt. `tell` hears how the clock is, unless ours is no better."""

    def __init__(
        self, camera: Camera, connection: SiteConnection, clock: Clock, tell: Callable[[Skew], None]
    ) -> None:
        self._camera = camera
        self._connection = connection
        self._clock = clock
        self._tell = tell
        self._due = 0.0
        self._sets = True

    async def look(self) -> None:
        """If it is time: by what was read on connecting, later by what it tells now. Raises DeviceUnavailable, DeviceRefused."""
        if self._clock.monotonic() < self._due:
            return
        if self._due:
            await self._camera.read_clock()
        if self._connection.clock_trusted():
            await self._set()
        self._due = self._clock.monotonic() + CLOCK_EVERY_S
        if self._camera.skew.known and self._connection.clock_trusted():
            self._tell(self._camera.skew)

    async def _set(self) -> None:
        """A clock that can't be set is told as wrong, and no reason not to listen to the camera."""
        keys, camera = self._connection.settings, self._camera
        if not (keys.set_clock and self._sets and camera.skew.is_wrong(keys.clock_limit_s)):
            return
        name, words = self._connection.devices[0].id, camera.skew.words(keys.clock_limit_s)
        try:
            await camera.set_clock()
        except (DeviceRefused, DeviceUnavailable) as error:
            logger.warning("%s: %s, and it can't be set: %s", name, words, error)
            return
        logger.info("%s: %s, set", name, words)
        if camera.skew.is_wrong(keys.clock_limit_s):  # something else sets it, or it is meant otherwise
            self._sets = False
            logger.warning(
                "%s: its clock was set, and is still wrong: %s; not set again until it is connected anew",
                name,
                camera.skew.words(keys.clock_limit_s),
            )
