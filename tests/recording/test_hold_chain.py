"""From a press to the footage, in one piece: the alarm holds it, the janitor spares it, the verdict lets it go or keeps it (I7)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.model import Alarm, ClockState, Verdict
from gateway.recording.janitor import Janitor, Round
from gateway.recording.shelf import Shelf
from gateway.store import Journal
from gateway.store.files import FileThread
from gateway.store.library import Library
from tests.clocks import ManualClock
from tests.recording.world import MINUTE, shelve
from tests.sites import school
from tests.store.test_journal import PRESS, RELEASE

CAMERA = "cam-gate"
FOOTAGE = """
[recording]
dir = "{footage}"
min_free_gb = 0
[retention]
keep_days = 90
delete_after_days = 90
hold_days = 180
"""
DAY_S = 86400


@dataclass
class Gate:
    """The school's gate with a button and a camera; `files` are three minutes, the press falls into the second."""

    journal: Journal
    janitor: Janitor
    clock: ManualClock
    alarm: Alarm
    before: Path
    pressed: Path
    after: Path

    @property
    def there(self) -> list[bool]:
        """Which of the three files are still there."""
        return [path.exists() for path in (self.before, self.pressed, self.after)]

    async def age(self, days: float) -> Round:
        """Let days pass, then send the janitor round."""
        self.clock.advance(days * DAY_S)
        return await self.janitor.round()

    async def close(self, verdict: Verdict) -> None:
        """The button is released, a guard acknowledges and closes."""
        await self.journal.acknowledge(self.alarm.id, "zhang")
        await self.journal.report(RELEASE)
        await self.journal.close_alarm(self.alarm.id, "zhang", verdict)


@asynccontextmanager
async def pressed_at_the_gate(tmp_path: Path, *, test: bool = False) -> AsyncIterator[Gate]:
    """A press of the gate's button with three minutes of footage, from 100 s and 30 s before it and from 65 s after it."""
    site = school(tmp_path, more=FOOTAGE.format(footage=tmp_path / "footage"))
    clock = ManualClock()
    journal = await Journal.open(site, clock=clock)
    library = Library(site.recording_dir)
    await library.open(stamp="1")
    shelf, files = Shelf(site.recording_dir), FileThread()
    try:
        await journal.report(replace(PRESS, test=test))
        (alarm,) = journal.open_alarms.values()
        for offset_s in (-100, -30, 65):
            start = clock.now() + timedelta(seconds=offset_s)
            await shelve(shelf, library, start, camera=CAMERA, size=2000 + offset_s)
        found = await library.segments(CAMERA, clock.now() - 10 * MINUTE, clock.now() + 10 * MINUTE)
        janitor = Janitor(
            site,
            library=library,
            shelf=shelf,
            files=files,
            journal=journal,
            clock=clock,
            clock_state=lambda: ClockState.TRUSTED,
        )
        yield Gate(journal, janitor, clock, alarm, *(shelf.path(segment.path) for segment in found))
    finally:
        files.close()
        await library.close()
        await journal.close()


async def test_i7_an_open_alarm_keeps_its_footage_over_its_age(tmp_path: Path) -> None:
    """95 days on, nobody has closed the alarm: the minute of the press is there, byte for byte, its neighbours are gone."""
    async with pressed_at_the_gate(tmp_path) as gate:
        content = gate.pressed.read_bytes()

        assert (await gate.age(95)).deleted == 2
        assert gate.there == [False, True, False]
        assert gate.pressed.read_bytes() == content

        assert (await gate.age(1000)).deleted == 0
        assert gate.there == [False, True, False]


@pytest.mark.parametrize("verdict", [Verdict.FALSE, Verdict.TEST, Verdict.DRILL])
async def test_i7_what_was_nothing_holds_nothing_from_its_close_on(tmp_path: Path, verdict: Verdict) -> None:
    """Acknowledged and returned it still holds; closed as false, test or drill it lets go, and the next round deletes."""
    async with pressed_at_the_gate(tmp_path, test=verdict is Verdict.DRILL) as gate:
        await gate.age(95)
        await gate.journal.acknowledge(gate.alarm.id, "zhang")
        await gate.journal.report(RELEASE)
        assert (await gate.janitor.round()).deleted == 0
        assert gate.pressed.exists()

        await gate.journal.close_alarm(gate.alarm.id, "zhang", verdict)

        assert (await gate.janitor.round()).deleted == 1
        assert gate.there == [False, False, False]


async def test_i7_what_was_real_is_held_for_hold_days_after_its_close(tmp_path: Path) -> None:
    """Closed 95 days on: another 179 days it stays, on the 181st it goes."""
    async with pressed_at_the_gate(tmp_path) as gate:
        await gate.age(95)
        await gate.close(Verdict.REAL)

        assert (await gate.janitor.round()).deleted == 0
        assert (await gate.age(179)).deleted == 0
        assert gate.there == [False, True, False]

        assert (await gate.age(2)).deleted == 1
        assert gate.there == [False, False, False]


async def test_i7_a_second_press_holds_the_footage_around_it_too(tmp_path: Path) -> None:
    """Two minutes later, the alarm still open: one alarm holds both stretches, and lets both go."""
    async with pressed_at_the_gate(tmp_path) as gate:
        gate.clock.advance(100)
        await gate.journal.report(PRESS)

        assert (await gate.age(95)).deleted == 1
        assert gate.there == [False, True, True]

        await gate.close(Verdict.FALSE)
        assert (await gate.janitor.round()).deleted == 2
