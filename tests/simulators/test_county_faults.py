"""What the county loses and keeps when it, its store or its broker goes away; and how it lies when it is told to."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from simulators.county import County, CountyRefused, CountyStore, Honesty, Receipt, Rule
from simulators.fault import Fault
from tests.simulators.county_scene import Scene, embedded
from tests.wait import until


async def test_a_file_store_goes_on_after_a_restart(real: Scene, tmp_path: Path) -> None:
    """What was sent while the county was away comes from the broker's session; counts, gaps and breaches go on."""
    gateway = await real.gateway()
    county = await real.county(CountyStore(tmp_path / "county.db"))
    await gateway.send(1, 2, 2, 4)
    await gateway.publish("event/alarm", b"rubbish")
    await county.wait_for(lambda report: report.events == 3 and bool(report.violations), 10)
    await county.stop()
    await gateway.send(5, 4)
    county = await real.county(CountyStore(tmp_path / "county.db"))
    report = await county.wait_for(lambda report: report.events == 4 and report.duplicates == 2, 10)
    assert [(gap.first, gap.last) for gap in report.gaps] == [(3, 3)]
    assert [violation.rule for violation in report.violations] == [Rule.MALFORMED]
    assert report.streams[0].reason == "first"
    await until(lambda: gateway.receipt().get("also") == [[4, 5]])


async def test_nothing_is_acknowledged_to_the_broker_before_it_is_stored(real: Scene) -> None:
    """What a county took and did not store before it lost power is delivered again by the broker."""
    county, gateway = await real.county(), await real.gateway()
    await county.misbehave(Fault.HALF_OPEN)
    await gateway.send(1, 2)
    with pytest.raises(TimeoutError):
        await county.wait_for(lambda report: report.events > 0, 0.3)
    await county.misbehave(Fault.NONE)
    await county.wait_for(lambda report: report.events == 2, 10)
    await until(lambda: gateway.receipt().get("upto") == 2)


async def test_a_store_that_waits_holds_the_receipts_back(real: Scene, tmp_path: Path) -> None:
    """While another holds the database's lock nothing is receipted; afterwards all of it is."""
    county = await real.county(CountyStore(tmp_path / "county.db"))
    gateway = await real.gateway()
    lock = sqlite3.connect(tmp_path / "county.db", isolation_level=None)
    lock.execute("begin immediate")
    await gateway.send(1, 2, 3)
    with pytest.raises(TimeoutError):
        await until(lambda: bool(gateway.receipts), 0.5)
    lock.close()
    await until(lambda: gateway.receipt().get("upto") == 3)
    assert county.report().events == 3


async def test_a_store_that_fails_is_told_and_acknowledges_nothing(real: Scene, tmp_path: Path) -> None:
    """An error of the database is raised to whoever waits; the broker keeps what was not stored."""
    path = tmp_path / "county.db"
    county, gateway = await real.county(CountyStore(path)), await real.gateway()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("alter table event rename to elsewhere")
    await gateway.send(1)
    with pytest.raises(sqlite3.OperationalError):
        await county.wait_for(lambda report: report.events == 1, 10)
    await county.stop()
    other.execute("alter table elsewhere rename to event")
    other.close()
    county = await real.county(CountyStore(path))
    await county.wait_for(lambda report: report.events == 1, 10)


async def test_a_lost_store_is_asked_for_again(scene: Scene) -> None:
    """A county that lost everything learns from the retained `state` what there was, and asks for it from 1 on."""
    county, gateway = await scene.county(), await scene.gateway()
    await gateway.send(1, 2, 3)
    await gateway.say("state", {"online": True, "boot": 1, "stream": gateway.stream, "sequence": 3})
    await county.wait_for(lambda report: report.events == 3 and bool(report.states), 10)
    await until(lambda: gateway.receipt().get("upto") == 3)  # then the broker has the acknowledgements too
    await county.lose_store()
    await county.wait_for(lambda report: report.events == 0, 10)
    assert await county.events() == ()
    await until(lambda: gateway.receipt().get("missing") == [1, 2, 3])
    await gateway.send(1, 2, 3)
    await until(lambda: gateway.receipt().get("upto") == 3)


async def test_a_power_cut_and_the_session_at_the_broker(real: Scene, tmp_path: Path) -> None:
    """A county that vanished without a goodbye gets what it missed, once."""
    county = await real.county(CountyStore(tmp_path / "county.db"))
    gateway = await real.gateway()
    await gateway.send(1)
    await county.wait_for(lambda report: report.events == 1, 10)
    off = asyncio.create_task(county.power_cycle(0.3))
    await gateway.send(2, 3)
    await off
    report = await county.wait_for(lambda report: report.events == 3, 10)
    assert (report.gaps, report.violations) == ((), ())


@pytest.mark.parametrize(
    ("honesty", "expected"),
    [(Honesty.BEYOND, 1020), (Honesty.BACK, 10)],
)
async def test_a_false_receipt(honesty: Honesty, expected: int, scene: Scene) -> None:
    """A county that lies says more than it got, or takes back what it said; honest again, it tells the truth."""
    county, gateway = await scene.county(), await scene.gateway()
    await gateway.pour(1, 20)
    await until(lambda: gateway.receipt().get("upto") == 20)
    county.clerk.be(honesty)
    await until(lambda: gateway.receipt().get("upto") == expected)
    county.clerk.be(Honesty.TRUE)
    await until(lambda: gateway.receipt().get("upto") == 20)


