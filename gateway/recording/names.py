"""Names of files of footage: one that no other file in its folder has, and what the name of a file in the spool says."""

from pathlib import Path

_LATEST_MS = 253_000_000_000_000  # in the year 9987: what is later has no date


def start_ms_of(spooled: Path) -> int:
    """When the first picture of a file in the spool came, milliseconds since 1970. Raises ValueError for another's file."""
    start_ms = int(spooled.stem.split("-")[0])
    if not 0 <= start_ms <= _LATEST_MS:
        raise ValueError(f"{start_ms} is no time of recording")
    return start_ms


def free_name(folder: Path, stem: str) -> Path:
    """`{stem}.mp4` in the folder, or, where that is taken, `{stem}-2.mp4` and so on. Raises OSError.

    Nothing keeps the name: it is for folders in which only the caller makes files.
    """
    path, count = folder / f"{stem}.mp4", 1
    while path.exists():
        count += 1
        path = folder / f"{stem}-{count}.mp4"
    return path
