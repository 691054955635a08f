"""Clips put by HTTPS: whole, with their manifests, again until they are taken; refusals are told once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.evidence.stats import EvidenceStats
from gateway.evidence.upload import UPLOAD_SUBJECT, Upload, UploadFailed
from gateway.model import Alarm, Kind
from gateway.policy.evidence import EvidenceKind
from gateway.store.evidence_rows import EvidenceRow
from gateway.store.files import FileThread
from gateway.store.library import Library
from tests.evidence.place import Place, credentials, place
from tests.evidence.world import World, world
from tests.media.film import at

BOTH = (EvidenceKind.SNAPSHOT, EvidenceKind.CLIP)


@asynccontextmanager
async def uploading(directory: Path, *, timeout_s: float = 10) -> AsyncIterator[tuple[World, Place]]:
    """A gateway, not started yet, and the place that its site file names."""
    async with place(directory / "place") as there:
        (directory / "token").write_text("open sesame\n")
        keys = (
            f'\n[evidence.upload]\nurl = "https://127.0.0.1:{there.port}/clips"\ntoken_file = "token"\n'
            f'ca_file = "{there.authority}"\ntimeout_s = {timeout_s}\n'
        )
        async with world(directory, more=keys, start=False) as gateway:
            await gateway.film(0, 40)
            yield gateway, there


async def a_clip(gateway: World) -> EvidenceRow:
    """A press, and its clip."""
    alarm = await gateway.press()
    rows = await gateway.done(alarm, *BOTH)
    return next(row for row in rows if row.kind is EvidenceKind.CLIP)


def fault(gateway: World) -> Alarm | None:
    """The fault that tells of a refusal."""
    alarms = gateway.journal.open_alarms.values()
    return next((alarm for alarm in alarms if alarm.source.subject == UPLOAD_SUBJECT), None)


def has_returned(gateway: World) -> bool:
    """Whether there was such a fault, and its cause is gone."""
    told = fault(gateway)
    return told is not None and told.returned_at is not None


async def test_a_clip_and_its_manifest_come_there_whole(tmp_path: Path) -> None:
    """Below the site's id, byte for byte, with the token; the announcement names the place, the row the time."""
    async with uploading(tmp_path) as (gateway, there):
        gateway.start()
        clip = await a_clip(gateway)
        await gateway.passes(lambda: gateway.service.stats.uploaded == 1)
        below = f"/clips/school-1/{clip.id}"
        assert there.files == {
            f"{below}.mp4": clip.path.read_bytes(),
            f"{below}.json": clip.manifest.read_bytes(),
        }
        assert there.asked == [
            (f"{below}.mp4", "Bearer open sesame"),
            (f"{below}.json", "Bearer open sesame"),
        ]
        found = await gateway.service.find(clip.id)
        assert found is not None
        assert found.uploaded is not None
        told = await gateway.journal.events_of(clip.alarm)
        assert any(f"https://127.0.0.1:{there.port}{below}.mp4".encode() in event.body for event in told)


async def test_a_place_that_fails_is_tried_again(tmp_path: Path) -> None:
    """500, 503 and 429 are no refusals: the clip goes whole once more, and no alarm is raised."""
    async with uploading(tmp_path) as (gateway, there):
        there.answers = [500, 503, 429, 201, 500]
        gateway.start()
        clip = await a_clip(gateway)
        await gateway.passes(lambda: gateway.service.stats.uploaded == 1)
        assert len(there.asked) == 7
        assert there.files[f"/clips/school-1/{clip.id}.mp4"] == clip.path.read_bytes()
        assert fault(gateway) is None


async def test_a_refusal_is_told_once_and_tried_slowly(tmp_path: Path) -> None:
    """403: one fault, another try after an hour; when the place takes the clip the fault returns."""
    async with uploading(tmp_path) as (gateway, there):
        there.answers = [403, 403]
        gateway.start()
        await a_clip(gateway)
        await gateway.passes(lambda: fault(gateway) is not None)
        assert len(there.asked) == 1
        await gateway.passes(lambda: len(there.asked) == 2, step_s=60)
        told = fault(gateway)
        assert told is not None
        assert told.repeats == 0
        assert "403" in told.detail
        await gateway.passes(lambda: gateway.service.stats.uploaded == 1, step_s=60)
        await gateway.passes(lambda: has_returned(gateway))


async def test_a_redirect_is_a_refusal(tmp_path: Path) -> None:
    """A clip goes where the site file says: nothing is put elsewhere, not even the token."""
    async with uploading(tmp_path) as (gateway, there):
        there.answers = [307]
        gateway.start()
        await a_clip(gateway)
        await gateway.passes(lambda: fault(gateway) is not None)
        assert len(there.asked) == 1
        assert not there.files


async def test_a_server_of_another_authority_gets_nothing(tmp_path: Path) -> None:
    """Its certificate is not believed: no byte and no token goes there, and a person is told."""
    async with uploading(tmp_path) as (gateway, there):
        there.authority.write_bytes(credentials(tmp_path / "other")[2].read_bytes())
        gateway.start()
        await a_clip(gateway)
        await gateway.passes(lambda: fault(gateway) is not None)
        told = fault(gateway)
        assert told is not None
        assert "certificate" in told.detail
        assert not there.asked


