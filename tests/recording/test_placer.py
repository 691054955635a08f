"""The placer over a real shelf and library: one bad file is one bad file."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from gateway.clock import to_ms
from gateway.model import ClockState
from gateway.recording import placer
from gateway.recording.inventory import Inventory
from gateway.recording.placer import Placer
from gateway.recording.protocol import SegmentFinished
from gateway.recording.shelf import Shelf
from gateway.store.files import FileThread
from gateway.store.library import Library
from gateway.store.library_rows import NewSegment
from tests.clocks import ManualClock
from tests.recording.world import MINUTE


class BadSpots(Shelf):
    """A shelf on a disk that can't read some files; with "" among them it can't read any."""

    bad: frozenset[str] = frozenset()

    def place(
        self, spooled: Path, camera: str, start: datetime, end: datetime, *, trusted: bool
    ) -> NewSegment:
        """EIO for the bad ones."""
        if self.bad & {"", camera}:
            raise OSError(5, "Input/output error")
        return super().place(spooled, camera, start, end, trusted=trusted)


@dataclass
class Bench:
    """A placer, and what it told."""

    placer: Placer
    shelf: BadSpots
    library: Library
    clock: ManualClock
    placed: list[NewSegment]
    told: list[tuple[str, str]] = field(default_factory=list)

    def finish(self, camera: str) -> None:
        """A segment of a minute is whole."""
        start = self.clock.now() - MINUTE
        path = self.shelf.spool / camera / f"{to_ms(start)}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0" * 100)
        self.placer.add(
            SegmentFinished(
                camera=camera, path=str(path), start_ms=to_ms(start), end_ms=to_ms(self.clock.now())
            )
        )


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An empty shelf."""
    shelf, library, files, clock = BadSpots(tmp_path), Library(tmp_path), FileThread(), ManualClock()
    await library.open(stamp="1")
    placed: list[NewSegment] = []
    told: list[tuple[str, str]] = []
    queue = Placer(
        shelf=shelf,
        library=library,
        files=files,
        inventory=Inventory(shelf, library, files),
        clock=clock,
        clock_state=lambda: ClockState.TRUSTED,
        on_placed=placed.append,
        on_trouble=lambda what, detail: told.append((what, detail)),
    )
    yield Bench(queue, shelf, library, clock, placed, told)
    await library.close()
    files.close()


async def test_one_bad_file_stops_no_other(bench: Bench) -> None:
    """EIO at the first file: the others are placed, the disk is not called bad, and the file is tried again."""
    bench.shelf.bad = frozenset({"cam-1"})
    for name in ("cam-1", "cam-2", "cam-3"):
        bench.finish(name)

    assert not await bench.placer.place_waiting()
    assert set(await bench.library.totals()) == {"cam-2", "cam-3"}
    assert not await bench.placer.place_waiting()  # it alone fails again
    assert {detail for _, detail in bench.told} == {""}

    bench.shelf.bad = frozenset()
    assert await bench.placer.place_waiting()
    assert set(await bench.library.totals()) == {"cam-1", "cam-2", "cam-3"}
    assert bench.placer.waiting == 0


async def test_a_disk_that_takes_nothing_is_told(bench: Bench) -> None:
    """All fail: trouble; also where one of them had failed before on its own; none is forgotten."""
    bench.shelf.bad = frozenset({"cam-1"})
    bench.finish("cam-1")
    bench.finish("cam-2")
    await bench.placer.place_waiting()
    bench.shelf.bad = frozenset({""})
    bench.finish("cam-3")

    assert not await bench.placer.place_waiting()
    assert bench.told[-1] == ("shelf", "footage can't be put on the shelf: [Errno 5] Input/output error")
    bench.shelf.bad = frozenset()
    assert await bench.placer.place_waiting()
    assert bench.told[-2:] == [("shelf", ""), ("queue", "")]
    assert len(bench.placed) == 3


async def test_a_file_that_finds_no_room_in_the_queue_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trouble from the first such file until half of the queue is free; it is counted, and stays in the spool."""
    monkeypatch.setattr(placer, "MAX_WAITING", 4)
    bench.shelf.bad = frozenset({""})
    for number in range(6):
        bench.finish(f"cam-{number}")

    words = "4 files wait for the shelf, more stay in the spool until the next start"
    assert bench.told == [("queue", words)] * 2
    assert (bench.placer.waiting, bench.placer.left) == (4, 2)

    bench.finish("cam-0")  # told again, but it waits already
    assert bench.placer.left == 2

    bench.told.clear()
    bench.shelf.bad = frozenset({"cam-0", "cam-1", "cam-2"})
    await bench.placer.place_waiting()
    assert ("queue", "") not in bench.told
    bench.shelf.bad = frozenset({"cam-0", "cam-1"})
    await bench.placer.place_waiting()
    assert bench.told[-1] == ("queue", "")
    assert bench.shelf.has_leftovers()
