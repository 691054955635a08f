"""How a scene looked in one light, and how much of it another picture shows: edges, whatever the light does."""

from dataclasses import dataclass, field
from typing import Self

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gateway.media.sharpness import BLOCKS, Sharpness, sharpness

#: 8 bits a sample: (height, width) grey or (height, width, 3) blue-green-red.
Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Pictures are compared at this size, whatever a camera's is; references are kept at MEMORY.
WIDTH, HEIGHT = 256, 144
MEMORY = (640, 360)

_ROWS, _COLUMNS = BLOCKS
#: The first and the last row of blocks are left out: titles and clocks are written there.
_INNER = slice(1, _ROWS - 1)
#: A block has edges if its gradients are so strong on average; levels of grey a pixel.
_TEXTURE = 2.0
#: A reference with fewer such blocks is too bare to compare anything with.
_LEAST_BLOCKS = 8
#: A block is seen if its edges correlate so well.
_ALIKE = 0.35
#: Something stands before the scene if so much of it is missing in pieces of three by three blocks or more.
_HIDDEN = 0.25
#: How fast a block that is often otherwise (a tree, a road, a clock) loses its weight.
_LEARN = 0.03
#: Standard deviations in pixels of WIDTH by which a reference is blurred to be found in a blurred picture.
_BLURS = (2.0, 4.0, 8.0)
_LEAST_OVERLAP = 0.3
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Edges:
    """Gradients as vectors of the doubled angle: a step from light to dark is the same as from dark to light."""

    x: Floats
    y: Floats

    @classmethod
    def of(cls, grey: Floats) -> Self:
        """The edges of a picture of WIDTH x HEIGHT."""
        calm = cv2.GaussianBlur(grey, (0, 0), 1.0)
        dx = cv2.Sobel(calm, cv2.CV_32F, 1, 0, scale=0.25)
        dy = cv2.Sobel(calm, cv2.CV_32F, 0, 1, scale=0.25)
        strength = np.sqrt(dx * dx + dy * dy) + _TINY
        return cls(_floats((dx * dx - dy * dy) / strength), _floats(2 * dx * dy / strength))

    def masked(self, seen: Floats) -> Self:
        """Without what is written over the picture."""
        return type(self)(self.x * seen, self.y * seen)

    def moved(self, dx: int, dy: int) -> Self:
        """Moved by whole pixels; what comes in from outside is without edges."""
        return type(self)(_shifted(self.x, dx, dy), _shifted(self.y, dx, dy))

    @property
    def strength(self) -> Floats:
        """How strong they are, pixel by pixel."""
        return np.sqrt(self.x * self.x + self.y * self.y)


