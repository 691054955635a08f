"""A console for tests: the real journal on a real disk, the real listener on a free port, guards with real passwords."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from gateway.clock import Clock, SystemClock
from gateway.console import Console, ConsoleDeps, HealthProblem, Limits, hash_password
from gateway.model import Kind, Level, Origin, Signal
from gateway.site import Site
from gateway.store import Account, Journal
from tests.sites import put_account, school
from tests.wait import until

PASSWORD = "correct horse"
WANG = Account(name="wang", display="王强", hash=hash_password(PASSWORD), role="guard")
LI = Account(name="li", display="李敏", hash=hash_password(PASSWORD), role="admin")

PANIC = Signal(
    device="buttons", point="gate-button", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT
)
PANIC_OVER = replace(PANIC, level=Level.NORMAL)
SMOKE = replace(PANIC, point="hall-smoke", kind=Kind.SMOKE)

#: A quick pulse, so that no test waits 5 s for a sign of life.
QUICK = Limits(heartbeat_s=0.2, coalesce_s=0.02)


class Health:
    """Health as the console sees it: well, until a test says otherwise."""

    def __init__(self) -> None:
        self.found: list[HealthProblem] = []

    def problems(self) -> Sequence[HealthProblem]:
        """What is wrong."""
        return self.found


class ShiftedClock(SystemClock):
    """The machine's clocks, moved forward by hand."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        """The shifted wall clock."""
        return super().now() + self.shift

    def monotonic(self) -> float:
        """The shifted monotonic clock."""
        return super().monotonic() + self.shift.total_seconds()


@dataclass
class Desk:
    """A running console and what is behind it."""

    site: Site
    journal: Journal
    console: Console
    url: str
    clock: Clock
    clients: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def browser(self) -> httpx.AsyncClient:
        """Somebody who has not signed in."""
        client = httpx.AsyncClient(base_url=self.url, timeout=20, trust_env=False)
        return await self.clients.enter_async_context(client)

    async def guard(self, name: str = "wang", password: str = PASSWORD) -> httpx.AsyncClient:
        """Somebody who has signed in and sends the CSRF token along."""
        client = await self.browser()
        answer = await client.post("/api/session", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    async def press(self, signal: Signal = PANIC) -> str:
        """Report a signal; the id of its open alarm."""
        await self.journal.report(signal)
        return next(
            alarm.id for alarm in self.journal.open_alarms.values() if alarm.source.subject == signal.point
        )


@asynccontextmanager
async def desk(
    tmp_path: Path,
    *,
    clock: Clock | None = None,
    limits: Limits = QUICK,
    console_keys: str = "",
    health: Health | None = None,
    **views: Any,  # the optional views of ConsoleDeps
) -> AsyncIterator[Desk]:
    """A journal and a console on a free port; both are closed in order at the end."""
    clock = clock or SystemClock()
    site = school(tmp_path, more=f"\n[console]\nport = 0\n{console_keys}\n")
    journal = await Journal.open(site, clock=clock)
    for account in (WANG, LI):
        if journal.account(account.name) != account:
            await put_account(journal, account)
    console = Console(
        ConsoleDeps(
            journal=journal, site=site, clock=clock, health=health or Health(), limits=limits, **views
        )
    )
    try:
        async with serving(console):
            host, port = await console.listening()
            running = Desk(site, journal, console, f"http://{host}:{port}", clock)
            async with running.clients:
                yield running
    finally:
        await journal.close()


@asynccontextmanager
async def serving(console: Console) -> AsyncIterator[None]:
    """The console serves as long as the block lasts."""
    task = asyncio.create_task(console.serve())
    try:
        async with asyncio.timeout(10):
            await console.listening()
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Listener:
    """One open event stream, read as a browser reads it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.ended = False
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        event = ""
        with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError):
            async for line in self.response.aiter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.messages.append((event, json.loads(line.removeprefix("data: "))))
        self.ended = True

    def of(self, event: str) -> list[dict[str, Any]]:
        """The messages of that name so far."""
        return [data for name, data in self.messages if name == event]

    def states(self, alarm_id: str) -> list[str]:
        """What has been told of an alarm's state, in order."""
        return [
            alarm["state"]
            for _, data in self.messages
            for alarm in data.get("alarms", [])
            if alarm["id"] == alarm_id
        ]

    async def hears(self, alarm_id: str, state: str) -> None:
        """Wait until the alarm's newest state is that."""
        await until(lambda: self.states(alarm_id)[-1:] == [state])

    async def close(self) -> None:
        """Go away."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def listening(client: httpx.AsyncClient) -> AsyncIterator[Listener]:
    """An open event stream that has had its snapshot."""
    async with client.stream("GET", "/api/events") as response:
        assert response.status_code == 200, await response.aread()
        listener = Listener(response)
        try:
            await until(lambda: bool(listener.of("snapshot")))
            yield listener
        finally:
            await listener.close()
