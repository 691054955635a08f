"""Frames out of a stream: golden ones, split and joined anywhere, damaged, and out of any noise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dc09.framing import KEPT_BYTES, MOST_BYTES, FrameStream, Garbage, crc16, wrap
from tests.drivers.dc09.vectors import ALL, CID_FIRE, CID_PANIC, NULL, body_of, framed

PIECES = st.lists(
    st.sampled_from([framed(vector) for vector in ALL]) | st.binary(max_size=40).map(lambda b: b"~" + b),
    max_size=8,
)


def bodies(stream: FrameStream, data: bytes) -> list[bytes]:
    return [found for found in stream.feed(data) if isinstance(found, bytes)]


def garbage(stream: FrameStream, data: bytes) -> list[str]:
    return [found.why for found in (*stream.feed(data), *stream.finish()) if isinstance(found, Garbage)]


@pytest.mark.parametrize("vector", ALL)
def test_golden_frames_both_ways(vector: str) -> None:
    """Each documented frame is found, and its body is wrapped into the very same bytes."""
    assert bodies(FrameStream(), framed(vector)) == [body_of(vector)]
    assert wrap(body_of(vector)) == framed(vector)


def test_crc_of_nothing() -> None:
    """The start value is 0."""
    assert crc16(b"") == 0


@pytest.mark.parametrize("at", range(len(framed(CID_PANIC) + framed(CID_FIRE))))
def test_split_anywhere(at: int) -> None:
    """Two frames cut in two at any byte are two frames, and nothing else."""
    data = framed(CID_PANIC) + framed(CID_FIRE)
    stream = FrameStream()

    found = [*stream.feed(data[:at]), *stream.feed(data[at:]), *stream.finish()]

    assert found == [body_of(CID_PANIC), body_of(CID_FIRE)]


def test_joined() -> None:
    """All vectors in one read are all found, in order, also byte by byte."""
    data = b"".join(framed(vector) for vector in ALL)
    expected = [body_of(vector) for vector in ALL]
    stream = FrameStream()

    assert bodies(FrameStream(), data) == expected
    assert [found for byte in data for found in stream.feed(bytes([byte]))] == expected


@given(pieces=PIECES, sizes=st.lists(st.integers(1, 50), min_size=1))
def test_splitting_makes_no_difference(pieces: list[bytes], sizes: list[int]) -> None:
    """However a stream of frames and noise is split, the same bodies are found."""
    data = b"".join(pieces)
    stream, found, at = FrameStream(), list[bytes](), 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        found += bodies(stream, data[at : at + size])
        at += size

    assert found == bodies(FrameStream(), data)


@given(
    chunks=st.lists(st.binary(max_size=6000) | st.sampled_from([b'\n00000FF0"', b'\n1234012"', b"\n", b"\r"]))
)
def test_any_bytes(chunks: list[bytes]) -> None:
    """Whatever comes, nothing is raised, no more than a frame is held, and whatever is found wraps into what came."""
    stream, sent = FrameStream(), b""
    for chunk in chunks:
        sent += chunk
        for found in stream.feed(chunk):
            if isinstance(found, bytes):
                assert wrap(found).upper() in sent.upper()
            else:
                assert len(found.data) <= KEPT_BYTES
        assert stream.held < MOST_BYTES
    list(stream.finish())
    assert stream.held == 0


@given(body=st.binary(max_size=MOST_BYTES - 11).map(lambda b: b'"' + b))
def test_round_trip(body: bytes) -> None:
    """Any body, line feeds and carriage returns within it, comes out as it went in."""
    assert bodies(FrameStream(), wrap(body)) == [body]


def test_body_that_is_too_long() -> None:
    """What would not be taken is not made."""
    with pytest.raises(ValueError, match="too long"):
        wrap(b'"' * MOST_BYTES)


def test_garbage_is_told_once_a_run() -> None:
    """Noise before, between and after good frames is told once each, however it is split; line ends are not noise."""
    stream = FrameStream()
    data = b"noise and more noise" + framed(NULL) + b"\r\n" + framed(NULL) + b"xx\nyy" + framed(NULL) + b"end"
    found = [thing for byte in data for thing in stream.feed(bytes([byte]))] + list(stream.finish())

    assert [type(thing) for thing in found] == [Garbage, bytes, bytes, Garbage, bytes, Garbage]


def test_damaged_frame() -> None:
    """A wrong CRC and a wrong length are told, and the next frame is found."""
    bad_crc = framed(CID_PANIC).replace(b"120", b"121")
    bad_length = framed(CID_PANIC).replace(b"003B", b"003A")
    too_long = framed(CID_PANIC).replace(b"003B", b"0FFF")

    for damaged in (bad_crc, bad_length, too_long):
        stream = FrameStream()
        found = [*stream.feed(damaged + framed(NULL))]
        assert isinstance(found[0], Garbage)
        assert found[-1] == body_of(NULL)
    assert garbage(FrameStream(), bad_crc) == ["the CRC of a frame is wrong"]


def test_length_that_promises_too_much() -> None:
    """A damaged length does not swallow the frames behind it: they are found as soon as they are complete."""
    stream = FrameStream()
    damaged = framed(CID_PANIC).replace(b"003B", b"0F3B")

    assert bodies(stream, damaged) == []
    assert bodies(stream, framed(NULL)) == [body_of(NULL)]


def test_many_beginnings() -> None:
    """Noise that looks like beginnings does not hide a frame."""
    noise = b'\n12340200"' * 300

    assert bodies(FrameStream(), noise + framed(NULL)) == [body_of(NULL)]


def test_half_a_frame_at_the_end() -> None:
    """A connection that ends in mid-frame leaves garbage, told at the end."""
    assert garbage(FrameStream(), framed(CID_PANIC)[:-1]) == ["it ends in the middle of a frame"]
