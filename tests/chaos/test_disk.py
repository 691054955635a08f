"""The running daemon over a disk that fills, is read-only, and is taken away: alarms reach the county all the while."""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.model import EventType
from gateway.store.check import check_journal
from simulators.county import County
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from tests.chaos.test_kill import POINT, SITE
from tests.mosquitto import mosquitto

WITHIN_S = 30.0


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
        async with asyncio.timeout(WITHIN_S):
            while True:
                line = (await self._shell.stdout.readline()).decode()
                if not line:
                    raise ConnectionError("".join(lines) or "the shell ended")
                if line.startswith("=") and line.rstrip().endswith("="):
                    assert line.strip() == "=0=", "".join(lines)
                    return "".join(lines)
                lines.append(line)

    async def start_daemon(self, site: Path) -> None:
        """The daemon in the background of that shell; its log goes beside the site file."""
        log = shlex.quote(str(site.with_suffix(".log")))
        await self.run(
            f"{shlex.quote(sys.executable)} -m gateway run {shlex.quote(str(site))} >>{log} 2>&1 & pid=$!"
        )

    async def stop_daemon(self) -> None:
        """SIGTERM, and wait for its end."""
        await self.run("kill $pid && wait $pid")

    async def close(self) -> None:
        """End the daemon if it still runs, and leave."""
        if self._shell is None or self._shell.stdin is None:
            return
        self._shell.stdin.write(b"kill -9 $pid; wait; exit\n")
        self._shell.stdin.close()
        async with asyncio.timeout(WITHIN_S):
            await self._shell.wait()
        self._shell._transport.close()  # type: ignore[attr-defined]


class School:
    """Buttons, broker and county around a daemon in the namespace."""

    def __init__(self, namespace: Namespace, slave: ModbusSlave, county: County, site: Path) -> None:
        self.namespace = namespace
        self.county = county
        self.site = site
        self.journal = namespace.disk / "journal.db"
        self._slave = slave
        self._presses = 0
        self._seen: set[str] = set()

    async def press(self, number: int) -> bool:
        """Press, until the county has it; let go, until it has that too. Returns whether the press was durable."""
        self._presses += 1
        self._slave.press(number)
        durable = await self._heard(number, EventType.ALARM_RAISED, EventType.ALARM_REPEATED)
        self._slave.release(number)
        await self._heard(number, EventType.ALARM_RETURNED)
        return durable

    async def until_durable(self, number: int) -> None:
        """Press again and again until a press is on disk: the disk has returned."""
        async with asyncio.timeout(WITHIN_S):
            while not await self.press(number):
                pass

    async def until_volatile(self, number: int) -> None:
        """Press again and again, while rubbish takes whatever is freed, until a press is kept in memory only."""
        rubbish = f"{self.namespace.disk}/rubbish"
        async with asyncio.timeout(WITHIN_S):
            while await self.press(number):
                await self.namespace.run(f"dd if=/dev/zero bs=4k 2>/dev/null >>{rubbish} || true")

    async def has_alarm(self, kind: str) -> None:
        """The county has heard of an alarm of the gateway's own."""
        await self.county.wait_for_event(
            lambda event: event.data.get("kind") == kind and event.type == EventType.ALARM_RAISED, WITHIN_S
        )

    async def end(self) -> None:
        """Everything pressed was heard, nothing is missing, and the journal on disk has all that the county has."""
        await self.namespace.stop_daemon()
        report = await self.county.wait_for(
            lambda found: all(stream.upto >= stream.announced for stream in found.streams), WITHIN_S
        )
        events = await self.county.events()
        pressed = [
            event
            for event in events
            if event.subject.startswith("button-")
            and event.type in {EventType.ALARM_RAISED, EventType.ALARM_REPEATED}
        ]
        assert len(pressed) == self._presses
        assert report.gaps == ()
        assert report.violations == ()
        await self.namespace.run(f"cp {self.journal}* {self.site.parent}")
        copy = self.site.parent / "journal.db"
        assert check_journal(copy) == []

    async def _heard(self, number: int, *types: EventType) -> bool:
        event = await self.county.wait_for_event(
            lambda event: (
                event.subject == f"button-{number}" and event.type in types and event.id not in self._seen
            ),
            WITHIN_S,
        )
        self._seen.add(event.id)
        return bool(event.data["durable"])


@asynccontextmanager
async def school(tmp_path: Path, megabytes: int) -> AsyncIterator[School]:
    """All of it, running but for the daemon."""
    namespace = Namespace(tmp_path / "disk")
    slave = ModbusSlave(1)
    modbus = ModbusTcpSimulator(slaves=[slave])
    async with mosquitto(tmp_path) as broker:
        county = County("127.0.0.1", broker.port)
        await modbus.start()
        await county.start()
        site = tmp_path / "site.toml"
        points = "".join(POINT.format(number=number) for number in range(4))
        site.write_text(
            SITE.format(state=namespace.disk, modbus=modbus.port, broker=broker.port, points=points).replace(
                "ballast_mb = 1", "ballast_mb = 1\nretry_disk_s = 0.2"
            )
        )
        try:
            await namespace.open(megabytes)
            yield School(namespace, slave, county, site)
        finally:
            await namespace.close()
            await county.stop()
            await modbus.stop()


@pytest.mark.timeout(180)
async def test_a_disk_that_fills_costs_no_alarm(tmp_path: Path) -> None:
    """Full: the reserve goes first, then memory mode; emptied, the journal is on disk again and has everything."""
    async with school(tmp_path, 12) as here:
        await here.namespace.start_daemon(here.site)
        assert await here.press(0)
        await here.until_volatile(1)
        await here.has_alarm("disk")
        assert not await here.press(2)
        await here.namespace.run(f"rm {here.namespace.disk}/rubbish")
        await here.until_durable(3)
        await here.end()


@pytest.mark.timeout(180)
async def test_a_read_only_disk_at_start_costs_no_alarm(tmp_path: Path) -> None:
    """The daemon starts on a journal that it can't write, alarms all the same, and goes back when it can."""
    async with school(tmp_path, 12) as here:
        await here.namespace.start_daemon(here.site)
        assert await here.press(0)
        await here.namespace.stop_daemon()
        await here.namespace.run(
            f"mount -o remount,ro {here.namespace.disk}.kept && mount -o remount,bind,ro {here.namespace.disk}"
        )
        await here.namespace.start_daemon(here.site)
        assert not await here.press(1)
        await here.has_alarm("disk")
        await here.namespace.run(
            f"mount -o remount,rw {here.namespace.disk}.kept && mount -o remount,bind,rw {here.namespace.disk}"
        )
        await here.until_durable(2)
        await here.end()


@pytest.mark.timeout(180)
async def test_a_disk_that_is_taken_away_costs_no_alarm(tmp_path: Path) -> None:
    """Unmounted under the running daemon: memory mode within one press; mounted again, everything is on it."""
    async with school(tmp_path, 12) as here:
        await here.namespace.start_daemon(here.site)
        assert await here.press(0)
        await here.namespace.run(
            f"umount -l {here.namespace.disk} && mount -t tmpfs -o ro,size=4k tmpfs {here.namespace.disk}"
        )
        assert not await here.press(1)
        await here.has_alarm("disk")
        assert not await here.press(2)
        await here.namespace.run(
            f"umount -l {here.namespace.disk} && mount --bind {here.namespace.disk}.kept {here.namespace.disk}"
        )
        await here.until_durable(3)
        await here.end()
