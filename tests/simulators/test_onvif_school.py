"""An ONVIF camera of a site file: its points and outputs are found at the address that the file names."""

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path

import aiohttp
import av
import pytest

from drivers import DRIVERS
from gateway.site import load_site
from simulators.fault import Fault
from simulators.onvif import OnvifSimulator
from simulators.port import ReservedPort
from simulators.school import School
from simulators.school_verbs import school_verbs
from simulators.steer import Steering
from tests.simulators.onvif_client import post, token

SITE = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "/nowhere/state"
[[zone]]
id = "gate"
name = "校门"
[[device]]
id = "cam"
zone = "gate"
driver = "onvif"
host = "127.0.0.1"
port = {port}
username = "admin"
password_file = "camera.password"
[[device.point]]
id = "button"
kind = "panic"
input = "DI_1"
[[device.point]]
id = "closed"
kind = "panic"
input = "DI_2"
active = "false"
[[device.point]]
id = "tampered"
kind = "tamper"
event = "tamper"
[[device.output]]
id = "siren"
kind = "sounder"
relay = "R_1"
"""

PULL = "<tev:PullMessages><tev:Timeout>PT5S</tev:Timeout><tev:MessageLimit>100</tev:MessageLimit></tev:PullMessages>"
SWITCH = (
    "<tds:SetRelayOutputState><tds:RelayOutputToken>R_1</tds:RelayOutputToken>"
    "<tds:LogicalState>active</tds:LogicalState></tds:SetRelayOutputState>"
)


@pytest.fixture
def school(tmp_path: Path) -> School:
    reserved = ReservedPort()
    reserved.release()
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(port=reserved.number), encoding="utf-8")
    (tmp_path / "camera.password").write_text("rehearsal\n", encoding="utf-8")
    return School(load_site(path, DRIVERS))


def simulator_of(school: School) -> OnvifSimulator:
    part = school.parts["cam"]
    assert isinstance(part, OnvifSimulator)
    return part


async def test_points_and_outputs_of_the_file_are_at_the_camera(school: School) -> None:
    """Each point at rest, pressed and released as the file has it; a relay switched by the gateway is its output on."""
    await school.start()
    try:
        camera = simulator_of(school)
        async with aiohttp.ClientSession() as session:

            async def call(address: str, body: str) -> str:
                status, answer = await post(session, address, body, token("rehearsal"))
                assert status == 200, answer
                return answer

            made = await call(camera.address, "<tev:CreatePullPointSubscription/>")
            where = ET.fromstring(made).findtext(".//{http://www.w3.org/2005/08/addressing}Address") or ""

            async def states() -> dict[str, str]:
                answer = ET.fromstring(await call(where, PULL))
                found = {}
                for message in answer.iter("{http://www.onvif.org/ver10/schema}Message"):
                    values = {
                        item.attrib["Name"]: item.attrib["Value"]
                        for item in message.iter()
                        if "Name" in item.attrib
                    }
                    found[values.get("InputToken", "tamper" if "IsTamper" in values else "")] = values.get(
                        "LogicalState", values.get("IsTamper", "")
                    )
                found.pop("", None)
                return found

            rest = await states()
            for point in ("button", "closed", "tampered"):
                school.press(point)
            pressed = await states()
            for point in ("button", "closed", "tampered"):
                school.release(point)
            released = await states()
            await call(camera.address, SWITCH)
        assert rest == released == {"DI_1": "false", "DI_2": "true", "tamper": "false"}
        assert pressed == {"DI_1": "true", "DI_2": "false", "tamper": "true"}
        assert school.outputs["siren"].is_on
        assert [one.on for one in school.outputs["siren"].switched] == [True]
        await school.power_cycle("cam", 0)
        assert [one.on for one in school.outputs["siren"].switched] == [True, False]
        with pytest.raises(ValueError, match="measures nothing"):
            school.set_value("button", 3)
        await school.misbehave("cam", Fault.SILENT)
    finally:
        await school.stop()


async def test_the_stream_takes_the_cameras_password(school: School) -> None:
    """Main and sub are films of their sizes, by the account of the site file."""
    await school.start()
    try:
        camera = simulator_of(school).camera

        def size(url: str) -> int:
            address = url.replace("rtsp://", "rtsp://admin:rehearsal@")
            with av.open(address, options={"rtsp_transport": "tcp"}, timeout=10) as container:
                frame = next(container.decode(video=0))
                assert isinstance(frame, av.VideoFrame)
                return frame.width

        assert [await asyncio.to_thread(size, url) for url in (camera.url, camera.sub_url)] == [640, 320]
    finally:
        await school.stop()


def test_a_camera_without_a_user_is_refused(tmp_path: Path) -> None:
    """The message names the camera and the keys that are missing."""
    path = tmp_path / "site.toml"
    text = SITE.format(port=8000).replace('username = "admin"\npassword_file = "camera.password"\n', "")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"cam: .* give `username` and `password_file`"):
        School(load_site(path, DRIVERS))


async def test_what_a_camera_shows_can_be_said(school: School, tmp_path: Path) -> None:
    """`picture` covers the camera behind ONVIF, and refuses what is no camera or no picture."""
    steering = Steering(school_verbs(school))
    await school.start()
    try:
        assert await steering.obey("picture cam black") == "ok"
        camera = simulator_of(school).camera
        jpeg = await asyncio.to_thread(camera.snapshot)
        (tmp_path / "black.jpg").write_bytes(jpeg)

        def brightness() -> float:
            with av.open(str(tmp_path / "black.jpg")) as picture:
                frame = next(picture.decode(video=0))
                assert isinstance(frame, av.VideoFrame)
                return float(frame.to_ndarray(format="gray").mean())

        assert await asyncio.to_thread(brightness) < 30
        assert "there are: cam" in await steering.obey("picture siren black")
        assert await steering.obey("picture cam upside-down") != "ok"
    finally:
        await school.stop()
