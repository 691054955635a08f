"""gateway.app: the real daemon in this process, its metrics, and whether it says so when nobody takes in alarms."""

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

from gateway.app import Daemon
from gateway.clock import Clock, SystemClock
from gateway.driver import Sink
from gateway.services import Started
from gateway.site import Site
from gateway.supervisor import Supervisor
from gateway.supervisor.keeper import Keeper
from simulators.port import ReservedPort
from tests.scripted import AnyConnection
from tests.sites import BY_HAND, school
from tests.wait import until

PORTS = "[console]\nport = 0\n[metrics]\nport = 0\n"


class Manager:
    """The service manager's end of `$NOTIFY_SOCKET`, with a look of the watchdog every 0.1 s."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0)

    def heard(self) -> list[str]:
        """What has come since the last asking."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(8192).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture
async def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Manager]:
    opened = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield opened
    opened.close()


class Quiet:
    """A driver that listens and hears nothing."""

    def __init__(self, connection: AnyConnection, clock: Clock) -> None:
        pass

    async def run(self, sink: Sink) -> NoReturn:
        """Until cancelled."""
        await asyncio.Event().wait()
        raise AssertionError(f"unreachable with {sink}")


class Broken:
    """A part that fails at every start."""

    def __init__(self) -> None:
        self.starts = 0

    async def run(self) -> None:
        """Fail."""
        self.starts += 1
        raise RuntimeError("a bug of ours")


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[str]:
    """The daemon at work, for the length of a `with`; its console's health page."""
    stop = asyncio.Event()
    started: asyncio.Queue[Started] = asyncio.Queue()
    daemon = asyncio.create_task(
        Daemon(site, {"by-hand": replace(BY_HAND, build=Quiet)}, SystemClock()).run(stop, started.put_nowait)
    )
    async with asyncio.timeout(20):
        host, port = (await started.get()).console
    try:
        yield f"http://{host}:{port}/healthz"
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await daemon


@pytest.fixture
async def console(tmp_path: Path, manager: Manager) -> AsyncIterator[str]:
    """The health page of a daemon that is watched."""
    del manager
    async with serving(school(tmp_path, uplinks="", more=PORTS)) as url:
        yield url


async def health(url: str) -> tuple[int, str]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    return answer.status_code, answer.text


async def until_well(url: str) -> None:
    """A moment without a late write: on a busy machine the shortened limits of these tests find one now and then."""

    async def is_well() -> bool:
        return (await health(url))[0] == 200

    await until(is_well, 20)


@pytest.fixture
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Broken:
    part = Broken()
    monkeypatch.setattr(request.param, "run", lambda _self: part.run())
    return part


@pytest.mark.parametrize("broken", [Supervisor, Keeper], indirect=True)
async def test_a_dead_intake_is_told_and_not_fed(broken: Broken, console: str, manager: Manager) -> None:
    """The supervisor fails at each start: /healthz is 503 with the reason, and the watchdog is not fed any more."""

    async def told() -> bool:
        status, words = await health(console)
        return status == 503 and '"supervisor"' in words

    await until(told)
    manager.heard()
    seen = broken.starts
    await until(lambda: broken.starts >= seen + 3)  # more than a second: ten looks

    assert "WATCHDOG=1" not in manager.heard()
    assert await told()


async def test_a_working_intake_feeds_the_watchdog(console: str, manager: Manager) -> None:
    """The daemon at its work is 200 and fed: what the other test does not hear is heard here."""

    async def works() -> bool:
        return (await health(console))[0] == 200

    await until(works)
    manager.heard()
    await until(lambda: "WATCHDOG=1" in manager.heard())


async def test_prometheus_is_served(tmp_path: Path) -> None:
    """`[metrics]` names the port, and there the daemon tells of itself in Prometheus's text format."""
    port = ReservedPort()
    page: httpx.Response | None = None

    async def answered() -> bool:
        nonlocal page
        async with httpx.AsyncClient() as client:
            try:
                page = await client.get(f"http://127.0.0.1:{port.number}/metrics")
            except httpx.ConnectError:
                return False
        return True

    more = f"[console]\nport = 0\n[metrics]\nport = {port.number}\n"
    try:
        async with serving(school(tmp_path, more=more)):
            await until(answered)
    finally:
        port.release()
    assert page is not None
    assert page.status_code == 200
    assert re.fullmatch(r"text/plain; version=(0\.0\.4|1\.0\.0); charset=utf-8", page.headers["content-type"])
    lines = page.text.splitlines()
    assert "campus_gateway_boot 1.0" in lines
    assert "campus_gateway_journal_durable 1.0" in lines
    for series, label in (
        ("info", 'site="school-1"'),
        ("open_alarms", 'severity="critical"'),
        ("backlog_rows", 'destination="bureau"'),
    ):
        assert any(line.startswith(f"campus_gateway_{series}{{") and label in line for line in lines), series


async def test_threads_that_hang_in_a_disk_leave_room_for_others(console: str) -> None:
    """A dozen jobs that never come back: name look-up, dialling and passwords still find a thread."""
    await until_well(console)
    hangs = threading.Event()
    stuck = [asyncio.create_task(asyncio.to_thread(hangs.wait, 20)) for _ in range(12)]
    try:
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "a thread") == "a thread"
    finally:
        hangs.set()
        await asyncio.gather(*stuck)
