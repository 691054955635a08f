"""Each habit of the simulated ONVIF camera shown, by requests written by hand."""

import asyncio
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from simulators.camera import CameraSimulator
from simulators.onvif import Auth, OnvifSimulator, Quirk
from tests.simulators.onvif_client import post
from tests.wait import until

CREATE = "<tev:CreatePullPointSubscription/>"
CREATE_FOR_A_MINUTE = (
    "<tev:CreatePullPointSubscription><tev:InitialTerminationTime>PT60S</tev:InitialTerminationTime>"
    "</tev:CreatePullPointSubscription>"
)
UNSUBSCRIBE = "<wsnt:Unsubscribe/>"
ANY_WHERE = "{*}"


def pull(seconds: float = 5, limit: int = 100) -> str:
    """A PullMessages."""
    return f"<tev:PullMessages><tev:Timeout>PT{seconds}S</tev:Timeout><tev:MessageLimit>{limit}</tev:MessageLimit></tev:PullMessages>"


@asynccontextmanager
async def running(*quirks: Quirk, **keys: Any) -> AsyncIterator[tuple[OnvifSimulator, aiohttp.ClientSession]]:
    """A camera with such habits that asks for no password, and a client."""
    made = OnvifSimulator(
        CameraSimulator(width=320, height=192, fps=5), auth=Auth.NONE, quirks=frozenset(quirks), **keys
    )
    await made.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield made, session
    finally:
        await made.stop()


def text(answer: str, name: str) -> str:
    """The text of the first element of that name."""
    found = ET.fromstring(answer).find(f".//{ANY_WHERE}{name}")
    assert found is not None, answer
    return found.text or ""


def messages(answer: str, topic: str) -> list[tuple[list[tuple[str, str]], list[tuple[str, str]]]]:
    """Source and data items, in their order, of each message of that topic."""

    def listed(message: ET.Element, part: str) -> list[tuple[str, str]]:
        path = f".//{ANY_WHERE}{part}/{ANY_WHERE}SimpleItem"
        return [(item.attrib["Name"], item.attrib["Value"]) for item in message.findall(path)]

    return [
        (listed(one, "Source"), listed(one, "Data"))
        for one in ET.fromstring(answer).iter("{http://docs.oasis-open.org/wsn/b-2}NotificationMessage")
        if one.findtext(f"{ANY_WHERE}Topic") == topic
    ]


async def subscribe(
    camera: OnvifSimulator, session: aiohttp.ClientSession, body: str = CREATE_FOR_A_MINUTE
) -> str:
    """The address of a new pull point."""
    status, answer = await post(session, camera.address, body)
    assert status == 200, answer
    return text(answer, "Address")


async def test_a_doubled_port() -> None:
    """PORT_DOUBLED: http://ip:port:port/..., and the right address works."""
    async with running(Quirk.PORT_DOUBLED) as (camera, session):
        address = await subscribe(camera, session)
        doubled = f"127.0.0.1:{camera.port}:{camera.port}/"
        assert doubled in address
        status, _ = await post(session, address.replace(f":{camera.port}", "", 1), pull())
        assert status == 200


async def test_an_inside_host() -> None:
    """NAT_HOST: services, subscription, stream and snapshot name a host where nobody is."""
    async with running(Quirk.NAT_HOST) as (camera, session):
        ask = "<tr2:GetStreamUri><tr2:Protocol>RTSP</tr2:Protocol><tr2:ProfileToken>Profile_1</tr2:ProfileToken></tr2:GetStreamUri>"
        bodies = ["<tds:GetServices/>", CREATE, ask, ask.replace("StreamUri", "SnapshotUri")]
        for body in bodies:
            _, answer = await post(session, camera.address, body)
            assert "127.77.77.77" in answer
            assert "127.0.0.1" not in answer


