"""Codecs, transports, sound, sub stream and parameter changes of the camera, as FFmpeg and a client of ours see them."""

import asyncio
import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.camera import CameraSimulator, EncodedLoop, Video, rtp_h265, sound
from tests.simulators.camera_scene import SMALL, address, clock, colour, opened, running, watch, watched
from tests.simulators.rtsp_client import connected, depacketise, depacketise_h265
from tests.wait import until

H265_NALS = st.lists(
    st.tuples(st.integers(0, 47), st.integers(0, 1), st.binary(min_size=1, max_size=5000)).map(
        lambda parts: bytes([parts[0] << 1 | parts[1], 1]) + parts[2]
    ),
    max_size=6,
)


@settings(deadline=None)
@given(nals=H265_NALS, limit=st.integers(4, 1500))
def test_packetising_h265_loses_nothing(nals: list[bytes], limit: int) -> None:
    """NAL units of any length come back the same from payloads that are never longer than the limit (RFC 7798)."""
    payloads = rtp_h265.payloads(nals, limit)

    assert depacketise_h265(payloads) == nals
    assert all(len(payload) <= limit for payload in payloads)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_what_ffmpeg_sees(codec: str, transport: str) -> None:
    """Each codec over each transport: the decoded pictures tell the true time, a new one each, and are counted."""
    async with running(codec=codec) as camera:
        frames = await asyncio.to_thread(watch, address(camera), 4, transport)
        times = [clock(frame) for frame in frames]

        assert frames[0].shape == (180, 320, 3)
        assert times == sorted(set(times))
        assert abs(datetime.now(UTC) - times[-1]) < timedelta(seconds=2)
        assert [viewer.transport for viewer in camera.viewers] == [transport]
        assert camera.viewers[0].frames >= 4


async def test_codec_by_name() -> None:
    """FFmpeg is told by the SDP which codec it is, and what its parameter sets are."""
    async with running(codec="h265") as camera, connected(camera) as client:
        sdp = (await client.request("DESCRIBE")).body.decode()
        await client.play()
        nals = depacketise_h265([packet.payload for packet in await client.picture()])

        assert "a=rtpmap:96 H265/90000\r\n" in sdp
        assert all(f"sprop-{name}=" in sdp for name in ("vps", "sps", "pps"))
        assert [nal[0] >> 1 & 63 for nal in nals][:3] == [32, 33, 34]
        assert await asyncio.to_thread(_codec, camera) == "hevc"


def _codec(camera: CameraSimulator) -> str:
    with opened(address(camera)) as container:
        return container.streams.video[0].codec_context.name


@pytest.mark.parametrize("packet_ms", [20, 40])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_sound(transport: str, packet_ms: int) -> None:
    """The sound track is A-law of 8 kHz, and what FFmpeg decodes of it is a tone of 440 Hz."""

    def listen(url: str) -> np.ndarray[Any, Any]:
        with opened(url, transport) as container:
            assert container.streams.audio[0].codec_context.name == "pcm_alaw"
            assert container.streams.audio[0].rate == 8000
            frames = islice(container.decode(audio=0), 800 // packet_ms)
            return np.concatenate([frame.to_ndarray().ravel() for frame in frames])

    async with running(sound=True, sound_packet_ms=packet_ms) as camera:
        heard = await asyncio.to_thread(listen, address(camera))
        spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))

        assert int(spectrum.argmax()) * 8000 / len(heard) == pytest.approx(440, abs=3)
        assert 5000 < np.abs(heard).max() < 10000


async def test_sound_packets() -> None:
    """Sound goes on its own channels with payload type 8: 160 samples each 20 ms, no gap, told by PLAY."""
    async with running(sound=True) as camera, connected(camera) as client:
        play = await client.play(0, 1)
        packets = [await client.media(2) for _ in range(20)]

        assert f"trackID=1;seq={packets[0].sequence}" in play.headers["rtp-info"]
        assert {(packet.payload_type, len(packet.payload)) for packet in packets} == {(8, 160)}
        for one, other in itertools.pairwise(packets):
            assert (other.sequence - one.sequence) % 2**16 == 1
            assert (other.timestamp - one.timestamp) % 2**32 == 160
        assert camera.viewers[0].sound_packets >= 20


