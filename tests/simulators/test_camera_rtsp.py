"""The camera's RTSP, request by request, over a real socket (RFC 2326, RFC 2617, RFC 6184)."""

import asyncio
import base64
import re
import struct
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from simulators.camera import CameraSimulator
from tests.simulators.rtsp_client import RtpPacket, RtspClient, connected, depacketise
from tests.wait import until

TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"


@pytest.fixture
async def camera() -> AsyncIterator[CameraSimulator]:
    simulator = CameraSimulator(width=320, height=180, gop_seconds=60.0)
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def client(camera: CameraSimulator) -> AsyncIterator[RtspClient]:
    async with connected(camera) as connection:
        yield connection


async def test_options_need_no_password(client: RtspClient) -> None:
    """OPTIONS tells the methods to anybody."""
    answer = await client.send("OPTIONS")

    assert answer.status == 200
    assert answer.headers["public"] == "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"])
async def test_all_else_needs_the_password(client: RtspClient, method: str) -> None:
    """Without a password everything is answered 401 with a digest challenge, also for a path that is not there."""
    for uri in (client.camera.url, client.camera.url + "/elsewhere"):
        answer = await client.send(method, uri, Transport=TCP)
        assert answer.status == 401
        assert re.fullmatch(
            r'Digest realm=".+", nonce="[0-9a-f]{32}", algorithm=MD5, qop="auth"',
            answer.headers["www-authenticate"],
        )


async def test_nonce_of_another_connection(camera: CameraSimulator, client: RtspClient) -> None:
    """A proof that was overheard on one connection is none on another."""
    await client.request("DESCRIBE")
    async with connected(camera) as thief:
        thief._challenge = client._challenge
        assert (await thief.send("DESCRIBE")).status == 401


async def test_description(client: RtspClient) -> None:
    """The SDP names H.264 at 90 kHz in packetization mode 1, and its parameter sets are those of the first picture."""
    answer = await client.request("DESCRIBE")
    sdp = answer.body.decode()
    await client.play()
    nals = depacketise([packet.payload for packet in await client.picture()])

    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["content-base"] == client.camera.url + "/"
    assert "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" in sdp
    assert "packetization-mode=1;" in sdp
    assert "a=control:trackID=0\r\n" in sdp
    sets = re.search(r"profile-level-id=([0-9A-F]{6});sprop-parameter-sets=(\S+),(\S+)\r\n", sdp)
    assert sets
    assert [base64.b64decode(sets[2]), base64.b64decode(sets[3])] == nals[:2]
    assert bytes.fromhex(sets[1]) == nals[0][1:4]


async def test_udp_is_refused(client: RtspClient) -> None:
    """Multicast alone is 461; beside an offer of TCP it is passed over, and the client's channels are used."""
    udp = "RTP/AVP;multicast;client_port=5000-5001"

    assert (await client.request("SETUP", Transport=udp)).status == 461
    assert (await client.request("SETUP")).status == 461
    answer = await client.request("SETUP", Transport=f"{udp},RTP/AVP/TCP;unicast;interleaved=4-5")
    assert answer.status == 200
    assert answer.headers["transport"].startswith("RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=")
    assert answer.headers["session"].endswith(";timeout=60")


async def test_states(client: RtspClient) -> None:
    """What comes at the wrong time, for the wrong session or to the wrong place is told so (RFC 2326 section 11)."""
    assert (await client.request("PLAY")).status == 455
    assert (await client.request("TEARDOWN")).status == 454
    assert (await client.request("DESCRIBE", client.camera.url + "2")).status == 404
    assert (await client.request("PLAY", Session="12345678")).status == 454
    assert (await client.request("RECORD")).status == 501
    await client.play()
    assert (await client.request("SETUP", Transport=TCP)).status == 455
    assert (await client.request("PLAY")).status == 200, "a keep-alive for some clients"
    assert (await client.request("GET_PARAMETER", Session="12345678")).status == 454


async def test_teardown(client: RtspClient) -> None:
    """After TEARDOWN nothing more is sent, and the same connection can begin again."""
    await client.play()
    await client.picture()
    assert (await client.request("TEARDOWN")).status == 200
    assert [viewer.watching for viewer in client.camera.viewers] == [False]
    client.packets.clear()
    assert await client.quiet(0.3)

    await client.play()
    assert await client.picture()


