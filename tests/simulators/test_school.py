"""A school made of a site file: the real driver and the real recorder's library find what the file promises."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import av
import pytest

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.driver import Driver
from gateway.errors import SiteFileError
from gateway.model import Level, Presence
from gateway.site import Site, load_site
from simulators.fault import Fault
from simulators.port import ReservedPort
from simulators.school import School
from tests.drivers.recorder import Recorder
from tests.simulators.test_campus_sim import campus_sim
from tests.wait import until

HEAD = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "/nowhere/state"
[[zone]]
id = "gate"
name = "校门"
"""

TCP = """
[[bus]]
id = "net"
driver = "modbus"
host = "127.0.0.1"
port = {port}
timeout_s = 0.2
"""

SERIAL = """
[[bus]]
id = "net"
driver = "modbus"
serial = "{link}"
baudrate = 115200
timeout_s = 0.2
"""

DEVICES = """
[[device]]
id = "buttons"
zone = "gate"
bus = "net"
slave = 1
poll_ms = 10
[[device.point]]
id = "open"
kind = "panic"
function = "discrete"
address = 0
[[device.point]]
id = "closed"
kind = "panic"
function = "discrete"
address = 40
contact = "nc"
latched = true
[[device.point]]
id = "coil"
kind = "door"
function = "coil"
address = 3
contact = "nc"

[[device]]
id = "sensors"
zone = "gate"
bus = "net"
slave = 2
poll_ms = 10
[[device.point]]
id = "smoke"
kind = "smoke"
function = "holding"
address = 2
mask = 0x0001
[[device.point]]
id = "head"
kind = "tamper"
function = "holding"
address = 2
mask = 0x0100
contact = "nc"
[[device.point]]
id = "heat"
kind = "heat"
function = "input"
address = 500
scale = 0.1
signed = true
unit = "C"
high = 57.05
low = -10.0
hysteresis = 3.0
[[device.point]]
id = "cold"
kind = "fault"
function = "input"
address = 501
signed = true
low = -2.0
[[device.point]]
id = "room"
kind = "temperature"
function = "input"
address = 500
scale = 0.1
signed = true
"""

CAMERA = """
[[device]]
id = "cam"
zone = "gate"
driver = "rtsp"
url = "rtsp://127.0.0.1:{port}/Streaming/101?profile=main"
username = "admin"
password_file = "camera.password"
"""


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    reserved = ReservedPort()
    reserved.release()
    return reserved.number


def site_of(folder: Path, *tables: str) -> Site:
    path = folder / "site.toml"
    path.write_text(HEAD + "".join(tables), encoding="utf-8")
    (folder / "camera.password").write_text("rehearsal\n", encoding="utf-8")
    return load_site(path, DRIVERS)


@asynccontextmanager
async def served(school: School) -> AsyncIterator[School]:
    await school.start()
    try:
        yield school
    finally:
        await school.stop()


@asynccontextmanager
async def watched(site: Site) -> AsyncIterator[Recorder]:
    """The gateway's own driver at the addresses of the site file, from its first answers on."""
    told = Recorder()
    driver: Driver = DRIVERS["modbus"].build(site.connections[0], SystemClock())
    running = asyncio.create_task(driver.run(told))
    try:
        await until(lambda: {name for name, _, _ in told.presences} == {"buttons", "sensors"})
        await until(lambda: len({signal.point for signal in told.signals}) == 7)
        yield told
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.mark.parametrize("line", ["tcp", "serial"])
async def test_every_kind_of_point_goes_into_alarm_and_back(tmp_path: Path, port: int, line: str) -> None:
    """Contacts open and closed, coils, bits, limits: the driver finds each at rest, pressed, and at rest again."""
    bus = TCP.format(port=port) if line == "tcp" else SERIAL.format(link=tmp_path / "rs485")
    site = site_of(tmp_path, bus, DEVICES)
    async with served(School(site)) as school, watched(site) as told:
        points = ["open", "closed", "coil", "smoke", "head", "heat", "cold"]
        assert {point: told.levels_of(point) for point in points} == {
            point: [Level.NORMAL] for point in points
        }
        for point in points:
            school.press(point)
            await until(lambda point=point: told.levels_of(point)[-1] is Level.ACTIVE)  # type: ignore[misc]  # bound in time
        for point in points:
            school.release(point)
            await until(lambda point=point: told.levels_of(point)[-1] is Level.NORMAL)  # type: ignore[misc]  # the same
        assert {point: told.levels_of(point) for point in points} == {
            point: [Level.NORMAL, Level.ACTIVE, Level.NORMAL] for point in points
        }


async def test_values_are_measured_in_the_points_unit(tmp_path: Path, port: int) -> None:
    """A value that is set is the value that the driver reads, and beyond its limit it is an alarm."""
    site = site_of(tmp_path, TCP.format(port=port), DEVICES)
    async with served(School(site)) as school, watched(site) as told:
        school.set_value("heat", -3.5)
        await until(lambda: told.readings[-1].value == -3.5)
        school.set_value("heat", 61.2)
        await until(lambda: told.levels_of("heat")[-1] is Level.ACTIVE)
        assert told.signals[-1].detail == "61.2 C"

        for point, value, why in [
            ("heat", 4000.0, "heat can't say 4000 C: it does not fit its register"),
            ("heat", float("inf"), "heat can't say inf: give a number"),
            ("open", 1.0, "open measures nothing: press or release it"),
        ]:
            with pytest.raises(ValueError, match=why):
                school.set_value(point, value)
        with pytest.raises(ValueError, match="room is only measured: give it a value"):
            school.press("room")


