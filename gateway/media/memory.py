"""The references of one camera on disk, so that a restart does not forget where it looked."""

import io
import logging
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from gateway.media.reference import Reference

logger = logging.getLogger(__name__)

#: Lights that a scene is remembered in: day, night, dusk, lamps.
MOST = 4
_QUALITY = 92


class Memory:
    """One file. Who removes it makes the camera forget, and learn anew from its next picture."""

    def __init__(self, directory: Path, camera: str) -> None:
        self._path = directory / f"{camera}.npz"
        self._directory = directory

    @property
    def exists(self) -> bool:
        """Whether anything is remembered."""
        return self._path.exists()

    def load(self) -> list[Reference]:
        """What was saved; nothing, with a warning, if it can't be read."""
        try:
            content = io.BytesIO(self._path.read_bytes())
            with np.load(content, allow_pickle=False) as saved:
                count = min(MOST, int(saved["count"]))
                return [_reference(saved[f"picture{n}"], saved[f"weight{n}"]) for n in range(count)]
        except FileNotFoundError:
            return []
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, cv2.error) as error:
            logger.warning("%s: the reference can't be read and is learned anew: %s", self._path, error)
            return []

    def save(self, references: Sequence[Reference]) -> None:
        """Whole or not at all: written aside, synced, renamed. Raises OSError."""
        arrays: dict[str, np.ndarray] = {"count": np.array(len(references))}
        for number, reference in enumerate(references):
            arrays[f"picture{number}"] = np.frombuffer(jpeg_of(reference.picture, _QUALITY), np.uint8)
            arrays[f"weight{number}"] = reference.weight
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        self._directory.mkdir(parents=True, exist_ok=True)
        aside = self._path.with_suffix(".new")
        with aside.open("wb") as file:
            file.write(content.getvalue())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path)


def jpeg_of(picture: np.ndarray, quality: int) -> bytes:
    """A picture as JPEG; quality 0 to 100."""
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(coded)


def _reference(coded: np.ndarray, weight: np.ndarray) -> Reference:
    picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("no picture in it")
    reference = Reference(np.asarray(picture, np.uint8))
    if weight.shape != reference.weight.shape or not np.isfinite(weight).all():
        raise ValueError(f"weights of shape {weight.shape}")
    reference.weight = np.clip(weight, 0, 1).astype(np.float32)
    return reference
