"""The county's commands: done once, answered each time, refused where they must be."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from pydantic import JsonValue

from gateway.clock import rfc3339
from gateway.model import AlarmState, Kind
from simulators.county import rubbish
from simulators.county.county import County
from simulators.county.link import CountyRefused
from tests.mosquitto import mosquitto
from tests.uplink.test_delivery import county_at
from tests.uplink.world import (
    COUNTY,
    DESTINATION,
    ROOT,
    SITE,
    Party,
    World,
    answering_on,
    party,
    world,
)
from tests.wait import until

RESULTS = f"{ROOT}/command/result"


def _now(**ago: float) -> str:
    return rfc3339(datetime.now(UTC) - timedelta(**ago))


async def _command(client: Party, **members: object) -> dict[str, object]:
    """Send a command; its answer."""
    count = len(client.on("command/result"))
    await client.say("command", {"id": f"c{count}", "issued": _now()} | members)
    await until(lambda: len(client.on("command/result")) > count)
    return client.documents("command/result")[-1]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_the_county_acknowledges_an_alarm(tmp_path: Path, protocol: str) -> None:
    """The alarm is acknowledged by `county:{destination}`; the same id again is answered the same, and done once."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, RESULTS, protocol=protocol) as county,
        world(tmp_path / "gateway", broker.port, broker=f'protocol = "{protocol}"') as gateway,
    ):
        await gateway.connected()
        alarm = await gateway.press(Kind.TAMPER)
        answer = await _command(county, id="once", type="acknowledge", alarm=alarm)
        assert answer == {
            "id": "once", "ok": True, "reason": "", "alarm": alarm, "state": "acknowledged",
        }  # fmt: skip
        acknowledged = gateway.journal.open_alarms[alarm]
        assert acknowledged.state is AlarmState.ACKNOWLEDGED
        assert acknowledged.acknowledged_by == f"county:{DESTINATION}"
        count = gateway.last
        assert await _command(county, id="once", type="acknowledge", alarm=alarm) == answer
        assert gateway.last == count
        again = await _command(county, id="twice", type="acknowledge", alarm=alarm)
        assert again["ok"] is False
        assert "already acknowledged" in str(again["reason"])
        unknown = await _command(county, type="acknowledge", alarm="no-such-alarm")
        assert (unknown["ok"], "no alarm" in str(unknown["reason"])) == (False, True)


async def test_an_answer_survives_a_restart(tmp_path: Path) -> None:
    """What was answered to an id is answered again after the daemon has started anew."""
    async with mosquitto(tmp_path) as broker, party(broker.port, RESULTS) as county:
        async with world(tmp_path / "gateway", broker.port) as gateway:
            await gateway.connected()
            alarm = await gateway.press(Kind.TAMPER)
            answer = await _command(county, id="once", type="acknowledge", alarm=alarm)
        async with world(tmp_path / "gateway", broker.port) as gateway:
            await gateway.connected()
            assert await _command(county, id="once", type="acknowledge", alarm=alarm) == answer


async def test_an_answer_goes_where_it_is_asked_to(tmp_path: Path) -> None:
    """MQTT 5: the response topic gets it, with the correlation data; but never one of our own topics."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, "replies/here", RESULTS) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        body: dict[str, object] = {"id": "r1", "type": "report", "issued": _now()}
        await county.say("command", body, properties=answering_on("replies/here", b"\x00\x01abc"))
        await until(lambda: len(county.heard) == 1)
        assert county.heard[0][0] == "replies/here"
        assert getattr(county.properties[0], "CorrelationData", None) == b"\x00\x01abc"
        await county.say("command", body, properties=answering_on(f"{ROOT}/state", b"z"))
        await until(lambda: len(county.heard) == 2)
        assert county.heard[1][0] == "command/result"


async def test_a_drill_marks_alarms_and_an_old_order_is_refused(tmp_path: Path) -> None:
    """A drill makes the next alarms drills; one issued more than 5 minutes ago would hide real ones: refused."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, RESULTS) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        for refused in (
            {"zone": "all", "minutes": 10, "issued": _now(minutes=6)},
            {"zone": "all", "minutes": 10, "issued": _now(minutes=-6)},
            {"zone": "all", "minutes": 10, "issued": "yesterday"},
            {"zone": "all", "minutes": 10, "issued": None},
            {"zone": "nowhere", "minutes": 10},
            {"zone": "all", "minutes": 0},
            {"zone": "all", "minutes": 241},
            {"zone": "all", "minutes": "10"},
            {"minutes": 10},
        ):
            answer = await _command(county, type="drill", **refused)
            assert answer["ok"] is False, refused
            assert answer["reason"]
        real = await gateway.press()
        assert not gateway.journal.open_alarms[real].drill
        answer = await _command(county, type="drill", zone="all", minutes=10, issued=_now(minutes=4))
        assert answer["ok"] is True
        exercise = await gateway.press()
        assert gateway.journal.open_alarms[exercise].drill


