"""Scenarios: what is in a file is tested whole, and told at its time."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from drivers import DRIVERS
from gateway.site import load_site
from simulators.contact_id import ContactIdReceiverSimulator
from simulators.dc09 import Dc09PanelSimulator
from simulators.modbus import ModbusSlave, ModbusTcpSimulator
from simulators.scenario import Step, load_scenario, play
from simulators.school import School
from simulators.school_verbs import school_verbs
from simulators.steer import Steering, Verb
from simulators.verbs import modbus_verbs, panel_verbs
from tests.clocks import ManualClock
from tests.wait import until

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "simulators/scenarios"


@pytest.fixture
def school(tmp_path: Path) -> School:
    """That of the demo's site file."""
    shutil.copy(ROOT / "config/demo.toml", tmp_path / "demo.toml")
    (tmp_path / "demo-camera.password").write_text("rehearsal", encoding="utf-8")
    return School(load_site(tmp_path / "demo.toml", DRIVERS))


def file_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


def step(at: str = "1", do: str = '"press 3"', more: str = "") -> str:
    return f"[[step]]\nat = {at}\ndo = {do}\n{more}\n"


async def test_the_scenarios_that_come_with_it(school: School) -> None:
    """The drill fits the demo's site file, the bad day fits both kinds of panel."""
    drill = load_scenario(SCENARIOS / "drill-morning.toml", Steering(school_verbs(school)))
    assert "power-cycle sensors 10" in [step.line for step in drill]
    for panel in (Dc09PanelSimulator("127.0.0.1", 1), ContactIdReceiverSimulator()):
        assert load_scenario(SCENARIOS / "bad-day.toml", Steering(panel_verbs(panel)))
    assert {path.name for path in SCENARIOS.glob("*.toml")} == {"drill-morning.toml", "bad-day.toml"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("step = 1", r"\[\[step\]\] tables and nothing else"),
        ("", r"one at least"),
        (step() + "[other]\n", r"nothing else"),
        ("[[step]\n", r"is no TOML: .*line 1"),
        (
            step() + "# a comment\n\n" + step(do='"jump"'),
            r"line 7, step 2: no such command 'jump'; there are: press,",
        ),
        (step(at="-1"), r"line 1, step 1: `at` is the seconds from the start, 0 to 86400"),
        (step(at="true"), r"`at` is the seconds"),
        (step(at="nan"), r"`at` is the seconds"),
        (step(do="3"), r"`do` is what would be typed"),
        (step(do='"  "'), r"`do` is what would be typed"),
        (step(do='"press"'), r"it is `press ZONE \[KIND\]`"),
        (step(do='"press 1 fire now"'), r"it is `press ZONE"),
        (step(do='"press 1000"'), r"zone '1000': give 0 to 999"),
        (step(do='"press 1 flood"'), r"no kind 'flood'"),
        (step(do='"code 1120 1"'), r"two letters"),
        (step(do='"fault sulking"'), r"no fault 'sulking'"),
        (step(do='"power-cycle soon"'), r"'soon': give a number"),
        (step(do='"quit"'), r"keyboard only"),
        (step(do="""'say "half'"""), r"No closing quotation"),
        (step(more="when = 3"), r"there is no key 'when'; there are: at, do, device"),
        (step(more='device = "panel-1"'), r"`press ZONE \[KIND\]` takes no device"),
        (step(more="device = 3"), r"`device` is the id"),
    ],
)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, text: str, why: str) -> None:
    """The first bad step is named by line and number, with what would be right; nothing has been told."""
    panel = Dc09PanelSimulator("127.0.0.1", 1)
    with pytest.raises(ValueError, match=why):
        load_scenario(file_of(tmp_path, text), Steering(panel_verbs(panel)))
    assert not panel.waiting


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (step(do='"press attic"'), r"there is no point 'attic'; there are: gate-button"),
        (step(do='"fault silent"', more='device = "attic"'), r"there is no device 'attic'"),
        (step(do='"fault silent"'), r"it is `fault DEVICE FAULT`"),
        (step(do='"value hall-heat warm"'), r"'warm': give a number"),
    ],
)
def test_a_schools_points_and_devices_are_tested(tmp_path: Path, school: School, text: str, why: str) -> None:
    """A point or device that the site file does not have is refused."""
    with pytest.raises(ValueError, match=why):
        load_scenario(file_of(tmp_path, text), Steering(school_verbs(school)))


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    """More than 1 MiB is no scenario."""
    with pytest.raises(ValueError, match="is it a scenario"):
        load_scenario(file_of(tmp_path, "#" * (1 << 20) + "\n"), Steering([]))


def test_slaves_of_a_bus_are_tested(tmp_path: Path) -> None:
    """A slave that is not on the bus is refused, one that is there is not."""
    steering = Steering(modbus_verbs(ModbusTcpSimulator(slaves=[ModbusSlave(2)])))
    assert load_scenario(file_of(tmp_path, step(do='"fault silent 2"')), steering) == [
        Step(1.0, "fault silent 2")
    ]
    with pytest.raises(ValueError, match="there is no slave '3'; there are: 2"):
        load_scenario(file_of(tmp_path, step(do='"fault silent 3"')), steering)


async def test_steps_are_told_at_their_times(tmp_path: Path) -> None:
    """In the order of their times whatever the file's, not before, and a long one does not hold up the next."""
    told: list[str] = []
    free = asyncio.Event()

    async def act(words: Sequence[str]) -> str:
        if words[0] == "long":
            await free.wait()
        if words[0] == "wrong":
            raise ValueError("not so")
        return "ok"

    steering = Steering([Verb("do WORD", "", act)])
    text = step("3", '"do last"') + step("1", '"do long"') + step("2.5", '"do wrong"')
    clock = ManualClock()
    playing = asyncio.create_task(
        play(load_scenario(file_of(tmp_path, text), steering), steering, told.append, clock)
    )
    await asyncio.sleep(0)
    clock.advance(0.9)
    await asyncio.sleep(0.01)
    assert not told
    clock.advance(0.2)
    await asyncio.sleep(0.01)
    clock.advance(1.5)
    await until(lambda: told == ["2.5 s  do wrong: error: not so"])
    clock.advance(0.5)
    await until(lambda: len(told) == 2)
    free.set()
    async with asyncio.timeout(5):
        assert await playing == 1
    assert told[1:] == ["3 s  do last: ok", "1 s  do long: ok"]
