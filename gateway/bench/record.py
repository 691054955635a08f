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
    """One way of recording: what it used while it was watched, and what came of all that the cameras sent."""

    cpu_s: float
    pss_mb: float
    sent: int
    written: int
    commit_ms: Percentiles


@dataclass(frozen=True, slots=True)
class _Recording:
    """Processes that record each camera into a folder of its own; `ended` waits until the cameras' end is on disk."""

    pids: Callable[[], Sequence[int]]
    ended: Callable[[], Awaitable[None]]


async def run(place: Path, *, seconds: int) -> Result:
    """Record for so long each way, one after the other. Raises BenchError."""
    with tempfile.TemporaryDirectory(prefix="campus-bench-", dir=place) as name:
        directory = Path(name)
        without = await _presses(directory / "quiet", min(seconds, _QUIET_S))
        ours = await _take(directory / "ours", _our_recorder, seconds)
        ffmpeg = shutil.which("ffmpeg")
        theirs = None
        if ffmpeg is not None:
            theirs = await _take(directory / "ffmpeg", _Ffmpeg(ffmpeg), seconds)
    return _result(seconds, without, ours, theirs)


async def _take(
    directory: Path,
    recorder: Callable[[Path, Sequence[str]], contextlib.AbstractAsyncContextManager[_Recording]],
    seconds: int,
) -> _Taken:
    await asyncio.to_thread(directory.mkdir)
    async with cameras(CAMERAS, directory) as filmed, recorder(directory, filmed.urls) as recording:
        await _all_sending(filmed)
        await asyncio.sleep(_SETTLE_S)
        before = _cpu(recording)
        began = time.monotonic()
        commits = await _presses(directory / "journal", seconds)
        cpu_s = (_cpu(recording) - before) / (time.monotonic() - began) * seconds
        pss_mb = sum(memory(pid).pss_mb for pid in recording.pids())
        sent = await filmed.stop()
        await recording.ended()
    return _Taken(cpu_s, pss_mb, sum(sent), await _count(directory), commits)


def _cpu(recording: _Recording) -> float:
    return sum(map(cpu_seconds, recording.pids()))


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
        on_death=on_death,
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


def _result(seconds: int, without: Percentiles, ours: _Taken, theirs: _Taken | None) -> Result:
    lost = ours.sent - ours.written
    figures: dict[str, Figure] = {
        "cameras": CAMERAS,
        "cpu_ratio": None if theirs is None else round(ours.cpu_s / theirs.cpu_s, 3),
        "pss_ratio": None if theirs is None else round(ours.pss_mb / theirs.pss_mb, 3),
        "packets_lost": lost,
        "journal_commit_p99_ms": Each({"without": without.p99, "with": ours.commit_ms.p99}),
        "packets_sent": ours.sent,
        "cpu_s_per_camera_minute": round(ours.cpu_s / CAMERAS / seconds * 60, 3),
        "pss_mb": round(ours.pss_mb, 1),
    }
    broken = [f"{lost} of {ours.sent} packets are not in the files"] if lost else []
    targets: list[Target] = []
    if theirs is None:
        broken.append("ffmpeg is not installed, so there is nothing to compare with: apt install ffmpeg")
    else:
        figures |= {
            "ffmpeg_cpu_s_per_camera_minute": round(theirs.cpu_s / CAMERAS / seconds * 60, 3),
            "ffmpeg_pss_mb": round(theirs.pss_mb, 1),
            "ffmpeg_packets_lost": theirs.sent - theirs.written,
            "ffmpeg_journal_commit_p99_ms": theirs.commit_ms.p99,
        }
        targets = [
            Target(figure="cpu_ratio", value=round(ours.cpu_s / theirs.cpu_s, 3), limit=CPU_RATIO_LIMIT),
            Target(
                figure="pss_ratio",
                value=round(ours.pss_mb / theirs.pss_mb, 3),
                limit=round(PSS_RATIO_LIMIT, 3),
            ),
        ]
    return Result(figures=figures, targets=targets, broken=broken)
