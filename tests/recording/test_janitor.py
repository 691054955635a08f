"""The janitor over real files, a real library and a real journal: invariants 7, 8 and 10 by procedure."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import JournalUnwritable
from gateway.model import ClockState, EventType, Kind
from gateway.policy.retention import Held
from gateway.recording.coverage import coverage_of
from gateway.recording.janitor import Janitor
from gateway.recording.shelf import Shelf, Space
from gateway.site import Site
from gateway.store import Journal
from gateway.store.files import FileThread
from gateway.store.library import Library, LibraryUnusable
from tests.clocks import ManualClock
from tests.recording.world import MINUTE, put, shelve, site_of
from tests.wait import until

DAY = timedelta(days=1)
FREE = 10_000_000_000


class SmallDisk(Shelf):
    """A shelf whose disk has as much free space as the test says, beside what is recorded."""

    free: int = FREE

    def space(self) -> Space:
        """As set."""
        return Space(free=self.free, size=0)

    def unlink(self, relative: str) -> None:
        """What goes makes room."""
        path = self.path(relative)
        if path.exists():
            self.free += path.stat().st_size
        super().unlink(relative)


@dataclass
class House:
    """A janitor and all it works on."""

    site: Site
    journal: Journal
    library: Library
    shelf: SmallDisk
    files: FileThread
    clock: ManualClock
    clock_state: ClockState = ClockState.TRUSTED
    janitor: Janitor = field(init=False)

    def __post_init__(self) -> None:
        self.hire(self.site)

    def hire(self, site: Site) -> None:
        """A janitor with the rules of that site file."""
        self.janitor = Janitor(
            site,
            library=self.library,
            shelf=self.shelf,
            files=self.files,
            journal=self.journal,
            clock=self.clock,
            clock_state=lambda: self.clock_state,
        )

    async def footage(self, *days: float, camera: str = "cam-1", trusted: bool = True) -> list[Path]:
        """Segments of 1000 bytes that ended so many days ago, oldest first; their files."""
        ids = [
            await shelve(self.shelf, self.library, self.ago(ago) - MINUTE, camera=camera, trusted=trusted)
            for ago in days
        ]
        found = await self.library.segments(camera, self.ago(1000), self.ago(-1000))
        return [
            self.shelf.path(segment.path)
            for segment in sorted(found, key=lambda s: s.id)
            if segment.id in ids
        ]

    def ago(self, days: float) -> datetime:
        """A time in the past."""
        return self.clock.now() - days * DAY

    def short_of(self, size: int) -> None:
        """Let the disk lack so many bytes of the free space it has to have."""
        self.shelf.free = int(self.site.recording.min_free_gb * 1_000_000_000) - size

    async def events(self, kind: EventType) -> list[str]:
        """The subjects of the journal's events of a type."""
        rows = await self.journal._rows("select subject from event where type = ? order by id", (kind.value,))
        return [row[0] for row in rows]

    def alarms(self) -> list[tuple[Kind, str]]:
        """Open alarms."""
        return [(alarm.source.kind, alarm.source.subject) for alarm in self.journal.open_alarms.values()]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Two cameras; cam-2 gives up its footage first. A gigabyte must be free, and is."""
    async with asyncio.timeout(60):
        cameras = {"cam-1": "rtsp://127.0.0.1:9/1", "cam-2": "rtsp://127.0.0.1:9/2"}
        site = site_of(tmp_path, cameras, recording="min_free_gb = 1", sacrifice={"cam-2": 5})
        clock = ManualClock()
        journal = await Journal.open(site, clock=clock)
        library = Library(site.recording_dir)
        await library.open(stamp="1")
        files = FileThread()
        yield House(site, journal, library, SmallDisk(site.recording_dir), files, clock)
        files.close()
        await library.close()
        await journal.close()


def with_retention(site: Site, **keys: object) -> Site:
    """The same site with other keys of [retention]."""
    return replace(site, retention=site.retention.model_copy(update=keys))


async def test_91_days_old_files_go_and_the_held_one_stays(house: House) -> None:
    """delete_after_days = 90: real files, an injected clock; a person's hold keeps one of them."""
    old = await house.footage(91.3, 91.2, 91.1)
    young = await house.footage(89.9)
    await house.journal.place_hold(
        "cam-1", house.ago(91.2) - MINUTE / 2, house.ago(91.2), reason="寻人", actor="guard"
    )
    house.hire(with_retention(house.site, delete_after_days=90))

    done = await house.janitor.round()

    assert [path.exists() for path in old] == [False, True, False]
    assert young[0].exists()
    assert (done.deleted, done.given_up) == (2, 0)
    assert await house.library.garbage(10) == []


async def test_without_a_privacy_limit_and_with_room_nothing_goes(house: House) -> None:
    """keep_days is a promise, not a limit."""
    old = await house.footage(300)

    assert (await house.janitor.round()).deleted == 0
    assert old[0].exists()


