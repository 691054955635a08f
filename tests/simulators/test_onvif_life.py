"""The life of the simulated ONVIF camera: reboots, power, faults of the line, discovery, its command line."""

import asyncio
import socket
import uuid
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator

import aiohttp
import pytest

from simulators.camera import CameraSimulator
from simulators.fault import Fault
from simulators.onvif import Auth, OnvifSimulator
from simulators.onvif.command import onvif_verbs
from simulators.steer import Steering
from tests.simulators.onvif_client import post
from tests.wait import until

SCOPES = "<tds:GetScopes/>"
CREATE = "<tev:CreatePullPointSubscription/>"
PULL = "<tev:PullMessages><tev:Timeout>PT30S</tev:Timeout><tev:MessageLimit>100</tev:MessageLimit></tev:PullMessages>"
PROBE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    "<s:Header><a:MessageID>{id}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>"
    "<s:Body><d:Probe>{wanted}</d:Probe></s:Body></s:Envelope>"
)


@pytest.fixture
async def camera() -> AsyncIterator[OnvifSimulator]:
    made = OnvifSimulator(
        CameraSimulator(width=320, height=192, fps=5), auth=Auth.NONE, slow_seconds=0.3, discovery_port=0
    )
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def address_of(camera: OnvifSimulator, session: aiohttp.ClientSession) -> str:
    """Of a new pull point, whose first messages are fetched."""
    _, answer = await post(session, camera.address, CREATE)
    address = ET.fromstring(answer).findtext(".//{http://www.w3.org/2005/08/addressing}Address")
    assert address is not None
    await post(session, address, PULL)
    return address


async def test_a_reboot_forgets_subscriptions_and_keeps_tokens(
    camera: OnvifSimulator, session: aiohttp.ClientSession
) -> None:
    """A waiting pull is cut; afterwards the pull point is unknown, inputs are as they are, relays off."""
    address = await address_of(camera, session)
    camera.set_input("DI_1", active=True)
    await post(session, address, PULL)
    waiting = asyncio.create_task(post(session, address, PULL))
    await until(lambda: camera.requests["PullMessages"] == 3, 5)
    status, _ = await post(session, camera.address, "<tds:SystemReboot/>")
    with pytest.raises(aiohttp.ClientError):
        await waiting
    assert status == 200
    assert camera.subscriptions == 0
    await until(lambda: camera.running, 5)
    unknown, _ = await post(session, address, PULL)
    _, answer = await post(session, await _fresh(camera, session), PULL)
    assert unknown == 400
    assert 'Name="InputToken" Value="DI_1"' in answer
    assert 'Name="LogicalState" Value="true"' in answer


async def _fresh(camera: OnvifSimulator, session: aiohttp.ClientSession) -> str:
    _, answer = await post(session, camera.address, CREATE)
    return ET.fromstring(answer).findtext(".//{http://www.w3.org/2005/08/addressing}Address") or ""


async def test_a_client_that_leaves_takes_nothing_with_it(
    camera: OnvifSimulator, session: aiohttp.ClientSession
) -> None:
    """A message after a pull was given up waits for the next pull."""
    address = await address_of(camera, session)
    given_up = asyncio.create_task(post(session, address, PULL))
    await until(lambda: camera.requests["PullMessages"] == 2, 5)
    given_up.cancel()
    await asyncio.wait([given_up])
    await until(lambda: camera.waiting_pulls == 0, 5)
    camera.set_input("DI_1", active=True)
    _, answer = await post(session, address, PULL)

    assert 'Name="InputToken" Value="DI_1"' in answer


async def test_hello_probe_and_bye_by_multicast() -> None:
    """Joined to the group on loopback it says hello, answers a probe to the group, and says goodbye."""
    loop = asyncio.get_running_loop()
    made = OnvifSimulator(
        CameraSimulator(width=320, height=192, fps=5),
        name=f"Heard {uuid.uuid4()}",
        discovery_port=3702,
        discovery_multicast=True,
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.settimeout(0.0)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ours.bind(("239.255.255.250", 3702))
        lo = socket.inet_aton("127.0.0.1")
        ours.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.255.255.250") + lo)

        async def heard(action: str, address: str) -> None:
            async with asyncio.timeout(5):
                while True:
                    said = (await loop.sock_recv(ours, 65_536)).decode()
                    if f"discovery/{action}<" in said and address in said:
                        return

        await made.start()
        try:
            await heard("Hello", made.address)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(0.0)
                asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, lo)
                asking.bind(("127.0.0.1", 0))
                question = PROBE.format(id="urn:uuid:1", wanted="").encode()
                await loop.sock_sendto(asking, question, ("239.255.255.250", 3702))
                async with asyncio.timeout(5):
                    while made.address not in (await loop.sock_recv(asking, 65_536)).decode():
                        pass
        finally:
            await made.stop()
        await heard("Bye", made.address)


