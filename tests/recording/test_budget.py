"""The janitor and a budget (`[recording] max_gb`): real files on a disk with plenty of room, more of them than there may be."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import to_ms
from gateway.model import EventType, Kind
from gateway.recording.shelf import Shelf
from gateway.site import Site
from gateway.store import Journal
from gateway.store.files import FileThread
from gateway.store.library import Library
from gateway.store.library_rows import NewSegment
from tests.clocks import ManualClock
from tests.recording.test_janitor import DAY, House, SmallDisk, with_retention
from tests.recording.test_service import CLOCK, running
from tests.recording.world import MINUTE, put, shelve, site_of
from tests.wait import until

CAMERAS = {"cam-1": "rtsp://127.0.0.1:9/1", "cam-2": "rtsp://127.0.0.1:9/2"}


class Witnessed(SmallDisk):
    """A shelf with ten gigabytes to spare that notes what goes, and whether the journal's file had told of it by then."""

    def __init__(self, directory: Path, journal: Path) -> None:
        super().__init__(directory)
        self._journal = journal
        self.gone: set[Path] = set()
        self.untold: list[str] = []

    def unlink(self, relative: str) -> None:
        """Look at the journal as another process would, then let the file go."""
        segment = self.read_name(relative)
        assert segment is not None
        if not self._is_told(segment):
            self.untold.append(relative)
        self.gone.add(self.path(relative))
        super().unlink(relative)

    def _is_told(self, segment: NewSegment) -> bool:
        """Whether an open alarm and a gap over the whole of it are committed."""
        db = sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True)
        try:
            gaps = db.execute(
                "select count(*) from gap where camera = ? and cause = 'given-up' and from_ms <= ? and to_ms >= ?",
                (segment.camera, to_ms(segment.start), to_ms(segment.end)),
            ).fetchone()
            alarms = db.execute(
                "select count(*) from alarm where subject = ? and kind = ? and closed_ms is null",
                (segment.camera, Kind.RETENTION_RISK.value),
            ).fetchone()
        finally:
            db.close()
        return bool(gaps[0] and alarms[0])


@pytest.fixture
def shelf(tmp_path: Path) -> Witnessed:
    """Where the footage lies."""
    site = site_of(tmp_path, CAMERAS)
    return Witnessed(site.recording_dir, site.site.state_dir / "journal.db")


@pytest.fixture
async def house(tmp_path: Path, shelf: Witnessed) -> AsyncIterator[House]:
    """Two cameras, no budget yet; cam-2 gives up its footage first."""
    site = site_of(tmp_path, CAMERAS, sacrifice={"cam-2": 5})
    clock = ManualClock()
    journal = await Journal.open(site, clock=clock)
    library = Library(site.recording_dir)
    await library.open(stamp="1")
    files = FileThread()
    yield House(site, journal, library, shelf, files, clock)
    files.close()
    await library.close()
    await journal.close()


def with_budget(site: Site, size: int) -> Site:
    """The same site with `max_gb` so many bytes."""
    return replace(site, recording=site.recording.model_copy(update={"max_gb": size / 1_000_000_000}))


async def test_surplus_over_the_budget_goes_oldest_first_and_no_more_of_it(
    house: House, shelf: Witnessed
) -> None:
    """By age across cameras, whatever their rank; within the budget nothing goes, and nothing is told of surplus."""
    one = await house.footage(97, 95, 20)
    two = await house.footage(96, 94, camera="cam-2")
    house.hire(with_budget(house.site, 5500))
    assert (await house.janitor.round()).deleted == 0

    house.hire(with_budget(house.site, 2500))
    done = await house.janitor.round()

    assert shelf.gone == {one[0], two[0], one[1]}
    assert [path.exists() for path in one + two] == [False, False, True, False, True]
    assert (done.deleted, done.given_up, done.freed_bytes, done.stuck) == (3, 0, 3000, False)
    assert house.alarms() == []
    assert await house.events(EventType.DEGRADED) == []
    assert (await house.janitor.round()).deleted == 0


async def test_i7_what_is_held_stays_though_it_is_over_the_budget(house: House, shelf: Witnessed) -> None:
    """The next oldest goes instead; where all that is left is held, nothing does and recording has to stop."""
    paths = await house.footage(97, 96, 95)
    await house.journal.place_hold("cam-1", house.ago(97), house.ago(97), reason="寻人", actor="guard")
    house.hire(with_budget(house.site, 2500))

    assert not (await house.janitor.round()).stuck
    assert shelf.gone == {paths[1]}

    await house.journal.place_hold("cam-1", house.ago(95), house.ago(95), reason="寻人", actor="guard")
    house.hire(with_budget(house.site, 500))

    assert (await house.janitor.round()).stuck
    assert [path.exists() for path in paths] == [True, False, True]


