"""Readings: batches of QoS 0 that never hold anything up, dropped and counted when the line is slow."""

from pathlib import Path

from gateway.model import Reading
from simulators.fault import Fault
from tests.mosquitto import mosquitto
from tests.uplink.test_outages import flights, proxy_to
from tests.uplink.world import ROOT, World, party, world
from tests.wait import until


def _read(gateway: World, device: str, value: float) -> None:
    gateway.uplink.reading(
        Reading(device=device, point=f"{device}:t", value=value, unit="°C", at=gateway.clock.now())
    )


async def test_readings_go_out_in_batches(tmp_path: Path) -> None:
    """One message a device for all values of 5 s, not retained."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, f"{ROOT}/reading/+") as county,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        for number in range(3):
            _read(gateway, "hall", 20.0 + number)
            _read(gateway, "gate", 5.0)
        gateway.clock.skip(6)
        await until(lambda: len(county.heard) == 2)
        (hall,) = county.documents("reading/hall")
        assert isinstance(hall["values"], list)
        assert [value["value"] for value in hall["values"]] == [20.0, 21.0, 22.0]
        assert set(hall["values"][0]) == {"point", "value", "unit", "at"}
        assert hall["dropped"] == 0
        assert not any(retained for _, _, retained in county.heard)
        assert gateway.uplink.view().readings_dropped == 0


async def test_readings_are_dropped_where_there_is_no_line(tmp_path: Path) -> None:
    """Values of while the line was down are not sent late: dropped, counted."""
    async with (
        mosquitto(tmp_path) as broker,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        for number in range(1200):
            _read(gateway, "hall", number)
        await gateway.connected()
        assert gateway.uplink.view().readings_dropped == 1200


async def test_readings_do_not_hide_a_mute_broker(tmp_path: Path) -> None:
    """That QoS 0 was written is no answer: a line that acknowledges nothing is dropped all the same."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, f"{ROOT}/event/#") as county,
        proxy_to(broker.port) as proxy,
        world(tmp_path / "gateway", proxy.port, broker="ack_timeout_s = 20") as gateway,
    ):
        await gateway.connected()
        await gateway.presses(60)
        await until(lambda: len(county.heard) == gateway.last and not flights(gateway))
        assert gateway.uplink.view().window > 8
        await proxy.misbehave(Fault.SILENT)
        await gateway.press()
        await until(lambda: flights(gateway) > 0)
        for _ in range(4):
            if gateway.uplink.view().connected:
                _read(gateway, "hall", 1.0)
                gateway.clock.skip(5.1)
                await until(lambda: _has_sent_readings(gateway))
        await until(lambda: not gateway.uplink.view().connected)
        assert "no acknowledgement" in gateway.uplink.view().problem


def _has_sent_readings(gateway: World) -> bool:
    return gateway.uplink._readings.next_at is None or not gateway.uplink.view().connected
