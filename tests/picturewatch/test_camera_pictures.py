"""Sequences by another hand than the bench's: the camera simulator's pictures, encoded and decoded, day and night."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from gateway.media.measure import Watcher
from gateway.media.reference import Picture
from gateway.model import Kind
from gateway.policy.picture import LOST, Measures, PictureState
from simulators.camera.encoder import Encoder, Video
from simulators.camera.picture_faults import PictureFault
from simulators.camera.scene import DAY, NIGHT, Scene

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TITLES = ("gate", "playground east", "canteen 3", "dorm B", "rear wall")
QUIET = 4
EVERY_S = 10.0

_KINDS = {
    PictureFault.BLACK: Kind.CAMERA_BLACK,
    PictureFault.BRIGHT: Kind.CAMERA_BRIGHT,
    PictureFault.COVERED: Kind.CAMERA_COVERED,
    PictureFault.BLURRED: Kind.CAMERA_BLURRED,
    PictureFault.FROZEN: Kind.CAMERA_FROZEN,
    PictureFault.MOVED: Kind.CAMERA_MOVED,
    PictureFault.SIGNAL: Kind.CAMERA_SIGNAL,
}

#: What happens to a picture between scene and look: the number of the look, and the picture.
Change = Callable[[int, Picture], Picture]


@dataclass(frozen=True, slots=True)
class Seen:
    """What held after each change, and every look's measures."""

    held: tuple[Kind | None, ...]
    looks: tuple[Measures, ...]

    def least_kept(self) -> float:
        """Of the looks that had a reference."""
        return min(look.kept for look in self.looks if look.kept is not None)


def watch(scenes: Sequence[Scene], video: Video, change: Change = lambda _number, picture: picture) -> Seen:
    """Look at them every ten seconds as the service does; an alarm takes 30 s."""
    encoder = Encoder(video)
    decoder = av.CodecContext.create("hevc" if video.codec == "h265" else "h264", "r")
    state, held, looks = PictureState(), [], []
    with tempfile.TemporaryDirectory() as directory:
        watcher = Watcher("cam", Path(directory))
        for number, scene in enumerate(scenes):
            at = START + timedelta(seconds=number * EVERY_S)
            nals = encoder.encode(at, key=True, scene=scene)
            coded = b"".join(b"\0\0\0\1" + nal for nal in nals)
            (frame, *_) = [*decoder.decode(av.Packet(coded)), *decoder.decode(None)]
            decoder.flush_buffers()
            picture = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            look = watcher.look(change(number, picture), at)
            before = state.alarm
            after = state.take(look.measures, number * EVERY_S, alarm_after_s=30, every_s=EVERY_S)
            if after is not before:
                held.append(after)
            looks.append(look.measures)
    return Seen(tuple(held), tuple(looks))


@pytest.mark.parametrize("fault", _KINDS, ids=lambda fault: fault.value)
@pytest.mark.parametrize(
    ("title", "light"), [*((title, DAY) for title in TITLES), *((title, NIGHT) for title in TITLES[:2])]
)
def test_each_fault_is_one_alarm_of_its_kind(title: str, fault: PictureFault, light: float) -> None:
    """By day, and on a night that the watch has begun in; what is covered is so with a margin."""
    quiet = Scene(light=light)
    bad = replace(quiet, fault=fault, since=START)
    seen = watch([quiet] * QUIET + [bad] * (10 if fault is PictureFault.FROZEN else 5), Video(title=title))
    assert seen.held == (_KINDS[fault],)
    if fault is PictureFault.COVERED and light == DAY:
        assert max(look.kept or 0 for look in seen.looks[QUIET:]) < 0.75 * LOST


