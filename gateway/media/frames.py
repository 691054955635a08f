"""The pictures of footage, decoded. Only in the media process."""

from collections.abc import Iterator

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from gateway.footage import Piece
from gateway.media.films import Film, opened, video_packets
from gateway.media.values import MediaRefused

# OpenCV would start a thread for each core: 16 cameras must cost one core's share, not all of them.
cv2.setNumThreads(1)


def pictures(film: Film, *, keys_only: bool = False) -> Iterator[VideoFrame]:
    """The pictures in their order. After one that can't be decoded, those up to the next key frame are left out."""
    context, spoilt = film.video.codec_context, True
    for packet in video_packets(film):
        if keys_only and not packet.is_keyframe:
            continue
        spoilt = spoilt and not packet.is_keyframe
        if spoilt:
            continue
        try:
            yield from _sound(context.decode(packet))
        except av.FFmpegError:
            context.flush_buffers()
            spoilt = True
    if not spoilt:
        try:
            yield from _sound(context.decode(None))
        except av.FFmpegError:
            return


def _sound(frames: list[VideoFrame]) -> Iterator[VideoFrame]:
    return (frame for frame in frames if frame.pts is not None and not frame.is_corrupt)


def newest_key_frame(piece: Piece) -> tuple[NDArray[np.uint8], float]:
    """The newest key frame of a file, blue-green-red, and how many seconds after the file's start it came.

    Only the end of the file is read. Raises like `opened`, and MediaRefused if that picture can't be decoded.
    """
    newest: VideoFrame | None = None
    with opened(piece) as film:
        for frame in pictures(film, keys_only=True):
            newest = frame
        if newest is None or newest.pts is None:
            raise MediaRefused(f"{piece.path.name}: its newest key frame can't be decoded")
        return bgr(newest), film.offset(newest.pts)


def bgr(frame: VideoFrame, width: int | None = None) -> NDArray[np.uint8]:
    """The picture as (height, width, 3), blue-green-red, scaled down to `width` if it is wider."""
    if width is None or width >= frame.width:
        return frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
    height = max(1, round(frame.height * width / frame.width))
    return frame.to_ndarray(width=width, height=height, format="bgr24").astype(np.uint8, copy=False)
