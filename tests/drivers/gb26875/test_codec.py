"""Frames: the golden ones, cut and joined and damaged, any bytes at all."""

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.gb26875.codec import (
    MAX_DATA,
    MAX_FRAME,
    Damage,
    Frame,
    StreamDecoder,
    decode_time,
    encode,
    encode_time,
)
from tests.drivers.gb26875.vectors import B3, CENTRE, DEVICE, WIRE

SHANGHAI = ZoneInfo("Asia/Shanghai")

frames = st.builds(
    Frame,
    serial=st.integers(0, 0xFFFF),
    version=st.integers(0, 0xFFFF),
    tag=st.binary(min_size=6, max_size=6),
    source=st.integers(0, (1 << 48) - 1),
    destination=st.integers(0, (1 << 48) - 1),
    command=st.integers(0, 255),
    data=st.binary(max_size=200) | st.just(b"##@@" * 50) | st.just(bytes(MAX_DATA)),
)


def decoded(*pieces: bytes) -> list[Frame | Damage]:
    decoder = StreamDecoder()
    return [found for piece in pieces for found in decoder.feed(piece)]


@pytest.mark.parametrize("name", WIRE)
def test_golden_frames_both_ways(name: str) -> None:
    """Each golden frame is one frame, and its values make its bytes again."""
    (frame,) = decoded(WIRE[name])

    assert isinstance(frame, Frame)
    assert encode(frame) == WIRE[name]


def test_fields_of_a_golden_frame() -> None:
    """Numbers have their lowest byte first; the time is binary, on the clock of the wall."""
    (frame,) = decoded(WIRE["A1"])

    assert isinstance(frame, Frame)
    assert (frame.serial, frame.version, frame.command) == (1, 0x0101, 2)
    assert (frame.source, frame.destination, len(frame.data)) == (DEVICE, CENTRE, 48)
    assert decode_time(frame.tag, SHANGHAI) == datetime(2012, 9, 26, 1, 58, 32, tzinfo=UTC)


def test_destination_of_six_bytes() -> None:
    """B1's destination 06 05 04 03 02 01 is 0x010203040506."""
    (frame,) = decoded(WIRE["B1"])

    assert isinstance(frame, Frame)
    assert (frame.source, frame.destination) == (0, 0x010203040506)


def test_wrong_checksum_is_damage() -> None:
    """B3 is B1 with another checksum: it is told once, with its header, and is no frame."""
    (damage,) = decoded(B3)

    assert isinstance(damage, Damage)
    assert "checksum" in damage.why
    assert damage.frame is not None
    assert (damage.frame.serial, damage.frame.destination) == (0, 0x010203040506)


@pytest.mark.parametrize("name", WIRE)
def test_cut_at_every_byte(name: str) -> None:
    """Wherever a frame is cut in two, it is the same frame, and so it is byte by byte."""
    wire = WIRE[name]
    whole = decoded(wire)

    assert all(decoded(wire[:at], wire[at:]) == whole for at in range(len(wire) + 1))
    assert decoded(*(bytes((byte,)) for byte in wire)) == whole


def test_all_joined() -> None:
    """One read may hold many frames: all come out, in order."""
    found = decoded(b"".join(WIRE.values()))

    assert [encode(frame) for frame in found if isinstance(frame, Frame)] == list(WIRE.values())


def test_start_and_end_within_data() -> None:
    """`23 23` and `40 40` inside a frame are data."""
    frame = Frame(serial=1, source=1, destination=2, command=2, tag=bytes(6), data=b"@@##" * 100)

    assert decoded(encode(frame)) == [frame]


@pytest.mark.parametrize(
    "garbage", [b"\x00", b"@", b"@@", b"##", b"GET / HTTP/1.1\r\n\r\n", b"@@@", WIRE["A1"][:20], bytes(3000)]
)
def test_garbage_in_front(garbage: bytes) -> None:
    """Whatever stands before good frames, they are found, at the latest by the fourth: a beginning may claim to be long."""
    found = decoded(garbage + WIRE["A4"] * 40)

    assert [frame for frame in found if isinstance(frame, Frame)][-1] == decoded(WIRE["A4"])[0]
    assert any(isinstance(thing, Damage) for thing in found)


