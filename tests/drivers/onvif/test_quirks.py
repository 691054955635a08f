"""Each habit of real cameras (protocols.md 5.4) against a camera that has it: its button is heard all the same."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.driver import Films
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Kind, Level, Origin
from simulators.onvif import Auth, OnvifSimulator, Quirk
from tests.drivers.contract import Run, ending, running
from tests.drivers.onvif.cameras import BUTTON, QUICK, camera, connection_of
from tests.drivers.recorder import Recorder
from tests.wait import until

ONVIF = DRIVERS["onvif"]


@asynccontextmanager
async def served(
    folder: Path, simulator: OnvifSimulator, keys: str = QUICK, points: str = BUTTON, password: str = "camera"
) -> AsyncIterator[tuple[Recorder, Run]]:
    """The simulator, and a driver that serves it."""
    await simulator.start()
    sink = Recorder()
    try:
        connection = connection_of(folder, simulator, keys, points, password)
        async with running(ONVIF, connection, sink) as run:
            yield sink, run
    finally:
        await simulator.stop()


async def hears_its_button(sink: Recorder, simulator: OnvifSimulator) -> None:
    """At rest, pressed, released: all of it, in order."""
    await until(lambda: (Level.NORMAL, Origin.STATE) in sink.told_of("button"))
    simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
    simulator.set_input("DI_1", False)  # noqa: FBT003 - its own way
    await until(
        lambda: sink.told_of("button")[-2:] == [(Level.ACTIVE, Origin.EVENT), (Level.NORMAL, Origin.EVENT)]
    )


@pytest.mark.parametrize(
    "quirk",
    [
        Quirk.PORT_DOUBLED,
        Quirk.NAT_HOST,
        Quirk.NEEDS_INITIAL_TERMINATION,
        Quirk.NO_RELATIVE_TIME,
        Quirk.UNSUBSCRIBE_KILLS_ALL,
        Quirk.SUBSCRIPTION_ID,
        Quirk.UNAUTHORIZED_TEXT,
        Quirk.STRICT_CREATED,
        Quirk.LOCAL_AS_UTC,
        Quirk.MALFORMED_TOPIC,
        Quirk.HIK_ALARM_IN,
        Quirk.LIMITED_PULL_POINTS,
        Quirk.ITEMS_REORDERED,
        Quirk.LOCKS_ACCOUNT,
    ],
)
async def test_the_button_of_a_camera_with_a_quirk(tmp_path: Path, quirk: Quirk) -> None:
    """Its state at rest, its press and its release are heard, whatever else the camera gets wrong."""
    simulator = camera(quirk)
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)

    assert simulator.failed_logins == 0


@pytest.mark.parametrize("auth", list(Auth))
async def test_each_way_to_log_in(tmp_path: Path, auth: Auth) -> None:
    """Digest, WS-UsernameToken, both or none: found without a failed login."""
    simulator = camera(auth=auth)
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)

    assert simulator.failed_logins == 0


async def test_strict_created_is_satisfied_by_our_tokens(tmp_path: Path) -> None:
    """Created has whole seconds and a Z, for cameras that take WS-UsernameToken alone and nothing else."""
    simulator = camera(Quirk.STRICT_CREATED, auth=Auth.WSS)
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)

    assert simulator.failed_logins == 0


async def test_a_401_in_plain_text_is_a_refused_login(tmp_path: Path) -> None:
    """`Unauthorized` without SOAP is told as a refused user or password."""
    async with served(tmp_path, camera(Quirk.UNAUTHORIZED_TEXT), password="wrong") as (_, run):
        words = await ending(run, DeviceRefused, 5)

    assert "refuses user 'admin' or its password" in words


async def test_a_pull_that_is_hung_up_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A camera that closes long pulls is asked more often, said once; presses are heard and it is never lost."""
    caplog.set_level(logging.INFO)
    simulator = camera(Quirk.CLOSES_PULL_AFTER)
    async with served(tmp_path, simulator, "call_timeout_s = 5\npull_s = 20\n") as (sink, run):
        await hears_its_button(sink, simulator)
        await until(lambda: "hung up after" in caplog.text, 30)
        await hears_its_button(sink, simulator)

        assert not run.done()


async def test_unsubscribe_is_left_out_where_told(tmp_path: Path) -> None:
    """`unsubscribe = false`, for cameras where it ends the subscriptions of others too."""
    simulator = camera(Quirk.UNSUBSCRIBE_KILLS_ALL)
    async with served(tmp_path, simulator, QUICK + "unsubscribe = false\n") as (sink, _):
        await until(lambda: bool(sink.signals))

    assert simulator.requests["Unsubscribe"] == 0


async def test_unsubscribe_is_the_goodbye(tmp_path: Path) -> None:
    """Otherwise a cancelled driver gives its pull point back."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: bool(sink.signals))
        run.cancel()
        await asyncio.wait({run}, timeout=2)

        assert simulator.requests["Unsubscribe"] == 1
        assert simulator.subscriptions == 0


async def test_no_synchronisation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the present state can't be asked for, that is said, and presses are heard."""
    simulator = camera(Quirk.NO_SYNC)
    async with served(tmp_path, simulator) as (sink, _):
        await until(lambda: simulator.requests["PullMessages"] > 0)
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        await until(lambda: Level.ACTIVE in sink.levels_of("button"))

    assert "can't be asked for the present state of its inputs" in caplog.text


