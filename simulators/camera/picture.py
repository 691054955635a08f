"""The rendered picture: a date and time for people, and the same time as black and white blocks for programs."""

import binascii
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.clock import from_ms, to_ms

#: A picture, 8 bits a sample: (height, width) grey, (height, width, 3) blue-green-red, or planar YUV 4:2:0.
Picture = NDArray[np.uint8]

# The strip lies along the top: 64 blocks in two rows, 48 bits of milliseconds since 1970 and 16 bits of CRC.
_ROWS, _COLUMNS = 2, 32
_STRIP_SHARE = 9  # the strip takes a ninth of the height: blocks of 20 x 20 pixels at 640 x 360
_MIN_WIDTH, _MIN_HEIGHT = 160, 90  # below that a block is smaller than 5 pixels and compression eats it
_BLACK, _WHITE, _NEUTRAL = 16, 235, 128  # luma limits and no colour, ITU-R BT.601 video range
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def check_size(width: int, height: int) -> None:
    """Raise ValueError for a size (pixels) that the clock can't be read from, or that 4:2:0 can't hold."""
    if width < _MIN_WIDTH or height < _MIN_HEIGHT or width % 2 or height % 2:
        raise ValueError(f"picture {width}x{height}: even numbers, at least {_MIN_WIDTH}x{_MIN_HEIGHT}")


class Renderer:
    """Draws one camera's pictures. Width and height in pixels; raises ValueError like `check_size`."""

    def __init__(self, width: int, height: int, title: str = "") -> None:
        check_size(width, height)
        self._height = height
        self._strip = _strip_height(height)
        self._time_scale = _scale("00:00:00.000", width * 0.85)
        self._date_scale = _scale("0000-00-00 UTC", width * 0.5)
        self._rows = np.arange(self._strip) * _ROWS // self._strip
        self._columns = np.arange(width) * _COLUMNS // width
        self._backdrop = _backdrop(width, height)
        self._write(self._backdrop, title, 0.95, self._date_scale / 2)

    def render(self, moment: datetime) -> Picture:
        """The picture of that moment: planar YUV 4:2:0, an array of (height * 3 / 2, width)."""
        moment = moment.astimezone(UTC)
        picture = self._backdrop.copy()
        picture[: self._strip] = self._blocks(moment)
        time = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
        self._write(picture, time, 0.55, self._time_scale)
        self._write(picture, f"{moment:%Y-%m-%d} UTC", 0.8, self._date_scale)
        return picture

    def _blocks(self, moment: datetime) -> Picture:
        time = to_ms(moment).to_bytes(6, "big")
        bits = np.unpackbits(np.frombuffer(time + _checksum(time), np.uint8)).reshape(_ROWS, _COLUMNS)
        levels = np.where(bits, _WHITE, _BLACK).astype(np.uint8)
        return levels[self._rows[:, None], self._columns[None, :]]

    def _write(self, picture: Picture, text: str, baseline: float, scale: float) -> None:
        luma = picture[: self._height]
        left = round(luma.shape[1] * 0.05)
        thickness = max(1, round(scale * 2.5))
        cv2.putText(
            luma, text, (left, round(self._height * baseline)), _FONT, scale, _WHITE, thickness, cv2.LINE_AA
        )


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


def _backdrop(width: int, height: int) -> Picture:
    """Something to look at that costs nothing to compress, since it stands still: a dusk sky over a yard."""
    picture = np.full((height * 3 // 2, width), _NEUTRAL, np.uint8)
    luma = picture[:height]
    luma[:] = np.linspace(40, 110, height).astype(np.uint8)[:, None]
    cv2.rectangle(luma, (width // 16, height // 4), (width // 3, height), 70, -1)
    cv2.rectangle(luma, (width // 2, height // 3), (width - width // 16, height), 85, -1)
    return picture
