"""What a camera tells is heard: presses in every gap, events that no point names, topics that nobody knows."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.driver import Films, Switches
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Kind, Level, Origin, Presence, Signal
from simulators.onvif import Quirk
from tests.drivers.contract import ending, running, supervised
from tests.drivers.onvif.cameras import BUTTON, QUICK, OnvifUnderTest, camera, connection_of
from tests.drivers.onvif.test_quirks import hears_its_button, served
from tests.drivers.recorder import Recorder
from tests.wait import until

RELAY = '[[device.output]]\nid = "siren"\nkind = "sounder"\nrelay = "R_1"\n'


def of(sink: Recorder, point: str) -> list[Signal]:
    return [signal for signal in sink.signals if signal.point == point]


async def test_a_press_while_nobody_listens_is_seen_on_return(tmp_path: Path) -> None:
    """A button that is pressed while the camera can't be reached is told as its state when it can."""
    subject = OnvifUnderTest(tmp_path)
    await subject.start()
    journal = Recorder()
    async with supervised(subject, journal):
        await until(lambda: bool(journal.signals))
        await subject.vanish()
        await until(lambda: journal.presence_of("cam") is Presence.OFFLINE)
        subject.hold()
        await subject._simulator.power_on()
        await until(lambda: (Level.ACTIVE, Origin.STATE) in journal.told_of("button"))
    await subject.stop()


async def test_press_and_release_within_one_answer(tmp_path: Path) -> None:
    """Both messages of one PullMessages are told, in order, with the camera's own time of each."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)
        events = [signal for signal in of(sink, "button") if signal.origin is Origin.EVENT]

    assert [signal.level for signal in events] == [Level.ACTIVE, Level.NORMAL]
    for signal in events:
        assert signal.occurred_at is not None
        assert abs(signal.occurred_at - datetime.now(UTC)) < timedelta(seconds=15)


async def test_the_time_of_an_event_is_by_our_clock(tmp_path: Path) -> None:
    """A camera that is an hour ahead does not make events of the future."""
    simulator = camera()
    simulator.clock_offset = timedelta(hours=1)
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)
        told = of(sink, "button")[-1].occurred_at

    assert told is not None
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=15)


async def test_a_reboot_in_the_middle(tmp_path: Path) -> None:
    """Under a supervisor, a camera that restarts is listened to again, and a press meanwhile is told."""
    subject = OnvifUnderTest(tmp_path)
    await subject.start()
    journal = Recorder()
    async with supervised(subject, journal):
        await until(lambda: bool(journal.signals))
        reboot = asyncio.create_task(subject._simulator.reboot())
        subject.hold()
        await reboot
        await until(lambda: Level.ACTIVE in journal.levels_of("button"))
        await until(lambda: subject._simulator.subscriptions == 1)
        subject._simulator.set_input("DI_1", False)  # noqa: FBT003 - its own way
        await until(lambda: journal.told_of("button")[-1] == (Level.NORMAL, Origin.EVENT))
    await subject.stop()


async def test_a_subscription_that_runs_out_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it ends, at half of its life; it is the same one all the time."""
    monkeypatch.setattr("drivers.onvif.pullpoint.LIFE_S", 4)
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, _):
        await until(lambda: simulator.requests["Renew"] > 0)
        await hears_its_button(sink, simulator)

        assert simulator.requests["CreatePullPointSubscription"] == 1


async def test_events_that_no_point_names_are_alarms_all_the_same(tmp_path: Path) -> None:
    """Tampering, a changed scene, a lost signal, a broken card, a strange input; motion is not."""
    simulator = camera(inputs=("DI_1", "DI_2"))
    async with served(tmp_path, simulator) as (sink, _):
        await until(lambda: bool(sink.signals))
        for happens in (
            simulator.motion,
            simulator.tamper,
            simulator.scene_change,
            simulator.signal_loss,
            simulator.storage_failure,
        ):
            happens(True)  # noqa: FBT003 - its own way
        simulator.set_input("DI_2", True)  # noqa: FBT003 - its own way
        await until(lambda: Level.ACTIVE in sink.levels_of("cam:DI_2"))
        simulator.tamper(False)  # noqa: FBT003 - its own way
        await until(lambda: (Level.NORMAL, Origin.EVENT) in sink.told_of("cam:tamper"))

    active = {signal.point: signal.kind for signal in sink.signals if signal.level is Level.ACTIVE}
    assert active == {
        "cam:tamper": Kind.TAMPER,
        "cam:scene-change": Kind.TAMPER,
        "cam:signal-loss": Kind.CAMERA_SIGNAL,
        "cam:storage-failure": Kind.FAULT,
        "cam:DI_2": Kind.FAULT,
    }


async def test_events_that_points_name_are_those_points(tmp_path: Path) -> None:
    """Each with the kind that the site file gives it."""
    points = (
        '[[device.point]]\nid = "covered"\nkind = "tamper"\nevent = "tamper"\n'
        '[[device.point]]\nid = "moving"\nkind = "intrusion"\nevent = "motion"\n'
    )
    simulator = camera()
    async with served(tmp_path, simulator, points=points) as (sink, _):
        await until(lambda: bool(sink.presences))
        simulator.tamper(True)  # noqa: FBT003 - its own way
        simulator.motion(True)  # noqa: FBT003 - its own way
        await until(lambda: Level.ACTIVE in sink.levels_of("moving"))

    assert of(sink, "covered")[-1].kind is Kind.TAMPER
    assert of(sink, "moving")[-1].kind is Kind.INTRUSION