async def test_i8_what_the_budget_takes_of_the_promise_is_told_before_it_goes(
    house: House, shelf: Witnessed
) -> None:
    """Surplus first, then the highest rank's oldest; when it is unlinked its gap and its alarm are committed."""
    [surplus, promised] = await house.footage(95, 80)
    sacrificed = await house.footage(12, 11, 10, camera="cam-2")
    house.hire(with_budget(house.site, 2500))

    done = await house.janitor.round()

    assert shelf.gone == {surplus, *sacrificed[:2]}
    assert promised.exists()
    assert sacrificed[2].exists()
    assert shelf.untold == [surplus.relative_to(shelf.root).as_posix()]
    assert (done.deleted, done.given_up) == (3, 2)
    assert house.alarms() == [(Kind.RETENTION_RISK, "cam-2")]
    gaps = await house.journal.gaps("cam-2", house.ago(13), house.ago(9))
    assert [(gap.cause, gap.start, gap.end) for gap in gaps] == [
        ("given-up", house.ago(ago) - MINUTE, house.ago(ago)) for ago in (12, 11)
    ]
    assert await house.journal.gaps("cam-1", house.ago(100), house.ago(0)) == []
    assert await house.events(EventType.DEGRADED) == ["cam-2"]


async def test_newest_keeps_the_promise_and_stops_recording_at_the_budget(
    house: House, shelf: Witnessed
) -> None:
    """when_full = newest: surplus goes, then nothing more, and the round says that recording is stuck."""
    [surplus, promised] = await house.footage(95, 80)
    house.hire(with_retention(with_budget(house.site, 500), when_full="newest"))

    assert (await house.janitor.round()).stuck
    assert shelf.gone == {surplus}
    assert promised.exists()
    assert house.alarms() == []


async def test_i8_a_budget_that_can_not_hold_the_promise_is_an_alarm_before_anything_goes(
    house: House, shelf: Witnessed
) -> None:
    """An hour's footage tells: 14.4 MB a day and 60 days of budget, on a disk that would hold years of it."""
    for n in range(60, 0, -1):
        await shelve(shelf, house.library, house.clock.now() - n * MINUTE, size=10_000)
    house.hire(with_budget(house.site, 60 * 14_400_000))

    done = await house.janitor.round()

    [expected] = done.forecasts
    assert 59 < expected.days < 61
    assert house.alarms() == [(Kind.RETENTION_RISK, "cam-1")]
    assert (done.deleted, shelf.gone) == (0, set())


async def test_the_site_files_max_gb_rules_the_running_daemon(tmp_path: Path) -> None:
    """The key as a school writes it, the shelf as it is: at the start the daemon takes the surplus of 95 days ago."""
    site = site_of(tmp_path, {}, recording="min_free_gb = 0\nmax_gb = 0.0000025")
    shelf = Shelf(site.recording_dir)
    seeded = [put(shelf, CLOCK.now() - 95 * DAY + n * timedelta(hours=1)) for n in range(4)]
    assert shelf.space().free > 1_000_000

    async with running(site) as daemon:
        await until(lambda: daemon.service.stats.deleted > 0, 20)
        await until(daemon.has_no_garbage, 10)
        assert [segment.path for segment in await daemon.segments()] == [file.path for file in seeded[2:]]
        assert (daemon.service.stats.deleted, daemon.service.stats.given_up) == (2, 0)

    assert [shelf.path(file.path).exists() for file in seeded] == [False, False, True, True]


async def test_a_budget_that_was_stuck_gives_up_no_more_than_is_missing(
    house: House, shelf: Witnessed
) -> None:
    """I8: whatever the file system's size; and recording goes on, for what is left can make way for it."""
    paths = await house.footage(3, 2, 1)
    await house.journal.place_hold(
        "cam-1", house.ago(9), house.ago(0), reason="寻人", actor="guard", expires=house.clock.now() + DAY
    )
    house.hire(with_budget(house.site, 2500))
    assert (await house.janitor.round()).stuck

    house.clock.advance(DAY.total_seconds() + 1)
    done = await house.janitor.round()

    assert [path.exists() for path in paths] == [False, True, True]
    assert (done.given_up, done.stuck) == (1, False)
    assert not (await house.janitor.round()).stuck
