"""Footage on a disk that fills up, is full of what is held, or is taken away: a small tmpfs in a namespace of its own."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

_SCRIPT = """
mkdir -p "$1/kept" "$1/disk" &&
mount -t tmpfs -o size=16m tmpfs "$1/kept" && mount --bind "$1/kept" "$1/disk" || exit 77
exec "$2" -W error -m "$4" "$1" "$3"
"""


async def test_a_small_disk(tmp_path: Path) -> None:
    """Each scenario in small_disk.py, side by side; its docstring says what has to happen."""
    async with asyncio.TaskGroup() as group:
        for scenario in ("full", "held", "read_only", "vanished"):
            folder = tmp_path / scenario
            folder.mkdir()
            group.create_task(play(folder, scenario))


async def play(folder: Path, scenario: str, module: str = "tests.recording.small_disk") -> None:
    """In a namespace of its own; skips the test where there can be none, and fails it so in CI."""
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-Urm", "sh", "-c", _SCRIPT, "sh", str(folder), sys.executable, scenario, module),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(110):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    said = output.decode(errors="replace")
    if process.returncode == 77 or "unshare:" in said:
        reason = f"a tmpfs in a namespace (unshare -Urm) is forbidden here: {said.strip()}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    assert process.returncode == 0, said
