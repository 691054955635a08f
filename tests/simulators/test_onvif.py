"""The simulated ONVIF camera, accepted by an independent client."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from onvif import ONVIFCamera
from zeep.exceptions import Fault as ZeepFault

from simulators.camera import CameraSimulator, Video
from simulators.onvif import Auth, OnvifSimulator
from tests.simulators.onvif_client import WSDL, post, service
from tests.wait import until


@pytest.fixture
async def simulator() -> AsyncIterator[OnvifSimulator]:
    made = OnvifSimulator(
        CameraSimulator(width=320, height=192, fps=5), inputs=("DI_1", "DI_2"), relays=("R_1",)
    )
    await made.start()
    yield made
    await made.stop()


def items(message: Any) -> tuple[str, dict[str, str], dict[str, str]]:
    """Topic, source and data of one NotificationMessage that zeep has parsed."""
    inner = message.Message._value_1
    return (
        message.Topic._value_1,
        {one.Name: one.Value for one in inner.Source.SimpleItem},
        {one.Name: one.Value for one in inner.Data.SimpleItem},
    )


async def test_the_clients_own_setup_finds_every_service(simulator: OnvifSimulator) -> None:
    """ONVIFCamera takes clock, services and identity, and each address names this camera."""
    camera = ONVIFCamera("127.0.0.1", simulator.port, "admin", "camera", str(WSDL), no_cache=True)
    try:
        await camera.update_xaddrs()
        device = await camera.create_devicemgmt_service()
        identity = await device.GetDeviceInformation()
    finally:
        await camera.close()

    assert (identity.Manufacturer, identity.SerialNumber) == ("Campus", "SIM-Campus-Camera")
    assert len(camera.xaddrs) >= 6
    assert all(f"127.0.0.1:{simulator.port}/" in address for address in camera.xaddrs.values())
    assert simulator.failed_logins == 0


async def test_device_answers_are_what_the_wsdl_says(simulator: OnvifSimulator) -> None:
    """Every answer of the device service is parsed by zeep against the standard's WSDL."""
    async with service("device", simulator.address) as device:
        moment = await device.GetSystemDateAndTime()
        services = await device.GetServices({"IncludeCapability": True})
        capabilities = await device.GetCapabilities({"Category": "All"})
        able = await device.GetServiceCapabilities()
        scopes = await device.GetScopes()
        name = await device.GetHostname()
        relays = await device.GetRelayOutputs()

    assert moment.UTCDateTime.Date.Year >= 2026
    assert {one.Namespace.rsplit("/", 2)[1] for one in services} == {
        "device",
        "media",
        "events",
        "deviceIO",
        "search",
    }
    assert capabilities.Events.WSPullPointSupport
    assert capabilities.Media.XAddr == simulator.address.replace("device_", "media_")
    assert able.Security.HttpDigest
    assert any("Campus-Camera" in one.ScopeItem for one in scopes)
    assert name.Name == "Campus-Camera"
    assert [one.token for one in relays] == ["R_1"]


async def test_setting_the_clock_moves_it_and_is_counted(simulator: OnvifSimulator) -> None:
    """SetSystemDateAndTime changes the camera's clock by what it says."""
    simulator.clock_offset = timedelta(seconds=95)
    async with service("device", simulator.address) as device:
        device.dt_diff = timedelta(seconds=95)
        await device.setup()
        told = await device.GetSystemDateAndTime()
        await device.SetSystemDateAndTime(
            {
                "DateTimeType": "Manual",
                "DaylightSavings": False,
                "UTCDateTime": {
                    "Time": {"Hour": 0, "Minute": 0, "Second": 0},
                    "Date": {"Year": told.UTCDateTime.Date.Year + 1, "Month": 1, "Day": 1},
                },
            }
        )
        after = await device.GetSystemDateAndTime()

    assert after.UTCDateTime.Date.Year == told.UTCDateTime.Date.Year + 1
    assert simulator.requests["SetSystemDateAndTime"] == 1


async def test_media_answers_are_what_the_wsdl_says(simulator: OnvifSimulator) -> None:
    """Profiles, video sources, stream and snapshot addresses of Media 1 are parsed, with the true size."""
    async with service("media", simulator.address.replace("device_", "media_")) as media:
        await media.GetServiceCapabilities()
        profiles = await media.GetProfiles()
        sources = await media.GetVideoSources()
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        stream = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profiles[0].token})
        snapshot = await media.GetSnapshotUri({"ProfileToken": profiles[0].token})

    assert profiles[0].VideoEncoderConfiguration.Resolution.Width == 320
    assert profiles[0].VideoSourceConfiguration.Bounds.width == 320
    assert sources[0].Resolution.Height == 192
    assert stream.Uri == simulator.camera.url
    assert snapshot.Uri.startswith(f"http://127.0.0.1:{simulator.port}/")


