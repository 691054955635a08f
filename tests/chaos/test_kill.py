"""SIGKILL at random moments of an alarm storm: the county has every press exactly once, without a gap."""

import asyncio
import collections
import contextlib
import itertools
import json
import os
import random
import sqlite3
import sys
from collections.abc import Coroutine, Iterable
from datetime import datetime
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.model import Durability, EventType, Kind, Level, Origin, Signal
from gateway.store import Journal
from gateway.store.check import check_journal
from simulators.county import County, Event
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from tests.chaos.nest import Nest
from tests.mosquitto import mosquitto
from tests.sites import said, school
from tests.wait import until

KILLS = int(os.environ.get("CAMPUS_KILLS", "30"))
EARLY_EVERY = 6  # every so many kills, one more hits the daemon while it starts
BUTTONS = 16
PANELS = 20

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

PRESSES = {EventType.ALARM_RAISED, EventType.ALARM_REPEATED}

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
        if event_type in PRESSES:
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


class Starts:
    """What the county has heard of the daemon's starts, and of presses with a higher number than a start's event.

    Numbers are given in the order of commits, so such a press was taken by a process that had started.
    """

    def __init__(self) -> None:
        self._started: dict[int, int] = {}
        self._last_press = 0

    def hear(self, event: Event) -> None:
        """The county has stored an event."""
        if event.type == EventType.GATEWAY_STARTED:
            self._started[int(str(event.data["boot"]))] = event.sequence
        elif event.type in PRESSES:
            self._last_press = max(self._last_press, event.sequence)

    def has_pressed_after(self, boot: int) -> bool:
        """Whether a later start than this one has taken a press."""
        return any(
            later > boot and number < self._last_press for later, number in list(self._started.items())
        )


def boots_with_presses(events: Iterable[Event]) -> set[int]:
    """The starts between whose event and the next one's a press was numbered."""
    boot, found = 0, set()
    for event in sorted(events, key=lambda event: event.sequence):
        if event.type == EventType.GATEWAY_STARTED:
            boot = int(str(event.data["boot"]))
        elif event.type in PRESSES:
            found.add(boot)
    return found


def boot_in(journal: Path) -> int:
    """The last start that the journal knows; nobody is writing to it now."""
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        return int(db.execute("select boot from journal").fetchone()[0])


async def strike(daemon: Nest, starts: Starts, journal: Path) -> list[int]:
    """KILLS kills of a process that has started and taken presses, and more that hit it early; the starts that counted."""
    dice = random.Random(20261121)
    struck: list[int] = []
    boot = 0
    for kill in range(KILLS):
        if kill % EARLY_EVERY == 1:
            await daemon.start()
            await asyncio.sleep(dice.uniform(0, 0.3))  # the moment of the kill is what is random here
            await daemon.kill()
            boot = boot_in(journal)
        await daemon.start()
        await until(lambda boot=boot: starts.has_pressed_after(boot), 60)  # type: ignore[misc]
        await asyncio.sleep(dice.uniform(0, 0.2))  # and here
        await daemon.kill()
        boot = boot_in(journal)
        struck.append(boot)
    return struck


