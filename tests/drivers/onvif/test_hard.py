"""What a camera does at the worst moment: no press is lost that it has told, and no camera is deaf without a fault."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.clock import SystemClock
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Level, Origin
from simulators.onvif import Auth, Quirk
from tests.drivers.contract import ending, running
from tests.drivers.onvif.cameras import BUTTON, camera, connection_of
from tests.drivers.onvif.test_quirks import hears_its_button, served
from tests.drivers.recorder import Recorder
from tests.wait import until

ONVIF = DRIVERS["onvif"]
INPUT = "tns1:Device/Trigger/DigitalInput"


class Hurried(SystemClock):
    """A clock that can be put forward."""

    ahead = 0.0

    def monotonic(self) -> float:
        """Seconds, and as many more."""
        return super().monotonic() + self.ahead


async def test_a_press_is_told_though_the_renewal_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was pulled is reported before anything else is asked: the camera has forgotten it."""
    monkeypatch.setattr("drivers.onvif.pullpoint.LIFE_S", 2)
    simulator = camera()
    async with served(tmp_path, simulator, "call_timeout_s = 5\npull_s = 1\n") as (sink, run):
        await until(lambda: bool(sink.signals))
        simulator.quirks = frozenset({Quirk.RENEW_HANGS_UP})
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        simulator.set_input("DI_1", False)  # noqa: FBT003 - its own way
        await ending(run, DeviceUnavailable, 10)

    assert (Level.ACTIVE, Origin.EVENT) in sink.told_of("button")


async def test_a_press_is_told_though_the_clock_can_t_be_read(tmp_path: Path) -> None:
    """The look at the clock, every ten minutes, comes after the messages."""
    simulator = camera()
    await simulator.start()
    clock, sink = Hurried(), Recorder()
    async with running(ONVIF, connection_of(tmp_path, simulator), sink, clock) as run:
        await until(lambda: simulator.waiting_pulls == 1)
        clock.ahead = 601
        operations = simulator._server._handler.__self__._operations  # type: ignore[attr-defined] # a bound method
        del operations[("http://www.onvif.org/ver10/device/wsdl", "GetSystemDateAndTime")]
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        simulator.set_input("DI_1", False)  # noqa: FBT003 - its own way
        await until(lambda: (Level.ACTIVE, Origin.EVENT) in sink.told_of("button"))
        assert not run.done()


async def test_a_press_in_an_answer_that_can_t_be_read(tmp_path: Path) -> None:
    """It lasts: after a garbled answer the present state is asked for."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: simulator.waiting_pulls == 1)
        simulator.quirks = frozenset({Quirk.SOAP_BOMB})
        await until(lambda: bool(sink.garbage))
        simulator._unit.pull_points.tell = lambda notice: None  # type: ignore[method-assign] # what is told now was in the bomb
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        simulator.quirks = frozenset()
        await until(lambda: (Level.ACTIVE, Origin.STATE) in sink.told_of("button"))

        assert not run.done()


async def test_a_camera_that_hands_out_few_messages(tmp_path: Path) -> None:
    """A fault that names limits is obeyed; a backlog of hundreds comes in order, and nothing is missing."""
    simulator = camera(Quirk.SMALL_PULLS)
    async with served(tmp_path, simulator, "call_timeout_s = 5\npull_s = 10\n") as (sink, _):
        await hears_its_button(sink, simulator)
        before = len(sink.told_of("button"))
        for number in range(400):
            simulator.set_input("DI_1", number % 2 == 0)
        await until(lambda: len(sink.told_of("button")) >= before + 400)

    told = [signal.level for signal in sink.signals if signal.point == "button"][before:]
    assert told == [Level.ACTIVE, Level.NORMAL] * 200
    assert simulator.requests["CreatePullPointSubscription"] == 1


async def test_a_camera_whose_pull_points_never_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not online and deaf for ever: it is refused with words, and no pull points are left behind."""
    monkeypatch.setattr("drivers.onvif.losses.MOST_DEAF", 2)
    simulator = camera(Quirk.FEW_PULLS, Quirk.LIMITED_PULL_POINTS)
    async with served(tmp_path, simulator) as (_, run):
        words = await ending(run, DeviceRefused, 10)

    assert "no answer from them" in words