async def test_without_power_nobody_listens_and_the_port_stays(
    camera: OnvifSimulator, session: aiohttp.ClientSession
) -> None:
    """Refused while off, back at the same address."""
    before = camera.address
    await camera.power_off()
    with pytest.raises(aiohttp.ClientConnectorError):
        await post(session, camera.address, SCOPES)
    await camera.power_on()

    assert (await post(session, before, SCOPES))[0] == 200


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.HALF_OPEN])
async def test_a_mute_camera_answers_when_it_is_well(
    camera: OnvifSimulator, session: aiohttp.ClientSession, fault: Fault
) -> None:
    """SILENT does what it is asked and says nothing, HALF_OPEN does nothing; both answer afterwards."""
    await camera.misbehave(fault)
    asked = asyncio.create_task(post(session, camera.address, SCOPES))
    if fault is Fault.SILENT:
        await until(lambda: camera.requests["GetScopes"] == 1, 5)
    done, _ = await asyncio.wait([asked], timeout=0.3)
    assert not done
    assert camera.requests["GetScopes"] == (1 if fault is Fault.SILENT else 0)
    await camera.misbehave(Fault.NONE)

    assert (await asked)[0] == 200


async def test_a_slow_and_a_garbling_camera(camera: OnvifSimulator, session: aiohttp.ClientSession) -> None:
    """SLOW answers late; GARBAGE sends what is no HTTP."""
    loop = asyncio.get_running_loop()
    await camera.misbehave(Fault.SLOW)
    began = loop.time()
    assert (await post(session, camera.address, SCOPES))[0] == 200
    assert loop.time() - began >= 0.29
    await camera.misbehave(Fault.GARBAGE)
    with pytest.raises(aiohttp.ClientError):
        await post(session, camera.address, SCOPES)


async def test_requests_that_are_no_soap(camera: OnvifSimulator, session: aiohttp.ClientSession) -> None:
    """Nonsense, a document type, an unknown operation: a fault each, and the camera lives on."""
    dtd = b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
    for body in (b"", b"\xff\xfe", b"<x/>", dtd):
        async with session.post(camera.address, data=body) as response:
            assert response.status == 400
            assert "Fault" in await response.text()
    status, said = await post(session, camera.address, "<tds:GetNothing/>")
    assert status == 500
    assert "ActionNotSupported" in said
    async with session.get(f"http://127.0.0.1:{camera.port}/") as response:
        assert response.status == 404


async def probe(port: int, wanted: str, patience: float) -> tuple[str, str]:
    """What answers a probe sent to this port, and its message id; empty if nothing within so many seconds."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.setblocking(False)  # noqa: FBT003 - its only argument
        ours.bind(("127.0.0.1", 0))
        number = f"urn:uuid:{uuid.uuid4()}"
        await loop.sock_sendto(ours, PROBE.format(id=number, wanted=wanted).encode(), ("127.0.0.1", port))
        try:
            async with asyncio.timeout(patience):
                return (await loop.sock_recv(ours, 65_536)).decode(), number
        except TimeoutError:
            return "", number


@pytest.mark.parametrize(
    ("wanted", "answered"),
    [
        ("", True),
        ("<d:Types>dn:NetworkVideoTransmitter</d:Types>", True),
        ("<d:Scopes>onvif://www.onvif.org/name/Campus-Camera</d:Scopes>", True),
        ("<d:Types>dn:NetworkVideoDisplay</d:Types>", False),
        ("<d:Scopes>onvif://www.onvif.org/name/Other</d:Scopes>", False),
    ],
)
async def test_discovery_answers_what_means_it(camera: OnvifSimulator, wanted: str, answered: bool) -> None:  # noqa: FBT001 - a table's column
    """A probe for its type or scope is answered with its address, related to the question; others are not."""
    answer, number = await probe(camera.discovery_port, wanted, 5 if answered else 0.3)
    assert answered == bool(answer)
    if answered:
        told = {one.tag.rpartition("}")[2]: one.text for one in ET.fromstring(answer).iter()}
        assert told["RelatesTo"] == number
        assert told["XAddrs"] == camera.address
        assert told["Types"] is not None
        assert "NetworkVideoTransmitter" in told["Types"]


async def test_a_camera_without_power_is_not_discovered(camera: OnvifSimulator) -> None:
    """Nor one that is silent; afterwards it is, under the same identity."""
    before, _ = await probe(camera.discovery_port, "", 5)
    await camera.power_off()
    assert (await probe(camera.discovery_port, "", 0.3))[0] == ""
    await camera.power_on()
    after, _ = await probe(camera.discovery_port, "", 5)
    identity = [ET.fromstring(one).findtext(".//{*}EndpointReference/{*}Address") for one in (before, after)]
    assert identity[0] == identity[1] != ""


async def test_what_it_can_be_told(camera: OnvifSimulator) -> None:
    """Each verb of `campus-sim onvif` does what it says; nonsense is refused in words."""
    steering = Steering(onvif_verbs(camera))
    for line in ("press DI_1", "tamper on", "motion off", "clock +95", "fault slow", "fault none"):
        assert not (await steering.obey(line)).startswith("error"), line
    assert camera.input("DI_1")
    assert camera.clock_offset.total_seconds() == 95
    assert camera.camera.clock_offset == camera.clock_offset
    assert await steering.obey("relay") == "R_1 inactive"
    assert (await steering.obey("release DI_9")).startswith("error: there is no input 'DI_9'")
    assert (await steering.obey("tamper perhaps")).startswith("error")
    assert await steering.obey("reboot") == "ok, it is back"
    assert "failed logins" in await steering.obey("report")
