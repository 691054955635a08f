"""What of the library's evidence goes, and how its rows are read: by alarm, condemned before the files are unlinked (I7)."""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gateway.clock import from_ms
from gateway.store import library_evidence_statements as statements
from gateway.store.evidence_rows import AlarmEvidence, EvidenceRow

T = TypeVar("T")

#: Where evidence lies, below the recording directory.
EVIDENCE_FOLDER = "evidence"


class EvidenceGoing(ABC):
    """A part of the library; every method raises LibraryUnusable as the library's own do."""

    path: Path

    @abstractmethod
    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T: ...

    @abstractmethod
    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T: ...

    async def evidence_bytes(self) -> int:
        """What all files together take, manifests not counted."""
        sql = "select coalesce(sum(bytes), 0) from evidence where state <> 'condemned'"
        return int((await self._read(lambda db: db.execute(sql).fetchone()))[0])

    async def evidence_alarms(self, after: int, limit: int) -> list[AlarmEvidence]:
        """Alarms that have evidence, in order of their first piece; `after` is the number of the last one of a page."""
        sql = (
            "select min(number), alarm, min(created_ms), coalesce(sum(bytes), 0), sum(uploaded_ms is not null) > 0"
            " and not sum(kind = 'clip' and state <> 'failed' and uploaded_ms is null)"
            " and not sum(number in (select evidence from snapshot_sending))"
            " from evidence where state <> 'condemned' group by alarm having min(number) > ? order by 1 limit ?"
        )
        rows = await self._read(lambda db: db.execute(sql, (after, limit)).fetchall())
        return [
            AlarmEvidence(number=number, alarm=alarm, created=from_ms(created), bytes=size, sent=bool(sent))
            for number, alarm, created, size, sent in rows
        ]

    async def condemn_evidence(self, alarms: Collection[str]) -> int:
        """All evidence of these alarms is to be unlinked; how many files there are."""

        def work(db: sqlite3.Connection) -> int:
            listed = (json.dumps(sorted(alarms)),)
            where = "alarm in (select value from json_each(?)) and state <> 'condemned'"
            db.execute(
                f"delete from snapshot_sending where evidence in (select number from evidence where {where})",  # noqa: S608 - our own words
                listed,
            )
            return db.execute(f"update evidence set state = 'condemned' where {where}", listed).rowcount  # noqa: S608 - our own words

        return await self._write(work)

    async def condemned_evidence(self, limit: int) -> list[EvidenceRow]:
        """Whose files are to be unlinked. Their `state` is told as failed."""
        return await self._evidence("state = 'condemned' order by number limit ?", (limit,))

    async def forget_evidence(self, rows: Sequence[EvidenceRow]) -> None:
        """The files of these are gone from the disk: so are their rows."""
        ids = [(row.id,) for row in rows]
        await self._write(
            lambda db: db.executemany("delete from evidence where id = ? and state = 'condemned'", ids)
        )

    # ---- rows

    async def _evidence(
        self, where: str, parameters: Sequence[Any]
    ) -> list[EvidenceRow]:  # Any: SQLite's values
        sql = f"select {statements.COLUMNS} from evidence where {where}"  # noqa: S608 - our own words
        rows = await self._read(lambda db: db.execute(sql, parameters).fetchall())
        return [self._row(row) for row in rows]

    def _row(self, row: tuple[Any, ...]) -> EvidenceRow:  # Any: SQLite's values
        return statements.row_of(row, self.path.parent / EVIDENCE_FOLDER)
