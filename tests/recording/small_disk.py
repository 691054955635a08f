"""A recording service over a small disk of its own; run inside a mount namespace, see test_small_disk.py.

`python -m tests.recording.small_disk FOLDER SCENARIO`: exits 0 if the scenario went as it should.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from gateway.clock import SystemClock
from gateway.model import Kind, Presence
from gateway.recording import house, placer, trouble
from gateway.recording.shelf import Shelf
from tests.recording.test_service import Daemon, running
from tests.recording.world import MINUTE, camera, put, site_of, small_loop
from tests.wait import until

CLOCK = SystemClock()
WITHIN_S = 40.0


def fill(disk: Path) -> None:
    """Somebody else's file takes every byte that is left."""
    with (disk / "rubbish").open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


async def run(*command: str | Path) -> None:
    """Run a command of the system's."""
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0, command


async def full(folder: Path, daemon: Daemon) -> None:
    """A full disk: the cause is on record, surplus goes, and recording resumes by itself; then the promise goes."""
    await until(lambda: daemon.has(4 + 1), WITHIN_S)
    fill(folder / "disk")
    await until(lambda: daemon.service.stats.deleted >= 4, WITHIN_S)
    assert daemon.service.stats.given_up == 0, "surplus comes first"
    placed = daemon.placed()
    await until(lambda: daemon.placed() > placed + 1, WITHIN_S)
    await until(daemon.recording, WITHIN_S)
    assert daemon.journal.presences["cam-1"].presence is Presence.ONLINE


async def held(folder: Path, daemon: Daemon) -> None:
    """All is held: recording stops rather than that, says so, and goes on when there is room."""
    now = CLOCK.now()
    await daemon.journal.place_hold(
        "cam-1", now - timedelta(days=400), now + timedelta(days=1), reason="封存", actor="guard"
    )
    await until(lambda: daemon.has(4 + 1), WITHIN_S)
    fill(folder / "disk")
    await until(lambda: daemon.service.stats.paused, WITHIN_S)
    await until(lambda: not daemon.service.stats.recorder_running, WITHIN_S)
    await until(lambda: (Kind.RECORDING_LOST, "gateway") in daemon.alarms(), WITHIN_S)
    assert (await daemon.causes())[-1] == "disk"
    assert daemon.service.stats.deleted == 0
    assert len(await daemon.segments()) >= 5

    (folder / "disk" / "rubbish").unlink()
    await until(lambda: not daemon.service.stats.paused, WITHIN_S)
    await until(daemon.recording, WITHIN_S)
    await until(lambda: not daemon.alarms(), WITHIN_S)


async def read_only(folder: Path, daemon: Daemon) -> None:
    """The disk is taken away under the recorder and comes back: said, on record, and nothing is lost for good."""
    await until(lambda: daemon.has(4 + 1), WITHIN_S)
    known = {segment.path for segment in await daemon.segments()}
    disk = folder / "disk"
    await run("umount", "-l", disk)
    await run("mount", "-t", "tmpfs", "-o", "ro,size=4k", "tmpfs", disk)
    await until(lambda: (Kind.RECORDING_LOST, "gateway") in daemon.alarms(), WITHIN_S)
    await until(lambda: not daemon.recording(), WITHIN_S)
    assert (await daemon.causes())[-1] == "disk"
    assert daemon.journal.presences["cam-1"].presence is Presence.ONLINE

    await run("umount", "-l", disk)
    await run("mount", "--bind", folder / "kept", disk)
    await until(daemon.recording, WITHIN_S)
    placed = daemon.placed()
    await until(lambda: daemon.placed() > placed, WITHIN_S)
    await until(lambda: not daemon.alarms(), WITHIN_S)
    assert known <= {segment.path for segment in await daemon.segments()}


async def _last_cause_is(daemon: Daemon, cause: str) -> bool:
    return (await daemon.causes())[-1:] == [cause]


async def vanished(folder: Path, daemon: Daemon) -> None:
    """Only an empty mount point is left, which could be written: nothing is, it is said, and the disk's return is enough."""
    await until(lambda: daemon.has(4 + 1), WITHIN_S)
    known = {segment.path for segment in await daemon.segments()}
    disk = folder / "disk"
    await run("umount", "-l", disk)
    await until(lambda: (Kind.RECORDING_LOST, "gateway") in daemon.alarms(), WITHIN_S)
    await until(lambda: _last_cause_is(daemon, "disk"), WITHIN_S)
    assert not list(disk.rglob("*.mp4"))

    await run("mount", "--bind", folder / "kept", disk)
    await until(daemon.recording, WITHIN_S)
    placed = daemon.placed()
    await until(lambda: daemon.placed() > placed, WITHIN_S)
    await until(lambda: not daemon.alarms(), WITHIN_S)
    assert known <= {segment.path for segment in await daemon.segments()}


SCENARIOS: dict[str, Callable[[Path, Daemon], Awaitable[None]]] = {
    scenario.__name__: scenario for scenario in (full, held, read_only, vanished)
}


def hurry() -> None:
    """Let the service look and try again every second or so, where it takes its time in a school."""
    house.ROUND_LEAST_S = 1.0
    house._RETRY_DISK_S = 1.0
    placer._RETRY_S = 1.0
    trouble.CALM_S = 1.0


async def play(folder: Path, name: str) -> None:
    """A camera of half a megabyte a second, four old segments, a disk of 16 MB, and what happens then."""
    simulator = camera(loop=await asyncio.to_thread(small_loop, bit_rate=2_000_000))
    await simulator.start()
    site = site_of(folder, {"cam-1": simulator.url}, footage=folder / "disk", segment_s=1)
    shelf = Shelf(site.recording_dir)
    for n in range(4):
        put(shelf, CLOCK.now() - timedelta(days=95) + n * MINUTE, size=1_000_000)
    try:
        async with running(site) as daemon:
            await SCENARIOS[name](folder, daemon)
    finally:
        await simulator.stop()


if __name__ == "__main__":
    hurry()
    asyncio.run(play(Path(sys.argv[1]), sys.argv[2]))
