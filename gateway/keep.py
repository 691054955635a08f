"""Keeps the daemon's services running: what fails is started again, is a fault to be seen, and nothing to the others."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from gateway.clock import Clock
from gateway.errors import GatewayError, first_cause
from gateway.model import GATEWAY, Kind
from gateway.store import Journal

logger = logging.getLogger(__name__)

#: A service that fails is started again after so long, the supervisor of alarm devices sooner; seconds.
AGAIN_S = 5.0
INTAKE_AGAIN_S = 0.5

#: A service that has run so long since it failed is well again; seconds. The supervisor's is shorter than the watchdog
#: takes from one look to the next, so that a failure that mends itself does not end the daemon.
WELL_AFTER_S = 30.0
INTAKE_WELL_AFTER_S = 10.0

Service = Callable[[], Awaitable[None]]


class Keep:
    """Runs services by name until it is cancelled. One alarm `fault` of the gateway's own tells of all that fail."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._failing: dict[str, str] = {}

    @property
    def failing(self) -> dict[str, str]:
        """The services that have failed and are not well again yet, and why."""
        return dict(self._failing)

    async def run(
        self, name: str, service: Service, *, again_s: float = AGAIN_S, well_s: float = WELL_AFTER_S
    ) -> None:
        """Run a service for ever. It is called anew for each start, so it builds what it needs anew.

        After a failure it is started again after `again_s`, and is well once it has run for `well_s`; seconds.
        """
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    well = group.create_task(self._well_after(name, well_s))
                    await service()
                    well.cancel()
                why = "it ended by itself"
                logger.error("service %s ended by itself", name)
            except Exception as error:  # whatever a service fails of is on record, and it is begun anew
                cause = first_cause(error)
                why = str(cause) or type(cause).__name__
                logger.exception("service %s failed", name)
            self._failing[name] = why
            await self._tell()
            await self._clock.sleep(again_s)

    async def _well_after(self, name: str, seconds: float) -> None:
        await self._clock.sleep(seconds)
        if self._failing.pop(name, None) is not None:
            logger.info("service %s is well again", name)
        await self._tell()  # also where nothing failed: the alarm may be open from before a restart

    async def _tell(self) -> None:
        with contextlib.suppress(GatewayError):  # the journal tells of its own trouble
            if self._failing:
                detail = "; ".join(f"{name}: {why}" for name, why in self._failing.items())
                await self._journal.raise_own(Kind.FAULT, GATEWAY, detail[:2000])
            else:
                await self._journal.return_own(Kind.FAULT, GATEWAY)
