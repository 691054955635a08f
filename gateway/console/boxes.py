"""Boxes of MP4 (ISO/IEC 14496-12, 4.2): how long one is, and what is in it."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import GatewayError

#: The longest that a box with boxes in it may be; more is no footage of ours. Bytes.
MOST_HEADER = 1024 * 1024
#: The longest that the pictures of one fragment may be. Bytes.
MOST_MEDIA = 64 * 1024 * 1024

HEAD = 16  # so many bytes tell the size of any box


class BoxError(GatewayError):
    """These are no boxes of a fragmented MP4 as the recorder writes it."""


@dataclass(frozen=True, slots=True)
class Head:
    """A box's beginning: its type, how long its head is and how long it is as a whole. Bytes."""

    kind: bytes
    header: int
    size: int


def head_of(data: bytes) -> Head | None:
    """What box begins here; None where too few bytes are there to know. Raises BoxError (4.2)."""
    if len(data) < 8:
        return None
    size, kind = struct.unpack_from(">I4s", data)
    header = 8
    if size == 1:
        if len(data) < HEAD:
            return None
        (size,) = struct.unpack_from(">Q", data, 8)
        header = 16
    if size < header:
        raise BoxError(f"a box {kind!r} of {size} bytes")
    limit = MOST_MEDIA if kind == b"mdat" else MOST_HEADER
    if size > limit:
        raise BoxError(f"a box {kind!r} of {size} bytes: more than {limit}")
    return Head(kind, header, size)


def whole(data: bytes) -> Head:
    """The head of a box that is there as a whole. Raises BoxError."""
    head = head_of(data)
    if head is None or head.size != len(data):
        raise BoxError("a box that is not whole")
    return head


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, beginning of the contents and end of each box in there. Raises BoxError."""
    while start < end:
        head = head_of(data[start : start + HEAD])
        if head is None or start + head.size > end:
            raise BoxError("a box that reaches beyond the one it is in")
        yield head.kind, start + head.header, start + head.size
        start += head.size


def find(data: bytes, start: int, end: int, *path: bytes) -> tuple[int, int]:
    """Contents of the first box of that path. Raises BoxError."""
    for wanted in path:
        for kind, begin, finish in boxes(data, start, end):
            if kind == wanted:
                start, end = begin, finish
                break
        else:
            raise BoxError(f"a box {wanted!r} is missing")
    return start, end
