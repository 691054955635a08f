"""Follows the journal's presses and asks for their evidence: each press once, over restarts and crashes."""

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Protocol

from gateway.clock import Clock
from gateway.evidence.needs import LibraryReady
from gateway.model import EventType
from gateway.policy.evidence import EvidenceRules
from gateway.site import Site
from gateway.store import Change, Subscription
from gateway.store.evidence import Presses
from gateway.wire import uuid7

_POLL_S = 30.0
_PRESSES = frozenset({EventType.ALARM_RAISED, EventType.ALARM_REPEATED})


class PressJournal(Protocol):
    """The part of the journal that tells of presses."""

    def subscribe(self) -> Subscription:
        """Hear of every commit from now on."""
        ...

    async def presses(self, after: str | None) -> Presses:
        """The presses since the event `after`. Raises JournalUnwritable."""
        ...


class Follower:
    """`asked` is called when there is something to make. The library keeps the cursor, with what was asked for."""

    def __init__(
        self,
        *,
        journal: PressJournal,
        library: LibraryReady,
        clock: Clock,
        rules: EvidenceRules,
        cameras: Collection[str],
        asked: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._library = library
        self._clock = clock
        self._rules = rules
        self._cameras = cameras
        self._asked = asked
        self._passed: tuple[str, str | None] | None = (
            None  # the library, and an event up to which there was no press
        )

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` for each commit with a press, until cancelled."""
        subscription = self._journal.subscribe()
        try:
            async for change in subscription:
                if _has_press(change):
                    wake()
        finally:
            subscription.close()

    async def round(self) -> float:
        """A page of presses."""
        library = await self._library()
        if self._passed is not None and self._passed[0] == library.identity:
            cursor = self._passed[1]
        else:
            cursor = await library.evidence_cursor()
        page = await self._journal.presses(cursor)
        if (
            page.presses
        ):  # else the cursor is not worth a commit: who starts again there finds no press either
            planned = await library.plan_evidence(
                page.presses,
                page.cursor,
                rules=self._rules,
                cameras=self._cameras,
                new_id=lambda: uuid7(self._clock.now()),
                now=self._clock.now(),
            )
            if planned.snapshots or planned.clips:
                self._asked()
        self._passed = (library.identity, page.cursor)
        return 0.0 if page.more else _POLL_S


def rules_of(site: Site) -> EvidenceRules:
    """`[evidence]` and `[retention]` as the policy takes them."""
    keys = site.retention
    return EvidenceRules(
        snapshots=site.evidence.snapshots,
        clips=site.evidence.clips,
        before=timedelta(seconds=keys.hold_before_s),
        after=timedelta(seconds=keys.hold_after_s),
        hold=timedelta(days=keys.hold_days),
        keep=timedelta(days=keys.keep_days),
    )


def _has_press(change: Change) -> bool:
    return change.resync or any(event.type in _PRESSES for event in change.events)
