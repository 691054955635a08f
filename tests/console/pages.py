"""A real Chromium for tests of the page, what a guard does with a keyboard, and pictures of both sizes."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.console.desk import PASSWORD, Desk

CHROMIUM = Path("/usr/bin/chromium")
DESKTOP, PHONE = (1280, 720), (390, 844)

if not CHROMIUM.exists() and not os.environ.get("CI"):
    pytest.skip(f"{CHROMIUM} is not installed (apt install chromium)", allow_module_level=True)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without pages."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def page_of(
    browser: Browser, running: Desk, *, size: tuple[int, int] = DESKTOP, locale: str = "zh-CN"
) -> AsyncIterator[Page]:
    """A page at the console's address; at the end, nothing must have gone wrong in it."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=locale, reduced_motion="reduce"
    )
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None,
    )
    await page.goto(running.url)
    yield page
    assert wrong == []
    await context.close()


async def sign_in(page: Page, name: str = "wang") -> None:
    """By keyboard alone."""
    await expect(page.locator("[name=name]")).to_be_focused()
    await page.keyboard.type(name)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("nav")).to_be_visible()


async def picture(page: Page, path: Path) -> None:
    """Keep what it looks like at both sizes; it must never need scrolling sideways."""
    before = page.viewport_size
    for width, height in (DESKTOP, PHONE):
        await page.set_viewport_size({"width": width, "height": height})
        await page.screenshot(path=path.with_name(f"{path.name}-{width}x{height}.png"))
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert before is not None
    await page.set_viewport_size(before)
