"""The frames on the pipe: what was said is what is heard, and nothing that is longer than agreed, or other."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.footage import Piece
from gateway.media import answers
from gateway.media.protocol import (
    MAX_BLOB,
    MAX_HEADER,
    PREFIX,
    Answer,
    Fields,
    Json,
    ProtocolError,
    Request,
    decode,
    decode_request,
    encode,
    encode_request,
    fields_of,
    lengths,
)
from tests.media.film import at

CLIP: Fields = {
    "path": "/c.mp4",
    "bytes": 4,
    "sha256": "ab" * 32,
    "intervals": [],
    "sources": [],
    "otherwise": [],
}


def test_a_request_comes_over_whole() -> None:
    """Pieces with their times to the microsecond, oldest first."""
    late = Piece(path=Path("/b 影.mp4"), start=at(4.000001), end=at(8), growing=True)
    early = Piece(path=Path("/a.mp4"), start=at(0), end=at(4))
    frame = encode_request(Request(7, "still", {"pieces": [fields_of(late), fields_of(early)]}))
    header, blob = lengths(frame[:PREFIX])
    request = decode_request(frame[PREFIX:])
    assert (header, blob) == (len(frame) - PREFIX, 0)
    assert (request.number, request.operation) == (7, "still")
    assert request.pieces() == [early, late]


def test_two_hours_in_the_shortest_pieces_fit() -> None:
    """1440 pieces in the folders of a library: the request is no longer than a header may be."""
    path = (
        Path("/var/lib/campus-gateway/footage/library")
        / "camera-north-entrance"
        / "2026-03-01"
        / "1772352000000.mp4"
    )
    pieces = [Piece(path=path, start=at(n * 5.000001), end=at(n * 5 + 5.000001)) for n in range(1440)]
    assert encode_request(Request(1, "clip", {"pieces": [fields_of(piece) for piece in pieces]}))


def test_what_is_too_long_is_not_sent() -> None:
    """A header of more than 1 MiB, a picture of more than 16 MiB."""
    with pytest.raises(ProtocolError):
        encode({"text": "x" * MAX_HEADER})
    with pytest.raises(ProtocolError):
        encode({}, bytes(MAX_BLOB + 1))


@given(st.binary(min_size=PREFIX, max_size=PREFIX))
def test_no_prefix_makes_us_read_more_than_agreed(prefix: bytes) -> None:
    """Whatever twelve bytes come: lengths within the limits, or an error."""
    try:
        header, blob = lengths(prefix)
    except ProtocolError:
        return
    assert header <= MAX_HEADER
    assert blob <= MAX_BLOB


@given(st.binary(max_size=200))
def test_no_header_makes_more_than_an_error(data: bytes) -> None:
    """Whatever bytes a header has, it is an object or a ProtocolError."""
    try:
        assert isinstance(decode(data), dict)
    except ProtocolError:
        return


@pytest.mark.parametrize(
    "wrong",
    [
        {"bytes": -1},
        {"bytes": "4"},
        {"bytes": True},
        {"sha256": "zz" * 32},
        {"sha256": "ab"},
        {"intervals": [1]},
        {"intervals": {}},
        {"otherwise": {}},
        {"intervals": [{"start": "yesterday", "end": "now"}]},
        {"intervals": [{"start": "2026-03-01T08:00:00", "end": "2026-03-01T08:00:00"}]},
        {"path": 4},
        {"sources": [{"path": "/a.mp4"}]},
    ],
)
def test_an_answer_is_checked(wrong: dict[str, Json]) -> None:
    """A field that is missing, of another type or senseless makes the whole answer rubbish."""
    answers.clip(Answer(CLIP))
    with pytest.raises(ProtocolError):
        answers.clip(Answer({**CLIP, **wrong}))


def test_a_still_without_a_jpeg_is_rubbish() -> None:
    """What is shown to a guard begins at least as a JPEG does."""
    with pytest.raises(ProtocolError):
        answers.still(Answer({"at": at(0).isoformat(), "width": 1, "height": 1}, b"<html>"))
