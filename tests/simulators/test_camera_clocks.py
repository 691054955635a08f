"""The camera's clocks: sender reports by its own clock, and RTP time stamps that are wrong."""

import time
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.camera import CameraSimulator, EncodedLoop, StampFault, Video
from simulators.camera.stamps import Stamps
from tests.simulators.camera_scene import SMALL, running, watched
from tests.simulators.rtsp_client import RtpPacket, RtspClient, SenderReport, connected

RATE = 90_000


def apart(later: int, earlier: int) -> int:
    """The signed difference of two 32 bit time stamps."""
    return (later - earlier + 2**31) % 2**32 - 2**31


@pytest.mark.parametrize("offset", [timedelta(0), timedelta(hours=-1), timedelta(days=400)])
async def test_reports_by_the_cameras_own_clock(offset: timedelta) -> None:
    """A sender report of each track ties its RTP time to the camera's clock, wrong as that may be set."""
    async with running(sound=True, clock_offset=offset) as camera, connected(camera) as client:
        await client.play(0, 1)
        media: dict[int, RtpPacket] = {}
        reports: dict[int, SenderReport] = {}
        while len(reports) < 2:
            channel, data = await client.packet()
            if channel % 2:
                reports[channel - 1] = SenderReport.parse(data)
            else:
                media[channel] = RtpPacket.parse(data)
        now = time.time()

    for channel, rate in ((0, RATE), (2, 8000)):
        report = reports[channel]
        assert report.ssrc == media[channel].ssrc
        assert abs(report.wall_clock - offset.total_seconds() - now) < 2
        assert abs(apart(report.timestamp, media[channel].timestamp)) < 2 * rate
        assert report.packets >= 1
        assert report.octets >= len(media[channel].payload)


async def test_clock_offset_can_be_set() -> None:
    """A clock that is put wrong while the camera runs is in the reports of the next viewer."""
    async with running() as camera:
        camera.clock_offset = timedelta(minutes=10)
        async with connected(camera) as client:
            await client.play()
            report = SenderReport.parse(await client.on(1))

        assert report.wall_clock - time.time() == pytest.approx(600, abs=2)


async def test_one_rtp_clock_for_picture_and_sound() -> None:
    """By their reports the pictures and the sound of one instant have stamps of that instant, to 0.1 s."""
    async with watched(0, 1, sound=True) as (_, client):
        reports: dict[int, SenderReport] = {}
        media: dict[int, int] = {}
        arrived: dict[int, float] = {}
        while len(reports) < 2 or len(media) < 2 or min(arrived.values()) < max(arrived.values()) - 1:
            channel, data = await client.packet()
            if channel % 2:
                reports[channel - 1] = SenderReport.parse(data)
            else:
                media[channel], arrived[channel] = int.from_bytes(data[4:8], "big"), time.time()
        walls = [
            reports[channel].wall_clock + apart(media[channel], reports[channel].timestamp) / rate
            for channel, rate in ((0, RATE), (2, 8000))
        ]

        assert abs((walls[0] - arrived[0]) - (walls[1] - arrived[2])) < 1


async def stamps_of(client: RtspClient, count: int) -> list[int]:
    return [(await client.picture())[0].timestamp for _ in range(count)]


async def seen_after(camera: CameraSimulator, client: RtspClient, fault: StampFault, count: int) -> list[int]:
    """The steps between the time stamps of pictures from just before the fault on."""
    before = await stamps_of(client, 2)
    camera.stamp(fault)
    stamps = [*before, *await stamps_of(client, count)]
    return [apart(later, earlier) for earlier, later in pairwise(stamps)]


async def test_jump_and_back() -> None:
    """A jump is three hours ahead and a step back one minute, once each; before and after stamps go on as ever."""
    async with watched(fps=25) as (camera, client):
        jump = await seen_after(camera, client, StampFault.JUMP, 10)
        back = await seen_after(camera, client, StampFault.BACK, 10)

        assert next(step for step in jump if step > RATE * 3600) - 3 * 3600 * RATE < RATE
        assert next(step for step in back if step < 0) + 60 * RATE < RATE
        for steps in (jump, back):
            assert sum(not 0 < step < RATE for step in steps) == 1


async def test_drift() -> None:
    """With a drift the stamps pass a tenth faster than the pictures come."""
    async with watched(fps=25) as (camera, client):
        assert {step % 3600 for step in await seen_after(camera, client, StampFault.NONE, 5)} == {0}
        steps = await seen_after(camera, client, StampFault.DRIFT, 20)

        assert all(step % 3960 == 0 for step in steps[-8:])


async def test_stuck() -> None:
    """Stuck stamps stand for a second now and then, and the pictures go on."""
    loop = EncodedLoop.render(Video(**SMALL, fps=25), seconds=1)
    async with watched(loop=loop) as (camera, client):
        camera.stamp(StampFault.STUCK)
        stamps = await stamps_of(client, 150)  # six seconds: the passing of time is what is tested
        steps = [apart(later, earlier) for earlier, later in pairwise(stamps)]

        assert 20 <= steps.count(0) <= 30
        assert max(steps) > RATE * 0.9


@settings(deadline=None)
@given(timestamp=st.integers(0, 10**9), rate=st.sampled_from([8000, 90_000]))
def test_healthy_stamps_are_true(timestamp: int, rate: int) -> None:
    """Without a fault what is sent is what is."""
    assert Stamps().sent(timestamp, rate) == timestamp


def test_what_was_shifted_stays() -> None:
    """After a jump and a drift of 10 s stamps go on with their shift, in time with each other on both tracks."""
    stamps = Stamps()
    stamps.change(StampFault.JUMP, 5)
    stamps.change(StampFault.DRIFT, 10)
    assert stamps.sent(20 * RATE, RATE) == (20 + 1 + 3 * 3600) * RATE
    stamps.change(StampFault.NONE, 20)

    assert stamps.sent(30 * RATE, RATE) == (31 + 3 * 3600) * RATE
    assert stamps.sent(30 * 8000, 8000) == (31 + 3 * 3600) * 8000


async def test_stall() -> None:
    """A stall stops media and nothing else: requests are answered, and then a key frame comes."""
    async with watched(sound=True) as (camera, client):
        await client.picture()
        camera.stall(30)
        assert (await client.request("GET_PARAMETER")).status == 200
        client.packets.clear()
        while not await client.quiet(0.4):
            await client.reader.read(65536)
        assert (await client.request("GET_PARAMETER")).status == 200
        assert not client.packets

        camera.stall(0)
        packets = await client.picture()
        assert packets[0].payload[0] & 31 == 7
