"""Footage that a dead recorder or a power cut left: in sight before anybody may take it as gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import from_ms, to_ms
from gateway.footage import FootageUnavailable, Piece
from gateway.recording.footage import FootageBook
from gateway.recording.inventory import Found
from gateway.recording.janitor import Round
from gateway.recording.protocol import Begun
from gateway.recording.shelf import Shelf
from gateway.store.files import FileThread
from gateway.store.library import Library, LibraryUnusable
from tests.clocks import START, ManualClock
from tests.media.film import film
from tests.recording.test_service import CLOCK, Daemon, running
from tests.recording.world import MINUTE, put, site_of

NOBODY = "rtsp://127.0.0.1:9/nobody"
DAY = timedelta(days=1)


async def first_answer(daemon: Daemon) -> list[Piece]:
    """All footage of forty days, as it is told as soon as anything is."""
    async with asyncio.timeout(20):
        while True:
            try:
                return list(await daemon.service.pieces("cam-1", CLOCK.now() - 40 * DAY, CLOCK.now()))
            except FootageUnavailable:
                await asyncio.sleep(0)


async def test_what_a_power_cut_left_is_in_sight_from_the_first_answer(tmp_path: Path) -> None:
    """Before the new recorder has read it, while it does, and on the shelf: it is never told that there is none."""
    site = site_of(tmp_path, {"cam-1": NOBODY})
    shelf = Shelf(site.recording_dir)
    start = from_ms(to_ms(CLOCK.now() - 6 * MINUTE))
    spooled = shelf.spool / "cam-1" / f"{to_ms(start)}.mp4"
    spooled.parent.mkdir(parents=True)
    film(spooled, 0, 4)
    (spooled.parent / "no-time.mp4").write_bytes(b"x" * 100_000)

    async with running(site) as daemon:
        [found] = await first_answer(daemon)
        assert (found.path, found.start, found.growing) == (spooled, start, False)
        assert found.end > start + timedelta(seconds=4), "it was written last just now"
        while found.path.is_relative_to(shelf.spool):
            [found] = await first_answer(daemon)
            await asyncio.sleep(0.01)

    assert found.path.is_relative_to(shelf.root)
    assert found.end - start == timedelta(seconds=4)


async def test_without_its_library_the_shelf_is_not_told_to_be_empty(tmp_path: Path) -> None:
    """A fresh library knows nothing until the inventory is over: nobody is answered before."""
    site = site_of(tmp_path, {})
    files = {put(Shelf(site.recording_dir), CLOCK.now() - n * DAY).path for n in range(1, 31)}

    async with running(site) as daemon:
        found = await first_answer(daemon)
        assert {str(piece.path.relative_to(daemon.shelf.root)) for piece in found} == files


async def test_a_library_built_again_is_asked_only_after_its_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the inventory fails at first: it is taken until it succeeds, and nothing is told meanwhile."""
    for name in ("ROUND_S", "ROUND_LEAST_S", "_RETRY_DISK_S"):
        monkeypatch.setattr(f"gateway.recording.house.{name}", 0.05)
    site = site_of(tmp_path, {})
    put(Shelf(site.recording_dir), CLOCK.now() - DAY)
    async with running(site) as daemon:
        await first_answer(daemon)
        house = daemon.service._house
        identity, tidy, take = daemon.service.library.identity, house._janitor.round, house._inventory.take

        async def damaged() -> Round:
            monkeypatch.setattr(house._janitor, "round", tidy)
            raise LibraryUnusable("damaged", damaged=True)

        async def refused() -> Found:
            monkeypatch.setattr(house._inventory, "take", take)
            raise OSError("the disk is busy")

        monkeypatch.setattr(house._janitor, "round", damaged)
        monkeypatch.setattr(house._inventory, "take", refused)
        async with asyncio.timeout(20):
            while daemon.service.library.identity == identity:
                assert len(await first_answer(daemon)) == 1
        assert len(await first_answer(daemon)) == 1


@asynccontextmanager
async def book_of(tmp_path: Path, clock: ManualClock) -> AsyncIterator[FootageBook]:
    """A book over a real spool, shelf and library, empty all of them."""
    library, files = Library(tmp_path), FileThread("test")
    await library.open(stamp="1")
    try:
        yield FootageBook(
            library=library,
            shelf=Shelf(tmp_path),
            files=files,
            clock=clock,
            waiting=lambda _camera: [],
            is_surveyed=lambda: True,
        )
    finally:
        await library.close()
        files.close()


async def test_each_death_leaves_its_files_in_sight(tmp_path: Path) -> None:
    """A recorder that dies before it has read what the one before it left puts nothing out of sight."""
    clock = ManualClock()
    async with book_of(tmp_path, clock) as book:

        def begin(start: datetime) -> Path:
            path = tmp_path / "spool" / "cam-1" / f"{to_ms(start)}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
            book.begun(Begun(camera="cam-1", path=str(path), start_ms=to_ms(start)))
            return path

        async def in_sight() -> list[Path]:
            return [piece.path for piece in await book.pieces("cam-1", START, START + DAY)]

        assert await in_sight() == []
        first = begin(clock.now())
        clock.advance(10)
        book.recorder_ended()
        book.recorder_ended()
        assert await in_sight() == [first]

        second = begin(clock.now())
        clock.advance(10)
        book.recorder_ended()
        assert await in_sight() == [first, second]

        book.settled("cam-1", str(first))
        assert await in_sight() == [second]

        second.unlink()  # it had no picture
        assert await in_sight() == []
