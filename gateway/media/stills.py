"""A still: the picture nearest to a moment, as JPEG."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import cv2
from av.video.frame import VideoFrame

from gateway.clock import SystemClock
from gateway.footage import Piece
from gateway.media.films import opened
from gateway.media.frames import bgr, pictures
from gateway.media.protocol import MAX_BLOB, Answer, ProtocolError, Request
from gateway.media.values import MediaDown, MediaRefused

#: At most so many pictures are decoded, for so many seconds; then the nearest of them is the still.
MAX_PICTURES, MAX_S = 400, 5.0

_QUALITY = 85
_LEAD_S = 10.0  # no camera's key frames should be further apart
_CLOCK = SystemClock()

_Found = tuple[VideoFrame, datetime]


def still(request: Request) -> Answer:
    """The operation. Raises MediaRefused, MediaDown, ProtocolError, OSError."""
    width = request.fields.get("width")
    if width is not None and (not isinstance(width, int) or width < 1):
        raise ProtocolError(f"width: {width!r} is none")
    frame, at = _nearest(request.pieces(), request.moment("at"))
    picture = bgr(frame, width)
    coded, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    data = jpeg.tobytes()
    if not coded or len(data) > MAX_BLOB:
        raise MediaRefused(
            f"a picture of {picture.shape[1]} x {picture.shape[0]} makes no JPEG that can be sent"
        )
    return Answer(
        {"at": at.isoformat(), "width": picture.shape[1], "height": picture.shape[0]},
        data,
    )


def _nearest(pieces: Sequence[Piece], at: datetime) -> _Found:
    """From the newest readable piece that began at or before the moment, or the oldest after it if that is nearer."""
    deadline = _CLOCK.monotonic() + MAX_S
    best: _Found | None = None
    failure: Exception = MediaRefused("no footage to take a picture from")
    early = [piece for piece in reversed(pieces) if piece.start <= at]
    late = [piece for piece in pieces if piece.start > at]
    for side in (early, late):
        for piece in side:
            if best is not None and abs(piece.start - at) >= abs(best[1] - at):
                break
            try:
                found = _nearest_in(piece, at, deadline)
            except (MediaDown, MediaRefused) as error:
                failure = error
                continue
            best = _nearer(best, found, at)
            break
    if best is None:
        raise failure
    return best


def _nearest_in(piece: Piece, at: datetime, deadline: float) -> _Found:
    """Of one piece. Where what leads up to the moment is damaged, the pictures before that are tried, too."""
    since_s = max(0.0, (at - piece.start).total_seconds())
    found = _decode_to(piece, at, since_s, deadline)
    if since_s and (found is None or found[1] > at):
        found = _nearer(found, _decode_to(piece, at, max(0.0, since_s - _LEAD_S), deadline), at)
    if found is None:
        raise MediaRefused(f"{piece.path.name}: no picture near {at:%H:%M:%S} can be decoded")
    return found


def _decode_to(piece: Piece, at: datetime, since_s: float, deadline: float) -> _Found | None:
    best: _Found | None = None
    with opened(piece, since_s) as film:
        for count, frame in enumerate(pictures(film), 1):
            assert frame.pts is not None
            moment = piece.start + timedelta(seconds=film.offset(frame.pts))
            best = _nearer(best, (frame, moment), at)
            if moment >= at or count >= MAX_PICTURES or _CLOCK.monotonic() > deadline:
                break
    return best


def _nearer(one: _Found | None, other: _Found | None, at: datetime) -> _Found | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda found: abs(found[1] - at))