HARMLESS = {
    "dusk": [Scene(light=max(NIGHT, 1 - n * 0.1)) for n in range(14)],
    "lamps out": [Scene(light=NIGHT)] * 6 + [Scene()] * 4,
    "dawn": [Scene(light=NIGHT)] * 4 + [Scene(light=min(1.0, NIGHT + n * 0.1)) for n in range(10)],
    "walker": [Scene(walker=n / 8) for n in range(9)],
    "lamps by night": [Scene(light=NIGHT, lamps=n // 4 % 2 == 1) for n in range(12)],
    "lamps by day": [Scene(lamps=n // 4 % 2 == 1) for n in range(8)],
}


@pytest.mark.parametrize("what", HARMLESS)
@pytest.mark.parametrize("title", TITLES)
def test_what_is_harmless_raises_nothing(title: str, what: str) -> None:
    """And the scene is seen in every look, far from the limit. A dawn also begins with a night that was never seen by day."""
    quiet = [] if what == "dawn" else [Scene()] * QUIET
    seen = watch(quiet + HARMLESS[what], Video(title=title))
    assert seen.held == ()
    assert seen.least_kept() > 2 * LOST


@pytest.mark.parametrize(
    "video",
    [
        Video(title="gate", codec="h265"),
        Video(title="gate", width=1920, height=1080),
        Video(title="gate", width=704, height=576),
    ],
    ids=["h265", "1080p", "4cif"],
)
@pytest.mark.parametrize(
    "fault", [PictureFault.COVERED, PictureFault.BLURRED, PictureFault.MOVED], ids=lambda fault: fault.value
)
def test_codec_and_size_change_nothing(fault: PictureFault, video: Video) -> None:
    """The same faults are found, and are gone when they are gone."""
    seen = watch([Scene()] * QUIET + [Scene(fault=fault)] * 5 + [Scene()] * 5, video)
    assert seen.held == (_KINDS[fault], None)


def _bus(share: float, until: int, number: int, picture: Picture) -> Picture:
    """An orange side with dark windows, from the left, for some looks."""
    if not QUIET <= number < until:
        return picture
    height, width = picture.shape[:2]
    edge, found = int(width * share), picture.copy()
    cv2.rectangle(found, (0, height // 9), (edge, height), (40, 140, 220), -1)
    for left in range(20, edge - 50, 70):
        cv2.rectangle(found, (left, height // 3), (left + 50, height // 2), (60, 50, 40), -1)
    return found


@pytest.mark.parametrize("share", [0.6, 0.75])
def test_a_bus_that_parks_is_no_fault_and_is_not_learned(share: float) -> None:
    """It comes, stays and goes; and a cover over what it left free is a covered camera all the same."""
    went = watch([Scene()] * (QUIET + 24), Video(title="gate"), partial(_bus, share, QUIET + 16))
    assert went.held == ()
    stayed = [Scene()] * (QUIET + 16) + [Scene(fault=PictureFault.COVERED)] * 6

    def bus_then_cover(number: int, picture: Picture) -> Picture:
        return _bus(share, QUIET + 16, number, picture)

    assert watch(stayed, Video(title="gate"), bus_then_cover).held == (Kind.CAMERA_COVERED,)


def _wall(number: int, picture: Picture) -> Picture:
    grain = np.random.default_rng(number).integers(0, 4, picture.shape, dtype=np.uint8)
    return np.asarray(cv2.add(np.full_like(picture, 170), grain), np.uint8)


def test_a_bare_wall_is_no_fault() -> None:
    """There is nothing to compare with, so nothing is missing."""
    assert watch([Scene()] * 20, Video(title="wall"), _wall).held == ()


def test_the_size_may_change() -> None:
    """Other parameters, the same scene."""

    def resized(number: int, picture: Picture) -> Picture:
        size = (640, 360) if number < 8 else (1280, 720) if number < 16 else (352, 288)
        return np.asarray(cv2.resize(picture, size), np.uint8)

    assert watch([Scene()] * 24, Video(title="gate"), resized).held == ()


def test_a_camera_that_starts_covered_is_not_learned_so() -> None:
    """Nobody can know; but the cover has too little in it to be taken for a scene, and the real one is learned later."""
    scenes = (
        [Scene(fault=PictureFault.COVERED)] * 10 + [Scene()] * QUIET + [Scene(fault=PictureFault.COVERED)] * 6
    )
    assert watch(scenes, Video(title="gate")).held == (Kind.CAMERA_COVERED,)


def test_what_flaps_is_no_storm() -> None:
    """40 s covered, 40 s not, for ten minutes: two alarms, not seven."""
    flapping = [Scene(fault=PictureFault.COVERED if n // 4 % 2 else PictureFault.NONE) for n in range(56)]
    held = watch([Scene()] * QUIET + flapping, Video(title="gate")).held
    assert held == (Kind.CAMERA_COVERED, None, Kind.CAMERA_COVERED)
