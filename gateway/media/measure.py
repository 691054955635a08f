"""Measures key frames against what a camera should see. Runs in the media process, one Watcher for each camera."""

import logging
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np

from gateway.media.look import Look
from gateway.media.memory import MOST, Memory, jpeg_of
from gateway.media.reference import MEMORY, Edges, Floats, Picture, Reference, grey_of, small
from gateway.policy.picture import FAINT_SCENE, SEEN, SEEN_WELL, Measures, judge

logger = logging.getLogger(__name__)

#: A reference of which less is seen is joined by another, of this light.
_ANOTHER_BELOW = 0.6
#: With so much seen of one there is no need to look at the others.
_CERTAIN = 0.9
#: It must look like itself, so much of it, for so many looks first.
_LASTING, _LASTING_LOOKS = 0.8, 5
#: Levels of grey that a first reference must span: less is a wall, a cover or a lamp, and shows nothing to compare with.
_LEAST_SPREAD = 6
#: With so much seen there is no need to look for a displacement.
_NO_SHIFT_ABOVE = 0.7
#: Two pictures are the same if no block of 16 x 16 pixels differs more on average; levels of grey.
_SAME = 0.5
_BLOCK = 16
#: Weights are saved after so many looks; new references at once.
_SAVE_LOOKS = 360
_QUALITY = 85
#: A pixel is dark, or bright, beyond these levels.
_DARK, _BRIGHT = 32, 224
_STRONG_COLOUR = 90
_CARD_COLOURS = 8


