"""What a guard sees of pictures, in a real Chromium: all of them, in view, with a time that is theirs, and in words."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from gateway.clock import rfc3339
from gateway.model import EventType
from gateway.policy.coverage import Coverage, coverage
from gateway.store.evidence_rows import EvidenceKind, EvidenceState
from tests.console.desk import desk
from tests.console.exhibits import Exhibits, exhibit, jpeg
from tests.console.filming import FPS, Film
from tests.console.pages import DESKTOP, PHONE, chromium, page_of, picture, sign_in
from tests.console.test_browser_cameras import SIZE, plays_on, studio
from tests.console.test_watch_api import world

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGE = (1920, 1080)

_BOXES = """() => [".picture", ".picture > video", ".picture-age"].map((name) => {
  const { top, bottom, left, right } = document.querySelector(".player " + name).getBoundingClientRect();
  return { top, bottom, left, right };
})"""

#: Whether what is at a place of the frame, as a share of its height, is the frame's own and nothing lies over it.
_IN_SIGHT = """(share) => {
  const frame = document.querySelector(".player .picture");
  const { top, left, width, height } = frame.getBoundingClientRect();
  return frame.contains(document.elementFromPoint(left + width / 2, top + share * height));
}"""


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


async def _is_whole(page: Page, *, free_below: float) -> None:
    """The video fills its frame and no more; how old it is stands well below the top, so far above the frame's end."""
    for width, height in (DESKTOP, LARGE, PHONE):
        await page.set_viewport_size({"width": width, "height": height})
        frame, video, age = await page.evaluate(_BOXES)
        for side in ("top", "bottom", "left", "right"):
            assert video[side] == pytest.approx(frame[side], abs=1), (width, side)
        assert age["top"] > frame["top"] + (frame["bottom"] - frame["top"]) / 3, width
        assert age["bottom"] <= frame["bottom"] - free_below, width
        assert age["left"] >= frame["left"], width
        assert age["right"] <= frame["right"], width


async def test_the_whole_picture_is_in_its_frame(tmp_path: Path, browser: Browser, minute: Path) -> None:
    """Live and played back, on every size of screen; where cameras write their clock, and where players have their bar, is free."""
    async with studio(tmp_path, minute) as made, page_of(browser, made.desk) as page:
        await sign_in(page)
        await page.goto(f"{made.desk.url}/#cameras/cam-gate")
        await expect(page.locator(".picture.live")).to_have_attribute("data-live", "true", timeout=15_000)
        await _is_whole(page, free_below=0)
        start = made.shelf.kept[0].start + timedelta(seconds=10)
        await page.goto(f"{made.desk.url}/#cameras")
        await page.goto(f"{made.desk.url}/#cameras/cam-gate/{rfc3339(start)}")
        await expect(page.locator(".picture.playback .picture-age")).to_contain_text("回放", timeout=15_000)
        await plays_on(page, 0.5)
        await _is_whole(page, free_below=72)


async def test_a_time_picked_on_a_telephone_shows_its_picture(
    tmp_path: Path, browser: Browser, minute: Path
) -> None:
    """Nothing need be typed: the time offered is there; button and bar alike bring the picture in sight, under no head."""
    async with studio(tmp_path, minute) as made, page_of(browser, made.desk, size=PHONE) as page:
        await sign_in(page)
        await page.goto(f"{made.desk.url}/#cameras/cam-gate")
        await expect(page.locator(".part.recorded")).not_to_have_count(0, timeout=15_000)
        for press in (page.locator('[data-act="play"]'), page.locator(".part.recorded").first):
            await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            await press.dispatch_event("click", await _middle(press))
            await expect(page.locator(".picture.playback .picture-age")).to_contain_text(
                "回放 ", timeout=15_000
            )
            await expect(page.locator(".player .problem")).to_have_text("")
            for share in (0.02, 0.5, 0.98):
                assert await page.evaluate(_IN_SIGHT, share)
        await picture(page, tmp_path / "picked")


async def _middle(element: Locator) -> dict[str, object]:
    """As a click there has it."""
    box = await element.bounding_box()
    assert box is not None
    return {"bubbles": True, "clientX": box["x"] + box["width"] / 2, "clientY": box["y"] + box["height"] / 2}


async def test_a_time_that_was_typed_stays(tmp_path: Path, browser: Browser, minute: Path) -> None:
    """What is offered goes on with the footage, until somebody types."""
    async with studio(tmp_path, minute) as made, page_of(browser, made.desk) as page:
        await sign_in(page)
        await page.goto(f"{made.desk.url}/#cameras/cam-gate")
        clock = page.locator("input[name=at]")
        await expect(page.locator(".part.recorded")).not_to_have_count(0, timeout=15_000)
        assert await clock.input_value() != "08:00:00"
        await clock.fill("09:10:11")
        again = page.expect_response("**/recordings?*")
        async with again:
            await page.get_by_role("button", name="前一天").click()
        await expect(clock).to_have_value("09:10:11")


