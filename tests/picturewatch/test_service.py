"""The picture watch over a real journal: alarms raised and returned, their pictures kept, what an earlier run left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import pytest

from gateway.bench.yard import Moment, Yard
from gateway.footage import Growing, Piece
from gateway.media.look import Look
from gateway.media.measure import Watcher
from gateway.media.values import MediaDown
from gateway.model import Kind
from gateway.picturewatch import PictureWatch
from gateway.picturewatch.evidence import MOST
from gateway.picturewatch.service import ACCEPT_AFTER_S
from gateway.store import Journal
from tests.clocks import START, ManualClock
from tests.media.film import growing, media
from tests.sites import school
from tests.wait import until

CAMERA = "cam-gate"


class Films:
    """One camera's growing file."""

    def __init__(self, path: Path) -> None:
        self.now: Growing | None = Growing(camera=CAMERA, path=path, start=START)

    async def pieces(self, camera: str, start: datetime, end: datetime) -> list[Piece]:
        """Never asked for."""
        raise AssertionError(f"{camera} {start} {end}")

    def begin(self, start: datetime) -> None:
        """The next file."""
        assert self.now is not None
        self.now = replace(self.now, start=start)

    def growing(self, camera: str) -> Growing | None:
        """The file."""
        assert camera == CAMERA
        return self.now


@dataclass
class Lens:
    """Measures what a drawn yard shows, in this process."""

    clock: ManualClock
    moment: Moment = field(default_factory=Moment)
    broken: bool = False
    empty_s: float = 0.0  # there is no picture in a file younger than this
    _yard: Yard = field(default_factory=lambda: Yard(1))
    _watchers: dict[Path, Watcher] = field(default_factory=dict)

    async def look(self, camera: str, growing: Piece, memory_dir: Path) -> Look:
        """As the media process does."""
        if self.broken:
            raise MediaDown("broken by the test")
        if (growing.end - growing.start).total_seconds() < self.empty_s:
            raise MediaDown(f"{growing.path.name}: no picture in it yet")
        watcher = self._watchers.setdefault(memory_dir, Watcher(camera, memory_dir))
        at = self.clock.now()
        assert growing.end == at
        return watcher.look(self._yard.picture(self.moment, str(at)), at)


class World:
    """A journal, a camera, and one run of the watch after another."""

    def __init__(self, tmp_path: Path, journal: Journal, more: str = "") -> None:
        self.clock = ManualClock()
        self.journal = journal
        self.site = school(tmp_path, more=more)
        self.films = Films(tmp_path / "growing.mp4")
        self.lens = Lens(self.clock)
        self.watch = self.watching()

    def watching(self) -> PictureWatch:
        """A run that knows nothing of those before it."""
        self.watch = PictureWatch(self.site, self.journal, self.clock, self.films, self.lens)
        return self.watch

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[PictureWatch]:
        """Until the block ends."""
        watch = self.watching()
        task = asyncio.create_task(watch.run())
        try:
            yield watch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def later(self, held: Callable[[], bool]) -> None:
        """Time goes by, look by look, until this holds."""

        def passed() -> bool:
            if self.clock._sleepers:
                self.clock.advance(self.site.picture.every_s)
            return held()

        await until(passed, 30)

    async def looks(self, count: int) -> None:
        """So many more looks."""
        wanted = self.watch.looks(CAMERA).done + count
        await self.later(lambda: self.watch.looks(CAMERA).done >= wanted)

    def active(self) -> set[Kind]:
        """What is in alarm and has not returned."""
        return {
            alarm.source.kind
            for alarm in self.journal.open_alarms.values()
            if alarm.source.subject == CAMERA and alarm.returned_at is None
        }


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A good picture."""
    journal = await Journal.open(school(tmp_path), clock=ManualClock())
    yield World(tmp_path, journal)
    await journal.close()


async def test_a_covered_camera_is_an_alarm_with_its_two_pictures(world: World) -> None:
    """One alarm of one kind; it returns when the scene is seen again, and its pictures stay."""
    async with world.run() as watch:
        await world.looks(6)
        assert world.active() == set()
        world.lens.moment = Moment(cover="hand")
        await world.later(lambda: world.active() == {Kind.CAMERA_COVERED})
        (alarm,) = world.journal.open_alarms.values()
        assert alarm.detail
        world.lens.moment = Moment()
        await world.later(lambda: not world.active())
        (pair,) = await watch.pictures(CAMERA)
        assert pair.kind is Kind.CAMERA_COVERED
        assert pair.before is not None
        before, now = cv2.imread(str(pair.before)), cv2.imread(str(pair.now))
        assert before is not None
        assert now is not None
        assert now.std() < before.std() * 0.7


async def test_a_restart_takes_over_what_was_left(world: World) -> None:
    """The alarm of the last run is neither raised again nor left for ever."""
    async with world.run():
        await world.looks(6)
        world.lens.moment = Moment(light=0.0)
        await world.later(lambda: world.active() == {Kind.CAMERA_BLACK})
    async with world.run():
        await world.looks(8)
        assert world.active() == {Kind.CAMERA_BLACK}
        assert len(world.journal.open_alarms) == 1
        world.lens.moment = Moment()
        await world.later(lambda: not world.active())


async def test_an_alarm_of_a_camera_no_longer_watched_returns(world: World, tmp_path: Path) -> None:
    """Nobody would ever say that it is over."""
    await world.journal.raise_own(Kind.CAMERA_MOVED, "cam-gone", "left behind")
    async with world.run():
        await until(lambda: all(alarm.returned_at for alarm in world.journal.open_alarms.values()))


async def test_a_look_that_fails_is_counted_and_is_no_alarm(world: World) -> None:
    """Nor does it end one: the camera may still be covered."""
    async with world.run() as watch:
        await world.looks(6)
        world.lens.moment = Moment(cover="cloth")
        await world.later(lambda: world.active() == {Kind.CAMERA_COVERED})
        world.lens.broken = True
        await world.later(lambda: watch.looks(CAMERA).failed >= 10)
        assert world.active() == {Kind.CAMERA_COVERED}
        world.lens.broken, world.lens.moment = False, Moment()
        await world.later(lambda: not world.active())


async def test_a_camera_that_is_not_recorded_is_not_looked_at(world: World) -> None:
    """That is an alarm of the recording already."""
    async with world.run() as watch:
        await world.looks(1)
        world.films.now = None
        before = watch.looks(CAMERA)
        monotonic = world.clock.monotonic()
        await world.later(lambda: world.clock.monotonic() > monotonic + 100)
        assert watch.looks(CAMERA).done <= before.done + 1
        assert watch.looks(CAMERA).failed == 0


async def test_a_file_that_has_just_begun_is_looked_at_a_little_later(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With a new file every 5 s and a look every 2 s no look fails, nothing is logged, and each file is looked at."""
    world = World(tmp_path, world.journal, "[picture]\nevery_s = 2\n")
    world.lens.empty_s = 2.0
    async with world.run() as watch:
        for _ in range(12):
            done = watch.looks(CAMERA).done
            world.films.begin(world.clock.now())
            for _ in range(10):
                await until(lambda: bool(world.clock._sleepers))
                world.clock.advance(0.5)
            await until(lambda: bool(world.clock._sleepers))
            assert watch.looks(CAMERA).done > done
        assert watch.looks(CAMERA).failed == 0
    assert [record.message for record in caplog.records if "look" in record.message] == []


