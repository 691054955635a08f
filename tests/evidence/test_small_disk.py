"""Evidence on a disk that is full, fills up before the clip, or is gone for a while: a small tmpfs in a namespace of its own."""

import asyncio
from pathlib import Path

from tests.recording.test_small_disk import play


async def test_a_small_disk(tmp_path: Path) -> None:
    """Each scenario in small_disk.py, side by side; its docstring says what has to happen."""
    async with asyncio.TaskGroup() as group:
        for scenario in ("full", "full_later", "vanished"):
            folder = tmp_path / scenario
            folder.mkdir()
            group.create_task(play(folder, scenario, "tests.evidence.small_disk"))
