"""What evidence needs of the journal: the presses, in order and each once; and telling of a file once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.clock import from_ms
from gateway.model import Alarm, EventType
from gateway.policy.evidence import Press
from gateway.store.core import JournalCore
from gateway.store.rows import ALARM_COLUMNS, alarm_of
from gateway.store.transaction import Transaction
from gateway.wire import JsonObject

#: Presses of one reading; where it begins anew, of all open alarms together.
PRESSES_LIMIT = 200
FRESH_LIMIT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Presses:
    """A page of presses, oldest first. `cursor` asks for the next one; `more`: there is one already."""

    presses: Sequence[Press]
    cursor: str | None
    more: bool


class EvidenceRecords(JournalCore):
    """The journal's side of evidence; its files and their rows are the library's."""

    async def presses(self, after: str | None) -> Presses:
        """The presses since the event `after`. Raises JournalUnwritable.

        Without it, or where this journal does not know it (lost, restored, in memory mode, so old that it was pruned):
        all presses of the alarms that are open now, some of which may have been told before.
        """
        known = await self._rows("select id from event where event_id = ?", (after,)) if after else []
        newest = await self._rows("select id, event_id from event order by id desc limit 1")
        if not newest:
            return Presses(presses=(), cursor=after, more=False)
        limit = PRESSES_LIMIT if known else FRESH_LIMIT
        which = "id > ?1" if known else "alarm_id in (select id from alarm where closed_ms is null)"
        rows = await self._rows(
            f"select event_id, alarm_id, recorded_ms, body from event where {which} and ?1 < id and id <= ?2"  # noqa: S608 - our own words
            " and type in (?3, ?4) order by id limit ?5",
            (
                known[0][0] if known else 0,
                newest[0][0],
                EventType.ALARM_RAISED.value,
                EventType.ALARM_REPEATED.value,
                limit,
            ),
        )
        alarms = await self._alarms({alarm for _, alarm, _, _ in rows})
        presses = [
            _press(alarms[alarm], recorded_ms, body)
            for _, alarm, recorded_ms, body in rows
            if alarm in alarms
        ]
        more = len(rows) == limit
        return Presses(presses=presses, cursor=rows[-1][0] if more else newest[0][1], more=more)

    async def _alarms(self, ids: set[str]) -> dict[str, Alarm]:
        rows = await self._rows(
            f"select {ALARM_COLUMNS} from alarm where id in (select value from json_each(?))",  # noqa: S608 - our own column list
            (json.dumps(sorted(ids)),),
        )
        return {alarm.id: alarm for alarm in map(alarm_of, rows)}

    async def announce_evidence(
        self, event_type: EventType, camera: str, *, alarm: str, data: JsonObject
    ) -> str:
        """Tell of a file, as an event of its alarm; the event's id. Raises JournalUnwritable.

        Asked again for the same evidence with the same SHA-256, it gives the event that told of it, as long as this
        journal has it (not in memory mode what the disk has: then the same evidence is told of twice).
        """

        def work(tx: Transaction) -> str:
            told = tx.db.execute(
                "select event_id from event where alarm_id = ? and type = ?"
                " and instr(body, ?) > 0 and instr(body, ?) > 0",
                (alarm, event_type.value, str(data["evidence"]).encode(), str(data["sha256"]).encode()),
            ).fetchone()
            if told is not None:
                return str(told[0])
            return tx.emit(event_type, camera, data, alarm_id=alarm)

        return await self._write(work)


def _press(alarm: Alarm, recorded_ms: int, body: bytes) -> Press:
    data = json.loads(body)["data"]
    return Press(
        alarm=alarm,
        number=data["repeats"],
        at=from_ms(recorded_ms),
        drill=data["drill"],
        clock=data["clock"],
    )
