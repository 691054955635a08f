"""Live video over the console's own HTTP: the pictures that were recorded, all of them, in order, across files; and its bounds."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from gateway.console.follow import Follower, GrowingFile
from gateway.footage import Growing
from tests.console.desk import QUICK, Desk, ShiftedClock, desk
from tests.console.filming import FPS, Film, Shelf, pictures_in
from tests.wait import until

LIVE = "/api/cameras/cam-gate/live"
NOW = datetime(2026, 3, 1, tzinfo=UTC)

HOUR = timedelta(hours=1)

#: A view that looks often, and ends soon when nothing comes.
EAGER = replace(QUICK, follow_s=0.01, silence_s=1.0)


def growing(film: Film) -> Growing:
    """It is what the camera is recorded into."""
    return Growing(camera="cam-gate", path=film.path, start=NOW)


class Watcher:
    """Somebody who watches live, and keeps all that came."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.data = bytearray()
        self.ended = False
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for part in self.response.aiter_raw():
            self.data += part
        self.ended = True

    async def more_than(self, size: int) -> None:
        """Wait until more has come."""
        await until(lambda: len(self.data) > size)

    async def close(self) -> None:
        """Go away."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def parts(self) -> list[bytes]:
        """What came, from initialisation to initialisation."""
        marks = [at - 4 for at in range(len(self.data)) if self.data.startswith(b"ftyp", at)]
        return [bytes(self.data[a:b]) for a, b in zip(marks, [*marks[1:], len(self.data)], strict=True)]


@asynccontextmanager
async def watching(client: httpx.AsyncClient) -> AsyncIterator[Watcher]:
    """A live view that has begun."""
    async with client.stream("GET", LIVE) as response:
        assert response.status_code == 200, await response.aread()
        watcher = Watcher(response)
        try:
            await watcher.more_than(0)
            yield watcher
        finally:
            await watcher.close()


async def views(running: Desk) -> list[str]:
    """Who viewed, as the access log has it."""
    return [
        f"{row.actor} {row.camera} {row.reason}"
        for row in await running.journal.access_log()
        if row.action == "view"
    ]


async def test_every_recorded_picture_arrives_across_files(tmp_path: Path) -> None:
    """From the last key frame on, over a new file under a new name, each picture once and in order; then it ends."""
    shelf = Shelf()
    film = Film(tmp_path / "spool" / "1.mp4")
    film.shoot(55)  # keys at 0, 20, 40; what is on disk reaches into the third group
    shelf.now = growing(film)
    async with desk(tmp_path, limits=EAGER, footage=shelf) as running:
        async with watching(await running.guard()) as watcher:
            assert watcher.response.headers["content-type"].startswith('video/mp4; codecs="avc1.')
            assert watcher.response.headers["cache-control"] == "no-store"
            assert await views(running) == ["wang cam-gate live"]
            film.path = film.path.rename(tmp_path / "spool" / "renamed.mp4")
            shelf.now = growing(film)
            for _ in range(2):
                had = len(watcher.data)
                film.shoot(20)
                await watcher.more_than(had)
            film.close()
            other = Film(tmp_path / "spool" / "2.mp4", first=film.shot)
            other.shoot(5)
            shelf.now = growing(other)
            film.path.unlink()
            await until(lambda: pictures_in(bytes(watcher.data))[-1] == film.shot - 1)
            other.shoot(30)
            other.close()
            await until(lambda: pictures_in(bytes(watcher.data))[-1] == (other.shot - 1) % 100)
            shelf.now = None
            await until(lambda: watcher.ended)
        assert pictures_in(bytes(watcher.data)) == [n % 100 for n in range(40, other.shot)]
        assert len(watcher.parts()) == 1  # same coding: no second initialisation
        assert await views(running) == ["wang cam-gate live"]


async def test_new_parameters_come_with_a_new_initialisation(tmp_path: Path) -> None:
    """A camera that changes its picture's size: the rest is decodable from there, and time goes on."""
    shelf = Shelf()
    film = Film(tmp_path / "spool" / "1.mp4")
    film.shoot(25)
    shelf.now = growing(film)
    async with desk(tmp_path, limits=EAGER, footage=shelf) as running:
        async with watching(await running.guard()) as watcher:
            film.close()
            other = Film(tmp_path / "spool" / "2.mp4", first=film.shot, size=(320, 192))
            other.shoot(15)
            other.close()
            shelf.now = growing(other)
            await until(lambda: watcher.ended)
        first, second = watcher.parts()
        assert pictures_in(first) + pictures_in(second) == list(range(first_of(first), other.shot))
        (tmp_path / "second.mp4").write_bytes(second)
        file = GrowingFile(tmp_path / "second.mp4")
        assert file.fresh()[0].fragment.start * FPS == film.shot - first_of(first)
        file.close()


def first_of(part: bytes) -> int:
    """The picture that it begins with."""
    return pictures_in(part)[0]


async def test_half_a_fragment_is_never_sent(tmp_path: Path) -> None:
    """Bytes that are written in pieces go out as whole boxes: what came at any time ends where a box ends."""
    shelf = Shelf()
    film = Film(tmp_path / "whole.mp4")
    film.shoot(35)
    film.close()
    whole = film.path.read_bytes()
    target = tmp_path / "growing.mp4"
    target.write_bytes(whole[:3000])
    film.path = target
    shelf.now = growing(film)
    async with desk(tmp_path, limits=EAGER, footage=shelf) as running:
        async with watching(await running.guard()) as watcher:
            with target.open("ab", buffering=0) as file:
                for at in range(3000, len(whole), 700):
                    file.write(whole[at : at + 700])
                    await asyncio.sleep(0)
            await until(lambda: watcher.ended)
        at = 0
        while at < len(watcher.data):
            at += struct.unpack_from(">I", watcher.data, at)[0]
        assert at == len(watcher.data)
        assert pictures_in(bytes(watcher.data))[-1] == 34


