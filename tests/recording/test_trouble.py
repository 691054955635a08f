"""The alarms `recording-lost`, in a real journal: raised, returned, and taken over from an earlier run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.model import GATEWAY, Kind
from gateway.recording.trouble import CALM_S, Trouble
from gateway.store import Journal
from tests.clocks import ManualClock
from tests.recording.world import site_of
from tests.wait import until


class Bench:
    """A journal, a clock moved by hand, and one run of the gateway after another."""

    def __init__(self, journal: Journal, clock: ManualClock) -> None:
        self.journal = journal
        self.clock = clock

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[Trouble]:
        """One run, which knows nothing of those before it."""
        trouble = Trouble(self.journal, self.clock)
        task = asyncio.create_task(trouble.run())
        yield trouble
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def active(self) -> set[str]:
        """The subjects of open alarms whose cause is still there."""
        return {
            alarm.source.subject
            for alarm in self.journal.open_alarms.values()
            if alarm.source.kind is Kind.RECORDING_LOST and alarm.returned_at is None
        }

    async def calm(self, *left: str) -> None:
        """Time goes by until only the alarms of these subjects are active."""

        def later() -> bool:
            self.clock.advance(CALM_S)
            return self.active() == set(left)

        await until(later)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """All is well."""
    clock = ManualClock()
    journal = await Journal.open(site_of(tmp_path, {"cam-1": "rtsp://127.0.0.1:9/1"}), clock=clock)
    yield Bench(journal, clock)
    await journal.close()


async def test_an_alarm_while_anything_is_wrong(bench: Bench) -> None:
    """It stays until the last of two troubles is over, and returns after a calm."""
    async with bench.run() as trouble:
        trouble.note("spool", "no room")
        trouble.note("library", "damaged")
        trouble.note("password", "cam-1 is not recorded", subject="cam-1")
        await until(lambda: bench.active() == {GATEWAY, "cam-1"})
        trouble.note("spool", "")
        trouble.note("password", "", subject="cam-1")
        await bench.calm(GATEWAY)
        trouble.note("library", "")
        await bench.calm()


async def test_an_alarm_of_an_earlier_run_returns(bench: Bench) -> None:
    """Raised, restarted, all well: it has returned, a camera's as well as the gateway's own."""
    async with bench.run() as trouble:
        trouble.note("spool", "no room")
        trouble.note("password", "cam-1 is not recorded", subject="cam-1")
        await until(lambda: bench.active() == {GATEWAY, "cam-1"})

    async with bench.run() as trouble:
        trouble.take_over()
        await bench.calm()


async def test_an_alarm_of_an_earlier_run_stays_while_its_cause_does(bench: Bench) -> None:
    """The trouble was found again before the alarm was taken over: it is the same alarm, and returns later."""
    async with bench.run() as trouble:
        trouble.note("spool", "no room")
        trouble.note("password", "cam-1 is not recorded", subject="cam-1")
        await until(lambda: bench.active() == {GATEWAY, "cam-1"})
    known = set(bench.journal.open_alarms)

    async with bench.run() as trouble:
        trouble.note("spool", "no room")
        trouble.take_over()
        await bench.calm(GATEWAY)
        trouble.note("spool", "")
        await bench.calm()
    assert set(bench.journal.open_alarms) == known
    assert [alarm.repeats for alarm in bench.journal.open_alarms.values()] == [0, 0]
