"""Decides which evidence goes, and unlinks it: by age once its alarm is closed, by size what is missed least first."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from gateway.errors import NotFound
from gateway.evidence.needs import Common, Part
from gateway.model import GATEWAY, Alarm, ClockState, EventType, Kind, Severity
from gateway.policy.evidence import Closed, EvidenceRules, first_to_go, kept_until
from gateway.store.evidence_rows import AlarmEvidence
from gateway.store.library import Library
from gateway.wire import JsonObject

logger = logging.getLogger(__name__)

#: A snapshot that a destination has not taken for so long is given up.
UNSENT = timedelta(days=7)

ROUND_S = 60.0
#: What goes by age is looked for so often.
AGE_S = 3600.0
#: Evidence is deleted until it takes this share of `max_gb`, so that not every clip deletes one.
_ROOM = 0.95
_PAGE = 200
#: The alarm about evidence that went before its time stays active for so long after the last.
_AT_RISK_S = 86_400.0
#: So many alarms are named in the event about it.
_NAMED = 20


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

    async def emit(self, event_type: EventType, subject: str, data: JsonObject) -> str:
        """Append an event that is no step of an alarm."""
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
        self._gave_up_at: float | None = None  # monotonic
        self._told: date | None = None  # the day of the last event about what was given up
        self._risk = ""  # what the alarm that is active says

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
        if self._trusted_now() is None:
            return False
        return self._aged_at is None or self._clock.monotonic() - self._aged_at >= AGE_S

    def _trusted_now(self) -> datetime | None:
        """None while the clock is not trusted: nothing is past a time that nobody knows (I10)."""
        return None if self._clock_state() is ClockState.UNTRUSTED else self._clock.now()

    async def _by_age(self, library: Library) -> None:
        now = self._clock.now()
        self._stats.unsent += await library.give_up_snapshots(now - UNSENT, self._destinations)
        after = 0
        while page := await library.evidence_alarms(after, _PAGE):
            after = page[-1].number
            over = [closed.alarm for closed in await self._closed(page) if closed.is_over(now)]
            if over:
                await library.condemn_evidence(over)

    async def _closed(self, page: Sequence[AlarmEvidence]) -> list[Closed]:
        """Those whose alarms are closed, with what is known of them."""
        return [closed for evidence in page if (closed := await self._judge(evidence)) is not None]

    async def _judge(self, evidence: AlarmEvidence) -> Closed | None:
        if evidence.alarm in self._journal.open_alarms:
            return None
        try:
            alarm = await self._journal.alarm(evidence.alarm)
        except NotFound:  # of a journal that was lost: kept as long as anything is
            return _closed_of(evidence, None, evidence.created + max(self._rules.hold, self._rules.keep))
        until = kept_until(alarm, self._rules)
        return None if until is None else _closed_of(evidence, alarm, until)

    async def _by_size(self, library: Library) -> None:
        size = await library.evidence_bytes()
        if size > self._most_bytes:
            await self._make_room(library, size - self._most_bytes * _ROOM)
            size = await library.evidence_bytes()
        self._stats.bytes = size
        await self._tell(full=size > self._most_bytes)

    async def _make_room(self, library: Library, wanted: float) -> None:
        """As many bytes as are wanted, or all of closed alarms."""
        closed: list[Closed] = []  # bounded: each has a file in `max_gb`
        after = 0
        while page := await library.evidence_alarms(after, _PAGE):
            after = page[-1].number
            closed += await self._closed([evidence for evidence in page if evidence.bytes])
        now = self._trusted_now()
        going: list[Closed] = []
        for one in first_to_go(closed, now):
            if wanted <= 0:
                break
            going.append(one)
            wanted -= one.bytes
        early = [one for one in going if not one.is_over(now)]
        if early:
            await self._put_on_record(early)
        if going:
            await library.condemn_evidence([one.alarm for one in going])

    async def _put_on_record(self, early: Sequence[Closed]) -> None:
        """Before any of it goes: an alarm, and once a day an event, as for footage (I8)."""
        self._gave_up_at = self._clock.monotonic()
        detail = (
            f"[evidence] max_gb is {self._most_bytes / 1e9:.1f} GB: evidence of closed alarms is deleted before its"
            " time; raise max_gb"
        )
        await self._warn("given up", detail)
        today = self._clock.now().date()
        if self._told == today:
            return
        logger.warning("[evidence] max_gb: evidence goes before its time, closed alarms: %d", len(early))
        named = [one.alarm for one in early[:_NAMED]]
        await self._journal.emit(
            EventType.DEGRADED,
            GATEWAY,
            {"reason": "evidence-given-up", "count": len(early), "alarms": named},
        )
        self._told = today

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
            await self._warn("full", detail)
        elif not self._gave_up_lately():
            await self._journal.return_own(Kind.RETENTION_RISK, GATEWAY)
            self._risk = ""
        if was and not full:
            self._room()

    def _gave_up_lately(self) -> bool:
        return self._gave_up_at is not None and self._clock.monotonic() - self._gave_up_at < _AT_RISK_S

    async def _warn(self, risk: str, detail: str) -> None:
        """Raise the alarm; where it is active for the other reason, again, so that it says this one."""
        if self._risk not in {"", risk}:
            await self._journal.return_own(Kind.RETENTION_RISK, GATEWAY)
        await self._journal.raise_own(Kind.RETENTION_RISK, GATEWAY, detail)
        self._risk = risk

    async def _unlink(self, library: Library) -> None:
        while rows := await library.condemned_evidence(_PAGE):
            await self._files.do(self._folder.unlink, rows)
            await library.forget_evidence(rows)
            self._stats.deleted += len(rows)


def _closed_of(evidence: AlarmEvidence, alarm: Alarm | None, until: datetime) -> Closed:
    return Closed(
        alarm=evidence.alarm,
        number=evidence.number,
        bytes=evidence.bytes,
        until=until,
        sent=evidence.sent,
        verdict=alarm.verdict if alarm else None,
        severity=alarm.source.severity if alarm else Severity.CRITICAL,
    )
