"""Outputs over HTTP: silence, how each output is, and tests by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.clock import Clock, SystemClock
from gateway.console import Console, ConsoleDeps
from gateway.errors import DeviceUnavailable
from gateway.model import ClockState, EventType
from gateway.outputs import Outputs
from gateway.policy.outputs import OutputState
from gateway.store import Journal
from tests.console.desk import LI, PANIC, QUICK, SMOKE, WANG, Desk, Health, Listener, desk, serving
from tests.sites import put_account, school
from tests.wait import until

OUTPUTS = """
[[device]]
id = "siren-box"
zone = "gate"
driver = "by-hand"
[[device.output]]
id = "siren"
name = "校门警号"
kind = "sounder"
test_day = 3
test_s = 1
[[device.output]]
id = "lamp"
kind = "strobe"
severities = ["critical"]
zones = ["gate"]
until = "closed"
"""


class Bench:
    """A switch whose outputs can be broken."""

    def __init__(self) -> None:
        self.on: dict[str, bool] = {}
        self.broken = False

    async def switch(self, output: str, *, on: bool) -> None:
        """Set it, or fail."""
        if self.broken:
            raise DeviceUnavailable("siren-box does not answer")
        self.on[output] = on


class View:
    """The service as the composition root shows it to the console."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs

    def outputs(self) -> list[OutputState]:
        """All of them."""
        return list(self._outputs.states())

    async def test_output(self, output: str, actor: str) -> OutputState:
        """By hand."""
        return await self._outputs.test(output, actor)


@asynccontextmanager
async def sounding(tmp_path: Path) -> AsyncIterator[tuple[Desk, Bench]]:
    """A console, the outputs' service, and a bench for a device."""
    clock: Clock = SystemClock()
    site = school(tmp_path, more=f"{OUTPUTS}\n[console]\nport = 0\n")
    journal = await Journal.open(site, clock=clock)
    for account in (WANG, LI):
        await put_account(journal, account)
    bench = Bench()
    outputs = Outputs(site, journal, bench, clock, lambda: ClockState.TRUSTED)
    task = asyncio.create_task(outputs.run())
    console = Console(
        ConsoleDeps(
            journal=journal, site=site, clock=clock, health=Health(), limits=QUICK, outputs=View(outputs)
        )
    )
    try:
        async with serving(console):
            host, port = await console.listening()
            running = Desk(site, journal, console, f"http://{host}:{port}", clock)
            await until(lambda: bench.on == {"siren": False, "lamp": False})
            async with running.clients:
                yield running, bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.close()


