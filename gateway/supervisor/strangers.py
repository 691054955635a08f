"""Whoever calls a connection and is not known there, or not who he says: one fault, for as long as they call."""

import logging

from gateway.clock import Clock
from gateway.errors import JournalUnwritable
from gateway.model import Kind
from gateway.supervisor.intake import Intake

logger = logging.getLogger(__name__)

#: A stranger who has not called for so long, in seconds, is gone: the fault has returned.
STRANGER_GONE_S = 600.0


class Strangers:
    """Those of one connection, or those who say to be one of its devices.

    Nothing that they do may cost the connection its driver: a journal that refuses is asked again at the next call or look.
    """

    def __init__(self, subject: str, journal: Intake, clock: Clock) -> None:
        self._subject = subject
        self._journal = journal
        self._clock = clock
        self._last: float | None = clock.monotonic()  # the fault may be open from before a restart
        self._told = False

    async def called(self, why: str) -> None:
        """One more. The first, after a while without any, is the fault."""
        self._last = self._clock.monotonic()
        if self._told:
            return
        self._told = True
        try:
            await self._journal.raise_own(Kind.UNKNOWN_SENDER, self._subject, why)
        except JournalUnwritable as error:
            self._told = False
            logger.debug("%s: a stranger calls, which can't be journalled: %s", self._subject, error)
        else:
            logger.warning("%s: a stranger calls: %s", self._subject, why)

    async def look(self) -> None:
        """Whether they have stopped. Asked every now and then."""
        last = self._last
        if last is None or self._clock.monotonic() - last < STRANGER_GONE_S:
            return
        self._last, self._told = None, False
        try:
            await self._journal.return_own(Kind.UNKNOWN_SENDER, self._subject)
        except JournalUnwritable as error:
            self._last = last  # at the next look
            logger.debug("%s: strangers are gone, which can't be journalled: %s", self._subject, error)
