"""The county against real brokers: mosquitto with MQTT 5, the embedded amqtt with 3.1.1."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import pytest

from simulators.county import Event, Rule
from tests.simulators.county_scene import Scene
from tests.simulators.gateway_player import STREAM_STARTED
from tests.wait import until


async def test_events_are_stored_once_in_order_and_receipted(scene: Scene) -> None:
    """Each event is in the store as it was sent, and the receipt says so."""
    county, gateway = await scene.county(), await scene.gateway()
    told: list[tuple[Event, datetime, int]] = []
    county.on_event = lambda *arguments: told.append(arguments)
    await gateway.send(1, 2, 3)
    report = await county.wait_for(lambda report: report.events == 3, 10)
    assert (report.gaps, report.duplicates, report.violations) == ((), 0, ())
    assert report.sources == ("/campus/330106/s1",)
    assert [event.payload for event in await county.events()] == [
        gateway.event(number) for number in (1, 2, 3)
    ]
    await until(lambda: gateway.receipt().get("upto") == 3)
    assert gateway.receipt() == {"stream": gateway.stream, "upto": 3, "also": [], "missing": []}
    assert [event.sequence for event, _, _ in told] == [1, 2, 3]
    receipted = county.receipted_at(gateway.stream, 3)
    assert receipted is not None
    assert told[2][1] <= receipted <= datetime.now(UTC)


async def test_a_gap_is_reported_and_asked_for_until_it_is_filled(scene: Scene) -> None:
    """Numbers 3 and 4 never came: the report shows it, receipts ask for them, and stop asking when they came."""
    county, gateway = await scene.county(), await scene.gateway()
    await gateway.send(1, 2, 5)
    report = await county.wait_for(lambda report: bool(report.gaps), 10)
    assert [(gap.first, gap.last) for gap in report.gaps] == [(3, 4)]
    await until(lambda: gateway.receipt().get("missing") == [3, 4])
    assert gateway.receipt()["upto"] == 2
    asked = sum(receipt["missing"] == [3, 4] for receipt in gateway.receipts)
    await until(lambda: sum(receipt["missing"] == [3, 4] for receipt in gateway.receipts) > asked)
    await gateway.send(4, 3)
    await until(lambda: gateway.receipt() == {"stream": gateway.stream, "upto": 5, "also": [], "missing": []})
    stream = county.report().streams[0]
    assert (stream.gaps, stream.upto, stream.top, stream.overtaken) == ((), 5, 5, 2)


async def test_an_alarm_that_overtook_is_receipted_besides(scene: Scene) -> None:
    """Numbers beyond a gap are confirmed in `also`, so that the gateway need not send them again."""
    county, gateway = await scene.county(), await scene.gateway()
    await gateway.send(1, 7, 9, 8, 12)
    await county.wait_for(lambda report: report.events == 5, 10)
    await until(lambda: gateway.receipt().get("also") == [[7, 9], [12, 12]])
    assert gateway.receipt()["upto"] == 1


async def test_a_backlog_on_its_way_is_not_asked_for(scene: Scene) -> None:
    """While the numbers below an overtaking alarm keep coming, none of them is asked for."""
    county, gateway = await scene.county(), await scene.gateway()
    county.clerk.patience = 3.0
    await gateway.send(1, 40)
    for number in range(2, 40):
        await gateway.send(number)
        await asyncio.sleep(0.02)
    await county.wait_for(lambda report: report.events == 40, 10)
    await until(lambda: gateway.receipt().get("upto") == 40)
    assert all(receipt["missing"] == [] for receipt in gateway.receipts)


async def test_the_same_event_twice_counts_once_and_is_receipted_again(scene: Scene) -> None:
    """At least once: the same bytes again are a duplicate, and whoever missed the receipt gets another."""
    county, gateway = await scene.county(), await scene.gateway()
    await gateway.send(1, 2)
    await until(lambda: gateway.receipt().get("upto") == 2)
    heard = len(gateway.receipts)
    await gateway.send(2)
    report = await county.wait_for(lambda report: report.duplicates == 1, 10)
    assert (report.events, report.violations) == (2, ())
    await until(lambda: len(gateway.receipts) > heard)


async def test_broken_rules_are_noticed(real: Scene) -> None:
    """Each breach of the contract is a violation that names its rule, and the county goes on."""
    county, gateway = await real.county(), await real.gateway()
    await gateway.send(1, 2)
    used = json.loads(gateway.event(2))["id"]
    await gateway.publish("event/alarm", gateway.event(3, id=used))
    await gateway.publish("event/alarm", gateway.event(2, id=str(uuid.uuid4())))
    await gateway.publish("event/report", gateway.event(3))
    await gateway.publish("event/alarm", gateway.event(4), qos=0)
    await gateway.publish("event/alarm", gateway.event(5, source="/campus/330106/s2"))
    await gateway.publish("event/device", gateway.event(6, type=STREAM_STARTED))
    for rubbish in (
        b"",
        b"{",
        b"[]",
        b"\xff",
        gateway.event(7, sequence=7),
        gateway.event(7, time="yesterday"),
    ):
        await gateway.publish("event/alarm", rubbish)
    await gateway.publish("state", b"on")
    await gateway.send(8)
    await county.wait_for_event(lambda event: event.sequence == 8, 10)
    assert [violation.rule for violation in county.report().violations] == [
        Rule.ID_REUSED,
        Rule.SEQUENCE_REUSED,
        Rule.WRONG_TOPIC,
        Rule.NOT_QOS_1,
        Rule.WRONG_SOURCE,
        Rule.STREAM_START,
        *[Rule.MALFORMED] * 7,
    ]


async def test_a_retained_event_is_a_violation(real: Scene) -> None:
    """An event that the broker kept for latecomers would be an old alarm that looks new."""
    gateway = await real.gateway()
    await gateway.publish("event/device", gateway.event(1), retained=True)
    county = await real.county()
    report = await county.wait_for(lambda report: bool(report.violations), 10)
    assert report.violations[0].rule is Rule.RETAINED


async def test_state_open_alarms_and_presence_are_as_retained_says(scene: Scene) -> None:
    """What a gateway keeps at the broker is in the report, also for a county that comes later."""
    gateway = await scene.gateway()
    state = {"online": True, "boot": 4, "stream": gateway.stream, "sequence": 0, "degraded": ["disk"]}
    await gateway.say("state", state)
    await gateway.say("alarms/open", {"stream": gateway.stream, "sequence": 7, "alarms": [{"alarm": "a1"}]})
    await gateway.say("device/panel-1", {"presence": "offline", "since": "2026-11-21T09:30:00.000Z"})
    county = await scene.county()
    report = await county.wait_for(
        lambda report: bool(report.states and report.open_alarms and report.presence), 10
    )
    assert (report.states[-1].online, report.states[-1].boot, report.states[-1].degraded) == (
        True,
        4,
        ("disk",),
    )
    assert report.open_alarms[gateway.root].alarms == ({"alarm": "a1"},)
    assert report.presence[gateway.root, "panel-1"] == "offline"
    await gateway.publish("device/panel-1", b"", retained=True)
    await county.wait_for(lambda report: not report.presence, 10)


async def test_what_state_announces_and_never_comes_is_asked_for(scene: Scene) -> None:
    """A loss at the end of a stream is no gap between two numbers; the gateway's own count tells of it."""
    _, gateway = await scene.county(), await scene.gateway()
    await gateway.send(1)
    await gateway.say("state", {"online": True, "boot": 1, "stream": gateway.stream, "sequence": 3})
    await until(lambda: gateway.receipt().get("missing") == [2, 3])


