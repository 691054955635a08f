"""What others ask of a connection's driver while it serves: outputs, commands, pictures."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from gateway.driver import Command, Commandable, Connection, Driver, Films, Streams, Switches
from gateway.errors import DeviceRefused, DeviceUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Asking:
    """`serving` gives the driver. Everything raises DeviceUnavailable where none serves or it can't do that, DeviceRefused."""

    def __init__(
        self, connection: Connection[BaseModel, BaseModel, BaseModel], serving: Callable[[], Driver]
    ) -> None:
        self._connection = connection
        self._serving = serving

    async def switch(self, output: str, *, on: bool) -> None:
        """Set one of its outputs."""
        driver: object = self._serving()
        if not isinstance(driver, Switches):
            raise self._lacks("outputs")
        await self._asked(driver.switch(output, on=on))

    async def command(self, device: str, command: Command, *, minutes: int) -> str:
        """Tell one of its devices."""
        driver: object = self._serving()
        if not isinstance(driver, Commandable):
            raise self._lacks("commands")
        return await self._asked(driver.command(device, command, minutes=minutes))

    async def streams(self) -> Streams:
        """Where its camera's pictures are."""
        return await self._asked(self._camera.streams())

    async def picture(self) -> bytes:
        """A JPEG of its camera."""
        return await self._asked(self._camera.picture())

    @property
    def _camera(self) -> Films:
        driver: object = self._serving()
        if not isinstance(driver, Films):
            raise self._lacks("pictures")
        return driver

    def _lacks(self, what: str) -> DeviceUnavailable:
        return DeviceUnavailable(
            f"{self._connection.id}: its driver {self._connection.driver!r} has no {what}"
        )

    async def _asked(self, answer: Awaitable[T]) -> T:
        """A broken driver must not end the outputs and commands of the others."""
        try:
            return await answer
        except (DeviceUnavailable, DeviceRefused):
            raise
        except Exception as error:  # whatever a broken driver raises is for the one who asked
            logger.debug("%s: driver broke when asked", self._connection.id, exc_info=error)
            raise DeviceUnavailable(f"driver {self._connection.driver!r} broke: {error!r}") from error
