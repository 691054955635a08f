"""The processes that a benchmark starts: their first words, their logs, their ends; and what Linux knows of them."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from gateway.errors import GatewayError

#: How long a process may take to start, and to end on SIGTERM before it is killed; seconds.
START_LIMIT_S = 30.0
END_LIMIT_S = 20.0

_LOG_TAIL_BYTES = 2000

#: Folders and libraries that belong to PyAV (FFmpeg), OpenCV and numpy.
_MEDIA_FOLDERS = frozenset({"av", "av.libs", "cv2", "numpy", "numpy.libs"})
_MEDIA_LIBRARIES = ("libavcodec", "libavformat", "libavutil", "libswscale", "libswresample", "libopencv")


class BenchError(GatewayError):
    """The benchmark can't be run, or went wrong on its way; the message says what to do."""


class Child:
    """One process. `tell` writes a line to it, `line` reads one; what it says on stderr is kept in its log."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        return self._process.returncode is not None

    async def line(self, seconds: float = START_LIMIT_S) -> str:
        """Its next line. Raises BenchError where none comes in time, or it has ended."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            raise BenchError(
                f"{self.name} says nothing for {seconds:g} s; its log ends: {self.tail}"
            ) from error
        if not line:
            raise BenchError(f"{self.name} has ended; its log ends: {self.tail}")
        return line.decode().rstrip("\n")

    async def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()

    async def end(self) -> None:
        """SIGTERM, and SIGKILL if it takes longer than 20 s."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def tail(self) -> str:
        """The last that it has logged."""
        return self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip() or "(nothing)"


@contextlib.asynccontextmanager
async def child(name: str, *command: str, directory: Path) -> AsyncIterator[Child]:
    """A process for the length of a `with`; its log is `{name}.log` in the directory."""
    log = directory / f"{name}.log"
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=file
        )
    started = Child(name, process, log)
    try:
        yield started
    finally:
        await started.end()


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module of ours with this very Python."""
    return sys.executable, "-m", module, *arguments


# ---- what Linux knows of a process


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (2**20 bytes): all pages that the process has mapped, and with shared ones divided among their users."""

    rss_mb: float
    pss_mb: float


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads so far, to 10 ms (proc(5), `stat` fields 14 and 15)."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> Memory:
    """What it has in memory now (proc(5), `smaps_rollup`)."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]:
        name, _, value = line.partition(":")
        found[name] = int(value.split()[0]) / 1024
    return Memory(round(found["Rss"], 1), round(found["Pss"], 1))


def children(pid: int) -> list[int]:
    """The processes that it has started and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # it ended while we looked
                if int(_stat(int(entry.name))[1]) == pid:
                    found.append(int(entry.name))
    return found


def media_libraries(pid: int) -> tuple[str, ...]:
    """The files of PyAV (FFmpeg), OpenCV and numpy that it has mapped; empty if none (proc(5), `maps`)."""
    mapped = set()
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
        path = PurePath(line[line.find("/") :] if "/" in line else "")
        if _MEDIA_FOLDERS & set(path.parts) or path.name.startswith(_MEDIA_LIBRARIES):
            mapped.add(path.name)
    return tuple(sorted(mapped))


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may have spaces and brackets in it: from the third on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
