"""The library: which footage there is. Invariants 6, 7 and 10 as far as rows go."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.policy.retention import Held
from gateway.store.database import connect
from gateway.store.library import Library, LibraryUnusable
from gateway.store.library_rows import NewSegment, Total
from tests.store.test_disk import break_writes

START = datetime(2026, 3, 12, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Hold:
    camera: str
    start: datetime
    end: datetime


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    """An open library in a folder that does not exist yet."""
    library = Library(tmp_path / "footage")
    await library.open(stamp="1")
    yield library
    await library.close()


def minute(number: int, *, camera: str = "cam-1", size: int = 10, trusted: bool = True) -> NewSegment:
    """The camera's n-th minute."""
    start = START + number * MINUTE
    path = f"{camera}/{start:%Y-%m-%d}/{start:%H%M}.mp4"
    return NewSegment(camera=camera, start=start, end=start + MINUTE, bytes=size, path=path, trusted=trusted)


NO_HOLDS = Held([])


async def test_what_touches_an_interval_is_found(library: Library) -> None:
    """Also the segment that began before the interval; another camera's are not."""
    await library.add_segments([minute(n) for n in range(5)] + [minute(1, camera="cam-2")])

    found = await library.segments("cam-1", START + 1.5 * MINUTE, START + 3 * MINUTE)

    assert [s.start for s in found] == [START + MINUTE, START + 2 * MINUTE]
    assert await library.last_end("cam-1") == START + 5 * MINUTE
    assert await library.last_end("cam-9") is None


async def test_totals_follow_every_change(library: Library) -> None:
    """They are kept by triggers: garbage is not counted, restored segments are again."""
    ids = await library.add_segments([minute(n, size=10 * (n + 1)) for n in range(3)])
    await library.condemn(ids[:2], at=START)
    assert await library.totals() == {"cam-1": Total(segments=1, bytes=30)}

    await library.restore(ids[1:2])
    assert await library.totals() == {"cam-1": Total(segments=2, bytes=50)}

    await library.forget(ids[:1])
    assert await library.totals() == {"cam-1": Total(segments=2, bytes=50)}


async def test_the_oldest_are_those_recorded_first_and_not_held(library: Library) -> None:
    """In order of recording, whatever their stamps; a thousand held ones in front don't hide the rest."""
    first = minute(5000)
    await library.add_segments([first] + [minute(n) for n in range(1500)])
    held = Held([Hold("cam-1", START, START + 1200 * MINUTE)])

    found, more = await library.oldest("cam-1", 3, held)
    assert [s.path for s in found] == [first.path, minute(1201).path, minute(1202).path]
    assert more

    rest, more = await library.oldest("cam-1", 1000, held)
    assert len(rest) == 1500 - 1201 + 1
    assert not more


async def test_i6_the_same_file_has_one_row(library: Library) -> None:
    """Owning a file twice is owning it once."""
    first = await library.add_segment(minute(0))

    assert await library.add_segment(minute(0)) == first
    assert await library.paths("cam-1", "2026-03-12") == {minute(0).path}


async def test_i6_no_file_is_segment_and_garbage(library: Library) -> None:
    """The database itself refuses a second owner."""
    await library.condemn([await library.add_segment(minute(0))], at=START)

    with pytest.raises(LibraryUnusable, match="garbage already"):
        await library.add_segment(minute(0))

    assert await library.segments("cam-1", START, START + MINUTE) == []


async def test_i7_condemning_is_one_transaction(library: Library) -> None:
    """All go together, with all that makes them segments again; ids that don't exist are no matter."""
    ids = await library.add_segments([minute(n) for n in range(3)])
    before = await library.segments("cam-1", START, START + 3 * MINUTE)
    await library.condemn([*ids, 999], at=START)

    assert await library.segments("cam-1", START, START + 3 * MINUTE) == []
    assert await library.garbage(10) == before

    await library.restore(ids)

    assert await library.garbage(10) == []
    assert await library.segments("cam-1", START, START + 3 * MINUTE) == before


async def test_i10_footage_of_an_untrusted_clock_is_dated_by_what_comes_after(library: Library) -> None:
    """It has no age until a trusted segment of the same camera follows; then it is older than that one."""
    await library.add_segments(
        [minute(0, trusted=False), minute(1, trusted=False, camera="cam-2"), minute(2, trusted=True)]
    )

    [stray, dated] = (await library.oldest("cam-1", 10, NO_HOLDS))[0]
    [other] = (await library.oldest("cam-2", 10, NO_HOLDS))[0]

    assert stray.ended_by == START + 2 * MINUTE
    assert dated.ended_by == START + 3 * MINUTE
    assert other.ended_by is None


async def test_the_load_is_that_of_recorded_time(library: Library) -> None:
    """Bytes a day of recording, from the latest footage; too little footage tells nothing."""
    await library.add_segments([minute(n, size=1_000_000) for n in range(0, 20, 2)])

    assert await library.load("cam-1", START, at_least_s=601) is None

    load = await library.load("cam-1", START, at_least_s=600)

    assert load is not None
    assert load.bytes_per_day == 1440 * 1_000_000


async def test_held_footage_beyond_the_promise_is_counted(library: Library) -> None:
    """It takes room that the forecast can't use."""
    await library.add_segments([minute(n) for n in range(10)])
    held = Held([Hold("cam-1", START + 2.5 * MINUTE, START + 4.5 * MINUTE)])

    assert await library.held_bytes("cam-1", held, START + 9 * MINUTE) == 30
    assert await library.held_bytes("cam-1", held, START + 4.1 * MINUTE) == 20


