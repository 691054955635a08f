"""The picture watch over HTTP: why a picture is wrong, the pictures themselves, and that it is right; with real files."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.footage import FootageUnavailable
from gateway.media.look import Look, LookCount, Pair
from gateway.model import Kind
from gateway.picturewatch.evidence import Evidence
from gateway.policy.picture import Measures
from tests.console.desk import Desk, desk
from tests.console.exhibits import jpeg

CAMERA = "/api/cameras/cam-gate"
AT = datetime(2026, 3, 1, 8, 0, 10, tzinfo=UTC)
MEASURES = Measures(brightness=80, spread=5, dark=0, bright=0, card=0, still=0, kept=0.0)


@dataclass
class Watch:
    """The picture watch as the console sees it, on the files of a real one."""

    evidence: Evidence
    accepted: list[str] = field(default_factory=list)
    down: bool = False

    def looks(self, camera: str) -> LookCount:
        """Some."""
        self._must_run()
        return {"cam-gate": LookCount(7, 1)}[camera]

    async def pictures(self, camera: str) -> Sequence[Pair]:
        """Those on the disk."""
        self._must_run()
        return self.evidence.pairs(camera)

    async def accept(self, camera: str) -> None:
        """Said."""
        self._must_run()
        self.accepted.append(camera)

    def _must_run(self) -> None:
        if self.down:
            raise FootageUnavailable("the picture watch has not started")


@dataclass
class World:
    """A console, and a camera that was covered once."""

    desk: Desk
    watch: Watch
    folder: Path

    async def log(self) -> list[tuple[str, str, str]]:
        """Who did what, oldest first, sign-ins left out."""
        rows = await self.desk.journal.access_log()
        return [
            (row.actor, row.action, row.reason) for row in reversed(rows) if not row.action.startswith("sign")
        ]


@asynccontextmanager
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """With a pair of pictures."""
    before, now = jpeg(tmp_path / "before.jpg"), jpeg(tmp_path / "now.jpg")
    folder = tmp_path / "pairs"
    watch = Watch(Evidence(folder))
    watch.evidence.keep(
        "cam-gate", Kind.CAMERA_COVERED, Look(at=AT, measures=MEASURES, before=before, now=now)
    )
    async with desk(tmp_path, watch=watch) as running:
        yield World(running, watch, folder / "cam-gate")


async def test_a_pair_shows_why_and_who_looks_is_on_the_log(tmp_path: Path) -> None:
    """One line for both pictures of a pair, before they are sent."""
    async with world(tmp_path) as made:
        guard = await made.desk.guard()
        answer = (await guard.get(f"{CAMERA}/watch")).json()
        assert (answer["watched"], answer["done"], answer["failed"]) == (True, 7, 1)
        (pair,) = answer["pairs"]
        assert pair["kind"] == "camera-covered"
        assert await made.log() == []
        for address in (pair["before"], pair["now"]):
            picture = await guard.get(address)
            assert picture.headers["content-type"] == "image/jpeg"
            assert picture.content.startswith(b"\xff\xd8")
        assert await made.log() == [("wang", "view", "picture watch: camera-covered")]


async def test_only_a_technician_says_that_a_picture_is_right(tmp_path: Path) -> None:
    """A guard may not, and is not offered it; who does is on the access log."""
    async with world(tmp_path) as made:
        guard, technician = await made.desk.guard(), await made.desk.guard("li")
        assert (await guard.get(f"{CAMERA}/watch")).json()["may_accept"] is False
        assert (await guard.post(f"{CAMERA}/accept")).status_code == 403
        assert (made.watch.accepted, await made.log()) == ([], [])
        assert (await technician.get(f"{CAMERA}/watch")).json()["may_accept"] is True
        assert (await technician.post(f"{CAMERA}/accept")).status_code == 204
        assert made.watch.accepted == ["cam-gate"]
        assert await made.log() == [("li", "accept-picture", "")]
        del technician.headers["X-CSRF-Token"]
        assert (await technician.post(f"{CAMERA}/accept")).status_code == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("kind=camera-covered&at=2026-03-01T08:00:11Z&which=now", 404),
        ("kind=camera-black&at=2026-03-01T08:00:10Z&which=now", 404),
        ("kind=camera-covered&at=2026-03-01T08:00:10Z&which=../now", 422),
        ("kind=../../etc&at=2026-03-01T08:00:10Z&which=now", 422),
        ("kind=camera-covered&at=2026-03-01T08:00:10&which=now", 422),
    ],
)
async def test_only_what_there_is_can_be_asked_for(tmp_path: Path, query: str, status: int) -> None:
    """No name of a file ever comes from outside."""
    async with world(tmp_path) as made:
        guard = await made.desk.guard()
        assert (await guard.get(f"{CAMERA}/watch/picture.jpg?{query}")).status_code == status
        assert await made.log() == []


async def test_strangers_and_unknown_cameras_get_nothing(tmp_path: Path) -> None:
    """401 and 404."""
    async with world(tmp_path) as made:
        stranger, guard = await made.desk.browser(), await made.desk.guard()
        picture = f"{CAMERA}/watch/picture.jpg?kind=camera-covered&at=2026-03-01T08:00:10Z&which=now"
        for path in (f"{CAMERA}/watch", picture):
            assert (await stranger.get(path)).status_code == 401
        assert (await guard.get("/api/cameras/cam-nobody/watch")).status_code == 404


async def test_what_is_not_there_just_now_is_said_so(tmp_path: Path) -> None:
    """A picture whose file has gone is 410; a watch that does not run is 503, and nothing was accepted."""
    async with world(tmp_path) as made:
        technician = await made.desk.guard("li")
        (pair,) = (await technician.get(f"{CAMERA}/watch")).json()["pairs"]
        found = made.watch.evidence.pairs("cam-gate")
        made.watch.evidence.pairs = lambda _camera: found  # type: ignore[method-assign, assignment]  # told, then deleted
        next(made.folder.glob("*-now.jpg")).unlink()
        assert (await technician.get(pair["now"])).status_code == 410
        made.watch.down = True
        assert (await technician.get(f"{CAMERA}/watch")).status_code == 503
        assert (await technician.post(f"{CAMERA}/accept")).status_code == 503
        assert made.watch.accepted == []
