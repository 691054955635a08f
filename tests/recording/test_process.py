"""The gateway's side of the recorder process, with recorders that misbehave."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.recording import process
from gateway.recording.process import RecorderProcess
from gateway.recording.protocol import Report, Task
from tests.wait import until

TASK = Task(spool="/none", unreadable="/none", segment_s=1, stall_s=1, cameras=())


class Listener:
    """What came of a recorder."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.ends: list[int] = []
        self.starts = 0
        self.recorder = RecorderProcess(
            TASK, clock=SystemClock(), on_report=self._report, on_start=self._start, on_end=self._end
        )

    async def _report(self, report: Report) -> None:
        self.reports.append(report)

    async def _start(self) -> None:
        self.starts += 1

    async def _end(self, code: int) -> None:
        self.ends.append(code)


Recording = Callable[[str], AbstractAsyncContextManager[Listener]]


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Runs a recorder that misbehaves in the way named."""
    monkeypatch.setattr(process, "_MODULE", "tests.recording.bad_recorder")
    monkeypatch.setattr(process, "END_LIMIT_S", 1.0)

    @asynccontextmanager
    async def run(how: str) -> AsyncIterator[Listener]:
        monkeypatch.setenv("BAD_RECORDER", how)
        listener = Listener()
        task = asyncio.create_task(listener.recorder.run())
        try:
            yield listener
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                async with asyncio.timeout(5):
                    await task

    return run


async def test_rubbish_is_skipped_and_a_death_is_told(recording: Recording) -> None:
    """Good reports among rubbish are heard, the exit code is passed on, and a new one is started."""
    async with recording("rubbish") as listener:
        await until(lambda: listener.starts == 2, 10)

        assert len(listener.reports) >= 2
        assert listener.ends == [7]
        assert listener.recorder.deaths == 1


async def test_a_line_without_an_end_does_not_fill_the_memory(recording: Recording) -> None:
    """A megabyte without a line's end is thrown away as it comes; what follows is heard."""
    async with recording("endless") as listener:
        await until(lambda: len(listener.reports) == 2, 10)

        assert listener.ends == []


async def test_a_process_that_does_not_end_is_killed(recording: Recording) -> None:
    """Stopping recording takes seconds, whatever the process does; that it ended is told, and is no death."""
    async with recording("deaf") as listener:
        await until(lambda: len(listener.reports) == 1, 10)
        pid = listener.recorder.pid
        listener.recorder.want(running=False)
        await until(lambda: listener.recorder.pid is None, 5)

        assert not Path(f"/proc/{pid}").exists()
        await until(lambda: listener.ends == [-signal.SIGKILL], 5)
        assert listener.recorder.deaths == 0

        listener.recorder.want(running=True)
        await until(lambda: len(listener.reports) == 2, 10)


async def test_a_process_that_shouts_is_drained(recording: Recording) -> None:
    """Megabytes on its standard error without a line's end neither stop it nor fill the memory."""
    async with recording("loud") as listener:
        await until(lambda: len(listener.reports) == 1, 10)
        assert listener.ends == []


def open_files() -> int:
    """How many this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_is_left_of_it(recording: Recording) -> None:
    """After the end there is no process and no open pipe."""
    before = open_files()
    async with recording("loud") as listener:
        await until(lambda: len(listener.reports) == 1, 10)
        pid = listener.recorder.pid

    assert not Path(f"/proc/{pid}").exists()
    await until(lambda: open_files() <= before, 5)
