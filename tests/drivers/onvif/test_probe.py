"""What `probe` and `check` say of a camera, and the search of a network."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from drivers import DRIVERS
from drivers.onvif import discovery
from drivers.onvif.discovery import discover
from gateway.clock import SystemClock
from gateway.driver import Finding
from gateway.errors import SiteFileError
from simulators.camera import CameraSimulator
from simulators.onvif import OnvifSimulator
from tests.drivers.contract import AnyConnection
from tests.drivers.onvif.cameras import BUTTON, STANDING, camera, connection_of, pictures, site_of

ONVIF = DRIVERS["onvif"]


async def findings(connection: AnyConnection) -> Sequence[Finding]:
    assert ONVIF.probe is not None
    return [finding async for finding in ONVIF.probe(connection, SystemClock())]


async def test_a_camera_that_is_well(tmp_path: Path) -> None:
    """Identity, clock, streams, inputs and relays with which the site file names, present states; nothing is left behind."""
    simulator = camera(inputs=("DI_1", "DI_2"))
    await simulator.start()
    simulator.set_input("DI_1", True)  # noqa: FBT003 - its own way
    found = await findings(connection_of(tmp_path, simulator))
    text = "\n".join(finding.text for finding in found)

    assert all(finding.ok for finding in found), text
    for words in (
        "answers: maker",
        "its clock is right",
        f"main stream {simulator.camera.url}",
        "inputs of the site file: DI_1",
        "inputs that the site file does not name: DI_2",
        "relays that the site file does not name: R_1",
        "DI_1 true (button in alarm)",
    ):
        assert words in text
    assert simulator.subscriptions == 0


async def test_a_token_that_the_camera_lacks(tmp_path: Path) -> None:
    """Is found, with those that it has."""
    simulator = camera()
    await simulator.start()
    found = await findings(connection_of(tmp_path, simulator, points=BUTTON.replace("DI_1", "DI_7")))

    assert [finding.text for finding in found if not finding.ok] == ["has no input DI_7; it has DI_1"]


async def test_a_wrong_password(tmp_path: Path) -> None:
    """Two failed logins at most, and words."""
    simulator = camera()
    await simulator.start()
    found = await findings(connection_of(tmp_path, simulator, password="wrong"))

    assert [finding.ok for finding in found] == [False]
    assert "refuses user" in found[0].text
    assert simulator.failed_logins == 2


async def test_the_network_is_searched_where_nobody_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that has moved is found by WS-Discovery."""
    simulator = OnvifSimulator(CameraSimulator(loop=pictures()), discovery_port=0, name="Gate")
    STANDING.append(simulator)
    await simulator.start()

    async def search(seconds: float) -> list[discovery.Found]:
        return await discover(0.3, [("127.0.0.1", simulator.discovery_port)])

    monkeypatch.setattr(sys.modules["drivers.onvif.probe"], "discover", search)
    connection = connection_of(tmp_path, camera_at(1))
    found = await findings(connection)

    assert [finding.ok for finding in found] == [False, False]
    assert "can't reach 127.0.0.1:1" in found[0].text
    assert f"http://127.0.0.1:{simulator.port}/" in found[1].text


def camera_at(port: int) -> OnvifSimulator:
    """One that is not started, at a port where nobody is."""
    made = OnvifSimulator(CameraSimulator(loop=pictures()), port=port)
    made._unit.port = port
    return made


async def test_discovery_by_address() -> None:
    """One camera that is asked directly tells its address and its name; nobody is nobody."""
    simulator = OnvifSimulator(CameraSimulator(loop=pictures()), discovery_port=0, name="Gate 1")
    STANDING.append(simulator)
    await simulator.start()
    (found,) = await discover(0.3, [("127.0.0.1", simulator.discovery_port)])

    assert found.addresses == (simulator.address,)
    assert "Gate-1" in found.words
    await simulator.power_off()
    assert await discover(0.1, [("127.0.0.1", simulator.discovery_port)]) == []


def test_answers_to_a_search_are_bounded() -> None:
    """Rubbish, strangers' answers, too long and too many: dropped."""
    answers = discovery._Answers("id-1")
    match = (
        b"<e><RelatesTo>urn:uuid:id-%d</RelatesTo><ProbeMatch><XAddrs>http://a/%d</XAddrs></ProbeMatch></e>"
    )
    answers.datagram_received(b"\0" * 100, ("127.0.0.1", 1))
    answers.datagram_received(match % (2, 0), ("127.0.0.1", 1))
    answers.datagram_received(match % (1, 0) + b" " * discovery.MOST_BYTES, ("127.0.0.1", 1))
    assert not answers.found
    for number in range(1000):
        answers.datagram_received(match % (1, number), ("127.0.0.1", 1))

    assert 0 < len(answers.found) <= discovery.MOST_ANSWERS


def test_contradictions_are_errors(tmp_path: Path) -> None:
    """One input as two points; a camera on a bus."""
    head = 'zone = "gate"\n'
    two = f'[[device]]\nid = "c"\ndriver = "onvif"\nhost = "h"\n{head}{BUTTON}{BUTTON.replace("button", "other")}'
    with pytest.raises(SiteFileError, match="2 points are 'DI_1'"):
        site_of(tmp_path, two)
    bus = f'[[bus]]\nid = "b"\ndriver = "onvif"\nhost = "h"\n[[device]]\nid = "c"\nbus = "b"\n{head}'
    with pytest.raises(SiteFileError, match="a connection of its own"):
        site_of(tmp_path, bus)


def test_advice(tmp_path: Path) -> None:
    """How soon the camera is heard, and that a normally open button is silent when its wire is cut."""
    text = "\n".join(ONVIF.advice(connection_of(tmp_path, camera_at(80), "")))

    assert "within 15 s" in text
    assert "a cut wire is silent" in text
