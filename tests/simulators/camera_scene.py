"""What the tests of the camera have in common: a camera that runs, and FFmpeg that looks at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from simulators.camera import CameraSimulator, read_clock
from tests.simulators.rtsp_client import RtspClient, connected

SMALL: dict[str, Any] = {"width": 320, "height": 180}
Frame = NDArray[np.uint8]


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[CameraSimulator]:
    camera = CameraSimulator(**(SMALL | options))
    await camera.start()
    try:
        yield camera
    finally:
        await camera.stop()


@asynccontextmanager
async def watched(*tracks: int, **options: Any) -> AsyncIterator[tuple[CameraSimulator, RtspClient]]:
    async with running(**options) as camera, connected(camera) as client:
        await client.play(*tracks)
        yield camera, client


def address(camera: CameraSimulator, url: str = "") -> str:
    return (url or camera.url).replace("//", f"//{camera.username}:{camera.password}@")


def opened(url: str, transport: str = "tcp") -> "av.container.InputContainer":
    options = {"rtsp_transport": transport, "analyzeduration": "100000", "probesize": "32768"}
    return av.open(url, options=options, timeout=(5.0, 5.0))


def watch(url: str, pictures: int, transport: str = "tcp") -> list[Frame]:
    """Open the stream with FFmpeg and decode so many pictures; blocks."""
    with opened(url, transport) as container:
        return [colour(frame) for frame in islice(container.decode(video=0), pictures)]


def colour(frame: av.VideoFrame) -> Frame:
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def clock(frame: Frame) -> datetime:
    moment = read_clock(frame)
    assert moment is not None, "the clock can't be read"
    return moment