async def told(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """The outputs by id."""
    return {output["id"]: output for output in (await client.get("/api/outputs")).json()["outputs"]}


async def test_outputs_say_what_is_wanted_and_how_they_are(tmp_path: Path) -> None:
    """In the site file's order, with what switches each on; a press is seen at once."""
    async with sounding(tmp_path) as (running, bench):
        guard = await running.guard()
        before = await told(guard)
        assert list(before) == ["siren", "lamp"]
        assert before["siren"] == {
            "id": "siren",
            "name": "校门警号",
            "kind": "sounder",
            "device": "siren-box",
            "severities": ["critical", "high"],
            "zones": [],
            "until": "acknowledged",
            "wanted": False,
            "actual": False,
            "testing": False,
            "reason": "",
            "test_day": 3,
            "last_test": None,
        }
        assert (before["lamp"]["zones"], before["lamp"]["until"]) == (["gate"], "closed")
        await running.press()
        await until(lambda: bench.on == {"siren": True, "lamp": True})
        after = await told(guard)

        assert all(output["wanted"] and output["actual"] for output in after.values())


async def test_a_guard_silences_all_that_is_open(tmp_path: Path) -> None:
    """How many; nobody has acknowledged anything; the second time there is nothing left to silence."""
    async with sounding(tmp_path) as (running, bench):
        guard = await running.guard()
        panic = await running.press(PANIC)
        await running.press(SMOKE)
        await until(lambda: bench.on["siren"])

        assert (await guard.post("/api/silence")).json() == {"silenced": 2}
        await until(lambda: bench.on == {"siren": False, "lamp": True})
        assert (await guard.post("/api/silence")).json() == {"silenced": 0}
        alarms = (await guard.get("/api/alarms")).json()["alarms"]
        assert [alarm["state"] for alarm in alarms] == ["unacknowledged"] * 2
        assert [alarm["silenced"]["by"] for alarm in alarms] == [{"name": "wang", "display": "王强"}] * 2
        assert alarms[0]["silenced"]["at"].endswith("Z")
        events = (await guard.get(f"/api/alarms/{panic}")).json()["events"]
        assert (events[-1]["type"], events[-1]["actor"]["name"]) == (EventType.ALARM_SILENCED.value, "wang")


async def test_a_press_after_a_silence_sounds_and_says_so(tmp_path: Path) -> None:
    """`silenced` is null again, in the event stream too: every open page takes its sound from there."""
    async with sounding(tmp_path) as (running, bench):
        guard = await running.guard()
        alarm = await running.press()
        async with guard.stream("GET", "/api/events") as response:
            listener = Listener(response)
            await until(lambda: bool(listener.of("snapshot")))
            await guard.post("/api/silence")
            await until(lambda: bool(listener.of("change")))
            await running.press()
            await until(lambda: len(listener.of("change")) >= 2)
            (snapshot,) = listener.of("snapshot")
            views = [view for change in listener.of("change") for view in change["alarms"]]

        assert snapshot["alarms"][0]["silenced"] is None
        assert views[0]["silenced"]["by"]["name"] == "wang"
        assert views[-1]["silenced"] is None
        assert {view["id"] for view in views} == {alarm}
        await until(lambda: bench.on["siren"])


async def test_a_test_by_hand_is_on_when_it_is_answered(tmp_path: Path) -> None:
    """On for `test_s`, off by itself, on the record with who; a second one meanwhile is refused."""
    async with sounding(tmp_path) as (running, bench):
        admin = await running.guard("li")
        answer = (await admin.post("/api/outputs/siren/test")).json()
        assert (answer["testing"], answer["actual"], answer["reason"]) == (True, True, "")
        refused = await admin.post("/api/outputs/siren/test")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "output-testing")

        async def recorded() -> bool:
            return (await told(admin))["siren"]["last_test"] is not None

        await until(recorded)
        assert (await told(admin))["siren"]["last_test"]["ok"] is True
        await until(lambda: not bench.on["siren"])
        (event,) = [
            row for row in await running.journal.waiting("bureau", 3) if row.type is EventType.OUTPUT_TESTED
        ]
        assert json.loads(event.payload)["data"]["actor"] == "li"


async def test_a_test_that_fails_says_why(tmp_path: Path) -> None:
    """The answer has the reason, the record says no, and it is a fault that is open."""
    async with sounding(tmp_path) as (running, bench):
        admin = await running.guard("li")
        bench.broken = True
        answer = (await admin.post("/api/outputs/siren/test")).json()
        assert (answer["actual"], answer["reason"]) == (None, "siren-box does not answer")

        async def told_of() -> bool:
            names = [alarm["name"] for alarm in (await admin.get("/api/alarms")).json()["alarms"]]
            return names == ["校门警号"] and (await told(admin))["siren"]["last_test"] is not None

        await until(told_of)
        assert (await told(admin))["siren"]["last_test"]["ok"] is False


async def test_a_test_is_refused_in_words(tmp_path: Path) -> None:
    """While an alarm uses the output; an output that does not exist; to guards; without the CSRF token."""
    async with sounding(tmp_path) as (running, _):
        guard, admin = await running.guard(), await running.guard("li")
        assert (await guard.post("/api/outputs/siren/test")).status_code == 403
        assert (await admin.post("/api/outputs/horn/test")).status_code == 404
        await running.press()
        refused = await admin.post("/api/outputs/siren/test", headers={"Accept-Language": "zh"})
        assert refused.status_code == 409
        assert refused.json()["error"] == {
            "code": "output-in-use",
            "message": "有未关闭的警情，此输出现在不能测试",
        }
        for path in ("/api/silence", "/api/outputs/siren/test"):
            assert (await admin.post(path, headers={"X-CSRF-Token": "x"})).status_code == 403
            assert (await (await running.browser()).post(path)).status_code == 401


@pytest.mark.parametrize("path", ["/api/outputs", "/api/outputs/siren/test"])
async def test_without_the_service_nothing_is_known(tmp_path: Path, path: str) -> None:
    """A site without outputs has none; the console stands without their service, and silences."""
    async with desk(tmp_path) as running:
        admin = await running.guard("li")
        if path.endswith("test"):
            assert (await admin.post(path)).status_code == 404
        else:
            assert (await admin.get(path)).json()["outputs"] == []
        await running.press()
        assert (await admin.post("/api/silence")).json() == {"silenced": 1}
