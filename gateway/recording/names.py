"""A name for a file of footage that no other file in its folder has."""

from pathlib import Path


def free_name(folder: Path, stem: str) -> Path:
    """`{stem}.mp4` in the folder, or, where that is taken, `{stem}-2.mp4` and so on. Raises OSError.

    Nothing keeps the name: it is for folders in which only the caller makes files.
    """
    path, count = folder / f"{stem}.mp4", 1
    while path.exists():
        count += 1
        path = folder / f"{stem}-{count}.mp4"
    return path
