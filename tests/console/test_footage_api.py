"""Cameras, pictures, timelines, clips and evidence over HTTP, with real footage and the real media process."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from gateway.clock import rfc3339
from gateway.errors import DeviceUnavailable
from gateway.footage import Growing, Piece
from gateway.media.client import MediaProcess
from gateway.policy.coverage import Coverage, Gap
from gateway.store.evidence_rows import EvidenceKind, EvidenceState
from tests.console.desk import QUICK, Desk, ShiftedClock, desk
from tests.console.exhibits import Exhibits, exhibit, jpeg
from tests.console.filming import FPS, Film, Shelf, pictures_in
from tests.wait import until

CAMERA = "/api/cameras/cam-gate"
SECONDS = 30


@dataclass
class Studio:
    """A console with half a minute of footage that began at `start`."""

    desk: Desk
    shelf: Shelf
    start: datetime
    clock: ShiftedClock

    def clip(self, begin: int, end: int, **more: str) -> dict[str, str]:
        """The query of a clip, by seconds from the start."""
        return {
            "from": rfc3339(self.start + timedelta(seconds=begin)),
            "to": rfc3339(self.start + timedelta(seconds=end)),
            **more,
        }

    async def log(self) -> list[tuple[str, str, str]]:
        """What was looked at or taken, oldest first."""
        rows = await self.desk.journal.access_log()
        return [
            (row.actor, row.action, row.reason) for row in reversed(rows) if row.action in ("view", "export")
        ]


@asynccontextmanager
async def studio(tmp_path: Path, **views: Any) -> AsyncIterator[Studio]:  # Any: ConsoleDeps' optional views
    """One file that was finished a moment ago and still counts as growing."""
    clock, shelf = ShiftedClock(), Shelf()
    start = (clock.now() - timedelta(seconds=SECONDS)).replace(microsecond=0)
    film = Film(tmp_path / "spool" / "1.mp4")
    film.shoot(SECONDS * FPS)
    film.close()
    end = start + timedelta(seconds=SECONDS)
    shelf.kept.append(Piece(path=film.path, start=start, end=end, growing=True))
    shelf.now = Growing(camera="cam-gate", path=film.path, start=start)
    media = MediaProcess(clock)
    working = asyncio.create_task(media.run())
    given = {"footage": shelf, "media": media, "exports_dir": tmp_path / "exports", **views}
    try:
        async with desk(tmp_path, clock=clock, **given) as running:
            yield Studio(running, shelf, start, clock)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_cameras_are_told_with_what_they_do(tmp_path: Path) -> None:
    """Name, zone, presence, and whether it is recorded just now."""
    async with studio(tmp_path) as made:
        guard = await made.desk.guard()
        (camera,) = (await guard.get("/api/cameras")).json()["cameras"]
        assert (camera["id"], camera["zone"]["name"], camera["recording"]) == ("cam-gate", "校门", True)
        made.shelf.now = None
        (camera,) = (await guard.get("/api/cameras")).json()["cameras"]
        assert (camera["recording"], camera["presence"]) == (False, "unknown")
        stranger = await made.desk.browser()
        for path in ("/api/cameras", f"{CAMERA}/recordings"):
            assert (await stranger.get(path, params=made.clip(4, 14))).status_code == 401


async def test_the_current_picture_is_decoded_once_for_all(tmp_path: Path) -> None:
    """A JPEG of the newest footage with its time; asked for together it is made once; a line each session and 10 minutes."""
    async with studio(tmp_path) as made:
        guard, other = await made.desk.guard(), await made.desk.guard("li")
        path = f"{CAMERA}/snapshot.jpg?width=300"
        answers = await asyncio.gather(*(each.get(path) for each in (guard, other, guard)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert answers[0].content.startswith(b"\xff\xd8")
        assert answers[0].headers["cache-control"] == "no-store"
        taken = datetime.fromisoformat(answers[0].headers["x-taken-at"])
        assert taken >= made.start + timedelta(seconds=SECONDS - 1)
        assert sorted(await made.log()) == [("li", "view", "snapshot"), ("wang", "view", "snapshot")]
        made.clock.shift += timedelta(minutes=10)
        old = await guard.get(path)  # ten minutes on, that picture is no current one
        assert (old.status_code, old.json()["error"]["code"]) == (503, "no-picture")
        assert len(await made.log()) == 3


async def test_the_cameras_own_picture_stands_in(tmp_path: Path) -> None:
    """Where nothing is recorded the camera is asked; where it does not answer either, words say so."""
    asked: list[str] = []

    async def picture(camera: str) -> bytes:
        asked.append(camera)
        if len(asked) > 1:
            raise DeviceUnavailable("no route to it")
        return b"\xff\xd8 its own"

    async with studio(tmp_path, picture=picture) as made:
        guard = await made.desk.guard()
        made.shelf.now = None
        assert (await guard.get(f"{CAMERA}/snapshot.jpg")).content == b"\xff\xd8 its own"
        made.clock.shift += timedelta(seconds=2)
        refused = await guard.get(f"{CAMERA}/snapshot.jpg", headers={"Accept-Language": "en"})
        assert refused.status_code == 503
        assert "no route to it" in refused.json()["error"]["message"]


async def test_the_timeline_tells_what_there_is_and_why_not(tmp_path: Path) -> None:
    """Recorded stretches between the gaps, with their cause; what grows just now counts; 31 days at most."""
    at = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in range(24)]

    class Covering:
        async def coverage(self, camera: str, start: datetime, end: datetime) -> Coverage:
            gaps = (Gap(start=at[2], end=at[3], cause="network"), Gap(start=at[5], end=at[6], cause="camera"))
            return Coverage(start=start, end=at[6], recorded=timedelta(hours=4), gaps=gaps)

    shelf = Shelf(now=Growing(camera="cam-gate", path=tmp_path, start=at[7]))
    async with desk(tmp_path, footage=shelf, coverage=Covering()) as running:
        guard = await running.guard()
        query = {"from": rfc3339(at[0]), "to": rfc3339(at[9])}
        answer = (await guard.get(f"{CAMERA}/recordings", params=query)).json()
        assert [(part["from"][11:13], part["to"][11:13]) for part in answer["recorded"]] == [
            ("00", "02"),
            ("03", "05"),
            ("07", "09"),
        ]
        assert [gap["cause"] for gap in answer["gaps"]] == ["network", "camera"]
        assert (answer["oldest"][11:13], answer["newest"][11:13]) == ("00", "09")
        query["to"] = rfc3339(at[0] + timedelta(days=32))
        assert (await guard.get(f"{CAMERA}/recordings", params=query)).status_code == 422


async def test_a_clip_is_one_file_with_ranges(tmp_path: Path) -> None:
    """Those seconds, decodable; a part of it is a part of the same file; playback is logged once and needs no reason."""
    async with studio(tmp_path) as made:
        guard = await made.desk.guard()
        query = made.clip(4, 14)
        whole = await guard.get(f"{CAMERA}/clip", params=query)
        assert whole.status_code == 200, whole.text
        assert pictures_in(whole.content) == [n % 100 for n in range(40, 140)]
        assert whole.headers["content-disposition"].startswith('inline; filename="cam-gate_2')
        assert whole.headers["x-footage"].startswith(query["from"])
        part = await guard.get(f"{CAMERA}/clip", params=query, headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, whole.content[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
        with av.open(io.BytesIO(whole.content), "r") as container:
            assert container.format.name.startswith("mov")
        assert await made.log() == [("wang", "view", "playback")]
        assert len(list((tmp_path / "exports").iterdir())) == 1


async def test_an_export_needs_a_reason_and_goes_on_record(tmp_path: Path) -> None:
    """Too short a reason and too long a time are 422 and leave no line; what is exported has its name and its reason."""
    async with studio(tmp_path) as made:
        guard = await made.desk.guard()
        for wrong in (
            made.clip(4, 14, reason=" x "),
            made.clip(-700, 14),
            made.clip(-3700, 14, reason="police"),
            made.clip(14, 4, reason="police"),
            made.clip(4, 3600, reason="police"),
        ):
            assert (await guard.get(f"{CAMERA}/clip", params=wrong)).status_code == 422
        assert await made.log() == []
        taken = await guard.get(f"{CAMERA}/clip", params=made.clip(4, 14, reason="派出所调取"))
        assert taken.headers["content-disposition"].startswith("attachment")
        assert await made.log() == [("wang", "export", "派出所调取")]
        nothing = await guard.get(f"{CAMERA}/clip", params=made.clip(-60, -50))
        assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "nothing-recorded")


async def test_clips_are_few_and_go_away(tmp_path: Path) -> None:
    """The longest unused makes room; a clip nobody asks for is deleted after ten minutes; a fresh start finds none."""
    limits = replace(QUICK, kept_clips=2)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "console-clip-left.mp4").write_bytes(b"x")
    async with studio(tmp_path, limits=limits) as made:
        guard, folder = await made.desk.guard(), tmp_path / "exports"
        await until(lambda: not list(folder.iterdir()))
        for end in (6, 8, 10):
            assert (await guard.get(f"{CAMERA}/clip", params=made.clip(4, end))).status_code == 200
        assert len(list(folder.iterdir())) == 2
        made.clock.shift += timedelta(seconds=limits.kept_clip_s + 1)
        await made.desk.console._services.exports.sweep()
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("path", ["snapshot.jpg", "live", "clip"])
async def test_nothing_without_a_session_and_no_footage_without_a_log(tmp_path: Path, path: str) -> None:
    """401 for strangers; and where the access log can't be written, 503 and no byte of footage."""
    async with studio(tmp_path) as made:
        stranger, guard = await made.desk.browser(), await made.desk.guard()
        query = made.clip(4, 14)
        assert (await stranger.get(f"{CAMERA}/{path}", params=query)).status_code == 401
        await made.desk.journal.close()
        refused: httpx.Response = await guard.get(f"{CAMERA}/{path}", params=query)
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/json"