async def test_resend_makes_confirmed_rows_go_again(tmp_path: Path) -> None:
    """A county that lost its store asks again and gets the same bytes, in pieces of bounded size."""
    async with (
        mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker,
        county_at(broker.port) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(30)
        await gateway.presses(30, Kind.TAMPER)
        await gateway.delivered()
        before = {event.id: event.payload for event in await county.events()}
        county.clerk.patience = 1000  # it is to ask by command alone
        await county.lose_store()
        await until(partial(_takes_commands, county))
        stream = gateway.journal.head(DESTINATION).stream
        command: dict[str, JsonValue] = {"type": "resend", "stream": stream, "from": 1, "to": gateway.last}
        answer = await county.send_command(COUNTY, SITE, command)
        assert answer.ok
        assert answer.answer["rows"] == gateway.last
        await county.wait_for(lambda r: r.events == gateway.last, 10)
        assert {event.id: event.payload for event in await county.events()} == before
        await gateway.delivered()
        wrongs: tuple[dict[str, JsonValue], ...] = (
            {"from": 1, "to": 10_001},
            {"from": 9, "to": 3},
            {"from": 0, "to": 3},
            {"from": 1},
            {"from": "1", "to": 3},
        )
        for wrong in wrongs:
            refused: dict[str, JsonValue] = {"type": "resend", "stream": stream, **wrong}
            assert not (await county.send_command(COUNTY, SITE, refused)).ok
        unknown: dict[str, JsonValue] = {"type": "resend", "stream": "of-nobody", "from": 1, "to": 3}
        answer = await county.send_command(COUNTY, SITE, unknown)
        assert (answer.ok, "of-nobody" in answer.reason) == (False, True)


async def _takes_commands(county: County) -> bool:
    """Its connection was broken: wait until it is back."""
    try:
        await county.send_command(COUNTY, SITE, {"type": "report"})
    except CountyRefused:
        return False
    return True


@pytest.mark.parametrize("kind", ["snapshot", "clip", "guard-check", "report", "self-destruct"])
async def test_what_is_not_carried_out_is_said(tmp_path: Path, kind: str) -> None:
    """An honest no, with the reason."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, RESULTS) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        answer = await _command(county, type=kind)
        assert answer["ok"] is False
        words = "unknown" if kind == "self-destruct" else "not carried out by this version"
        assert words in str(answer["reason"])


async def test_a_retained_command_is_refused(tmp_path: Path) -> None:
    """New or found at a connect: it is not carried out, and its id stays free for a proper one."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, RESULTS) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        alarm = await gateway.press(Kind.TAMPER)
        body = {"id": "kept", "type": "acknowledge", "issued": _now(), "alarm": alarm}
        await county.say("command", json.dumps(body).encode(), retain=True)
        await until(lambda: len(county.on("command/result")) == 1)
        assert county.documents("command/result")[0]["ok"] is False
        await gateway.stop()
        await gateway.start()
        await until(lambda: len(county.on("command/result")) == 2)
        assert county.documents("command/result")[1]["ok"] is False
        assert gateway.journal.open_alarms[alarm].acknowledged_at is None
        await county.say("command", b"", retain=True)
        assert (await _command(county, **body))["ok"] is True


async def test_rubbish_and_floods_do_nothing_and_are_said_once(tmp_path: Path) -> None:
    """Malformed, oversized, too many: counted, refused, one degraded reason each; alarms go on."""
    async with (
        mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker,
        party(broker.port, f"{ROOT}/event/#") as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        before = gateway.last
        wrong = [*rubbish.commands(), b'{"id":"big","type":"report","x":"' + b"x" * 16_400 + b'"}']
        for payload in wrong:
            await county.say("command", payload)
        counts = gateway.uplink._complaints.counts
        await until(lambda: counts["malformed-commands"] >= 8)
        for number in range(200):
            await county.say("command", {"id": f"f{number}", "type": "report", "issued": _now()})
        await until(lambda: counts["flooding-commands"] > 100)
        kinds = [reason.split(":")[0] for reason in gateway.uplink.view().degraded]
        assert sorted(kinds) == ["flooding-commands", "malformed-commands"]
        assert gateway.last == before
        assert not await _any_drill(gateway)


async def _any_drill(gateway: World) -> bool:
    alarm = await gateway.press()
    return gateway.journal.open_alarms[alarm].drill


async def test_an_answer_that_the_line_swallowed_comes_after_it(tmp_path: Path) -> None:
    """The answer was on its way when the broker died: it goes out on the next connection."""
    async with mosquitto(tmp_path) as broker, world(tmp_path / "gateway", broker.port) as gateway:
        await gateway.connected()
        async with party(broker.port) as county:
            publisher = gateway.uplink._line.publisher
            assert publisher is not None
            publisher.stop()  # it takes commands, and sends nothing any more
            await county.say("command", {"id": "s1", "type": "report", "issued": _now()})

            async def is_done() -> bool:
                return await gateway.journal.command_result("s1") is not None

            await until(is_done)
        await broker.restart()
        async with party(broker.port, RESULTS) as county:

            async def is_answered() -> bool:
                gateway.clock.skip(1)
                return len(county.heard) == 1

            await until(is_answered)
            assert county.documents("command/result")[0]["id"] == "s1"
