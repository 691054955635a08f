"""The recorder as a process: how it begins, ends, and what it keeps to itself."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.recording.outlet import Outlet
from gateway.recording.protocol import (
    EXIT_DISK,
    EXIT_FAULT,
    EXIT_NO_TASK,
    Lost,
    Recovered,
    SegmentFinished,
    encode_task,
)
from gateway.recording.recorder import Recorder as InProcess
from simulators.camera import CameraSimulator
from tests.recording.recorder_process import pictures, running, task_of
from tests.recording.world import PASSWORD, camera
from tests.wait import until


@pytest.fixture
async def gate() -> AsyncIterator[CameraSimulator]:
    """A camera that films its own clock."""
    simulator = camera()
    await simulator.start()
    yield simulator
    await simulator.stop()


def is_written(tmp_path: Path) -> bool:
    """Whether a second of pictures is in the spool."""
    return any(path.stat().st_size > 3000 for path in (tmp_path / "spool" / "cam-0").glob("*.mp4"))


async def test_i9_the_recorder_ends_when_the_gateway_is_killed(tmp_path: Path, gate: CameraSimulator) -> None:
    """SIGKILL of the parent: the recorder is gone within seconds, and its open segment is whole."""
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'gateway.recording.recorder'], stdin=subprocess.PIPE,"
        " stdout=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "child.stdin.write(sys.stdin.buffer.readline())\n"
        "child.stdin.flush()\n"
        "time.sleep(60)\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", parent), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(encode_task(task_of(tmp_path, gate)))
    await process.stdin.drain()
    pid = int(await process.stdout.readline())
    spool = tmp_path / "spool" / "cam-0"
    await until(lambda: any(path.stat().st_size > 20_000 for path in spool.glob("*.mp4")), 20)

    process.kill()
    await process.wait()

    await until(lambda: not is_alive(pid), 5)
    assert pictures(str(min(spool.glob("*.mp4"))))


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie that waits for init."""
    try:
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_recorder_that_is_told_to_end_finishes_its_segments(
    tmp_path: Path, gate: CameraSimulator
) -> None:
    """SIGTERM (a unit being stopped) and the end of its input are one: files closed, reported, exit 0."""
    async with running(task_of(tmp_path, gate, segment_s=60)) as recorder:
        await until(lambda: is_written(tmp_path), 20)
        recorder.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await recorder.process.wait() == 0

    assert len(recorder.of(SegmentFinished)) == 1
    assert [(lost.cause, lost.reason) for lost in recorder.of(Lost)] == [("stopped", "told to stop")]
    assert pictures(recorder.of(SegmentFinished)[0].path)


async def test_passwords_are_nowhere_to_be_seen(tmp_path: Path, gate: CameraSimulator) -> None:
    """Not on the command line, not in the environment, not in a report and not in the log, also when all fails."""
    async with running(task_of(tmp_path, gate)) as recorder:
        await until(lambda: is_written(tmp_path), 20)
        await gate.power_cycle(0.5)
        await until(lambda: bool(recorder.of(Lost)), 20)
        process = Path(f"/proc/{recorder.process.pid}")
        outside = process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
    said = "".join(map(str, recorder.reports)) + "".join(recorder.log) + outside.decode(errors="replace")

    assert PASSWORD not in said
    assert quote(PASSWORD, safe="") not in said


async def test_two_recorders_do_not_share_a_spool(tmp_path: Path, gate: CameraSimulator) -> None:
    """A second one (the gateway was restarted) waits for the first to close its files, then recovers nothing half."""
    async with running(task_of(tmp_path, gate, segment_s=60)) as first:
        await until(lambda: is_written(tmp_path), 20)
        async with running(task_of(tmp_path, gate, segment_s=60)) as second:
            assert await first.end() == 0
            await until(lambda: bool(second.of(Recovered)), 20)

    assert len(first.of(SegmentFinished)) == 1
    assert [found.path for found in second.of(Recovered)] == [first.of(SegmentFinished)[0].path]


@pytest.mark.parametrize("line", [b"\n", b"rubbish\n", b'{"spool": 1}\n'])
async def test_without_a_task_it_ends_at_once(line: bytes) -> None:
    """And says so by its exit code."""
    async with running(line) as recorder, asyncio.timeout(10):
        assert await recorder.process.wait() == EXIT_NO_TASK


async def test_a_spool_that_can_not_be_made_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """So that the gap's cause is the disk, not the recorder."""
    (tmp_path / "spool").write_text("no folder")

    async with running(task_of(tmp_path)) as recorder, asyncio.timeout(10):
        assert await recorder.process.wait() == EXIT_DISK


async def test_threads_that_die_take_the_process_with_them(tmp_path: Path) -> None:
    """A fault of ours must not leave a camera unrecorded in silence: a fresh process is started instead."""
    stop = threading.Event()
    read, write = os.pipe()
    hook = threading.excepthook
    with os.fdopen(read, "rb"), os.fdopen(write, "wb") as pipe:
        outlet = Outlet(pipe, stop)
        try:
            recorder = InProcess(task_of(tmp_path), outlet, stop)
            thread = threading.Thread(target=lambda: 1 / 0, name="cam-0")
            thread.start()
            thread.join()
            assert await asyncio.to_thread(recorder.run) == EXIT_FAULT
        finally:
            threading.excepthook = hook
            outlet.close(1.0)
