"""What there is to be seen at one moment: a value, from which a picture follows without any state."""

from dataclasses import dataclass
from datetime import datetime

from simulators.camera.picture_faults import PictureFault

DAY = 1.0
NIGHT = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A yard by day without anybody in it, unless said otherwise.

    `light` is 1.0 by day; below 0.4 the camera is grey and its picture noisy (0.15: a night). `walker` is how far a
    person has crossed the picture, 0 to 1. `lamps`: switched on. `seed` makes another yard; None takes the one of the
    renderer's title. `since` is the moment that FROZEN shows for ever (without it: 1970).
    Raises ValueError for a light or a place that can't be.
    """

    fault: PictureFault = PictureFault.NONE
    light: float = DAY
    walker: float | None = None
    lamps: bool = False
    seed: int | None = None
    since: datetime | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.light <= 1:
            raise ValueError(f"light {self.light}: give 0 (none) to 1 (day)")
        if self.walker is not None and not 0 <= self.walker <= 1:
            raise ValueError(f"walker at {self.walker}: give 0 (left) to 1 (right)")
