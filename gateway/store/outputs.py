"""What the journal keeps for outputs: whose sound is silenced, and when each output was last tested."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.clock import from_ms, to_ms
from gateway.model import Alarm, EventType, Silence
from gateway.site.site import OutputEntry
from gateway.store.core import JournalCore
from gateway.store.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTest:
    """When an output was last tested, and whether it could be switched."""

    output: str
    at: datetime
    ok: bool


class OutputRecords(JournalCore):
    """Silences are in memory too, so that nobody waits for the disk to know what is to sound."""

    def silence_of(self, alarm: Alarm) -> Silence | None:
        """Who has silenced the alarm's sound since the last press."""
        silence = self._mirror.silences.get(alarm.id)
        return silence if silence is not None and silence.covers(alarm) else None

    def is_silenced(self, alarm: Alarm) -> bool:
        """Whether a person has silenced the alarm's sound since the last press."""
        return self.silence_of(alarm) is not None

    async def record_output_test(self, entry: OutputEntry, *, actor: str, reason: str) -> None:
        """Keep that an output was tested, as an event too; it failed if there is a reason. Raises JournalUnwritable."""

        def work(tx: Transaction) -> None:
            tx.db.execute(
                "insert or replace into output_test (output, tested_ms, ok) values (?,?,?)",
                (entry.id, to_ms(tx.now), int(not reason)),
            )
            tx.emit(
                EventType.OUTPUT_TESTED,
                entry.id,
                {
                    "output": entry.id,
                    "name": entry.name,
                    "device": entry.device,
                    "ok": not reason,
                    "reason": reason,
                    "actor": actor,
                },
            )

        await self._write(work)

    async def output_tests(self) -> Mapping[str, OutputTest]:
        """The last test of each output that ever had one. Raises JournalUnwritable."""
        rows = await self._rows("select output, tested_ms, ok from output_test")
        return {output: OutputTest(output=output, at=from_ms(at), ok=bool(ok)) for output, at, ok in rows}
