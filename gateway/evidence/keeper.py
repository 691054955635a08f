"""Decides which evidence goes, and unlinks it: by age once its alarm is closed, by size the oldest closed ones first."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from gateway.errors import NotFound
from gateway.evidence.needs import Common, Part
from gateway.model import GATEWAY, Alarm, ClockState, Kind
from gateway.policy.evidence import EvidenceRules, kept_until
from gateway.store.library import Library

logger = logging.getLogger(__name__)

#: A snapshot that a destination has not taken for so long is given up.
UNSENT = timedelta(days=7)

ROUND_S = 60.0
#: What goes by age is looked for so often.
AGE_S = 3600.0
#: Evidence is deleted until it takes this share of `max_gb`, so that not every clip deletes one.
_ROOM = 0.95
_PAGE = 200


class AlarmJournal(Protocol):
    """The part of the journal that knows which alarms are closed, and takes an alarm of our own."""

    @property
    def open_alarms(self) -> Mapping[str, Alarm]:
        """The alarms that no person has closed, by id."""
        ...

    async def alarm(self, alarm_id: str) -> Alarm:
        """An alarm by id. Raises NotFound."""
        ...

    async def raise_own(self, kind: Kind, subject: str = GATEWAY, detail: str = "") -> None:
        """Raise an alarm of the gateway's own; nothing happens while it is active."""
        ...

    async def return_own(self, kind: Kind, subject: str = GATEWAY) -> None:
        """Its cause is gone."""
        ...


class Keeper(Part):
    """Alone in unlinking. `room` is called when clips may be made again."""

    def __init__(
        self,
        common: Common,
        *,
        journal: AlarmJournal,
        rules: EvidenceRules,
        most_bytes: int,
        destinations: Sequence[str],
        room: Callable[[], None],
    ) -> None:
        self._journal = journal
        super().__init__(common)
        self._rules = rules
        self._most_bytes = most_bytes
        self._destinations = destinations
        self._room = room
        self._aged_at: float | None = None

    async def round(self) -> float:
        """Delete what is to go."""
        library = await self._library()
        if self._is_age_due():
            await self._by_age(library)
            self._aged_at = self._clock.monotonic()
        await self._by_size(library)
        await self._unlink(library)
        return ROUND_S

    def _is_age_due(self) -> bool:
        if self._clock_state() is ClockState.UNTRUSTED:
            return False  # nothing goes by an age that nobody knows (I10)
        return self._aged_at is None or self._clock.monotonic() - self._aged_at >= AGE_S

    async def _by_age(self, library: Library) -> None:
        now = self._clock.now()
        self._stats.unsent += await library.give_up_snapshots(now - UNSENT, self._destinations)
        after = 0
        while page := await library.evidence_alarms(after, _PAGE):
            after = page[-1][0]
            over = [alarm for _, alarm, created in page if await self._is_over(alarm, created, now)]
            if over:
                await library.condemn_evidence(over)

    async def _is_over(self, alarm_id: str, created: datetime, now: datetime) -> bool:
        if alarm_id in self._journal.open_alarms:
            return False
        try:
            until = kept_until(await self._journal.alarm(alarm_id), self._rules)
        except NotFound:  # of a journal that was lost: kept as long as anything is
            until = created + max(self._rules.hold, self._rules.keep)
        return until is not None and until <= now

    async def _by_size(self, library: Library) -> None:
        size = await library.evidence_bytes()
        after = 0
        while size > self._most_bytes * (1.0 if after == 0 else _ROOM):
            page = await library.evidence_alarms(after, 1)
            if not page:
                break
            after, alarm, _ = page[0]
            if alarm not in self._journal.open_alarms:
                await library.condemn_evidence([alarm])
                size = await library.evidence_bytes()
        self._stats.bytes = size
        await self._tell(full=size > self._most_bytes)

    async def _tell(self, *, full: bool) -> None:
        was = self._stats.full
        self._stats.full = full
        if full:
            if not was:
                logger.warning("evidence of open alarms takes all of [evidence] max_gb: no more clips")
            detail = (
                f"evidence of open alarms takes {self._stats.bytes / 1e9:.1f} GB, [evidence] max_gb is"
                f" {self._most_bytes / 1e9:.1f}: no more clips are made; close alarms, or raise it"
            )
            await self._journal.raise_own(Kind.RETENTION_RISK, GATEWAY, detail)
        else:
            await self._journal.return_own(Kind.RETENTION_RISK, GATEWAY)
        if was and not full:
            self._room()

    async def _unlink(self, library: Library) -> None:
        while rows := await library.condemned_evidence(_PAGE):
            await self._files.do(self._folder.unlink, rows)
            await library.forget_evidence(rows)
            self._stats.deleted += len(rows)
