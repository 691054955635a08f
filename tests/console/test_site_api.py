"""The site over HTTP: devices, state, drills, coverage, the access log, health."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.clock import rfc3339
from gateway.console import HealthProblem, LinkState
from gateway.model import ClockState, Durability, Kind, Presence
from gateway.policy.coverage import Coverage, Gap, coverage
from tests.console.desk import SMOKE, Health, desk
from tests.store.test_disk import take_away


async def test_devices_tell_presence_and_points(tmp_path: Path) -> None:
    """Every device of the site file, with its points; what was never heard of is unknown, not online."""
    async with desk(tmp_path) as running:
        await running.journal.presence("buttons", Presence.ONLINE, identity={"model": "DI-16"})
        devices = (await (await running.guard()).get("/api/devices")).json()["devices"]
        told = {device["id"]: device for device in devices}
        assert told["cam-gate"]["presence"] == "unknown"
        assert told["cam-gate"]["camera"] is True
        buttons = told["buttons"]
        assert (buttons["name"], buttons["presence"]) == ("按钮模块", "online")
        assert buttons["identity"] == {"model": "DI-16"}
        assert {point["id"]: point["kind"] for point in buttons["points"]}["hall-smoke"] == "smoke"


class Link:
    """An uplink as the console sees it."""

    def links(self) -> Sequence[LinkState]:
        """One destination that is not in reach."""
        since = datetime(2026, 1, 1, tzinfo=UTC)
        return [LinkState(name="bureau", connected=False, since=since, reason="connection refused")]


async def test_status_tells_storage_clock_link_and_backlog(tmp_path: Path) -> None:
    """What is not confirmed by the platform is counted, with the age of the oldest."""
    async with desk(tmp_path, uplink=Link(), clock_state=lambda: ClockState.UNTRUSTED) as running:
        await running.press()
        status = (await (await running.guard()).get("/api/status")).json()
        (uplink,) = status["uplinks"]
        assert (uplink["connected"], uplink["reason"]) == (False, "connection refused")
        backlog = await running.journal.backlog("bureau")
        assert uplink["backlog"]["rows"] == backlog.rows >= 2
        assert uplink["backlog"]["oldest"]
        assert status["clock"] == "untrusted"
        assert (status["durability"], status["boot"]) == ("disk", 1)
        assert status["site"]["timezone"] == "Asia/Shanghai"


async def test_without_an_uplink_view_the_link_is_unknown_not_connected(tmp_path: Path) -> None:
    """Nobody told, so nothing is claimed."""
    async with desk(tmp_path) as running:
        (uplink,) = (await (await running.guard()).get("/api/status")).json()["uplinks"]
        assert uplink["connected"] is None


async def test_healthz_needs_no_session_and_tells_why_not(tmp_path: Path) -> None:
    """200 while well; 503 with the reasons when not."""
    health = Health()
    async with desk(tmp_path, health=health) as running:
        stranger = await running.browser()
        well = await stranger.get("/healthz")
        assert (well.status_code, well.json()) == (200, {"ok": True, "problems": []})
        health.found.append(HealthProblem("intake", "no write for 30 s"))
        ill = await stranger.get("/healthz")
        assert ill.status_code == 503
        assert ill.json()["problems"] == [{"code": "intake", "message": "no write for 30 s"}]


async def test_a_drill_marks_its_zone_and_guards_can_not_start_one(tmp_path: Path) -> None:
    """Alarms of the zone are drills from now on; a guard's account is refused, an unknown zone too."""
    async with desk(tmp_path) as running:
        guard, admin = await running.guard("wang"), await running.guard("li")
        refused = await guard.post("/api/drills", json={"zone": "hall", "minutes": 30})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        assert (await admin.post("/api/drills", json={"zone": "roof", "minutes": 30})).status_code == 404
        assert (await admin.post("/api/drills", json={"zone": "hall", "minutes": 300})).status_code == 422
        begun = await admin.post("/api/drills", json={"zone": "hall", "minutes": 30})
        assert begun.status_code == 200
        assert datetime.fromisoformat(begun.json()["until"]) > datetime.now(UTC) + timedelta(minutes=29)
        drill, real = await running.press(SMOKE), await running.press()
        told = {alarm["id"]: alarm["drill"] for alarm in (await guard.get("/api/alarms")).json()["alarms"]}
        assert told == {drill: True, real: False}


async def test_the_access_log_tells_who_signed_in(tmp_path: Path) -> None:
    """Newest first, with the name the person goes by, and the address."""
    async with desk(tmp_path) as running:
        await (await running.browser()).post("/api/session", json={"name": "ghost", "password": "x"})
        guard = await running.guard()
        entries = (await guard.get("/api/access-log")).json()["entries"]
        assert [(entry["actor"]["display"], entry["action"]) for entry in entries] == [
            ("王强", "sign-in"),
            ("ghost", "sign-in-refused"),
        ]
        assert entries[0]["reason"] == "127.0.0.1"
        assert len((await guard.get("/api/access-log?limit=1")).json()["entries"]) == 1


