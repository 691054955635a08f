"""A recorder process under test: started as the gateway does, its reports and its log kept."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import av
import numpy as np

from gateway.recording.protocol import (
    CameraTask,
    Report,
    Task,
    decode_report,
    encode_task,
)
from simulators.camera import CameraSimulator, read_clock
from tests.recording.world import PASSWORD

R = TypeVar("R", bound=Report)


@dataclass
class Recorder:
    """A recorder process and what it reported."""

    process: asyncio.subprocess.Process
    reports: list[Report] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def of(self, kind: type[R]) -> list[R]:
        """The reports of a kind."""
        return [report for report in self.reports if isinstance(report, kind)]

    async def listen(self) -> None:
        """Read reports until the process ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.reports.append(decode_report(line))

    async def read_log(self) -> None:
        """Read what it says on its standard error."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode())

    async def end(self) -> int:
        """Close its input and wait; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(10):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def running(
    task: Task | bytes, *, module: str = "gateway.recording.recorder"
) -> AsyncIterator[Recorder]:
    """A recorder at work; killed at the end, if it has not ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    recorder = Recorder(process)
    listening = asyncio.gather(recorder.listen(), recorder.read_log())
    assert process.stdin is not None
    process.stdin.write(task if isinstance(task, bytes) else encode_task(task))
    try:
        yield recorder
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


def task_of(
    tmp_path: Path,
    *cameras: CameraSimulator,
    password: str = PASSWORD,
    segment_s: float = 1,
    transport: str = "tcp",
    sound: bool = False,
) -> Task:
    """Record these cameras as cam-0, cam-1 and so on."""
    return Task(
        spool=str(tmp_path / "spool"),
        unreadable=str(tmp_path / "unreadable"),
        segment_s=segment_s,
        stall_s=1.5,
        cameras=tuple(
            CameraTask(
                camera=f"cam-{n}",
                url=simulator.url.replace("rtsp://", f"rtsp://admin:{quote(password, safe='')}@"),
                transport=transport,
                sound=sound,
            )
            for n, simulator in enumerate(cameras)
        ),
    )


def pictures(path: str) -> list[int]:
    """The clocks in a file's pictures, milliseconds since 1970."""
    with av.open(path, "r") as container:
        frames = [frame.to_ndarray(format="gray").astype(np.uint8) for frame in container.decode(video=0)]
    clocks = [read_clock(frame) for frame in frames]
    return [round(clock.timestamp() * 1000) for clock in clocks if clock is not None]
