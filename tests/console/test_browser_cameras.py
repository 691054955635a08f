"""The cameras in a real Chromium: live video that really plays, what is said when it does not, playback, and evidence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from gateway.clock import SystemClock, rfc3339
from gateway.footage import Growing, Piece
from gateway.media.client import MediaProcess
from gateway.store.evidence_rows import EvidenceKind, EvidenceState
from tests.console.desk import Desk, desk
from tests.console.exhibits import Exhibits, exhibit, jpeg
from tests.console.filming import FPS, Film, Shelf
from tests.console.pages import chromium, page_of, picture, sign_in
from tests.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all; each page has a context of its own."""
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of footage, which nobody changes."""
    film = Film(tmp_path_factory.mktemp("shelf") / "old.mp4", size=SIZE)
    film.shoot(60 * FPS)
    film.close()
    return film.path


@dataclass
class Studio:
    """A console whose camera is filmed for real, in real time."""

    desk: Desk
    shelf: Shelf
    filming: asyncio.Task[None]
    shown: Exhibits


@asynccontextmanager
async def studio(tmp_path: Path, minute: Path) -> AsyncIterator[Studio]:
    """A minute on the shelf, and a camera that goes on filming until the task is cancelled."""
    shelf, clock, shown = Shelf(), SystemClock(), Exhibits()
    media = MediaProcess(clock)
    begun = clock.now() - timedelta(seconds=90)
    shelf.kept.append(Piece(path=minute, start=begun, end=begun + timedelta(seconds=60)))
    film = Film(tmp_path / "spool" / "new.mp4", size=SIZE)
    shelf.now = Growing(camera="cam-gate", path=film.path, start=clock.now())
    working = asyncio.create_task(media.run())
    filming = asyncio.create_task(_film(film, shelf))
    try:
        async with desk(
            tmp_path, footage=shelf, media=media, evidence=shown, exports_dir=tmp_path / "exports"
        ) as running:
            yield Studio(running, shelf, filming, shown)
    finally:
        for task in (filming, working):
            task.cancel()
        await asyncio.gather(filming, working, return_exceptions=True)
        film.close()


SIZE = (640, 360)


async def _film(film: Film, shelf: Shelf) -> None:
    """In real time, whatever else the machine does: a browser plays no faster."""
    assert shelf.now is not None
    start = shelf.now.start
    while True:
        passed = datetime.now(UTC) - start
        film.shoot(round(passed.total_seconds() * FPS) - film.shot)
        shelf.kept[1:] = [Piece(path=film.path, start=start, end=start + passed, growing=True)]
        await asyncio.sleep(1 / FPS)


async def go(page: Page, name: str) -> None:
    """To another view."""
    await page.get_by_role("link", name=name, exact=True).click()


async def plays_on(page: Page, seconds: float) -> None:
    """Wait until the video has played for so long."""
    first = float(await page.evaluate("document.querySelector('video').currentTime"))

    async def has() -> bool:
        return float(await page.evaluate("document.querySelector('video').currentTime")) > first + seconds

    await until(has, 15)


async def test_a_camera_plays_live_and_says_when_it_does_not(
    tmp_path: Path, browser: Browser, minute: Path
) -> None:
    """The grid's pictures, then real video: it has a size, its time goes on; when filming stops it turns grey and says so."""
    async with studio(tmp_path, minute) as made, page_of(browser, made.desk) as page:
        await sign_in(page)
        await go(page, "摄像机")
        tile = page.locator('[data-camera="cam-gate"]')
        await expect(tile.locator("img")).to_be_visible(timeout=15_000)
        await expect(tile.locator(".picture-age")).to_contain_text("前的画面")
        await picture(page, tmp_path / "cameras-grid")
        await tile.get_by_role("link").click()
        stage = page.locator(".picture.live")
        await expect(stage).to_have_attribute("data-live", "true", timeout=15_000)
        await expect(stage.locator(".picture-age")).to_contain_text("实时")
        await plays_on(page, 2)
        assert await page.evaluate("document.querySelector('video').videoWidth") == SIZE[0]
        await expect(page.locator(".part.recorded")).not_to_have_count(0)
        await picture(page, tmp_path / "cameras")
        made.filming.cancel()
        await expect(stage).to_have_attribute("data-live", "false", timeout=15_000)
        await expect(stage.locator(".picture-age")).to_contain_text("不是实时画面")
        await picture(page, tmp_path / "cameras-old")
        rows = await made.desk.journal.access_log()
        assert [(row.camera, row.reason) for row in rows if row.action == "view"][-2:] == [
            ("cam-gate", "live"),
            ("cam-gate", "snapshot"),
        ]


