"""The camera simulator as FFmpeg sees it, and how it misbehaves."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.camera import CameraSimulator, EncodedLoop, Video, read_clock
from simulators.camera.rtsp import MAX_CONNECTIONS
from simulators.fault import Fault, Simulator
from tests.simulators.rtsp_client import RtspClient, connected
from tests.wait import until

QUIET_S = 0.4  # four pictures at 10 a second
SMALL: dict[str, Any] = {"width": 320, "height": 180}


def with_password(camera: CameraSimulator, password: str | None = None) -> str:
    return camera.url.replace("//", f"//{camera.username}:{password or camera.password}@")


def watch(url: str, pictures: int, timeout: float = 5.0) -> list[NDArray[np.uint8]]:
    """Open the stream with FFmpeg and decode so many pictures; blocks."""
    options = {"rtsp_transport": "tcp", "analyzeduration": "100000", "probesize": "32768"}
    with av.open(url, options=options, timeout=(timeout, timeout)) as container:
        frames = islice(container.decode(video=0), pictures)
        return [frame.to_ndarray(format="bgr24").astype(np.uint8) for frame in frames]


def clock(frame: NDArray[np.uint8]) -> datetime:
    moment = read_clock(frame)
    assert moment is not None, "the clock can't be read"
    return moment


def age(frame: NDArray[np.uint8]) -> timedelta:
    return datetime.now(UTC) - clock(frame)


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[CameraSimulator]:
    camera = CameraSimulator(**(SMALL | options))
    await camera.start()
    try:
        yield camera
    finally:
        await camera.stop()


@asynccontextmanager
async def watched(**options: Any) -> AsyncIterator[tuple[CameraSimulator, RtspClient]]:
    async with running(**options) as camera, connected(camera) as client:
        await client.play()
        await client.picture()
        yield camera, client


async def test_clock_of_a_live_stream() -> None:
    """At full size the decoded pictures tell the true time, to two seconds, and a new one each."""
    async with running(width=640, height=360) as camera:
        frames = await asyncio.to_thread(watch, with_password(camera), 4)

        assert frames[0].shape == (360, 640, 3)
        assert abs(age(frames[-1])) < timedelta(seconds=2)
        assert clock(frames[0]) < clock(frames[1]) < clock(frames[2]) < clock(frames[3])


async def test_wrong_password() -> None:
    """A wrong password is refused with 401, and no session comes of it."""
    async with running() as camera:
        with pytest.raises(av.HTTPUnauthorizedError):
            await asyncio.to_thread(watch, with_password(camera, "wrong"), 1)
        assert camera.viewers == ()


async def test_two_viewers() -> None:
    """Two viewers watch one camera at once, and each is counted."""
    async with running() as camera:
        url = with_password(camera)
        both = await asyncio.gather(*(asyncio.to_thread(watch, url, 5) for _ in range(2)))

        assert all(clock(frames[0]) < clock(frames[-1]) for frames in both)
        await until(lambda: not any(viewer.watching for viewer in camera.viewers))
        assert [viewer.frames >= 5 for viewer in camera.viewers] == [True, True]


async def test_counts_are_what_arrives() -> None:
    """After `stop` a viewer has read exactly the pictures and packets that the camera counted."""
    loop = EncodedLoop.render(Video(**SMALL, fps=25, bit_rate=2_000_000), seconds=1)

    def demux(url: str) -> int:
        with av.open(url, options={"rtsp_transport": "tcp"}, timeout=(5, 5)) as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))

    async with running(loop=loop) as camera:
        demuxed = asyncio.create_task(asyncio.to_thread(demux, with_password(camera)))
        async with connected(camera) as client:
            await client.play()
            packets = 0
            while packets < 300:
                packets += len(await client.picture())
            await camera.stop()
            rest, broken = interleaved(await client.reader.read())
            packets += sum(channel == 0 for channel, _ in rest)
            assert broken == b""
        received = await demuxed

        by_packets = {viewer.packets: viewer.frames for viewer in camera.viewers}
        assert packets in by_packets
        assert received in by_packets.values()


async def test_silent() -> None:
    """A silent camera takes connections and requests, answers none, and sends nothing to those who watch."""
    async with watched() as (camera, client):
        await camera.misbehave(Fault.SILENT)
        async with connected(camera) as second:
            second.post("OPTIONS")
            assert await second.quiet(QUIET_S)
            await drained(client)
            with pytest.raises(av.FFmpegError):
                await asyncio.to_thread(watch, with_password(camera), 1, 0.2)

        await camera.misbehave(Fault.NONE)
        assert is_key(await client.picture()), "after the fault it goes on with a key frame"


async def test_half_open() -> None:
    """A half-open camera keeps its connections and passes nothing; what was asked meanwhile is answered later."""
    async with watched() as (camera, client):
        await camera.misbehave(Fault.HALF_OPEN)
        async with connected(camera) as second:
            second.post("OPTIONS")
            assert await second.quiet(QUIET_S)
            await drained(client)

            await camera.misbehave(Fault.NONE)
            assert (await second.answer()).status == 200
        assert is_key(await client.picture())


async def test_slow() -> None:
    """A slow camera answers late and shows old pictures."""
    async with running(slow_seconds=0.25) as camera, connected(camera) as client:
        await camera.misbehave(Fault.SLOW)
        before = asyncio.get_running_loop().time()
        await client.send("OPTIONS")
        assert asyncio.get_running_loop().time() - before >= 0.25

        frames = await asyncio.to_thread(watch, with_password(camera), 2)
        assert all(age(frame) > timedelta(seconds=0.25) for frame in frames)


async def test_garbage() -> None:
    """A camera gone mad sends rubbish in place of answers and pictures, and FFmpeg gives up."""
    async with watched() as (camera, client):
        await camera.misbehave(Fault.GARBAGE)
        async with connected(camera) as second:
            second.post("OPTIONS")
            async with asyncio.timeout(5):
                assert not (await second.reader.readexactly(200)).startswith(b"RTSP/")
        with pytest.raises(av.FFmpegError):
            await asyncio.to_thread(watch, with_password(camera), 1, 0.5)

        await camera.misbehave(Fault.NONE)
        await camera.stop()
        async with asyncio.timeout(5):
            stream = await client.reader.read()
        assert len(interleaved(stream)[1]) >= 700


async def test_refused() -> None:
    """A camera whose password was changed hangs up on its viewers and lets nobody in with the old one."""
    async with watched() as (camera, client):
        await camera.misbehave(Fault.REFUSED)
        async with asyncio.timeout(5):
            await client.reader.read()  # to the end
        with pytest.raises(av.HTTPUnauthorizedError):
            await asyncio.to_thread(watch, with_password(camera), 1)

        await camera.misbehave(Fault.NONE)
        assert await asyncio.to_thread(watch, with_password(camera), 1)


async def test_power_cycle() -> None:
    """Power lost: connections are reset, new ones refused; then it serves again at the same port."""
    async with watched() as (camera, client):
        port = camera.port
        cycle = asyncio.create_task(camera.power_cycle(0.3))
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(5):
                await client.reader.read()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await cycle

        assert camera.port == port
        assert abs(age((await asyncio.to_thread(watch, with_password(camera), 2))[-1])) < timedelta(seconds=2)


async def test_stop_in_the_dark() -> None:
    """A camera stopped while it has no power stays away, lets go of its thread, and can be started again."""
    async with running() as camera:
        port = camera.port
        cycle = asyncio.create_task(camera.power_cycle(0.2))
        await asyncio.sleep(0)
        await camera.stop()
        await cycle
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        assert not any(thread.name.startswith("camera-encoder") for thread in threading.enumerate())

        await camera.start()
        assert camera.port == port
        assert await asyncio.to_thread(watch, with_password(camera), 1)


async def test_slow_viewer_is_cut_off() -> None:
    """Who does not read is cut off when 2 MiB wait for him; the others go on."""
    loop = EncodedLoop.render(Video(**SMALL, fps=25, bit_rate=30_000_000), seconds=1)
    async with watched(loop=loop) as (camera, stalled), connected(camera) as reading:
        stalled.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads too, whatever its type says
        await reading.play()
        while not any(viewer.cut_off for viewer in camera.viewers):
            await reading.picture()

        assert [viewer.cut_off for viewer in camera.viewers if viewer.watching] == [False]
        assert await reading.picture()


async def test_too_many_connections() -> None:
    """One connection more than the limit is closed at once, the others stay."""
    async with running() as camera:
        clients = [
            await asyncio.open_connection("127.0.0.1", camera.port) for _ in range(MAX_CONNECTIONS + 1)
        ]
        async with asyncio.timeout(5):
            assert await clients[-1][0].read() == b""
        first = RtspClient(camera, *clients[0], password=None)
        assert (await first.send("OPTIONS")).status == 200
        for _, writer in clients:
            writer.transport.abort()


async def test_many_cameras_of_one_loop() -> None:
    """Sixteen cameras in one process play one loop, each to its own viewer, each from a key frame on."""
    loop = EncodedLoop.render(Video(width=160, height=90, fps=25), seconds=1)
    cameras = [CameraSimulator(loop=loop) for _ in range(16)]

    async def look(camera: CameraSimulator) -> bool:
        await camera.start()
        async with connected(camera) as client:
            await client.play()
            pictures = [await client.picture() for _ in range(30)]
        await camera.stop()
        return is_key(pictures[0])

    assert all(await asyncio.gather(*map(look, cameras)))


async def test_is_a_simulator() -> None:
    """The camera can be used wherever any simulator can, and refuses a codec that it does not have."""
    simulator: Simulator = CameraSimulator(**SMALL)
    await simulator.start()
    await simulator.stop()

    with pytest.raises(ValueError, match="h266"):
        CameraSimulator(codec="h266")  # type: ignore[arg-type]  # what a person may type


async def drained(client: RtspClient) -> None:
    """Read what was under way, then nothing comes and the connection stays."""
    async with asyncio.timeout(5):
        while not await client.quiet(QUIET_S):
            await client.reader.read(65536)
            assert not client.reader.at_eof()


def is_key(packets: list[Any]) -> bool:
    return any(packet.payload[0] & 31 == 7 for packet in packets)  # key frames carry their parameter sets


def interleaved(stream: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The packets (channel and bytes) at the head of a stream, and what follows that is none."""
    packets: list[tuple[int, bytes]] = []
    while stream.startswith(b"$") and len(stream) >= (end := 4 + int.from_bytes(stream[2:4], "big")):
        packets.append((stream[1], stream[4:end]))
        stream = stream[end:]
    return packets, stream