async def test_media_2_names_both_streams() -> None:
    """Profiles with configurations on demand, in the order of the Media 2 schema; addresses of both streams."""
    camera = OnvifSimulator(
        CameraSimulator(width=320, height=192, fps=5, sub=Video(width=240, height=160, fps=5), codec="h265"),
        auth=Auth.NONE,
    )
    await camera.start()
    try:
        async with aiohttp.ClientSession() as session:
            _, bare = await post(session, camera.address, "<tr2:GetProfiles/>")
            ask = "<tr2:GetProfiles><tr2:Type>VideoEncoder</tr2:Type></tr2:GetProfiles>"
            _, full = await post(session, camera.address, ask)
            stream = "<tr2:GetStreamUri><tr2:Protocol>RTSP</tr2:Protocol><tr2:ProfileToken>{}</tr2:ProfileToken></tr2:GetStreamUri>"
            _, main = await post(session, camera.address, stream.format("Profile_1"))
            _, sub = await post(session, camera.address, stream.format("Profile_2"))
            status, _ = await post(session, camera.address, stream.format("Profile_3"))
    finally:
        await camera.stop()

    def uri(answer: str) -> str | None:
        return ET.fromstring(answer).findtext(".//{*}Uri")

    encoders = ET.fromstring(full).findall(".//{*}VideoEncoder")

    assert "Configurations" not in bare
    assert [one.findtext("{*}Encoding") for one in encoders] == ["H265", "H264"]
    assert [part.tag.rpartition("}")[2] for part in encoders[0]] == [
        "Name", "UseCount", "Encoding", "Resolution", "RateControl", "Quality",
    ]  # fmt: skip
    assert (uri(main), uri(sub), status) == (camera.camera.url, camera.camera.sub_url, 400)


async def test_inputs_and_relays(simulator: OnvifSimulator) -> None:
    """Device I/O lists inputs and relays, and switches a relay."""
    async with service("deviceio", simulator.address.replace("device_", "deviceio_")) as deviceio:
        able = await deviceio.GetServiceCapabilities()
        inputs = await deviceio.GetDigitalInputs()
        relays = await deviceio.GetRelayOutputs()
        await deviceio.SetRelayOutputState({"RelayOutputToken": "R_1", "LogicalState": "active"})

        assert simulator.relay("R_1")
        with pytest.raises(ZeepFault, match="unknown relay"):
            await deviceio.SetRelayOutputState({"RelayOutputToken": "R_9", "LogicalState": "active"})
    assert able.DigitalInputs == 2
    assert [one.token for one in inputs] == ["DI_1", "DI_2"]
    assert relays[0].Properties.Mode == "Bistable"


async def test_recording_search(simulator: OnvifSimulator) -> None:
    """Summary, a search with its results and its end, and the attributes are parsed."""
    async with service("search", simulator.address.replace("device_", "search_")) as search:
        await search.GetServiceCapabilities()
        summary = await search.GetRecordingSummary()
        found = await search.FindRecordings({"Scope": {}, "KeepAliveTime": timedelta(seconds=10)})
        job = {"SearchToken": found, "MinResults": 1, "MaxResults": 5, "WaitTime": timedelta(seconds=1)}
        results = await search.GetRecordingSearchResults(job)
        again = await search.GetRecordingSearchResults(job)
        recording = results.RecordingInformation[0].RecordingToken
        information = await search.GetRecordingInformation({"RecordingToken": recording})
        attributes = await search.GetMediaAttributes(
            {"RecordingTokens": [recording], "Time": information.LatestRecording}
        )
        await search.EndSearch({"SearchToken": found})
        with pytest.raises(ZeepFault, match="unknown search"):
            await search.GetRecordingSearchResults(job)

    assert summary.NumberRecordings == 1
    assert (results.SearchState, len(again.RecordingInformation)) == ("Completed", 0)
    assert information.EarliestRecording <= information.LatestRecording
    assert attributes[0].TrackAttributes[0].VideoAttributes.Width == 320


async def test_a_press_reaches_a_pull_point(simulator: OnvifSimulator) -> None:
    """After a subscription the states come as Initialized, then each change, at once."""
    async with service("events", simulator.address.replace("device_", "event_")) as events:
        await events.GetServiceCapabilities()
        properties = await events.GetEventProperties()
        made = await events.CreatePullPointSubscription({"InitialTerminationTime": "PT60S"})
    where = made.SubscriptionReference.Address._value_1
    async with service("pullpoint", where) as point, service("subscription", where) as manager:
        first = await point.PullMessages({"Timeout": timedelta(seconds=5), "MessageLimit": 100})
        pull = asyncio.create_task(point.PullMessages({"Timeout": timedelta(seconds=20), "MessageLimit": 10}))
        await until(lambda: simulator.requests["PullMessages"] == 2, 5)
        simulator.set_input("DI_2", active=True)
        told = await pull
        await point.SetSynchronizationPoint()
        states = await point.PullMessages({"Timeout": timedelta(seconds=5), "MessageLimit": 100})
        renewed = await manager.Renew({"TerminationTime": "PT120S"})
        await manager.Unsubscribe()

    assert properties.TopicSet is not None
    operations = {one.Message._value_1.PropertyOperation for one in first.NotificationMessage}
    assert operations == {"Initialized"}
    assert [items(one) for one in told.NotificationMessage] == [
        ("tns1:Device/Trigger/DigitalInput", {"InputToken": "DI_2"}, {"LogicalState": "true"})
    ]
    assert ("tns1:Device/Trigger/DigitalInput", {"InputToken": "DI_2"}, {"LogicalState": "true"}) in [
        items(one) for one in states.NotificationMessage
    ]
    assert renewed.TerminationTime - renewed.CurrentTime == timedelta(seconds=120)
    assert simulator.subscriptions == 0
    assert simulator.pulled == len(first.NotificationMessage) + 1 + len(states.NotificationMessage)