async def test_closed_is_true(tmp_path: Path) -> None:
    """A normally closed button of a camera that tells the contact: `active = "false"`, so pressed is active."""
    simulator = camera(Quirk.CLOSED_TRUE)
    async with served(tmp_path, simulator, points=BUTTON + 'active = "false"\n') as (sink, _):
        await hears_its_button(sink, simulator)


async def test_all_pull_points_are_taken(tmp_path: Path) -> None:
    """Then it is refused, with what to do about it."""
    simulator = camera(Quirk.LIMITED_PULL_POINTS)
    simulator.pull_point_limit = 0
    async with served(tmp_path, simulator) as (_, run):
        words = await ending(run, DeviceRefused, 5)

    assert "gives us no pull point" in words
    assert "end one of them" in words


async def test_local_time_as_utc_is_a_clock_fault_and_no_refusal(tmp_path: Path) -> None:
    """WS-UsernameToken is taken, since Created is by the camera's clock; the clock fault says what is wrong."""
    simulator = camera(Quirk.LOCAL_AS_UTC, auth=Auth.DIGEST)
    async with served(tmp_path, simulator) as (sink, _):
        await until(lambda: bool(sink.signals))

    (clock,) = [signal for signal in sink.signals if signal.kind is Kind.CLOCK]
    assert clock.point == "cam:clock"
    assert clock.level is Level.ACTIVE
    assert "tells local time as UTC (+08:00)" in clock.detail


async def test_slow_soap_is_unavailable_and_not_hung(tmp_path: Path) -> None:
    """A camera whose SOAP is slower than we wait is told as such, in time."""
    async with served(tmp_path, camera(Quirk.SLOW_SOAP)) as (_, run):
        words = await ending(run, DeviceUnavailable, 5)

    assert "does not answer in 0.5 s" in words


@pytest.mark.parametrize("quirk", [Quirk.SOAP_BOMB, Quirk.ENDLESS, Quirk.DRIBBLE])
async def test_hostile_answers_are_bounded(tmp_path: Path, quirk: Quirk) -> None:
    """Entity expansion, answers without an end, a byte at a time: refused within the limits of time and size."""
    async with served(tmp_path, camera(quirk)) as (sink, run):
        words = await ending(run, DeviceUnavailable, 5)

    assert len(words) > 20
    assert not sink.signals
    if quirk is not Quirk.DRIBBLE:
        device, data, why = sink.garbage[0]
        assert device == "cam"
        assert 0 < len(data) <= 1024 * 1024
        assert "document type" in why if quirk is Quirk.SOAP_BOMB else "longer than" in why


async def test_hostile_answers_in_mid_session(tmp_path: Path) -> None:
    """A bomb instead of messages is counted as malformed, and the camera is lost only if it goes on."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: bool(sink.signals))
        simulator.quirks = frozenset({Quirk.SOAP_BOMB})
        await until(lambda: bool(sink.garbage))
        simulator.quirks = frozenset()
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        await until(lambda: Level.ACTIVE in sink.levels_of("button"))
        simulator.set_input("DI_1", False)  # noqa: FBT003 - its own way
        await until(lambda: (Level.NORMAL, Origin.EVENT) in sink.told_of("button"))

        assert not run.done()


@pytest.mark.parametrize(("media2", "media1"), [(True, True), (True, False), (False, True)])
async def test_older_cameras_are_asked_as_they_know_it(tmp_path: Path, media2: bool, media1: bool) -> None:  # noqa: FBT001 - parameters of a test
    """Media2 where it is there, else Media1."""
    simulator = camera(Quirk.NAT_HOST)
    simulator._unit.media1, simulator._unit.media2 = media1, media2
    await simulator.start()
    try:
        driver = ONVIF.build(connection_of(tmp_path, simulator), SystemClock())
        assert isinstance(driver, Films)
        run = asyncio.create_task(driver.run(sink := Recorder()))
        await until(lambda: bool(sink.signals))
        streams = await driver.streams()
        run.cancel()
        await asyncio.wait({run}, timeout=2)
    finally:
        await simulator.stop()

    assert streams.main == simulator.camera.url
    assert streams.snapshot is None or streams.snapshot.startswith(f"http://127.0.0.1:{simulator.port}/")


async def test_clock_that_is_off(tmp_path: Path) -> None:
    """Seconds are told, the login works by the camera's clock, and the fault returns when it is right again."""
    simulator = camera(auth=Auth.WSS)
    simulator.clock_offset = timedelta(seconds=100)
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)
        clock = next(signal for signal in sink.signals if signal.kind is Kind.CLOCK)

    assert clock.level is Level.ACTIVE
    assert clock.detail.startswith("clock off by ")
    assert 98 <= int(clock.detail.split()[3]) <= 101
    assert simulator.failed_logins == 0


async def test_clock_that_is_set_while_we_are_connected(tmp_path: Path) -> None:
    """Tokens that are refused for their time alone: the clock is read again, and nothing is lost."""
    simulator = camera(auth=Auth.WSS)
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: bool(sink.signals))
        simulator.clock_offset = timedelta(hours=-3)
        pulls = simulator.requests["PullMessages"]
        await until(lambda: simulator.requests["PullMessages"] > pulls + 2)
        await hears_its_button(sink, simulator)

        assert not run.done()
    assert simulator.failed_logins <= 2
