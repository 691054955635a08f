"""The library's rows of evidence: what presses asked for, what became of it, who has still to be sent it."""

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.clock import to_ms
from gateway.policy.evidence import (
    EvidenceKind,
    EvidenceRules,
    Longer,
    Press,
    cameras_of,
    plan,
)
from gateway.store import library_evidence_statements as statements
from gateway.store.evidence_rows import EvidenceRow, Made
from gateway.store.library_evidence_going import EvidenceGoing

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """How much presses have asked for."""

    snapshots: int = 0
    clips: int = 0


class EvidenceTable(EvidenceGoing):
    """A part of the library; every method raises LibraryUnusable as the library's own do."""

    # ---- what is wanted

    async def evidence_cursor(self) -> str | None:
        """The event up to which presses have been followed; None: they never were."""
        rows = await self._read(lambda db: db.execute("select event from evidence_cursor").fetchall())
        return str(rows[0][0]) if rows else None

    async def plan_evidence(
        self,
        presses: Sequence[Press],
        cursor: str | None,
        *,
        rules: EvidenceRules,
        cameras: Collection[str],
        new_id: Callable[[], str],
        now: datetime,
    ) -> Planned:
        """Ask for what presses want of those cameras that there are, and move the cursor: both or neither."""

        def work(db: sqlite3.Connection) -> Planned:
            counts = {EvidenceKind.SNAPSHOT: 0, EvidenceKind.CLIP: 0}
            for press in presses:
                for camera in dict.fromkeys(cameras_of(press.alarm)):
                    if camera not in cameras:
                        continue
                    for step in plan(press, camera, statements.known(db, press.alarm.id), rules):
                        if isinstance(step, Longer):
                            statements.lengthen(db, step, press)
                        else:
                            statements.ask(db, new_id(), step, press, now)
                            counts[step.kind] += 1
            if cursor is not None:
                db.execute("insert or replace into evidence_cursor values (1, ?)", (cursor,))
            return Planned(snapshots=counts[EvidenceKind.SNAPSHOT], clips=counts[EvidenceKind.CLIP])

        return await self._write(work)

    async def waiting_evidence(
        self, kind: EvidenceKind, limit: int, *, but: Collection[str] = (), cameras_but: Collection[str] = ()
    ) -> list[EvidenceRow]:
        """What has still to be made, but for these pieces and these cameras': what ends first comes first."""
        return await self._evidence(
            "kind = ? and state = 'waiting' and id not in (select value from json_each(?))"
            " and camera not in (select value from json_each(?)) order by to_ms, number limit ?",
            (kind.value, json.dumps(list(but)), json.dumps(list(cameras_but)), limit),
        )

    # ---- what became of it

    async def evidence_made(
        self, row: EvidenceRow, made: Made, *, bytes_most: int, destinations: Sequence[str]
    ) -> bool:
        """A waiting row's file is placed. A snapshot of `bytes_most` at most is to be sent to these.

        False, and nothing is changed, where the row is not what it was: a clip is longer now, and is cut anew.
        """

        def work(db: sqlite3.Connection) -> bool:
            snapshot = row.kind is EvidenceKind.SNAPSHOT
            found = db.execute(
                "update evidence set state = 'done', bytes = ?, sha256 = ?, from_ms = ?, to_ms = ?, reason = '',"
                " announced = null, uploaded_ms = null"
                " where id = ? and state = 'waiting' and to_ms = ? returning number",
                (
                    made.bytes,
                    made.sha256,
                    to_ms(made.start if snapshot else row.start),
                    to_ms(made.end if snapshot else row.end),
                    row.id,
                    to_ms(row.end),
                ),
            ).fetchone()
            if found is None:
                return False
            if snapshot and made.bytes <= bytes_most:
                statements.enqueue(db, found[0], destinations)
            return True

        return await self._write(work)

    async def evidence_failed(self, row: EvidenceRow, reason: str) -> None:
        """It can't be made, and is neither tried again nor sent."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "update evidence set state = 'failed', reason = ? where id = ? and state = 'waiting'",
                (reason, row.id),
            )
            statements.dequeue(db, [row.id])

        await self._write(work)

    async def unannounced_evidence(self, limit: int) -> list[EvidenceRow]:
        """What is done and was not told of."""
        return await self._evidence("state = 'done' and announced is null order by number limit ?", (limit,))

    async def evidence_announced(self, row: EvidenceRow, event: str) -> None:
        """It was told of by this event."""
        await self._write(
            lambda db: db.execute("update evidence set announced = ? where id = ?", (event, row.id))
        )

    async def clips_to_upload(self, limit: int) -> list[EvidenceRow]:
        """Clips that are done and not uploaded, oldest first."""
        return await self._evidence(
            "state = 'done' and kind = 'clip' and uploaded_ms is null order by number limit ?", (limit,)
        )

    async def evidence_uploaded(self, row: EvidenceRow, at: datetime) -> None:
        """The place of `[evidence.upload]` has this very file."""
        await self._write(
            lambda db: db.execute(
                "update evidence set uploaded_ms = ? where id = ? and sha256 = ?",
                (to_ms(at), row.id, row.sha256),
            )
        )

    # ---- snapshots on their way

    async def next_snapshot(self, destination: str) -> EvidenceRow | None:
        """The oldest snapshot that the destination has not acknowledged."""
        rows = await self._evidence(
            "number in (select evidence from snapshot_sending where destination = ?) and state = 'done'"
            " order by number limit 1",
            (destination,),
        )
        return rows[0] if rows else None

    async def snapshot_sent(self, destination: str, evidence: str) -> None:
        """The destination has it, or is not to get it any more."""
        await self._write(
            lambda db: db.execute(
                "delete from snapshot_sending where destination = ?"
                " and evidence = (select number from evidence where id = ?)",
                (destination, evidence),
            )
        )

    async def give_up_snapshots(self, before: datetime, destinations: Sequence[str]) -> int:
        """Send none that was asked for before then, and none to who is no destination any more; how many there were."""
        return await self._write(
            lambda db: (
                db.execute(
                    "delete from snapshot_sending where destination not in (select value from json_each(?))"
                    " or evidence in (select number from evidence where created_ms < ?)",
                    (json.dumps(list(destinations)), to_ms(before)),
                ).rowcount
            )
        )

    # ---- to look at

    async def evidence_of(self, alarm: str) -> list[EvidenceRow]:
        """All evidence of an alarm, first asked for first."""
        return await self._evidence("alarm = ? and state <> 'condemned' order by number", (alarm,))

    async def find_evidence(self, evidence: str) -> EvidenceRow | None:
        """By id."""
        rows = await self._evidence("id = ? and state <> 'condemned'", (evidence,))
        return rows[0] if rows else None

    async def recent_evidence(self, limit: int, before: str | None = None) -> list[EvidenceRow]:
        """Newest first; those asked for before the one of that id."""
        return await self._evidence(
            "(?1 is null or number < (select number from evidence where id = ?1)) and state <> 'condemned'"
            " order by number desc limit ?2",
            (before, limit),
        )

    # ---- files and rows held against each other: I6

    async def evidence_rows(self, after: int, limit: int = _PAGE) -> tuple[list[EvidenceRow], int]:
        """A page of all rows by number, condemned ones too, and the number to go on after."""
        sql = f"select {statements.COLUMNS}, number from evidence where number > ? order by number limit ?"  # noqa: S608 - our own column list
        rows = await self._read(lambda db: db.execute(sql, (after, limit)).fetchall())
        return [self._row(row[:-1]) for row in rows], rows[-1][-1] if rows else after

    async def make_evidence_again(self, rows: Sequence[EvidenceRow]) -> None:
        """The files of these are gone: they are waited for once more, and sent once they are made."""
        ids = [row.id for row in rows]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(
                "update evidence set state = 'waiting', bytes = null, sha256 = null, announced = null,"
                " uploaded_ms = null where id = ? and state = 'done'",
                [(evidence,) for evidence in ids],
            )
            statements.dequeue(db, ids)

        await self._write(work)

    async def adopt_evidence(self, rows: Sequence[EvidenceRow], destinations: Sequence[str]) -> None:
        """Files whose rows were lost with an earlier library have rows again; snapshots are sent once more."""

        def work(db: sqlite3.Connection) -> None:
            for row in rows:
                number = statements.insert(db, row)
                if number is not None and row.kind is EvidenceKind.SNAPSHOT:
                    statements.enqueue(db, number, destinations)

        await self._write(work)
