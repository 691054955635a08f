"""A clip: what lies between two moments, copied without decoding into one seekable MP4."""

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from gateway.footage import Piece
from gateway.media.boxes import View
from gateway.media.films import opened
from gateway.media.joiner import Joiner, Shape, TooLong
from gateway.media.protocol import Answer, Fields, Request
from gateway.media.values import MediaDown, MediaRefused, part_of

logger = logging.getLogger(__name__)

#: The longest clip, and the most bytes of pictures in one.
MAX_LENGTH, MAX_BYTES = timedelta(hours=2), 4 * 1024**3

#: Less than this between two pieces is a late packet, not a hole: a recorder names the start of a file by its arrival.
HOLE = timedelta(seconds=0.5)

_CHUNK = 1024 * 1024

Interval = tuple[datetime, datetime]


class _CodedOtherwise(Exception):  # noqa: N818 - no error
    """One MP4 stream has one description: this piece needs another."""


@dataclass(frozen=True, slots=True)
class _Used:
    """A piece that gave pictures, what of it is in the clip, and the bytes that were read."""

    piece: Piece
    shown: Interval
    bytes: int
    sha256: str


def clip(request: Request) -> Answer:
    """The operation. Raises MediaRefused, MediaDown, ProtocolError, OSError."""
    start, end, target = request.moment("start"), request.moment("end"), request.path("target")
    if not timedelta(0) < end - start <= MAX_LENGTH:
        raise TooLong(f"a clip from {start:%H:%M:%S} lasts until after it, and two hours at most")
    pieces = [
        piece for piece in request.pieces() if piece.start < end and (piece.end > start or piece.growing)
    ]
    part = part_of(target)
    try:
        used, otherwise = _write(pieces, (start, end), request.moment("about"), part)
        with part.open("rb") as written:
            size, sha256 = _hash(written)
            os.fsync(written.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent)
    return Answer(
        {
            "path": str(target),
            "bytes": size,
            "sha256": sha256,
            "intervals": [_interval(*shown) for shown in joined(one.shown for one in used)],
            "otherwise": [_interval(*left) for left in joined(otherwise)],
            "sources": [_source(one) for one in used],
        }
    )


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals, in order, without the gaps that are no holes."""
    found: list[Interval] = []
    for start, end in intervals:
        if found and start - found[-1][1] <= HOLE:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _write(
    pieces: Sequence[Piece], wanted: Interval, about: datetime, part: Path
) -> tuple[list[_Used], list[Interval]]:
    """Copy what fits together; also the time of what does not. Raises MediaRefused if nothing can be copied."""
    start, end = wanted
    used: list[_Used] = []
    otherwise: list[Interval] = []
    with opened(_chosen(pieces, wanted, about), 0) as film:
        shape = Shape.of(film)
        with Joiner(part, film, most_bytes=MAX_BYTES) as joiner:
            for piece in pieces:
                try:
                    if one := _add(joiner, piece, shape, start, end):
                        used.append(one)
                except _CodedOtherwise:
                    logger.info("%s is coded in another way: left out of the clip", piece.path)
                    otherwise += _overlap((piece.start, piece.end), wanted)
    if not used:
        raise MediaRefused(f"no picture from {start:%H:%M:%S} to {end:%H:%M:%S} can be read")
    return used, otherwise


def _chosen(pieces: Sequence[Piece], wanted: Interval, about: datetime) -> Piece:
    """Whose stream the clip has: that of the moment the clip is about. If it is damaged, the next nearest."""
    failure: Exception = MediaRefused(f"no footage from {wanted[0]:%H:%M:%S} to {wanted[1]:%H:%M:%S}")
    for piece in sorted(pieces, key=lambda piece: _distance(piece, about)):
        try:
            with opened(piece, 0):
                return piece
        except (MediaDown, MediaRefused) as error:
            failure = error
    raise failure


def _add(joiner: Joiner, piece: Piece, shape: Shape, start: datetime, end: datetime) -> _Used | None:
    """Append a piece; None, and said in the log, if nothing in it can be read. Raises _CodedOtherwise."""
    start_s, end_s = (start - piece.start).total_seconds(), (end - piece.start).total_seconds()
    try:
        with opened(piece, max(0.0, start_s)) as film:
            if Shape.of(film) != shape:
                raise _CodedOtherwise
            shown = joiner.add(film, start_s, end_s)
            if shown is None:
                return None
            size, sha256 = _hash(film.fragments.prefix(growing=piece.growing))
    except TooLong:
        raise
    except (MediaDown, MediaRefused) as error:
        logger.info("%s is left out of the clip: %s", piece.path, error)
        return None
    first, last = (piece.start + timedelta(seconds=offset) for offset in shown)
    return _Used(piece, (first, last), size, sha256)


def _overlap(first: Interval, second: Interval) -> list[Interval]:
    """What two intervals share, if anything."""
    start, end = max(first[0], second[0]), min(first[1], second[1])
    return [(start, end)] if start < end else []


def _distance(piece: Piece, moment: datetime) -> timedelta:
    if piece.start <= moment and (moment < piece.end or piece.growing):
        return timedelta(0)
    return min(abs(piece.start - moment), abs(piece.end - moment))


def _hash(file: IO[bytes] | View) -> tuple[int, str]:
    """How long it is, and its SHA-256."""
    size, digest = 0, hashlib.sha256()
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _interval(start: datetime, end: datetime) -> Fields:
    return {"start": start.isoformat(), "end": end.isoformat()}


def _source(used: _Used) -> Fields:
    return {
        "path": str(used.piece.path),
        **_interval(used.piece.start, used.piece.end),
        "bytes": used.bytes,
        "sha256": used.sha256,
    }
