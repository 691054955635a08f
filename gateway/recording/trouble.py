"""What keeps recording from its work, as alarms of the gateway's own: one for each subject while anything is wrong."""

import asyncio
import logging
from typing import NoReturn

from gateway.clock import Clock
from gateway.model import GATEWAY, Kind
from gateway.recording.needs import RecordingJournal

logger = logging.getLogger(__name__)

#: An alarm returns when nothing has been wrong for so long; seconds.
CALM_S = 5.0


class Trouble:
    """Collects what is wrong; the alarm `recording-lost` of a subject is active while there is anything."""

    def __init__(self, journal: RecordingJournal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._wrong: dict[tuple[str, str], str] = {}
        self._active: set[str] = set()
        self._changed = asyncio.Event()

    def note(self, what: str, detail: str, *, subject: str = GATEWAY) -> None:
        """Something is wrong, in the words of `detail`; with "" it is right again."""
        known = self._wrong.get((subject, what), "")
        if bool(known) == bool(detail):
            return
        if detail:
            logger.warning("recording: %s", detail)
            self._wrong[subject, what] = detail
        else:
            logger.info("recording: no longer true: %s", known)
            del self._wrong[subject, what]
        self._changed.set()

    async def tell(self, detail: str) -> None:
        """Something went wrong once: an alarm that has returned already and waits for a person."""
        logger.warning("recording: %s", detail)
        await self._journal.raise_own(Kind.RECORDING_LOST, GATEWAY, detail)
        self._active.add(GATEWAY)
        self._changed.set()

    def take_over(self) -> None:
        """What an earlier run left in alarm is ours: it returns if nothing is wrong with its subject.

        To be called once enough of this run has been seen to know that; again does no harm.
        """
        left = {
            alarm.source.subject
            for alarm in self._journal.open_alarms.values()
            if alarm.source.kind is Kind.RECORDING_LOST and alarm.returned_at is None
        }
        if not left <= self._active:
            self._active |= left
            self._changed.set()

    async def run(self) -> NoReturn:
        """Keep the alarms in step, until cancelled. A return waits a little: what comes and goes is one alarm."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for (subject, _), detail in reversed(tuple(self._wrong.items())):
                self._active.add(subject)
                await self._journal.raise_own(Kind.RECORDING_LOST, subject, detail)
            if self._over():
                await self._clock.sleep(CALM_S)
                for subject in self._over():
                    self._active.discard(subject)
                    await self._journal.return_own(Kind.RECORDING_LOST, subject)

    def _over(self) -> set[str]:
        return self._active - {subject for subject, _ in self._wrong}
