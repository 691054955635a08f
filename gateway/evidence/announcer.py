"""Tells of each piece of evidence that is done, through the journal, as an event of its alarm."""

from collections.abc import Callable
from typing import Protocol

from gateway.clock import rfc3339
from gateway.evidence.needs import LibraryReady
from gateway.model import EventType
from gateway.policy.evidence import EvidenceKind
from gateway.store.evidence_rows import EvidenceRow
from gateway.wire import JsonObject

_PAGE = 100
_IDLE_S = 30.0
_TYPES = {EvidenceKind.SNAPSHOT: EventType.SNAPSHOT, EvidenceKind.CLIP: EventType.CLIP}


class TellingJournal(Protocol):
    """The part of the journal that tells."""

    async def announce_evidence(
        self, event_type: EventType, camera: str, *, alarm: str, data: JsonObject
    ) -> str:
        """Tell of a file, once; the event's id. Raises JournalUnwritable."""
        ...


class Announcer:
    """`address` gives where a clip is put, once the line takes it; None: nowhere. `told` is called after a page."""

    def __init__(
        self,
        *,
        journal: TellingJournal,
        library: LibraryReady,
        address: Callable[[EvidenceRow], str | None],
        told: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._library = library
        self._address = address
        self._told = told

    async def round(self) -> float:
        """A page of what is done and was not told of."""
        library = await self._library()
        rows = await library.unannounced_evidence(_PAGE)
        for row in rows:
            event = await self._journal.announce_evidence(
                _TYPES[row.kind], row.camera, alarm=row.alarm, data=self._data(row)
            )
            await library.evidence_announced(row, event)
        if rows:
            self._told()
        return 0.0 if len(rows) == _PAGE else _IDLE_S

    def _data(self, row: EvidenceRow) -> JsonObject:
        """The `data` of an evidence event (CONTRACT, `event/evidence`)."""
        where = {"path": f"/api/evidence/{row.id}"}
        if (address := self._address(row)) is not None:
            where["upload"] = address
        return {
            "evidence": row.id,
            "alarm": row.alarm,
            "camera": row.camera,
            "kind": row.kind.value,
            "interval": {"from": rfc3339(row.start), "to": rfc3339(row.end)},
            "sha256": row.sha256,
            "bytes": row.bytes,
            "where": where,
            "drill": row.subject.drill,
        }
