"""What light and lens make of a scene, on planar YUV 4:2:0 pictures in place: pure but for the picture it is given."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simulators.camera.picture_faults import PictureFault
from simulators.camera.scene import Scene

Picture = NDArray[np.uint8]

BLACK, WHITE, NEUTRAL = 16, 235, 128  # luma limits and no colour, ITU-R BT.601 video range
_BLUE = (41, 240, 110)  # pure blue in that range
_COLOURLESS_BELOW = 0.4  # of daylight: then a camera takes its filter away and shows grey
_NOISE, _BLACK_NOISE = 0x0F, 0x07  # masks: amplitudes of 15 and 7 steps
_LAMP_GAIN, _LAMP_LIGHT = 1.15, 0.12
_LAMPS = ((0.14, 0.36), (0.47, 0.3), (0.83, 0.36))  # where they hang, shares of width and height


@dataclass(frozen=True, slots=True)
class Planes:
    """The three planes of one picture: views, so that drawing on them draws on it."""

    luma: Picture
    u: Picture
    v: Picture

    @classmethod
    def of(cls, picture: Picture) -> "Planes":
        """The planes of an array of (height * 3 / 2, width), which must be contiguous."""
        width, height = picture.shape[1], picture.shape[0] * 2 // 3
        colour = picture[height:].reshape(2, height // 2, width // 2)
        return cls(picture[:height], colour[0], colour[1])


def expose(planes: Planes, scene: Scene, dice: np.random.Generator) -> None:
    """Everything that happens between the yard and the overlay."""
    if scene.walker is not None:
        _walker(planes, scene.walker)
    _light(planes, scene, dice)
    match scene.fault:
        case PictureFault.BLACK:
            _fill(planes, (BLACK, NEUTRAL, NEUTRAL))
            planes.luma[:] = cv2.add(planes.luma, _noise(dice, planes.luma, _BLACK_NOISE))
        case PictureFault.BRIGHT:
            _levels(planes.luma, gain=0.12, lift=206)
            _levels(planes.u, gain=0.2, lift=NEUTRAL * 0.8)
            _levels(planes.v, gain=0.2, lift=NEUTRAL * 0.8)
        case PictureFault.COVERED:
            _cover(planes)
        case PictureFault.BLURRED:
            _blur(planes)
        case PictureFault.SIGNAL:
            _no_signal(planes)
        case PictureFault.NONE | PictureFault.FROZEN | PictureFault.MOVED:
            pass  # what is seen is another moment, or another part of the yard


def _fill(planes: Planes, colour: tuple[int, int, int]) -> None:
    planes.luma[:], planes.u[:], planes.v[:] = colour


def _levels(plane: Picture, *, gain: float, lift: float) -> None:
    table = np.clip(np.arange(256) * gain + lift, BLACK, WHITE).astype(np.uint8)
    cv2.LUT(plane, table, dst=plane)


def _noise(dice: np.random.Generator, plane: Picture, mask: int) -> Picture:
    grain = np.frombuffer(dice.bytes(plane.size), np.uint8) & np.uint8(mask)
    return grain.reshape(plane.shape)


def _light(planes: Planes, scene: Scene, dice: np.random.Generator) -> None:
    gain = scene.light * (_LAMP_GAIN if scene.lamps else 1) + (_LAMP_LIGHT if scene.lamps else 0)
    if gain != 1:
        _levels(planes.luma, gain=gain, lift=BLACK * (1 - gain))
    if scene.light < _COLOURLESS_BELOW:
        planes.u[:] = planes.v[:] = NEUTRAL
        grain = _noise(dice, planes.luma, _NOISE)
        planes.luma[:] = cv2.subtract(cv2.add(planes.luma, grain), np.full_like(grain, _NOISE // 2))
    if scene.lamps:
        _lamps(planes.luma)


def _lamps(luma: Picture) -> None:
    height, width = luma.shape
    for x, y in _LAMPS:
        centre = (round(width * x), round(height * y))
        for ring, glow in enumerate((30, 40, 60)):
            halo = np.zeros_like(luma)
            cv2.circle(halo, centre, height // (8 + 6 * ring), glow, -1)
            cv2.add(luma, halo, dst=luma)
        cv2.circle(luma, centre, max(2, height // 36), WHITE, -1)
    np.minimum(luma, WHITE, out=luma)


def _walker(planes: Planes, place: float) -> None:
    """Head, body and two legs that swing: a fifth of the picture high, from beyond its left to beyond its right."""
    height, width = planes.luma.shape
    tall = height * 0.36
    x, feet = width * (place * 1.2 - 0.1), height * 0.93
    for plane, level, scale in ((planes.luma, 48, 1.0), (planes.u, 150, 0.5), (planes.v, 118, 0.5)):

        def at(right: float, up: float, scale: float = scale) -> tuple[int, int]:
            return round((x + right * tall) * scale), round((feet - up * tall) * scale)

        swing = 0.16 * np.sin(place * 60)
        limb = max(1, round(tall * 0.09 * scale))
        cv2.rectangle(plane, at(-0.12, 0.82), at(0.12, 0.42), level, -1)
        cv2.circle(plane, at(0, 0.91), max(1, round(tall * 0.09 * scale)), level, -1)
        cv2.line(plane, at(-0.05, 0.42), at(-0.05 + swing, 0), level, limb)
        cv2.line(plane, at(0.05, 0.42), at(0.05 - swing, 0), level, limb)


def _cover(planes: Planes) -> None:
    height, width = planes.luma.shape
    few = cv2.resize(planes.luma, (4, 3), interpolation=cv2.INTER_AREA)
    planes.luma[:] = cv2.resize(few, (width, height))
    _levels(planes.luma, gain=0.05, lift=66)
    planes.luma[:] += np.linspace(0, 10, width).astype(np.uint8)[None, :]
    planes.u[:], planes.v[:] = NEUTRAL - 4, NEUTRAL + 8  # something warm before the lens


def _blur(planes: Planes) -> None:
    wide = planes.luma.shape[0] // 15
    for plane, box in ((planes.luma, wide), (planes.u, wide // 2), (planes.v, wide // 2)):
        for _ in range(3):  # three boxes are nearly a bell
            plane[:] = cv2.blur(plane, (box, box), borderType=cv2.BORDER_REPLICATE)


def _no_signal(planes: Planes) -> None:
    _fill(planes, _BLUE)
    height, width = planes.luma.shape
    scale = width / 480
    cv2.putText(
        planes.luma,
        "NO SIGNAL",
        (round(width * 0.32), round(height * 0.55)),
        cv2.FONT_HERSHEY_SIMPLEX,
        scale,
        WHITE,
        max(1, round(scale * 2)),
        cv2.LINE_AA,
    )