@pytest.mark.parametrize("at", range(len(WIRE["A4"])))
def test_one_byte_damaged(at: int) -> None:
    """A frame with a wrong byte is never taken for another one, and the next frames are found."""
    bad = bytearray(WIRE["A4"])
    bad[at] ^= 0x55
    decoder = StreamDecoder()

    found = [*decoder.feed(bytes(bad) + WIRE["A1"]), *decoder.abandon()]

    assert [encode(frame) for frame in found if isinstance(frame, Frame)] == [WIRE["A1"]]
    assert any(isinstance(thing, Damage) for thing in found)


def test_two_damaged_frames_are_two() -> None:
    """Each of two damaged frames is told, once, so that each can be denied."""
    found = decoded(B3 + B3 + WIRE["A4"])

    assert [type(thing) for thing in found] == [Damage, Damage, Frame]


def test_too_long() -> None:
    """A frame that says it has more than 1024 bytes is not waited for."""
    head = bytearray(WIRE["A2"][:27])
    head[24:26] = (1025).to_bytes(2, "little")

    found = decoded(bytes(head))

    assert isinstance(found[0], Damage)
    assert "1025" in found[0].why
    assert found[0].frame is not None


def test_broken_off() -> None:
    """A frame whose rest does not come gives way to those behind its beginning."""
    decoder = StreamDecoder()
    begun = WIRE["A1"][:40]

    assert list(decoder.feed(begun + WIRE["A4"][:10])) == []
    found = list(decoder.abandon())

    assert isinstance(found[0], Damage)
    assert decoder.held == 0
    assert list(decoder.feed(WIRE["A4"])) == decoded(WIRE["A4"])


@given(frames)
def test_round_trip(frame: Frame) -> None:
    """Every frame comes back from its bytes."""
    assert decoded(encode(frame)) == [frame]


@given(st.lists(frames, max_size=5), st.randoms(use_true_random=False))
def test_round_trip_in_pieces(sent: list[Frame], dice: random.Random) -> None:
    """However the stream is cut, the same frames come out."""
    wire = b"".join(encode(frame) for frame in sent)
    cuts = sorted(dice.randint(0, len(wire)) for _ in range(6))

    assert decoded(*(wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True))) == sent


@given(st.lists(st.binary(max_size=3000) | st.just(b"@" * 3000) | st.just(WIRE["A1"]), max_size=5))
def test_any_bytes(pieces: list[bytes]) -> None:
    """No bytes raise, no bytes are held beyond two frames, and whatever is found stood in them."""
    decoder = StreamDecoder()
    for piece in pieces:
        for found in decoder.feed(piece):
            assert decoder.held <= 2 * MAX_FRAME
            if isinstance(found, Frame):
                assert encode(found) in b"".join(pieces)
        assert decoder.held < MAX_FRAME
    list(decoder.abandon())

    assert decoder.held == 0


def test_a_number_without_room() -> None:
    """What does not fit is refused, not cut."""
    with pytest.raises(ValueError, match="no room"):
        encode(Frame(serial=1 << 16, source=0, destination=0, command=0, tag=bytes(6)))
    with pytest.raises(ValueError, match="at most 1024"):
        encode(Frame(serial=1, source=0, destination=0, command=0, tag=bytes(6), data=bytes(MAX_DATA + 1)))


@given(st.binary(min_size=6, max_size=6))
def test_any_time(raw: bytes) -> None:
    """Six bytes are a moment or none; a moment gives the same bytes."""
    moment = decode_time(raw, SHANGHAI)

    if moment is not None and moment.year < 2100:
        assert encode_time(moment, SHANGHAI) == raw


@pytest.mark.parametrize(
    "raw", [bytes(6), b"\xff" * 6, bytes((0, 0, 24, 1, 1, 1)), bytes((0, 0, 0, 30, 2, 26))]
)
def test_impossible_times(raw: bytes) -> None:
    """A clock that was never set tells no time, and that is no error."""
    assert decode_time(raw, SHANGHAI) is None
