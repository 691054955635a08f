"""The demo's gateway: a real process of its own, started, killed, and stopped as systemd would."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.errors import GatewayError

#: A loaded machine needs so long for the first line at most; seconds.
START_LIMIT_S = 45.0
#: And so long for an orderly end (the daemon itself takes 10 s for its last files at most).
STOP_LIMIT_S = 20.0

_LAST_LINES = 12


class GatewayDied(GatewayError):  # noqa: N818 - what happened
    """The gateway did not start, or ended when nobody had told it to; the message ends with its last words."""


class GatewayProcess:
    """`python -m gateway run SITE.toml`. Its log goes to a file. It never outlives this process.

    `on_death` is called with the exit code when it ends and nobody has told it to.
    """

    def __init__(
        self, site_file: Path, *, trace: Path, log: Path, on_death: Callable[[int], None] = lambda _: None
    ) -> None:
        self._arguments = ["run", str(site_file), "--trace", str(trace)]
        self._log = log
        self._on_death = on_death
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._expected = False

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is none."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> str:
        """Return the console's address as soon as it listens. Raises GatewayDied."""
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "gateway.demo.leash", str(os.getpid()), *self._arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # a terminal's Ctrl-C is for the demo, which ends it properly
            )
        finally:
            os.close(log)
        assert process.stdout is not None
        self._process, self._expected = process, False
        try:
            async with asyncio.timeout(START_LIMIT_S):
                address = await _console_address(process.stdout)
        except TimeoutError:
            address = None
        if address is None:
            await self.kill()
            raise GatewayDied(f"the gateway did not start\n{self.last_words()}")
        self._watching = asyncio.create_task(self._watch(process))
        return address

    async def kill(self) -> None:
        """SIGKILL: no goodbye, nothing put away."""
        await self._end(signal.SIGKILL, STOP_LIMIT_S)

    async def stop(self) -> int | None:
        """SIGTERM, and SIGKILL if that is not obeyed in time. The exit code; None where none ran."""
        return await self._end(signal.SIGTERM, STOP_LIMIT_S)

    def last_words(self) -> str:
        """The end of its log."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_LAST_LINES:])

    async def _end(self, number: signal.Signals, limit_s: float) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        self._expected = True
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(limit_s):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            code = await process.wait()
        if self._watching is not None:
            await self._watching
            self._watching = None
        return code

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while await process.stdout.read(4096):
            pass  # it says no more than its address; a full pipe must not stop it
        code = await process.wait()
        if not self._expected:
            self._process = None
            self._on_death(code)


async def _console_address(output: asyncio.StreamReader) -> str | None:
    """The address from `console http://…`; None if it ended without saying so."""
    while line := await output.readline():
        word, _, address = line.decode(errors="replace").strip().partition(" ")
        if word == "console":
            return address
    return None
