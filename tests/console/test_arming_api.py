"""Zones and bypasses over HTTP: what is told, who may do what, and that open consoles see it live."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gateway.policy.arming
from gateway.console.words import _MESSAGES
from gateway.model import ClockState, Kind
from tests.arming_school import DOORS, NIGHTS, SAFE, WINDOW, active, alarms, shut, told
from tests.clocks import ManualClock
from tests.console.desk import Desk, desk, listening
from tests.wait import until

BYPASS = {"minutes": 30, "reason": "玻璃碎了"}


@asynccontextmanager
async def front_desk(tmp_path: Path, **keys: Any) -> AsyncIterator[Desk]:  # keys of `desk`
    """A console of the school with doors, whose office has a schedule."""
    doors = DOORS.format(schedule=NIGHTS).replace("panel-by-hand", "by-hand")
    async with desk(tmp_path, console_keys=doors, **keys) as running:
        yield running


async def test_zones_say_how_they_are_and_what_would_alarm(tmp_path: Path) -> None:
    """Every zone of the file: armed until somebody disarms it, its delays, its schedule's next change, what is active."""
    clock = ManualClock(datetime(2026, 9, 7, 13, 0, tzinfo=UTC))
    async with front_desk(tmp_path, clock=clock) as running:
        guard = await running.guard()
        answer = (await guard.get("/api/zones")).json()
        assert [zone["zone"]["id"] for zone in answer["zones"]] == ["gate", "hall", "office", "store"]
        assert [zone["watched"] for zone in answer["zones"]] == [False, False, True, True]
        office = answer["zones"][2]
        assert (office["armed"], office["since"], office["by"]) == (True, None, None)
        assert (office["entry_s"], office["exit_s"], office["scheduled"]) == (30, 60, True)
        assert office["changes_at"] == "2026-09-07T14:00:00.000Z"
        assert (answer["zones"][3]["scheduled"], answer["zones"][3]["changes_at"]) == (False, None)
        assert (answer["clock"], answer["bypasses"]) == ("trusted", [])

        made = (await guard.post("/api/zones/office/disarm")).json()
        await running.journal.report(WINDOW)
        office = (await guard.get("/api/zones")).json()["zones"][2]
        assert (made["armed"], made["by"]) == (False, {"name": "wang", "display": "王强"})
        assert office["active"] == [{"id": "window", "name": "财务室窗", "kind": "intrusion"}]


async def test_an_untrusted_clock_is_said(tmp_path: Path) -> None:
    """Schedules wait then: the page can tell why."""
    async with front_desk(tmp_path, clock_state=lambda: ClockState.UNTRUSTED) as running:
        answer = await (await running.guard()).get("/api/zones")
        assert answer.json()["clock"] == "untrusted"


async def test_a_guard_arms_and_disarms(tmp_path: Path) -> None:
    """The answer comes after the commit, with the exit delay; twice is refused in the guard's language."""
    async with front_desk(tmp_path) as running:
        guard = await running.guard()
        again = await guard.post("/api/zones/office/arm", headers={"Accept-Language": "zh"})
        assert (again.status_code, again.json()["error"]) == (
            409,
            {"code": "already-armed", "message": "该防区已经布防"},
        )
        assert (await guard.post("/api/zones/office/disarm")).status_code == 200
        await running.journal.report(SAFE)
        assert not alarms(running.journal)
        made = await guard.post("/api/zones/office/arm")
        assert made.json()["exit_until"] > made.json()["since"]
        events = await told(running.journal, "zone")
        assert [(name, data["actor"]) for name, data in events] == [("disarmed", "wang"), ("armed", "wang")]
        assert (await guard.post("/api/zones/cellar/arm")).status_code == 404


async def test_nobody_acts_unknown(tmp_path: Path) -> None:
    """Not without a session, not without the token that proves that it is meant."""
    async with front_desk(tmp_path) as running:
        stranger, guard = await running.browser(), await running.guard()
        del guard.headers["X-CSRF-Token"]
        for path in ("zones/office/disarm", "points/window/bypass", "points/window/restore"):
            assert (await stranger.post(f"/api/{path}", json=BYPASS)).status_code == 401
            assert (await guard.post(f"/api/{path}", json=BYPASS)).status_code == 403
        assert (await stranger.get("/api/zones")).status_code == 401
        assert not running.journal.armings