def test_a_law() -> None:
    """Ends and middle of the A-law scale (ITU-T G.711 table 1a, even bits inverted)."""
    samples = np.array([0, -1, 32767, -32768, 16, -16], np.int16)

    assert sound.a_law(samples) == bytes.fromhex("d5 55 aa 2a d4 55")


async def test_no_sound_unless_asked_for() -> None:
    """Without sound there is no second track, in the SDP or to set up."""
    async with running() as camera, connected(camera) as client:
        assert "m=audio" not in (await client.request("DESCRIBE")).body.decode()
        setup = await client.request("SETUP", f"{camera.url}/trackID=1", Transport="RTP/AVP/TCP;unicast")
        assert setup.status == 404


@pytest.fixture
def udp_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with ExitStack() as sockets:
        while True:  # until a pair of neighbours is free
            media, control = (
                sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)
            )
            media.bind(("127.0.0.1", 0))
            with suppress(OSError, OverflowError):
                control.bind(("127.0.0.1", media.getsockname()[1] + 1))
                break
        media.settimeout(0)
        control.settimeout(0)
        yield media, control


async def test_udp(udp_pair: tuple[socket.socket, socket.socket]) -> None:
    """Over UDP media come from the announced pair of ports, reports to the odd one, and both end with the session."""
    media, control = udp_pair
    port = media.getsockname()[1]
    loop = asyncio.get_running_loop()
    async with running() as camera, connected(camera) as client:
        setup = await client.request("SETUP", Transport=f"RTP/AVP;unicast;client_port={port}-{port + 1}")
        taken = dict(part.partition("=")[::2] for part in setup.headers["transport"].split(";"))
        await client.request("PLAY")
        async with asyncio.timeout(5):
            packet, sender = await loop.sock_recvfrom(media, 2048)
            report, reporter = await loop.sock_recvfrom(control, 2048)

        assert taken["client_port"] == f"{port}-{port + 1}"
        assert taken["server_port"] == f"{sender[1]}-{reporter[1]}"
        assert (sender[1] % 2, reporter[1]) == (0, sender[1] + 1)
        assert taken["source"] == sender[0] == "127.0.0.1"
        assert (packet[8:12].hex().upper(), report[1]) == (taken["ssrc"], 200)
        assert (await client.request("TEARDOWN")).status == 200
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
            other.bind(sender)  # the port is free again


async def test_udp_session_lives_by_receiver_reports(udp_pair: tuple[socket.socket, socket.socket]) -> None:
    """A viewer over UDP who says nothing is let go after the session time-out; receiver reports keep him."""
    media, control = udp_pair
    port = media.getsockname()[1]
    async with running(session_seconds=1) as camera, connected(camera) as client:
        setup = await client.request("SETUP", Transport=f"RTP/AVP;unicast;client_port={port}-{port + 1}")
        await client.request("PLAY")
        reporter = int(setup.headers["transport"].split("server_port=")[1].split(";")[0].split("-")[1])
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < began + 2.5:  # the passing of time is what is tested
            control.sendto(bytes.fromhex("80c9000100000001"), ("127.0.0.1", reporter))
            await asyncio.sleep(0.2)
        assert camera.viewers[0].watching
        await until(lambda: not camera.viewers[0].watching)


async def test_udp_can_be_refused() -> None:
    """A camera that serves TCP only answers 461, and FFmpeg's own default then finds TCP."""
    async with running(udp=False) as camera, connected(camera) as client:
        assert (
            await client.request("SETUP", Transport="RTP/AVP;unicast;client_port=5000-5001")
        ).status == 461