async def test_termination_times() -> None:
    """NEEDS_INITIAL_TERMINATION faults without one; NO_RELATIVE_TIME faults at durations and takes a time."""
    async with running(Quirk.NEEDS_INITIAL_TERMINATION) as (camera, session):
        assert (await post(session, camera.address, CREATE))[0] == 400
        await subscribe(camera, session)
    async with running(Quirk.NO_RELATIVE_TIME) as (camera, session):
        status, said = await post(session, camera.address, CREATE_FOR_A_MINUTE)
        assert status == 400
        assert "UnacceptableInitialTerminationTimeFault" in said
        until_when = (datetime.now(UTC) + timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
        await subscribe(camera, session, CREATE_FOR_A_MINUTE.replace("PT60S", until_when))
        assert camera.subscriptions == 1


async def test_unsubscribe_kills_all() -> None:
    """UNSUBSCRIBE_KILLS_ALL: one leaves and all are gone; without it the other stays."""
    for quirks, left in (((), 1), ((Quirk.UNSUBSCRIBE_KILLS_ALL,), 0)):
        async with running(*quirks) as (camera, session):
            first, _ = await subscribe(camera, session), await subscribe(camera, session)
            await post(session, first, UNSUBSCRIBE)
            assert camera.subscriptions == left


async def test_a_long_pull_is_hung_up_on() -> None:
    """CLOSES_PULL_AFTER: the connection closes without an answer; the subscription lives on."""
    async with running(Quirk.CLOSES_PULL_AFTER) as (camera, session):
        camera.close_pull_seconds = 0.2
        address = await subscribe(camera, session)
        await post(session, address, pull())
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await post(session, address, pull(20))
        camera.set_input("DI_1", active=True)
        _, answer = await post(session, address, pull(20))
        assert len(messages(answer, "tns1:Device/Trigger/DigitalInput")) == 1


async def test_the_subscription_id_must_be_echoed() -> None:
    """SUBSCRIPTION_ID: all share an address; the header says which, and without it there is a fault."""
    async with running(Quirk.SUBSCRIPTION_ID) as (camera, session):
        _, answer = await post(session, camera.address, CREATE)
        address, number = text(answer, "Address"), text(answer, "SubscriptionId")
        echo = f'<a:SubscriptionId xmlns:a="http://www.axis.com/2009/event">{number}</a:SubscriptionId>'
        status, said = await post(session, address, pull())
        assert status == 400
        assert "ResourceUnknownFault" in said
        assert (await post(session, address, pull(), echo))[0] == 200
        assert (await post(session, address, UNSUBSCRIBE, echo))[0] == 200


async def test_local_time_as_utc() -> None:
    """LOCAL_AS_UTC: UTCDateTime is eight hours ahead."""
    async with running(Quirk.LOCAL_AS_UTC) as (camera, session):
        _, answer = await post(session, camera.address, "<tds:GetSystemDateAndTime/>")
        said = ET.fromstring(answer).find(f".//{ANY_WHERE}UTCDateTime")
        assert said is not None
        told = datetime(
            *(
                int(said.findtext(f".//{ANY_WHERE}{part}") or 0)
                for part in ("Year", "Month", "Day", "Hour", "Minute", "Second")
            ),  # type: ignore[arg-type, misc]  # six numbers
            tzinfo=UTC,
        )
        assert abs(told - datetime.now(UTC) - timedelta(hours=8)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("quirk", "topic", "source", "data"),
    [
        (None, "tns1:Device/Trigger/DigitalInput", [("InputToken", "DI_1")], [("LogicalState", "true")]),
        (
            Quirk.MALFORMED_TOPIC,
            "tns1:VideoSource/tns1:Device/Trigger/DigitalInput",
            [("InputToken", "DI_1")],
            [("LogicalState", "true")],
        ),
        (
            Quirk.HIK_ALARM_IN,
            "tns1:Device/Trigger/tnshik:AlarmIn",
            [("AlarmInToken", "DI_1")],
            [("State", "true")],
        ),
        (
            Quirk.CLOSED_TRUE,
            "tns1:Device/Trigger/DigitalInput",
            [("InputToken", "DI_1")],
            [("LogicalState", "false")],
        ),
        (
            Quirk.ITEMS_REORDERED,
            "tns1:Device/Trigger/DigitalInput",
            [("VendorIndex", "7"), ("VendorFlag", "true"), ("InputToken", "DI_1")],
            [("VendorIndex", "7"), ("VendorFlag", "true"), ("LogicalState", "true")],
        ),
    ],
)
async def test_how_an_input_is_told(
    quirk: Quirk | None, topic: str, source: list[tuple[str, str]], data: list[tuple[str, str]]
) -> None:
    """The same press in the words of each kind of camera, told and listed among its topics."""
    async with running(*(() if quirk is None else (quirk,))) as (camera, session):
        address = await subscribe(camera, session)
        await post(session, address, pull())
        camera.set_input("DI_1", active=True)
        _, answer = await post(session, address, pull())
        _, properties = await post(session, camera.address, "<tev:GetEventProperties/>")
        assert messages(answer, topic) == [(source, data)]
        assert f"<{topic.rpartition('/')[2]} wstop:topic" in properties


async def test_few_pull_points() -> None:
    """LIMITED_PULL_POINTS: one, or as many as it is set to; the next is a fault until one is gone."""
    async with running(Quirk.LIMITED_PULL_POINTS) as (camera, session):
        first = await subscribe(camera, session)
        assert (await post(session, camera.address, CREATE))[0] == 500
        await post(session, first, UNSUBSCRIBE)
        camera.pull_point_limit = 2
        await subscribe(camera, session)
        await subscribe(camera, session)
        assert (await post(session, camera.address, CREATE))[0] == 500


async def test_no_synchronisation() -> None:
    """NO_SYNC: SetSynchronizationPoint is not supported; with it, every property is told again as Initialized."""
    body = "<tev:SetSynchronizationPoint/>"
    async with running() as (camera, session):
        address = await subscribe(camera, session)
        _, first = await post(session, address, pull())
        assert (await post(session, address, body))[0] == 200
        _, again = await post(session, address, pull())
        assert again.count('"Initialized"') == first.count('"Initialized"') > 5
        camera.quirks = frozenset({Quirk.NO_SYNC})
        assert (await post(session, address, body))[0] == 500


async def test_a_soap_bomb() -> None:
    """SOAP_BOMB: a small answer with nested entities, ten of each ten."""
    async with running(Quirk.SOAP_BOMB) as (camera, session):
        _, answer = await post(session, camera.address, "<tds:GetScopes/>")
        assert len(answer) < 2000
        assert len(re.findall(r"<!ENTITY e\d \"(?:&e\d;){10}\">", answer)) == 9


async def test_answers_without_an_end() -> None:
    """ENDLESS announces 1 GiB and goes on sending; DRIBBLE comes byte by byte and does not end."""
    async with running(Quirk.ENDLESS) as (camera, session):
        async with session.post(camera.address, data=_scopes()) as response:
            assert response.content_length == 1024**3
            assert len(await response.content.readexactly(100_000)) == 100_000
        camera.quirks = frozenset({Quirk.DRIBBLE})
        async with session.post(camera.address, data=_scopes()) as response:
            assert response.content_length is None
            assert len(await response.content.readexactly(3)) == 3
            assert not response.content.at_eof()


async def test_slow_soap_does_not_slow_the_line_of_others() -> None:
    """SLOW_SOAP answers after its seconds."""
    async with running(Quirk.SLOW_SOAP, slow_seconds=0.3) as (camera, session):
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await post(session, camera.address, "<tds:GetScopes/>"))[0] == 200
        assert loop.time() - began >= 0.29


