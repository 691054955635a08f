"""Snapshots over a real broker: each gets there, an alarm never waits for one."""

import asyncio
import hashlib
import os
from pathlib import Path

from gateway.errors import GatewayError
from gateway.uplink import Uplink
from gateway.uplink.snapshots import MOST_BYTES
from gateway.wire import uuid7
from simulators.county.county import County
from tests.clocks import START
from tests.mosquitto import mosquitto
from tests.uplink.world import World, party, world
from tests.wait import until


class Shelf:
    """Snapshots of a test, oldest first."""

    def __init__(self, *sizes: int) -> None:
        self.waiting = {uuid7(START): b"\xff\xd8\xff" + os.urandom(size - 5) + b"\xff\xd9" for size in sizes}
        self.taken: list[str] = []
        self.broken = False

    async def next(self, destination: str) -> tuple[str, bytes] | None:
        """The oldest."""
        assert destination == "county"
        if self.broken:
            raise GatewayError("the library is not open")
        return next(iter(self.waiting.items()), None)

    async def sent(self, destination: str, evidence_id: str) -> None:
        """The county has it."""
        assert destination == "county"
        del self.waiting[evidence_id]
        self.taken.append(evidence_id)


async def begin(gateway: World, shelf: Shelf) -> None:
    """Run the uplink with a shelf."""
    gateway.uplink = Uplink(
        gateway.site.uplinks[0], gateway.site, gateway.journal, gateway.clock, snapshots=shelf
    )
    gateway._task = asyncio.create_task(gateway.uplink.run())


def digests(*pictures: bytes) -> list[str]:
    """What the county keeps of pictures."""
    return [hashlib.sha256(picture).hexdigest() for picture in pictures]


async def test_every_snapshot_comes_to_the_county_once(tmp_path: Path) -> None:
    """Byte for byte, below its id, not retained; the shelf hears of each, and the county breaks no rule over it."""
    shelf = Shelf(1000, 200_000, MOST_BYTES)
    pictures = dict(shelf.waiting)
    async with mosquitto(tmp_path) as broker, world(tmp_path, broker.port, start=False) as gateway:
        county = County("127.0.0.1", broker.port)
        await county.start()
        await begin(gateway, shelf)
        await until(lambda: not shelf.waiting, 20)
        await until(lambda: len(county.report().snapshots) == 3)
        report = county.report()
        await county.stop()
    assert [one.evidence for one in report.snapshots] == list(pictures) == shelf.taken
    assert [one.sha256 for one in report.snapshots] == digests(*pictures.values())
    assert not report.violations


async def test_a_snapshot_that_the_broker_did_not_acknowledge_goes_again(tmp_path: Path) -> None:
    """The broker dies and comes back: what waits is sent then; nothing is lost, nothing skipped."""
    shelf = Shelf(100_000, 100_000)
    async with (
        mosquitto(tmp_path) as broker,
        world(tmp_path, broker.port, start=False, uplink='unrouted = "accept"') as gateway,
    ):
        await broker.stop()
        await begin(gateway, shelf)
        await gateway.presses(3)
        assert not shelf.taken
        await broker.start()
        await until(gateway.skip_until_connected, 20)
        await until(lambda: len(shelf.taken) == 2, 20)


async def test_alarms_go_before_snapshots(tmp_path: Path) -> None:
    """A hundred presses wait when the line comes up, and a snapshot: it is the last that comes."""
    shelf = Shelf(MOST_BYTES)
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, "campus/#") as listener,
        world(tmp_path, broker.port, start=False, uplink='confirm = "broker"') as gateway,
    ):
        await gateway.presses(100)
        await begin(gateway, shelf)
        await until(lambda: bool(shelf.taken), 20)
        await until(lambda: any(name.startswith("snapshot/") for name, _, _ in listener.heard))
        names = [name for name, _, _ in listener.heard]
    first = next(at for at, name in enumerate(names) if name.startswith("snapshot/"))
    assert names[:first].count("event/alarm") == names.count("event/alarm") >= 100


async def test_a_snapshot_that_is_too_large_for_the_broker_stops_nothing(tmp_path: Path) -> None:
    """It is given up and counted; the one behind it gets through, and so do alarms."""
    shelf = Shelf(300_000, 20_000)
    async with (
        mosquitto(tmp_path, extra=["max_packet_size 200000"]) as broker,
        party(broker.port, "campus/#") as listener,
        world(tmp_path, broker.port, start=False, uplink='confirm = "broker"') as gateway,
    ):
        await begin(gateway, shelf)
        await until(lambda: len(shelf.taken) == 2, 20)
        await gateway.press()
        await gateway.delivered()
        heard = [name for name, _, _ in listener.heard if name.startswith("snapshot/")]
        assert heard == [f"snapshot/{shelf.taken[1]}"]
        assert gateway.uplink.view().incidents["too-large"] == 1


async def test_without_a_subscriber_it_waits(tmp_path: Path) -> None:
    """`unrouted = "keep"`: the shelf keeps it, and it goes a while after somebody listens."""
    shelf = Shelf(20_000)
    async with mosquitto(tmp_path) as broker, world(tmp_path, broker.port, start=False) as gateway:
        await begin(gateway, shelf)
        await gateway.connected()
        await until(lambda: any("snapshot-not-taken" in why for why in gateway.uplink.view().degraded))
        assert not shelf.taken
        async with party(broker.port, "campus/#"):

            def taken() -> bool:
                gateway.clock.skip(5)
                return bool(shelf.taken)

            await until(taken, 20)


async def test_a_shelf_that_fails_is_asked_again(tmp_path: Path) -> None:
    """While the library is not open nothing else suffers; later the snapshot goes."""
    shelf = Shelf(20_000)
    shelf.broken = True
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, "campus/#"),
        world(tmp_path, broker.port, start=False, uplink='confirm = "broker"') as gateway,
    ):
        await begin(gateway, shelf)
        await gateway.press()
        await gateway.delivered()
        shelf.broken = False

        def taken() -> bool:
            gateway.clock.skip(5)
            return bool(shelf.taken)

        await until(taken, 20)
