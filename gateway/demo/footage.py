"""What a recorded file or a clip shows: the clock in its picture."""

from datetime import datetime, timedelta
from pathlib import Path

import av
import numpy as np

from gateway.evidence.manifest import verify
from simulators.camera.picture import read_clock
from simulators.county import Event

#: A clip of the demo's site file is not longer.
MOST_SHOWN = timedelta(seconds=30)


def clock_in(segment: Path) -> datetime | None:
    """What the clock in the first picture of a recorded file says."""
    with av.open(str(segment)) as footage:
        picture = next(footage.decode(video=0))
        return read_clock(np.asarray(picture.to_ndarray(format="gray"), np.uint8))


def look_at_clip(recording_dir: Path, told: Event) -> tuple[str, datetime | None]:
    """What is wrong with the clip that the county was told of (empty: nothing), and what its first picture's clock says."""
    found = list((recording_dir / "evidence").glob(f"*/{told.data['evidence']}.mp4"))
    if len(found) != 1:
        return f"{told.data['evidence']}.mp4: {len(found)} files", None
    wrong = verify(found[0].with_suffix(".json"))
    return ("; ".join(wrong), None) if wrong else ("", clock_in(found[0]))


def in_size(count: object) -> str:
    """Bytes in words: `41 kB`, `1.2 MB`."""
    number = int(str(count))
    return f"{number / 1000:.0f} kB" if number < 1_000_000 else f"{number / 1e6:.1f} MB"