async def test_a_time_line_that_failed_comes_soon(tmp_path: Path, browser: Browser, minute: Path) -> None:
    """The gateway restarts just as the page is opened: the time offered is a minute ago, and the bar is there in seconds."""
    async with studio(tmp_path, minute) as made, page_of(browser, made.desk) as page:
        await sign_in(page)
        await page.route("**/recordings?*", lambda route: route.abort(), times=1)
        await page.goto(f"{made.desk.url}/#cameras/cam-gate")
        await expect(page.locator(".timeline .problem")).not_to_have_text("")
        assert await page.locator("input[name=at]").input_value() != "08:00:00"
        await expect(page.locator(".part.recorded")).not_to_have_count(0, timeout=10_000)
        await expect(page.locator(".timeline .problem")).to_have_text("")


async def test_the_time_before_the_gateway_is_no_riddle(tmp_path: Path, browser: Browser) -> None:
    """A new box has no footage of this morning: that is said as it is."""

    class New:
        async def coverage(self, camera: str, start: object, end: object) -> Coverage:
            assert camera == "cam-gate"
            return coverage([], [], start=running.clock.now() - timedelta(hours=1), end=running.clock.now())

    async with desk(tmp_path, coverage=New()) as running, page_of(browser, running) as page:
        await sign_in(page)
        await page.goto(f"{running.url}/#cameras/cam-gate")
        before = page.locator(".bar-of-day .part.before")
        await expect(before).to_have_count(1, timeout=15_000)
        assert "网关开始记录之前" in (await before.get_attribute("title") or "")
        await expect(page.locator(".bar-of-day .part.unknown")).to_have_count(0)


async def test_a_picture_has_its_own_time(tmp_path: Path, browser: Browser) -> None:
    """A snapshot that was taken 2 s after the press says so; while it is being made, the press."""
    shown = Exhibits()
    async with desk(tmp_path, evidence=shown) as running, page_of(browser, running) as page:
        await sign_in(page)
        alarm = await running.press()
        made = exhibit(alarm, EvidenceKind.SNAPSHOT, EvidenceState.DONE, jpeg(tmp_path / "seen.jpg"))
        later = made.at + timedelta(seconds=2)
        shown.rows = [replace(made, start=later, end=later)]
        seen = page.locator(f'[data-alarm="{alarm}"] [data-evidence="snapshot"]')
        await expect(seen.locator("small")).to_contain_text("20:00:02", timeout=15_000)
        await expect(seen.locator("img")).to_have_attribute("alt", "截图 · cam-gate · 03/01 20:00:02")


async def test_what_a_camera_should_show_has_no_time(tmp_path: Path, browser: Browser) -> None:
    """Nobody knows when the scene was remembered; the picture of the fault has the fault's time."""
    async with world(tmp_path) as made, page_of(browser, made.desk) as page:
        await sign_in(page)
        await page.goto(f"{made.desk.url}/#cameras/cam-gate")
        labels = page.locator('[data-watch] [data-pair="camera-covered"] small')
        await expect(labels).to_have_count(2, timeout=15_000)
        await expect(labels.first).to_have_text("应有画面")
        await expect(labels.last).to_contain_text("16:00:10")


@pytest.mark.parametrize(
    ("locale", "taken", "made"),
    [("zh-CN", "抓拍完成", "录像片段完成"), ("en-GB", "Picture taken", "Clip made")],
)
async def test_details_tell_of_evidence_in_words(
    tmp_path: Path, browser: Browser, locale: str, taken: str, made: str
) -> None:
    """With the camera as people call it."""
    named = (
        '[[device]]\nid = "cam-hall"\nname = "Hall camera"\nzone = "hall"\ndriver = "rtsp"\n'
        'url = "rtsp://127.0.0.1:9/"\n'
    )
    async with (
        desk(tmp_path, console_keys=named) as running,
        page_of(browser, running, locale=locale) as page,
    ):
        alarm = await running.press()
        for number, kind in enumerate((EventType.SNAPSHOT, EventType.CLIP)):
            data = {"evidence": f"e{number}", "sha256": "00", "camera": "cam-hall", "drill": False}
            await running.journal.announce_evidence(kind, "cam-hall", alarm=alarm, data=data)
        await sign_in(page)
        await page.locator('[data-act="details"]').click()
        steps = page.locator("dialog .steps li")
        await expect(steps).to_have_count(3)
        for step, text in ((steps.nth(1), taken), (steps.nth(2), made)):
            await expect(step.locator("strong")).to_have_text(text)
            await expect(step).to_contain_text("Hall camera")
