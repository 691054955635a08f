"""The listener: headers, limits, the page's files, stopping in time, and starting where the port is taken."""

import asyncio
import re
import socket
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.clock import SystemClock
from gateway.console import Console, ConsoleDeps
from gateway.model import Kind
from gateway.store import Journal
from tests.console.desk import PASSWORD, QUICK, Desk, Health, desk, listening, serving
from tests.sites import school
from tests.wait import until


async def test_every_answer_carries_the_safety_headers(tmp_path: Path) -> None:
    """Page, files, API and errors: a policy of our own origin only, no sniffing, no framing, API never cached."""
    async with desk(tmp_path) as running:
        browser = await running.browser()
        for path in ("/", "/static/app.js", "/api/alarms", "/healthz", "/nothing", "/openapi.json"):
            answer = await browser.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-frame-options"] == "DENY"
            assert "server" not in answer.headers
            cached = answer.headers["cache-control"]
            assert cached == ("no-cache" if path in {"/", "/static/app.js"} else "no-store")


async def test_the_page_is_ours_alone(tmp_path: Path) -> None:
    """Every script and style the page names is served here, nothing comes from elsewhere, and ETags save sending it."""
    async with desk(tmp_path) as running:
        browser = await running.browser()
        page = await browser.get("/")
        assert page.headers["content-type"].startswith("text/html")
        named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert named
        for path in named:
            assert path.startswith("/static/")
            file = await browser.get(path)
            assert file.status_code == 200
            for module in re.findall(r'from "\./([^"]+)"', file.text):
                assert (await browser.get(f"/static/{module}")).status_code == 200
            assert "innerHTML" not in file.text
            again = await browser.get(path, headers={"If-None-Match": file.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
        assert (await browser.get("/static/__init__.py")).status_code == 404
        assert (await browser.get("/static/..%2fserver.py")).status_code == 404


async def test_an_unknown_address_or_method_is_told_in_the_one_shape(tmp_path: Path) -> None:
    """404 and 405 are JSON with a code, in Chinese by default."""
    async with desk(tmp_path) as running:
        browser = await running.browser()
        assert (await browser.get("/nothing")).json()["error"] == {
            "code": "no-such-page",
            "message": "没有这个地址",
        }
        wrong = await browser.put("/api/session")
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "wrong-method")


async def test_openapi_is_served_to_the_signed_in_alone(tmp_path: Path) -> None:
    """The document names every route of the contract, and no interactive page of foreign scripts is served."""
    async with desk(tmp_path) as running:
        assert (await (await running.browser()).get("/openapi.json")).status_code == 401
        guard = await running.guard()
        paths = (await guard.get("/openapi.json")).json()["paths"]
        for path in (
            "/api/session",
            "/api/alarms",
            "/api/alarms/{alarm_id}/acknowledge",
            "/api/alarms/{alarm_id}/close",
            "/api/alarms/{alarm_id}/shelve",
            "/api/devices",
            "/api/status",
            "/api/events",
            "/api/coverage",
            "/api/access-log",
            "/api/drills",
            "/healthz",
        ):
            assert path in paths
        assert (await guard.get("/docs")).status_code == 404


@pytest.mark.parametrize("announced", [True, False])
async def test_a_large_body_is_refused(tmp_path: Path, *, announced: bool) -> None:
    """Past 64 KiB: 413 in the one shape, whether its length is announced or it comes in chunks."""
    async with desk(tmp_path) as running:
        body = b'{"name": "' + b"x" * 70_000
        content = body if announced else AsyncChunks(body)
        answer = await (await running.browser()).post(
            "/api/session", content=content, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too-large")


class AsyncChunks:
    """A body in pieces of 8 KiB."""

    def __init__(self, body: bytes) -> None:
        self._pieces = [body[at : at + 8192] for at in range(0, len(body), 8192)]

    def __aiter__(self) -> "AsyncChunks":
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop(0)


async def ending(running: Desk, sent: bytes) -> tuple[bytes, float]:
    """What a raw client is answered before its connection ends, and after how long."""
    reader, writer = await asyncio.open_connection(*await running.console.listening())
    begun = time.monotonic()
    writer.write(sent)
    try:
        async with asyncio.timeout(10):
            answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    finally:
        writer.close()
    return answer, time.monotonic() - begun


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
async def test_a_client_that_says_nothing_whole_is_cut_off(tmp_path: Path, sent: bytes) -> None:
    """An open connection without a whole request ends by itself."""
    async with desk(tmp_path, limits=replace(QUICK, request_s=0.3)) as running:
        answer, seconds = await ending(running, sent)
        assert answer == b""
        assert 0.2 < seconds < 5


async def test_a_body_that_does_not_come_is_408(tmp_path: Path) -> None:
    """Headers that announce a body which stays away get an answer, and the connection ends."""
    async with desk(tmp_path, limits=replace(QUICK, request_s=0.3)) as running:
        head = b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        answer, _ = await ending(running, head)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"too-slow" in answer


async def test_garbage_is_answered_and_forgotten(tmp_path: Path) -> None:
    """Bytes that are not HTTP do not disturb anybody."""
    async with desk(tmp_path) as running:
        answer, _ = await ending(running, bytes(range(256)) * 8)
        assert answer.startswith(b"HTTP/1.1 400")
        assert (await (await running.browser()).get("/healthz")).status_code == 200


async def test_connections_are_limited_for_each_address(tmp_path: Path) -> None:
    """One machine that opens more than its share is refused; when it lets go, it is served again."""
    async with desk(tmp_path, limits=replace(QUICK, connections_an_address=4)) as running:
        address = await running.console.listening()
        idle = [await asyncio.open_connection(*address) for _ in range(4)]
        assert (await ending(running, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == b""
        for _, writer in idle:
            writer.close()
            await writer.wait_closed()
        browser = await running.browser()

        async def served() -> bool:
            try:
                return (await browser.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(served)


async def test_it_stops_in_time_with_streams_open(tmp_path: Path) -> None:
    """Cancelled with event streams and idle connections open, it lets go of everything within four seconds."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        idle = await asyncio.open_connection(*await running.console.listening())
        async with listening(guard) as stream:
            (task,) = [each for each in asyncio.all_tasks() if "console-http" in each.get_name()]
            parent = next(each for each in asyncio.all_tasks() if "Console.serve" in repr(each.get_coro()))
            begun = time.monotonic()
            parent.cancel()
            await asyncio.wait({parent, task}, timeout=10)
            assert time.monotonic() - begun < 4
            assert parent.done()
            assert running.console.address is None
            await until(lambda: stream.ended)
        assert not [each for each in asyncio.all_tasks() if each.get_name().startswith("console-")]
        idle[1].close()


async def test_a_taken_port_is_tried_again_and_becomes_an_alarm(tmp_path: Path) -> None:
    """The gateway guards on without a screen, says so to the county, and opens the screen when the port is free."""
    taken = socket.create_server(("127.0.0.1", 0))
    site = school(tmp_path, more=f"\n[console]\nport = {taken.getsockname()[1]}\n")
    clock = Hurried()
    journal = await Journal.open(site, clock=SystemClock())
    console = Console(ConsoleDeps(journal=journal, site=site, clock=clock, health=Health(), limits=QUICK))
    task = asyncio.create_task(console.serve())
    try:
        await until(lambda: len(journal.open_alarms) == 1)
        (alarm,) = journal.open_alarms.values()
        assert (alarm.source.kind, alarm.source.subject) == (Kind.FAULT, "console")
        assert console.address is None
        taken.close()
        async with asyncio.timeout(10):
            await console.listening()
        (alarm,) = journal.open_alarms.values()
        assert alarm.returned_at is not None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.close()


class Hurried(SystemClock):
    """A hundred times as fast where it waits."""

    async def sleep(self, seconds: float) -> None:
        """Wait a hundredth of it."""
        await super().sleep(seconds / 100)


async def test_an_error_of_our_own_is_500_in_the_one_shape(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw is logged with its traceback; the guard gets words, not the traceback; the next call works."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        working = running.console._services.render.devices
        object.__setattr__(running.console._services.render, "devices", lambda: 1 / 0)
        answer = await guard.get("/api/devices")
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "internal"
        assert "ZeroDivisionError" not in answer.text
        assert "ZeroDivisionError" in caplog.text
        object.__setattr__(running.console._services.render, "devices", working)
        assert (await guard.get("/api/devices")).status_code == 200


async def test_a_console_can_serve_again_after_it_stopped(tmp_path: Path) -> None:
    """Stop and start in one process, as a reload does."""
    async with desk(tmp_path) as running:
        second = Console(
            ConsoleDeps(
                journal=running.journal, site=running.site, clock=running.clock, health=Health(), limits=QUICK
            )
        )
        for _ in range(2):
            async with serving(second):
                host, port = await second.listening()
                async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as client:
                    answer = await client.post("/api/session", json={"name": "wang", "password": PASSWORD})
                    assert answer.status_code == 200


@pytest.mark.parametrize("turns", range(12))
async def test_who_calls_while_it_stops_is_let_go(tmp_path: Path, turns: int) -> None:
    """However far the console has got with its end when a connection comes, that connection ends too."""
    async with desk(tmp_path) as running:
        task = next(each for each in asyncio.all_tasks() if "Console.serve" in repr(each.get_coro()))
        address = await running.console.listening()
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            caller = socket.create_connection(address)
        except ConnectionRefusedError:  # too late
            caller = None
        await asyncio.wait({task}, timeout=10)
        assert task.done()
        if caller is not None:
            with caller, suppress(ConnectionResetError):
                caller.settimeout(0.0)
                assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(caller, 1), 10) == b""
