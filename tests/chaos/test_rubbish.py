"""The running daemon among devices and a county that talk rubbish: nothing is lost, nothing is believed."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from paho.mqtt import publish

from gateway.model import EventType
from gateway.store.check import check_journal
from simulators.county import County, Event, Honesty
from simulators.fault import Fault
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from tests.chaos.stage import WITHIN_S
from tests.chaos.test_kill import POINT, PRESSES, SITE
from tests.daemon import daemon
from tests.mosquitto import mosquitto
from tests.wait import until

ROOT = "campus/1/330106/school-1"


class Stranger:
    """Whoever can publish at the broker: says what the county would never say."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def say(self, below: str, body: object, *, retain: bool = False) -> None:
        """Returns when the broker has it."""
        await asyncio.to_thread(
            publish.single,
            f"{ROOT}/{below}",
            json.dumps(body),
            qos=1,
            retain=retain,
            hostname="127.0.0.1",
            port=self._port,
        )

    async def claim(self, stream: str, last: int) -> None:
        """Receipts of numbers beyond the last one."""
        for upto, also in (
            (last + 1, []),
            (last + 1000, []),
            (0, [[last + 1, last + 1]]),
            (0, [[1, last + 5]]),
        ):
            await self.say("receipt", {"stream": stream, "upto": upto, "also": also, "missing": []})

    async def acknowledge(self, alarm: str) -> None:
        """Commands that would be right but for one thing each: retained, a number as id, no id, a list as alarm."""
        right = {
            "id": "stranger-1",
            "type": "acknowledge",
            "issued": "2026-11-21T08:00:00.000Z",
            "alarm": alarm,
        }
        await self.say("command", right, retain=True)
        await self.say("command", right | {"id": 7})
        await self.say("command", {key: value for key, value in right.items() if key != "id"})
        await self.say("command", right | {"id": "stranger-2", "alarm": [alarm]})


@pytest.mark.timeout(180)
async def test_rubbish_from_devices_and_county_costs_no_alarm(tmp_path: Path) -> None:
    """False receipts and commands confirm and do nothing; a device's garbage is a fault, and its next press arrives.

    While receipts are rubbish or speak of numbers beyond the last, what is pressed stays unconfirmed in the journal;
    no alarm is a drill or has an actor; as soon as receipts are true, everything is confirmed.
    """
    slave = ModbusSlave(1)
    modbus = ModbusTcpSimulator(slaves=[slave])
    journal = tmp_path / "state" / "journal.db"
    async with mosquitto(tmp_path) as broker:
        await modbus.start()
        county = County("127.0.0.1", broker.port)
        await county.start()
        stranger = Stranger(broker.port)
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
                pressed = await press(slave, county)
                await stranger.acknowledge(str(pressed[0].data["alarm"]))
                await answered(county)
                for honesty in (Honesty.RUBBISH, Honesty.BEYOND, Honesty.BACK):
                    county.clerk.be(honesty)
                    pressed = await press(slave, county)
                    await answered(county)
                    county.send_rubbish("330106", "school-1")
                    if honesty is not Honesty.BACK:  # which confirms truly, only less than it could
                        await stranger.claim(pressed[0].stream, max(event.sequence for event in pressed))
                        await answered(county)
                        pressed += await press(slave, county)
                        await answered(county)
                        assert confirmed(journal, pressed) == set()
                county.clerk.be(Honesty.TRUE)

                await modbus.misbehave(Fault.GARBAGE)
                lost = await county.wait_for_event(
                    lambda event: event.data.get("kind") in {"bus-lost", "device-lost"}, WITHIN_S
                )
                await modbus.misbehave(Fault.NONE)
                await county.wait_for_event(
                    lambda event: (
                        event.type == EventType.ALARM_RETURNED and event.data["alarm"] == lost.data["alarm"]
                    ),
                    WITHIN_S,
                )
                pressed += await press(slave, county)
                await until(lambda: confirmed(journal, pressed) == {event.id for event in pressed}, WITHIN_S)

                report = await county.wait_for(
                    lambda found: (
                        any("receipt" in " ".join(state.degraded) for state in found.states)
                        and all(stream.upto >= stream.announced for stream in found.streams)
                    ),
                    WITHIN_S,
                )
                events = await county.events()
                assert await running.stop() == 0
        finally:
            await county.stop()
            await modbus.stop()

    assert report.gaps == ()
    assert report.violations == ()
    assert [event.type for event in events if event.data.get("drill") or "actor" in event.data] == []
    with contextlib.closing(sqlite3.connect(journal)) as db:
        believed = (
            "drill = 1 or acknowledged_by is not null or closed_ms is not null or shelved_by is not null"
        )
        assert db.execute(f"select id from alarm where {believed}").fetchall() == []
        assert db.execute("select * from drill").fetchall() == []
    assert check_journal(journal) == []


async def press(slave: ModbusSlave, county: County) -> list[Event]:
    """Press, until the county has it; let go, until it has that too. Both events."""
    known = {event.id for event in await county.events()}
    slave.press(0)
    pressed = await county.wait_for_event(
        lambda event: event.id not in known and event.type in PRESSES, WITHIN_S
    )
    slave.release(0)
    returned = await county.wait_for_event(
        lambda event: event.id not in known and event.type == EventType.ALARM_RETURNED, WITHIN_S
    )
    return [pressed, returned]


async def answered(county: County) -> None:
    """The gateway has dealt with what the broker handed it before this: it answers a command that it never carries out.

    Asked again until it does: a command that comes in a flood of rubbish is left out, and counted.
    """

    async def is_answered() -> bool:
        try:
            await county.send_command("330106", "school-1", {"type": "snapshot"}, seconds=1.0)
        except TimeoutError:
            return False
        return True

    await until(is_answered, WITHIN_S)


def confirmed(journal: Path, events: Iterable[Event]) -> set[str]:
    """Which of these events the journal holds for stored at the county, as far as it is committed."""
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "select event_id from event join delivery on delivery.event = event.id where confirmed_ms is not null"
        ).fetchall()
    return {row[0] for row in rows} & {event.id for event in events}
