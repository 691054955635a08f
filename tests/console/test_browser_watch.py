"""The picture watch in a real Chromium: why a picture is wrong, on the alarm's card and on the camera's page; and acceptance."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from gateway.model import Kind
from tests.console.pages import chromium, page_of, picture, sign_in
from tests.console.test_watch_api import world
from tests.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all; each page has a context of its own."""
    async with chromium() as browser:
        yield browser


async def test_the_card_of_a_covered_camera_shows_both_pictures(tmp_path: Path, browser: Browser) -> None:
    """What it should show beside what it showed, really loaded; and the way to its live picture."""
    async with world(tmp_path) as made, page_of(browser, made.desk) as page:
        await made.desk.journal.raise_own(Kind.CAMERA_COVERED, "cam-gate", "something is before the lens")
        await sign_in(page)
        shown = page.locator('[data-alarm] [data-pair="camera-covered"] img')
        await expect(shown).to_have_count(2, timeout=15_000)
        await shown.first.scroll_into_view_if_needed()

        async def loaded() -> bool:
            return bool(await shown.evaluate_all("images => images.every((one) => one.naturalWidth === 320)"))

        await until(loaded, 10)
        live = page.locator('[data-alarm] [data-live="cam-gate"]')
        await expect(live).to_have_attribute("href", "#cameras/cam-gate")
        await picture(page, tmp_path / "covered-card")


async def test_a_technician_accepts_a_picture_and_a_guard_can_not(tmp_path: Path, browser: Browser) -> None:
    """On the camera's page, in English; asked twice, and on the log."""
    async with world(tmp_path) as made:
        async with page_of(browser, made.desk) as page:
            await sign_in(page)
            await page.goto(f"{made.desk.url}/#cameras/cam-gate")
            await expect(page.locator("[data-watch] [data-pair]")).to_have_count(1, timeout=15_000)
            await expect(page.locator('[data-act="accept"]')).to_be_hidden()
        async with page_of(browser, made.desk, locale="en-GB") as page:
            await sign_in(page, "li")
            await page.goto(f"{made.desk.url}/#cameras/cam-gate")
            page.on("dialog", lambda dialog: dialog.accept())
            await page.locator('[data-act="accept"]').click()
            await until(lambda: made.watch.accepted == ["cam-gate"], 10)
            await expect(page.get_by_text("On record; what it shows is learned anew")).to_be_visible()
        assert ("li", "accept-picture", "") in await made.log()
