"""A county that is slow, late, silent or half-open: every press arrives, none twice in other bytes, receipts in the end."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest

from gateway.model import EventType
from simulators.county import County, Event, Honesty, Receipt
from simulators.fault import Fault
from tests.mosquitto import mosquitto
from tests.uplink.test_delivery import county_at
from tests.uplink.test_outages import flights
from tests.uplink.world import DESTINATION, World, world
from tests.wait import until

PRESSES = 30


async def slow(county: County) -> None:
    """By the fault."""
    await county.misbehave(Fault.SLOW)


async def late(county: County) -> None:
    """By its clerk alone, for good."""
    county.clerk.be(Honesty.LATE)


class Ear:
    """When the county stored each event, and when it sent each receipt; monotonic ns."""

    def __init__(self, county: County) -> None:
        self.stored: dict[int, int] = {}
        self.receipts: list[tuple[Receipt, int]] = []
        county.on_event = self._store
        county.clerk.on_receipt = lambda receipt, _at, ns: self.receipts.append((receipt, ns))

    def _store(self, event: Event, _at: datetime, ns: int) -> None:
        self.stored[event.sequence] = ns

    def receipted(self, sequence: int) -> int | None:
        """When the first receipt that covers this number went out."""
        return next((ns for receipt, ns in self.receipts if receipt.upto >= sequence), None)


async def all_is_there(county: County, gateway: World) -> None:
    """Every event once, every press among them, and nothing waits."""
    await gateway.delivered(40)
    report = await county.wait_for(lambda r: r.events == gateway.last, 20)
    assert report.gaps == ()
    assert report.violations == ()  # the same id in other bytes would be one
    pressed = [event.subject for event in await county.events() if event.type == EventType.ALARM_RAISED]
    assert len(pressed) == len(set(pressed)) == PRESSES


async def all_is_receipted(gateway: World) -> None:
    """The journal has the county's receipt for the last event."""
    stream = gateway.journal.head(DESTINATION).stream

    async def covered() -> bool:
        return await gateway.journal.receipted(DESTINATION, stream) == gateway.last

    await until(covered)


@pytest.mark.parametrize("begin", [slow, late])
@pytest.mark.parametrize("confirm", ["platform", "broker"])
async def test_late_receipts_hold_nothing_up(
    tmp_path: Path, begin: Callable[[County], Awaitable[None]], confirm: str
) -> None:
    """All presses are stored before the first of their receipts goes, 2 s later; and those come to the journal."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port) as county,
        world(tmp_path / "gateway", broker.port, uplink=f'confirm = "{confirm}"') as gateway,
    ):
        await gateway.connected()
        await gateway.delivered()
        await begin(county)
        ear, first = Ear(county), gateway.last + 1
        await gateway.presses(PRESSES)
        last = gateway.last
        await until(lambda: ear.receipted(last) is not None)
        for sequence in range(first, last + 1):
            receipted = ear.receipted(sequence)
            assert receipted is not None
            assert receipted - ear.stored[sequence] >= 1.9e9
            assert receipted > ear.stored[last]
        if confirm == "platform":
            await all_is_receipted(gateway)
        await all_is_there(county, gateway)


async def test_what_is_sent_again_to_a_slow_county_is_a_duplicate(tmp_path: Path) -> None:
    """Receipts later than `receipt_timeout_s`: the events go again in the same bytes, and the county keeps one of each."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        await gateway.delivered()
        await county.misbehave(Fault.SLOW)
        await gateway.presses(PRESSES)

        def again() -> bool:
            gateway.clock.skip(10)
            return county.report().duplicates >= PRESSES

        await until(again, 20)
        await county.misbehave(Fault.NONE)
        await all_is_there(county, gateway)
        await all_is_receipted(gateway)


async def test_a_half_open_county_loses_nothing(tmp_path: Path) -> None:
    """The broker takes everything and the county nothing: every press waits for its receipt, however often it is sent."""
    async with (
        mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker,
        county_at(broker.port) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        await gateway.delivered()
        before = gateway.last
        await county.misbehave(Fault.HALF_OPEN)
        await gateway.presses(PRESSES)
        await until(lambda: flights(gateway) == 0)  # the broker has them
        for _ in range(5):
            gateway.clock.skip(31)
            await until(lambda: flights(gateway) == 0)
        assert await gateway.waiting() >= PRESSES
        assert county.report().events == before
        await county.misbehave(Fault.NONE)
        await all_is_there(county, gateway)
        await all_is_receipted(gateway)
