"""Daemons forked from one process that has imported the gateway: a start costs little, and a kill seldom hits an import."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gateway.__main__ import main

_WITHIN_S = 30.0


class Nest:
    """One daemon at a time, a process of its own. Its log is in `log`."""

    def __init__(self, site: Path, *arguments: str) -> None:
        self.log = site.with_suffix(".log")
        self._site = site
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    async def open(self) -> None:
        """Import everything, once."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            str(self.log),
            "run",
            str(self._site),
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "STATE_DIRECTORY": ""},
        )
        assert await self._say("hello") == "0"

    async def start(self) -> None:
        """Returns when the process is there, long before it is ready."""
        await self._say("start")

    async def kill(self) -> None:
        """SIGKILL, to a process that lives: one that has ended by itself is an AssertionError."""
        assert int(await self._say("kill")) == signal.SIGKILL, self.text()[-3000:]

    def text(self) -> str:
        """The daemons' log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def close(self) -> None:
        """End all."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        async with asyncio.timeout(_WITHIN_S):
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]

    async def _say(self, word: str) -> str:
        assert self._process is not None, "open() first"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n".encode())
        async with asyncio.timeout(_WITHIN_S):
            return (await self._process.stdout.readline()).decode().strip()


# ---- in the process that forks


def serve(log: Path, arguments: list[str]) -> None:
    """Start and kill as told on stdin; each is answered: 0, or the signal that ended the daemon (0 for none)."""
    child = 0
    for line in sys.stdin:
        ended_by = 0
        if line == "start\n":
            child = os.fork() or be_the_daemon(log, arguments)
        elif line == "kill\n":
            child, ended_by = 0, kill(child)
        sys.stdout.write(f"{ended_by}\n")
        sys.stdout.flush()
    if child:
        kill(child)


def kill(child: int) -> int:
    """SIGKILL; returns what has ended it."""
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def be_the_daemon(log: Path, arguments: list[str]) -> int:
    """The gateway's command line with a stdin and a stdout of its own. Never returns."""
    with log.open("ab") as out, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    code = 70
    try:
        code = main(arguments)
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])