async def test_a_filter_and_a_limit() -> None:
    """A pull point with a topic filter gets that branch only; MessageLimit is kept, and the rest comes next."""
    wanted = (
        '<wsnt:Filter><wsnt:TopicExpression Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
        "tns1:Device/Trigger//.|tns1:VideoSource/MotionAlarm</wsnt:TopicExpression></wsnt:Filter>"
    )
    body = f"<tev:CreatePullPointSubscription>{wanted.replace('wsnt:Filter', 'tev:Filter')}</tev:CreatePullPointSubscription>"
    async with running(inputs=("A", "B")) as (camera, session):
        address = await subscribe(camera, session, body)
        counts = []
        for _ in range(3):
            _, answer = await post(session, address, pull(1, limit=2))
            counts.append(answer.count("<wsnt:NotificationMessage>"))
        camera.tamper(active=True)
        camera.emit("tns1:Device/Trigger/Vendor", {"Where": "gate"}, {"What": "odd"}, "")
        _, last = await post(session, address, pull())
    assert counts == [2, 2, 0]
    assert messages(last, "tns1:Device/Trigger/Vendor") == [([("Where", "gate")], [("What", "odd")])]
    assert "Tamper" not in last
    assert "PropertyOperation" not in last


async def test_a_subscription_ends_by_itself_and_pulls_keep_it() -> None:
    """A pull point that nobody pulls is over at its time; a pull keeps it for its own timeout at least."""
    async with running() as (camera, session):
        short = CREATE_FOR_A_MINUTE.replace("PT60S", "PT0.3S")
        kept, lost = await subscribe(camera, session, short), await subscribe(camera, session, short)
        await post(session, kept, pull(30))
        await until(lambda: camera.subscriptions == 1, 5)
        assert (await post(session, lost, pull(1)))[0] == 400
        assert (await post(session, kept, pull(0.1)))[0] == 200


def _scopes() -> bytes:
    return (
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        b'<GetScopes xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
    )
