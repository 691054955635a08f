"""Footage as the recorder leaves it, filmed by the camera simulator: each picture shows the time it was taken."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np

from gateway.clock import SystemClock
from gateway.footage import Piece
from gateway.media.client import Limits, MediaProcess
from simulators.camera.encoder import H264Encoder, Video
from simulators.camera.picture import read_clock

START = datetime(2026, 3, 1, 8, 0, 0, tzinfo=UTC)
FPS = 10
#: As gateway/recording writes its segments.
RECORDED = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "1000000",
    "flush_packets": "1",
}
SMALL = Video(width=320, height=180, fps=FPS, gop_seconds=2.0)


def at(seconds: float) -> datetime:
    """So many seconds after the films begin."""
    return START + timedelta(seconds=seconds)


@contextlib.contextmanager
def growing(path: Path, start_s: float, seconds: float, video: Video = SMALL) -> Iterator[Piece]:
    """A file being written: its last fragment has not come to the disk yet."""
    encoder = H264Encoder(video)
    stream = io.BytesIO()
    count = round(seconds * video.fps)
    for n in range(count):
        nals = encoder.encode(at(start_s + n / video.fps))
        stream.write(b"".join(b"\x00\x00\x00\x01" + nal for nal in nals))
    stream.seek(0)
    with av.open(stream, "r", format="hevc" if video.codec == "h265" else "h264") as source:
        track = source.streams.video[0]
        assert track.time_base is not None
        picture = round(1 / video.fps / track.time_base)
        with av.open(str(path), "w", format="mp4", options=RECORDED) as file:
            copy = file.add_stream_from_template(track, opaque=True)
            packets = [packet for packet in source.demux(track) if packet.size]
            assert len(packets) == count
            for n, packet in enumerate(packets):
                packet.stream = copy
                packet.dts = packet.pts = n * picture
                packet.duration = picture
                file.mux_one(packet)
            yield Piece(path=path, start=at(start_s), end=at(start_s + seconds), growing=True)


def film(path: Path, start_s: float, seconds: float, video: Video = SMALL) -> Piece:
    """A finished file."""
    with growing(path, start_s, seconds, video) as piece:
        pass
    return Piece(path=piece.path, start=piece.start, end=piece.end)


def shown(jpeg: bytes) -> datetime | None:
    """The time in a still."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return read_clock(picture.astype(np.uint8))


def clocks(path: Path) -> list[datetime | None]:
    """The times in all pictures of a file."""
    with av.open(str(path), "r") as container:
        return [
            read_clock(frame.to_ndarray(format="bgr24").astype(np.uint8))
            for frame in container.decode(video=0)
        ]


@contextlib.asynccontextmanager
async def media(limits: Limits | None = None) -> AsyncIterator[MediaProcess]:
    """The media process, really running."""
    process = MediaProcess(SystemClock(), limits)
    task = asyncio.create_task(process.run())
    try:
        yield process
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def sounding(piece: Piece, path: Path) -> Piece:
    """The same film with a hum of 8 kHz AAC."""
    with (
        av.open(str(piece.path), "r") as source,
        av.open(str(path), "w", format="mp4", options=RECORDED) as file,
    ):
        track = source.streams.video[0]
        copy = file.add_stream_from_template(track, opaque=True)
        sound = file.add_stream("aac", rate=8000, layout="mono")
        packets = [packet for packet in source.demux(track) if packet.size]
        samples = 0
        for packet in packets:
            packet.stream = copy
            assert packet.pts is not None
            while samples / 8000 <= packet.pts * packet.time_base:
                hum = np.sin(np.arange(samples, samples + 1024) / 3).astype(np.float32)
                frame = av.AudioFrame.from_ndarray(hum.reshape(1, -1), format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 8000, samples + 1024  # the encoder takes as much back
                samples += 1024
                file.mux(sound.encode(frame))
            file.mux(packet)
        file.mux(sound.encode(None))
    return Piece(path=path, start=piece.start, end=piece.end)
