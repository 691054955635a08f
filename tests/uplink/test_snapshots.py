"""Snapshots over a real broker: each gets there, an alarm never waits for one."""

import asyncio
import hashlib
import os
import socket
import time
from pathlib import Path

from gateway.errors import GatewayError
from gateway.uplink import Uplink
from gateway.uplink.snapshots import MOST_BYTES, SEND_BUFFER
from gateway.wire import uuid7
from simulators.county.county import County
from simulators.proxy import FaultProxy
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

        def taken() -> bool:
            gateway.clock.skip(5)  # its rest is longer if the last skip fell into a flight
            return len(shelf.taken) == 2

        await until(taken, 20)


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


async def test_an_alarm_overtakes_a_snapshot_on_a_thin_line(tmp_path: Path) -> None:
    """64 kbit/s for all connections together, a snapshot of 100 KiB half way: an alarm reaches the county in 3 s, and the snapshot gets there."""
    shelf = Shelf(100 * 1024)
    async with mosquitto(tmp_path) as broker, party(broker.port, "campus/#") as listener:
        proxy = FaultProxy("127.0.0.1", broker.port)
        await proxy.start()
        proxy.up.shared, proxy.up.bytes_per_second = True, 8000
        try:
            async with world(
                tmp_path, proxy.port, start=False, uplink='confirm = "broker"', broker="keepalive_s = 5"
            ) as gateway:
                await begin(gateway, shelf)
                await gateway.connected()
                begun = proxy.up.passed_bytes
                await until(lambda: proxy.up.passed_bytes > begun + 20_000, 20)
                for _ in range(2):
                    pressed = time.monotonic()
                    heard = [name for name, _, _ in listener.heard].count("event/alarm")
                    await gateway.press()
                    await until(
                        lambda heard=heard: (  # type: ignore[misc]
                            [name for name, _, _ in listener.heard].count("event/alarm") > heard
                        ),
                        10,
                    )
                    assert time.monotonic() - pressed < 3
                    assert not shelf.taken
                await until(lambda: bool(shelf.taken), 40)
                assert proxy.connections == 2, "the alarms' own connection was never lost"
        finally:
            await proxy.stop()


async def test_the_kernel_is_given_little_of_a_snapshot(tmp_path: Path) -> None:
    """What the kernel holds can't be overtaken: 8 KiB at most of the snapshot that a stuck line does not take."""
    shelf = Shelf(MOST_BYTES)
    async with mosquitto(tmp_path) as broker, world(tmp_path, broker.port, start=False) as gateway:
        await begin(gateway, shelf)
        await gateway.connected()
        lane = gateway.uplink._snapshots
        await until(lambda: lane._bridge is not None)
        assert lane._bridge is not None
        sock = lane._bridge._socket._current()
        assert sock is not None
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER


async def test_a_broker_that_refuses_a_second_connection_still_gets_the_alarms(tmp_path: Path) -> None:
    """One connection is all it takes: alarms go on over it, the snapshot waits, and `degraded` says so."""
    shelf = Shelf(20_000)
    async with mosquitto(tmp_path) as broker, party(broker.port, "campus/#"):
        proxy = FaultProxy("127.0.0.1", broker.port)
        await proxy.start()
        try:
            async with world(tmp_path, proxy.port, uplink='confirm = "broker"') as gateway:
                await gateway.connected()
                proxy.drop_chance = 1.0
                lane = gateway.uplink._snapshots
                lane._shelf = shelf
                lane.wake()
                await until(
                    lambda: any("snapshot-not-taken" in why for why in gateway.uplink.view().degraded), 20
                )
                await gateway.press()
                await gateway.delivered()
                assert not shelf.taken
        finally:
            await proxy.stop()


async def test_a_broker_that_ends_the_first_connection_for_the_second_loses_no_alarm(tmp_path: Path) -> None:
    """It takes the user's name for the client id: the line is lost once, comes back, and the snapshot waits a minute at least."""
    shelf = Shelf(300_000)
    (tmp_path / "password").write_text("secret")
    login = f'username = "school"\npassword_file = "{tmp_path / "password"}"'
    async with mosquitto(tmp_path, extra=["use_username_as_clientid true"]) as broker:
        proxy = FaultProxy("127.0.0.1", broker.port)
        await proxy.start()
        try:
            async with world(
                tmp_path,
                proxy.port,
                start=False,
                uplink='confirm = "broker"\nunrouted = "accept"',
                broker=login,
            ) as gateway:
                proxy.up.bytes_per_second = 100_000
                await begin(gateway, shelf)
                await until(lambda: proxy.connections >= 3, 20)
                for _ in range(3):
                    await gateway.press()
                    await gateway.delivered()
                assert proxy.connections == 3, "the line, the snapshot's, the line again"
                assert not shelf.taken
        finally:
            await proxy.stop()
