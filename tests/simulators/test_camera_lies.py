"""A camera's server that lies: each lie as it stands on the wire, and that it ends when told so."""

import asyncio
import base64
import struct
from typing import Any

import av
import pytest

from simulators.camera import EncodedLoop, Lie, Video
from simulators.camera.encoder import Codec
from tests.simulators.camera_scene import SMALL, address, clock, running, watch, watched
from tests.simulators.rtsp_client import connected, depacketise


async def described(camera: Any) -> str:
    async with connected(camera) as client:
        return (await client.request("DESCRIBE")).body.decode()


async def test_no_video() -> None:
    """The SDP describes nothing, or sound alone where there is sound; FFmpeg finds no picture."""
    async with running() as camera, running(sound=True) as heard:
        for each in (camera, heard):
            each.lie(Lie.NO_VIDEO)
            assert "m=video" not in await described(each)
        assert "m=audio" in await described(heard)
        camera.lie(Lie.NONE)
        assert "m=video" in await described(camera)


async def test_absurd_sets() -> None:
    """SDP and stream announce the same picture of 65 520 pixels each way, and FFmpeg gives up on it."""
    async with running() as camera, connected(camera) as client:
        camera.lie(Lie.ABSURD_SETS)
        sdp = await described(camera)
        await client.play()
        nals = depacketise([packet.payload for packet in await client.picture()])
        announced = base64.b64decode(sdp.split("sprop-parameter-sets=")[1].split(",")[0])

        assert announced == nals[0]
        assert announced[0] & 31 == 7
        with pytest.raises(av.FFmpegError):
            await asyncio.to_thread(watch, address(camera), 1)


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_damaged(codec: Codec) -> None:
    """Slices carry random bytes, parameter sets stay, and what FFmpeg makes of it ends with the lie."""
    video = Video(**SMALL, codec=codec, gop_seconds=0.5)
    loop = EncodedLoop.render(video, seconds=1)
    whole = {payload for unit in loop.units for payload in unit.payloads}
    async with watched(loop=loop) as (camera, client):
        camera.lie(Lie.DAMAGED)
        while {packet.payload for packet in await client.picture()} <= whole:
            pass
        pictures = [await client.picture() for _ in range(5)]
        bad = [packet.payload for picture in pictures for packet in picture if packet.payload not in whole]

        assert bad
        assert all(len(payload) in set(map(len, whole)) for payload in bad)
        camera.lie(Lie.NONE)
        clock((await asyncio.to_thread(watch, address(camera), 1))[0])


async def test_wrong_lengths() -> None:
    """RTP packets are cut in their header, have more padding than bytes, or an extension longer than the packet."""
    async with running(width=640, height=360) as camera, connected(camera) as client:
        await client.play()
        await client.picture()
        camera.lie(Lie.LENGTHS)
        seen: set[str] = set()
        while len(seen) < 3:
            channel, data = await client.packet()
            if channel == 0 and len(data) < 12:
                seen.add("cut")
            elif channel == 0 and data[0] & 0x20:
                assert data[-1] > len(data) or data[-1] == 255
                seen.add("padding")
            elif channel == 0 and data[0] & 0x10:
                assert 4 * struct.unpack(">H", data[14:16])[0] > len(data)
                seen.add("extension")


async def test_endless_headers() -> None:
    """The answer to DESCRIBE goes on for ever; other clients are served, and it ends with the lie."""
    async with running() as camera, connected(camera) as client:
        first = await client.send("DESCRIBE")
        client._challenge = _challenge(first.headers["www-authenticate"])
        camera.lie(Lie.ENDLESS_HEADERS)
        client.post("DESCRIBE")
        async with asyncio.timeout(5):
            poured = await client.reader.readexactly(300_000)
        assert poured.startswith(b"RTSP/1.0 200 OK\r\nX-Endless: ")
        assert b"\r\n\r\n" not in poured
        async with asyncio.timeout(5):  # to the end of the lie
            camera.lie(Lie.NONE)
            await client.reader.readuntil(b"\r\n\r\n")
        async with connected(camera) as other:
            assert (await other.send("OPTIONS")).status == 200


def _challenge(header: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in header.removeprefix("Digest ").split(", "))
    return {name: value.strip('"') for name, value in pairs}


async def test_endless_frame() -> None:
    """A frame of 65 535 bytes is announced, and nothing comes after it on that connection; a new one is served."""
    async with watched() as (camera, client):
        await client.picture()
        camera.lie(Lie.ENDLESS_FRAME)
        head = b""
        async with asyncio.timeout(5):
            while head != b"$\x00\xff\xff":
                head = await client.reader.readexactly(4)
                if head != b"$\x00\xff\xff":
                    await client.reader.readexactly(int.from_bytes(head[2:], "big"))
        client.post("GET_PARAMETER")
        assert await client.quiet(0.4)

        camera.lie(Lie.NONE)
        assert await client.quiet(0.4), "this connection is lost"
        assert await asyncio.to_thread(watch, address(camera), 1)
