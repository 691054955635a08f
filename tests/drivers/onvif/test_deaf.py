"""A camera is never online and deaf: lost subscriptions, missing ones, clocks that hang, answers that come too soon."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from drivers import DRIVERS
from drivers.onvif.driver import OnvifDriver
from drivers.onvif.losses import GOOD_AFTER_S, Losses
from drivers.onvif.memory import Memory
from gateway.clock import SystemClock
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Kind, Level, Origin, Presence
from simulators.onvif import OnvifSimulator, Quirk
from simulators.onvif.pullpoint import unknown
from tests.drivers.contract import ending, running
from tests.drivers.onvif.cameras import QUICK, camera, connection_of
from tests.drivers.onvif.test_login import as_ours
from tests.drivers.onvif.test_quirks import hears_its_button, served
from tests.drivers.recorder import Recorder
from tests.wait import until

ONVIF = DRIVERS["onvif"]


class Brisk(SystemClock):
    """A clock that can be put forward, and whose sleeps are over at once; `slept` is how long they would have been."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Seconds, and as many more."""
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        """A moment."""
        self.slept.append(seconds)
        self.ahead += seconds
        await super().sleep(0.01)


async def lose(simulator: OnvifSimulator) -> None:
    """Another client ends our subscription, which has answered."""
    await until(lambda: simulator.waiting_pulls == 1)
    simulator._unit.pull_points.close_all()
    await until(lambda: simulator.waiting_pulls == 0)


async def test_a_subscription_that_is_lost_is_made_anew(tmp_path: Path) -> None:
    """Another client's Unsubscribe ended ours, too: it is made anew, and the present state told, with the camera online."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: bool(sink.signals))
        simulator._unit.pull_points.close_all()
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        await until(lambda: (Level.ACTIVE, Origin.STATE) in sink.told_of("button"))

        assert not run.done()
    assert sink.presences_of("cam") == [Presence.ONLINE]


async def test_subscriptions_are_not_made_in_a_tight_loop(tmp_path: Path) -> None:
    """However often they are lost: half a second apart, then one."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: bool(sink.signals))

        def end_all() -> bool:
            simulator._unit.pull_points.close_all()
            return simulator.requests["CreatePullPointSubscription"] > 4

        with pytest.raises(TimeoutError):
            await until(end_all, 3.0)

        assert not run.done()


async def test_a_forgotten_pull_point_that_is_not_found(tmp_path: Path) -> None:
    """HTTP 404 without SOAP is no refusal: the subscription is made anew, and a button that was pressed meanwhile heard."""
    simulator = camera(Quirk.FORGOTTEN_404)
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: simulator.waiting_pulls == 1)
        simulator._unit.pull_points.close_all()
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        await until(lambda: (Level.ACTIVE, Origin.STATE) in sink.told_of("button"))

        assert not run.done()