async def test_evidence_is_told_and_served(tmp_path: Path) -> None:
    """Of an alarm and of all; the file in parts, logged as a view of its time; the manifest; what is not there says why."""
    shown = Exhibits()
    async with desk(tmp_path, evidence=shown) as running:
        guard = await running.guard()
        alarm = await running.press()
        seen = jpeg(tmp_path / "seen.jpg")
        seen.with_suffix(".json").write_text('{"sha256": "x"}')
        done = exhibit(alarm, EvidenceKind.SNAPSHOT, EvidenceState.DONE, seen)
        waiting = exhibit(alarm, EvidenceKind.CLIP, EvidenceState.WAITING, tmp_path / "none.mp4", number=2)
        failed = replace(waiting, id="failed", state=EvidenceState.FAILED, reason="no footage")
        gone = replace(done, id="gone", path=tmp_path / "gone.jpg")
        shown.rows = [done, waiting, failed, gone]
        found = (await guard.get(f"/api/alarms/{alarm}/evidence")).json()["evidence"]
        assert [(one["kind"], one["state"]) for one in found[:2]] == [
            ("snapshot", "done"),
            ("clip", "waiting"),
        ]
        newest = (await guard.get("/api/evidence", params={"limit": 2, "before": "gone"})).json()["evidence"]
        assert [one["id"] for one in newest] == ["failed", "clip-2"]
        part = await guard.get("/api/evidence/snapshot-1/file", headers={"Range": "bytes=0-1"})
        assert (part.status_code, part.content, part.headers["content-type"]) == (
            206,
            b"\xff\xd8",
            "image/jpeg",
        )
        assert (await guard.get("/api/evidence/snapshot-1/manifest")).json() == {"sha256": "x"}
        (row,) = [row for row in await running.journal.access_log() if row.action == "view"]
        assert (row.camera, row.start, alarm in row.reason) == ("cam-gate", done.start, True)
        for name, status in (("clip-2", 409), ("failed", 409), ("gone", 410), ("none", 404)):
            assert (await guard.get(f"/api/evidence/{name}/file")).status_code == status
        assert (await guard.get("/api/alarms/none/evidence")).status_code == 404
        stranger = await running.browser()
        assert (await stranger.get("/api/evidence/snapshot-1/file")).status_code == 401


async def test_the_document_names_every_route(tmp_path: Path) -> None:
    """OpenAPI: each route of cameras and evidence, with the type of what it answers."""
    async with desk(tmp_path) as running:
        paths = (await (await running.guard()).get("/openapi.json")).json()["paths"]
        for path, kind in {
            "/api/cameras": "application/json",
            "/api/cameras/{camera}/snapshot.jpg": "image/jpeg",
            "/api/cameras/{camera}/live": "video/mp4",
            "/api/cameras/{camera}/recordings": "application/json",
            "/api/cameras/{camera}/clip": "video/mp4",
            "/api/alarms/{alarm_id}/evidence": "application/json",
            "/api/evidence/{evidence_id}/file": "image/jpeg",
            "/api/evidence/{evidence_id}/manifest": "application/json",
        }.items():
            assert kind in paths[path]["get"]["responses"]["200"]["content"], path
