"""A school of every kind of device from one site file: supervisor, all drivers and journal against `School`."""

import asyncio
import random
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.demo.sitefile import PORTS, write_site_file
from gateway.driver import Command
from gateway.model import Alarm, AlarmState, Kind, Presence
from gateway.site import Site, load_site
from gateway.store import Journal
from gateway.supervisor import Supervisor
from simulators.fault import Fault
from simulators.port import ReservedPort
from simulators.scenario import Step, load_scenario, play
from simulators.school import School
from simulators.school_verbs import school_verbs
from simulators.steer import Steering
from tests.panels_site import SITE, zones
from tests.wait import until

DRILL = Path(__file__).parent.parent / "simulators/scenarios/drill-morning.toml"

#: What is raised by a press of each point that is not of its own kind: a fire panel says fire, which is worse than smoke or heat.
SAID = {"fire-smoke": Kind.FIRE, "line-heat": Kind.FIRE}


@asynccontextmanager
async def playing(site: Site) -> AsyncIterator[tuple[School, Journal, Supervisor]]:
    """The school and the gateway's own parts, once every device is there."""
    clock = SystemClock()
    school = School(site)
    journal = await Journal.open(site, clock=clock)
    supervisor = Supervisor(site.connections, DRIVERS, journal, clock, random.Random(5))
    await school.start()
    run = asyncio.create_task(supervisor.run())
    try:
        devices = {device.id for device in site.devices if not device.is_camera}
        await until(lambda: online(journal) >= devices, seconds=30)  # a camera with a driver may be, too
        yield school, journal, supervisor
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        await journal.close()
        await school.stop()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """All kinds of connections."""
    path = tmp_path / "site.toml"
    text = SITE.format(
        folder=tmp_path,
        zones_cid=zones("cid"),
        zones_call=zones("call"),
        **free("modbus", "dc09", "dc09_udp", "fire", "fire_udp"),
    )
    path.write_text(text, encoding="utf-8")
    (tmp_path / "panel.key").write_text("000102030405060708090A0B0C0D0E0F\n", encoding="ascii")
    return load_site(path, DRIVERS)


def free(*names: str) -> dict[str, int]:
    """Ports that were free a moment ago."""
    ports = {name: ReservedPort() for name in names}
    for port in ports.values():
        port.release()
    return {name: port.number for name, port in ports.items()}


def online(journal: Journal) -> set[str]:
    return {name for name, known in journal.presences.items() if known.presence is Presence.ONLINE}


def alarms_of(journal: Journal, subject: str) -> list[Alarm]:
    return [alarm for alarm in journal.open_alarms.values() if alarm.source.subject == subject]


async def test_every_point_alarms_and_returns(site: Site) -> None:
    """Whatever a point hangs on, its press is one alarm of the right kind in the journal, and its release returns it."""
    async with playing(site) as (school, journal, _):
        points = {point.id: point for device in site.devices for point in device.points}
        assert set(school.points) == set(points)

        for point in points:
            school.press(point)
        await until(lambda: all(alarms_of(journal, point) for point in points), seconds=30)

        kinds = {name: alarms_of(journal, name)[0].source.kind for name in points}
        assert kinds == {name: SAID.get(name, point.kind) for name, point in points.items()}
        for point in points:
            school.release(point)
        returning = [name for name, point in points.items() if point.returns]
        assert len(returning) >= len(points) - 4  # panic and duress of panels that call do not return (I5)
        await until(
            lambda: all(
                alarms_of(journal, name)[0].state is AlarmState.RETURNED_UNACKNOWLEDGED for name in returning
            ),
            seconds=30,
        )
        others = {alarm.source.subject for alarm in journal.open_alarms.values()} - set(points)
        # a fire panel that is asked while it burns says it of its system and its transmitter, too
        assert not [
            name for name in others if not name.startswith(("fire-panel:", "fire-line:", "fire-udp:"))
        ]


