"""Buttons, broker and county around a daemon whose disk fails, and what must be true when the disk is back."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.model import EventType
from gateway.store.check import check_journal
from simulators.county import County, Event
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from tests.chaos.test_kill import POINT, SITE
from tests.mosquitto import mosquitto
from tests.wait import until

WITHIN_S = 30.0

_PRESSES = {EventType.ALARM_RAISED, EventType.ALARM_REPEATED}


class School:
    """A person at each button and one at the county. The daemon is started by whoever has the disk."""

    def __init__(self, slave: ModbusSlave, county: County, site: Path) -> None:
        self.county = county
        self.site = site
        self._slave = slave
        self._presses = 0
        self._seen: set[str] = set()

    async def press(self, number: int) -> bool:
        """Press, until the county has it; let go, until it has that too. Returns whether the press was durable."""
        event = await self.press_and_hold(number)
        self._slave.release(number)
        await self._heard(number, {EventType.ALARM_RETURNED})
        return bool(event.data["durable"])

    async def press_and_hold(self, number: int) -> Event:
        """Press, until the county has it; what it has."""
        self._presses += 1
        self._slave.press(number)
        return await self._heard(number, _PRESSES)

    async def until_durable(self, number: int) -> None:
        """Press again and again until a press is on disk: the disk has returned."""

        async def is_durable() -> bool:
            return await self.press(number)

        await until(is_durable, WITHIN_S)

    async def disk_alarm(self) -> Event:
        """The county has heard that the journal's disk is in trouble."""
        return await self.county.wait_for_event(
            lambda event: event.data.get("kind") == "disk" and event.type == EventType.ALARM_RAISED, WITHIN_S
        )

    async def returned(self, alarm: Event) -> Event:
        """The county has heard that this very alarm's cause is over."""
        return await self.county.wait_for_event(
            lambda event: (
                event.data.get("alarm") == alarm.data["alarm"] and event.type == EventType.ALARM_RETURNED
            ),
            WITHIN_S,
        )

    def console(self) -> str:
        """Where the console of the daemon listens that was started last."""
        lines = self.site.with_suffix(".log").read_text(encoding="utf-8").splitlines()
        return next(line.split()[1] for line in reversed(lines) if line.startswith("console http://"))

    async def log_has(self, text: str, times: int = 1) -> None:
        """The daemon has said it."""
        log = self.site.with_suffix(".log")
        await until(lambda: log.read_text(encoding="utf-8", errors="replace").count(text) >= times, WITHIN_S)

    async def end(self, journal: Path) -> None:
        """The daemon has stopped: every press was heard once, and its journal is whole and has all that the county has.

        By event ids: nothing that the county has is missing on disk, and what is confirmed there the county has.
        """
        report = await self.county.wait_for(
            lambda found: all(stream.upto >= stream.announced for stream in found.streams), WITHIN_S
        )
        events = await self.county.events()
        pressed = [
            event for event in events if event.subject.startswith("button-") and event.type in _PRESSES
        ]
        assert len(pressed) == self._presses
        assert report.gaps == ()
        assert report.violations == ()
        with contextlib.closing(sqlite3.connect(journal)) as db:
            kept = {row[0] for row in db.execute("select event_id from event")}
            waiting = {
                row[0]
                for row in db.execute(
                    "select event_id from event join delivery on delivery.event = event.id where confirmed_ms is null"
                )
            }
        assert [event for event in events if event.id not in kept] == []
        assert kept - waiting - {event.id for event in events} == set()
        assert check_journal(journal) == []

    async def _heard(self, number: int, types: set[EventType]) -> Event:
        event = await self.county.wait_for_event(
            lambda event: (
                event.subject == f"button-{number}" and event.type in types and event.id not in self._seen
            ),
            WITHIN_S,
        )
        self._seen.add(event.id)
        return event


@asynccontextmanager
async def school(tmp_path: Path, state: Path, *, site_keys: str = "") -> AsyncIterator[School]:
    """All of it, running but for the daemon. `site_keys` are further lines of the site file's `[site]`."""
    slave = ModbusSlave(1)
    modbus = ModbusTcpSimulator(slaves=[slave])
    async with mosquitto(tmp_path) as broker:
        county = County("127.0.0.1", broker.port)
        await modbus.start()
        await county.start()
        site = tmp_path / "site.toml"
        points = "".join(POINT.format(number=number) for number in range(4))
        text = SITE.format(state=state, modbus=modbus.port, broker=broker.port, points=points)
        text = text.replace("ballast_mb = 1", "ballast_mb = 1\nretry_disk_s = 0.2")
        site.write_text(text.replace("[site]", f"[site]\n{site_keys}"))
        try:
            yield School(slave, county, site)
        finally:
            await county.stop()
            await modbus.stop()
