"""How sharp a picture is: its fine detail for its coarse detail, at the edges of a reference, block by block."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: Of a reference's pixels, those with the strongest edges are its edges, the calmest are where only noise is.
_EDGE_SHARE, _CALM_SHARE = 0.06, 0.30
#: A block in which a smaller share of the pixels are edges has no figure; nothing is said of fewer blocks than these.
_LEAST_SHARE, _LEAST_BLOCKS = 0.03, 4
#: Fine energy so many times the median's of what was calm is something else than noise.
_NOISE_MOST = 10
#: Rows and columns of blocks that a picture is divided into.
BLOCKS = (9, 16)
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Sharpness:
    """Where a reference has edges and where it is calm, as masks of its size, and its own figure.

    `blocks` are the figures of its blocks, 0 where one has hardly any edges.
    """

    edge: NDArray[np.bool_]
    calm: NDArray[np.bool_]
    figure: float
    blocks: Floats

    def of(self, grey: NDArray[np.uint8], alike: NDArray[np.bool_]) -> float:
        """A picture's figure for the reference's (1: as sharp), the median of those blocks that are `alike`.

        So neither writing, which stays sharp, nor a lorry in some of them decides. 1 if there are too few.
        """
        chosen = alike & (self.blocks > 0)
        if int(chosen.sum()) < _LEAST_BLOCKS:
            return 1.0
        fine, coarse = _bands(grey)
        now = _block_figures(fine, coarse, self.edge, _noise(fine[self.calm]))
        return float(np.median(now[chosen] / self.blocks[chosen]))


def sharpness(grey: NDArray[np.uint8], seen: Floats) -> Sharpness:
    """A reference's. `seen` is 0 where something is written over it, at any size."""
    fine, coarse = _bands(grey)
    free = cv2.resize(seen, grey.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    margin = grey.shape[0] // 9
    free[:margin] = free[-margin:] = False
    strength = coarse[free]
    if not strength.size:
        return Sharpness(free, free, 0.0, np.zeros(BLOCKS, np.float32))
    edge = free & (coarse >= np.quantile(strength, 1 - _EDGE_SHARE))
    calm = free & (coarse <= np.quantile(strength, _CALM_SHARE))
    noise = _noise(fine[calm])
    figure = max(0.0, float(fine[edge].mean()) - noise) / (float(coarse[edge].mean()) + _TINY)
    return Sharpness(edge, calm, figure, _block_figures(fine, coarse, edge, noise))


def _block_figures(fine: Floats, coarse: Floats, edge: NDArray[np.bool_], noise: float) -> Floats:
    """The figure of each block, 0 where fewer than a thirtieth of its pixels are edges."""
    there = edge.astype(np.float32)
    means = cv2.resize(
        np.dstack((there, fine * there, coarse * there)), BLOCKS[::-1], interpolation=cv2.INTER_AREA
    )
    share, fine_there, coarse_there = (means[..., plane] for plane in range(3))
    figures = np.maximum(0, fine_there - noise * share) / (coarse_there + _TINY)
    return np.where(share >= _LEAST_SHARE, figures, 0).astype(np.float32)


def _bands(grey: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """The energy of fine and of coarse detail, pixel by pixel."""
    level = grey.astype(np.float32)
    first, second, third = (cv2.GaussianBlur(level, (0, 0), sigma) for sigma in (0.7, 1.4, 5.0))
    fine, coarse = first - second, second - third
    return fine * fine, coarse * coarse


def _noise(calm: Floats) -> float:
    """What is far above the rest is not noise: somebody stands where the reference is calm."""
    if not calm.size:
        return 0.0
    return float(np.minimum(calm, _NOISE_MOST * np.median(calm) + 1).mean())
