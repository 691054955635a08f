"""The page in a real Chromium: what a guard sees at night, does with two clicks, and is told when the line is dead."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

from gateway.console import Console, ConsoleDeps, HealthProblem
from gateway.model import Kind, Presence
from tests.console.desk import (
    PANIC,
    PANIC_OVER,
    PASSWORD,
    QUICK,
    SMOKE,
    Desk,
    Health,
    ShiftedClock,
    desk,
    listening,
    serving,
)
from tests.wait import until

CHROMIUM = Path("/usr/bin/chromium")
DESKTOP, PHONE = (1280, 720), (390, 844)

if not CHROMIUM.exists() and not os.environ.get("CI"):
    pytest.skip(f"{CHROMIUM} is not installed (apt install chromium)", allow_module_level=True)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all; each page has a context of its own."""
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


async def test_a_guard_sees_acknowledges_and_closes_an_alarm(tmp_path: Path, browser: Browser) -> None:
    """Sign in, calm; a press appears by itself with what and where in view; silence is no acknowledgement; both acts commit."""
    async with desk(tmp_path) as running, page_of(browser, running) as page:
        await sign_in(page)
        await expect(page.get_by_text("目前没有警情")).to_be_visible()
        await picture(page, tmp_path / "calm")
        alarm = await running.press()
        card = page.locator(f'[data-alarm="{alarm}"]')
        await expect(card.locator(".kind")).to_have_text("一键报警")
        await expect(card.locator(".where")).to_have_text("校门 门卫室按钮")
        await expect(card.locator(".state")).to_have_text("未确认 · 现场仍在报警")
        await expect(card).to_be_in_viewport(ratio=1)
        await expect(page).to_have_title("(1) 一键报警 校门 门卫室按钮")
        await picture(page, tmp_path / "alarm")

        await page.get_by_role("button", name="消音").click()
        await expect(page.get_by_role("button", name="已消音")).to_be_disabled()
        assert running.journal.open_alarms[alarm].acknowledged_at is None
        await running.press()
        await expect(page.get_by_role("button", name="消音", exact=True)).to_be_enabled()

        await card.get_by_role("button", name="确认").click()
        await expect(card.locator(".state")).to_have_text("已确认 · 现场仍在报警")
        assert running.journal.open_alarms[alarm].acknowledged_by == "wang"
        await expect(page.get_by_role("button", name="消音")).to_be_hidden()
        close = card.get_by_role("button", name="关闭")
        await expect(close).to_be_disabled()
        await running.journal.report(PANIC_OVER)
        await close.click()
        dialog = page.get_by_role("dialog")
        await picture(page, tmp_path / "close")
        await dialog.get_by_role("button", name="关闭").click()
        await expect(dialog.get_by_role("alert")).to_have_text("请选择一个结论")
        await dialog.get_by_role("radio", name="误报").check()
        await dialog.get_by_role("button", name="关闭").click()
        await expect(page.get_by_text("目前没有警情")).to_be_visible()
        assert alarm not in running.journal.open_alarms
        assert (await running.journal.alarm(alarm)).verdict == "false"
        await page.get_by_role("link", name="历史").click()
        await expect(page.locator(".row .verdict")).to_have_text("误报")
        await picture(page, tmp_path / "history")


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


async def test_two_guards_on_desk_and_phone_see_the_same(tmp_path: Path, browser: Browser) -> None:
    """What one acknowledges on the phone, the other sees at the desk, with the name."""
    async with (
        desk(tmp_path) as running,
        page_of(browser, running) as table,
        page_of(browser, running, size=PHONE) as phone,
    ):
        await sign_in(table, "wang")
        await sign_in(phone, "li")
        alarm = await running.press(SMOKE)
        await phone.locator(f'[data-alarm="{alarm}"]').get_by_role("button", name="确认").click()
        card = table.locator(f'[data-alarm="{alarm}"]')
        await expect(card).to_contain_text("李敏 于")
        await card.get_by_role("button", name="旁路").click()
        await table.get_by_label("原因").fill("施工扬尘")
        await table.get_by_role("dialog").get_by_role("button", name="旁路").click()
        shelved = phone.locator(f'[data-alarm="{alarm}"]')
        await expect(shelved).to_contain_text("王强 · 施工扬尘")
        await expect(shelved.get_by_role("button", name="取消旁路")).to_be_visible()


async def test_drill_duress_and_foreign_text_can_not_deceive(tmp_path: Path, browser: Browser) -> None:
    """A drill is never red and says so; duress makes no noise; what a device says is text, never markup."""
    async with desk(tmp_path) as running, page_of(browser, running) as page:
        await sign_in(page)
        await running.journal.report(replace(PANIC, point="buttons:7", kind=Kind.DURESS))
        duress = page.locator(".card", has_text="胁迫报警")
        await expect(duress).to_contain_text("静默报警")
        await expect(page.get_by_role("button", name="消音")).to_be_hidden()
        assert "胁迫" not in await page.title()

        evil = '<img src=x onerror="document.title=1"><b>x</b>'
        real = await running.press(replace(PANIC, detail=evil))
        await expect(page.locator(f'[data-alarm="{real}"]')).to_contain_text(evil)
        assert await page.locator(".card img, .card b").count() == 0

        await running.journal.start_drill("hall", running.clock.now() + timedelta(minutes=5), "li")
        drill = await running.press(SMOKE)
        card = page.locator(f'[data-alarm="{drill}"]')
        await expect(card.locator(".kind")).to_have_text("演练 · 烟雾报警")
        await expect(card).to_contain_text("这是演练，不是真实警情")
        background = "element => getComputedStyle(element).backgroundColor"
        assert await card.evaluate(background) != await page.locator(f'[data-alarm="{real}"]').evaluate(
            background
        )
        await picture(page, tmp_path / "mixed")


