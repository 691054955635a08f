"""Clips and pictures where footage is awkward: other sizes, files that move, players that seek, cameras that do not answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from gateway.errors import DeviceUnavailable
from gateway.footage import Piece
from gateway.model import Presence
from tests.console.filming import FPS, Film
from tests.console.test_footage_api import CAMERA, SECONDS, studio


async def test_what_a_clip_can_not_hold_is_told(tmp_path: Path) -> None:
    """A camera that changed its picture's size meanwhile, a hole, a file that moves: what is shown and what is left out."""
    async with studio(tmp_path) as made:
        guard, shelf = await made.desk.guard(), made.shelf
        film = Film(tmp_path / "spool" / "2.mp4", size=(320, 192))
        film.shoot(10 * FPS)
        film.close()
        end = made.start + timedelta(seconds=SECONDS)
        shelf.kept[0] = replace(shelf.kept[0], growing=False)
        shelf.kept.append(Piece(path=film.path, start=end, end=end + timedelta(seconds=10)))
        made.clock.shift += timedelta(seconds=12)
        taken = await guard.get(f"{CAMERA}/clip", params=made.clip(20, 38))
        whole = made.clip(20, 30), made.clip(30, 38)
        assert [taken.headers[name] for name in ("x-footage", "x-footage-left-out")] == [
            f"{part['from']}/{part['to']}" for part in whole
        ]
        taken = await guard.get(f"{CAMERA}/clip", params=made.clip(-20, 14))
        shown = made.clip(0, 14)
        assert taken.headers["x-footage"] == f"{shown['from']}/{shown['to']}"
        assert taken.headers["x-footage-left-out"] == ""  # what was never recorded is not left out
        asked = shelf.pieces

        async def moving(camera: str, start: datetime, end: datetime) -> Sequence[Piece]:
            """The file has another name once it has been told."""
            found = await asked(camera, start, end)
            if found and found[0].path.name == "1.mp4":
                shelf.kept[0] = replace(shelf.kept[0], path=found[0].path.rename(tmp_path / "moved.mp4"))
            return found

        shelf.pieces = moving  # type: ignore[method-assign]  # as the recorder does at a segment's end
        assert (await guard.get(f"{CAMERA}/clip", params=made.clip(3, 9))).status_code == 200


async def test_a_clip_is_sought_as_players_do(tmp_path: Path) -> None:
    """HEAD tells the length; the last byte, beyond it, and If-Range; a time without zone or turned round is refused in words."""
    async with studio(tmp_path) as made:
        guard, path, query = await made.desk.guard(), f"{CAMERA}/clip", made.clip(4, 14)
        head = await guard.head(path, params=query)
        size, mark = int(head.headers["content-length"]), head.headers["etag"]
        assert (head.status_code, head.content) == (200, b"")

        async def part(**headers: str) -> tuple[int, int]:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = await guard.get(path, params=query, headers=names)
            return answer.status_code, len(answer.content)

        assert await part(Range=f"bytes={size - 1}-") == (206, 1)
        assert await part(Range="bytes=-10") == (206, 10)
        assert (await part(Range=f"bytes={size}-"))[0] == 416
        assert await part(Range="bytes=0-9", If_Range=mark) == (206, 10)
        assert await part(Range="bytes=0-9", If_Range='"another"') == (200, size)
        for wrong in (
            {"from": "2026-03-01T00:00:00", "to": "2026-03-01T00:01:00"},
            {"from": "yesterday", "to": "now"},
            made.clip(4, 4),
            {},
        ):
            refused = await guard.get(path, params=wrong)
            assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad-request")
        assert await made.log() == [("wang", "view", "playback")]


async def test_a_camera_that_does_not_answer_is_asked_once_for_all(tmp_path: Path) -> None:
    """Many who wait for its picture get one refusal, and it is tried again seconds later; one known to be away is not asked."""
    asked: list[str] = []

    async def picture(camera: str) -> bytes:
        asked.append(camera)
        raise DeviceUnavailable("no route to it")

    async with studio(tmp_path, picture=picture) as made:
        guard, path = await made.desk.guard(), f"{CAMERA}/snapshot.jpg"
        made.shelf.now = None
        answers = await asyncio.gather(*(guard.get(path) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {503}
        assert len(asked) == 1
        made.clock.shift += timedelta(seconds=6)
        await guard.get(path)
        assert len(asked) == 2
        await made.desk.journal.presence("cam-gate", Presence.OFFLINE, "unplugged")
        made.clock.shift += timedelta(seconds=6)
        assert (await guard.get(path)).status_code == 503
        assert len(asked) == 2
