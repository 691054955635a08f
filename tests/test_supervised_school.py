"""Supervisor, Modbus driver and journal together: what a guard sees of real presses and real losses."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.model import Alarm, AlarmState, Kind, Presence
from gateway.site import load_site
from gateway.store import Journal
from gateway.supervisor import Supervisor
from simulators.fault import Fault
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from tests.wait import until

SLAVES = (1, 2, 3)


def alarms(journal: Journal, kind: Kind) -> list[Alarm]:
    return [alarm for alarm in journal.open_alarms.values() if alarm.source.kind is kind]


@asynccontextmanager
async def school(folder: Path, modules: ModbusTcpSimulator) -> AsyncIterator[Journal]:
    file = folder / "site.toml"
    file.write_text(
        f'[site]\nid = "school-1"\nname = "First School"\ncounty = "330106"\nstate_dir = "{folder}/state"\n'
        '[journal]\nballast_mb = 0\n[[zone]]\nid = "gate"\nname = "Gate"\n'
        f'[[bus]]\nid = "hall"\ndriver = "modbus"\nhost = "127.0.0.1"\nport = {modules.port}\ntimeout_s = 0.1\n'
        + "".join(
            f'[[device]]\nid = "m{slave}"\nzone = "gate"\nbus = "hall"\nslave = {slave}\npoll_ms = 20\n'
            f'[[device.point]]\nid = "b{slave}"\nkind = "panic"\nfunction = "discrete"\naddress = 0\n'
            for slave in SLAVES
        ),
        encoding="utf-8",
    )
    site = load_site(file, DRIVERS)
    clock = SystemClock()
    journal = await Journal.open(site, clock=clock)
    supervisor = Supervisor(site.connections, DRIVERS, journal, clock, random.Random(5))
    run = asyncio.create_task(supervisor.run())
    try:
        await until(lambda: len(online(journal)) == len(SLAVES))
        yield journal
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        await journal.close()


def online(journal: Journal) -> set[str]:
    return {name for name, known in journal.presences.items() if known.presence is Presence.ONLINE}


@asynccontextmanager
async def bus() -> AsyncIterator[ModbusTcpSimulator]:
    simulator = ModbusTcpSimulator(slaves=[ModbusSlave(number) for number in SLAVES])
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()


async def test_a_press_is_an_alarm(tmp_path: Path) -> None:
    """A button pressed and let go is one open alarm of its point, returned and unacknowledged."""
    async with bus() as modules, school(tmp_path, modules) as journal:
        modules.slaves[2].press(0)
        await until(lambda: len(alarms(journal, Kind.PANIC)) == 1)
        modules.slaves[2].release(0)
        await until(lambda: alarms(journal, Kind.PANIC)[0].state is AlarmState.RETURNED_UNACKNOWLEDGED)

        (alarm,) = journal.open_alarms.values()
        assert alarm.source.point == "b2"


async def test_a_lost_device_is_its_own_alarm(tmp_path: Path) -> None:
    """One module without power is one alarm, which returns with it; the bus is not lost."""
    async with bus() as modules, school(tmp_path, modules) as journal:
        await modules.misbehave(Fault.SILENT, slave=3)
        await until(lambda: len(alarms(journal, Kind.DEVICE_LOST)) == 1)
        assert online(journal) == {"m1", "m2"}
        await modules.misbehave(Fault.NONE, slave=3)
        await until(lambda: len(online(journal)) == 3)

        (alarm,) = journal.open_alarms.values()
        assert (alarm.source.subject, alarm.returned_at is not None) == ("m3", True)


async def test_a_lost_bus_is_one_alarm(tmp_path: Path) -> None:
    """A bus without power is one alarm and not three; a button pressed meanwhile is an alarm when the bus is back."""
    async with bus() as modules, school(tmp_path, modules) as journal:
        await modules.power_off()
        await until(lambda: bool(alarms(journal, Kind.BUS_LOST)))
        await until(lambda: not online(journal))
        modules.slaves[1].press(0)
        await modules.power_on()
        await until(lambda: bool(alarms(journal, Kind.PANIC)) and len(online(journal)) == 3)

        assert len(journal.open_alarms) == 2
        assert alarms(journal, Kind.BUS_LOST)[0].returned_at is not None


async def test_held_over_a_restart(tmp_path: Path) -> None:
    """A button held while the gateway starts again is still the one alarm, not repeated."""
    async with bus() as modules:
        async with school(tmp_path, modules) as journal:
            modules.slaves[1].press(0)
            await until(lambda: len(journal.open_alarms) == 1)
        async with school(tmp_path, modules) as journal:
            modules.slaves[2].press(0)
            await until(lambda: len(journal.open_alarms) == 2)

            assert [alarm.repeats for alarm in journal.open_alarms.values()] == [0, 0]
