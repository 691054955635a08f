"""SIGKILL at random moments of an alarm storm: the county has every press exactly once, without a gap."""

import asyncio
import collections
import collections.abc
import os
import random
from pathlib import Path

import pytest

from gateway.model import EventType
from gateway.store.check import check_journal
from simulators.county import County
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from tests.daemon import DaemonProcess
from tests.mosquitto import mosquitto
from tests.wait import until

KILLS = int(os.environ.get("CAMPUS_KILLS", "30"))
BUTTONS = 16

SITE = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "{state}"
clock = "host"
[journal]
ballast_mb = 1
[console]
port = 0
[metrics]
port = 0
[escalation]
critical_s = 0
high_s = 0
[[zone]]
id = "gate"
name = "校门"
[[bus]]
id = "bus-1"
driver = "modbus"
host = "127.0.0.1"
port = {modbus}
[[device]]
id = "buttons"
zone = "gate"
bus = "bus-1"
slave = 1
poll_ms = 20
{points}
[[uplink]]
name = "bureau"
confirm = "platform"
receipt_timeout_s = 2
[[uplink.broker]]
host = "127.0.0.1"
port = {broker}
"""

POINT = """
[[device.point]]
id = "button-{number}"
kind = "panic"
function = "discrete"
address = {number}
"""


class Presser:
    """A person at each button: presses, holds until the county has heard, lets go, waits for the return, again."""

    def __init__(self, slave: ModbusSlave) -> None:
        self.presses: collections.Counter[str] = collections.Counter()
        self.heard: collections.Counter[str] = collections.Counter()
        self.returned: collections.Counter[str] = collections.Counter()
        self._slave = slave
        self._news = asyncio.Condition()

    async def hear(self, subject: str, event_type: str) -> None:
        """The county has stored an event."""
        if event_type in {EventType.ALARM_RAISED, EventType.ALARM_REPEATED}:
            self.heard[subject] += 1
        elif event_type == EventType.ALARM_RETURNED:
            self.returned[subject] += 1
        async with self._news:
            self._news.notify_all()

    async def press_on(self, number: int, enough: asyncio.Event) -> None:
        """Until it is enough; ends with the button at rest."""
        point = f"button-{number}"
        while not enough.is_set():
            self.presses[point] += 1
            self._slave.press(number)
            await self._wait(self.heard, point)
            self._slave.release(number)
            await self._wait(self.returned, point)

    async def _wait(self, counter: collections.Counter[str], point: str) -> None:
        async with asyncio.timeout(90), self._news:
            await self._news.wait_for(lambda: counter[point] >= self.presses[point])


@pytest.mark.timeout(600)
async def test_every_press_is_in_the_countys_store_exactly_once_over_many_kills(tmp_path: Path) -> None:
    """Whatever the moment of a SIGKILL, every press reaches the county once by id, numbers have no gap, fsck is clean."""
    dice = random.Random(20261121)
    slave = ModbusSlave(1, discrete_inputs=range(BUTTONS))
    async with mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker:
        modbus = ModbusTcpSimulator(slaves=[slave])
        await modbus.start()
        county = County("127.0.0.1", broker.port)
        await county.start()
        presser = Presser(slave)
        county.on_event = lambda event, _at, _ns: _spawn(presser.hear(event.subject, event.type))
        site = tmp_path / "site.toml"
        points = "".join(POINT.format(number=number) for number in range(BUTTONS))
        site.write_text(
            SITE.format(state=tmp_path / "state", modbus=modbus.port, broker=broker.port, points=points)
        )
        daemon = DaemonProcess(site, "--log-level", "warning")
        enough = asyncio.Event()
        try:
            await daemon.start()
            people = [asyncio.create_task(presser.press_on(number, enough)) for number in range(BUTTONS)]
            for _ in range(KILLS):
                before = sum(presser.heard.values())
                await asyncio.sleep(dice.uniform(0, 0.4))  # the moment of the kill is what is random here
                await daemon.kill()
                await daemon.start(ready=False)
                await until(lambda before=before: sum(presser.heard.values()) > before, 60)  # type: ignore[misc]
            enough.set()
            await asyncio.gather(*people)
            report = await county.wait_for(
                lambda found: all(stream.upto >= stream.announced for stream in found.streams), 30
            )
            events = await county.events()
        finally:
            await daemon.kill()
            await county.stop()
            await modbus.stop()

    assert sum(presser.presses.values()) > KILLS
    assert presser.heard == presser.presses, daemon.text()[-3000:]
    assert report.gaps == ()
    assert report.violations == ()
    assert len({event.id for event in events}) == len(events)
    assert len(report.streams) == 1
    assert check_journal(tmp_path / "state" / "journal.db") == []


_tasks: set[asyncio.Task[None]] = set()


def _spawn(coroutine: collections.abc.Coroutine[object, object, None]) -> None:
    task = asyncio.ensure_future(coroutine)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
