"""Alarms over HTTP: what is told, what may be done, and that the answer comes after the commit."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from gateway.model import Kind
from tests.clocks import ManualClock
from tests.console.desk import PANIC, PANIC_OVER, SMOKE, Desk, desk


def on_disk(running: Desk, alarm_id: str) -> tuple[object, ...]:
    """The alarm's row as another connection reads it: committed, or not there."""
    db = sqlite3.connect(f"file:{running.journal.path}?mode=ro", uri=True)
    try:
        row = db.execute(
            "select acknowledged_by, closed_by, verdict, shelved_by from alarm where id = ?", (alarm_id,)
        ).fetchone()
    finally:
        db.close()
    assert isinstance(row, tuple)
    return row


async def test_open_alarms_say_what_and_where(tmp_path: Path) -> None:
    """An open alarm has kind, place, state, times in UTC and who is responsible."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        assert (await guard.get("/api/alarms")).json()["alarms"] == []
        alarm = await running.press()
        await running.press()
        (told,) = (await guard.get("/api/alarms")).json()["alarms"]
        assert told["id"] == alarm
        assert (told["kind"], told["severity"], told["state"]) == ("panic", "critical", "unacknowledged")
        assert told["name"] == "门卫室按钮"
        assert told["zone"] == {
            "id": "gate",
            "name": "校门",
            "place": "1 号楼一层",
            "responsible": "门卫室",
            "phone": "",
        }
        assert told["repeats"] == 1
        assert told["raised_at"].endswith("Z")
        assert told["durable"] is True
        assert told["may_shelve"] is False


async def test_an_act_is_on_the_disk_when_the_answer_comes(tmp_path: Path) -> None:
    """Acknowledge, close and shelve are readable by another connection at the moment of the answer."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        alarm = await running.press()
        answer = await guard.post(f"/api/alarms/{alarm}/acknowledge")
        assert on_disk(running, alarm)[0] == "wang"
        assert answer.json()["state"] == "acknowledged"
        assert answer.json()["acknowledged_by"] == {"name": "wang", "display": "王强"}
        await running.journal.report(PANIC_OVER)
        answer = await guard.post(f"/api/alarms/{alarm}/close", json={"verdict": "real"})
        assert on_disk(running, alarm)[1:3] == ("wang", "real")
        assert answer.json()["state"] == "closed"
        smoke = await running.press(SMOKE)
        answer = await guard.post(f"/api/alarms/{smoke}/shelve", json={"minutes": 30, "reason": "施工扬尘"})
        assert on_disk(running, smoke)[3] == "wang"
        assert answer.json()["shelved_reason"] == "施工扬尘"
        assert (await guard.post(f"/api/alarms/{smoke}/unshelve")).json()["shelved_until"] is None


async def test_refusals_tell_why_in_the_guards_language(tmp_path: Path) -> None:
    """An act that the policy refuses is 409 with a code and words; nothing changes."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        alarm = await running.press()

        async def refused(path: str, **body: object) -> tuple[str, str]:
            answer = await guard.post(f"/api/alarms/{path}", json=body)
            assert answer.status_code == 409
            error = answer.json()["error"]
            return error["code"], error["message"]

        assert await refused(f"{alarm}/close", verdict="real") == ("not-acknowledged", "请先确认，再关闭")
        await guard.post(f"/api/alarms/{alarm}/acknowledge")
        assert await refused(f"{alarm}/acknowledge") == ("already-acknowledged", "该警情已经被确认")
        assert (await refused(f"{alarm}/close", verdict="real"))[0] == "still-active"
        await running.journal.report(PANIC_OVER)
        assert (await refused(f"{alarm}/close"))[0] == "verdict-needed"
        assert (await refused(f"{alarm}/close", verdict="drill"))[0] == "not-a-drill"
        assert (await refused(f"{alarm}/shelve", minutes=5, reason="x"))[0] == "never-shelved"
        assert (await refused(f"{alarm}/unshelve"))[0] == "not-shelved"
        await guard.post(f"/api/alarms/{alarm}/close", json={"verdict": "false"})
        assert (await refused(f"{alarm}/close", verdict="real"))[0] == "closed"
        english = await guard.post(
            f"/api/alarms/{alarm}/acknowledge", headers={"Accept-Language": "en-GB,en;q=0.9"}
        )
        assert english.json()["error"]["message"] == "This alarm is already closed."


async def test_duress_and_fire_can_not_be_shelved(tmp_path: Path) -> None:
    """As panic: GB 50394 5.2.3 has emergency alarms never disarmed."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        for kind in (Kind.DURESS, Kind.FIRE):
            alarm = await running.press(replace(PANIC, point=f"buttons:{kind}", kind=kind))
            answer = await guard.post(f"/api/alarms/{alarm}/shelve", json={"minutes": 5, "reason": "x"})
            assert answer.json()["error"]["code"] == "never-shelved"


