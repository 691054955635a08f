"""What is being written reaches the disk within seconds, whatever happens to the machine afterwards."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gateway.recording.syncer import EVERY_S, Syncer
from tests.clocks import ManualClock


@dataclass
class Written:
    """A file that a cutter has open."""

    path: Path


class Disk:
    """Keeps which paths were synced, and when."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.synced: list[tuple[float, str]] = []
        self.fails = False

    def sync(self, descriptor: int) -> None:
        """In place of fdatasync."""
        if self.fails:
            raise OSError(5, "Input/output error")
        self.synced.append((self.clock.monotonic(), str(Path(f"/proc/self/fd/{descriptor}").readlink())))

    def times(self, path: Path) -> list[float]:
        """When it was synced."""
        return [at for at, synced in self.synced if synced == str(path)]


def make(tmp_path: Path, name: str) -> Written:
    """A file in a folder of its own."""
    (tmp_path / name).mkdir()
    path = tmp_path / name / "1.mp4"
    path.write_bytes(b"x")
    return Written(path)


def test_every_open_file_is_synced_every_five_seconds(tmp_path: Path) -> None:
    """However many there are, from its first to its last second; nothing of a file that was closed."""
    clock = ManualClock()
    disk = Disk(clock)
    syncer = Syncer(clock, sync=disk.sync)
    files = [make(tmp_path, f"cam-{n}") for n in range(3)]
    begun = clock.monotonic()
    for file in files:
        syncer.begun(file)
    for _ in range(31):
        syncer.turn()
        clock.advance(1)
    syncer.ended(files[0])
    for _ in range(10):
        syncer.turn()
        clock.advance(1)

    for file in files:
        times = [begun, *disk.times(file.path)]
        assert all(later - earlier <= EVERY_S for earlier, later in pairwise(times))
    assert max(disk.times(files[0].path)) <= begun + 31
    assert max(disk.times(files[1].path)) > begun + 35


def test_the_entry_in_its_folder_is_synced_once_when_it_begins(tmp_path: Path) -> None:
    """At once, and again when it gets another name; a file under its new name is synced as before."""
    clock = ManualClock()
    disk = Disk(clock)
    syncer = Syncer(clock, sync=disk.sync)
    file = make(tmp_path, "cam-1")
    syncer.begun(file)
    syncer.turn()
    syncer.turn()
    assert disk.times(file.path.parent) == [clock.monotonic()]

    file.path = file.path.rename(file.path.with_name("2.mp4"))
    syncer.renamed(file)
    clock.advance(EVERY_S)
    syncer.turn()
    assert len(disk.times(file.path.parent)) == 2
    assert disk.times(file.path) == [clock.monotonic()]


def test_a_disk_that_fails_or_a_file_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    """The writing itself tells what is wrong; the next turn tries again."""
    clock = ManualClock()
    disk = Disk(clock)
    syncer = Syncer(clock, sync=disk.sync)
    gone, file = make(tmp_path, "cam-1"), make(tmp_path, "cam-2")
    syncer.begun(gone)
    syncer.begun(file)
    gone.path.unlink()
    disk.fails = True
    clock.advance(EVERY_S)
    syncer.turn()
    disk.fails = False
    clock.advance(EVERY_S)
    syncer.turn()

    assert disk.times(file.path) == [clock.monotonic()]


@given(st.lists(st.floats(0.1, EVERY_S), max_size=30))
def test_no_open_file_is_forgotten_however_often_the_thread_is_woken(wakes: list[float]) -> None:
    """Each begin of another file wakes it: the turns of the open ones keep their time."""
    clock = ManualClock()
    begun = clock.monotonic()
    disk = Disk(clock)
    syncer = Syncer(clock, sync=disk.sync)
    file = Written(Path(__file__))
    syncer.begun(file)
    for wake in wakes:
        clock.advance(min(wake, max(0.0, syncer.due - clock.monotonic())))
        syncer.turn()

    times = [begun, *disk.times(file.path), clock.monotonic()]
    assert all(later - earlier <= EVERY_S + 1e-6 for earlier, later in pairwise(times))
