"""Files that a recorder left in the spool: read as far as they go, kept whatever they are."""

import logging
from collections.abc import Iterator
from pathlib import Path

import av

from gateway.recording.protocol import Recovered, Unreadable

logger = logging.getLogger(__name__)

_LOOK_BYTES = 64 * 1024


def leftovers(spool: Path) -> list[tuple[str, Path]]:
    """The files of all cameras in the spool, with their camera, oldest first. Raises OSError."""
    return sorted(
        (folder.name, path) for folder in spool.iterdir() if folder.is_dir() for path in folder.glob("*.mp4")
    )


def recover(path: Path, camera: str, unreadable: Path) -> Recovered | Unreadable | None:
    """What is in the file. One that can't be read is moved to the folder `unreadable`, never deleted.

    None for a file that ended before its first second of pictures was written: it is removed, and that is logged.
    """
    try:
        if _is_empty(path):
            logger.info("%s ended before its first picture was written: removed", path)
            path.unlink()
            return None
        start_ms = int(path.stem.split("-")[0])
        return Recovered(
            camera=camera, path=str(path), start_ms=start_ms, end_ms=start_ms + round(_seconds(path) * 1000)
        )
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    except FileNotFoundError:
        return None  # the disk failed before there was a file
    except OSError as error:
        return Unreadable(camera=camera, path=str(path), reason=f"{error.strerror}; left where it is")
    return _set_aside(path, camera, unreadable, reason)


def _is_empty(path: Path) -> bool:
    """Whether the file has no fragment; its header is far shorter than what is looked at."""
    with path.open("rb") as file:
        return b"moof" not in file.read(_LOOK_BYTES)


def _seconds(path: Path) -> float:
    """How long the readable pictures last. Raises av.FFmpegError if there are none."""
    with av.open(str(path), "r") as container:
        stream = container.streams.video[0]
        end = max((dts + duration for dts, duration in _readable(container, stream)), default=0)
        assert stream.time_base is not None
    if end <= 0:
        raise ValueError("no picture can be read")
    return float(end * stream.time_base)


def _readable(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[tuple[int, int]]:
    """Stamp and duration of each packet, up to where the file breaks off."""
    try:
        for packet in container.demux(stream):
            if packet.size and packet.dts is not None:
                yield packet.dts, packet.duration or 0
    except av.FFmpegError as error:
        logger.info("%s breaks off: %s", container.name, error.strerror)


def _set_aside(path: Path, camera: str, unreadable: Path, reason: str) -> Unreadable:
    try:
        unreadable.mkdir(parents=True, exist_ok=True)
        kept = path.rename(unreadable / path.name)
    except OSError as error:
        logger.warning("%s can't be set aside: %s", path, error.strerror)
        kept = path
    return Unreadable(camera=camera, path=str(kept), reason=reason)
