"""Sixteen cameras recorded by our recorder and, in the same run, by ffmpeg's stream copy; and what that does to the journal."""

import asyncio
import contextlib
import math
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.bench.figures import Each, Figure, Percentiles, Result, Target, percentiles
from gateway.bench.processes import BenchError, cpu_seconds, memory, python
from gateway.bench.progress import progress
from gateway.bench.record_cameras import Cameras, cameras
from gateway.clock import SystemClock
from gateway.model import Kind, Level, Origin, Signal
from gateway.recording.process import RecorderProcess
from gateway.recording.protocol import CameraTask, Lost, Report, Task
from gateway.site import load_site
from gateway.store import Journal

T = TypeVar("T")

CAMERAS = 16
CPU_RATIO_LIMIT = 1.0
PSS_RATIO_LIMIT = 1 / 3

_SEGMENT_S = 20.0
_SETTLE_S = 6.0
_BEGIN_LIMIT_S = 60.0
_END_LIMIT_S = 30.0
_PRESS_EACH_S = 0.05
_QUIET_S = 20.0

_SITE = """
[site]
id = "bench"
name = "bench"
county = "330106"
state_dir = "{state}"
clock = "host"
[[zone]]
id = "gate"
name = "gate"
"""

# The same files as ours: fragments of a second, written at once.
_FFMPEG_OUTPUT = (
    *("-c", "copy", "-f", "segment", "-segment_time", f"{_SEGMENT_S:g}", "-segment_format", "mp4"),
    "-segment_format_options",
    "movflags=frag_keyframe+empty_moov+default_base_moof:frag_duration=1000000:flush_packets=1",
    *("-reset_timestamps", "1"),
)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What each recorder used while they were watched; of all pictures sent to them, how many are in files."""

    cpu_s: Sequence[float]
    pss_mb: Sequence[float]
    sent: int
    written: int


@dataclass(frozen=True, slots=True)
class _Recording:
    """Processes that record each camera into a folder of its own; `ended` waits until the cameras' end is on disk."""

    pids: Callable[[], Sequence[int]]
    ended: Callable[[], Awaitable[None]]

    @property
    def cpu_s(self) -> float:
        """What they have used since they started."""
        return sum(map(cpu_seconds, self.pids()))


_Recorder = Callable[[Path, Sequence[str]], contextlib.AbstractAsyncContextManager[_Recording]]


async def run(place: Path, *, seconds: int) -> Result:
    """Ours alone beside a journal, then ours and ffmpeg's at the same time: both have the same machine. Raises BenchError."""
    ffmpeg = shutil.which("ffmpeg")
    recorders: list[_Recorder] = [_our_recorder] if ffmpeg is None else [_our_recorder, _Ffmpeg(ffmpeg)]
    quiet_s = min(seconds, _QUIET_S)
    with tempfile.TemporaryDirectory(prefix="campus-bench-", dir=place) as name:
        directory = Path(name)
        without = await _presses(directory / "quiet", quiet_s)
        alone, beside = await _take(
            directory / "alone", [_our_recorder], lambda: _presses(directory / "journal", quiet_s)
        )
        both, _ = await _take(directory / "both", recorders, lambda: _wait(seconds))
    return _result(seconds, without, beside, alone, both)


async def _take(
    directory: Path, recorders: Sequence[_Recorder], meanwhile: Callable[[], Awaitable[T]]
) -> tuple[_Taken, T]:
    """What the recorders use while something else happens, and what is in their files of what was sent to all of them."""
    await asyncio.to_thread(directory.mkdir)
    folders = [directory / f"recorder-{n}" for n in range(len(recorders))]
    async with contextlib.AsyncExitStack() as stack:
        filmed = await stack.enter_async_context(cameras(CAMERAS, directory))
        recordings = []
        for folder, recorder in zip(folders, recorders, strict=True):
            await asyncio.to_thread(folder.mkdir)
            recordings.append(await stack.enter_async_context(recorder(folder, filmed.urls)))
            await _all_sending(filmed)
        await asyncio.sleep(_SETTLE_S)
        before = [recording.cpu_s for recording in recordings]
        found = await meanwhile()
        used = [recording.cpu_s - was for recording, was in zip(recordings, before, strict=True)]
        sizes = [sum(memory(pid).pss_mb for pid in recording.pids()) for recording in recordings]
        sent = sum(await filmed.stop())
        for recording in recordings:
            await recording.ended()
    written = sum([await _count(folder) for folder in folders])
    return _Taken(used, sizes, sent, written), found


async def _wait(seconds: float) -> None:
    began = time.monotonic()
    with progress("seconds", round(seconds)) as advance:
        while (passed := time.monotonic() - began) < seconds:
            advance(passed)
            await asyncio.sleep(0.5)


async def _all_sending(filmed: Cameras) -> None:
    deadline = time.monotonic() + _BEGIN_LIMIT_S
    while not all(await filmed.sent()):
        if time.monotonic() > deadline:
            raise BenchError(f"not all cameras are recorded after {_BEGIN_LIMIT_S:g} s")
        await asyncio.sleep(0.2)


