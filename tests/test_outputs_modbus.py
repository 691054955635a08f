"""The daemon, the Modbus driver and a simulated module together: a real press sounds a real siren, and nothing is left on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from drivers import DRIVERS
from gateway.app import Daemon
from gateway.clock import SystemClock
from gateway.services import Started
from gateway.site import load_site
from gateway.store.accounts import write_account
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from simulators.modbus.slave import Table
from tests.console.desk import PASSWORD, WANG
from tests.wait import until

SITE = """
[site]
id = "school-1"
name = "First School"
county = "330106"
state_dir = "{state}"
clock = "host"
[journal]
ballast_mb = 0
[console]
port = 0
[metrics]
port = 0
[[zone]]
id = "gate"
name = "校门"
[[bus]]
id = "hall"
driver = "modbus"
host = "127.0.0.1"
port = {port}
timeout_s = 0.3
[[device]]
id = "box"
zone = "gate"
bus = "hall"
slave = 1
poll_ms = 20
[[device.point]]
id = "button"
kind = "panic"
function = "discrete"
address = 0
[[device.output]]
id = "siren"
name = "警号"
kind = "sounder"
function = "coil"
address = 3
"""


@asynccontextmanager
async def module() -> AsyncIterator[ModbusTcpSimulator]:
    simulator = ModbusTcpSimulator(slaves=[ModbusSlave(1)])
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.stop()


@asynccontextmanager
async def daemon(folder: Path, modules: ModbusTcpSimulator) -> AsyncIterator[str]:
    """The daemon at work, for the length of a `with`; its console's address."""
    file = folder / "site.toml"
    file.write_text(SITE.format(state=folder / "state", port=modules.port), encoding="utf-8")
    stop = asyncio.Event()
    started: asyncio.Queue[Started] = asyncio.Queue()
    run = asyncio.create_task(
        Daemon(load_site(file, DRIVERS), DRIVERS, SystemClock()).run(stop, started.put_nowait)
    )
    async with asyncio.timeout(20):
        host, port = (await started.get()).console
    try:
        yield f"http://{host}:{port}"
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await run


@asynccontextmanager
async def guard(console: str) -> AsyncIterator[httpx.AsyncClient]:
    """A guard at the console."""
    async with httpx.AsyncClient(base_url=console, timeout=20, trust_env=False) as client:
        answer = await client.post("/api/session", json={"name": WANG.name, "password": PASSWORD})
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        yield client


def sounds(modules: ModbusTcpSimulator) -> bool:
    """Whether the module's coil is on."""
    return modules.slaves[1].value(Table.COILS, 3) == 1


async def test_a_press_sounds_the_siren_and_a_stop_ends_it(tmp_path: Path) -> None:
    """A siren left on is off after the start; a press switches it on; the daemon's stop switches it off."""
    async with module() as modules:
        modules.slaves[1].set_coil(3, on=True)
        async with daemon(tmp_path, modules):
            await until(lambda: not sounds(modules))
            modules.slaves[1].press(0)
            await until(lambda: sounds(modules))
            modules.slaves[1].release(0)
        assert not sounds(modules)


async def test_a_module_that_lost_its_power_sounds_again_when_it_is_back(tmp_path: Path) -> None:
    """Its coil fell off; it is written as soon as its device is there again, and after a restart of the daemon too."""
    async with module() as modules:
        async with daemon(tmp_path, modules):
            modules.slaves[1].press(0)
            await until(lambda: sounds(modules))
            await modules.power_cycle(0.5)
            await until(lambda: sounds(modules), 15)
        assert not sounds(modules)
        async with daemon(tmp_path, modules):
            await until(lambda: sounds(modules), 15)


async def test_a_guard_silences_the_siren(tmp_path: Path) -> None:
    """One request: the coil is off, the alarm unacknowledged; the next press sounds."""
    async with module() as modules:
        async with daemon(tmp_path, modules):
            await asyncio.to_thread(write_account, tmp_path / "state" / "journal.db", WANG, 0)
        async with daemon(tmp_path, modules) as console, guard(console) as browser:
            modules.slaves[1].press(0)
            await until(lambda: sounds(modules))
            assert (await browser.post("/api/silence")).json() == {"silenced": 1}
            await until(lambda: not sounds(modules))
            (alarm,) = (await browser.get("/api/alarms")).json()["alarms"]
            assert alarm["state"] == "unacknowledged"
            assert alarm["silenced"]["by"] == {"name": "wang", "display": "王强"}
            (output,) = (await browser.get("/api/outputs")).json()["outputs"]
            assert (output["id"], output["wanted"], output["actual"]) == ("siren", False, False)
            modules.slaves[1].release(0)
            await until(lambda: _returned(browser))
            modules.slaves[1].press(0)
            await until(lambda: sounds(modules))


async def _returned(browser: httpx.AsyncClient) -> bool:
    (alarm,) = (await browser.get("/api/alarms")).json()["alarms"]
    return alarm["returned_at"] is not None