async def test_a_short_disk_takes_what_is_beyond_the_promise_first(house: House) -> None:
    """No alarm and no gap for that: the promise was kept."""
    old = await house.footage(92, 91)
    young = await house.footage(80, camera="cam-2")
    house.short_of(500)

    done = await house.janitor.round()

    assert [path.exists() for path in old + young] == [False, True, True]
    assert (done.deleted, done.given_up, done.stuck) == (1, 0, False)
    assert house.alarms() == []


async def test_i7_garbage_that_a_hold_overlaps_becomes_a_segment_again(house: House) -> None:
    """The hold came after the condemnation and before the unlink (a crash lay between): the footage is back."""
    [kept, gone] = await house.footage(95, 94)
    rows, _ = await house.library.oldest("cam-1", 10, held=Held([]))
    await house.library.condemn([row.id for row in rows], at=house.clock.now())
    await house.journal.place_hold("cam-1", house.ago(95), house.ago(95), reason="寻人", actor="guard")

    done = await house.janitor.round()

    assert (kept.exists(), gone.exists()) == (True, False)
    assert done.restored == 1
    assert [row.id for row in await house.library.segments("cam-1", house.ago(96), house.ago(90))] == [
        rows[0].id
    ]


async def test_i7_holds_are_read_again_right_before_the_unlink(house: House) -> None:
    """A hold that is placed while the round is under way, after the plan, still saves its footage."""
    [first, second] = await house.footage(95, 94)
    house.hire(with_retention(house.site, delete_after_days=90))
    condemn = house.library.condemn

    async def condemn_and_hold(ids: list[int], *, at: datetime) -> None:
        await condemn(ids, at=at)
        await house.journal.place_hold("cam-1", house.ago(94), house.ago(94), reason="寻人", actor="guard")

    house.library.condemn = condemn_and_hold  # type: ignore[method-assign, assignment]  # a hold in the nick of time
    done = await house.janitor.round()

    assert (first.exists(), second.exists()) == (False, True)
    assert done.restored == 1


async def test_i7_a_hold_that_comes_while_the_unlink_queues_saves_its_file(house: House) -> None:
    """The file thread is busy with a slow disk, the unlink waits behind that, a hold is committed: file and row stay."""
    [path] = await house.footage(95)
    rows, _ = await house.library.oldest("cam-1", 10, held=Held([]))
    await house.library.condemn([row.id for row in rows], at=house.clock.now())
    free = threading.Event()
    busy = asyncio.create_task(house.files.do(free.wait, 30.0))
    tidying = asyncio.create_task(house.janitor.round())
    try:
        await until(lambda: house.files._executor._work_queue.qsize() > 0, 10)
        await house.journal.place_hold("cam-1", house.ago(95), house.ago(95), reason="寻人", actor="guard")
    finally:
        free.set()
    await busy
    done = await tidying

    assert path.exists()
    assert (done.restored, await house.library.garbage(10)) == (1, [])
    found = await house.library.segments("cam-1", house.ago(96), house.ago(94))
    assert [row.id for row in found] == [rows[0].id]


async def test_i7_a_loop_that_does_not_answer_deletes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is so slow that the holds are not known in time: the file stays, the file thread goes on."""
    [path] = await house.footage(95)
    house.hire(with_retention(house.site, delete_after_days=90))
    rows, _ = await house.library.oldest("cam-1", 10, held=Held([]))
    await house.library.condemn([row.id for row in rows], at=house.clock.now())
    monkeypatch.setattr("gateway.store.files.ANSWER_LIMIT_S", 0.05)

    async def never(camera: str | None = None, *, at: datetime | None = None) -> list[object]:
        await asyncio.Event().wait()
        raise AssertionError(f"{camera} {at}")

    monkeypatch.setattr(house.journal, "live_holds", never)
    with pytest.raises(TimeoutError):
        await house.janitor.round()

    assert path.exists()
    assert await house.files.do(lambda: 1) == 1


async def test_i7_a_hold_that_has_ended_holds_no_more(house: House) -> None:
    """`expires` is what the guard or the close of the alarm said."""
    [old] = await house.footage(95)
    await house.journal.place_hold(
        "cam-1", house.ago(96), house.ago(94), reason="寻人", actor="guard", expires=house.ago(-1)
    )
    house.hire(with_retention(house.site, delete_after_days=90))
    await house.janitor.round()
    assert old.exists()

    house.clock.advance(2 * 86400)
    await house.janitor.round()
    assert not old.exists()


async def test_i7_nothing_is_deleted_while_holds_can_not_be_proved(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is in memory: no plan, no unlink, whatever the age."""
    [old] = await house.footage(95)
    house.hire(with_retention(house.site, delete_after_days=90))

    async def refuse(camera: str | None = None, *, at: datetime | None = None) -> list[object]:
        raise JournalUnwritable(f"{camera} {at}")

    monkeypatch.setattr(house.journal, "live_holds", refuse)
    with pytest.raises(JournalUnwritable):
        await house.janitor.round()

    assert old.exists()
    assert await house.library.garbage(10) == []