async def test_a_pulse_ends_by_itself_unless_the_button_latches(tmp_path: Path, port: int) -> None:
    """A short press comes back; a latched button stays down until somebody turns it."""
    site = site_of(tmp_path, TCP.format(port=port), DEVICES)
    async with served(School(site)) as school, watched(site) as told:
        await school.pulse("open", 0.2)
        await until(lambda: told.levels_of("open") == [Level.NORMAL, Level.ACTIVE, Level.NORMAL])
        await school.pulse("closed", 0.2)
        await school.pulse("open", 0.2)
        await until(lambda: len(told.levels_of("open")) == 5)
        assert told.levels_of("closed") == [Level.NORMAL, Level.ACTIVE]


async def test_devices_of_one_bus_fail_one_by_one(tmp_path: Path, port: int) -> None:
    """A fault or a power cut of one device leaves its neighbour alone; the device returns at rest."""
    site = site_of(tmp_path, TCP.format(port=port), DEVICES)
    async with served(School(site)) as school, watched(site) as told:
        await school.misbehave("sensors", Fault.SILENT)
        await until(lambda: told.presence_of("sensors") is Presence.OFFLINE)
        await school.power_cycle("sensors", 0.01)
        await until(lambda: told.presence_of("sensors") is Presence.ONLINE)
        assert told.presences_of("buttons") == [Presence.ONLINE]


async def test_a_camera_is_where_the_file_says(tmp_path: Path, port: int) -> None:
    """Address, path, user and password are those of the site file; without power nobody answers there."""
    site = site_of(tmp_path, CAMERA.format(port=port))

    def look() -> int:
        url = f"rtsp://admin:rehearsal@127.0.0.1:{port}/Streaming/101?profile=main"
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=5) as stream:
            return next(stream.decode(video=0)).width

    async with served(School(site)) as school:
        assert await asyncio.to_thread(look) == 640
        await school.power_off("cam")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(look)
        await school.power_on("cam")
        assert await asyncio.to_thread(look) == 640


async def test_an_address_that_is_taken_is_said_and_nothing_is_left_behind(tmp_path: Path, port: int) -> None:
    """The error names device and address; what had started before it has ended."""
    taken = ReservedPort()
    site = site_of(tmp_path, TCP.format(port=port), DEVICES, CAMERA.format(port=taken.number))
    why = f"cam can't be simulated at rtsp://127.0.0.1:{taken.number}/"
    with taken.listen(), pytest.raises(OSError, match=why):
        await School(site).start()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    taken.release()


async def test_what_is_not_there_is_named_with_what_is(tmp_path: Path, port: int) -> None:
    """Wrong ids, and devices that can't be simulated, are answered with what would be right."""
    school = School(site_of(tmp_path, TCP.format(port=port), DEVICES))
    with pytest.raises(ValueError, match="there is no point 'x'; there are: open, closed, coil"):
        school.press("x")
    with pytest.raises(ValueError, match="there is no device 'x'; there are: net, buttons, sensors"):
        await school.misbehave("x", Fault.SILENT)
    with pytest.raises(ValueError, match="net: no simulator speaks framer 'rtu' over TCP"):
        School(site_of(tmp_path, TCP.format(port=port) + 'framer = "rtu"\n', DEVICES))
    nameless = CAMERA.format(port=port).replace('username = "admin"\npassword_file = "camera.password"\n', "")
    with pytest.raises(ValueError, match="cam: a simulated camera wants a password"):
        School(site_of(tmp_path, nameless))
    site = site_of(tmp_path, CAMERA.format(port=port))
    (tmp_path / "camera.password").unlink()
    with pytest.raises(SiteFileError, match=r"camera\.password"):
        School(site)


async def test_campus_sim_plays_a_site_file(tmp_path: Path, port: int) -> None:
    """`campus-sim school SITE.toml` serves every device and is steered by the file's ids; a bad file is one exit 1."""
    site = site_of(tmp_path, TCP.format(port=port), DEVICES)
    async with campus_sim("school", str(site.path)) as sim:
        assert await sim.line() == "school-1: net, buttons, sensors"
        async with watched(site) as told:
            assert (await sim.tell("press closed")).startswith("pressed at ")
            await until(lambda: told.levels_of("closed")[-1] is Level.ACTIVE)
            assert (await sim.tell("release closed")).startswith("released at ")
            assert (await sim.tell("pulse open 0.1")).endswith("for 0.1 s")
            assert await sim.tell("value heat 60") == "ok"
            await until(lambda: told.levels_of("heat")[-1] is Level.ACTIVE)
            assert await sim.tell("fault sensors silent") == "ok"
            assert await sim.tell("power-cycle sensors 0.01") == "ok, back again"
        assert (await sim.tell("value heat warm")) == "error: 'warm': give a number"
        assert await sim.tell("list") == "open  panic"
        assert await sim.tell("quit") == "closed  panic"  # the list goes on; `quit` is answered after it
    (tmp_path / "site.toml").write_text("[site]\n", encoding="utf-8")
    async with campus_sim("school", str(site.path)) as sim:
        assert await sim.end() == 1
        assert sim.process.stderr is not None
        assert "site.county: is missing" in (await sim.process.stderr.read()).decode()
