"""What the picture watch finds, and what it takes for a fault that is none, counted on drawn and encoded sequences."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from gateway.bench.acts import FAULTS, HARMLESS, Act, Shown, looks
from gateway.bench.figures import Each, Figure, Result
from gateway.bench.progress import progress
from gateway.bench.yard import HEIGHT, WIDTH, Moment, Picture, Yard
from gateway.media.measure import Watcher
from gateway.model import Kind
from gateway.policy.picture import Measures, PictureState

EVERY_S = 10.0
ALARM_AFTER_S = 30.0

_START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
#: A camera's key frames at about 2 Mbit a second, of a poor encoder: `ultrafast` leaves the edges of its blocks.
_QUANTISER = 28
_COST_LOOKS = 40


@dataclass(frozen=True, slots=True)
class Seen:
    """One sequence: what was raised, in order, and the measures of each look."""

    raised: tuple[Kind, ...]
    measures: tuple[Measures, ...]


class KeyFrames:
    """An H.264 encoder and decoder: what a camera's compression leaves of a picture, each a key frame."""

    def __init__(self, width: int, height: int) -> None:
        self._encoder = av.CodecContext.create("libx264", "w")
        self._encoder.width, self._encoder.height = width, height
        self._encoder.pix_fmt = "yuv420p"
        self._encoder.framerate = Fraction(1)
        self._encoder.gop_size = 1
        self._encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "qp": str(_QUANTISER)}
        self._encoder.thread_count = 1
        self._decoder = av.CodecContext.create("h264", "r")

    def encoded(self, picture: Picture) -> bytes:
        """As one access unit."""
        frame = VideoFrame.from_ndarray(picture, format="bgr24")
        return b"".join(bytes(packet) for packet in self._encoder.encode(frame))

    def decoded(self, coded: bytes) -> Picture:
        """As blue-green-red."""
        (frame, *_) = [*self._decoder.decode(av.Packet(coded)), *self._decoder.decode(None)]
        self._decoder.flush_buffers()
        return frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


def pictures(shown: Sequence[Shown], seed: int) -> Iterator[tuple[Picture, datetime]]:
    """The sequence as a recorder gets it: drawn, encoded, decoded."""
    yard, frames = Yard(seed), KeyFrames(WIDTH, HEIGHT)
    drawn: Picture | None = None
    for number, moment in enumerate(shown):
        at = _START + timedelta(seconds=number * EVERY_S)
        if moment is not None or drawn is None:
            drawn = yard.picture(moment or Moment(), f"{at:%Y-%m-%d %H:%M:%S}")
        yield frames.decoded(frames.encoded(drawn)), at


def watch(act: Act, seed: int, memory_dir: Path) -> Seen:
    """Look at one sequence as the service does."""
    watcher, state = Watcher(f"cam-{seed}", memory_dir), PictureState()
    raised: list[Kind] = []
    measures: list[Measures] = []
    for number, (picture, at) in enumerate(pictures(looks(act, seed), seed)):
        look = watcher.look(picture, at)
        before = state.alarm
        after = state.take(look.measures, number * EVERY_S, alarm_after_s=ALARM_AFTER_S, every_s=EVERY_S)
        if after is not None and after is not before:
            raised.append(after)
        measures.append(look.measures)
    return Seen(tuple(raised), tuple(measures))


async def run(place: Path, *, count: int) -> Result:
    """Each fault and each non-fault with so many seeds. Nothing is `broken` by a miss: rates are what is asked."""
    return await asyncio.to_thread(_run, place, count)


def _run(place: Path, count: int) -> Result:
    cv2.setNumThreads(1)
    figures: dict[str, Figure] = {"seeds": count}
    acts = (*FAULTS, *HARMLESS)
    with TemporaryDirectory(dir=place) as directory, progress("sequences", len(acts) * count) as advance:
        for index, act in enumerate(acts):
            right = other = none = 0
            for seed in range(count):
                raised = watch(act, seed, Path(directory) / str(index)).raised
                right += act.expected is not None and raised == (act.expected,)
                none += not raised
                other += bool(raised) and raised != (act.expected,)
                advance(index * count + seed + 1)
            figures[act.name] = Each({"sequences": count, "right": right, "other": other, "none": none})
        for width, height in ((1280, 720), (1920, 1080)):
            decode, measure = _cost(width, height, Path(directory) / "cost")
            figures[f"decode_ms_{height}p"], figures[f"measure_ms_{height}p"] = decode, measure
    return Result(figures=figures)


def _cost(width: int, height: int, memory_dir: Path) -> tuple[float, float]:
    """Milliseconds of CPU of this thread for each look: decoding a key frame to blue-green-red, and measuring it."""
    yard, frames, watcher = Yard(0), KeyFrames(width, height), Watcher(f"cam-{height}", memory_dir)
    decode = measure = 0.0
    for number in range(_COST_LOOKS):
        drawn = cv2.resize(
            yard.picture(Moment(), f"{number}"), (width, height), interpolation=cv2.INTER_CUBIC
        )
        coded = frames.encoded(np.asarray(drawn, np.uint8))
        begun = time.thread_time()
        picture = frames.decoded(coded)
        decoded = time.thread_time()
        watcher.look(picture, _START + timedelta(seconds=number))
        decode, measure = decode + decoded - begun, measure + time.thread_time() - decoded
    return round(decode / _COST_LOOKS * 1000, 1), round(measure / _COST_LOOKS * 1000, 1)