async def test_days_and_cameras_are_those_of_rows_of_either_kind(library: Library) -> None:
    """A camera of which only garbage is left is still known; names that begin alike are not mixed up."""
    await library.add_segments([minute(n * 1440, camera="cam-1") for n in range(3)])
    only = await library.add_segment(minute(1440, camera="cam-10"))
    await library.condemn([only], at=START)

    assert await library.cameras() == ["cam-1", "cam-10"]
    assert await library.days("cam-1") == ["2026-03-12", "2026-03-13", "2026-03-14"]
    assert await library.days("cam-10") == ["2026-03-13"]


async def test_disowned_rows_are_told(library: Library) -> None:
    """Whoever forgets a segment whose file is gone learns which time that was."""
    ids = await library.add_segments([minute(0), minute(1)])
    await library.condemn(ids[1:], at=START)

    lost = await library.disown([minute(0).path, minute(1).path, "cam-1/none"])

    assert [segment.path for segment in lost] == [minute(0).path]
    assert await library.garbage(10) == []


async def test_rows_are_still_there_after_a_restart(library: Library) -> None:
    """And it is the same library."""
    identity = library.identity
    await library.add_segment(minute(0))
    await library.open(stamp="2")

    assert library.identity == identity
    assert len(await library.segments("cam-1", START, START + MINUTE)) == 1


@pytest.mark.parametrize("damage", ["rubbish", "another version"])
async def test_a_damaged_library_is_set_aside(library: Library, damage: str) -> None:
    """Nothing is deleted; a fresh one with another identity takes its place."""
    identity = library.identity
    await library.close()
    if damage == "rubbish":
        library.path.write_bytes(b"this was a database once" * 1000)
    else:
        db = connect(library.path)
        db.execute("pragma user_version = 99")
        db.close()

    await library.open(stamp="20260312")

    assert library.identity != identity
    assert library.path.with_name("library.damaged-20260312.db").exists()
    assert await library.totals() == {}


async def test_a_disk_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    """A file where the folder should be: unusable, not damaged; usable as soon as it is put right."""
    (tmp_path / "footage").write_text("no folder")
    library = Library(tmp_path / "footage")

    with pytest.raises(LibraryUnusable) as caught:
        await library.open(stamp="1")
    assert not caught.value.damaged

    with pytest.raises(LibraryUnusable, match="not open"):
        await library.totals()

    (tmp_path / "footage").unlink()
    await library.open(stamp="2")
    await library.add_segment(minute(0))
    await library.close()


async def test_damage_that_is_found_in_use_is_told_as_such(library: Library) -> None:
    """The pages under an open library turn to rubbish: the error says that it has to be built again."""
    await library.add_segments([minute(n) for n in range(5000)])
    await library.open(stamp="2")  # what was in the WAL is in the file now
    size = library.path.stat().st_size
    with library.path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (size - 8192))

    async def read_all() -> None:
        for n in range(5000):
            await library.segments("cam-1", START + n * MINUTE, START + (n + 1) * MINUTE)

    with pytest.raises(LibraryUnusable) as caught:
        await read_all()
    assert caught.value.damaged

    await library.set_aside(stamp="3")
    await library.open(stamp="4")

    assert await library.totals() == {}


async def test_a_write_that_meets_eio_is_done_again(library: Library) -> None:
    """The open files fail, the disk does not: the library is opened again and the caller never knows."""
    await library.add_segment(minute(0))
    break_writes(library.path)

    await library.add_segment(minute(1))

    assert (await library.totals())["cam-1"].segments == 2


async def test_the_schema_is_strict(library: Library) -> None:
    """An end before its start is refused by the table itself."""
    await library.close()
    db = sqlite3.connect(library.path)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("insert into segment (camera, start_ms, end_ms, bytes, path) values ('c', 2, 2, 0, 'p')")
    db.close()


async def test_many_segments_are_no_burden(library: Library) -> None:
    """A round of the janitor reads what it needs by index: milliseconds, not a scan."""
    loop = asyncio.get_running_loop()
    await library.add_segments([minute(n) for n in range(20_000)])

    began = loop.time()
    for _ in range(10):
        await library.totals()
        await library.oldest("cam-1", 200, NO_HOLDS)
        await library.last_end("cam-1")

    assert loop.time() - began < 2.0


async def test_i10_what_is_adopted_dates_no_other_camera(library: Library) -> None:
    """An orphan of long ago says nothing of what others recorded; what is placed just now does, with an hour's grace."""
    await library.add_segments([minute(0, camera="cam-2", trusted=False), minute(1)])
    [stray] = await library.segments("cam-2", START, START + MINUTE)
    assert stray.ended_by is None

    await library.add_segment(minute(2))
    [stray] = await library.segments("cam-2", START, START + MINUTE)
    assert stray.ended_by == START + 3 * MINUTE + timedelta(hours=1)


async def test_what_ended_by_a_moment_is_found_whenever_it_came(library: Library) -> None:
    """By age, not by order of recording; held and undated footage is left out, pages don't hide the rest."""
    await library.add_segments([minute(n) for n in range(1000, 1010)])
    await library.add_segments([minute(n) for n in range(1200) if not 1000 <= n < 1010])
    await library.add_segments([minute(3, camera="cam-3", trusted=False)])
    held = Held([Hold("cam-1", START, START + 1050 * MINUTE)])

    found = await library.ended_by("cam-1", START + 1060 * MINUTE, 5, held)
    assert [s.path for s in found] == [minute(n).path for n in range(1051, 1056)]
    assert len(await library.ended_by("cam-1", START + 1060 * MINUTE, 50, held)) == 9
    assert await library.ended_by("cam-3", START + 1060 * MINUTE, 5, NO_HOLDS) == []