async def test_an_alarm_that_is_not_there_is_404(tmp_path: Path) -> None:
    """Reading and acting on an unknown alarm, in the one error shape."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        for answer in (
            await guard.get("/api/alarms/none"),
            await guard.post("/api/alarms/none/acknowledge"),
            await guard.post("/api/alarms/none/close", json={"verdict": "real"}),
        ):
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "not-found"


async def test_malformed_bodies_are_422_in_the_same_shape(tmp_path: Path) -> None:
    """Broken JSON, wrong types, unknown keys, missing keys: told where, never a traceback, nothing changes."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        alarm = await running.press(SMOKE)
        json_type = {"Content-Type": "application/json"}
        for path, body in (
            ("close", b"{"),
            ("close", b'{"verdict": "maybe"}'),
            ("close", b'{"verdikt": "real"}'),
            ("close", b"[]"),
            ("close", b"\xff\xfe"),
            ("close", b"[" * 30_000),
            ("shelve", b"{}"),
            ("shelve", b'{"minutes": 0, "reason": "x"}'),
            ("shelve", b'{"minutes": 1e99, "reason": "x"}'),
            ("shelve", b'{"minutes": 100000, "reason": "x"}'),
            ("shelve", b'{"minutes": "soon", "reason": "x"}'),
        ):
            answer = await guard.post(f"/api/alarms/{alarm}/{path}", content=body, headers=json_type)
            assert answer.status_code == 422, body
            assert answer.json()["error"]["code"] == "bad-request"
        assert (await guard.get("/api/alarms?history=true&limit=0")).status_code == 422
        assert (await guard.get("/api/alarms?history=true&before=yesterday")).status_code == 422
        assert running.journal.open_alarms[alarm].shelved_until is None


async def test_a_wrong_password_is_never_sent_back(tmp_path: Path) -> None:
    """The error of a malformed sign-in names the fields, not what was typed into them."""
    async with desk(tmp_path) as running:
        browser = await running.browser()
        answer = await browser.post("/api/session", json={"name": "wang", "password": {"secret": "hunter22"}})
        assert answer.status_code == 422
        assert "hunter22" not in answer.text
        assert "password" in answer.text


async def test_details_tell_every_step_and_who_took_it(tmp_path: Path) -> None:
    """An alarm with its events in order: raised, repeated, acknowledged by whom, returned, closed."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        alarm = await running.press()
        await running.press()
        await guard.post(f"/api/alarms/{alarm}/acknowledge")
        await running.journal.report(PANIC_OVER)
        await guard.post(f"/api/alarms/{alarm}/close", json={"verdict": "false"})
        told = (await guard.get(f"/api/alarms/{alarm}")).json()
        assert told["alarm"]["verdict"] == "false"
        steps = [
            (step["type"].split(".")[2], step["actor"] and step["actor"]["display"], step["durable"])
            for step in told["events"]
        ]
        assert steps == [
            ("raised", None, True),
            ("repeated", None, True),
            ("acknowledged", "王强", True),
            ("returned", None, True),
            ("closed", "王强", True),
        ]


async def test_history_is_paged_newest_first(tmp_path: Path) -> None:
    """Closed alarms stay readable, page by page, each once."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        made: list[str] = []
        for number in range(7):
            made.append(await running.press(replace(SMOKE, point=f"buttons:{number}")))
            await running.journal.heartbeat()
        seen: list[str] = []
        page = (await guard.get("/api/alarms?history=true&limit=3")).json()
        while True:
            seen += [alarm["id"] for alarm in page["alarms"]]
            if page["next_before"] is None:
                break
            query = {
                "history": "true",
                "limit": "3",
                "before": page["next_before"],
                "before_id": page["next_before_id"],
            }
            page = (await guard.get("/api/alarms", params=query)).json()
        assert seen == made[::-1]


async def test_history_skips_no_alarm_of_the_same_millisecond(tmp_path: Path) -> None:
    """A storm raises many alarms at one moment: time and id together page through them, each once."""
    async with desk(tmp_path, clock=ManualClock()) as running:
        guard = await running.guard()
        made = {await running.press(replace(SMOKE, point=f"buttons:{number}")) for number in range(7)}
        seen: list[str] = []
        query = {"history": "true", "limit": "2"}
        while True:
            page = (await guard.get("/api/alarms", params=query)).json()
            seen += [alarm["id"] for alarm in page["alarms"]]
            if page["next_before"] is None:
                break
            query |= {"before": page["next_before"], "before_id": page["next_before_id"]}
        assert sorted(seen) == sorted(made)


async def test_an_answer_tells_the_alarms_present_state_and_which_view_is_later(tmp_path: Path) -> None:
    """Each view of an alarm has a greater revision than the one before, whichever way it was asked for."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        alarm = await running.press()
        views = [(await guard.get("/api/alarms")).json()["alarms"][0]]
        views.append((await guard.post(f"/api/alarms/{alarm}/acknowledge")).json())
        await running.journal.report(PANIC_OVER)
        views.append((await guard.get(f"/api/alarms/{alarm}")).json()["alarm"])
        views.append((await guard.post(f"/api/alarms/{alarm}/close", json={"verdict": "test"})).json())
        revisions = [view["revision"] for view in views]
        assert revisions == sorted(set(revisions))
        assert [view["state"] for view in views][-1] == "closed"