async def test_every_device_is_lost_and_comes_back(site: Site) -> None:
    """Without power each device that is watched is an alarm of its own, which returns with the power; so is a silent one."""
    async with playing(site) as (school, journal, _):
        # of caller-6 nobody has said after which silence it is lost; with both modules the bus would be lost
        stay = {"caller-6", "sensors"}
        watched = [device.id for device in site.devices if device.id not in stay]

        def lost() -> set[str]:
            return {
                alarm.source.subject
                for alarm in journal.open_alarms.values()
                if alarm.source.kind is Kind.DEVICE_LOST and alarm.returned_at is None
            }

        for device in watched:
            await school.power_off(device)
        await until(lambda: lost() == set(watched), seconds=30)
        assert online(journal) == stay
        school.press("cid-panic")
        school.press("call-panic")
        for device in watched:
            await school.power_on(device)
        await until(lambda: not lost() and len(online(journal)) == len(site.devices), seconds=30)
        await until(lambda: bool(alarms_of(journal, "cid-panic") and alarms_of(journal, "call-panic")))

        await school.misbehave("fire", Fault.SILENT)  # every panel of the listener
        await school.misbehave("caller", Fault.SILENT)
        await until(lambda: lost() == {"fire-panel", "caller"}, seconds=30)
        for name in ("fire", "caller"):
            await school.misbehave(name, Fault.NONE)
        await until(lambda: not lost(), seconds=30)


async def test_what_a_panel_says_of_itself(site: Site) -> None:
    """Mains, battery, any code, a reset and the guard's answer reach the journal or the one who has asked."""
    async with playing(site) as (school, journal, supervisor):

        def kinds(device: str) -> set[tuple[Kind, bool]]:
            return {
                (alarm.source.kind, alarm.returned_at is None)
                for alarm in journal.open_alarms.values()
                if alarm.source.device == device
            }

        for device in ("panel-cid", "panel-sia", "caller", "fire-panel"):
            school.mains(device, on=False)
            school.battery(device, on=False)
            down = {(Kind.FAULT, True), (Kind.BATTERY, True)}
            await until(lambda device=device, down=down: kinds(device) == down)  # type: ignore[misc]  # bound in time
            school.mains(device, on=True)
            school.battery(device, on=True)
            up = {(Kind.FAULT, False), (Kind.BATTERY, False)}
            await until(lambda device=device, up=up: kinds(device) == up)  # type: ignore[misc]  # the same

        school.code("caller", "1151", 77)
        await until(lambda: (Kind.GAS, True) in kinds("caller"))
        school.press("fire-button")
        await until(lambda: bool(alarms_of(journal, "fire-button")))
        school.reset("fire-panel", 7)
        await until(lambda: alarms_of(journal, "fire-button")[0].returned_at is not None)

        news: list[str] = []
        school.on_news = news.append
        asked = asyncio.create_task(supervisor.command("fire-panel", Command.GUARD_CHECK, minutes=1))
        await until(lambda: bool(news))
        assert news[0].startswith("fire-panel: 查岗")
        school.answer("fire-panel", 9)
        async with asyncio.timeout(10):
            assert "operator 9" in await asked


#: The drill takes five minutes; here it takes so many times less, and a press not so little that a busy machine sleeps through it.
QUICKER = 20
SHORTEST_S = 1.2


def shortened(step: Step, steering: Steering) -> Step:
    """The same, quicker: its time, and the seconds that it speaks of, but no press shorter than some polls."""
    verb, *words = shlex.split(step.line)
    told = [
        f"{max(SHORTEST_S, float(word) / QUICKER):g}" if name == "SECONDS" else word
        for name, word in zip(steering.verb(verb).takes, words, strict=False)
    ]
    return Step(step.at / QUICKER, shlex.join([verb, *told]))


async def test_the_drill_is_played_in_full(tmp_path: Path) -> None:
    """drill-morning.toml against the demo's own site file: every step is done, and the journal has the morning."""
    path = write_site_file(tmp_path, free(*PORTS), "rehearsal")
    async with playing(load_site(path, DRIVERS)) as (school, journal, _):
        steering = Steering(school_verbs(school))
        steps = [shortened(step, steering) for step in load_scenario(DRILL, steering)]
        said: list[str] = []

        assert await play(steps, steering, said.append, SystemClock()) == 0

        assert len(said) == len(steps)
        pressed = {"gate-button", "hall-smoke", "office-button", "stage-smoke"}
        await until(lambda: all(alarms_of(journal, point) for point in pressed))
        await until(lambda: all(alarms_of(journal, point)[0].returned_at for point in pressed), seconds=20)
        assert not alarms_of(journal, "hall-heat")
        mains = [alarm for alarm in journal.open_alarms.values() if alarm.source.device == "fire-panel"]
        assert {alarm.source.kind for alarm in mains} >= {Kind.FIRE, Kind.FAULT}
