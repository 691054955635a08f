"""What the pages claim of footage, in a real Chromium: its age, days of 23 and 25 hours, names, and who looked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from gateway.clock import SystemClock
from gateway.footage import Growing
from tests.console.desk import PANIC, desk
from tests.console.filming import FPS, Film, Shelf
from tests.console.pages import PHONE, chromium, page_of, picture, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all; each page has a context of its own."""
    async with chromium() as browser:
        yield browser


async def test_footage_that_comes_late_is_not_live(tmp_path: Path, browser: Browser) -> None:
    """Fragments that arrive in time and were recorded half a minute ago: it plays, is grey, and says how old it is."""
    shelf, clock = Shelf(), SystemClock()
    film = Film(tmp_path / "spool" / "late.mp4")
    begun = clock.now()
    shelf.now = Growing(camera="cam-gate", path=film.path, start=begun - timedelta(seconds=30))

    async def filming() -> None:
        while True:
            film.shoot(round((clock.now() - begun).total_seconds() * FPS) - film.shot)
            await asyncio.sleep(1 / FPS)

    working = asyncio.create_task(filming())
    try:
        async with desk(tmp_path, footage=shelf) as running, page_of(browser, running) as page:
            await sign_in(page)
            await page.goto(f"{running.url}/#cameras/cam-gate")
            stage = page.locator(".picture.live")
            await expect(stage.locator(".picture-age")).to_contain_text("不是实时画面", timeout=15_000)
            await expect(stage.locator(".picture-age")).to_contain_text("3")  # 30 s and some
            await expect(stage).to_have_attribute("data-live", "false")
            await expect(page.locator(".live-mark")).to_have_count(0)
            assert await page.evaluate("document.querySelector('video').currentTime") > 0
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        film.close()


_DAYS = """async (moments) => {
  const dom = await import("/static/dom.js");
  const { Timeline } = await import("/static/timeline.js");
  dom.setTimeZone("Europe/Berlin");
  return moments.map((moment) => {
    const line = new Timeline({ id: "cam-gate" }, () => {});
    let picked = 0;
    line.picked = (at) => { picked = at; };
    line.setDay(Date.parse(moment));
    line.load = () => {};
    line.clock.value = "18:00:00";
    line.pickClock();
    const from = new Date(line.day).toISOString();
    line.move(1);
    return [from, line.length / 3600000, new Date(line.day).toISOString(), new Date(picked).toISOString()];
  });
}"""


async def test_days_on_which_clocks_change(tmp_path: Path, browser: Browser) -> None:
    """A day of 23 and one of 25 hours begin at midnight, the next day joins on, and 18:00 is 18:00 of that day's clocks."""
    async with desk(tmp_path) as running, page_of(browser, running) as page:
        await sign_in(page)
        moments = [
            "2026-03-29T12:00:00Z",
            "2026-10-25T22:30:00Z",
            "2026-03-28T12:00:00Z",
            "2026-10-24T05:00:00Z",
        ]
        assert await page.evaluate(_DAYS, moments) == [
            ["2026-03-28T23:00:00.000Z", 24, "2026-03-29T22:00:00.000Z", "2026-03-29T16:00:00.000Z"],
            ["2026-10-24T22:00:00.000Z", 24, "2026-10-25T23:00:00.000Z", "2026-10-25T17:00:00.000Z"],
            ["2026-03-27T23:00:00.000Z", 23, "2026-03-28T23:00:00.000Z", "2026-03-28T17:00:00.000Z"],
            ["2026-10-23T22:00:00.000Z", 25, "2026-10-24T22:00:00.000Z", "2026-10-24T16:00:00.000Z"],
        ]


async def test_an_english_telephone_needs_no_scrolling_sideways(tmp_path: Path, browser: Browser) -> None:
    """English words are longer: no view of the page is wider than a telephone; a camera goes by its name on the card."""
    named = (
        '[[device]]\nid = "cam-hall"\nname = "Hall camera"\nzone = "hall"\ndriver = "rtsp"\nurl = "rtsp://127.0.0.1:9/"\n'
        '[[device]]\nid = "b2"\nzone = "hall"\ndriver = "by-hand"\n'
        '[[device.point]]\nid = "hall-button"\nkind = "panic"\ncameras = ["cam-hall"]\n'
    )
    async with (
        desk(tmp_path, console_keys=named) as running,
        page_of(browser, running, size=PHONE, locale="en-GB") as page,
    ):
        await running.press(replace(PANIC, device="b2", point="hall-button"))
        await sign_in(page)
        await expect(page.locator("[data-live='cam-hall']")).to_contain_text("Live Hall camera")
        for view in ("alarms", "cameras", "cameras/cam-hall", "devices", "log"):
            await page.goto(f"{running.url}/#{view}")
            await expect(page.locator("main, .view, .alarms").first).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], view


async def test_who_looked_is_told_in_words(tmp_path: Path, browser: Browser) -> None:
    """The access log by camera and account, with the interval, the reason and the camera as people call them."""
    async with desk(tmp_path) as running, page_of(browser, running) as page:
        start = running.clock.now() - timedelta(minutes=9)
        journal = running.journal
        await journal.log_access("li", "view", camera="cam-gate", start=start, reason="live")
        await journal.log_access(
            "li", "view", camera="cam-gate", start=start, end=start, reason="snapshot 01J of alarm 01K"
        )
        await journal.log_access(
            "li",
            "view",
            camera="cam-gate",
            start=start,
            end=start,
            reason="picture watch: camera-covered",
        )
        await journal.log_access(
            "wang",
            "export",
            camera="cam-gate",
            start=start,
            end=start + timedelta(minutes=5),
            reason="派出所调取",
        )
        await sign_in(page)
        await page.goto(f"{running.url}/#log")
        lines = page.locator(".row.log")
        await expect(lines).to_have_count(5)
        await expect(lines.nth(1)).to_contain_text("原因：派出所调取")
        await expect(lines.nth(2)).to_contain_text("画面检查 · 摄像机被遮挡")
        await expect(lines.nth(3)).to_contain_text("警情截图")
        await expect(lines.nth(4)).to_contain_text("实时画面")
        await page.locator("select[name=camera]").select_option("cam-gate")
        await expect(lines).to_have_count(4)
        await page.locator("input[name=actor]").fill("li")
        await page.keyboard.press("Tab")
        await expect(lines).to_have_count(3)
        await picture(page, tmp_path / "log")