async def test_a_camera_that_always_hangs_up_is_lost(tmp_path: Path) -> None:
    """Shorter pulls are tried a few times, and not for ever."""
    simulator = camera(Quirk.CLOSES_PULL_AFTER)
    simulator.close_pull_seconds = 0.7
    async with served(tmp_path, simulator, "call_timeout_s = 5\npull_s = 4\n") as (_, run):
        words = await ending(run, DeviceUnavailable, 10)

    assert "hung up" in words


async def test_an_input_that_the_camera_lacks_is_a_fault(tmp_path: Path) -> None:
    """A button that nobody can hear is told to people, and not to a log; when it is heard the fault returns."""
    simulator = camera(inputs=("DI_2",))
    await simulator.start()
    clock, sink = Hurried(), Recorder()
    async with running(ONVIF, connection_of(tmp_path, simulator), sink, clock):
        await until(lambda: simulator.requests["PullMessages"] > 1)
        clock.ahead = 11
        await until(lambda: sink.levels_of("cam:inputs") == [Level.ACTIVE])
        assert "button" in next(signal.detail for signal in sink.signals if signal.point == "cam:inputs")
        simulator.emit(INPUT, {"InputToken": "DI_1"}, {"LogicalState": "true"})
        await until(lambda: sink.levels_of("cam:inputs") == [Level.ACTIVE, Level.NORMAL])


async def test_one_message_that_makes_no_sense_costs_no_other(tmp_path: Path) -> None:
    """Absurd times, missing items, strange words, control letters: counted, and the press between them is heard."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: bool(sink.signals))
        far = datetime(1, 1, 1, tzinfo=UTC)
        simulator.emit(INPUT, {"InputToken": "DI_1"}, {"LogicalState": "perhaps"})
        simulator.emit(INPUT, {}, {})
        simulator.emit("", {}, {})
        simulator.emit(INPUT, {"InputToken": "x" * 5000}, {"LogicalState": "1"})
        simulator._unit.pull_points.tell(
            replace(
                simulator._unit.properties.states()[0],
                operation="Changed",
                at=far,
                data={"LogicalState": "Active"},
            )
        )
        simulator.emit(INPUT, {"InputToken": "DI_1"}, {"LogicalState": "open"}, "")
        await until(lambda: (Level.NORMAL, Origin.EVENT) in sink.told_of("button"))

        assert not run.done()
    assert (Level.ACTIVE, Origin.EVENT) in sink.told_of("button")
    assert [
        signal.occurred_at
        for signal in sink.signals
        if signal.level is Level.ACTIVE and signal.point == "button"
    ] == [None]
    assert any("no state that we understand" in why for _, _, why in sink.garbage)
    assert all(len(signal.detail) < 300 for signal in sink.signals)


async def test_a_flood_of_made_up_inputs_is_bounded(tmp_path: Path) -> None:
    """A camera that makes up tokens does not fill the list of alarms."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, _):
        await until(lambda: bool(sink.signals))
        for number in range(200):
            simulator.emit(INPUT, {"InputToken": f"X_{number}"}, {"LogicalState": "true"})
        await hears_its_button(sink, simulator)

    assert len({signal.point for signal in sink.signals}) < 50


