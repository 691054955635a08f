"""The rendered picture: a yard, over it date and time for people, and the same time as blocks for programs."""

import binascii
import zlib
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.clock import from_ms, to_ms
from simulators.camera import lens, scenery
from simulators.camera.lens import BLACK, NEUTRAL, WHITE, Planes
from simulators.camera.picture_faults import PictureFault
from simulators.camera.scene import Scene

#: A picture, 8 bits a sample: (height, width) grey, (height, width, 3) blue-green-red, or planar YUV 4:2:0.
Picture = NDArray[np.uint8]

# The strip lies along the top: 64 blocks in two rows, 48 bits of milliseconds since 1970 and 16 bits of CRC.
_ROWS, _COLUMNS = 2, 32
_STRIP_SHARE = 9  # the strip takes a ninth of the height: blocks of 20 x 20 pixels at 640 x 360
_MIN_WIDTH, _MIN_HEIGHT = 160, 90  # below that a block is smaller than 5 pixels and compression eats it
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_STAMP = "0000-00-00 00:00:00.000 UTC"
_YARD = Scene()
_1970 = datetime.fromtimestamp(0, UTC)
# Where a camera looks in the yard, shares of the picture's size from its upper left corner; and once it was moved.
_PLACE, _MOVED_PLACE = (0.06, 0.05), (0.42, 0.18)
#: Yards that a renderer keeps: main and moved of two seeds.
_KEPT = 4


def check_size(width: int, height: int) -> None:
    """Raise ValueError for a size (pixels) that the clock can't be read from, or that 4:2:0 can't hold."""
    if width < _MIN_WIDTH or height < _MIN_HEIGHT or width % 2 or height % 2:
        raise ValueError(f"picture {width}x{height}: even numbers, at least {_MIN_WIDTH}x{_MIN_HEIGHT}")


class Renderer:
    """Draws one camera's pictures. Width and height in pixels; raises ValueError like `check_size`.

    The same moment and scene always give the same picture, noise included. The overlay is the strip (a ninth of the
    height), a line of text under it (to a fifth) and the title at the lower left.
    """

    def __init__(self, width: int, height: int, title: str = "") -> None:
        check_size(width, height)
        self._width, self._height = width, height
        self._title = title
        self._seed = zlib.crc32(title.encode())
        self._strip = _strip_height(height)
        self._scale = _scale(_STAMP, width * 0.6)
        self._rows = np.arange(self._strip) * _ROWS // self._strip
        self._columns = np.arange(width) * _COLUMNS // width
        self._views: dict[tuple[int, bool], Picture] = {}

    def render(self, moment: datetime, scene: Scene = _YARD) -> Picture:
        """The picture of that moment: planar YUV 4:2:0, an array of (height * 3 / 2, width)."""
        frozen = scene.fault is PictureFault.FROZEN
        moment = ((scene.since or _1970) if frozen else moment).astimezone(UTC)
        seed = self._seed if scene.seed is None else scene.seed
        picture = self._view(seed, moved=scene.fault is PictureFault.MOVED).copy()
        planes = Planes.of(picture)
        lens.expose(planes, scene, np.random.default_rng((seed, to_ms(moment))))
        self._overlay(planes, moment)
        return picture

    def jpeg(self, moment: datetime, scene: Scene = _YARD, quality: int = 85) -> bytes:
        """The same picture as a JPEG file."""
        colour = cv2.cvtColor(self.render(moment, scene), cv2.COLOR_YUV2BGR_I420)
        done, data = cv2.imencode(".jpg", colour, (cv2.IMWRITE_JPEG_QUALITY, quality))
        assert done, "OpenCV has a JPEG encoder of its own"
        return data.tobytes()

    def _view(self, seed: int, *, moved: bool) -> Picture:
        if (seed, moved) not in self._views:
            while len(self._views) >= _KEPT:
                self._views.pop(next(iter(self._views)))
            across, down = _MOVED_PLACE if moved else _PLACE
            left, top = round(self._width * across), round(self._height * down)
            yard = scenery.draw_yard(self._width, self._height, seed)
            seen = yard[top : top + self._height, left : left + self._width]
            self._views[seed, moved] = np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2YUV_I420), np.uint8)
        return self._views[seed, moved]

    def _overlay(self, planes: Planes, moment: datetime) -> None:
        luma = planes.luma
        luma[: self._strip] = self._blocks(moment)
        for colour in (planes.u, planes.v):
            colour[: (self._strip + 1) // 2] = NEUTRAL
        millisecond = moment.microsecond // 1000
        self._write(luma, f"{moment:%Y-%m-%d %H:%M:%S}.{millisecond:03d} UTC", 0.185)
        self._write(luma, self._title, 0.96)

    def _blocks(self, moment: datetime) -> Picture:
        time = to_ms(moment).to_bytes(6, "big")
        bits = np.unpackbits(np.frombuffer(time + _checksum(time), np.uint8)).reshape(_ROWS, _COLUMNS)
        levels = np.where(bits, WHITE, BLACK).astype(np.uint8)
        return levels[self._rows[:, None], self._columns[None, :]]

    def _write(self, luma: Picture, text: str, baseline: float) -> None:
        place = (round(self._width * 0.03), round(self._height * baseline))
        thickness = max(1, round(self._scale * 2))
        for shade, line in ((BLACK, thickness + 2), (WHITE, thickness)):  # an edge, to be read on any ground
            cv2.putText(luma, text, place, _FONT, self._scale, shade, line, cv2.LINE_AA)


def read_clock(frame: Picture) -> datetime | None:
    """The time in a decoded frame (grey or BGR, any size of the same picture), UTC, exact to the millisecond.

    None if the frame shows no clock or its checksum is wrong.
    """
    height, width = frame.shape[:2]
    if width < _COLUMNS or _strip_height(height) < _ROWS:
        return None
    strip = frame[: _strip_height(height)]
    luma = strip if strip.ndim == 2 else cv2.cvtColor(strip, cv2.COLOR_BGR2GRAY)
    means = cv2.resize(luma, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    sent = np.packbits(means > 127).tobytes()
    time, checksum = sent[:6], sent[6:]
    return from_ms(int.from_bytes(time, "big")) if _checksum(time) == checksum else None


def _checksum(time: bytes) -> bytes:
    # Begins with ones: an all black strip must not read as 1970.
    return binascii.crc_hqx(time, 0xFFFF).to_bytes(2, "big")


def _strip_height(height: int) -> int:
    return height // _STRIP_SHARE


def _scale(sample: str, width: float) -> float:
    (unit, _), _ = cv2.getTextSize(sample, _FONT, 1.0, 2)
    return width / unit
