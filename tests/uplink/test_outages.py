"""Lines that are cut, stall, thin out or lie, and brokers that vanish: nothing is lost, duplicates are identical."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from gateway.model import Kind
from simulators.county.county import County
from simulators.fault import Fault
from simulators.proxy import FaultProxy
from tests.mosquitto import mosquitto
from tests.uplink.test_delivery import county_at
from tests.uplink.world import DESTINATION, ROOT, World, party, world
from tests.wait import until

UNLIMITED = ["max_queued_messages 0"]


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[FaultProxy]:
    """A fault proxy before a broker, for the length of a `with`."""
    proxy = FaultProxy("127.0.0.1", port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


@asynccontextmanager
async def line(
    tmp_path: Path, *, extra: Sequence[str] = (), uplink: str = "", broker: str = ""
) -> AsyncIterator[tuple[County, FaultProxy, World]]:
    """A county at a broker, and a gateway that comes to it through a fault proxy."""
    async with (
        mosquitto(tmp_path, extra=extra) as server,
        county_at(server.port) as county,
        proxy_to(server.port) as proxy,
        world(tmp_path / "gateway", proxy.port, uplink=uplink, broker=broker) as gateway,
    ):
        yield county, proxy, gateway


async def _all_is_there(county: County, gateway: World) -> None:
    await gateway.delivered(40)
    report = await county.wait_for(lambda r: r.events == gateway.last, 20)
    assert report.gaps == ()
    assert report.violations == ()  # the same id in other bytes would be one


def _has_more_than(gateway: World, last: int) -> bool:
    return gateway.last > last


def _was_tried(proxy: FaultProxy, times: int) -> bool:
    return proxy.connections >= times


async def _reconnect(gateway: World) -> None:
    """Wait until the line is up, skipping the back-off."""
    await until(gateway.skip_until_connected)


async def test_a_cut_line_loses_nothing(tmp_path: Path) -> None:
    """I4: cut in the midst of traffic, three times, with more events while it is down."""
    async with line(tmp_path, extra=UNLIMITED) as (county, proxy, gateway):
        for _ in range(3):
            await gateway.connected()
            pressing = asyncio.create_task(gateway.presses(60))
            enough = gateway.last + 20
            await until(partial(_has_more_than, gateway, enough))
            await proxy.cut()
            await pressing
            await gateway.presses(20, Kind.TAMPER)
            await until(lambda: not gateway.uplink.view().connected)
            await proxy.restore()
            await _reconnect(gateway)
        await _all_is_there(county, gateway)


async def test_a_line_that_breaks_anywhere_loses_nothing(tmp_path: Path) -> None:
    """Reset after any number of bytes, also in the middle of a packet."""
    async with line(tmp_path, extra=UNLIMITED) as (county, proxy, gateway):
        for count in (1, 50, 333, 1500, 7001, 20011):
            await _reconnect(gateway)
            await proxy.reset_after(count)
            await gateway.presses(20)
        await proxy.restore()
        await _reconnect(gateway)
        await _all_is_there(county, gateway)


async def test_a_restart_with_all_stored_at_the_county_ends_with_nothing_waiting(tmp_path: Path) -> None:
    """No receipt came through before the end: what the county has already is sent again, and confirmed."""
    async with line(tmp_path) as (county, proxy, gateway):
        await gateway.connected()
        await gateway.delivered()
        before = gateway.last
        await proxy.misbehave(Fault.SILENT)
        await gateway.presses(5)
        await county.wait_for(lambda r: r.events > before, 10)
        await gateway.stop()
        assert await gateway.waiting() == gateway.last - before
        await proxy.restore()
        await gateway.start()
        await _all_is_there(county, gateway)
        await gateway.stop()
        stream = gateway.journal.head(DESTINATION).stream
        assert await gateway.journal.reopen(DESTINATION, stream, [(1, gateway.last)]) == gateway.last
        await gateway.start()  # the county has nothing new: it says again what it has
        await _all_is_there(county, gateway)


async def test_a_mute_broker_is_dropped_and_tried_anew(tmp_path: Path) -> None:
    """Half-open: no PUBACK for `ack_timeout_s` while something is in flight ends the connection; nothing is lost."""
    async with line(tmp_path, broker="ack_timeout_s = 20") as (county, proxy, gateway):
        await gateway.connected()
        await gateway.presses(5)
        await gateway.delivered()
        await proxy.stall()
        await gateway.presses(5)
        await until(lambda: flights(gateway) > 0)
        gateway.clock.skip(15)
        assert gateway.uplink.view().connected
        gateway.clock.skip(6)
        await until(lambda: not gateway.uplink.view().connected)
        await until(lambda: "no acknowledgement for 20 s" in gateway.uplink.view().problem)
        await proxy.cut()  # a new connection would hang too
        await proxy.restore()
        await _reconnect(gateway)
        await _all_is_there(county, gateway)


def flights(gateway: World) -> int:
    """How many messages the broker has not acknowledged yet."""
    publisher = gateway.uplink._line.publisher
    return len(publisher._flights) if publisher is not None else 0


async def test_at_most_a_window_is_on_its_way(tmp_path: Path) -> None:
    """Nothing waits in paho that is not in the outbox: with no answers, a window of messages is all that was sent."""
    async with (
        mosquitto(tmp_path) as broker,
        proxy_to(broker.port) as proxy,
        world(tmp_path / "gateway", proxy.port, uplink="window = 7") as gateway,
    ):
        await gateway.connected()
        await gateway.presses(10)
        await until(lambda: not flights(gateway))
        await proxy.misbehave(Fault.SILENT)
        await gateway.presses(200)
        publisher = gateway.uplink._line.publisher
        assert publisher is not None
        await until(lambda: flights(gateway) == publisher.window.size)
        paho = publisher._bridge._client
        assert len(paho._out_messages) <= 8
        assert paho._inflight_messages <= 8
        await proxy.misbehave(Fault.NONE)


async def test_a_broker_that_dies_and_returns_empty_loses_nothing(tmp_path: Path) -> None:
    """What the broker had acknowledged and forgot is sent again: on `platform` only a receipt counts."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(10)
        await gateway.delivered()
        await county.misbehave(Fault.REFUSED)  # the county is away, its session waits at the broker
        await gateway.presses(30)
        await until(lambda: not flights(gateway))
        await broker.kill()
        await until(lambda: not gateway.uplink.view().connected)
        await broker.start()
        await county.misbehave(Fault.NONE)
        await _reconnect(gateway)
        await _all_is_there(county, gateway)


