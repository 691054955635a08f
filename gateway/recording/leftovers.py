"""Files that a recorder left in the spool: read as far as they go, kept whatever they are."""

import logging
from collections.abc import Iterator
from pathlib import Path

import av

from gateway.recording.names import free_name, start_ms_of
from gateway.recording.protocol import Recovered, Unreadable

logger = logging.getLogger(__name__)

# The header of a file that has no picture yet is about a kilobyte; whatever is longer is kept.
_EMPTY_BYTES = 64 * 1024
_HEADER_BOXES = frozenset({b"ftyp", b"moov", b"free", b"mfra"})
# The library relies on it that no segment is longer than a day.
_LONGEST_S = 86_400.0


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
        start_ms = start_ms_of(path)
        return Recovered(
            camera=camera, path=str(path), start_ms=start_ms, end_ms=start_ms + round(_seconds(path) * 1000)
        )
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    except FileNotFoundError:
        return None  # the disk failed before there was a file
    except OSError as error:
        return Unreadable(camera=camera, path=str(path), reason=f"{error.strerror}; left where it is")
    except (
        Exception
    ) as error:  # a C library reads damaged bytes: no file, whatever it raises, may end all recording
        logger.warning("%s: reading it failed in an unexpected way", path, exc_info=error)
        reason = f"{type(error).__name__}: {error}"
    return set_aside(path, camera, unreadable, reason)


def _is_empty(path: Path) -> bool:
    """Whether the file is nothing but a sound header (ISO/IEC 14496-12, 4.2: boxes), or has no byte at all."""
    if path.stat().st_size >= _EMPTY_BYTES:
        return False
    data = path.read_bytes()
    if b"moof" in data or b"mdat" in data:
        return False
    boxes, at = [], 0
    while at < len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if name not in _HEADER_BOXES or size < 8 or at + size > len(data):
            return False
        boxes.append(name)
        at += size
    return not boxes or boxes[:2] == [b"ftyp", b"moov"]


def _seconds(path: Path) -> float:
    """How long the readable pictures last. Raises av.FFmpegError or ValueError if there are none."""
    with av.open(str(path), "r") as container:
        if not container.streams.video:
            raise ValueError("no video in it")
        stream = container.streams.video[0]
        end = max((dts + duration for dts, duration in _readable(container, stream)), default=0)
        time_base = stream.time_base
    if end <= 0 or time_base is None:
        raise ValueError("no picture can be read")
    seconds = float(end * time_base)
    if not 0.001 <= seconds <= _LONGEST_S:
        raise ValueError(f"its stamps say that it lasts {seconds:.4g} s")
    return seconds


def _readable(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[tuple[int, int]]:
    """Stamp and duration of each packet, up to where the file breaks off."""
    try:
        for packet in container.demux(stream):
            if packet.size and packet.dts is not None:
                yield packet.dts, packet.duration or 0
    except av.FFmpegError as error:
        logger.info("%s breaks off: %s", container.name, error.strerror)


def set_aside(path: Path, camera: str, unreadable: Path, reason: str) -> Unreadable:
    """Move a file that is not to be read (again) to the folder `unreadable`; one that can't be moved stays."""
    try:
        unreadable.mkdir(parents=True, exist_ok=True)
        kept = path.rename(free_name(unreadable, path.stem))
    except OSError as error:
        logger.warning("%s can't be set aside: %s", path, error.strerror)
        kept = path
    return Unreadable(camera=camera, path=str(kept), reason=reason)