class Watcher:
    """Looks at one camera's pictures and slowly learns its scene in up to four lights.

    It learns only from pictures that `judge` finds nothing wrong with, and that show the scene for certain.
    """

    def __init__(self, camera: str, memory_dir: Path) -> None:
        self._memory = Memory(memory_dir, camera)
        self._references = self._memory.load()
        self._evidence = (memory_dir / f"{camera}.before.jpg", memory_dir / f"{camera}.now.jpg")
        self._last: Look | None = None
        self._anchor: Picture | None = None
        self._still = 0
        self._unsaved = 0
        self._candidate: Reference | None = None
        self._candidate_looks = 0

    def look(self, picture: Picture, at: datetime) -> Look:
        """Measure a key frame (grey or blue-green-red, any size) of that time. Raises OSError if the disk fails."""
        if self._last is not None and at == self._last.at:
            return Look(
                at=at, measures=self._last.measures, fresh=False, before=self._last.before, now=self._last.now
            )
        if not self._memory.exists:
            self._references.clear()
            self._candidate = None
        memory = _at_memory_size(picture)
        self._note_still(picture)
        best, measures = self._measure(memory)
        before = now = None
        if judge(measures) is None:
            self._learn(memory, best, measures)
        else:
            before, now = self._keep(picture, best)
        self._last = Look(at=at, measures=measures, before=before, now=now)
        return self._last

    def _measure(self, memory: Picture) -> tuple[Reference | None, Measures]:
        grey = grey_of(memory)
        scene = grey[grey.shape[0] // 9 : -grey.shape[0] // 9]
        calm = small(grey)
        edges = Edges.of(calm)
        best, alike = self._best(edges)
        plain = Measures(
            brightness=float(np.median(scene)),
            spread=_spread(calm),
            dark=float((scene < _DARK).mean()),
            bright=float((scene > _BRIGHT).mean()),
            card=_card(memory),
            still=self._still,
        )
        if best is None or alike is None:
            return best, plain
        there = best.edges_share(edges)
        kept = best.kept(alike) if there >= FAINT_SCENE else best.kept_unwritten(alike)
        shifted = (0.0, 0.0) if kept >= _NO_SHIFT_ABOVE else best.kept_shifted(edges)
        return best, Measures(
            brightness=plain.brightness,
            spread=plain.spread,
            dark=plain.dark,
            bright=plain.bright,
            card=plain.card,
            still=plain.still,
            kept=kept,
            kept_blurred=0.0 if kept >= SEEN_WELL else best.kept_blurred(calm),
            kept_shifted=shifted[0],
            shift=shifted[1],
            detail=best.detail(grey, alike if kept >= SEEN else None),
            edges=there,
        )

    def _best(self, edges: Edges) -> tuple[Reference | None, np.ndarray | None]:
        """The reference of which most is seen. The last one comes first, and is enough if it is well seen."""
        best: tuple[float, Reference | None, np.ndarray | None] = (-1.0, None, None)
        for reference in self._references:
            seen = reference.alike(edges)
            kept = reference.kept(seen)
            if kept > best[0]:
                best = (kept, reference, seen)
            if kept >= _CERTAIN:
                break
        _, found, alike = best
        if found is not None:
            self._references.remove(found)
            self._references.insert(0, found)
        return found, alike

    def _learn(self, memory: Picture, best: Reference | None, measures: Measures) -> None:
        if best is None or measures.kept is None:
            first = Reference(memory)
            if first.is_rich and measures.spread >= _LEAST_SPREAD:
                self._references = [first]
                self._memory.save(self._references)
            return
        if measures.kept < SEEN:
            return
        alike = best.alike(Edges.of(small(grey_of(memory))))
        best.learn(alike)
        self._unsaved += 1
        is_light = measures.kept < _ANOTHER_BELOW and not best.is_hidden(alike)
        if is_light and self._is_lasting(memory):
            assert self._candidate is not None
            self._references = [self._candidate, *self._references][:MOST]
            self._candidate, self._unsaved = None, _SAVE_LOOKS
        if self._unsaved >= _SAVE_LOOKS:
            self._memory.save(self._references)
            self._unsaved = 0

    def _is_lasting(self, memory: Picture) -> bool:
        """Whether it has been like this for a while: another light, not a crowd."""
        now = Edges.of(small(grey_of(memory)))
        if self._candidate is not None and self._candidate.kept(self._candidate.alike(now)) >= _LASTING:
            self._candidate_looks += 1
            return self._candidate_looks >= _LASTING_LOOKS
        candidate = Reference(memory)
        self._candidate = candidate if candidate.is_rich else None
        self._candidate_looks = 0
        return False

    def _note_still(self, picture: Picture) -> None:
        """Count the looks in a row that were the same picture as the first of them, noise and clock included."""
        step = max(1, picture.shape[1] // MEMORY[0])
        grey = grey_of(np.ascontiguousarray(picture[::step, ::step]))
        if (
            self._anchor is not None
            and self._anchor.shape == grey.shape
            and _difference(self._anchor, grey) <= _SAME
        ):
            self._still += 1
        else:
            self._anchor, self._still = grey, 0

    def _keep(self, picture: Picture, best: Reference | None) -> tuple[Path | None, Path | None]:
        """What shows why. A disk that refuses it must not hide what is wrong."""
        before, now = self._evidence
        try:
            before.parent.mkdir(parents=True, exist_ok=True)
            now.write_bytes(jpeg_of(picture, _QUALITY))
            if best is not None:
                before.write_bytes(jpeg_of(best.picture, _QUALITY))
        except OSError as error:
            if self._last is None or self._last.now is not None:
                logger.warning("%s can't be kept: %s", now, error)
            return None, None
        return (None if best is None else before), now


def _at_memory_size(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, MEMORY, interpolation=cv2.INTER_AREA), np.uint8)


def _difference(one: Picture, other: Picture) -> float:
    """The largest mean difference of a block."""
    apart = cv2.absdiff(one, other)
    height, width = apart.shape
    size = (max(1, width // _BLOCK), max(1, height // _BLOCK))
    return float(cv2.resize(apart.astype(np.float32), size, interpolation=cv2.INTER_AREA).max())


def _spread(calm: Floats) -> float:
    """Levels of grey between the darkest and the brightest tenth; noise is gone at that size, writing is too little."""
    margin = calm.shape[0] // 9
    darkest, brightest = np.percentile(calm[margin:-margin], (10, 90))
    return float(brightest - darkest)


def _card(picture: Picture) -> float:
    """The share of the picture that its few commonest colours cover, if most of it is strongly coloured; else 0."""
    if picture.ndim == 2:
        return 0.0
    few = cv2.resize(picture, (160, 90), interpolation=cv2.INTER_NEAREST)
    colour = few.max(axis=2).astype(np.int16) - few.min(axis=2)
    if float((colour >= _STRONG_COLOUR).mean()) < 0.5:
        return 0.0
    bins = np.asarray(few, np.int32) >> 4
    counts = np.bincount(((bins[..., 0] << 8) | (bins[..., 1] << 4) | bins[..., 2]).ravel(), minlength=4096)
    return float(np.sort(counts)[-_CARD_COLOURS:].sum()) / float(counts.sum())