async def test_an_unknown_topic_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With its XML, cut at 4 KiB, for whoever wants to teach us."""
    caplog.set_level(logging.INFO)
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, _):
        await until(lambda: bool(sink.signals))
        for _ in range(3):
            simulator.emit("tns1:Vendor/tnsx:CoffeeReady", {"Cup": "x" * 9000}, {"Ready": "true"})
        await hears_its_button(sink, simulator)

    (line,) = [one.getMessage() for one in caplog.records if "CoffeeReady" in one.getMessage()]
    assert "NotificationMessage" in line
    assert len(line) < 4500


async def test_a_token_that_is_not_there_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A point of whose state the camera says nothing is told to the technician."""
    points = BUTTON.replace("DI_1", "DI_9")
    clock = Hurried()
    simulator = camera()
    await simulator.start()
    sink = Recorder()
    async with running(DRIVERS["onvif"], connection_of(tmp_path, simulator, QUICK, points), sink, clock):
        await until(lambda: simulator.requests["PullMessages"] > 1)
        clock.ahead = 11.0
        await until(lambda: "does not tell the present state of button" in caplog.text)
    await simulator.stop()


class Hurried(SystemClock):
    """A clock that can be put forward."""

    ahead = 0.0

    def monotonic(self) -> float:
        """Seconds, and as many more."""
        return super().monotonic() + self.ahead


async def test_the_clock_is_looked_at_again(tmp_path: Path) -> None:
    """Every ten minutes: one that goes wrong is told, and that it is right again."""
    clock = Hurried()
    simulator = camera()
    await simulator.start()
    sink = Recorder()
    async with running(DRIVERS["onvif"], connection_of(tmp_path, simulator), sink, clock):
        await until(lambda: sink.levels_of("cam:clock") == [Level.NORMAL])
        simulator.clock_offset = timedelta(seconds=60)
        clock.ahead += 600
        await until(lambda: sink.levels_of("cam:clock")[-1] is Level.ACTIVE)
        simulator.clock_offset = timedelta()
        clock.ahead += 600
        await until(lambda: sink.levels_of("cam:clock")[-1] is Level.NORMAL)
    await simulator.stop()


@pytest.mark.parametrize("trusted", [True, False])
async def test_the_camera_s_clock_is_set_where_told(tmp_path: Path, *, trusted: bool) -> None:
    """`set_clock`, and only while ours may be believed; without it, never."""
    simulator = camera()
    simulator.clock_offset = timedelta(hours=2)
    await simulator.start()
    sink = Recorder()
    connection = replace(
        connection_of(tmp_path, simulator, QUICK + "set_clock = true\n"), clock_trusted=lambda: trusted
    )
    async with running(DRIVERS["onvif"], connection, sink):
        await until(lambda: simulator.requests["PullMessages"] > 1)
        await until(lambda: "button" in {signal.point for signal in sink.signals})
    await simulator.stop()

    assert simulator.requests["SetSystemDateAndTime"] == trusted
    assert abs(simulator.clock_offset) < timedelta(seconds=3) or not trusted
    assert sink.levels_of("cam:clock") == ([Level.NORMAL] if trusted else [])


async def test_relays_are_switched(tmp_path: Path) -> None:
    """An output is a relay by its token; one that the camera lacks is refused."""
    simulator = camera()
    await simulator.start()
    outputs = RELAY + RELAY.replace("siren", "lamp").replace("R_1", "R_9")
    driver = DRIVERS["onvif"].build(
        connection_of(tmp_path, simulator, points=BUTTON + outputs), SystemClock()
    )
    assert isinstance(driver, Switches)
    with pytest.raises(DeviceUnavailable):
        await driver.switch("siren", on=True)
    sink = Recorder()
    run = asyncio.create_task(driver.run(sink))
    await until(lambda: bool(sink.presences))
    await driver.switch("siren", on=True)
    assert simulator.relay("R_1")
    await driver.switch("siren", on=False)
    assert not simulator.relay("R_1")
    with pytest.raises(DeviceRefused):
        await driver.switch("lamp", on=True)
    run.cancel()
    await asyncio.wait({run}, timeout=2)
    await simulator.stop()


async def test_streams_and_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream's address has no password in it; the picture is a JPEG, fetched with Digest, and bounded."""
    simulator = camera()
    await simulator.start()
    driver = DRIVERS["onvif"].build(connection_of(tmp_path, simulator), SystemClock())
    assert isinstance(driver, Films)
    sink = Recorder()
    run = asyncio.create_task(driver.run(sink))
    await until(lambda: bool(sink.presences))
    streams = await driver.streams()
    assert streams.main == simulator.camera.url
    assert streams.snapshot is not None
    assert (await driver.picture()).startswith(b"\xff\xd8")
    asked = simulator.requests["GetProfiles"]
    assert await driver.streams() == streams
    assert simulator.requests["GetProfiles"] == asked
    monkeypatch.setattr("drivers.onvif.driver.MOST_PICTURE_BYTES", 100)
    with pytest.raises(DeviceUnavailable, match="longer than 100 bytes"):
        await driver.picture()
    run.cancel()
    await asyncio.wait({run}, timeout=2)
    await simulator.stop()


async def test_a_camera_without_free_pull_points_still_films(tmp_path: Path) -> None:
    """Where no point hangs on its events, their lack is logged, and it is online."""
    simulator = camera(Quirk.LIMITED_PULL_POINTS)
    simulator.pull_point_limit = 0
    async with served(tmp_path, simulator, points="") as (sink, run):
        await until(lambda: simulator.requests["GetDeviceInformation"] > 2)

        assert not run.done()
        assert sink.presence_of("cam") is Presence.ONLINE
        await simulator.power_off()
        await ending(run, DeviceUnavailable, 5)