def test_who_is_behind_goes_on_at_the_newest_key_frame(tmp_path: Path) -> None:
    """More than 5 s of footage wait: what is older than the last key frame is left out, and time goes on without a hole."""
    film = Film(tmp_path / "1.mp4")
    film.shoot(12)
    follower = Follower()
    sent = follower.next(growing(film))
    assert sent is not None
    film.shoot(100)
    film.close()
    while (part := follower.next(growing(film))) is not None:
        sent += part
    follower.close()
    assert pictures_in(sent) == [*range(10), *(n % 100 for n in range(100, 112))]
    (tmp_path / "sent.mp4").write_bytes(sent)
    file = GrowingFile(tmp_path / "sent.mp4")
    assert [float(span.fragment.start) for span in file.fresh()] == [0.0, 1.0, 2.0]
    file.close()


async def test_it_ends_with_the_session(tmp_path: Path) -> None:
    """Signing out ends what the session watches; so does its expiry."""
    shelf, clock = Shelf(), ShiftedClock()
    film = Film(tmp_path / "spool" / "1.mp4")
    film.shoot(25)
    shelf.now = growing(film)
    patient = replace(EAGER, silence_s=3600)
    async with desk(tmp_path, limits=patient, footage=shelf, clock=clock) as running:
        guard = await running.guard()
        async with watching(guard) as watcher:
            assert (await guard.delete("/api/session")).status_code == 204
            await until(lambda: watcher.ended)
        assert (await guard.get(LIVE)).status_code == 401
        async with watching(await running.guard()) as watcher:
            clock.shift = running.site.console.session_hours * HOUR
            await until(lambda: watcher.ended)
    film.close()


async def test_who_does_not_read_is_cut_off(tmp_path: Path) -> None:
    """Its connection is closed after Limits.stall_s; others watch on, and its place is free again."""
    shelf = Shelf()
    film = Film(tmp_path / "spool" / "1.mp4")
    film.shoot(15)
    shelf.now = growing(film)
    limits = replace(EAGER, stall_s=0.5, silence_s=3600, viewers=1)
    async with desk(tmp_path, limits=limits, footage=shelf) as running:
        guard = await running.guard()
        host, port = await running.console.listening()
        reader, writer = await asyncio.open_connection(host, port, limit=1024)
        cookie = "; ".join(f"{name}={value}" for name, value in guard.cookies.items())
        writer.write(f"GET {LIVE} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
        await reader.readline()
        full = await guard.get(LIVE)
        assert (full.status_code, full.json()["error"]["code"]) == (503, "too-many-viewers")

        async def is_free() -> bool:
            _pad(film.path)
            async with guard.stream("GET", LIVE) as response:
                return response.status_code == 200

        await until(is_free, 20)
        writer.close()
    film.close()


def _pad(path: Path, size: int = 4_000_000) -> None:
    """The last fragment once more, with 4 MB of pictures: what a kernel does not hold for anybody."""
    whole = path.read_bytes()
    last = whole[whole.rindex(b"moof") - 4 : whole.rindex(b"mdat") - 4]
    with path.open("ab", buffering=0) as file:
        file.write(last + struct.pack(">I4s", 8 + size, b"mdat") + bytes(size))


async def test_nobody_watches_without_a_session_a_log_or_footage(tmp_path: Path) -> None:
    """401, 404 and 503 with words in the guard's language; nothing is sent that is not on the access log."""
    shelf = Shelf()
    film = Film(tmp_path / "spool" / "1.mp4")
    film.shoot(25)
    async with desk(tmp_path, limits=EAGER, footage=shelf) as running:
        stranger, guard = await running.browser(), await running.guard()
        assert (await stranger.get(LIVE)).status_code == 401
        assert (await guard.get("/api/cameras/none/live")).status_code == 404
        refused = await guard.get(LIVE)
        assert refused.json()["error"] == {
            "code": "not-recorded",
            "message": "该摄像机现在没有录像，看不到实时画面",
        }
        assert await views(running) == []
        shelf.now = growing(film)
        film.path.write_bytes(b"\0\0\0\x09nonsense")
        assert (await guard.get(LIVE)).status_code == 503
        shelf.now = growing(film)
        await running.journal.close()
        assert (await guard.get(LIVE)).status_code == 503
    film.close()


async def test_a_slow_line_holds_little_that_is_old(tmp_path: Path) -> None:
    """Who reads nothing for 30 s of footage is kept at most 0.5 MB of it, for it would be old when he reads on."""
    shelf = Shelf()
    film = Film(tmp_path / "spool" / "1.mp4")
    film.shoot(15)
    film.close()
    shelf.now = growing(film)
    limits = replace(EAGER, stall_s=60, silence_s=3600)
    async with desk(tmp_path, limits=limits, footage=shelf) as running:
        guard = await running.guard()
        host, port = await running.console.listening()
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        slow.setblocking(False)  # noqa: FBT003 - as the library has it
        await asyncio.get_running_loop().sock_connect(slow, (host, port))
        reader, writer = await asyncio.open_connection(sock=slow, limit=1024)
        cookie = "; ".join(f"{name}={value}" for name, value in guard.cookies.items())
        writer.write(f"GET {LIVE} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
        await reader.readline()
        (viewer,) = running.console._services.lives._viewers
        for _ in range(30):
            _pad(film.path, 50_000)
            await asyncio.sleep(0.05)  # it may take more, or not
        taken = viewer.follower._number
        writer.transport.abort()
        await until(lambda: not running.console._services.lives._viewers)
    assert taken * 50_000 <= 500_000
