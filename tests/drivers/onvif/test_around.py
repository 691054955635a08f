"""Beside its events: pictures, streams, relays, clock; hostile servers; what reconnecting leaves behind."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.driver import Driver, Films, Switches
from gateway.errors import DeviceRefused, DeviceUnavailable
from simulators.camera import CameraSimulator, Video
from simulators.onvif import OnvifSimulator, Quirk
from tests.drivers.contract import Run, running
from tests.drivers.onvif.cameras import BUTTON, QUICK, STANDING, camera, connection_of, pictures
from tests.drivers.onvif.test_hard import Hurried
from tests.drivers.recorder import Recorder
from tests.wait import until

ONVIF = DRIVERS["onvif"]
RELAY = '[[device.output]]\nid = "siren"\nkind = "sounder"\nrelay = "R_1"\n'
PATIENT = "pull_s = 1\n"


@asynccontextmanager
async def driven(
    folder: Path, simulator: OnvifSimulator, keys: str = PATIENT, points: str = BUTTON
) -> AsyncIterator[tuple[Driver, Recorder, Run]]:
    """The driver itself, connected, to ask it for more than events."""
    if not simulator.port:
        await simulator.start()
    driver = ONVIF.build(connection_of(folder, simulator, keys, points), SystemClock())
    sink = Recorder()
    run = asyncio.create_task(driver.run(sink))
    try:
        await until(lambda: bool(sink.presences))
        yield driver, sink, run
    finally:
        run.cancel()
        await asyncio.wait({run}, timeout=2)


async def test_pictures_of_a_camera_that_takes_basic_alone(tmp_path: Path) -> None:
    """With another password there than ours, it is asked once and not again and again."""
    simulator = camera(Quirk.PICTURE_BASIC)
    async with driven(tmp_path, simulator) as (driver, _, run):
        assert isinstance(driver, Films)
        assert (await driver.picture()).startswith(b"\xff\xd8")
        await simulator.camera.stop()
        simulator._gate.judge_basic = lambda authorization: False  # type: ignore[method-assign] # refuses all
        for _ in range(5):
            with pytest.raises(DeviceRefused):
                await driver.picture()

        assert not run.done()


async def test_the_choice_of_main_and_sub(tmp_path: Path) -> None:
    """The largest is main in either service, whatever the order; a camera without a sub stream has none."""
    for media2, media1 in ((True, True), (True, False), (False, True)):
        simulator = OnvifSimulator(
            CameraSimulator(
                loop=pictures(),
                sub=Video(width=320, height=192, fps=2, gop_seconds=1.0, codec="h265" if media2 else "h264"),
            ),
            media2=media2,
            media1=media1,
        )
        STANDING.append(simulator)
        async with driven(tmp_path, simulator) as (driver, _, __):
            assert isinstance(driver, Films)
            streams = await driver.streams()
        await simulator.stop()

        assert streams.main == simulator.camera.sub_url, "the larger one, though it is the second profile"
        assert streams.sub == simulator.camera.url


async def test_a_relay_is_switched_while_events_are_rebuilt(tmp_path: Path) -> None:
    """The siren does not wait for the pull point."""
    simulator = camera()
    async with driven(tmp_path, simulator, points=BUTTON + RELAY) as (driver, sink, run):
        assert isinstance(driver, Switches)
        await until(lambda: bool(sink.signals))
        simulator._unit.pull_points.close_all()
        await until(lambda: simulator.subscriptions == 0 and simulator.waiting_pulls == 0)
        await driver.switch("siren", on=True)
        assert simulator.relay("R_1")
        assert simulator.subscriptions == 0
        assert not run.done()


async def test_a_monostable_relay_is_said(tmp_path: Path) -> None:
    """A siren at a relay that falls back by itself is found by `probe`."""
    simulator = camera(Quirk.MONOSTABLE)
    await simulator.start()
    assert ONVIF.probe is not None
    connection = connection_of(tmp_path, simulator, points=BUTTON + RELAY)
    found = [finding async for finding in ONVIF.probe(connection, SystemClock())]

    assert [one.text for one in found if not one.ok] == [
        "relay R_1 falls back by itself after PT1S: set it to bistable in the camera"
    ]


async def test_a_clock_that_can_t_be_set_is_not_fought_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It was set, and something else sets it back: said once, and not done again in this session."""
    caplog.set_level(logging.INFO)
    simulator = camera(Quirk.LOCAL_AS_UTC)
    await simulator.start()
    clock, sink = Hurried(), Recorder()
    async with running(ONVIF, connection_of(tmp_path, simulator, QUICK + "set_clock = true\n"), sink, clock):
        await until(lambda: bool(sink.levels_of("cam:clock")))
        for _ in range(3):
            looks = len(sink.levels_of("cam:clock"))
            clock.ahead += 601
            await until(lambda: len(sink.levels_of("cam:clock")) > looks)  # noqa: B023 - awaited here

    assert simulator.requests["SetSystemDateAndTime"] == 1
    assert "is still wrong" in caplog.text


RECONNECTS = 16


def open_files() -> int:
    """Of this process; sockets count."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_reconnects_leave_nothing_behind(tmp_path: Path) -> None:
    """Attempt after attempt against a camera that reboots: no socket, file, task or pull point more than after the first."""
    simulator = camera()
    await simulator.start()
    connection = connection_of(tmp_path, simulator)
    counts: list[tuple[int, int]] = []
    for number in range(RECONNECTS):
        sink = Recorder()
        async with running(ONVIF, connection, sink) as run:
            await until(lambda: bool(sink.signals))  # noqa: B023 - awaited here
            if number % 2:
                await simulator.power_cycle(0.0)
                await asyncio.wait({run}, timeout=5)
        await until(lambda: simulator.waiting_pulls == 0)
        counts.append((open_files(), len(asyncio.all_tasks())))

    assert max(counts[RECONNECTS // 2 :]) <= max(counts[2:4]), counts
    assert simulator.subscriptions <= 1


BOMBS: dict[str, bytes] = {
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 40\r\n\r\n\x1f\x8b" + b"\0" * 38,
    "elements": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n<a>" + b"<b/>" * 250_000,
    "deep": b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"<b>" * 300_000,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + (b"8000\r\n" + b" " * 32768 + b"\r\n") * 100,
    "headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200_000,
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.77.77.77:1/onvif\r\nContent-Length: 0\r\n\r\n",
    "http10": b"HTTP/1.0 200 OK\r\n\r\n<html>login</html>",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "challenge": b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest "
    + b'realm="a", ' * 500
    + b"\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", BOMBS)
async def test_answers_of_a_hostile_server(tmp_path: Path, name: str) -> None:
    """Whatever it sends, the driver says what is wrong within its limits, and breaks nothing."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(65536)
            writer.write(BOMBS[name])
            await writer.drain()
        except OSError:
            pass  # it hung up in the middle, as it should
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    nobody = camera()
    nobody._unit.port = server.sockets[0].getsockname()[1]
    sink = Recorder()
    connection = connection_of(tmp_path, nobody)
    nobody._unit.port = 0
    async with server, running(ONVIF, connection, sink) as run:
        done, _ = await asyncio.wait({run}, timeout=5)
        assert done
        assert isinstance(run.exception(), DeviceUnavailable | DeviceRefused), run.exception()

    assert not sink.signals