async def test_an_event_that_is_deleted_is_over(tmp_path: Path) -> None:
    """Deleted is no new tampering; of an input that is deleted nothing is made up."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, _):
        await until(lambda: bool(sink.signals))
        rule = {"Rule": "R"}, {"IsTamper": "true"}
        simulator.emit("tns1:RuleEngine/TamperDetector/Tamper", *rule)
        simulator.emit("tns1:RuleEngine/TamperDetector/Tamper", *rule, "Deleted")
        simulator.emit(INPUT, {"InputToken": "DI_1"}, {"LogicalState": "true"}, "Deleted")
        await hears_its_button(sink, simulator)

    assert sink.levels_of("cam:tamper")[-2:] == [Level.ACTIVE, Level.NORMAL]
    assert sink.levels_of("button").count(Level.ACTIVE) == 1


async def test_the_time_of_a_press_where_the_camera_has_two_clocks(tmp_path: Path) -> None:
    """Messages by a right clock, and local time told as UTC: the press is not taken for one of eight hours ago."""
    simulator = camera(Quirk.LOCAL_AS_UTC)
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)
        at = next(one.occurred_at for one in reversed(sink.signals) if one.point == "button")

    assert at is not None
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=15)


async def test_two_inputs_with_two_polarities(tmp_path: Path) -> None:
    """Each of them by its own; one does not speak for the other."""
    other = '[[device.point]]\nid = "other"\nkind = "panic"\ninput = "DI_2"\nactive = "false"\n'
    simulator = camera(inputs=("DI_1", "DI_2"))
    async with served(tmp_path, simulator, points=BUTTON + other) as (sink, _):
        await until(lambda: (Level.ACTIVE, Origin.STATE) in sink.told_of("other"))
        simulator.set_input("DI_2", True)  # noqa: FBT003 - its own way
        await until(lambda: (Level.NORMAL, Origin.EVENT) in sink.told_of("other"))
        assert set(sink.levels_of("button")) == {Level.NORMAL}


async def test_the_state_that_is_told_again_is_no_new_press(tmp_path: Path) -> None:
    """After a lost subscription a button that is still pressed is told as state, never as an event."""
    simulator = camera()
    async with served(tmp_path, simulator) as (sink, _):
        await until(lambda: bool(sink.signals))
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        await until(lambda: (Level.ACTIVE, Origin.EVENT) in sink.told_of("button"))
        simulator._unit.pull_points.close_all()
        await until(lambda: (Level.ACTIVE, Origin.STATE) in sink.told_of("button"))

    assert sink.told_of("button").count((Level.ACTIVE, Origin.EVENT)) == 1


async def test_slow_soap_still_serves(tmp_path: Path) -> None:
    """Answers that take four fifths of the limit: each question has it for itself, also those of a Digest login."""
    simulator = camera(Quirk.SLOW_SOAP, slow_seconds=0.4)
    async with served(tmp_path, simulator) as (sink, run):
        await until(lambda: (Level.NORMAL, Origin.STATE) in sink.told_of("button"), 20)
        simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
        await until(lambda: Level.ACTIVE in sink.levels_of("button"))

        assert not run.done()


@pytest.mark.parametrize("quirk", [Quirk.BASIC_FIRST, Quirk.NO_GET_SERVICES, Quirk.TIME_CHECK])
async def test_the_button_of_a_camera_with_another_quirk(tmp_path: Path, quirk: Quirk) -> None:
    """Basic offered before Digest, no GetServices, a time check in words."""
    simulator = camera(quirk, auth=Auth.DIGEST)
    async with served(tmp_path, simulator) as (sink, _):
        await hears_its_button(sink, simulator)

    assert simulator.failed_logins == 0


async def test_a_refused_time_is_not_told_as_a_wrong_password(tmp_path: Path) -> None:
    """Dahua's words, by a camera whose tokens go by another clock than the one it tells."""
    simulator = camera(Quirk.TIME_CHECK, Quirk.LOCAL_AS_UTC, auth=Auth.WSS)
    async with served(tmp_path, simulator) as (_, run):
        words = await ending(run, DeviceRefused, 5)

    assert "minds the time of our login, not the password" in words
    assert "tells local time as UTC" in words