async def _count(directory: Path) -> int:
    folders = [str(directory / "spool" / f"cam-{n}") for n in range(CAMERAS)]
    process = await asyncio.create_subprocess_exec(
        *python("gateway.bench.record_count", *folders), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise BenchError(f"the files in {directory} can't be counted")
    return sum(map(int, out.split()))


# ---- the two recorders


@contextlib.asynccontextmanager
async def _our_recorder(directory: Path, urls: Sequence[str]) -> AsyncIterator[_Recording]:
    """Ours, started as the gateway starts it; its files stay in the spool."""
    lost: set[str] = set()
    all_lost = asyncio.Event()

    async def on_report(report: Report) -> None:
        if isinstance(report, Lost):
            lost.add(report.camera)
            if len(lost) == len(urls):
                all_lost.set()

    async def on_start() -> None:
        pass

    async def on_death(code: int) -> None:
        raise BenchError(f"the recorder ended with {code}")

    async def ended() -> None:
        async with asyncio.timeout(_END_LIMIT_S):
            await all_lost.wait()

    process = RecorderProcess(
        Task(
            spool=str(directory / "spool"),
            unreadable=str(directory / "unreadable"),
            segment_s=_SEGMENT_S,
            stall_s=10.0,
            cameras=tuple(CameraTask(camera=f"cam-{n}", url=url) for n, url in enumerate(urls)),
        ),
        clock=SystemClock(),
        on_report=on_report,
        on_start=on_start,
        on_end=on_death,
    )
    running = asyncio.create_task(process.run(), name="recorder")
    try:
        yield _Recording(lambda: [process.pid] if process.pid is not None else [], ended)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Ffmpeg:
    """ffmpeg's stream copy, one process for each camera."""

    program: str

    @contextlib.asynccontextmanager
    async def __call__(self, directory: Path, urls: Sequence[str]) -> AsyncIterator[_Recording]:
        processes = [await self._start(directory / "spool" / f"cam-{n}", url) for n, url in enumerate(urls)]

        async def ended() -> None:
            async with asyncio.timeout(_END_LIMIT_S):
                for process in processes:
                    await process.wait()

        try:
            yield _Recording(lambda: [process.pid for process in processes], ended)
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def _start(self, folder: Path, url: str) -> asyncio.subprocess.Process:
        await asyncio.to_thread(folder.mkdir, parents=True)
        return await asyncio.create_subprocess_exec(
            *(self.program, "-nostdin", "-v", "quiet"),
            *("-rtsp_transport", "tcp", "-allowed_media_types", "video", "-i", url),
            *(*_FFMPEG_OUTPUT, str(folder / "%d.mp4")),
        )


# ---- the journal


async def _presses(directory: Path, seconds: float) -> Percentiles:
    """Press and let go for so long, 20 times a second; what a commit takes."""
    await asyncio.to_thread(directory.mkdir, parents=True)
    path = directory / "site.toml"
    await asyncio.to_thread(path.write_text, _SITE.format(state=directory / "state"), encoding="utf-8")
    journal = await Journal.open(load_site(path, {}), clock=SystemClock())
    took = []
    try:
        with progress("seconds", round(seconds)) as advance:
            for n in range(math.ceil(seconds / _PRESS_EACH_S)):
                level = Level.NORMAL if n % 2 else Level.ACTIVE
                began = time.monotonic()
                await journal.report(
                    Signal(device="d", point="d:1", kind=Kind.PANIC, level=level, origin=Origin.EVENT)
                )
                took.append((time.monotonic() - began) * 1000)
                advance(n * _PRESS_EACH_S)
                await asyncio.sleep(max(0.0, began + _PRESS_EACH_S - time.monotonic()))
    finally:
        await journal.close()
    return percentiles(took)


def _result(seconds: int, without: Percentiles, beside: Percentiles, alone: _Taken, both: _Taken) -> Result:
    lost = alone.sent - alone.written
    per_minute = [round(cpu_s / CAMERAS / seconds * 60, 3) for cpu_s in both.cpu_s]
    compared = len(both.cpu_s) > 1
    cpu_ratio = round(both.cpu_s[0] / both.cpu_s[1], 3) if compared else None
    pss_ratio = round(both.pss_mb[0] / both.pss_mb[1], 3) if compared else None
    figures: dict[str, Figure] = {
        "cameras": CAMERAS,
        "cpu_ratio": cpu_ratio,
        "pss_ratio": pss_ratio,
        "packets_lost": lost,
        "journal_commit_p99_ms": Each({"without": without.p99, "with": beside.p99}),
        "packets_sent": alone.sent,
        "cpu_s_per_camera_minute": per_minute[0],
        "pss_mb": round(both.pss_mb[0], 1),
    }
    broken = [f"{lost} of {alone.sent} packets are not in the files"] if lost else []
    targets: list[Target] = []
    if cpu_ratio is None or pss_ratio is None:
        broken.append("ffmpeg is not installed, so there is nothing to compare with: apt install ffmpeg")
    else:
        figures |= {
            "ffmpeg_cpu_s_per_camera_minute": per_minute[1],
            "ffmpeg_pss_mb": round(both.pss_mb[1], 1),
            "packets_lost_side_by_side": both.sent - both.written,
        }
        targets = [
            Target(figure="cpu_ratio", value=cpu_ratio, limit=CPU_RATIO_LIMIT),
            Target(figure="pss_ratio", value=pss_ratio, limit=round(PSS_RATIO_LIMIT, 3)),
        ]
    return Result(figures=figures, targets=targets, broken=broken)
