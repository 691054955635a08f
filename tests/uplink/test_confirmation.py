"""What counts as confirmed, and what is done where no confirmation comes."""

import json
from pathlib import Path

import pytest

from gateway.model import Kind
from gateway.uplink.retry import UNROUTED
from simulators.county import rubbish
from simulators.county.wire import Receipt
from tests.mosquitto import mosquitto
from tests.uplink.world import DESTINATION, ROOT, Party, World, party, world
from tests.wait import until

EVENTS = f"{ROOT}/event/#"
STATE = f"{ROOT}/state"


def _stream(gateway: World) -> str:
    return gateway.journal.head(DESTINATION).stream


def _sequences(county: Party) -> list[int]:
    return [
        int(json.loads(payload)["sequence"])
        for topic, payload, _ in county.heard
        if topic.startswith("event/")
    ]


async def _receipt(county: Party, gateway: World, upto: int, **more: object) -> None:
    body: dict[str, object] = {"stream": _stream(gateway), "upto": upto, "also": [], "missing": []}
    await county.say("receipt", body | more)


# ---- broker


async def test_without_a_subscriber_nothing_is_confirmed(tmp_path: Path) -> None:
    """0x10 is no confirmation: rows are kept, `degraded` says so, and a subscriber who comes late gets everything."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, STATE) as watcher,
        world(tmp_path / "gateway", broker.port, uplink='confirm = "broker"') as gateway,
    ):
        await gateway.presses(30)
        await gateway.presses(10, Kind.TAMPER)
        await until(lambda: any(r.startswith("no-subscriber") for r in gateway.uplink.view().degraded))
        assert await gateway.waiting() == gateway.last
        await until(
            lambda: any("no-subscriber" in str(state["degraded"]) for state in watcher.documents("state"))
        )
        async with party(broker.port, EVENTS, client_id="late") as county:
            gateway.clock.skip(UNROUTED.longest_s)
            await gateway.delivered()
            await until(lambda: set(_sequences(county)) == set(range(1, gateway.last + 1)))
            await until(lambda: gateway.uplink.view().degraded == ())


async def test_without_a_subscriber_the_backlog_is_tried_slowly(tmp_path: Path) -> None:
    """One probe each 30 s and more, not thousands of messages a minute into nowhere."""
    async with (
        mosquitto(tmp_path) as broker,
        world(tmp_path / "gateway", broker.port, uplink='confirm = "broker"', start=False) as gateway,
    ):
        await gateway.presses(100, Kind.TAMPER)
        await gateway.start()
        await until(lambda: "event/alarm" in str(gateway.uplink.view().degraded))
        await until(lambda: _unacknowledged(gateway) == 0)

        def tried() -> int:
            return broker.log.count("event/")

        before = tried()
        assert before <= 60  # the first windows, until the first answer
        gateway.clock.skip(29)
        assert tried() == before
        gateway.clock.skip(2)
        await until(lambda: tried() > before)
        assert tried() - before <= 2


async def test_a_new_alarm_is_tried_at_once_though_nobody_listened_before(tmp_path: Path) -> None:
    """A subscriber that has come back gets the next alarm now, not at the next probe; and then all the rest."""
    async with (
        mosquitto(tmp_path) as broker,
        world(tmp_path / "gateway", broker.port, uplink='confirm = "broker"') as gateway,
    ):
        await gateway.presses(20)
        await until(lambda: any(r.startswith("no-subscriber") for r in gateway.uplink.view().degraded))
        async with party(broker.port, EVENTS) as county:
            await gateway.press()
            await gateway.delivered()
            await until(lambda: set(_sequences(county)) == set(range(1, gateway.last + 1)))


async def test_unrouted_may_be_accepted(tmp_path: Path) -> None:
    """`unrouted = "accept"`: a PUBACK with 0x10 confirms."""
    async with (
        mosquitto(tmp_path) as broker,
        world(tmp_path / "gateway", broker.port, uplink='confirm = "broker"\nunrouted = "accept"') as gateway,
    ):
        await gateway.presses(10)
        await gateway.delivered()
        assert gateway.uplink.view().degraded == ()


@pytest.mark.parametrize("confirm", ["broker", "platform"])
async def test_what_the_broker_refuses_is_kept_and_tried_again(tmp_path: Path, confirm: str) -> None:
    """An access list that forbids one topic: its rows are kept, said aloud, and stop no others."""
    rules = tmp_path / "acl"
    rules.write_text(
        f"topic read #\ntopic write {ROOT}/event/alarm\ntopic write {ROOT}/state\ntopic write {ROOT}/receipt\n"
        f"topic write {ROOT}/alarms/open\n"
    )
    async with (
        mosquitto(tmp_path, extra=[f"acl_file {rules}"]) as broker,
        party(broker.port, EVENTS) as county,
        world(tmp_path / "gateway", broker.port, uplink=f'confirm = "{confirm}"') as gateway,
    ):
        await gateway.presses(20)
        await until(lambda: set(_sequences(county)) == set(range(2, gateway.last + 1)))
        await until(lambda: any(r.startswith("refused-by-broker") for r in gateway.uplink.view().degraded))
        if confirm == "broker":

            async def one_waits() -> bool:
                return await gateway.waiting() == 1

            await until(one_waits)
            refusals = broker.log.count("event/device")
            gateway.clock.skip(6)
            await until(lambda: broker.log.count("event/device") > refusals)


# ---- platform


async def test_a_puback_is_no_receipt(tmp_path: Path) -> None:
    """On `platform` a row waits until a receipt covers it: `upto`, or `also` for one that overtook."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, EVENTS) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(10)
        await until(lambda: len(_sequences(county)) == gateway.last)
        assert await gateway.waiting() == gateway.last
        await _receipt(county, gateway, 4, also=[[8, 9]])

        async def those_are_left() -> bool:
            waiting = await gateway.journal.waiting(DESTINATION, 1)
            return [row.sequence for row in waiting] == [5, 6, 7, *range(10, gateway.last + 1)]

        await until(those_are_left)
        await _receipt(county, gateway, 2)  # going back is ignored
        await _receipt(county, gateway, gateway.last)
        await gateway.delivered()
        assert gateway.uplink.view().degraded == ()