async def test_pull_points_that_are_never_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera whose pull points are at no address is refused with words, and not asked for ever."""
    simulator = camera(Quirk.FORGOTTEN_404)

    def nothing(_: str) -> NoReturn:
        raise unknown()

    monkeypatch.setattr(simulator._unit.pull_points, "find", nothing)
    await simulator.start()
    async with running(ONVIF, connection_of(tmp_path, simulator), Recorder(), Brisk()) as run:
        words = await ending(run, DeviceRefused, 10)

    assert "no answer from them" in words


async def test_a_web_server_that_is_up_before_onvif(tmp_path: Path) -> None:
    """Where it was served before, a camera without ONVIF is one that still starts; where it never was, the path is wrong."""
    simulator = camera(Quirk.WEB_FIRST)
    await simulator.start()
    memory, connection = Memory(), as_ours(connection_of(tmp_path, simulator))

    async def attempt() -> None:
        await OnvifDriver(connection, SystemClock(), memory).run(Recorder())

    with pytest.raises(DeviceRefused, match="check `port` and `path`"):
        await attempt()
    simulator.quirks = frozenset()
    run = asyncio.create_task(attempt())
    await until(lambda: simulator.waiting_pulls == 1)
    simulator.quirks = frozenset({Quirk.WEB_FIRST})
    simulator._unit.pull_points.close_all()
    with pytest.raises(DeviceUnavailable, match="HTTP 404"):
        await asyncio.wait_for(run, 10)
    with pytest.raises(DeviceUnavailable, match="HTTP 404"):
        await attempt()


async def test_a_subscription_that_is_lost_again_and_again(tmp_path: Path) -> None:
    """It is a fault after the third loss in a row, deaf for a second at most each time, and well when one lasts."""
    simulator, clock, sink = camera(), Brisk(), Recorder()
    await simulator.start()
    async with running(ONVIF, connection_of(tmp_path, simulator), sink, clock) as run:
        for _ in range(2):
            await lose(simulator)
        assert not sink.levels_of("cam:events")
        for _ in range(6):
            await lose(simulator)
        await until(lambda: sink.levels_of("cam:events") == [Level.ACTIVE])
        (fault,) = [signal for signal in sink.signals if signal.point == "cam:events"]
        assert fault.kind is Kind.FAULT
        assert "again and again" in fault.detail
        await until(lambda: simulator.requests["CreatePullPointSubscription"] == 9)
        assert len(clock.slept) == 8
        assert 0.5 <= min(clock.slept) <= max(clock.slept) <= 1.0

        await until(lambda: simulator.waiting_pulls == 1)
        clock.ahead += 60
        await until(lambda: sink.levels_of("cam:events") == [Level.ACTIVE, Level.NORMAL])
        await lose(simulator)
        await until(lambda: simulator.waiting_pulls == 1)
        await hears_its_button(sink, simulator)
        assert len(sink.levels_of("cam:events")) == 2, "one loss is none"

        assert not run.done()


async def test_a_fault_of_an_attempt_before_returns(tmp_path: Path) -> None:
    """A subscription that lasts is told once in each attempt: the one before may have ended with its fault raised."""
    simulator, clock, sink = camera(), Brisk(), Recorder()
    await simulator.start()
    async with running(ONVIF, connection_of(tmp_path, simulator), sink, clock):
        await until(lambda: simulator.waiting_pulls == 1)
        clock.ahead += 60
        await until(lambda: sink.levels_of("cam:events") == [Level.NORMAL])
        clock.ahead += 60
        pulls = simulator.requests["PullMessages"]
        await until(lambda: simulator.requests["PullMessages"] > pulls + 1)

    assert sink.levels_of("cam:events") == [Level.NORMAL]


async def test_a_clock_that_can_t_be_set_is_no_reason_not_to_listen(tmp_path: Path) -> None:
    """The camera hangs up on whoever sets its clock: its button is heard all the same."""
    simulator, clock, sink = camera(Quirk.CLOCK_HANGS_UP), SystemClock(), Recorder()
    await simulator.start()
    simulator.clock_offset = timedelta(hours=1)
    connection = as_ours(connection_of(tmp_path, simulator, QUICK + "set_clock = true\n"))
    async with running(ONVIF, connection, sink, clock) as run:
        await hears_its_button(sink, simulator)
        await until(lambda: sink.levels_of("cam:clock") == [Level.ACTIVE])
        assert simulator.requests["SetSystemDateAndTime"] == 1
        assert not run.done()


async def test_a_camera_without_points_gets_its_pull_point_later(tmp_path: Path) -> None:
    """All pull points were taken when it connected: a minute after one is free, its tampering is heard."""
    simulator, clock, sink = camera(Quirk.LIMITED_PULL_POINTS), Brisk(), Recorder()
    simulator.pull_point_limit = 0
    await simulator.start()
    async with running(ONVIF, connection_of(tmp_path, simulator, points=""), sink, clock) as run:
        await until(lambda: bool(sink.presences))
        await until(lambda: clock.ahead > 130)
        asked = simulator.requests["CreatePullPointSubscription"]
        assert 3 <= asked <= 12, "three forms at each try, and a minute between them"
        simulator.pull_point_limit = 1
        await until(lambda: simulator.waiting_pulls == 1)
        simulator.tamper(True)  # noqa: FBT003 - its own way
        await until(lambda: (Level.ACTIVE, Origin.EVENT) in sink.told_of("cam:tamper"))

        assert not run.done()


async def test_answers_that_come_too_soon_are_not_asked_for_in_a_loop(tmp_path: Path) -> None:
    """A camera that answers at once and empty is asked twice a second, and its button is heard."""
    simulator = camera(Quirk.HASTY_PULLS)
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)
        begun, pulls = time.monotonic(), simulator.requests["PullMessages"]
        await until(lambda: simulator.requests["PullMessages"] >= pulls + 4)
        assert time.monotonic() - begun >= 1.4
        await hears_its_button(sink, simulator)


def test_waits_between_subscriptions() -> None:
    """Half a second, then a second for as long as they answer; longer where they don't, and the fourth of those is deaf."""
    losses, waits = Losses(), []
    for number in range(10):
        losses.made(number * 10.0)
        losses.answered()
        losses.lost(number * 10.0 + 5)
        waits.append(losses.wait_s)
    assert waits == [0.5] + [1.0] * 9
    assert losses.are_many

    losses.made(100.0)
    losses.answered()
    losses.lost(100.0 + GOOD_AFTER_S)
    assert (losses.wait_s, losses.are_many, losses.is_deaf) == (0.5, False, False)

    deaf = []
    for _ in range(4):
        losses.made(200.0)
        losses.lost(201.0)
        deaf.append((losses.wait_s, losses.is_deaf))
    assert deaf[:3] == [(0.5, False), (1.0, False), (2.0, False)]
    assert losses.is_deaf
