"""What the figures were measured on: without it they can't be judged."""

import os
import platform
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

#: How often the disk is asked for an fsync, and of how many bytes: a page of the journal.
FSYNCS = 200
_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`filesystem` and `fsync_ms` (the median) are of the place where the state directory was, measured in the run.

    How quiet it was, over the whole run: `others_share` of its processor time went to processes that were not the
    benchmark's, `stolen_share` the host kept for itself (virtual machines).
    """

    cores: int
    cpu: str
    python: str
    kernel: str
    filesystem: str
    fsync_ms: float
    others_share: float = 0.0
    stolen_share: float = 0.0


def look(directory: Path) -> Machine:
    """Find out; takes as long as 200 fsyncs. Raises OSError if the directory can't be written."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=_cpu_model(),
        python=platform.python_version(),
        kernel=platform.release(),
        filesystem=_filesystem(directory),
        fsync_ms=_fsync_ms(directory),
    )


class Quiet:
    """Watches from its making on how much of the machine went elsewhere."""

    def __init__(self) -> None:
        self._before = _processor_seconds()

    def judge(self, machine: Machine) -> Machine:
        """The machine with its two shares. Ask when the benchmark's processes have ended."""
        spent = [now - before for now, before in zip(_processor_seconds(), self._before, strict=True)]
        total, idle, stolen, ours = spent
        others = total - idle - stolen - ours
        return replace(
            machine,
            others_share=round(max(0.0, others) / total, 3),
            stolen_share=round(stolen / total, 3),
        )


def _processor_seconds() -> tuple[float, float, float, float]:
    """Of all cores together: all, idle, stolen by the host; and what we and our ended children have used (proc(5), `stat`)."""
    fields = Path("/proc/stat").read_text(encoding="utf-8").split("\n", maxsplit=1)[0].split()[1:9]
    user, nice, system, idle, wait, irq, softirq, stolen = (
        int(field) / os.sysconf("SC_CLK_TCK") for field in fields
    )
    own = os.times()
    ours = own.user + own.system + own.children_user + own.children_system
    return user + nice + system + idle + wait + irq + softirq + stolen, idle + wait, stolen, ours


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine()


def _filesystem(directory: Path) -> str:
    """The type of the mount that the directory is on: the longest mount point above it, the latest where two are equal."""
    place = directory.resolve()
    found, length = "unknown", -1
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, kind, *_ = line.split()
        above = Path(mount.replace("\\040", " "))
        if place.is_relative_to(above) and len(above.parts) >= length:
            found, length = kind, len(above.parts)
    return found


def _fsync_ms(directory: Path) -> float:
    path = directory / "fsync"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    page, taken = bytes(_PAGE_BYTES), []
    try:
        for _ in range(FSYNCS):
            os.write(descriptor, page)
            begun = time.perf_counter()
            os.fsync(descriptor)
            taken.append((time.perf_counter() - begun) * 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    return round(statistics.median(taken), 3)
