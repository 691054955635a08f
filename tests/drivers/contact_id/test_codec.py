"""The receiver's messages: golden bytes of the manuals, every split, and what is no message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contact_id.codec import (
    LONGEST,
    ContactId,
    Frame,
    Framer,
    Heartbeat,
    Other,
    Sia,
    account_of,
    parse,
)
from tests.fuzz.fuzz_contact_id import one_input

#: MLR2-E installation manual p. 42: account 1234, duress, group 01, zone 001, receiver 01, line 1.
DURESS = bytes.fromhex("35 30 31 31 20 31 38 31 32 33 34 45 31 32 31 30 31 30 30 31 14")

#: MLR2-DG manual p. 43.
HEARTBEAT = b"1011" + b" " * 11 + b"@" + b" " * 4 + b"\x14"
PARTIAL_ARMING = b"1011      0012 C1128\x14"


def test_contact_id_of_the_manual() -> None:
    """The manual's example has the fields that the manual says."""
    assert parse(DURESS[:-1]) == ContactId(
        receiver="01", line="1", account="1234", qualifier="E", code="121", group="01", number="001"
    )


def test_heartbeat_of_the_manual() -> None:
    """The heartbeat is one, also in the newer form with a line of three digits."""
    assert parse(HEARTBEAT[:-1]) == Heartbeat("01", "1")
    assert parse(b"101000           @    ") == Heartbeat("01", "000")


def test_basic_of_the_manual() -> None:
    """A basic message has an account, and no meaning that could be known here."""
    assert parse(PARTIAL_ARMING[:-1]) == Other(receiver="01", line="1", account="0012")


@pytest.mark.parametrize(
    ("text", "account", "code", "number"),
    [
        ("3011      1234PA0001", "1234", "PA", "0001"),  # two leading spaces: six places
        ("3011    123456FA12", "123456", "FA", "12"),
        ("3011      1234RP", "1234", "RP", ""),
        ("301003      1234BA   7", "1234", "BA", "7"),
    ],
)
def test_sia(text: str, account: str, code: str, number: str) -> None:
    """SIA, protocol 1 (MLR2-DG p. 43): six places for the account, filled with spaces, then code and number."""
    said = parse(text.encode())

    assert isinstance(said, Sia)
    assert (said.account, said.code, said.number) == (account, code, number)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x" + DURESS[:-1],
        DURESS[:-2],
        DURESS[:-1] + b"1",
        DURESS[:-1].replace(b"E", b"X"),
        DURESS[:-1].replace(b" 18", b"\xa018"),
        b"5011 17" + DURESS[7:-1],
        b"\xb5" + DURESS[1:-1],
        b"@",
        b"hello",
    ],
)
def test_damaged(data: bytes) -> None:
    """What differs from the form in one place is no message."""
    assert parse(data) is None


def test_other_protocols_are_kept() -> None:
    """Another protocol of the receiver is a message whose account nobody knows."""
    assert account_of(parse(b"6011      1234AABBBB")) == ""
    assert isinstance(parse(b"S011[#1234|NPA01]"), Other)


@pytest.mark.parametrize("cut", range(len(DURESS) + len(HEARTBEAT) + 1))
def test_every_split(cut: int) -> None:
    """Wherever the stream is cut in two, the same frames come."""
    stream = DURESS + HEARTBEAT
    framer = Framer()

    frames = [*framer.feed(stream[:cut]), *framer.feed(stream[cut:])]

    assert frames == [Frame(DURESS[:-1]), Frame(HEARTBEAT[:-1])]


def test_endless_noise() -> None:
    """A megabyte without DC4 holds 128 bytes; the frame after its end is whole again."""
    framer = Framer()
    for _ in range(1000):
        assert not list(framer.feed(b"U" * 1000))
        assert len(framer.begun) <= LONGEST

    cut, good = framer.feed(b"\x14" + DURESS)

    assert (cut.whole, len(cut.data)) == (False, LONGEST)
    assert good == Frame(DURESS[:-1])


_HEX = "0123456789ABCDEF"


@given(
    account=st.text(_HEX, min_size=4, max_size=4),
    qualifier=st.sampled_from("ERP"),
    code=st.integers(0, 999),
    group=st.integers(0, 99),
    number=st.integers(0, 999),
    receiver=st.integers(0, 99),
    line=st.sampled_from(_HEX),
)
def test_any_contact_id(
    account: str, qualifier: str, code: int, group: int, number: int, receiver: int, line: str
) -> None:
    """Every message put together by the manual's table has its fields back."""
    text = f"5{receiver:02d}{line} 18{account}{qualifier}{code:03d}{group:02d}{number:03d}"

    said = parse(text.encode())

    assert isinstance(said, ContactId)
    assert (said.account, said.qualifier, int(said.code)) == (account, qualifier, code)
    assert (int(said.group), int(said.number)) == (group, number)
    assert (int(said.receiver), said.line) == (receiver, line)


@given(st.binary(max_size=600))
def test_any_bytes(data: bytes) -> None:
    """Any bytes, in any pieces: the same frames, within the bound, and a meaning for each."""
    one_input(data)