async def test_footage_is_played_and_exported(tmp_path: Path, browser: Browser, minute: Path) -> None:
    """A time that is picked plays and seeks; the page says which time; an export asks for a reason, which goes on record."""
    async with studio(tmp_path, minute) as made, page_of(browser, made.desk) as page:
        await sign_in(page)
        start = made.shelf.kept[0].start + timedelta(seconds=10)
        await page.goto(f"{made.desk.url}/#cameras/cam-gate/{rfc3339(start)}")
        await expect(page.locator(".picture.playback .picture-age")).to_contain_text("回放", timeout=15_000)
        await plays_on(page, 1)
        await page.evaluate("document.querySelector('video').currentTime = 30")
        await plays_on(page, 1)
        await expect(page.locator(".live-mark")).to_have_count(0)
        await picture(page, tmp_path / "playback")
        await page.get_by_role("button", name="导出录像").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("radio", name="1 分钟").check()
        await dialog.get_by_label("原因").fill("派出所调取")
        async with page.expect_download(timeout=20_000) as saving:
            await dialog.get_by_role("button", name="导出").click()
        saved = await saving.value
        assert saved.suggested_filename.startswith("cam-gate_2")
        rows = await made.desk.journal.access_log()
        assert [(row.action, row.reason) for row in rows][:2] == [
            ("export", "派出所调取"),
            ("view", "playback"),
        ]
        await page.get_by_role("button", name="返回实时").click()
        await expect(page.locator(".picture.live")).to_have_attribute("data-live", "true", timeout=15_000)


async def test_without_the_codec_pictures_are_shown_and_that_is_said(
    tmp_path: Path, browser: Browser, minute: Path
) -> None:
    """A browser that can't play it: no black square, but pictures, and the words for it."""
    async with studio(tmp_path, minute) as made, page_of(browser, made.desk, locale="en-GB") as page:
        await page.add_init_script("MediaSource.isTypeSupported = () => false")
        await page.reload()
        await sign_in(page)
        await page.goto(f"{made.desk.url}/#cameras/cam-gate")
        await expect(page.get_by_text("This browser can't play this camera's video")).to_be_visible()
        await expect(page.locator(".player img")).to_be_visible(timeout=15_000)


async def test_what_a_camera_saw_stands_beside_the_alarm(
    tmp_path: Path, browser: Browser, minute: Path
) -> None:
    """The picture as soon as it exists, the clip when it is whole; and a link to the live picture."""
    async with studio(tmp_path, minute) as made, page_of(browser, made.desk) as page:
        await sign_in(page)
        alarm = await made.desk.press()
        card = page.locator(f'[data-alarm="{alarm}"]')
        await expect(card.locator('[data-live="cam-gate"]')).to_be_visible()
        made.shown.rows.append(
            exhibit(alarm, EvidenceKind.SNAPSHOT, EvidenceState.DONE, jpeg(tmp_path / "seen.jpg"))
        )
        made.shown.rows.append(
            exhibit(alarm, EvidenceKind.CLIP, EvidenceState.WAITING, made.shelf.kept[0].path)
        )
        await expect(card.locator('[data-evidence="snapshot"] img')).to_be_visible()
        await expect(card.locator(".evidence-waiting")).to_contain_text("正在制作")
        await picture(page, tmp_path / "evidence")
        made.shown.rows[1] = exhibit(alarm, EvidenceKind.CLIP, EvidenceState.DONE, made.shelf.kept[0].path)
        await expect(card.locator('[data-evidence="clip"] a')).to_be_visible()
        await card.locator('[data-live="cam-gate"]').click()
        await expect(page.locator(".picture.live")).to_have_attribute("data-live", "true", timeout=15_000)