async def test_a_mute_server_holds_up_nothing_and_is_left(tmp_path: Path) -> None:
    """It takes the connection and says nothing: given up after timeout_s, tried again; snapshots and clips go on."""
    async with uploading(tmp_path, timeout_s=1) as (gateway, there):
        there.mute = True
        await gateway.film(40, 160)
        gateway.start()
        await a_clip(gateway)
        alarm = await gateway.press("gate-button-2")
        await gateway.done(alarm, EvidenceKind.SNAPSHOT, step_s=0)
        await gateway.passes(lambda: len(there.asked) == 2)
        there.mute = False
        await gateway.passes(lambda: gateway.service.stats.uploaded >= 1)
        assert fault(gateway) is None


async def test_a_server_that_answers_before_it_has_the_clip_does_not_have_it(tmp_path: Path) -> None:
    """200 while most of the file is still here is no success; the same file goes once the server reads it."""
    async with uploading(tmp_path) as (gateway, there):
        settings = gateway.site.evidence.upload
        assert settings is not None
        files = FileThread("upload")

        async def library() -> Library:
            return gateway.library

        upload = Upload(
            settings,
            gateway.site,
            journal=gateway.journal,
            library=library,
            files=files,
            clock=gateway.clock,
            stats=EvidenceStats(),
        )
        clip = tmp_path / "large.mp4"
        clip.write_bytes(bytes(40_000_000))
        context, _ = upload._credentials()
        url = f"https://127.0.0.1:{there.port}/large.mp4"
        there.hasty = True
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            with pytest.raises(UploadFailed):
                await upload._put(session, url, clip)
            there.hasty = False
            await upload._put(session, url, clip)
        assert len(there.files["/large.mp4"]) == 40_000_000
        files.close()


async def test_a_clip_that_never_gets_through_holds_up_no_other(tmp_path: Path) -> None:
    """The place fails at one clip each time: the next one is there all the same."""
    async with uploading(tmp_path) as (gateway, there):
        await gateway.film(40, 160)
        gateway.start()
        there.answers = [500] * 3
        first = await a_clip(gateway)
        there.broken = first.id
        second = await gateway.press("gate-button-2")
        await gateway.done(second, *BOTH)
        await gateway.passes(lambda: gateway.service.stats.uploaded == 1)
        assert not any(first.id in path for path in there.files)


async def test_a_new_clip_does_not_wait_for_one_that_fails(tmp_path: Path) -> None:
    """A clip that has failed for so long that its next try is minutes off: the next one goes as soon as it is cut."""
    async with uploading(tmp_path) as (gateway, there):
        gateway.start()
        there.answers = [500] * 3
        there.broken = (await a_clip(gateway)).id
        there.answers = []
        await gateway.passes(lambda: len(there.asked) == 8, step_s=60)
        await gateway.film(gateway.clock.now().timestamp() - at(0).timestamp() - 10, 40)
        second = await gateway.press("gate-button-2")
        await gateway.done(second, *BOTH)
        await gateway.passes(lambda: gateway.service.stats.uploaded == 1, step_s=0)


async def test_the_fault_returns_when_the_clip_that_was_refused_is_gone(tmp_path: Path) -> None:
    """Deleted here before the place took it: nothing is refused any more, and the fault says so."""
    async with uploading(tmp_path) as (gateway, there):
        there.answers = [403]
        gateway.start()
        clip = await a_clip(gateway)
        await gateway.passes(lambda: fault(gateway) is not None)
        await gateway.library.condemn_evidence([clip.alarm])
        await gateway.passes(lambda: has_returned(gateway), step_s=10)
        assert gateway.service.stats.refused == ""


async def test_the_fault_stays_over_a_restart_while_the_clip_is_refused(tmp_path: Path) -> None:
    """The service begins anew and is refused once more: the fault did not return in between."""
    async with uploading(tmp_path) as (gateway, there):
        there.answers = [403, 403]
        gateway.start()
        await a_clip(gateway)
        await gateway.passes(lambda: fault(gateway) is not None)
        await gateway.stop()
        gateway.start()
        await gateway.passes(lambda: len(there.asked) == 2)
        await gateway.passes(lambda: gateway.service.stats.refused)
        told = fault(gateway)
        assert told is not None
        assert (told.returned_at, told.repeats) == (None, 0)


async def test_the_fault_returns_where_no_place_is_named_any_more(tmp_path: Path) -> None:
    """`[evidence.upload]` was taken out of the site file: the next start returns the fault that it left."""
    async with world(tmp_path, start=False) as gateway:
        await gateway.journal.raise_own(Kind.FAULT, UPLOAD_SUBJECT, "403")
        gateway.start()
        await gateway.passes(lambda: has_returned(gateway))


@pytest.mark.parametrize("missing", ["token", "place/authority.pem"])
async def test_credentials_that_are_missing_are_told(tmp_path: Path, missing: str) -> None:
    """Without the token or the authority's certificate nothing is sent, and a person is told; it goes on with them."""
    async with uploading(tmp_path) as (gateway, there):
        (tmp_path / missing).rename(tmp_path / "elsewhere")
        gateway.start()
        await a_clip(gateway)
        await gateway.passes(lambda: fault(gateway) is not None)
        assert not there.asked
        (tmp_path / "elsewhere").rename(tmp_path / missing)
        await gateway.passes(lambda: gateway.service.stats.uploaded == 1, step_s=60)
