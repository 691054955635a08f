"""Bodies and contents: golden ones both ways, encrypted ones against a library that is not ours, and any others."""

import logging
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from siadc09.account import Account
from siadc09.message import Message as OracleMessage
from siadc09.message import parse_frame, parse_siadcs

from drivers.dc09.codec import (
    PAD_ENDS,
    Content,
    Unreadable,
    acknowledge,
    cannot_process,
    pad_length,
    parse,
    parse_content,
    parse_key,
    parse_stamp,
    refuse_time,
    seal,
    stamp,
    unseal,
    without_keys,
)
from drivers.dc09.framing import wrap
from tests.drivers.dc09.vectors import (
    ACK,
    ALL,
    CID_PANIC,
    DUH,
    KEY,
    NAK,
    NULL,
    NULL_ENCRYPTED,
    NULL_PUBLISHED,
    SIA_DOCUMENTED,
    SIA_ENCRYPTED,
    SIA_PANIC,
    body_of,
    framed,
)

MIDNIGHT = datetime(2026, 9, 1, tzinfo=UTC)
PAD = b"0123456789ABCDEF"
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001 - made aware here
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
PLAIN = st.binary(max_size=60).map(lambda raw: raw.translate(None, b"[]|_"))
CONTENTS = st.builds(
    Content,
    data=st.just(b"") | PLAIN.map(lambda raw: b"#1234|" + raw),
    extensions=st.lists(st.tuples(st.sampled_from("ACHIMV"), PLAIN), max_size=3).map(tuple),
    at=MOMENTS,
)


@pytest.mark.parametrize("vector", ALL)
def test_golden_bodies_both_ways(vector: str) -> None:
    """Each documented body is taken apart and put together again byte for byte."""
    assert parse(body_of(vector)).body == body_of(vector)


def test_published_message() -> None:
    """The parts of the documented SIA-DCS message."""
    frame = parse(body_of(SIA_DOCUMENTED))
    content = parse_content(frame.content)

    assert (frame.token, frame.encrypted, frame.sequence) == ("SIA-DCS", False, "9876")
    assert (frame.receiver, frame.line, frame.account) == ("R579BDF", "L789ABC", "123456A")
    assert content == Content(data=b"#123456A|NFA129", extensions=(("M", b"1234567890AB"),))
    assert content.encoded == frame.content


def test_published_supervision() -> None:
    """The parts of the published NULL, and its time, which is UTC and has the month first."""
    frame = parse(body_of(NULL_PUBLISHED))

    assert (frame.receiver, frame.line, frame.account) == ("R1234", "L6789", "000000")
    assert parse_content(frame.content).at == datetime(2015, 12, 9, 17, 24, 14, tzinfo=UTC)


def test_golden_decryption() -> None:
    """The published encrypted NULL and the computed message say what their documents say."""
    null, message = (parse(body_of(vector)) for vector in (NULL_ENCRYPTED, SIA_ENCRYPTED))

    assert unseal(KEY, null.content) == b"]_03:07:43,09-22-2026"
    assert unseal(KEY, message.content) == b"#1234|NPA1]_00:00:00,09-01-2026"
    assert null.encrypted
    assert parse_content(unseal(KEY, message.content)).at == MIDNIGHT


def test_golden_encryption() -> None:
    """With the pad of the computed vector the same frame is made."""
    frame = parse(body_of(SIA_ENCRYPTED))
    content = b"#1234|NPA1]_00:00:00,09-01-2026"

    assert pad_length(content) == len(PAD)
    assert wrap(frame.head + seal(KEY, content, PAD)) == framed(SIA_ENCRYPTED)


def test_golden_answers() -> None:
    """ACK, DUH and NAK are those of the documents."""
    frame = parse(body_of(SIA_PANIC))

    assert acknowledge(frame, key=None, pad=b"", now=MIDNIGHT) == framed(ACK)
    assert cannot_process(frame) == framed(DUH)
    assert refuse_time(MIDNIGHT) == framed(NAK)


def test_answers_echo_what_they_answer() -> None:
    """Sequence, receiver, line and account come back as they were written."""
    answer = acknowledge(parse(body_of(SIA_DOCUMENTED)), key=None, pad=b"", now=MIDNIGHT)

    assert b'"ACK"9876R579BDFL789ABC#123456A[]\r' in answer