async def test_a_file_from_the_future_is_looked_at(world: World) -> None:
    """A clock that was set back makes no file young for hours."""
    world.films.begin(START + timedelta(hours=1))
    async with world.run():
        await world.looks(2)


async def test_a_moved_camera_that_a_person_leaves_so_is_right(world: World) -> None:
    """Acknowledged and not put back: its new view is learned, and the alarm returns."""
    async with world.run():
        await world.looks(6)
        world.lens.moment = Moment(pan=(0.3, 0.0))
        await world.later(lambda: world.active() == {Kind.CAMERA_MOVED})
        await world.looks(4)
        assert world.active() == {Kind.CAMERA_MOVED}
        (alarm,) = world.journal.open_alarms
        await world.journal.acknowledge(alarm, "guard")
        acknowledged = world.clock.monotonic()
        await world.later(lambda: not world.active())
        assert world.clock.monotonic() - acknowledged > ACCEPT_AFTER_S / 2


async def test_a_person_accepts_a_picture(world: World) -> None:
    """A wall was built: what is seen now is learned at once."""
    async with world.run() as watch:
        await world.looks(6)
        world.lens.moment = Moment(cover="partial")
        await world.later(lambda: world.active() == {Kind.CAMERA_COVERED})
        await watch.accept(CAMERA)
        await world.later(lambda: not world.active())


async def test_only_the_last_pairs_are_kept(world: World) -> None:
    """The bound holds however often a camera is bad."""
    async with world.run() as watch:
        await world.looks(2)
        world.lens.moment = Moment(light=0.0)
        await world.looks(1)
        memory_dir = world.site.recording_dir / "reference"
        for _ in range(MOST + 3):
            world.clock.advance(60)
            look = await world.lens.look(CAMERA, _piece(world), memory_dir)
            await asyncio.to_thread(watch._evidence.keep, CAMERA, Kind.CAMERA_BLACK, look)
        pairs = await watch.pictures(CAMERA)
        assert len(pairs) == MOST
        assert pairs[0].at > pairs[-1].at
        folder = world.site.recording_dir / "evidence" / "picture" / CAMERA
        assert len(list(folder.iterdir())) == 2 * MOST


async def test_the_media_process_looks(tmp_path: Path) -> None:
    """A real growing file, a real process: the same key frame twice is one fresh look."""
    with growing(tmp_path / "a.mp4", 0, 5) as piece:
        async with media() as process:
            first = await process.look(CAMERA, piece, tmp_path / "reference")
            again = await process.look(CAMERA, piece, tmp_path / "reference")
    assert (first.fresh, again.fresh) == (True, False)
    assert first.at == again.at
    assert first.measures.dark < 1


def _piece(world: World) -> Piece:
    return Piece(path=world.films.growing(CAMERA).path, start=START, end=world.clock.now(), growing=True)  # type: ignore[union-attr]  # it grows
