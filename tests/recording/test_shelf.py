"""The shelf and its inventory: files, names, and who owns them (I6)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.policy.retention import Held
from gateway.recording.inventory import Found, Inventory
from gateway.recording.shelf import Shelf
from gateway.store.files import FileThread
from gateway.store.library import Library
from tests.recording.world import MINUTE, put, shelve

START = datetime(2026, 3, 12, 23, 59, 30, tzinfo=UTC)
DAY = "2026-03-12"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty one."""
    return Shelf(tmp_path)


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    """Beside the shelf."""
    library = Library(tmp_path)
    await library.open(stamp="1")
    yield library
    await library.close()


@pytest.fixture
async def inventory(shelf: Shelf, library: Library) -> AsyncIterator[Inventory]:
    """Of both."""
    files = FileThread()
    yield Inventory(shelf, library, files)
    files.close()


def test_a_file_is_placed_under_its_day_and_its_times(shelf: Shelf) -> None:
    """In UTC, by the day it began; the spool has it no more; the name says all that a row needs."""
    placed = put(shelf, START, size=7)

    assert placed.path == f"cam-1/{DAY}/1773359970000-1773360030000.mp4"
    assert shelf.path(placed.path).stat().st_size == 7
    assert list((shelf.spool / "cam-1").iterdir()) == []
    assert shelf.read_name(placed.path) == placed


def test_footage_of_an_untrusted_clock_says_so_in_its_name(shelf: Shelf) -> None:
    """So that a rebuilt library does not believe its stamps."""
    placed = put(shelf, START, trusted=False)

    assert placed.path.endswith("-u.mp4")
    assert shelf.read_name(placed.path) == placed


def test_nothing_is_overwritten(shelf: Shelf) -> None:
    """Two files of the same times (a clock that was set back) get two names, both readable."""
    first, second = put(shelf, START, size=1), put(shelf, START, size=2)

    assert first.path != second.path
    assert [shelf.read_name(placed.path) for placed in (first, second)] == [first, second]


def test_a_file_that_is_gone_from_the_spool_is_told(shelf: Shelf) -> None:
    """The caller knows what that means."""
    with pytest.raises(FileNotFoundError):
        shelf.place(shelf.spool / "none.mp4", "cam-1", START, START + MINUTE, trusted=True)


def test_empty_days_go_with_their_last_file(shelf: Shelf) -> None:
    """Days that still have a file stay, and what is gone already is gone."""
    first, second = put(shelf, START), put(shelf, START + MINUTE)
    shelf.unlink(first.path)
    shelf.unlink(first.path)
    shelf.settle([first.path, "cam-1/1999-01-01/1-2.mp4"])

    assert shelf.days("cam-1") == ["2026-03-13"]
    assert list(shelf.files("cam-1", "2026-03-13")) == [second.path]


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "1-.mp4", "20-10.mp4", "1-2-x.mp4", "1-2.mp4.part", ".mp4", "1-99999999999999999.mp4"],
)
def test_strange_names_are_not_ours(shelf: Shelf, name: str) -> None:
    """A file that someone put there is never taken for footage."""
    path = shelf.root / "cam-1" / DAY / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")

    assert shelf.read_name(f"cam-1/{DAY}/{name}") is None


async def test_i6_orphans_are_adopted(shelf: Shelf, library: Library, inventory: Inventory) -> None:
    """A crash between rename and row: the file gets its row, with what its name says; twice is once."""
    await shelve(shelf, library, START)
    orphan = put(shelf, START + MINUTE, trusted=False)
    other = put(shelf, START, camera="cam-2")

    assert await inventory.take() == Found(adopted=2)
    assert await inventory.take() == Found()

    [_, adopted] = await library.segments("cam-1", START, START + 5 * MINUTE)
    assert (adopted.path, adopted.start, adopted.ended_by) == (orphan.path, orphan.start, None)
    [found] = await library.segments("cam-2", START, START + MINUTE)
    assert (found.path, found.ended_by) == (other.path, other.end)


async def test_i6_a_library_is_rebuilt_from_the_shelf(
    shelf: Shelf, library: Library, inventory: Inventory
) -> None:
    """All rows lost: the inventory finds them again, in the order of recording."""
    for n in range(5):
        await shelve(shelf, library, START + n * MINUTE)
    before, _ = await library.oldest("cam-1", 10, Held([]))
    await library.set_aside(stamp="2")
    await library.open(stamp="3")

    assert (await inventory.take()).adopted == 5
    assert (await library.oldest("cam-1", 10, Held([])))[0] == before


async def test_i6_rows_without_a_file_are_told(shelf: Shelf, library: Library, inventory: Inventory) -> None:
    """Footage that vanished is known as lost, with its time; garbage that vanished was to go anyway."""
    await shelve(shelf, library, START)
    condemned = await shelve(shelf, library, START + MINUTE)
    await library.condemn([condemned], at=START)
    for file in list(shelf.root.rglob("*.mp4")):
        file.unlink()

    found = await inventory.take()

    assert [(lost.camera, lost.start) for lost in found.lost] == [("cam-1", START)]
    assert (await library.totals())["cam-1"].segments == 0
    assert await library.garbage(10) == []


async def test_i6_a_shelf_that_is_gone_costs_no_row(
    shelf: Shelf, library: Library, inventory: Inventory
) -> None:
    """The disk is not mounted: that is no reason to forget what is on it."""
    await shelve(shelf, library, START)
    shelf.root.rename(shelf.directory / "unmounted")

    with pytest.raises(FileNotFoundError, match="mounted"):
        await inventory.take()

    assert (await library.totals())["cam-1"].segments == 1


async def test_strange_files_are_told_and_left_alone(
    shelf: Shelf, library: Library, inventory: Inventory
) -> None:
    """Neither adopted nor deleted."""
    await shelve(shelf, library, START)
    (shelf.root / "cam-1" / DAY / "notes.txt").write_text("12 March: look at this")

    assert (await inventory.take()).strange == (f"cam-1/{DAY}/notes.txt",)
    assert (shelf.root / "cam-1" / DAY / "notes.txt").exists()
