"""The page in a real Chromium: silence, zones, bypassed points, outputs, and what a panel is told."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from gateway.errors import DeviceUnavailable
from gateway.model import Kind, Presence
from tests.arming_school import FRONT, WINDOW, shut
from tests.console.desk import PANIC, QUICK, SMOKE
from tests.console.guarded import guarded
from tests.console.pages import PHONE, chromium, page_of, picture, sign_in
from tests.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all; each page has a context of its own."""
    async with chromium() as browser:
        yield browser


def zone(page: Page, name: str) -> Locator:
    """A zone's card."""
    return page.locator(f'[data-zone="{name}"]')


async def go(page: Page, name: str) -> None:
    """To another view."""
    await page.get_by_role("link", name=name).click()


async def test_silence_is_the_gateways_and_everybodys(tmp_path: Path, browser: Browser) -> None:
    """One guard silences: the siren stops, every page is silent and says who; nothing is acknowledged; a press sounds anew."""
    async with (
        guarded(tmp_path) as running,
        page_of(browser, running) as page,
        page_of(browser, running, size=PHONE) as phone,
    ):
        await sign_in(page)
        await sign_in(phone, "li")
        alarm = await running.press()
        await until(lambda: running.bench.on["siren"])
        silence = phone.get_by_role("button", name="消音", exact=True)
        await expect(silence).to_be_in_viewport(ratio=1)
        await picture(page, tmp_path / "silence")
        await silence.click()
        await until(lambda: not running.bench.on["siren"])
        for each in (page, phone):
            card = each.locator(f'[data-alarm="{alarm}"]')
            await expect(card).to_contain_text("李敏 于")
            await expect(card).to_contain_text("消音")
            await expect(card.locator(".state")).to_have_text("未确认 · 现场仍在报警")
            await expect(each.get_by_role("button", name="已消音")).to_be_disabled()
        assert running.journal.open_alarms[alarm].acknowledged_at is None

        await running.press(SMOKE)
        await expect(page.get_by_role("button", name="消音", exact=True)).to_be_enabled()
        await expect(page.locator(f'[data-alarm="{alarm}"]')).to_contain_text("李敏 于")
        await running.press()
        await expect(page.locator(f'[data-alarm="{alarm}"] .silenced')).to_have_count(0)
        await page.locator(f'[data-alarm="{alarm}"]').get_by_role("button", name="详情").click()
        await expect(page.get_by_role("dialog").locator(".steps")).to_contain_text("消音")


async def test_a_silence_that_was_refused_is_not_shown(tmp_path: Path, browser: Browser) -> None:
    """Duress alone offers no button; a gateway that does not take it is said, and the alarm sounds on."""
    async with guarded(tmp_path) as running, page_of(browser, running) as page:
        await sign_in(page)
        await running.journal.report(replace(PANIC, point="hold-up", device="panel", kind=Kind.DURESS))
        await expect(page.locator(".card")).to_have_count(1)
        await expect(page.get_by_role("button", name="消音")).to_be_hidden()
        await running.press()
        await page.route("**/api/silence", lambda route: route.abort())
        await page.get_by_role("button", name="消音", exact=True).click()
        await expect(page.get_by_text("没有收到网关的答复")).to_be_visible()
        await expect(page.get_by_role("button", name="消音", exact=True)).to_be_enabled()
        await expect(page.locator(".silenced")).to_have_count(0)


#: Counts the loops that this page plays.
LISTEN = """
  window.playing = 0;
  const { start, stop } = AudioBufferSourceNode.prototype;
  AudioBufferSourceNode.prototype.start = function (...when) { if (this.loop) window.playing += 1; return start.apply(this, when); };
  AudioBufferSourceNode.prototype.stop = function (...when) { if (this.loop) window.playing -= 1; return stop.apply(this, when); };
"""


async def plays(page: Page, loops: int) -> None:
    """Wait until it sounds, or does not."""

    async def so_many() -> bool:
        return bool(await page.evaluate("window.playing") == loops)

    await until(so_many)


async def test_the_page_sounds_as_the_gateway_says(tmp_path: Path, browser: Browser) -> None:
    """Silenced by whomever, this browser falls silent; the next press sounds here again."""
    async with guarded(tmp_path) as running, page_of(browser, running) as page:
        await page.add_init_script(LISTEN)
        await page.reload()
        await sign_in(page)
        await running.press()
        await plays(page, 1)
        await running.journal.silence("li")
        await plays(page, 0)
        await running.press()
        await plays(page, 1)


