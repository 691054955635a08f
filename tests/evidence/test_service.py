"""Evidence of alarms with real journal, library, films and media process: what is made, told, kept and survives."""

import json
import random
import sqlite3
from datetime import timedelta
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np

from gateway.evidence import verify
from gateway.model import EventType, Kind
from gateway.policy.evidence import EvidenceKind
from gateway.store.evidence_rows import EvidenceRow, EvidenceState
from simulators.camera.encoder import Video
from tests.evidence.world import CAMERA, World, world
from tests.media.film import at, clocks, shown

SNAPSHOT, CLIP = EvidenceKind.SNAPSHOT, EvidenceKind.CLIP
BOTH = (SNAPSHOT, CLIP)


def only(rows: list[EvidenceRow], kind: EvidenceKind) -> EvidenceRow:
    """The one piece of that kind."""
    (row,) = [row for row in rows if row.kind is kind]
    return row


def has_failed(rows: list[EvidenceRow], kind: EvidenceKind) -> bool:
    """Whether there is one of that kind, and it was given up."""
    return [row.state for row in rows if row.kind is kind] == [EvidenceState.FAILED]


def a_jpeg() -> bytes:
    """What a camera gives as its own picture."""
    done, data = cv2.imencode(".jpg", np.full((90, 160, 3), 80, np.uint8))
    assert done
    return data.tobytes()


def run(sql: str, db: sqlite3.Connection) -> None:
    """A statement, in the library's writer."""
    db.execute(sql)


async def nothing_waits(gateway: World) -> bool:
    """Whether all that was asked for is made and told of."""
    waiting = [await gateway.library.waiting_evidence(kind, 1) for kind in BOTH]
    return not any(waiting) and not await gateway.library.unannounced_evidence(1)


