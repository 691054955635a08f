"""The page in a real Chromium: what a guard sees at night, does with two clicks, and is told when the line is dead."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from gateway.console import Console, ConsoleDeps, HealthProblem
from gateway.model import Kind, Presence
from tests.console.desk import (
    PANIC,
    PANIC_OVER,
    QUICK,
    SMOKE,
    Health,
    ShiftedClock,
    desk,
    serving,
)
from tests.console.pages import PHONE, chromium, page_of, picture, sign_in
from tests.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all; each page has a context of its own."""
    async with chromium() as browser:
        yield browser


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
        await card.get_by_role("button", name="搁置").click()
        await table.get_by_label("原因").fill("施工扬尘")
        await table.get_by_role("dialog").get_by_role("button", name="搁置").click()
        shelved = phone.locator(f'[data-alarm="{alarm}"]')
        await expect(shelved).to_contain_text("王强 · 施工扬尘")
        await expect(shelved.get_by_role("button", name="取消搁置")).to_be_visible()


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