async def test_without_the_gateway_only_this_page_is_silenced(tmp_path: Path, browser: Browser) -> None:
    """A stale page can be silenced, and says that it is the only one; nothing is claimed of the school's sounders."""
    limits = replace(QUICK, heartbeat_s=3600)
    async with guarded(tmp_path, limits=limits) as running, page_of(browser, running) as page:
        await page.clock.install()
        await page.add_init_script(LISTEN)
        await page.reload()
        await sign_in(page)
        alarm = await running.press()
        await expect(page.locator(f'[data-alarm="{alarm}"]')).to_be_visible()
        await page.route("**/api/**", lambda route: route.abort())
        await page.clock.fast_forward(14_000)
        await expect(page.get_by_text("与网关失去联系，画面不是实时的")).to_be_visible()
        await page.get_by_role("button", name="消音", exact=True).click()
        await expect(page.get_by_text("只有本页消音")).to_be_visible()
        await plays(page, 0)
        await expect(page.locator(".silenced")).to_have_count(0)


async def test_a_guard_disarms_and_arms_a_zone(tmp_path: Path, browser: Browser) -> None:
    """Who and since when; only zones that obey are listed; what is open is said before arming; leaving counts down."""
    async with guarded(tmp_path) as running, page_of(browser, running) as page:
        await sign_in(page)
        await go(page, "防区")
        await expect(page.locator(".zone")).to_have_count(2)
        await expect(page.locator(".always")).to_contain_text("没有入侵和门点位的防区：校门、礼堂")
        office = zone(page, "office")
        await expect(office.locator(".zone-state")).to_have_text("已布防")
        await expect(office).to_contain_text("时间表下次变更")
        await office.get_by_role("button", name="撤防").click()
        await page.get_by_role("dialog").get_by_role("button", name="撤防").click()
        await expect(office.locator(".zone-state")).to_have_text("已撤防")
        await expect(office).to_contain_text("王强 于")

        await running.journal.report(WINDOW)
        await expect(office.locator(".open-points")).to_contain_text("财务室窗 (入侵探测)")
        await picture(page, tmp_path / "zones")
        await office.get_by_role("button", name="布防").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("有 1 个点位现在开着或触发。布防 60 秒后仍是这样就会报警。")
        await dialog.get_by_role("button", name="仍然布防").click()
        await expect(office.locator(".zone-state")).to_contain_text("正在布防")
        await expect(office.locator(".remaining")).to_contain_text("秒")
        assert running.journal.armings["office"].by == "wang"


async def test_an_entry_can_not_be_overlooked(tmp_path: Path, browser: Browser) -> None:
    """On every view a banner counts down; one click disarms, at once and without a question."""
    async with guarded(tmp_path) as running, page_of(browser, running) as page:
        await sign_in(page)
        await running.journal.report(FRONT)
        banner = page.locator('[data-entry="office"]')
        await expect(banner).to_contain_text("办公楼 有人进入")
        await expect(banner.locator(".remaining")).to_have_text("29 秒")
        await expect(page.locator("#spoken")).to_contain_text("办公楼 有人进入")
        await go(page, "设备")
        await expect(banner).to_be_in_viewport(ratio=1)
        await go(page, "防区")
        await expect(zone(page, "office")).to_contain_text("未撤防将报警，还剩")
        await picture(page, tmp_path / "entering")
        await banner.get_by_role("button", name="撤防").click()
        await expect(banner).to_have_count(0)
        await expect(zone(page, "office").locator(".zone-state")).to_have_text("已撤防")
        assert not running.journal.open_alarms


async def test_a_bypass_is_never_out_of_view(tmp_path: Path, browser: Browser) -> None:
    """Placed with a reason where the kind allows it; told on every view with who, until and why; ended from the list."""
    async with (
        guarded(tmp_path) as running,
        page_of(browser, running) as page,
        page_of(browser, running) as other,
    ):
        await sign_in(page)
        await sign_in(other, "li")
        await go(page, "设备")
        offered = page.locator('[data-act^="bypass "]')
        await expect(offered).to_have_count(4)  # a guard: the doors and windows
        await go(other, "设备")
        await expect(other.locator('[data-act^="bypass "]')).to_have_count(7)  # and smoke, smoke, tamper
        await page.get_by_role("button", name="旁路 财务室窗").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("原因").fill("玻璃破损，已报修")
        await picture(page, tmp_path / "bypass")
        await dialog.get_by_role("button", name="旁路").click()
        await expect(page.locator('[data-point="window"]')).to_contain_text("王强 · 玻璃破损，已报修")
        await go(other, "警情")
        strip = other.locator(".banner.bypassed")
        await expect(strip).to_contain_text("1 个点位被旁路，不会报警")
        await expect(strip).to_contain_text("办公楼 财务室窗 · 至")
        await expect(strip).to_contain_text("王强 · 玻璃破损，已报修")
        await running.journal.report(WINDOW)
        await picture(other, tmp_path / "strip")
        await strip.get_by_role("link", name="查看").click()
        assert not running.journal.open_alarms
        await other.locator('[data-bypass="window"]').get_by_role("button", name="恢复").click()
        await expect(strip).to_be_hidden()
        await expect(page.locator('[data-point="window"]')).not_to_contain_text("玻璃")
        await until(lambda: bool(running.journal.open_alarms))