async def test_a_press_gives_a_snapshot_at_once_and_a_clip_when_its_footage_is_there(tmp_path: Path) -> None:
    """The snapshot shows the moment of the press, the clip all around it; both have true manifests and are told once."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        alarm = await gateway.press()
        snapshot = only(await gateway.done(alarm, SNAPSHOT, step_s=0.0), SNAPSHOT)
        seen = shown(snapshot.path.read_bytes())
        clip = only(await gateway.done(alarm, *BOTH), CLIP)

        assert seen is not None
        assert abs(seen - at(20)) <= timedelta(seconds=0.1)
        assert gateway.clock.now() > at(26)
        pictures = [moment for moment in clocks(clip.path) if moment is not None]
        assert pictures[0] <= at(16)
        assert at(25.8) <= pictures[-1] <= at(26)
        assert verify(clip.manifest) == verify(snapshot.manifest) == ()
        assert sorted(await gateway.told(alarm)) == sorted([EventType.SNAPSHOT, EventType.CLIP])
        assert gateway.asked == 0


async def test_a_manifest_says_what_a_court_asks(tmp_path: Path) -> None:
    """Alarm, camera, intervals, sources with their hashes, software, clock; in canonical form; a changed clip is found."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 18)
        await gateway.film(22, 18)
        await gateway.journal.record_gap(CAMERA, "network", at(18), at(22))
        alarm = await gateway.press()
        clip = only(await gateway.done(alarm, *BOTH), CLIP)
        data = clip.manifest.read_bytes()
        manifest = json.loads(data)

        assert data == (json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n").encode()
        assert manifest["alarm"] | {"pressed": ""} == {
            "id": alarm,
            "kind": "panic",
            "severity": "critical",
            "point": "gate-button",
            "zone": "gate",
            "drill": False,
            "press": 0,
            "pressed": "",
        }
        assert manifest["wanted"] == {"from": "2026-03-01T08:00:16.000Z", "to": "2026-03-01T08:00:26.000Z"}
        (gap,) = manifest["gaps"]
        assert gap["causes"] == ["network"]
        assert len(manifest["covered"]) == len(manifest["sources"]) == 2
        assert manifest["clock"] == {"at_press": "trusted", "now": "trusted"}
        assert manifest["software"]["name"] == "campus-gateway"
        clip.path.write_bytes(clip.path.read_bytes()[:-1] + b"?")
        assert "SHA-256" in verify(clip.manifest)[0]


async def test_a_clip_is_of_the_press_whatever_the_camera_was_set_to_after_it(tmp_path: Path) -> None:
    """Footage of another coding can't be in the same file: the moment of the press decides, and the manifest names the rest."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 21, video=Video(width=640, height=360, fps=10, gop_seconds=1.0))
        await gateway.film(21, 19)
        alarm = await gateway.press()
        clip = only(await gateway.done(alarm, *BOTH), CLIP)
        manifest = json.loads(clip.manifest.read_bytes())

        assert manifest["covered"] == [{"from": "2026-03-01T08:00:16.000Z", "to": "2026-03-01T08:00:21.000Z"}]
        (gap,) = manifest["gaps"]
        assert (gap["from"], gap["causes"]) == ("2026-03-01T08:00:21.000Z", ["other-coding"])


async def test_without_footage_the_camera_itself_is_asked(tmp_path: Path) -> None:
    """Its own picture is the snapshot; there is no clip, and the row says why, by the gap on record."""
    async with world(tmp_path) as gateway:
        gateway.own_picture = a_jpeg()
        await gateway.journal.open_gap(CAMERA, "camera", at(0))
        alarm = await gateway.press()
        snapshot = only(await gateway.done(alarm, SNAPSHOT), SNAPSHOT)

        async def clip_failed() -> bool:
            return has_failed(await gateway.rows(alarm), CLIP)

        await gateway.passes(clip_failed, step_s=5)
        assert snapshot.path.read_bytes() == gateway.own_picture
        assert json.loads(snapshot.manifest.read_bytes())["origin"] == "camera"
        assert only(await gateway.rows(alarm), CLIP).reason == "no footage of that time (camera)"
        assert await gateway.told(alarm) == [EventType.SNAPSHOT]


async def test_where_there_is_no_picture_at_all_the_row_says_so(tmp_path: Path) -> None:
    """Neither footage nor camera: after some tries the snapshot has failed, in words, and nothing is announced."""
    async with world(tmp_path) as gateway:
        alarm = await gateway.press()

        async def failed() -> bool:
            return has_failed(await gateway.rows(alarm), SNAPSHOT)

        await gateway.passes(failed, step_s=5)
        assert only(await gateway.rows(alarm), SNAPSHOT).reason.startswith("no footage of that time")
        assert await gateway.told(alarm) == []
        assert not [name for name in gateway.files() if not name.endswith(".mp4")]


async def test_presses_that_follow_each_other_share_a_clip(tmp_path: Path) -> None:
    """Three presses of one alarm within seconds: three snapshots, one clip that goes on after the last."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 60)
        alarm = await gateway.press()
        for _ in range(2):
            gateway.clock.advance(3)
            await gateway.press()
        rows = await gateway.done(alarm, SNAPSHOT, SNAPSHOT, SNAPSHOT, CLIP)
        clip = only(rows, CLIP)
        assert (clip.start, clip.end, clip.press) == (at(16), at(32), 2)
        assert clocks(clip.path)[-1] == at(31.9)


async def test_ten_alarms_at_once_are_ten_clips(tmp_path: Path) -> None:
    """Each alarm has a snapshot and a clip of its own, with ids of their own."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        alarms = [await gateway.press(f"buttons:{n}") for n in range(10)]
        await gateway.passes(lambda: gateway.service.stats.clips == 10)
        await gateway.passes(lambda: nothing_waits(gateway))
        found = [row for alarm in alarms for row in await gateway.rows(alarm)]
        assert len({row.id for row in found}) == len(found) == 20
        assert all(row.state is EvidenceState.DONE and verify(row.manifest) == () for row in found)
        with av.open(str(found[-1].path)) as opened:
            assert opened.streams.video[0].frames > 90


async def test_an_alarm_of_the_gateways_own_has_evidence_only_if_it_is_about_a_picture(
    tmp_path: Path,
) -> None:
    """A covered camera shows itself; a lost one, and a full disk, show nothing."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        await gateway.journal.raise_own(Kind.CAMERA_COVERED, CAMERA, "covered")
        await gateway.journal.raise_own(Kind.DEVICE_LOST, CAMERA, "lost")
        await gateway.journal.raise_own(Kind.DISK, detail="full")
        covered = next(
            a.id for a in gateway.journal.open_alarms.values() if a.source.kind is Kind.CAMERA_COVERED
        )
        await gateway.done(covered, *BOTH)
        assert {row.alarm for row in await gateway.service.recent(100)} == {covered}


async def test_killed_anywhere_it_ends_with_one_row_and_one_file_each(tmp_path: Path) -> None:
    """Ended and begun anew at 24 chance moments: each piece is made once, told once, and nothing is left half made."""
    chance = random.Random(5)
    async with world(tmp_path, start=False) as gateway:
        await gateway.film(0, 100)
        alarms = []
        for n in range(24):
            gateway.start()
            if n % 6 == 0:
                alarms.append(await gateway.press(f"buttons:{n}"))
            reached = 0

            def enough(most: int = chance.randrange(1, 12)) -> bool:
                nonlocal reached
                reached += 1
                return reached > most

            await gateway.passes(enough, step_s=chance.choice([0.05, 0.2]))
            await gateway.stop()
        gateway.start()
        for alarm in alarms:
            await gateway.done(alarm, *BOTH)
            assert sorted(await gateway.told(alarm)) == sorted([EventType.SNAPSHOT, EventType.CLIP])
        rows = await gateway.service.recent(100)
        names = {row.path.name for row in rows} | {row.manifest.name for row in rows}
        assert gateway.files() == sorted(names)
        assert all(verify(row.manifest) == () for row in rows)


async def test_stopped_between_two_steps_it_goes_on_there(tmp_path: Path) -> None:
    """Placed but without its row done; done but not told of; told of without its row knowing: one file, one event."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        alarm = await gateway.press()
        rows = await gateway.done(alarm, *BOTH)
        for undone in (
            "update evidence set state = 'waiting', bytes = null, sha256 = null, announced = null",
            "update evidence set announced = null",
        ):
            await gateway.stop()
            await gateway.library._write(partial(run, undone))
            (gateway.site.recording_dir / "evidence" / "making" / "left.mp4").write_bytes(b"half")
            gateway.start()
            again = await gateway.done(alarm, *BOTH)
            assert [row.id for row in again] == [row.id for row in rows]
            assert sorted(await gateway.told(alarm)) == sorted([EventType.SNAPSHOT, EventType.CLIP])
        assert len(gateway.files()) == 4


async def test_a_lost_file_is_made_again_and_what_no_row_owns_goes(tmp_path: Path) -> None:
    """At a start: a clip that was removed is cut once more from the footage; a stray file of ours is unlinked (I6)."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        alarm = await gateway.press()
        clip = only(await gateway.done(alarm, *BOTH), CLIP)
        await gateway.stop()
        clip.path.unlink()
        stray = clip.path.with_name("01234567-89ab-7def-8123-456789abcdef.mp4")
        stray.write_bytes(b"no one's")
        foreign = clip.path.with_name("readme.txt")
        foreign.write_text("a person's")
        gateway.start()
        clip = only(await gateway.done(alarm, *BOTH), CLIP)
        assert verify(clip.manifest) == ()
        assert not stray.exists()
        assert foreign.exists()


async def test_a_library_that_was_lost_loses_no_evidence(tmp_path: Path) -> None:
    """Rebuilt from the manifests: the same rows; nothing is announced a second time, nothing is made a second time."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        alarm = await gateway.press()
        before = await gateway.done(alarm, *BOTH)
        files = gateway.files()
        await gateway.stop()
        await gateway.library.set_aside(stamp="lost")
        await gateway.open_library()
        gateway.start()
        after = await gateway.done(alarm, *BOTH)
        assert sorted(after, key=lambda row: row.id) == sorted(before, key=lambda row: row.id)
        assert sorted(await gateway.told(alarm)) == sorted([EventType.SNAPSHOT, EventType.CLIP])
        assert gateway.files() == files
