"""A mount namespace of the test's own: a disk that can be filled, made read-only and taken away under the daemon."""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.daemon import GATEWAY

_WITHIN_S = 30.0


class Namespace:
    """A shell in a user and mount namespace of the test's own, with a small tmpfs at `disk`."""

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self._shell: asyncio.subprocess.Process | None = None

    async def open(self, megabytes: int) -> None:
        """Enter it; skips the test (fails it in CI) where namespaces are forbidden."""
        self._shell = await asyncio.create_subprocess_exec(
            "unshare",
            "-Urm",
            "bash",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        kept = shlex.quote(f"{self.disk}.kept")
        disk = shlex.quote(str(self.disk))
        try:
            await self.run(
                f"mkdir -p {disk} {kept} && mount -t tmpfs -o size={megabytes}m tmpfs {kept} && mount --bind {kept} {disk}"
            )
        except (AssertionError, ConnectionError) as error:
            text = f"unshare -Urm with a tmpfs is forbidden here: {error}"
            if os.environ.get("CI"):
                pytest.fail(text)
            pytest.skip(text)

    async def run(self, command: str) -> str:
        """Run a command there; returns what it printed. AssertionError where it fails."""
        assert self._shell is not None
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{{ {command}; }} </dev/null\necho =$?=\n".encode())
        await self._shell.stdin.drain()
        lines: list[str] = []
        async with asyncio.timeout(_WITHIN_S):
            while True:
                line = (await self._shell.stdout.readline()).decode()
                if not line:
                    raise ConnectionError("".join(lines) or "the shell ended")
                if line.startswith("=") and line.rstrip().endswith("="):
                    assert line.strip() == "=0=", "".join(lines)
                    return "".join(lines)
                lines.append(line)

    # ---- the daemon

    async def start_daemon(self, site: Path, *, program: Sequence[str] = GATEWAY) -> None:
        """The daemon in the background of that shell; its log goes beside the site file."""
        log = shlex.quote(str(site.with_suffix(".log")))
        command = shlex.join([sys.executable, *program, "run", str(site)])
        await self.run(f"{command} >>{log} 2>&1 & pid=$!")

    async def gateway(self, arguments: str) -> str:
        """Another command of the gateway, to its end; what it printed."""
        return await self.run(f"{shlex.join([sys.executable, *GATEWAY])} {arguments}")

    async def signal_daemon(self, name: str) -> None:
        """A signal by its name, `USR1`."""
        await self.run(f"kill -{name} $pid")

    async def stop_daemon(self) -> None:
        """SIGTERM, and wait for its end."""
        await self.run("kill $pid && wait $pid")

    async def kill_daemon(self) -> None:
        """SIGKILL: no goodbye."""
        await self.run("kill -9 $pid && ! wait $pid")

    # ---- the disk

    async def fill(self) -> None:
        """Take all that is free, to the last page."""
        await self.run(f"! dd if=/dev/zero bs=4k 2>/dev/null >>{self._rubbish}")

    async def empty(self) -> None:
        """What `fill` took is free again."""
        await self.run(f"rm {self._rubbish}")

    async def take_away(self) -> None:
        """Gone from its place, at once: there is an empty directory that takes no file."""
        await self.run(f"mount -t tmpfs -o ro,size=4k tmpfs {self._place}")

    async def bring_back(self) -> None:
        """What is over it is gone: there again with all that was on it, to be written to."""
        await self.run(f"umount -l {self._place}")

    async def make_read_only(self) -> None:
        """Nobody can open a file of it to write from now on; files that are open stay so. `bring_back` ends it."""
        await self.run(
            f"mount -o bind,ro {self._place}.kept {self._place} && ! touch {self._place}/x 2>/dev/null"
        )

    @property
    def _place(self) -> str:
        return shlex.quote(str(self.disk))

    @property
    def _rubbish(self) -> str:
        return shlex.quote(f"{self.disk}/rubbish")

    # ---- the end

    async def close(self) -> None:
        """End the daemon if it still runs, and leave."""
        if self._shell is None or self._shell.stdin is None:
            return
        self._shell.stdin.write(b"kill -9 $pid; wait; exit\n")
        self._shell.stdin.close()
        async with asyncio.timeout(_WITHIN_S):
            await self._shell.wait()
        self._shell._transport.close()  # type: ignore[attr-defined]


@asynccontextmanager
async def namespace(disk: Path, megabytes: int) -> AsyncIterator[Namespace]:
    """An open one, left at the end with its daemon killed."""
    opened = Namespace(disk)
    try:
        await opened.open(megabytes)
        yield opened
    finally:
        await opened.close()