@pytest.mark.parametrize("by", ["fault", "honesty"])
async def test_slow_receipts_are_true_and_two_seconds_late(by: str, real: Scene) -> None:
    """Each is as it was 2 s before, also for what comes while one waits; what comes is stored at once all the same."""
    county, gateway = await real.county(), await real.gateway()
    stored: dict[int, int] = {}
    receipted: list[tuple[Receipt, int]] = []
    county.on_event = lambda event, _at, ns: stored.update({event.sequence: ns})
    county.clerk.on_receipt = lambda receipt, _at, ns: receipted.append((receipt, ns))
    if by == "fault":
        await county.misbehave(Fault.SLOW)
    else:
        county.clerk.be(Honesty.LATE)
    await gateway.send(1)
    await asyncio.sleep(1)  # into the middle of the first receipt's wait
    await gateway.send(2, 3)
    await until(lambda: gateway.receipt().get("upto") == 3)
    assert len(receipted) > 1
    for receipt, ns in receipted:
        assert ns - stored[receipt.upto] >= 1.9e9, receipt
    await county.misbehave(Fault.NONE)
    await gateway.send(4)
    await until(lambda: gateway.receipt().get("upto") == 4)
    assert receipted[-1][1] - stored[4] < 1.5e9


async def test_a_late_receipt_does_not_follow_an_honest_one(real: Scene) -> None:
    """Healed, it tells all it has at once, and the receipts that waited do not go back behind that."""
    county, gateway = await real.county(), await real.gateway()
    await county.misbehave(Fault.SLOW)
    await gateway.send(1, 2)
    await county.wait_for(lambda report: report.events == 2, 10)
    await county.misbehave(Fault.NONE)
    await gateway.send(3)
    await until(lambda: gateway.receipt().get("upto") == 3)
    await asyncio.sleep(2.2)  # past the time of those that waited
    upto = [receipt["upto"] for receipt in gateway.receipts]
    assert upto[-1] == 3


async def test_silence_rubbish_and_absence(scene: Scene) -> None:
    """Told to misbehave it sends no receipts, then rubbish; healed, it makes up for it."""
    county, gateway = await scene.county(), await scene.gateway()
    await county.misbehave(Fault.SILENT)
    await gateway.send(1)
    await county.wait_for(lambda report: report.events == 1, 10)
    assert gateway.raw_receipts == []
    await county.misbehave(Fault.GARBAGE)
    await until(lambda: len(gateway.raw_receipts) > 0 and len(gateway.commands) > 10)
    assert county.receipted_at(gateway.stream, 1) is None
    assert county.send_rubbish("330106", "s1") > 30
    await until(lambda: len(gateway.raw_receipts) > 20)
    await county.misbehave(Fault.REFUSED)
    await county.misbehave(Fault.NONE)
    await until(lambda: gateway.receipt().get("upto") == 1)


async def test_a_storm_is_stored_whole(real: Scene, tmp_path: Path) -> None:
    """5,000 events in a row are in the file once each, without a gap, and all receipted."""
    county = await real.county(CountyStore(tmp_path / "county.db"))
    gateway = await real.gateway()
    await gateway.pour(1, 5000)
    report = await county.wait_for(lambda report: report.events == 5000, 60)
    assert (report.gaps, report.duplicates, report.violations) == ((), 0, ())
    await until(lambda: gateway.receipt().get("upto") == 5000, 20)


async def test_no_broker_is_said_at_once() -> None:
    """Nobody there: the error names the address and asks the right question."""
    county = County("127.0.0.1", 1)
    with pytest.raises(CountyRefused, match=r"127\.0\.0\.1:1 .*does it speak MQTT 5"):
        await county._link.start(lambda _: None, 0.5)


async def test_the_embedded_broker_speaks_only_3_1_1() -> None:
    """MQTT 5 to the embedded broker is refused, not misunderstood."""
    async with embedded() as broker:
        county = County("127.0.0.1", broker.port, protocol="5")
        with pytest.raises(CountyRefused):
            await county._link.start(lambda _: None, 1.0)


async def test_the_embedded_broker_comes_back_at_its_port() -> None:
    """Cut off, refusing, back again: the county finds it each time without being told."""
    async with embedded() as broker:
        scene = Scene(broker.port, "3.1.1")
        async with scene.stack:
            county = await scene.county()
            port = broker.port
            await broker.power_cycle(0.2)
            assert broker.port == port
            gateway = await scene.gateway()
            await gateway.send(1)
            await until(lambda: county._link.is_connected)
            await gateway.send(2)
            await county.wait_for(lambda report: report.events >= 1, 10)
            await broker.misbehave(Fault.REFUSED)
            with pytest.raises(CountyRefused, match=r"(?i)not authori"):
                await County("127.0.0.1", port, protocol="3.1.1", client_id="other")._link.start(
                    lambda _: None, 1.0
                )
            await broker.misbehave(Fault.NONE)
            await until(lambda: county._link.is_connected)
            with pytest.raises(ValueError, match="FaultProxy"):
                await broker.misbehave(Fault.SLOW)