async def test_the_chain_of_streams_is_reported(scene: Scene) -> None:
    """Number 1 of a new stream names the one before it and how far that had counted."""
    county, gateway = await scene.county(), await scene.gateway()
    await gateway.send(1, 2)
    first, gateway.stream = gateway.stream, str(uuid.uuid4())
    data = {"reason": "journal-lost", "previous_stream": first, "previous_sequence": 2}
    await gateway.send(1, data=data)
    report = await county.wait_for(lambda report: len(report.streams) == 2, 10)
    assert report.streams[1].reason == "journal-lost"
    assert (report.streams[1].previous_stream, report.streams[1].previous_sequence) == (first, 2)


async def test_commands_are_answered_each_time(scene: Scene) -> None:
    """The answer is found by the command's id, also when the same command is sent twice."""
    county, gateway = await scene.county(), await scene.gateway()
    gateway.answers["c-1"] = b'{"id": "c-1", "ok": false, "reason": "unknown alarm"}'
    for _ in range(2):
        result = await county.send_command("330106", "s1", {"id": "c-1", "type": "acknowledge", "alarm": "a"})
        assert (result.ok, result.reason) == (False, "unknown alarm")
    assert len(county.results) == 2
    sent = json.loads(gateway.commands[0][0])
    assert sent["type"] == "acknowledge"
    assert sent["issued"].endswith("Z")
    with pytest.raises(TimeoutError):
        await county.send_command("330106", "s1", {"type": "report", "day": "2026-11-21"}, seconds=0.2)


async def test_commands_may_be_answered_on_a_response_topic(real: Scene) -> None:
    """MQTT 5: the county names where it wants the answer."""
    county, gateway = await real.county(), await real.gateway()
    gateway.answers["c-2"] = b'{"id": "c-2", "ok": true, "reason": null}'
    result = await county.send_command(
        "330106", "s1", {"id": "c-2", "type": "snapshot", "camera": "c"}, reply=True
    )
    assert result.ok
    assert result.topic.startswith("county-reply/")


async def test_two_gateways_are_kept_apart(scene: Scene) -> None:
    """Each site has its own numbers and gets its own receipts."""
    county, one, two = await scene.county(), await scene.gateway("s1"), await scene.gateway("s2")
    await one.send(1, 2)
    await two.send(1)
    report = await county.wait_for(lambda report: report.events == 3, 10)
    assert report.sources == ("/campus/330106/s1", "/campus/330106/s2")
    await until(lambda: one.receipt().get("upto") == 2 and two.receipt().get("upto") == 1)


async def test_no_receipts_where_none_are_wanted(scene: Scene) -> None:
    """A county without receipts stores all the same."""
    county, gateway = await scene.county(receipts=False), await scene.gateway()
    await gateway.send(1, 2)
    await county.wait_for(lambda report: report.events == 2, 10)
    await asyncio.sleep(0.2)
    assert gateway.raw_receipts == []
