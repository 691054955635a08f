"""How sharp a picture is: its fine detail for its coarse detail, at the edges of a reference."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: Of a reference's pixels, those with the strongest edges are its edges, the calmest are where only noise is.
_EDGE_SHARE, _CALM_SHARE = 0.06, 0.30
#: Nothing is said of fewer edge pixels than this.
_LEAST_PIXELS = 300
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Sharpness:
    """Where a reference has edges and where it is calm, as masks of its size, and its own figure."""

    edge: NDArray[np.bool_]
    calm: NDArray[np.bool_]
    figure: float

    def of(self, grey: NDArray[np.uint8], alike: NDArray[np.bool_]) -> float:
        """A picture's figure for the reference's (1: as sharp), only in blocks that are `alike`; 1 if too few are."""
        where = cv2.resize(alike.astype(np.uint8), grey.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        edge = self.edge & where
        if int(edge.sum()) < _LEAST_PIXELS or self.figure < _TINY:
            return 1.0
        # the reference's own figure in these blocks would need its picture: the whole one's is near enough
        return _figure(*_bands(grey), edge, self.calm) / self.figure


def sharpness(grey: NDArray[np.uint8], seen: Floats) -> Sharpness:
    """A reference's. `seen` is 0 where something is written over it, at any size."""
    fine, coarse = _bands(grey)
    free = cv2.resize(seen, grey.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    margin = grey.shape[0] // 9
    free[:margin] = free[-margin:] = False
    strength = coarse[free]
    if not strength.size:
        return Sharpness(free, free, 0.0)
    edge = free & (coarse >= np.quantile(strength, 1 - _EDGE_SHARE))
    calm = free & (coarse <= np.quantile(strength, _CALM_SHARE))
    return Sharpness(edge, calm, _figure(fine, coarse, edge, calm))


def _bands(grey: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """The energy of fine and of coarse detail, pixel by pixel."""
    level = grey.astype(np.float32)
    first, second, third = (cv2.GaussianBlur(level, (0, 0), sigma) for sigma in (0.7, 1.4, 5.0))
    fine, coarse = first - second, second - third
    return fine * fine, coarse * coarse


def _figure(fine: Floats, coarse: Floats, edge: NDArray[np.bool_], calm: NDArray[np.bool_]) -> float:
    noise = float(fine[calm].mean()) if calm.any() else 0.0
    return max(0.0, float(fine[edge].mean()) - noise) / (float(coarse[edge].mean()) + _TINY)
