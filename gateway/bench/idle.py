"""What the gateway takes while nothing happens: ten Modbus devices polled each 100 ms, one camera being recorded."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from gateway.bench.devices import SLAVE, Devices, devices
from gateway.bench.figures import Figure, Result, Target
from gateway.bench.harness import bed, daemon
from gateway.bench.processes import (
    BenchError,
    Memory,
    child,
    children,
    cpu_seconds,
    media_libraries,
    memory,
    python,
)
from gateway.bench.progress import progress
from simulators.port import ReservedPort

DEVICES = 10
INPUTS = 8
POLL_MS = 100

CPU_SHARE_LIMIT = 0.10
RSS_LIMIT_MB = 100.0

_PASSWORD = "camera"  # noqa: S105 - the simulator's, known to all
_SETTLE_S = 5.0
_RECORDER_LIMIT_S = 30.0
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class _Use:
    """One process over the measured time: its share of one core, and its memory at the end."""

    cpu_share: float
    memory: Memory


async def run(place: Path, *, seconds: int) -> Result:
    """Watch the alarm process and the recorder for so long. Raises BenchError."""
    camera_port = ReservedPort()
    camera = python("simulators", "camera", "--port", str(camera_port.number))
    try:
        async with (
            bed(place) as made,
            devices(DEVICES, made.directory) as modules,
            child("camera", *camera, directory=made.directory) as camera_process,
        ):
            await camera_process.line()
            secret = made.directory / "camera-password"
            await asyncio.to_thread(secret.write_text, _PASSWORD, encoding="utf-8")
            site = made.write_site(
                _modules(modules) + _camera(camera_port.number, secret), zone_keys='cameras = ["cam-gate"]'
            )
            async with daemon(made, site) as process:
                await made.ready(devices=DEVICES)
                recorder = await _recorder_of(process.pid, made.directory)
                await asyncio.sleep(_SETTLE_S)
                requests, footage = await modules.requests(), _footage_bytes(made.directory)
                alarm_use, recorder_use = await _watch(seconds, process.pid, recorder)
                polls = (await modules.requests() - requests) / seconds
                footage = _footage_bytes(made.directory) - footage
                mapped = media_libraries(process.pid)
    finally:
        camera_port.release()
    return _result(alarm_use, recorder_use, polls, footage, mapped)


def _modules(modules: Devices) -> str:
    return "".join(_module(number, port) for number, port in enumerate(modules.ports))


def _module(number: int, port: int) -> str:
    head = f"""
[[device]]
id = "module-{number}"
zone = "gate"
driver = "modbus"
host = "127.0.0.1"
port = {port}
slave = {SLAVE}
poll_ms = {POLL_MS}
"""
    return head + "".join(
        f'[[device.point]]\nid = "m{number}-button-{n}"\nkind = "panic"\nfunction = "discrete"\naddress = {n}\n'
        for n in range(INPUTS)
    )


def _camera(port: int, secret: Path) -> str:
    return f"""
[[device]]
id = "cam-gate"
zone = "gate"
driver = "rtsp"
url = "rtsp://127.0.0.1:{port}/main"
username = "admin"
password_file = "{secret}"

[recording]
segment_s = 10
"""


async def _recorder_of(daemon_pid: int, directory: Path) -> int:
    """The recorder's process, once it writes. Raises BenchError."""
    deadline = time.monotonic() + _RECORDER_LIMIT_S
    while time.monotonic() < deadline:
        found = await asyncio.to_thread(children, daemon_pid)
        if len(found) == 1 and (await asyncio.to_thread(_footage_bytes, directory)) > 0:
            return found[0]
        await asyncio.sleep(_PAUSE_S)
    raise BenchError(f"no footage of the camera after {_RECORDER_LIMIT_S:g} s: nothing is being recorded")


def _footage_bytes(directory: Path) -> int:
    """What has been recorded so far; a segment moves from the spool to the shelf while we count."""
    total = 0
    for path in directory.rglob("*.mp4*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


async def _watch(seconds: float, *pids: int) -> tuple[_Use, _Use]:
    begun = time.monotonic()
    before = [cpu_seconds(pid) for pid in pids]
    with progress("seconds", round(seconds)) as advance:
        while (left := begun + seconds - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 1.0))
            advance(round(time.monotonic() - begun))
    lasted = time.monotonic() - begun
    alarm, recorder = (
        _Use((cpu_seconds(pid) - then) / lasted, memory(pid)) for pid, then in zip(pids, before, strict=True)
    )
    return alarm, recorder


def _result(alarm: _Use, recorder: _Use, polls: float, footage: int, mapped: tuple[str, ...]) -> Result:
    figures: dict[str, Figure] = {
        "cpu_share": round(alarm.cpu_share, 4),
        "rss_mb": alarm.memory.rss_mb,
        "pss_mb": alarm.memory.pss_mb,
        "recorder_cpu_share": round(recorder.cpu_share, 4),
        "recorder_rss_mb": recorder.memory.rss_mb,
        "recorder_pss_mb": recorder.memory.pss_mb,
        "devices": DEVICES,
        "polls_per_s": round(polls, 1),
        "recorded_kb": round(footage / 1024, 1),
        "media_libraries": mapped,
    }
    targets = (
        Target(figure="cpu_share", value=round(alarm.cpu_share, 4), limit=CPU_SHARE_LIMIT),
        Target(figure="rss_mb", value=alarm.memory.rss_mb, limit=RSS_LIMIT_MB),
    )
    broken = (f"the alarm process has media libraries mapped: {', '.join(mapped)}",) if mapped else ()
    return Result(figures=figures, targets=targets, broken=broken)
