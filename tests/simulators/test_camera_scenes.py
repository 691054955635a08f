"""What the camera shows: faults of the picture, light, a person, lamps; rendered, and decoded from the stream."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.camera import (
    NIGHT,
    CameraSimulator,
    PictureFault,
    Renderer,
    Scene,
    Video,
    read_clock,
)
from simulators.camera.encoder import Encoder
from tests.simulators.camera_scene import SMALL, Frame, address, clock, colour, running, watch

MOMENT = datetime(2026, 11, 21, 9, 30, 0, 123000, UTC)
SCENES = [
    *(Scene(fault=fault, since=MOMENT) for fault in PictureFault),
    *(Scene(fault=fault, light=NIGHT, walker=0.5, lamps=True, since=MOMENT) for fault in PictureFault),
    Scene(light=0.0),
    Scene(walker=0.0),
    Scene(walker=1.0),
]


def rendered(scene: Scene, moment: datetime = MOMENT, title: str = "gate") -> Frame:
    return np.asarray(
        cv2.cvtColor(Renderer(640, 360, title).render(moment, scene), cv2.COLOR_YUV2BGR_I420), np.uint8
    )


def yard(frame: Frame) -> NDArray[np.float64]:
    """The grey of what is beneath the overlay, without strip, time and title."""
    height = frame.shape[0]
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return grey[height // 4 : height * 17 // 20].astype(np.float64)


def detail(frame: Frame) -> float:
    return float(cv2.Laplacian(yard(frame), cv2.CV_64F).std())


def alike(one: Frame, other: Frame) -> float:
    """Correlation of two yards: 1 for the same one, whatever its light."""
    return float(np.corrcoef(yard(one).ravel(), yard(other).ravel())[0, 1])


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("size", [(160, 90), (640, 360), (1280, 720)])
def test_clock_in_every_scene(scene: Scene, size: tuple[int, int]) -> None:
    """The clock reads back to the millisecond in every scene, also after the colour conversion."""
    picture = Renderer(*size, "gate").render(MOMENT, scene)

    assert read_clock(np.asarray(cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420), np.uint8)) == MOMENT


@pytest.mark.parametrize("scene", SCENES)
def test_rendering_is_pure(scene: Scene) -> None:
    """The same moment and scene give the same picture from any renderer of that title, noise included."""
    one = Renderer(320, 180, "gate")
    one.render(MOMENT + timedelta(seconds=1), Scene(seed=3, fault=PictureFault.MOVED))

    assert np.array_equal(one.render(MOMENT, scene), Renderer(320, 180, "gate").render(MOMENT, scene))


def test_each_title_has_its_yard() -> None:
    """Two titles are two yards, one seed is one yard under any title; a yard has edges."""
    gate, hall = rendered(Scene()), rendered(Scene(), title="hall")

    assert alike(gate, hall) < 0.9
    assert alike(rendered(Scene(seed=5)), rendered(Scene(seed=5), title="hall")) == pytest.approx(1)
    assert detail(gate) > 30


def test_what_each_fault_looks_like() -> None:
    """Each fault has its own numbers: mean, spread, detail, likeness to the healthy picture, colour."""
    well = rendered(Scene())
    seen = {fault: rendered(Scene(fault=fault, since=MOMENT)) for fault in PictureFault}
    blue = seen[PictureFault.SIGNAL][120:, :, :].reshape(-1, 3).mean(axis=0)

    assert 80 < yard(well).mean() < 170
    assert yard(well).std() > 30
    assert yard(seen[PictureFault.BLACK]).mean() < 12
    assert yard(seen[PictureFault.BRIGHT]).mean() > 215
    assert yard(seen[PictureFault.COVERED]).std() < 8
    assert detail(seen[PictureFault.BLURRED]) < detail(well) / 10
    assert alike(seen[PictureFault.BLURRED], well) > 0.4
    assert alike(seen[PictureFault.MOVED], well) < 0.3
    assert detail(seen[PictureFault.MOVED]) > detail(well) / 2
    assert blue[0] > 200
    assert max(blue[1:]) < 40
    assert np.array_equal(seen[PictureFault.FROZEN], well)


def test_frozen() -> None:
    """A frozen picture is the same at every moment, and so are its clock and its noise."""
    scene = Scene(fault=PictureFault.FROZEN, light=NIGHT, since=MOMENT)
    first, later = (rendered(scene, MOMENT + timedelta(seconds=n)) for n in (1, 100))

    assert np.array_equal(first, later)
    assert clock(later) == MOMENT


def test_what_is_no_fault() -> None:
    """A night is darker, grey and noisy but the same yard; lamps are brighter; a walker is a small part of the picture."""
    well, night = rendered(Scene()), rendered(Scene(light=NIGHT))
    lamps, walker = rendered(Scene(lamps=True)), rendered(Scene(walker=0.5))
    changed = np.abs(yard(walker) - yard(well)) > 10

    assert yard(night).mean() < yard(well).mean() / 3
    assert alike(night, well) > 0.8
    assert np.ptp(night[120:].astype(int), axis=2).max() <= 2
    assert not np.array_equal(night, rendered(Scene(light=NIGHT), MOMENT + timedelta(seconds=1)))
    assert yard(lamps).mean() > yard(well).mean() + 15
    assert alike(lamps, well) > 0.7
    assert 0.005 < changed.mean() < 0.08
    assert 0.4 < np.median(np.nonzero(changed)[1]) / 640 < 0.6


@pytest.mark.parametrize("wrong", [{"light": -0.1}, {"light": 1.1}, {"walker": 1.5}])
def test_impossible_scenes(wrong: dict[str, Any]) -> None:
    """Light and places that can't be are refused."""
    with pytest.raises(ValueError, match="give 0"):
        Scene(**wrong)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_clock_through_the_encoder(codec: Any) -> None:
    """Every fault and light in one stream, at the least size and noisy: each decoded picture tells its own time."""
    encoder = Encoder(Video(width=160, height=90, codec=codec))
    decoder = av.CodecContext.create("hevc" if codec == "h265" else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    moments = [MOMENT + timedelta(milliseconds=101 * n) for n in range(3 * len(SCENES))]
    pictures = [
        encoder.encode(moment, scene=replace(SCENES[n // 3], since=moment))
        for n, moment in enumerate(moments)
    ]
    streams = [b"".join(b"\0\0\0\1" + nal for nal in picture) for picture in pictures]
    frames = [frame for stream in streams for frame in decoder.decode(av.Packet(stream))]

    assert [clock(colour(frame)) for frame in [*frames, *decoder.decode(None)]] == moments


def test_a_still_yard_costs_little() -> None:
    """Texture costs key frames only: between them a 640 x 360 picture takes less than 2.5 KB."""
    encoder = Encoder(Video(gop_seconds=60))
    sizes = [
        sum(map(len, encoder.encode(MOMENT + timedelta(seconds=n / 10), scene=Scene()))) for n in range(20)
    ]

    assert sizes[0] < 60_000
    assert sum(sizes[1:]) / 19 < 2500


Visible = Callable[[list[Frame], Frame], bool]
_VISIBLE: dict[PictureFault, Visible] = {
    PictureFault.BLACK: lambda frames, _well: yard(frames[-1]).mean() < 15,
    PictureFault.BRIGHT: lambda frames, _well: yard(frames[-1]).mean() > 210,
    PictureFault.COVERED: lambda frames, _well: yard(frames[-1]).std() < 8,
    PictureFault.BLURRED: lambda frames, well: detail(frames[-1]) < detail(well) / 4,
    PictureFault.FROZEN: lambda frames, _well: len({clock(frame) for frame in frames}) == 1,
    PictureFault.MOVED: lambda frames, well: alike(frames[-1], well) < 0.5,
    PictureFault.SIGNAL: lambda frames, _well: frames[-1][100:, :, 0].mean() > 200,
}


async def _seen(camera: CameraSimulator) -> list[Frame]:
    return await asyncio.to_thread(watch, address(camera), 3)


async def test_faults_in_the_stream() -> None:
    """Each fault is visible in what FFmpeg decodes, from the next picture on, and gone when it ends."""
    async with running(title="gate") as camera:
        well = (await _seen(camera))[-1]
        for fault, visible in _VISIBLE.items():
            assert not visible([well, (await _seen(camera))[-1]], well), f"{fault} in health"
            camera.show(fault)
            frames = await _seen(camera)
            assert visible(frames, well), fault
            if fault is not PictureFault.FROZEN:
                assert abs(clock(frames[-1]) - datetime.now(UTC)) < timedelta(seconds=2)
            camera.show(PictureFault.NONE)


async def test_a_day_in_the_yard() -> None:
    """Night, lamps and a person are seen in the stream, and the person walks."""
    async with running(title="gate", fps=25) as camera:
        well = (await _seen(camera))[-1]
        camera.light(NIGHT)
        night = (await _seen(camera))[-1]
        camera.lamps(on=True)
        lit = (await _seen(camera))[-1]
        camera.light(1.0)
        camera.lamps(on=False)
        camera.walk(on=True)
        walks = await asyncio.to_thread(watch, address(camera), 60)
        places = [np.nonzero((yard(well) - yard(frame)) > 40)[1] for frame in walks[30:]]
        medians = [float(np.median(place)) for place in places if len(place) > 50]

        assert yard(night).mean() < yard(well).mean() / 2
        assert yard(lit).mean() > yard(night).mean() + 5
        assert medians[-1] > medians[0] + 15
        assert all(later > earlier - 12 for earlier, later in itertools.pairwise(medians))


async def test_snapshot() -> None:
    """A snapshot is a JPEG of the true time at the main stream's size, and shows the fault of the moment."""
    async with running(**SMALL, title="gate", sub=Video(width=160, height=90)) as camera:
        well = _decoded(camera.snapshot())
        camera.show(PictureFault.BLACK)
        black = _decoded(camera.snapshot())

    assert camera.snapshot()[:2] == b"\xff\xd8"
    assert well.shape == (180, 320, 3)
    assert abs(clock(black) - datetime.now(UTC)) < timedelta(seconds=2)
    assert yard(black).mean() < 12
    assert yard(well).mean() > 60


def _decoded(jpeg: bytes) -> Frame:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
