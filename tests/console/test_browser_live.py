"""The page in a real Chromium: what looks live is live, and what is not says so."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from gateway.console import Console, ConsoleDeps
from tests.console.desk import (
    PANIC_OVER,
    QUICK,
    Health,
    desk,
    listening,
    serving,
)
from tests.console.pages import chromium, page_of, picture, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all; each page has a context of its own."""
    async with chromium() as browser:
        yield browser


async def test_what_looks_live_is_live(tmp_path: Path, browser: Browser) -> None:
    """When the gateway falls silent a red banner says so; when it is back, the page is whole again by itself."""
    async with desk(tmp_path) as running, page_of(browser, running) as page:
        await page.clock.install()
        await page.reload()
        await sign_in(page)
        alarm = await running.press()
        await expect(page.locator(f'[data-alarm="{alarm}"]')).to_be_visible()
        port = (await running.console.listening())[1]
        serve = next(task for task in asyncio.all_tasks() if "Console.serve" in repr(task.get_coro()))
        serve.cancel()
        await asyncio.wait({serve})
        banner = page.get_by_text("与网关失去联系，画面不是实时的")
        await expect(banner).to_be_hidden()
        await page.clock.fast_forward(13_000)
        await expect(banner).to_be_visible()
        await expect(page.get_by_text("非实时")).to_be_visible()
        await picture(page, tmp_path / "stale")

        await running.journal.acknowledge(alarm, "li")
        fixed = running.site.console.model_copy(update={"port": port})
        again = Console(
            ConsoleDeps(
                journal=running.journal,
                site=replace(running.site, console=fixed),
                clock=running.clock,
                health=Health(),
                limits=QUICK,
            )
        )
        async with serving(again):
            await page.clock.fast_forward(13_000)
            await expect(banner).to_be_hidden()
            await expect(page.locator(f'[data-alarm="{alarm}"] .state')).to_contain_text("已确认")


async def test_a_line_that_hangs_is_noticed_without_an_error(tmp_path: Path, browser: Browser) -> None:
    """Connected, but nothing comes: after 12 s of silence the page says so, and heals once a new line is let through."""
    limits = replace(QUICK, heartbeat_s=3600)
    async with desk(tmp_path, limits=limits) as running, page_of(browser, running) as page:
        await page.clock.install()
        await page.reload()
        await sign_in(page)
        await expect(page.get_by_text("目前没有警情")).to_be_visible()
        await expect(page.get_by_text("上级平台 bureau")).to_be_visible()
        await page.route("**/api/events", lambda route: route.abort())
        await page.clock.fast_forward(11_000)
        banner = page.get_by_text("与网关失去联系，画面不是实时的")
        await expect(banner).to_be_hidden()
        await page.clock.fast_forward(2_000)
        await expect(banner).to_be_visible()
        await page.unroute("**/api/events")
        await page.clock.fast_forward(13_000)
        await expect(banner).to_be_hidden()


async def test_what_could_not_be_shown_is_not_life(tmp_path: Path, browser: Browser) -> None:
    """A message that the page fails to show makes it stale at once, whatever comes later; a whole snapshot heals it."""
    async with desk(tmp_path) as running, page_of(browser, running) as page:
        broken = 'event: snapshot\ndata: {"now": "2026-01-01T00:00:00.000Z"}\n\n'

        async def fail(route: Route) -> None:
            await route.fulfill(content_type="text/event-stream", body=broken)

        await page.route("**/api/events", fail)
        await sign_in(page)
        alarm = await running.press()
        await expect(page.get_by_text("画面显示出错，警情可能不全")).to_be_visible()
        await expect(page.get_by_text("非实时")).to_be_visible()
        await expect(page.get_by_text("目前没有警情")).to_be_hidden()
        await page.unroute("**/api/events")
        await expect(page.locator(f'[data-alarm="{alarm}"]')).to_be_visible()
        await expect(page.get_by_text("画面显示出错")).to_be_hidden()


async def test_a_late_answer_does_not_overwrite_newer_news(tmp_path: Path, browser: Browser) -> None:
    """The answer to an acknowledgement comes after the press was released: the card shows the release."""
    async with desk(tmp_path) as running, page_of(browser, running) as page:
        await sign_in(page)
        alarm = await running.press()
        card = page.locator(f'[data-alarm="{alarm}"]')
        answered, released = asyncio.Event(), asyncio.Event()

        async def delay(route: Route) -> None:
            answer = await route.fetch()
            answered.set()
            await released.wait()
            await route.fulfill(response=answer)

        await page.route("**/acknowledge", delay)
        await card.get_by_role("button", name="确认").click()
        await answered.wait()
        await running.journal.report(PANIC_OVER)
        await expect(card.locator(".state")).to_contain_text("可以关闭")
        released.set()
        await expect(page.get_by_text("已确认并保存")).to_be_visible()
        await expect(card.locator(".state")).to_contain_text("可以关闭")


async def test_pages_that_get_no_live_line_say_why(tmp_path: Path, browser: Browser) -> None:
    """The oldest page of a session with too many says so and stays away; so does one that finds no room at all."""
    limits = replace(QUICK, streams=2, streams_a_session=1)
    async with desk(tmp_path, limits=limits) as running, page_of(browser, running) as page:
        await sign_in(page)
        await expect(page.get_by_text("目前没有警情")).to_be_visible()
        newer = await page.context.new_page()
        await newer.goto(running.url)
        await expect(newer.get_by_text("目前没有警情")).to_be_visible()
        await expect(page.get_by_text("此登录打开的页面过多，本页已停止更新")).to_be_visible()
        async with listening(await running.guard("li")), page_of(browser, running) as refused:
            await sign_in(refused)
            await expect(refused.get_by_text("同时打开的控制台过多")).to_be_visible()
            await expect(newer.get_by_text("非实时")).to_be_hidden()