@dataclass(slots=True, eq=False)
class Reference:
    """One picture of the scene. `weight` is how much each block can be relied on, 0 to 1."""

    picture: Picture
    weight: Floats = field(default_factory=lambda: np.ones((_ROWS, _COLUMNS), np.float32))
    edges: Edges = field(init=False)
    sharp: Sharpness = field(init=False)
    _seen: Floats = field(init=False)
    _textured: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        grey = grey_of(self.picture)
        self._seen = _not_written(grey)
        self.edges = Edges.of(small(grey)).masked(self._seen)
        self._textured = _textured(self.edges)
        self.sharp = sharpness(grey, self._seen)

    @property
    def is_rich(self) -> bool:
        """There is enough in it to compare others with."""
        return int(self._textured.sum()) >= _LEAST_BLOCKS

    def alike(self, now: Edges) -> NDArray[np.bool_]:
        """Which blocks are seen in `now`."""
        return _correlation(self.edges, now.masked(self._seen)) >= _ALIKE

    def kept(self, alike: NDArray[np.bool_]) -> float:
        """The share of its edges that is seen, 0 to 1."""
        return _share(alike, self.weight * self._textured)

    def kept_unwritten(self, alike: NDArray[np.bool_]) -> float:
        """The same for a picture that has hardly any edges left: the row of blocks with the most of them is not counted.

        What is written over a picture stays when its scene has gone, and lies in one row. If that row is most of the
        scene, all is counted.
        """
        weight = self.weight * self._textured
        row = int(np.argmax((alike * weight).sum(axis=1)))
        rest = weight.copy()
        rest[row] = 0
        whole = self.kept(alike)
        return min(whole, _share(alike, rest)) if rest.sum() >= weight.sum() / 2 else whole

    def is_hidden(self, alike: NDArray[np.bool_]) -> bool:
        """Whether what is not seen is missing in one piece: something stands before it. Light takes it here and there."""
        missing = (~(alike & self._textured)).astype(np.uint8)
        piece = cv2.morphologyEx(
            missing, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE
        )
        return _share(piece > 0, self._textured.astype(np.float32)) >= _HIDDEN

    def learn(self, alike: NDArray[np.bool_]) -> None:
        """Remember which blocks are often otherwise, of a picture that is right on the whole."""
        self.weight += np.float32(_LEARN) * (alike - self.weight)

    def kept_blurred(self, grey: Floats) -> float:
        """The share seen in a picture (of WIDTH x HEIGHT) if the reference is blurred like it, at best."""
        own = small(grey_of(self.picture))
        shares = []
        for sigma in _BLURS:
            then = Edges.of(_floats(cv2.GaussianBlur(own, (0, 0), sigma))).masked(self._seen)
            now = Edges.of(_floats(cv2.GaussianBlur(grey, (0, 0), sigma / 2))).masked(self._seen)
            alike = _correlation(then, now) >= 2 * _ALIKE  # smooth pictures are alike by chance
            shares.append(_share(alike, self.weight * self._textured))
        return max(shares)

    def kept_shifted(self, now: Edges) -> tuple[float, float]:
        """The share seen if `now` is moved back, and by how much it is moved, of the width."""
        then, moved = self.edges.strength, now.masked(self._seen).strength
        window = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)
        (dx, dy), _ = cv2.phaseCorrelate(then, moved, window)
        alike = _correlation(self.edges, now.moved(-round(dx), -round(dy))) >= _ALIKE
        inside = _inside(-round(dx), -round(dy))
        if inside[_INNER].mean() < _LEAST_OVERLAP:
            return 0.0, 0.0
        return _share(alike, self.weight * self._textured * inside), float(np.hypot(dx, dy)) / WIDTH

    def detail(self, grey: Picture, alike: NDArray[np.bool_] | None) -> float:
        """Fine detail for the reference's: at its edges in blocks that are `alike`, else at the picture's own edges."""
        if alike is not None:
            return self.sharp.of(grey, alike)
        free = self._seen * _not_written(grey)
        return sharpness(grey, free).figure / max(_TINY, self.sharp.figure)

    def edges_share(self, now: Edges) -> float:
        """How much edge `now` has for the reference's, in blocks that have any."""
        there = int(_textured(now.masked(self._seen)).sum())
        return there / max(1, int(self._textured.sum()))


def grey_of(picture: Picture) -> Picture:
    """Without colour."""
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def small(grey: Picture) -> Floats:
    """At the size of comparison."""
    return cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float32)


def _shifted(values: Floats, dx: int, dy: int) -> Floats:
    return _floats(cv2.warpAffine(values, np.array([[1, 0, dx], [0, 1, dy]], np.float32), (WIDTH, HEIGHT)))


def _blocks(values: Floats) -> Floats:
    """The mean of each block."""
    means = cv2.resize(values, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32)


def _textured(edges: Edges) -> NDArray[np.bool_]:
    found = _blocks(edges.strength) >= _TEXTURE
    found[0] = found[-1] = False
    return found


def _correlation(then: Edges, now: Edges) -> Floats:
    product = _blocks(then.x * now.x + then.y * now.y)
    own = _blocks(then.x * then.x + then.y * then.y)
    other = _blocks(now.x * now.x + now.y * now.y)
    return np.asarray(product / (np.sqrt(own * other) + _TINY), np.float32)


def _share(alike: NDArray[np.bool_], weight: Floats) -> float:
    whole = float(weight.sum())
    return float((alike * weight).sum()) / whole if whole > _TINY else 0.0


def _inside(dx: int, dy: int) -> Floats:
    there = _shifted(np.ones((HEIGHT, WIDTH), np.float32), dx, dy)
    return (_blocks(there) > 0.9).astype(np.float32)


def _not_written(grey: Picture) -> Floats:
    """1 where nothing is written over the picture: thin strokes that are nearly white are a title or a clock.

    A gradient reaches some pixels further than what it is of.
    """
    stroke = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((9, 9), np.uint8))
    written = ((stroke > 70) & (grey > 200)).astype(np.uint8)
    wide = np.asarray(cv2.dilate(written, np.ones((15, 15), np.uint8)) * 255, np.uint8)
    return _floats(small(wide) == 0)