async def test_a_broker_that_hangs_is_survived(tmp_path: Path) -> None:
    """SIGSTOP and SIGCONT: TCP goes on, nothing answers."""
    async with (
        mosquitto(tmp_path, extra=UNLIMITED) as broker,
        county_at(broker.port) as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        await until(lambda: not flights(gateway))
        os.kill(broker.process_id, signal.SIGSTOP)
        try:
            await gateway.presses(40)
            await until(lambda: flights(gateway) > 0)
            gateway.clock.skip(21)
            await until(lambda: not gateway.uplink.view().connected)
        finally:
            os.kill(broker.process_id, signal.SIGCONT)
        await _reconnect(gateway)
        await _all_is_there(county, gateway)


async def test_garbage_from_the_broker_loses_nothing(tmp_path: Path) -> None:
    """Random bytes instead of answers: the connection ends, by them or by silence, and all arrives afterwards."""
    async with line(tmp_path, extra=UNLIMITED) as (county, proxy, gateway):
        await gateway.connected()
        await until(lambda: not flights(gateway))
        await proxy.misbehave(Fault.GARBAGE)
        await gateway.presses(30)

        async def is_down() -> bool:
            gateway.clock.skip(3)
            return not gateway.uplink.view().connected

        await until(is_down)
        await proxy.misbehave(Fault.NONE)
        await proxy.reset_connections()
        await _reconnect(gateway)
        await _all_is_there(county, gateway)


async def test_a_thin_line_carries_alarms_first_and_loses_nothing(tmp_path: Path) -> None:
    """20 kB/s: the window shrinks, a press does not wait for the backlog."""
    async with line(tmp_path, uplink="receipt_timeout_s = 600") as (county, proxy, gateway):
        await gateway.connected()
        await gateway.delivered()
        proxy.up.bytes_per_second = 20_000
        proxy.up.latency = 0.05
        await gateway.presses(120, Kind.TAMPER)
        await until(lambda: 0 < gateway.uplink.view().window <= 8, 20)
        await gateway.press(Kind.PANIC, "the-live-one")
        report = county.report()
        await county.wait_for_event(lambda event: event.subject == "the-live-one", 5)
        assert county.report().events - report.events < 100
        proxy.up.bytes_per_second = None
        await _all_is_there(county, gateway)


async def test_attempts_back_off_and_an_alarm_shortens_the_wait(tmp_path: Path) -> None:
    """1 s doubling to 30 s while nobody answers; a new alarm does not wait for the rest of it."""
    async with (
        mosquitto(tmp_path) as broker,
        proxy_to(broker.port) as proxy,
        world(tmp_path / "gateway", proxy.port, start=False) as gateway,
    ):
        await broker.stop()
        await gateway.start()
        waits: list[float] = []
        for tries in range(1, 9):
            await until(partial(_was_tried, proxy, tries))
            began = gateway.clock.monotonic()

            async def next_try(least: int = tries + 1) -> bool:
                gateway.clock.skip(0.25)
                return proxy.connections >= least

            await until(next_try, 30)
            waits.append(gateway.clock.monotonic() - began)
        assert waits[0] < 3
        assert max(waits) > 12
        assert all(wait < 34 for wait in waits)
        tried = proxy.connections
        gateway.clock.skip(1.5)  # past the shortest wait
        await gateway.press()
        await until(lambda: proxy.connections > tried, 5)


async def test_many_lost_connections_keep_the_outbox(tmp_path: Path) -> None:
    """Reconnecting again and again (peers lose their store at it): rows stay, nothing piles up, all arrives."""
    async with line(tmp_path, extra=UNLIMITED) as (county, proxy, gateway):
        await gateway.presses(20)
        for _ in range(40):
            await _reconnect(gateway)
            await proxy.reset_connections()
            await until(lambda: not gateway.uplink.view().connected)
        tasks = len(asyncio.all_tasks())
        await _reconnect(gateway)
        await _all_is_there(county, gateway)
        assert tasks < 40


async def test_a_refusing_broker_is_named(tmp_path: Path) -> None:
    """A wrong password is told in words that help, and the right one works from the next attempt on."""
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    passwords = tmp_path / "passwords"
    process = await asyncio.create_subprocess_exec(
        "mosquitto_passwd", "-b", "-c", str(passwords), "school", "right"
    )
    assert await process.wait() == 0
    passwords.chmod(0o644)
    settings = f'username = "school"\npassword_file = "{secret}"'
    extra = ["allow_anonymous false", f"password_file {passwords}"]
    async with (
        mosquitto(tmp_path, extra=extra) as broker,
        world(tmp_path / "gateway", broker.port, broker=settings) as gateway,
    ):
        await until(lambda: "Not authorized" in gateway.uplink.view().problem)
        secret.unlink()

        async def says(words: str) -> bool:
            gateway.clock.skip(3)
            return words in gateway.uplink.view().problem

        await until(lambda: says("secret file"))
        secret.write_text("right\n")
        await _reconnect(gateway)


async def test_a_goodbye_and_a_will_say_the_same(tmp_path: Path) -> None:
    """`state` is offline after an orderly end, and after the connection breaks."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, f"{ROOT}/state") as watcher,
        proxy_to(broker.port) as proxy,
        world(tmp_path / "gateway", proxy.port) as gateway,
    ):
        await until(lambda: [s["online"] for s in watcher.documents("state")][-1:] == [True])
        await gateway.stop()
        await until(lambda: [s["online"] for s in watcher.documents("state")][-1:] == [False])
        await gateway.start()
        await until(lambda: [s["online"] for s in watcher.documents("state")][-1:] == [True])
        await proxy.cut()
        await until(lambda: [s["online"] for s in watcher.documents("state")][-1:] == [False])
        state = watcher.documents("state")[-1]
        assert state["stream"] == gateway.journal.head(DESTINATION).stream
        await proxy.restore()
        await _reconnect(gateway)
        await until(lambda: [s["online"] for s in watcher.documents("state")][-1:] == [True])