async def test_stream(client: RtspClient) -> None:
    """Packets follow each other without a gap from the announced number on, pictures on a 90 kHz grid, key frame first."""
    setup = await client.request("SETUP", Transport=TCP)
    play = await client.request("PLAY")
    pictures = [await client.picture() for _ in range(5)]
    packets = [packet for picture in pictures for packet in picture]
    nals = [depacketise([packet.payload for packet in picture]) for picture in pictures]

    assert f"seq={packets[0].sequence}" in play.headers["rtp-info"]
    assert f"ssrc={packets[0].ssrc:08X}" in setup.headers["transport"]
    assert {(packet.payload_type, packet.ssrc) for packet in packets} == {(96, packets[0].ssrc)}
    assert [packet.sequence for packet in packets] == [
        (packets[0].sequence + n) % 2**16 for n in range(len(packets))
    ]
    for picture in pictures:
        assert [packet.marker for packet in picture] == [False] * (len(picture) - 1) + [True]
        assert len({packet.timestamp for packet in picture}) == 1
    steps = [(b[0].timestamp - a[0].timestamp) % 2**32 for a, b in pairwise(pictures)]
    assert all(step > 0 and step % 9000 == 0 for step in steps)
    assert [5 in {nal[0] & 31 for nal in picture} for picture in nals] == [True] + [False] * 4
    assert max(len(packet.payload) for packet in packets) <= 1400


async def test_each_viewer_gets_a_key_frame_soon(camera: CameraSimulator, client: RtspClient) -> None:
    """With key frames a minute apart a second viewer still begins with one at once, and the first sees it too."""
    await client.play()
    await client.picture()
    async with connected(camera) as second:
        before = time.monotonic()
        await second.play()
        nals = depacketise([packet.payload for packet in await second.picture()])

    assert [nal[0] & 31 for nal in nals][:2] == [7, 8]
    assert time.monotonic() - before < 5.0


async def test_sender_report(client: RtspClient) -> None:
    """A sender report ties the RTP time of the stream to the wall clock and tells what was sent until then."""
    await client.play()
    first = (await client.picture())[0]
    channel, data = await client.packet()
    ssrc, seconds, fraction, timestamp, packets, octets = struct.unpack(">IIIIII", data[4:28])
    media = RtpPacket.parse((await client.packet())[1])

    assert (channel, data[1]) == (1, 200)
    assert ssrc == first.ssrc
    assert abs(seconds - 2208988800 + fraction / 2**32 - time.time()) < 5
    assert abs((media.timestamp - timestamp + 2**31) % 2**32 - 2**31) < 5 * 90_000
    assert packets >= 1
    assert octets >= len(first.payload)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"OPTIONS * RTSP/1.0\r\n\r\n", 400),
        (b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", 505),
        (b"\r\n\r\nOPTIONS * RTSP/1.0\r\ncseq: 1\r\n\r\n", 200),
        (b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nbodyOPTIONS", 401),
        (b"hello\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n", 400),
        (b"OPTIONS rtsp://[::1/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 999999\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nX: " + bytes(range(1, 256)) * 100, 400),
    ],
)
async def test_what_is_no_request(client: RtspClient, request_bytes: bytes, status: int) -> None:
    """Rubbish is answered 400, whatever its form, and costs no more than its own connection."""
    client.writer.write(request_bytes)
    assert (await client.answer()).status == status

    async with connected(client.camera) as another:
        assert (await another.send("OPTIONS")).status == 200


async def test_session_timeout() -> None:
    """A viewer who says nothing for the session time-out is let go; GET_PARAMETER or a receiver report keeps him."""
    options: dict[str, Any] = {"width": 320, "height": 180, "session_seconds": 2}
    camera = CameraSimulator(**options)
    await camera.start()
    async with connected(camera) as mute, connected(camera) as asking, connected(camera) as reporting:
        for client in (mute, asking, reporting):
            await client.play()
        begin = time.monotonic()
        while (
            time.monotonic() < begin + 2.5
        ):  # longer than the time-out: the passing of time is what is tested
            assert (await asking.request("GET_PARAMETER")).status == 200
            reporting.writer.write(b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01")
            await asyncio.sleep(0.2)
        peers = ["{}:{}".format(*client.writer.get_extra_info("sockname")) for client in (asking, reporting)]

        await until(lambda: [seen.peer for seen in camera.viewers if seen.watching] == peers)
    await camera.stop()