async def test_outputs_are_told_and_tested(tmp_path: Path, browser: Browser) -> None:
    """On, off and failed by word and shape; a guard has no button, an admin tests and reads how it went."""
    async with (
        guarded(tmp_path) as running,
        page_of(browser, running) as guard,
        page_of(browser, running) as page,
    ):
        await sign_in(guard)
        await sign_in(page, "li")
        await go(guard, "设备")
        await go(page, "设备")
        siren = page.locator('[data-output="siren"]')
        await expect(siren.locator(".presence")).to_have_text("关闭")
        await expect(siren).to_contain_text("从未测试 · 每月 3 日自动测试")
        await expect(guard.locator('[data-output="siren"]')).to_be_visible()
        await expect(guard.locator("[data-act=test]")).to_have_count(0)
        await siren.get_by_role("button", name="测试").click()
        await page.get_by_role("dialog").get_by_role("button", name="测试").click()
        await expect(page.get_by_text("测试开始")).to_be_visible()
        await expect(siren).to_contain_text("正常")
        running.bench.broken = True
        await running.press()
        await expect(siren.locator(".presence")).to_have_text("故障")
        await expect(siren.locator(".technical")).to_contain_text("siren-box does not answer")
        await picture(page, tmp_path / "outputs")


@pytest.mark.parametrize("answered", [True, False])
async def test_a_guard_check_is_sent_and_its_answer_shown(
    tmp_path: Path, browser: Browser, *, answered: bool
) -> None:
    """Sent is not answered: every page sees it wait, then whether somebody was there; the driver's words stay small."""
    async with (
        guarded(tmp_path) as running,
        page_of(browser, running) as page,
        page_of(browser, running) as other,
    ):
        await sign_in(page)
        await sign_in(other, "li")
        await running.journal.presence("panel", Presence.ONLINE)
        await go(page, "设备")
        await go(other, "设备")
        panel = page.locator('[data-device="panel"]')
        await expect(panel.locator("[data-act^=tell]")).to_have_text(["查岗", "读取状态"])
        await expect(other.locator("[data-act^=tell]")).to_have_text(["查岗", "读取状态", "初始化", "校时"])
        await panel.get_by_role("button", name="查岗").click()
        await page.get_by_role("dialog").get_by_role("radio", name="5 分钟").check()
        await page.get_by_role("dialog").get_by_role("button", name="发出").click()
        await expect(page.get_by_text("已发出，结果将显示在此设备下")).to_be_visible()
        await expect(other.locator(".outcome")).to_contain_text("查岗 · 已发出，等待结果")
        await expect(panel.get_by_role("button", name="读取状态")).to_be_disabled()
        if not answered:
            running.room.refusal = DeviceUnavailable("nobody answered within 5 minutes")
        running.room.answers.set()
        await expect(panel.locator(".outcome")).to_contain_text(
            "查岗 · 有人应答" if answered else "查岗 · 没有应答"
        )
        await expect(panel.locator(".outcome")).to_contain_text("王强 于")
        await expect(panel.get_by_role("button", name="读取状态")).to_be_enabled()


async def test_rows_keep_the_focus(tmp_path: Path, browser: Browser) -> None:
    """News of a device does not take the keyboard away from the button that is about to be pressed."""
    async with guarded(tmp_path) as running, page_of(browser, running, locale="en-GB") as page:
        await sign_in(page)
        await go(page, "Devices")
        button = page.get_by_role("button", name="Bypass 财务室窗")
        await button.focus()
        await running.journal.presence("panel", Presence.ONLINE)
        await running.journal.presence("panel", Presence.OFFLINE, "timed out")
        await expect(page.locator('[data-device="panel"]')).to_contain_text("offline")
        await expect(page.get_by_role("button", name="Bypass 财务室窗")).to_be_focused()
        await running.journal.report(shut("window", Kind.INTRUSION))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_contain_text("The point raises no alarm for that time")
