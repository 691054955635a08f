"""Events reach the county: every one, in its own bytes, by either protocol and either confirmation."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from gateway.model import Kind
from gateway.store import Delivery
from gateway.trace import Stage
from simulators.county.broker import EmbeddedBroker
from simulators.county.county import County
from tests.mosquitto import mosquitto
from tests.uplink.world import DESTINATION, World, party, world
from tests.wait import until

Protocol = Literal["5", "3.1.1"]


@asynccontextmanager
async def county_at(port: int, protocol: Protocol = "5") -> AsyncIterator[County]:
    """A running county for the length of a `with`."""
    county = County("127.0.0.1", port, protocol=protocol)
    await county.start()
    try:
        yield county
    finally:
        await county.stop()


async def rows_of(gateway: World) -> dict[int, Delivery]:
    """All that waits, by sequence."""
    return {
        row.sequence: row
        for lane in (1, 3)
        for row in await gateway.journal.waiting(DESTINATION, lane, limit=10_000)
    }


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("confirm", ["platform", "broker"])
async def test_every_event_reaches_the_county(tmp_path: Path, protocol: Protocol, confirm: str) -> None:
    """I4: all events arrive, gap-free, breaking no rule of the contract, and only then leave the waiting list."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port, protocol) as county,
        world(
            tmp_path / "gateway",
            broker.port,
            uplink=f'confirm = "{confirm}"',
            broker=f'protocol = "{protocol}"',
        ) as gateway,
    ):
        await gateway.presses(40)
        await gateway.presses(40, Kind.TAMPER)
        await gateway.delivered()
        report = await county.wait_for(lambda r: r.events == gateway.last, 10)
        assert (report.gaps, report.duplicates, report.violations) == ((), 0, ())
        assert report.streams[0].reason == "first-start"
        head = gateway.journal.head(DESTINATION)
        assert report.streams[0].stream == head.stream
        if confirm == "platform":
            receipted = await gateway.journal.receipted(DESTINATION, head.stream)
            assert receipted == gateway.last


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_the_bytes_are_the_outboxs_own(tmp_path: Path, protocol: Protocol) -> None:
    """I12: what arrives is the stored payload byte for byte, on its type's topic, not retained, typed on MQTT 5."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, "campus/1/330106/school/event/#", protocol=protocol) as county,
        world(tmp_path / "gateway", broker.port, broker=f'protocol = "{protocol}"', start=False) as gateway,
    ):
        await gateway.presses(5)
        await gateway.presses(5, Kind.TAMPER)
        rows = await rows_of(gateway)
        await gateway.start()
        await until(lambda: len(county.heard) >= len(rows))
        expected = {(row.type.topic, row.payload, False) for row in rows.values()}
        assert set(county.heard) == expected
        if protocol == "5":
            types = {getattr(properties, "ContentType", None) for properties in county.properties}
            assert types == {"application/cloudevents+json"}


async def test_a_new_uplink_sends_what_the_last_one_could_not_confirm(tmp_path: Path) -> None:
    """A restart of the daemon: what no receipt came for is sent again, the same bytes."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, "campus/1/330106/school/event/#") as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(10)
        await until(lambda: len(county.heard) == gateway.last)
        first = sorted(county.heard)
        await gateway.stop()
        await gateway.start()
        await until(lambda: len(county.heard) == 2 * gateway.last)
        assert sorted(county.heard[gateway.last :]) == first


async def test_alarms_overtake_a_backlog_and_the_backlog_is_not_starved(tmp_path: Path) -> None:
    """With thousands of other events waiting, an urgent alarm goes out among the first, and both lanes go on."""
    async with (
        mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker,
        party(broker.port, "campus/1/330106/school/event/#") as county,
        world(tmp_path / "gateway", broker.port, start=False) as gateway,
    ):
        await gateway.presses(600, Kind.TAMPER)
        await gateway.presses(300)
        rows = await rows_of(gateway)
        await gateway.start()
        await until(lambda: len(county.heard) >= len(rows))
        lanes = [rows[int(doc["sequence"])].lane for doc in map(_event, county.heard)]
        assert lanes.index(1) < 40
        assert lanes[:200].count(1) >= 60
        assert lanes[:200].count(3) >= 40


