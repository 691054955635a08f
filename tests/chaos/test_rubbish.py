"""The running daemon among devices and a county that talk rubbish: nothing is lost, nothing is believed."""

from pathlib import Path

import pytest

from gateway.store.check import check_journal
from simulators.county import County, Honesty
from simulators.fault import Fault
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from tests.chaos.test_disk import WITHIN_S
from tests.chaos.test_kill import POINT, SITE
from tests.daemon import daemon
from tests.mosquitto import mosquitto


@pytest.mark.timeout(180)
async def test_rubbish_from_devices_and_county_costs_no_alarm(tmp_path: Path) -> None:
    """False receipts and commands confirm and do nothing; a device's garbage is a fault, and its next press arrives."""
    slave = ModbusSlave(1)
    modbus = ModbusTcpSimulator(slaves=[slave])
    async with mosquitto(tmp_path) as broker:
        await modbus.start()
        county = County("127.0.0.1", broker.port)
        await county.start()
        site = tmp_path / "site.toml"
        site.write_text(
            SITE.format(
                state=tmp_path / "state",
                modbus=modbus.port,
                broker=broker.port,
                points=POINT.format(number=0),
            )
        )
        try:
            async with daemon(site) as running:
                for honesty in (Honesty.RUBBISH, Honesty.BEYOND, Honesty.BACK):
                    county.clerk.be(honesty)
                    county.send_rubbish("330106", "school-1")
                    await press(slave, county)
                county.clerk.be(Honesty.TRUE)

                await modbus.misbehave(Fault.GARBAGE)
                await county.wait_for_event(
                    lambda event: event.data.get("kind") in {"bus-lost", "device-lost"}, WITHIN_S
                )
                await modbus.misbehave(Fault.NONE)
                await county.wait_for_event(lambda event: event.type.endswith("returned.v1"), WITHIN_S)
                await press(slave, county)

                report = await county.wait_for(
                    lambda found: (
                        any("receipt" in " ".join(state.degraded) for state in found.states)
                        and all(stream.upto >= stream.announced for stream in found.streams)
                    ),
                    WITHIN_S,
                )
                assert await running.stop() == 0
        finally:
            await county.stop()
            await modbus.stop()

    assert report.gaps == ()
    assert report.violations == ()
    assert check_journal(tmp_path / "state" / "journal.db") == []


async def press(slave: ModbusSlave, county: County) -> None:
    """Press, until the county has it; let go, until it has that too."""
    known = {event.id for event in await county.events()}
    slave.press(0)
    await county.wait_for_event(
        lambda event: event.id not in known and event.type.endswith(("raised.v1", "repeated.v1")), WITHIN_S
    )
    slave.release(0)
    await county.wait_for_event(
        lambda event: event.id not in known and event.type.endswith("returned.v1"), WITHIN_S
    )