async def test_a_lost_session_and_blocked_sound_are_told_loudly(tmp_path: Path, browser: Browser) -> None:
    """A page that can't sound says so and offers a button; a session that has ended says that no alarm arrives."""
    clock = ShiftedClock()
    async with desk(tmp_path, clock=clock) as running, page_of(browser, running) as page:
        await sign_in(page)
        await expect(page.get_by_text("浏览器阻止了声音")).to_be_hidden()
        await page.reload()
        await expect(page.get_by_text("浏览器阻止了声音")).to_be_visible()
        await page.get_by_role("button", name="启用声音").click()
        await expect(page.get_by_text("浏览器阻止了声音")).to_be_hidden()
        clock.shift += timedelta(hours=11, minutes=45)
        await expect(page.get_by_text("到期后收不到报警")).to_be_visible()
        clock.shift += timedelta(hours=1)
        await expect(page.get_by_text("现在收不到报警")).to_be_visible()
        await sign_in(page)
        await expect(page.get_by_text("目前没有警情")).to_be_visible()


async def test_english_keyboard_and_devices(tmp_path: Path, browser: Browser) -> None:
    """An English browser gets English; everything is reached by keyboard; a lost device is told by word and shape."""
    async with desk(tmp_path) as running, page_of(browser, running, locale="en-GB") as page:
        await sign_in(page, "li")
        alarm = await running.press()
        button = page.locator(f'[data-alarm="{alarm}"]').get_by_role("button", name="Acknowledge")
        await button.focus()
        await running.press(SMOKE)
        await expect(page.locator(".card")).to_have_count(2)
        await expect(button).to_be_focused()
        await page.keyboard.press("Enter")
        await until(lambda: running.journal.open_alarms[alarm].acknowledged_by == "li")

        await running.journal.presence("buttons", Presence.ONLINE)
        await running.journal.presence("buttons", Presence.OFFLINE, "timed out")
        await page.get_by_role("link", name="Devices").click()
        await expect(page.locator('[data-device="buttons"]')).to_contain_text("offline")
        await page.get_by_role("button", name="Start a drill").click()
        await page.get_by_role("dialog").get_by_role("button", name="Start a drill").click()
        await expect(page.get_by_text("The drill has begun")).to_be_visible()
        await page.get_by_role("link", name="Log").click()
        await expect(page.locator(".row.log")).to_contain_text(["signed in"])
        await page.get_by_role("button", name="中文").click()
        await expect(page.get_by_role("link", name="警情")).to_be_visible()


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


async def test_a_time_zone_that_the_browser_refuses_hides_no_alarm(tmp_path: Path, browser: Browser) -> None:
    """The alarm is shown, with times in UTC and marked so."""
    async with desk(tmp_path) as running:
        site = running.site.site.model_copy(update={"timezone": "right/Asia/Shanghai"})
        odd = Console(
            ConsoleDeps(
                journal=running.journal,
                site=replace(running.site, site=site),
                clock=running.clock,
                health=Health(),
                limits=QUICK,
            )
        )
        alarm = await running.press()
        async with serving(odd):
            host, port = await odd.listening()
            there = replace(running, url=f"http://{host}:{port}")
            async with page_of(browser, there) as page:
                await sign_in(page)
                card = page.locator(f'[data-alarm="{alarm}"]')
                stamp = running.journal.open_alarms[alarm].raised_at.strftime("%H:%M:%S UTC")
                await expect(card.locator(".when")).to_have_text(stamp)
                await expect(page.get_by_text("非实时")).to_be_hidden()


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


async def test_guards_read_chinese_and_technicians_the_rest(tmp_path: Path, browser: Browser) -> None:
    """A lost device, its alarm and an ailing gateway: what to do in Chinese, the lower layers' words small below."""
    health = Health()
    async with desk(tmp_path, health=health) as running, page_of(browser, running) as page:
        await sign_in(page)
        health.found.append(HealthProblem("journal", "no write for 9 s"))
        await running.journal.presence("buttons", Presence.ONLINE)
        await running.journal.presence("buttons", Presence.OFFLINE, "timed out")
        card = page.locator(".card", has_text="设备失联")
        await expect(card).to_contain_text("设备没有应答，现在收不到它的报警：检查电源、线路和地址")
        await expect(card.locator(".technical")).to_contain_text("技术信息 timed out")
        await expect(page.locator(".status")).to_contain_text("记录写不进存储")
        await expect(page.locator(".status .technical")).to_have_text("技术信息 no write for 9 s")
        await picture(page, tmp_path / "advice")
        await page.get_by_role("link", name="设备").click()
        device = page.locator('[data-device="buttons"]')
        await expect(device).to_contain_text("检查电源、线路和地址")
        await expect(device.locator(".technical")).to_have_text("技术信息 timed out")