@pytest.mark.timeout(600)
async def test_every_press_is_in_the_countys_store_exactly_once_over_many_kills(tmp_path: Path) -> None:
    """Whatever the moment of a SIGKILL, every press reaches the county once by id, numbers have no gap, fsck is clean.

    Each of the counted kills hits a process that has started and taken presses; others hit it while it starts.
    """
    slave = ModbusSlave(1, discrete_inputs=range(BUTTONS))
    async with mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker:
        modbus = ModbusTcpSimulator(slaves=[slave])
        await modbus.start()
        county = County("127.0.0.1", broker.port)
        await county.start()
        presser = Presser(slave)
        starts = Starts()

        def hear(event: Event, _at: datetime, _ns: int) -> None:
            starts.hear(event)
            _spawn(presser.hear(event.subject, event.type))

        county.on_event = hear
        journal = tmp_path / "state" / "journal.db"
        site = tmp_path / "site.toml"
        points = "".join(POINT.format(number=number) for number in range(BUTTONS))
        site.write_text(
            SITE.format(state=tmp_path / "state", modbus=modbus.port, broker=broker.port, points=points)
        )
        daemon = Nest(site, "--log-level", "warning")
        enough = asyncio.Event()
        try:
            await daemon.open()
            people = [asyncio.create_task(presser.press_on(number, enough)) for number in range(BUTTONS)]
            struck = await strike(daemon, starts, journal)
            await daemon.start()
            enough.set()
            await asyncio.gather(*people)
            report = await county.wait_for(
                lambda found: all(stream.upto >= stream.announced for stream in found.streams), 30
            )
            events = await county.events()
        finally:
            await daemon.close()
            await county.stop()
            await modbus.stop()

    assert len(set(struck)) == KILLS
    assert set(struck) - boots_with_presses(events) == set()
    assert presser.heard == presser.presses, daemon.text()[-3000:]
    assert report.gaps == ()
    assert report.violations == ()
    assert len({event.id for event in events}) == len(events)
    assert len(report.streams) == 1
    assert check_journal(journal) == []


_tasks: set[asyncio.Task[None]] = set()


def _spawn(coroutine: Coroutine[object, object, None]) -> None:
    task = asyncio.ensure_future(coroutine)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def report_numbers(place: Path) -> None:
    """A process of panels, each with numbered messages; a number is printed when its report has returned, not before.

    Each goes on with the first number that was not printed, as a panel repeats what was not acknowledged.
    """
    journal = await Journal.open(school(place), clock=SystemClock())
    done = collections.Counter(line.split()[0] for line in printed(place))

    async def panel(name: str) -> None:
        for number in itertools.count(done[name]):
            words = f"{name} {number}"
            press = Signal(
                device="buttons",
                point="gate-button",
                kind=Kind.PANIC,
                level=Level.ACTIVE,
                origin=Origin.EVENT,
                detail=words,
            )
            durability = await journal.receive(said(words.encode(), press, account=name))
            assert durability is Durability.DISK
            os.write(sys.stdout.fileno(), f"{words}\n".encode())

    await asyncio.gather(*(panel(f"panel-{index}") for index in range(PANELS)))


def printed(place: Path) -> list[str]:
    """What the processes have said is kept."""
    path = place / "printed"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.mark.timeout(600)
async def test_every_acknowledged_message_is_in_the_journal_exactly_once_over_many_kills(
    tmp_path: Path,
) -> None:
    """`report` returned means kept (I1): SIGKILL at any moment loses none, and what is repeated after it is one (I3)."""
    dice = random.Random(20261122)
    code = (
        "import asyncio, pathlib, sys; from tests.chaos.test_kill import report_numbers;"
        " asyncio.run(report_numbers(pathlib.Path(sys.argv[1])))"
    )
    out = tmp_path / "printed"
    for _ in range(max(1, KILLS // 3)):
        before = out.stat().st_size if out.exists() else 0
        with out.open("ab") as stdout:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, str(tmp_path), stdout=stdout, cwd=Path(__file__).parents[2]
            )
        try:
            await until(lambda before=before: out.stat().st_size > before, 30)  # type: ignore[misc]
            await asyncio.sleep(dice.uniform(0, 0.3))  # the moment of the kill is what is random here
            assert process.returncode is None
        finally:
            process.kill()
            await process.wait()

    path = tmp_path / "state" / "journal.db"
    db = sqlite3.connect(path)
    bodies = [row[0] for row in db.execute("select body from event where alarm_id is not null")]
    streams = db.execute("select count(*) from stream").fetchone()
    db.close()
    kept = collections.Counter(json.loads(body)["data"]["detail"] for body in bodies)
    said = printed(tmp_path)
    assert len(said) > PANELS
    assert len(set(said)) == len(said)
    assert set(said) - set(kept) == set()
    assert [number for number, times in kept.items() if times > 1] == []
    assert len(kept) - len(said) <= PANELS  # of each panel at most the one that was on its way
    assert streams == (1,)
    assert check_journal(path) == []
