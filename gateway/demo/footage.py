"""What a recorded file shows: the clock in its picture."""

from datetime import datetime
from pathlib import Path

import av
import numpy as np

from simulators.camera.picture import read_clock


def clock_in(segment: Path) -> datetime | None:
    """What the clock in the first picture of a recorded file says."""
    with av.open(str(segment)) as footage:
        picture = next(footage.decode(video=0))
        return read_clock(np.asarray(picture.to_ndarray(format="gray"), np.uint8))
