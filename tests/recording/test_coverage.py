"""Coverage asked of a real library and a real journal."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.policy.coverage import Coverage
from gateway.recording.coverage import coverage_of
from gateway.recording.shelf import Shelf
from gateway.store import Journal
from gateway.store.library import Library
from tests.clocks import START, ManualClock
from tests.recording.world import MINUTE, shelve, site_of


class World:
    """A library and a journal, an hour after START."""

    def __init__(self, shelf: Shelf, library: Library, journal: Journal) -> None:
        self.shelf = shelf
        self.library = library
        self.journal = journal
        self.now = START + timedelta(hours=1)

    async def record(self, *minutes: int) -> None:
        """These minutes after START are on the shelf."""
        for minute in minutes:
            await shelve(self.shelf, self.library, START + minute * MINUTE, size=1)

    async def ask(self, start: float, end: float) -> Coverage:
        """Coverage between two minutes after START."""
        return await coverage_of(
            self.library,
            self.journal,
            "cam-1",
            start=START + start * MINUTE,
            end=START + end * MINUTE,
            now=self.now,
            unfinished=2 * MINUTE,
        )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Empty."""
    site = site_of(tmp_path, {"cam-1": "rtsp://127.0.0.1:9/1"})
    library = Library(site.recording_dir)
    await library.open(stamp="1")
    journal = await Journal.open(site, clock=ManualClock())
    yield World(Shelf(site.recording_dir), library, journal)
    await journal.close()
    await library.close()


async def test_the_minute_that_is_being_recorded_is_no_gap(world: World) -> None:
    """It has no row yet: the answer reaches as far as the shelf does, and says so."""
    await world.record(*range(59))

    found = await world.ask(0, 120)

    assert found.share == 1.0
    assert found.end == START + 59 * MINUTE


async def test_an_open_gap_reaches_to_now(world: World) -> None:
    """The camera has been away for a minute: that is missing, however young."""
    await world.record(*range(59))
    await world.journal.open_gap("cam-1", "network", START + 59 * MINUTE)

    found = await world.ask(0, 120)

    assert found.end == world.now
    assert [(gap.cause, gap.end) for gap in found.gaps] == [("network", world.now)]


async def test_footage_that_stopped_long_ago_is_a_gap(world: World) -> None:
    """No row and no footage for longer than a segment takes: unknown, not "being recorded"."""
    await world.record(*range(50))

    found = await world.ask(0, 60)

    assert [(gap.cause, gap.start) for gap in found.gaps] == [("unknown", START + 50 * MINUTE)]
    assert round(found.share, 3) == round(50 / 60, 3)


async def test_more_segments_than_a_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long times are read page by page, without losing what lies between pages."""
    monkeypatch.setattr("gateway.recording.footage._PAGE", 7)
    await world.record(*range(20), *range(21, 50))

    found = await world.ask(0, 50)

    assert [(gap.start, gap.end) for gap in found.gaps] == [(START + 20 * MINUTE, START + 21 * MINUTE)]