async def test_i8_what_is_given_up_is_an_alarm_and_on_record_before_it_goes(house: House) -> None:
    """The camera of the highest rank first; its stretch is a gap `given-up`, its alarm open, an event sent."""
    promised = await house.footage(80, 79)
    sacrificed = await house.footage(10, 10 - 1 / 1440, camera="cam-2")
    house.short_of(1500)

    done = await house.janitor.round()

    assert [path.exists() for path in promised + sacrificed] == [True, True, False, False]
    assert done.given_up == 2
    assert house.alarms() == [(Kind.RETENTION_RISK, "cam-2")]
    assert [
        (gap.cause, gap.start) for gap in await house.journal.gaps("cam-2", house.ago(11), house.ago(9))
    ] == [("given-up", house.ago(10) - MINUTE)]
    assert await house.events(EventType.DEGRADED) == ["cam-2"]
    found = await coverage_of(
        house.library,
        house.journal,
        "cam-2",
        start=house.ago(10) - MINUTE,
        end=house.ago(10),
        now=house.clock.now(),
        unfinished=MINUTE,
    )
    assert (found.share, [gap.cause for gap in found.gaps]) == (0, ["given-up"])


async def test_i8_the_record_is_written_before_the_footage_is_condemned(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the journal does not take the record, nothing is given up."""
    [path] = await house.footage(10)
    house.short_of(500)

    async def refuse(*_: object) -> None:
        raise JournalUnwritable("full")

    monkeypatch.setattr(house.journal, "record_gap", refuse)
    with pytest.raises(JournalUnwritable):
        await house.janitor.round()

    assert path.exists()
    assert (await house.library.totals())["cam-1"].segments == 1


async def test_i8_a_round_that_fails_again_and_again_is_recorded_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library does not take the condemnation, the shortage grows meanwhile: each stretch is a gap once."""
    await house.footage(10, 10 - 1 / 1440)
    house.short_of(500)

    async def refuse(ids: list[int], *, at: datetime) -> None:
        raise LibraryUnusable(f"{ids} {at}")

    with monkeypatch.context() as patched:
        patched.setattr(house.library, "condemn", refuse)
        for short in (500, 500, 1500, 1500):
            house.short_of(short)
            with pytest.raises(LibraryUnusable):
                await house.janitor.round()
    assert (await house.janitor.round()).given_up == 2

    gaps = await house.journal.gaps("cam-1", house.ago(11), house.ago(9))
    assert [(gap.start, gap.end) for gap in gaps] == [
        (house.ago(10) - MINUTE, house.ago(10)),
        (house.ago(10), house.ago(10) + MINUTE),
    ]


async def test_i8_the_shortage_is_forecast_before_it_comes(house: House) -> None:
    """Footage of an hour tells that 90 days won't fit: an alarm for the camera of the highest rank, nothing deleted."""
    for n in range(60):
        for camera in ("cam-1", "cam-2"):
            await shelve(
                house.shelf, house.library, house.clock.now() - (60 - n) * MINUTE, camera=camera, size=10_000
            )
    house.shelf.free = 1_000_000_000 + 2_000_000_000  # 1.3 GB each are needed: 14.4 MB a day for 90 days

    done = await house.janitor.round()

    days = {forecast.camera: forecast.days for forecast in done.forecasts}
    assert days["cam-1"] > 90
    assert 40 < days["cam-2"] < 60
    assert house.alarms() == [(Kind.RETENTION_RISK, "cam-2")]
    assert done.deleted == 0

    house.shelf.free *= 2
    house.clock.advance(700)
    await house.janitor.round()

    [alarm] = house.journal.open_alarms.values()
    assert alarm.returned_at is not None


async def test_newest_stops_recording_instead(house: House) -> None:
    """when_full = newest: nothing of the promise goes, and the round says that recording is stuck."""
    [path] = await house.footage(80)
    house.hire(with_retention(house.site, when_full="newest"))
    house.short_of(500)

    assert (await house.janitor.round()).stuck
    assert path.exists()

    house.shelf.free = FREE
    assert not (await house.janitor.round()).stuck


async def test_a_disk_full_of_held_footage_stops_recording(house: House) -> None:
    """A hold is absolute: rather no new footage."""
    [path] = await house.footage(80)
    await house.journal.place_hold("cam-1", house.ago(100), house.ago(-1), reason="封存", actor="guard")
    house.short_of(500)

    assert (await house.janitor.round()).stuck
    assert path.exists()


async def test_i10_an_untrusted_clock_deletes_nothing_by_age(house: House) -> None:
    """A clock that jumped ten years ahead: all footage looks old, none of it goes; nor do holds end."""
    paths = await house.footage(10, 5)
    await house.journal.place_hold(
        "cam-1", house.ago(5) - MINUTE, house.ago(5), reason="寻人", actor="guard", expires=house.ago(-30)
    )
    house.hire(with_retention(house.site, delete_after_days=90))
    house.clock.step(3650 * 86400)
    house.clock_state = ClockState.UNTRUSTED

    assert (await house.janitor.round()).deleted == 0

    house.short_of(1500)
    done = await house.janitor.round()

    assert [path.exists() for path in paths] == [False, True]
    assert (done.given_up, done.stuck) == (1, True)


async def test_i10_footage_of_an_untrusted_clock_is_not_old_because_its_stamp_is(house: House) -> None:
    """Stamped 1970, recorded yesterday: it stays until trusted footage recorded after it is old enough."""
    house.clock.step(-20_000 * 86400)
    [stray] = await house.footage(0, trusted=False)
    house.clock.step(20_000 * 86400)
    house.hire(with_retention(house.site, delete_after_days=90))

    await house.janitor.round()
    assert stray.exists()

    await house.footage(0)
    house.clock.advance(91 * 86400)
    await house.janitor.round()
    assert not stray.exists()


async def test_untrusted_footage_of_a_camera_that_is_gone_gets_an_age(house: House) -> None:
    """cam-2 is no longer recorded; what cam-1 records after it says how old cam-2's stray footage is at most."""
    house.clock.step(-20_000 * 86400)
    [stray] = await house.footage(0, camera="cam-2", trusted=False)
    house.clock.step(20_000 * 86400)
    house.hire(with_retention(house.site, delete_after_days=90))
    await house.footage(0)

    house.clock.advance(90 * 86400)
    await house.janitor.round()
    assert stray.exists()

    house.clock.advance(3601)
    await house.janitor.round()
    assert not stray.exists()


async def test_an_old_orphan_adopted_late_goes_by_its_age(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row stands behind more newer ones than a round looks at; a held one beside it stays."""
    monkeypatch.setattr("gateway.recording.janitor.LOOK_LIMIT", 3)
    young = await house.footage(5, 4, 3, 2, 1)
    orphans = [put(house.shelf, house.ago(ago)) for ago in (100, 99)]
    await house.library.add_segments(orphans)
    await house.journal.place_hold("cam-1", house.ago(100), house.ago(100), reason="寻人", actor="guard")
    house.hire(with_retention(house.site, delete_after_days=90))

    done = await house.janitor.round()

    assert [house.shelf.path(orphan.path).exists() for orphan in orphans] == [True, False]
    assert all(path.exists() for path in young)
    assert done.deleted == 1


async def test_a_round_is_bounded_and_says_that_there_is_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three rounds of two files instead of one of six."""
    monkeypatch.setattr("gateway.recording.janitor.DELETE_LIMIT", 2)
    await house.footage(*(100 - n / 100 for n in range(5)))
    house.hire(with_retention(house.site, delete_after_days=90))

    rounds = [await house.janitor.round() for _ in range(3)]

    assert [(done.deleted, done.unfinished) for done in rounds] == [(2, True), (2, True), (1, False)]


async def test_a_file_that_can_not_be_unlinked_is_not_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EROFS at the second file: the first is forgotten, the rest stays garbage and goes when the disk lets it."""
    paths = await house.footage(93, 92, 91)
    house.hire(with_retention(house.site, delete_after_days=90))
    unlink = house.shelf.unlink

    def refuse(relative: str) -> None:
        if house.shelf.path(relative) == paths[1]:
            raise OSError(30, "Read-only file system")
        unlink(relative)

    monkeypatch.setattr(house.shelf, "unlink", refuse)
    with pytest.raises(OSError, match="Read-only"):
        await house.janitor.round()
    assert [path.exists() for path in paths] == [False, True, True]
    assert len(await house.library.garbage(10)) == 2

    monkeypatch.undo()
    await house.janitor.round()
    assert not any(path.exists() for path in paths)
    assert await house.library.garbage(10) == []


async def test_the_open_segment_is_never_touched(house: House) -> None:
    """What the recorder writes is in the spool: however short the disk, the janitor knows nothing of it."""
    spooled = house.shelf.spool / "cam-1" / "1700000000000.mp4"
    spooled.parent.mkdir(parents=True)
    spooled.write_bytes(b"being written")
    await house.footage(300, 80)
    house.hire(with_retention(house.site, delete_after_days=90))
    house.short_of(1_000_000)

    done = await house.janitor.round()

    assert (done.deleted, done.stuck) == (2, True)
    assert spooled.exists()
