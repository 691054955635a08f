"""A real mosquitto on a free port of 127.0.0.1, with a configuration of its own in a temporary directory."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulators.port import ReservedPort

START_SECONDS = 20.0


class Mosquitto:
    """One broker process; it keeps its port while it is stopped.

    `persistence` keeps sessions and retained messages over a `stop` (not over a `kill`: it saves at its end only).
    `extra` are further lines of mosquitto.conf, for example `max_queued_messages 0`.
    """

    def __init__(self, directory: Path, *, persistence: bool = False, extra: Sequence[str] = ()) -> None:
        self.directory = directory
        self._persistence = persistence
        self._extra = tuple(extra)
        self._reserved: ReservedPort | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def port(self) -> int:
        """The same for all starts, known from the first one on."""
        assert self._reserved is not None, "start() first"
        return self._reserved.number

    @property
    def process_id(self) -> int:
        """Of the running broker, for signals (SIGSTOP makes it hang)."""
        assert self._process is not None, "start() first"
        return self._process.pid

    @property
    def log(self) -> str:
        """What the broker has said so far."""
        return (self.directory / "mosquitto.log").read_text(encoding="utf-8")

    async def start(self) -> None:
        """Run it; returns when it takes connections. Skips the test (fails it in CI) where mosquitto is not installed."""
        binary = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if binary is None:
            missing = "mosquitto is not installed (apt install mosquitto)"
            if os.environ.get("CI"):
                pytest.fail(missing)
            pytest.skip(missing)
        if self._reserved is None:
            self._reserved = ReservedPort()
        configuration = self._write_configuration()
        with (self.directory / "mosquitto.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                binary, "-c", str(configuration), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        await self._wait_until_reachable()

    async def stop(self) -> None:
        """End it in good order (SIGTERM), and at last the hard way."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None

    async def kill(self) -> None:
        """End it as a power cut does (SIGKILL): what it had not saved is gone."""
        assert self._process is not None, "start() first"
        self._process.kill()
        await self._process.wait()
        self._process = None

    async def restart(self) -> None:
        """Stop and start, at the same port."""
        await self.stop()
        await self.start()

    async def close(self) -> None:
        """Stop, and give the port back."""
        await self.stop()
        if self._reserved is not None:
            self._reserved.release()
            self._reserved = None

    def _write_configuration(self) -> Path:
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "log_type all"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes `mosquitto`, who may not write here
        if self._persistence:
            lines += ["persistence true", f"persistence_location {self.directory}/"]
        path = self.directory / "mosquitto.conf"
        path.write_text("\n".join([*lines, *self._extra, ""]), encoding="utf-8")
        return path

    async def _wait_until_reachable(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while True:
                assert self._process is not None
                if self._process.returncode is not None:
                    pytest.fail(f"mosquitto ended with {self._process.returncode}:\n{self.log}")
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                await writer.wait_closed()
                return


@asynccontextmanager
async def mosquitto(
    directory: Path, *, persistence: bool = False, extra: Sequence[str] = ()
) -> AsyncIterator[Mosquitto]:
    """A running mosquitto for the length of a `with`."""
    broker = Mosquitto(directory, persistence=persistence, extra=extra)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.close()
