"""Wrong passwords: refused at once, and never so often that a camera locks the account."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.onvif.driver import OnvifDriver
from drivers.onvif.memory import MOST_FAILURES, MOST_TOPICS, WAITS_S, WINDOW_S, Memory
from drivers.onvif.settings import SiteConnection
from gateway.clock import SystemClock
from gateway.errors import DeviceRefused, DeviceUnavailable
from simulators.onvif import Auth, OnvifSimulator, Quirk
from tests.drivers.contract import supervised
from tests.drivers.onvif.cameras import BUTTON, OnvifUnderTest, camera, connection_of
from tests.drivers.recorder import Recorder
from tests.wait import until

SIREN = '[[device.output]]\nid = "siren"\nkind = "sounder"\nrelay = "R_1"\n'


class Jumping(SystemClock):
    """A clock that is put forward by hand."""

    ahead = 0.0

    def monotonic(self) -> float:
        """Seconds, and as many more."""
        return super().monotonic() + self.ahead


async def refusal(
    folder: Path, simulator: OnvifSimulator, memory: Memory, clock: Jumping, password: str
) -> str:
    connection = connection_of(folder, simulator, password=password)
    with pytest.raises(DeviceRefused) as refused:
        await OnvifDriver(as_ours(connection), clock, memory).run(Recorder())
    return str(refused.value)


def as_ours(connection: object) -> SiteConnection:
    return connection  # type: ignore[return-value] # read with the driver's own models


@pytest.mark.parametrize(("auth", "failures"), [(Auth.DIGEST, 1), (Auth.WSS, 1), (Auth.DIGEST_AND_WSS, 2)])
async def test_one_failed_login_for_each_scheme(tmp_path: Path, auth: Auth, failures: int) -> None:
    """An attempt with a wrong password fails once with each scheme that the camera takes, and then says so."""
    simulator = camera(auth=auth)
    await simulator.start()
    words = await refusal(tmp_path, simulator, Memory(), Jumping(), "wrong")
    await simulator.stop()

    assert "refuses user 'admin' or its password" in words
    assert simulator.failed_logins == failures


async def test_the_account_is_never_locked_by_us(tmp_path: Path) -> None:
    """A hundred attempts in a row with a wrong password, and the camera has seen two failures; the right one is taken at once."""
    simulator = camera(Quirk.LOCKS_ACCOUNT)
    await simulator.start()
    memory, clock = Memory(), Jumping()
    words = [await refusal(tmp_path, simulator, memory, clock, "wrong") for _ in range(100)]

    assert simulator.failed_logins == 2
    assert not simulator._gate.locked
    assert "cameras lock an account" in words[-1]

    clock.ahead = WAITS_S[0] + 1
    await refusal(tmp_path, simulator, memory, clock, "wrong")
    assert simulator.failed_logins == 3, "soon, and with one scheme alone"
    clock.ahead += WAITS_S[0] + 1
    await refusal(tmp_path, simulator, memory, clock, "wrong")
    assert simulator.failed_logins == 3
    clock.ahead += WAITS_S[1]
    await refusal(tmp_path, simulator, memory, clock, "wrong")
    assert simulator.failed_logins == 4
    await simulator.stop()


@pytest.mark.parametrize("auth", [Auth.DIGEST, Auth.WSS, Auth.DIGEST_AND_WSS])
async def test_never_five_failures_within_ten_minutes(tmp_path: Path, auth: Auth) -> None:
    """Whenever it is tried, every half minute for three hours."""
    simulator = camera(auth=auth)
    await simulator.start()
    memory, clock = Memory(), Jumping()
    seen: list[int] = []
    for _ in range(360):
        await refusal(tmp_path, simulator, memory, clock, "wrong")
        seen.append(simulator.failed_logins)
        clock.ahead += 30
    await simulator.stop()

    window = int(WINDOW_S // 30)
    assert max(after - before for before, after in zip(seen, seen[window:], strict=False)) < 5
    assert seen[-1] > 4, "it is tried again"


async def test_a_camera_that_refuses_while_it_starts(tmp_path: Path) -> None:
    """Its button is heard after a minute, and not after ten."""
    simulator = camera(Quirk.LOCKS_ACCOUNT)
    simulator._gate.closed = True
    await simulator.start()
    memory, clock = Memory(), Jumping()
    await refusal(tmp_path, simulator, memory, clock, "camera")
    simulator._gate.closed = False
    clock.ahead = WAITS_S[0] + 1
    sink = Recorder()
    driver = OnvifDriver(as_ours(connection_of(tmp_path, simulator)), clock, memory)
    run = asyncio.create_task(driver.run(sink))
    await until(lambda: bool(sink.signals))
    run.cancel()
    await asyncio.wait({run}, timeout=2)
    await simulator.stop()


async def test_outputs_and_pictures_do_not_lock_the_account(tmp_path: Path) -> None:
    """The password is changed while we listen: however often a relay and a picture are asked for, four failures at most."""
    simulator = camera(Quirk.LOCKS_ACCOUNT)
    await simulator.start()
    memory, clock, sink = Memory(), Jumping(), Recorder()
    connection = connection_of(tmp_path, simulator, "pull_s = 1\n", BUTTON + SIREN)
    driver = OnvifDriver(as_ours(connection), clock, memory)
    run = asyncio.create_task(driver.run(sink))
    await until(lambda: bool(sink.signals))
    await driver.streams()
    simulator.change_password("another")
    while not run.done():
        for ask in (driver.switch("siren", on=True), driver.picture()):
            with pytest.raises((DeviceRefused, DeviceUnavailable)):
                await ask
        await asyncio.sleep(0)
    assert isinstance(run.exception(), DeviceRefused)
    for _ in range(20):
        await refusal(tmp_path, simulator, memory, clock, "camera")
        clock.ahead += 25
    await simulator.stop()

    assert simulator.failed_logins <= 4
    assert not simulator.locked


@pytest.mark.parametrize("auth", [Auth.DIGEST, Auth.WSS, Auth.DIGEST_AND_WSS])
async def test_a_siren_goes_after_a_refused_picture(tmp_path: Path, auth: Auth) -> None:
    """A picture that has another password holds up no relay, not for a moment; the account is not locked."""
    simulator = camera(Quirk.LOCKS_ACCOUNT, Quirk.PICTURE_LOCKED, auth=auth)
    await simulator.start()
    memory, clock, sink = Memory(), Jumping(), Recorder()
    connection = connection_of(tmp_path, simulator, "pull_s = 10\n", BUTTON + SIREN)
    driver = OnvifDriver(as_ours(connection), clock, memory)
    run = asyncio.create_task(driver.run(sink))
    await until(lambda: simulator.waiting_pulls == 1)
    for round_ in range(5):
        with pytest.raises((DeviceRefused, DeviceUnavailable)):
            await driver.picture()
        await driver.switch("siren", on=round_ % 2 == 0)
        assert simulator.relay("R_1") is (round_ % 2 == 0)
        clock.ahead += WAITS_S[-1] + 1  # the picture is tried again

    assert not run.done()
    assert not simulator.locked
    run.cancel()
    await asyncio.wait({run}, timeout=2)


@pytest.mark.parametrize("auth", [Auth.DIGEST, Auth.WSS, Auth.DIGEST_AND_WSS])
async def test_sirens_and_pictures_after_a_changed_password(tmp_path: Path, auth: Auth) -> None:
    """However many relays are switched at once, whatever was refused before: four failures at most, and no lock."""
    simulator = camera(Quirk.LOCKS_ACCOUNT, Quirk.PICTURE_LOCKED, auth=auth)
    await simulator.start()
    memory, clock, sink = Memory(), Jumping(), Recorder()
    connection = connection_of(tmp_path, simulator, "pull_s = 1\n", BUTTON + SIREN)
    driver = OnvifDriver(as_ours(connection), clock, memory)
    run = asyncio.create_task(driver.run(sink))
    await until(lambda: simulator.waiting_pulls == 1)
    await driver.streams()
    simulator.change_password("another")
    with pytest.raises((DeviceRefused, DeviceUnavailable)):
        await driver.picture()
    ends = await asyncio.gather(*(driver.switch("siren", on=True) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(end, DeviceRefused) for end in ends)
    await asyncio.wait({run}, timeout=10)
    assert isinstance(run.exception(), DeviceRefused)
    await refusal(tmp_path, simulator, memory, clock, "camera")

    assert simulator.failed_logins <= 4
    assert not simulator.locked


async def test_a_camera_without_events_shows_that_the_login_is_good(tmp_path: Path) -> None:
    """After a refused picture its sign of life is a question that needs our login: what else is asked goes again."""
    simulator = camera(Quirk.LIMITED_PULL_POINTS, Quirk.PICTURE_LOCKED)
    simulator.pull_point_limit = 0
    await simulator.start()
    connection = as_ours(connection_of(tmp_path, simulator, "pull_s = 1\n", points=""))
    driver = OnvifDriver(connection, SystemClock(), memory := Memory())
    run = asyncio.create_task(driver.run(sink := Recorder()))
    await until(lambda: bool(sink.presences))
    with pytest.raises(DeviceRefused):
        await driver.picture()
    login = driver._connected()._account._login
    assert memory.budget(SystemClock(), login) < MOST_FAILURES
    await until(lambda: memory.budget(SystemClock(), login) == MOST_FAILURES)

    assert not run.done()
    simulator.change_password("another")
    with pytest.raises(DeviceRefused):
        await asyncio.wait_for(run, 10)


async def test_a_new_password_is_tried_at_once(tmp_path: Path) -> None:
    """Whoever corrects the password file waits for nothing."""
    simulator = camera()
    await simulator.start()
    memory = Memory()
    await refusal(tmp_path, simulator, memory, Jumping(), "wrong")
    sink = Recorder()
    driver = OnvifDriver(as_ours(connection_of(tmp_path, simulator)), Jumping(), memory)
    run = asyncio.create_task(driver.run(sink))
    await until(lambda: bool(sink.signals))
    run.cancel()
    await asyncio.wait({run}, timeout=2)
    await simulator.stop()


async def test_a_password_that_is_changed_while_we_are_connected(tmp_path: Path) -> None:
    """Under a supervisor: the refusal is told as a fault, and the account is not locked."""
    subject = OnvifUnderTest(tmp_path)
    await subject.start()
    simulator = subject._simulator
    simulator.quirks = frozenset({Quirk.LOCKS_ACCOUNT})
    journal = Recorder()
    async with supervised(subject, journal):
        await until(lambda: bool(journal.signals))
        simulator.change_password("another")
        await until(lambda: ("fault raised", "cam") in journal.own)

    assert simulator.failed_logins <= 2
    assert not simulator._gate.locked
    await subject.stop()


async def test_no_password_at_all(tmp_path: Path) -> None:
    """A camera that wants a user is told as such where the site file names none."""
    simulator = camera()
    await simulator.start()
    connection = connection_of(tmp_path, simulator)
    keys = connection.settings.model_copy(update={"username": "", "password_file": None})
    with pytest.raises(DeviceRefused, match="refuses the login"):
        await OnvifDriver(as_ours(replace(connection, settings=keys)), SystemClock(), Memory()).run(
            Recorder()
        )
    await simulator.stop()

    assert simulator.failed_logins == 0


def test_topics_are_remembered_within_bounds() -> None:
    """Each once, and no more than a camera can sensibly have."""
    memory = Memory()

    assert memory.is_new("cam", "a")
    assert not memory.is_new("cam", "a")
    assert memory.is_new("cam-2", "a")
    assert sum(memory.is_new("cam", str(number)) for number in range(1000)) == MOST_TOPICS - 1


def test_what_is_remembered_of_long_names_is_short() -> None:
    """Topics of a MiB, alike but for their ends: each is another, and together they take no more than short ones."""
    memory, long = Memory(), "x" * 1_000_000
    assert memory.is_new("cam", long + "a")
    assert memory.is_new("cam", long + "b")
    assert not memory.is_new("cam", long + "b")
    assert sum(map(len, memory._topics["cam"])) < 100