async def test_who_may_bypass_what(tmp_path: Path) -> None:
    """A guard a window or door; smoke and tampers only who knows the wiring; panic, duress and fire nobody."""
    async with front_desk(tmp_path) as running:
        guard, admin = await running.guard(), await running.guard("li")

        async def tries(client: Any, point: str) -> tuple[int, str | None]:  # Any: httpx's client
            answer = await client.post(f"/api/points/{point}/bypass", json=BYPASS)
            return answer.status_code, answer.json().get("error", {}).get("code")

        assert await tries(guard, "window") == (200, None)
        assert await tries(guard, "front-door") == (200, None)
        assert await tries(guard, "office-smoke") == (403, "forbidden")
        assert await tries(guard, "box-tamper") == (403, "forbidden")
        assert await tries(admin, "office-smoke") == (200, None)
        assert await tries(admin, "box-tamper") == (200, None)
        for point in ("gate-button", "hold-up", "panel-fire"):
            for client in (guard, admin):
                assert await tries(client, point) == (409, "never-bypassed")
        assert await tries(admin, "panel:7") == (404, "not-found")


async def test_a_bypass_is_told_limited_and_ended(tmp_path: Path) -> None:
    """Who, why and until when; 1 minute to 24 hours, 1 to 500 characters; restored, what is active alarms."""
    async with front_desk(tmp_path) as running:
        guard = await running.guard()
        for wrong in ({"minutes": 0}, {"minutes": 1441}, {"reason": ""}, {"reason": "长" * 501}, {"x": 1}):
            answer = await guard.post("/api/points/window/bypass", json=BYPASS | wrong)
            assert answer.status_code == 422
        made = (await guard.post("/api/points/window/bypass", json=BYPASS)).json()
        assert (made["lasts"], made["name"], made["zone"], made["reason"]) == (
            True,
            "财务室窗",
            "office",
            "玻璃碎了",
        )
        await running.journal.report(WINDOW)
        assert (await guard.get("/api/zones")).json()["bypasses"] == [made]
        assert not alarms(running.journal)

        ended = (await guard.post("/api/points/window/restore")).json()
        assert ended["lasts"] is False
        assert alarms(running.journal) == {"window"}
        assert (await guard.get("/api/zones")).json()["bypasses"] == []
        assert (await guard.post("/api/points/window/restore")).json()["error"]["code"] == "not-bypassed"


async def test_open_consoles_see_it_live(tmp_path: Path) -> None:
    """The snapshot has zones and bypasses; a change of one brings them all, other changes bring none."""
    async with front_desk(tmp_path) as running:
        guard, other = await running.guard(), await running.guard("li")
        async with listening(other) as listener:
            (snapshot,) = listener.of("snapshot")
            assert [zone["armed"] for zone in snapshot["zones"]] == [True] * 4
            assert snapshot["bypasses"] == []

            await guard.post("/api/zones/office/disarm")
            await until(lambda: bool(listener.of("change")))
            (change,) = listener.of("change")
            assert [zone["armed"] for zone in change["zones"]] == [True, True, False, True]
            await guard.post("/api/points/window/bypass", json=BYPASS)
            await until(lambda: bool(listener.of("change")[-1]["bypasses"]))
            assert listener.of("change")[-1]["bypasses"][0]["point"] == "window"

            await running.press(active("office-smoke", Kind.SMOKE))
            await until(lambda: bool(listener.of("change")[-1]["alarms"]))
            assert listener.of("change")[-1]["zones"] is None
            await running.journal.report(shut("office-smoke", Kind.SMOKE))


async def test_the_interface_is_documented(tmp_path: Path) -> None:
    """The OpenAPI document has the routes with their answers and refusals."""
    async with front_desk(tmp_path) as running:
        document = (await (await running.guard()).get("/openapi.json")).json()
        for path in ("/api/zones/{zone}/arm", "/api/zones/{zone}/disarm", "/api/points/{point}/bypass"):
            assert {"200", "401", "403", "404", "409", "503"} <= set(
                document["paths"][path]["post"]["responses"]
            )


def test_every_refusal_has_words() -> None:
    """Each code of the policy is in the catalogue, in both languages."""
    text = Path(gateway.policy.arming.__file__).read_text(encoding="utf-8")
    codes = set(re.findall(r'code="([a-z-]+)"', text))
    assert len(codes) >= 6
    for code in codes:
        chinese, english = _MESSAGES[code]
        assert re.search("[\u4e00-\u9fff]", chinese)
        assert chinese != english