async def test_coverage_tells_gaps_and_their_cause(tmp_path: Path) -> None:
    """Without a recorder to ask, the journal's gaps are told and no share is claimed."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        now = running.clock.now()
        await running.journal.open_gap("cam-gate", "camera", now - timedelta(hours=2))
        await running.journal.close_gap("cam-gate", now - timedelta(hours=1))
        (camera,) = (await guard.get("/api/coverage")).json()["cameras"]
        assert camera["camera"] == "cam-gate"
        assert camera["recorded_s"] is None
        (gap,) = camera["gaps"]
        assert gap["cause"] == "camera"
        assert gap["from"] < gap["to"]
        hour = {"from": (now - timedelta(minutes=30)).isoformat(), "to": now.isoformat()}
        assert (await guard.get("/api/coverage", params=hour)).json()["cameras"][0]["gaps"] == []
        assert (await guard.get("/api/coverage", params={"camera": "cam-x"})).status_code == 404
        backwards = {"from": now.isoformat(), "to": hour["from"]}
        assert (await guard.get("/api/coverage", params=backwards)).status_code == 422
        assert (await guard.get("/api/coverage", params={"from": "2026-01-01T00:00:00"})).status_code == 422


class Recorder:
    """The recorder as the console sees it."""

    async def coverage(self, camera: str, start: datetime, end: datetime) -> Coverage:
        """Half of any interval."""
        assert camera == "cam-gate"
        middle = start + (end - start) / 2
        gap = Gap(start=middle, end=end, cause="disk")
        return Coverage(start=start, end=end, recorded=middle - start, gaps=(gap,))


async def test_coverage_is_the_recorders_word_where_it_is_asked(tmp_path: Path) -> None:
    """Seconds on the shelf and explained gaps."""
    async with desk(tmp_path, coverage=Recorder()) as running:
        (camera,) = (await (await running.guard()).get("/api/coverage")).json()["cameras"]
        assert camera["recorded_s"] == 43200
        assert camera["gaps"][0]["cause"] == "disk"


async def test_what_was_before_the_journal_is_told_apart(tmp_path: Path) -> None:
    """Nobody recorded before the gateway was there; in memory mode nobody can say since when it is."""

    class Nothing:
        async def coverage(self, camera: str, start: datetime, end: datetime) -> Coverage:
            return coverage([], [], start=start, end=end)

    async with desk(tmp_path, coverage=Nothing()) as running:
        guard = await running.guard()
        begun = await running.journal.begun()
        assert begun is not None
        query = {"from": rfc3339(begun - timedelta(hours=1)), "to": rfc3339(begun + timedelta(hours=1))}
        for path in ("/api/coverage", "/api/cameras/cam-gate/recordings"):
            answer = (await guard.get(path, params=query)).json()
            gaps = (answer["cameras"][0] if "cameras" in answer else answer)["gaps"]
            assert [gap["cause"] for gap in gaps] == ["before", "unknown"]
            assert gaps[0]["to"] == gaps[1]["from"] == rfc3339(begun)


async def test_without_a_disk_nobody_knows_when_the_journal_began(tmp_path: Path) -> None:
    """In memory mode the journal is new, and the gateway is not."""
    async with desk(tmp_path) as running:
        take_away(running.journal)
        await running.press(SMOKE)
        assert running.journal.status.durability is Durability.MEMORY
        assert await running.journal.begun() is None


async def test_an_alarm_of_the_gateways_own_is_shown_too(tmp_path: Path) -> None:
    """It has no point, and no zone where it is not about a device."""
    async with desk(tmp_path) as running:
        await running.journal.raise_own(Kind.DISK, detail="EIO")
        (alarm,) = (await (await running.guard()).get("/api/alarms")).json()["alarms"]
        assert (alarm["kind"], alarm["point"], alarm["zone"], alarm["detail"]) == ("disk", None, None, "EIO")


async def test_the_access_log_is_found_by_camera_person_and_time(tmp_path: Path) -> None:
    """Filters, and pages that join without a hole; a camera is told with its name."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        for number in range(5):
            await running.journal.log_access("li", "view", camera="cam-gate", reason=f"{number}")
        await running.journal.log_access("wang", "view", camera="cam-hall", reason="hall")

        async def found(**query: object) -> list[str]:
            answer = await guard.get(
                "/api/access-log", params={k.strip("_"): str(v) for k, v in query.items()}
            )
            assert answer.status_code == 200, answer.text
            pages.append(answer.json()["next_before"])
            return [entry["reason"] for entry in answer.json()["entries"]]

        pages: list[int | None] = []
        assert await found(camera="cam-gate") == ["4", "3", "2", "1", "0"]
        assert await found(actor="wang") == ["hall", "127.0.0.1"]
        assert await found(actor="wang", camera="cam-gate") == []
        tomorrow = rfc3339(datetime.now(UTC) + timedelta(days=1))
        assert await found(from_=tomorrow) == []
        assert len(await found(to=tomorrow)) == 7
        assert pages == [None] * 5
        whole = await found(limit=3)
        while (before := pages[-1]) is not None:
            whole += await found(limit=3, before=before)
        assert whole == ["hall", "4", "3", "2", "1", "0", "127.0.0.1"]
        (entry,) = (await guard.get("/api/access-log?camera=cam-gate&limit=1")).json()["entries"]
        assert entry["camera_name"] == "cam-gate"


async def test_the_access_log_refuses_filters_that_it_does_not_have(tmp_path: Path) -> None:
    """An answer that ignored a filter would be taken for a filtered one."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        for query in ("reason=x", "from=2026-01-01T00:00:00", "before=0", "limit=5&x=1"):
            refused = await guard.get(f"/api/access-log?{query}")
            assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad-request")
