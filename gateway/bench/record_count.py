"""Counts the packets of video in files, in a process of its own: it loads PyAV."""

import sys
from collections.abc import Sequence
from pathlib import Path


def count(folder: Path) -> int:
    """The packets of all MP4 files of a folder."""
    import av  # noqa: PLC0415 - for this process alone

    total = 0
    for path in sorted(folder.glob("*.mp4")):
        with av.open(str(path), "r") as container:
            total += sum(1 for packet in container.demux(video=0) if packet.size)
    return total


def main(arguments: Sequence[str]) -> int:
    """One number a line, for each folder."""
    for folder in arguments:
        sys.stdout.write(f"{count(Path(folder))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