def test_encrypted_acknowledgement_is_read_by_another_library() -> None:
    """What is asked encrypted is acknowledged encrypted, with our time; siadc09 reads it."""
    answer = acknowledge(parse(body_of(SIA_ENCRYPTED)), key=KEY, pad=b"x" * 32, now=MIDNIGHT)
    read = parse_frame(answer, KEY)

    assert b'"*ACK"0002L0#1234[' in answer
    assert (read.idtoken, read.seq, read.timestamp) == ("ACK", 2, MIDNIGHT)


@pytest.mark.parametrize("bits", [128, 192, 256])
@pytest.mark.parametrize("data", [b"#1234|NPA1", b"#1234|NFA129/TA3"])
def test_messages_of_another_library(bits: int, data: bytes) -> None:
    """What siadc09 encrypts with a key of each length is read here, and what is sealed here it reads."""
    logging.getLogger("siadc09").setLevel(logging.WARNING)
    key = bytes(range(bits // 8))
    account = Account(acct=0x1234, key=key)
    config = {
        "idtoken": "SIA-DCS",
        "seqno": 7,
        "data": parse_siadcs(data),
        "timestamp": MIDNIGHT,
    }
    theirs = OracleMessage(account, config=config).encode()
    frame = parse(theirs[9:-1])
    content = unseal(key, frame.content)

    assert parse_content(content).data == data
    assert parse_content(content).at == MIDNIGHT
    pad = b"p" * pad_length(content)
    ours = parse_frame(wrap(frame.head + seal(key, content, pad)), key)
    assert ours.timestamp == MIDNIGHT
    assert ours.data.pack(brackets=False) == data


@given(content=CONTENTS)
def test_contents_round_trip(content: Content) -> None:
    """Any content comes out as it went in, in clear and encrypted."""
    pad = b"Z" * pad_length(content.encoded)

    assert parse_content(content.encoded) == content
    assert unseal(KEY, seal(KEY, content.encoded, pad)) == content.encoded


@given(raw=st.binary(min_size=31, max_size=31))
def test_any_pad(raw: bytes) -> None:
    """A pad is any bytes but those that end it."""
    pad = raw.translate(bytes(0x2E if byte in PAD_ENDS else byte for byte in range(256)))
    content = b"#1234|NPA1]_00:00:00,09-01-2026"

    assert unseal(KEY, seal(KEY, content, pad[: pad_length(content)])) == content


@given(raw=st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    """Whatever is no body, no content, or not of our key is Unreadable, and nothing worse."""
    for read in (parse, parse_content, lambda data: unseal(KEY, data)):
        with suppress(Unreadable):
            read(raw)


@given(blocks=st.binary(min_size=16, max_size=320).filter(lambda raw: len(raw) % 16 == 0))
def test_wrong_key(blocks: bytes) -> None:
    """What another key has encrypted is not taken for a message."""
    with pytest.raises(Unreadable, match="can't be decrypted"):
        unseal(KEY, blocks.hex().encode())


@given(at=MOMENTS)
def test_times_round_trip(at: datetime) -> None:
    """A time is read as it was written."""
    assert parse_stamp(stamp(at)) == at


@pytest.mark.parametrize("text", [b"", b"24:00:00,01-01-2026", b"00:00:00,13-01-2026", b"0:0:0,1-1-2026"])
def test_times_that_are_none(text: bytes) -> None:
    """What is no time is none."""
    assert parse_stamp(text) is None


@pytest.mark.parametrize("digits", [0, 31, 33, 47, 63, 65])
def test_keys_that_are_none(digits: int) -> None:
    """A key of another length is refused in words that show none of it."""
    with pytest.raises(ValueError, match="32, 48 or 64") as caught:
        parse_key("a7" * digits)
    assert "a7a7" not in str(caught.value)


def test_key_extensions_are_dropped() -> None:
    """A key that a panel sends is never parsed, and not kept."""
    content = b"#1234|NPA1][K00112233445566778899AABBCCDDEEFF][M01]_00:00:00,09-01-2026"

    assert parse_content(content).extensions == (("M", b"01"),)
    assert b"0011" not in without_keys(content)


@pytest.mark.parametrize("vector", [CID_PANIC, NULL, ACK])
def test_vectors_are_read_by_the_oracle(vector: str) -> None:
    """The oracle agrees about what the frames are."""
    assert parse_frame(framed(vector)).idtoken == parse(body_of(vector)).token
