"""Evidence on a small disk of its own; run inside a mount namespace, see test_small_disk.py.

`python -m tests.evidence.small_disk FOLDER SCENARIO`: exits 0 if the scenario went as it should.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.evidence import verify
from gateway.policy.evidence import EvidenceKind
from gateway.store.evidence_rows import EvidenceState
from tests.evidence.world import World, world
from tests.recording.small_disk import fill, run

BOTH = (EvidenceKind.SNAPSHOT, EvidenceKind.CLIP)


async def _whole(gateway: World, alarm: str) -> None:
    """Both pieces are made, are what their manifests say, and nothing else lies about."""
    rows = await gateway.done(alarm, *BOTH)
    assert [verify(row.manifest) for row in rows] == [(), ()]
    assert len(gateway.files()) == 4
    assert gateway.service.stats.failed == 0


async def full(folder: Path, gateway: World) -> None:
    """Not a byte is left from the press on, for ten minutes: nothing is given up, no half file stays."""
    fill(folder / "disk")
    alarm = await gateway.press()
    for _ in range(120):
        gateway.clock.advance(5)
        await asyncio.sleep(0.02)
    (folder / "disk" / "rubbish").unlink()
    await _whole(gateway, alarm)


async def full_later(folder: Path, gateway: World) -> None:
    """There is room for the rows and the snapshot, and not for the clip: it waits, and is cut when there is."""
    alarm = await gateway.press()
    await gateway.done(alarm, EvidenceKind.SNAPSHOT, step_s=0)
    fill(folder / "disk")
    for _ in range(120):
        gateway.clock.advance(5)
        await asyncio.sleep(0.02)
    assert [row.state for row in await gateway.rows(alarm)] == [EvidenceState.DONE, EvidenceState.WAITING]
    (folder / "disk" / "rubbish").unlink()
    await _whole(gateway, alarm)


async def vanished(folder: Path, gateway: World) -> None:
    """Only an empty mount point is left: nothing is written there, and with the disk the evidence comes."""
    disk = folder / "disk"
    await gateway.stop()
    await run("umount", "-l", disk)
    gateway.start()
    alarm = await gateway.press()
    for _ in range(60):
        gateway.clock.advance(5)
        await asyncio.sleep(0.02)
    assert not list(disk.rglob("*.jpg"))
    assert not list(disk.rglob("*.mp4"))
    await run("mount", "--bind", folder / "kept", disk)
    await _whole(gateway, alarm)


SCENARIOS: dict[str, Callable[[Path, World], Awaitable[None]]] = {
    scenario.__name__: scenario for scenario in (full, full_later, vanished)
}


async def play(folder: Path, name: str) -> None:
    """A film on a disk of 16 MB, and what happens then."""
    more = f'\n[recording]\ndir = "{folder / "disk"}"\n'
    async with world(folder, more=more) as gateway:
        await gateway.film(0, 40)
        await SCENARIOS[name](folder, gateway)


if __name__ == "__main__":
    asyncio.run(play(Path(sys.argv[1]), sys.argv[2]))
