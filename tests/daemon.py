"""The daemon as a process of its own: started, killed and started again as life does."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

START_SECONDS = 60.0

#: How Python is told to run the daemon.
GATEWAY = ("-m", "gateway")


class DaemonProcess:
    """`python -m gateway run SITE`. Its log is in `log`; `console` is the address it listens on.

    `program` is what Python runs instead of `-m gateway`: a script that prepares a fault and then is the gateway.
    """

    def __init__(self, site: Path, *arguments: str, program: Sequence[str] = GATEWAY) -> None:
        self.site = site
        self.log = site.with_suffix(".log")
        self.console = ""
        self._arguments = arguments
        self._program = tuple(program)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "start() first"
        return self._process.pid

    async def start(self, *, ready: bool = True) -> None:
        """Run it; with `ready`, return when its console listens."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._program,
                "run",
                str(self.site),
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, "STATE_DIRECTORY": ""},
            )
        if ready:
            assert self._process.stdout is not None
            async with asyncio.timeout(START_SECONDS):
                line = (await self._process.stdout.readline()).decode()
            assert line.startswith("console "), self.text()
            self.console = line.split()[1]

    async def kill(self) -> None:
        """SIGKILL: no goodbye."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return await self._end(signal.SIGTERM)

    async def wait(self, seconds: float = 30.0) -> int:
        """Its exit code, when it ends by itself."""
        assert self._process is not None, "start() first"
        async with asyncio.timeout(seconds):
            return await self._process.wait()

    def text(self) -> str:
        """Its log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        try:
            async with asyncio.timeout(30):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        # The transport of the pipe outlives the process until it is closed.
        process._transport.close()  # type: ignore[attr-defined]
        return code


@asynccontextmanager
async def daemon(
    site: Path, *arguments: str, program: Sequence[str] = GATEWAY
) -> AsyncIterator[DaemonProcess]:
    """A running daemon, killed at the end if it is still there."""
    running = DaemonProcess(site, *arguments, program=program)
    try:
        await running.start()
        yield running
    finally:
        await running.kill()