async def test_what_no_receipt_came_for_is_sent_again_byte_for_byte(tmp_path: Path) -> None:
    """After the receipt time-out the same bytes go out again, less and less often, and `degraded` says why."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, EVENTS) as county,
        world(tmp_path / "gateway", broker.port, uplink="receipt_timeout_s = 30") as gateway,
    ):
        await gateway.presses(10)
        count = gateway.last
        await until(lambda: len(_sequences(county)) == count)
        await until(lambda: _unacknowledged(gateway) == 0)
        gateway.clock.skip(31)
        await until(lambda: len(_sequences(county)) == 2 * count)
        assert sorted(county.heard[:count]) == sorted(county.heard[count:])
        await until(lambda: any(r.startswith("no-receipts") for r in gateway.uplink.view().degraded))
        await until(lambda: _unacknowledged(gateway) == 0)
        gateway.clock.skip(25)
        await gateway.press()
        await until(
            lambda: len(_sequences(county)) == 2 * count + 2
        )  # raised and returned; nothing again yet
        gateway.clock.skip(10)
        await until(lambda: len(_sequences(county)) >= 3 * count + 2)
        await _receipt(county, gateway, gateway.last)
        await gateway.delivered()
        await until(lambda: gateway.uplink.view().degraded == ())


def _unacknowledged(gateway: World) -> int:
    publisher = gateway.uplink._line.publisher
    assert publisher is not None
    return len(publisher._flights)


async def test_what_the_county_misses_is_sent_again_at_once(tmp_path: Path) -> None:
    """`missing` numbers come again, also when they were confirmed before, and not for each receipt that names them."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, EVENTS) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(10)
        count = gateway.last
        await until(lambda: len(_sequences(county)) == count)
        await _receipt(county, gateway, count)
        await gateway.delivered()
        gateway.clock.skip(7)  # what was sent a moment ago may be on its way still
        for _ in range(5):
            await _receipt(county, gateway, 2, also=[[5, 8], [10, count]], missing=[3, 4, 9])
        await until(lambda: sorted(_sequences(county)[count:]) == [3, 4, 9])
        assert sorted(county.heard[count:]) == sorted(
            heard for heard in county.heard[:count] if _number(heard) in {3, 4, 9}
        )
        assert await gateway.waiting() == 3
        await _receipt(county, gateway, count)
        await gateway.delivered()


def _number(heard: tuple[str, bytes, bool]) -> int:
    return int(json.loads(heard[1])["sequence"])


async def test_nonsense_confirms_nothing_and_is_said_once(tmp_path: Path) -> None:
    """Rubbish receipts are counted; one degraded reason, no event, no confirmation, and the next true one works."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, EVENTS, STATE) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(5)
        count = gateway.last
        await until(lambda: len(_sequences(county)) == count)
        truth = Receipt(stream=_stream(gateway), upto=0)
        wrong = [*rubbish.receipts(truth), rubbish.beyond(truth), b"x" * 70_000]
        for payload in wrong:
            await county.say("receipt", payload)
        counts = gateway.uplink._complaints.counts
        await until(lambda: counts["nonsense-receipts"] == len(wrong))
        assert await gateway.waiting() == gateway.last == count
        reasons = [r for r in gateway.uplink.view().degraded if r.startswith("nonsense-receipts")]
        assert len(reasons) == 1
        gateway.clock.skip(2)
        await until(lambda: any("nonsense" in str(state["degraded"]) for state in county.documents("state")))
        await _receipt(county, gateway, count)
        await gateway.delivered()
        gateway.clock.skip(700)
        await until(lambda: gateway.uplink.view().degraded == ())


async def test_a_retained_receipt_is_ignored(tmp_path: Path) -> None:
    """A retained receipt is of another time, perhaps of another county: it confirms nothing and is no complaint."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, EVENTS) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(5)
        await until(lambda: len(_sequences(county)) == gateway.last)
        body = {"stream": _stream(gateway), "upto": gateway.last, "also": [], "missing": []}
        await county.say("receipt", json.dumps(body).encode(), retain=True)
        await _receipt(county, gateway, 2)

        async def two_are_confirmed() -> bool:
            return await gateway.waiting() == gateway.last - 2

        await until(two_are_confirmed)
        assert gateway.uplink.view().degraded == ()


async def test_a_receipt_counts_once_this_process_has_sent_the_rows(tmp_path: Path) -> None:
    """A receipt that comes before: what the last life sent, and what nobody has, is sent first, then confirmed."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, EVENTS) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(5)
        count = gateway.last
        await until(lambda: len(_sequences(county)) == count)
        await gateway.stop()
        await gateway.presses(50)
        await _receipt(county, gateway, gateway.last)  # true of a journal that was lost; kept for our session
        await gateway.start()
        await gateway.delivered()
        await until(lambda: set(_sequences(county)[count:]) == set(range(1, gateway.last + 1)))
        assert await gateway.journal.receipted(DESTINATION, _stream(gateway)) == gateway.last