async def test_sub_stream() -> None:
    """Main and sub stream are two pictures of one yard, watched at once and counted by their names."""
    sub = Video(width=160, height=90, fps=5)
    async with running(sub=sub) as camera:
        main_frames, sub_frames = await asyncio.gather(
            asyncio.to_thread(watch, address(camera), 4),
            asyncio.to_thread(watch, address(camera, camera.sub_url), 3),
        )

        assert main_frames[0].shape[:2] == (180, 320)
        assert sub_frames[0].shape[:2] == (90, 160)
        assert abs(clock(sub_frames[-1]) - datetime.now(UTC)) < timedelta(seconds=2)
        assert {viewer.stream: viewer.frames >= 3 for viewer in camera.viewers} == {"main": True, "sub": True}


async def test_one_session_is_one_stream() -> None:
    """A session of the main stream can't set up a track of the other one."""
    async with running(sub=Video(width=160, height=90), sound=True) as camera, connected(camera) as client:
        tcp = "RTP/AVP/TCP;unicast"
        setup = await client.request("SETUP", f"{camera.url}/trackID=0", Transport=tcp)
        session = setup.headers["session"].split(";")[0]
        other = await client.request("SETUP", f"{camera.sub_url}/trackID=1", Transport=tcp, Session=session)
        assert other.status == 404


def _sizes(url: str, wanted: int, changed: Any) -> list[tuple[int, int]]:
    """Decode until a picture of another size comes, having called `changed` after some."""
    sizes: list[tuple[int, int]] = []
    with opened(url) as container:
        for frame in islice(container.decode(video=0), 100):
            clock(colour(frame))
            sizes.append((frame.width, frame.height))
            if len(sizes) == wanted:
                changed()
            if sizes[-1] != sizes[0]:
                break
    return sizes


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_parameter_change(codec: str) -> None:
    """Other parameter sets in mid-stream: FFmpeg goes on at half the width, and the SDP and the next change follow."""
    async with running(codec=codec, sound=True) as camera:
        loop = asyncio.get_running_loop()
        sizes = await asyncio.to_thread(
            _sizes, address(camera), 3, lambda: loop.call_soon_threadsafe(camera.change_parameters)
        )
        again = await asyncio.to_thread(watch, address(camera), 1)
        camera.change_parameters()
        back = await asyncio.to_thread(watch, address(camera), 3)

        assert (sizes[0], sizes[-1]) == ((320, 180), (160, 180))
        assert again[0].shape[:2] == (180, 160)
        assert back[-1].shape[:2] == (180, 320)


async def test_parameter_change_of_a_loop() -> None:
    """A camera that plays a loop goes on with another loop's parameter sets, and refuses what is none or does not fit."""
    first = EncodedLoop.render(Video(**SMALL), seconds=1)
    second = EncodedLoop.render(Video(width=160, height=90), seconds=1)
    async with watched(loop=first) as (camera, client):
        before = depacketise([packet.payload for packet in await client.picture()])
        camera.change_parameters(second)
        nals: list[bytes] = []
        while not nals or nals[0] == before[0] or nals[0][0] & 31 != 7:
            nals = depacketise([packet.payload for packet in await client.picture()])

        assert (nals[0], nals[1]) == (second.parameter_sets.sequence, second.parameter_sets.picture)
        with pytest.raises(ValueError, match="another loop"):
            camera.change_parameters()
        with pytest.raises(ValueError, match="frame rate"):
            camera.change_parameters(Video(fps=7))


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_every_loop_decodes_alone(codec: Any) -> None:
    """A loop of either codec is whole groups of pictures that a bare decoder can read, clock and all."""
    start = datetime(2026, 11, 21, tzinfo=UTC)
    loop = EncodedLoop.render(Video(**SMALL, fps=5, codec=codec), seconds=2, start=start)
    unpack = depacketise_h265 if codec == "h265" else depacketise
    decoder = av.CodecContext.create("hevc" if codec == "h265" else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    stream = [b"".join(b"\0\0\0\1" + nal for nal in unpack(list(unit.payloads))) for unit in loop.units]
    frames = [frame for data in stream for frame in decoder.decode(av.Packet(data))] + decoder.decode(None)

    assert [unit.key for unit in loop.units] == [n % 5 == 0 for n in range(10)]
    assert [clock(colour(frame)) for frame in frames] == [start + timedelta(seconds=n / 5) for n in range(10)]