async def test_a_live_alarm_does_not_wait_behind_its_own_lane(tmp_path: Path) -> None:
    """A press during the draining of many older presses goes out at once, not after them."""
    async with (
        mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker,
        party(broker.port, "campus/1/330106/school/event/#") as county,
        world(tmp_path / "gateway", broker.port, start=False) as gateway,
    ):
        await gateway.presses(2000)
        backlog = gateway.last
        await gateway.start()
        await until(lambda: len(county.heard) > 50)
        await gateway.press(Kind.PANIC, "the-live-one")
        at = len(county.heard)
        await until(lambda: len(county.heard) >= gateway.last, 30)
        live = [index for index, heard in enumerate(county.heard) if b"the-live-one" in heard[1]]
        assert live[0] - at < backlog / 4


async def test_every_stage_is_traced(tmp_path: Path) -> None:
    """PUBLISHED, BROKER and CONFIRMED are marked for each event, in this order."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port),
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        await gateway.presses(20)
        await gateway.delivered()
        at = gateway.marks.at
        await until(lambda: len(at[Stage.CONFIRMED]) == gateway.last)
        for event in at[Stage.COMMITTED]:
            assert at[Stage.PUBLISHED][event] <= at[Stage.BROKER][event]
            assert at[Stage.PUBLISHED][event] <= at[Stage.CONFIRMED][event]


async def test_an_idle_uplink_asks_the_journal_nothing(tmp_path: Path) -> None:
    """With nothing to do there is no query: an uplink is woken, it does not poll."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port),
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(3)
        await gateway.delivered()
        gateway.clock.skip(6)  # the backlog is counted again soon after a busy moment
        await until(lambda: any(at - gateway.clock.monotonic() > 50 for at, _ in gateway.clock._sleepers))
        asked: list[object] = []
        rows = gateway.journal._rows

        async def counting(*query: object) -> object:
            nonlocal asked
            asked += [query] if "delivery" in str(query) else []
            return await rows(*query)  # type: ignore[arg-type]  # handed through

        gateway.journal._rows = counting  # type: ignore[method-assign,assignment]  # counts, changes nothing
        gateway.clock.skip(30)
        await until(lambda: not any(at <= gateway.clock.monotonic() for at, _ in gateway.clock._sleepers))
        assert asked == []


async def test_the_demos_broker_will_do(tmp_path: Path) -> None:
    """amqtt, pure Python and MQTT 3.1.1: everything arrives, a restart that forgets all is survived."""
    broker = EmbeddedBroker()
    await broker.start()
    try:
        async with (
            county_at(broker.port, "3.1.1") as county,
            world(tmp_path / "gateway", broker.port, broker='protocol = "3.1.1"') as gateway,
        ):
            await gateway.connected()
            await gateway.presses(30)
            await gateway.delivered()
            await broker.restart()
            await gateway.presses(30)

            async def is_delivered() -> bool:
                gateway.clock.skip(1)
                return await gateway.waiting() == 0

            await until(is_delivered, 30)
            report = await county.wait_for(lambda r: r.events == gateway.last, 10)
            assert (report.gaps, report.violations) == ((), ())
            assert report.states[-1].online
    finally:
        await broker.stop()


async def test_the_view_tells_how_it_is(tmp_path: Path) -> None:
    """Connected or not, since when, why not, and what waits."""
    async with mosquitto(tmp_path) as broker, world(tmp_path / "gateway", broker.port) as gateway:
        await gateway.connected()
        await gateway.presses(4)
        view = gateway.uplink.view()
        assert (view.connected, view.problem, view.broker) == (True, "", f"127.0.0.1:{broker.port}")
        await until(lambda: gateway.uplink.view().backlog.rows == gateway.last)
        assert gateway.uplink.view().backlog.oldest is not None
        await broker.stop()
        await until(lambda: not gateway.uplink.view().connected)
        gateway.clock.skip(2)
        await until(lambda: "can't be reached" in gateway.uplink.view().problem)
        assert gateway.uplink.view().since > view.since


def _event(heard: tuple[str, bytes, bool]) -> dict[str, str]:
    document: dict[str, str] = json.loads(heard[1])
    return document
