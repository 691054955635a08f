"""Receipts: read strictly, believed only as far as they can be true."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.ranges import Ranges
from gateway.policy.receipts import (
    HELD_RUNS,
    RECEIPT_LIMIT_BYTES,
    Meaning,
    Nonsense,
    Receipt,
    StreamKnowledge,
    parse_receipt,
    weigh,
)

STREAM = "0198f1a2-0000-7000-8000-000000000001"


def _body(**changes: object) -> bytes:
    return json.dumps({"stream": STREAM, "upto": 0, "also": [], "missing": []} | changes).encode()


def _known(published: int, *, numbered: int | None = None, upto: int = 0) -> dict[str, StreamKnowledge]:
    ranges = Ranges([(1, published)] if published else [])
    stored = Ranges([(1, upto)] if upto else [])
    return {
        STREAM: StreamKnowledge(
            published=ranges,
            taken=Ranges(ranges),
            numbered=numbered or published,
            upto=upto,
            stored=stored,
        )
    }


def test_the_contracts_form_is_read() -> None:
    """`{"stream", "upto", "also", "missing"}` as CONTRACT has it."""
    receipt = parse_receipt(_body(upto=7, also=[[9, 12], [20, 20]], missing=[8, 15]))
    assert receipt == Receipt(stream=STREAM, upto=7, also=((9, 12), (20, 20)), missing=(8, 15))


def test_what_is_left_out_is_empty() -> None:
    """A receipt without holes may leave `also` and `missing` out, and say more than we know."""
    payload = json.dumps({"stream": STREAM, "upto": 3, "county": "330106"}).encode()
    assert parse_receipt(payload) == Receipt(stream=STREAM, upto=3)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"receipt",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[" * 30000,
        b'{"a":' * 9000,
        b"9" * 5000,
        _body(stream=7),
        _body(stream=""),
        _body(stream="x" * 65),
        _body(upto=-1),
        _body(upto="7"),
        _body(upto=True),
        _body(upto=1.0),
        _body(upto=2**63),
        _body(upto=None),
        _body(also=[[9, 3]]),
        _body(also=[[1]]),
        _body(also=[[1, 2, 3]]),
        _body(also=[[0, 3]]),
        _body(also="all"),
        _body(missing=[0]),
        _body(missing=["1"]),
        _body(missing={"1": 1}),
        _body(missing=list(range(1, 30000))),
    ],
)
def test_nonsense_is_told_with_a_reason(payload: bytes) -> None:
    """What is not of the contract's form is no receipt, says why, and raises nothing."""
    found = parse_receipt(payload)
    assert isinstance(found, Nonsense)
    assert found.reason


def test_too_large_is_nonsense_unread() -> None:
    """Past 64 KiB nothing is parsed, however right it looks."""
    payload = _body(upto=1).ljust(RECEIPT_LIMIT_BYTES + 1)
    assert isinstance(parse_receipt(payload), Nonsense)
    assert isinstance(parse_receipt(payload[:RECEIPT_LIMIT_BYTES]), Receipt)


@given(st.binary(max_size=300))
def test_no_bytes_break_it(payload: bytes) -> None:
    """Any bytes give a receipt or nonsense."""
    assert isinstance(parse_receipt(payload), Receipt | Nonsense)


def test_upto_confirms_what_is_new() -> None:
    """A receipt confirms from the last `upto` on."""
    assert weigh(Receipt(stream=STREAM, upto=9), _known(10, upto=4)) == Meaning(9, ((5, 9),), ())


def test_upto_that_goes_back_is_ignored() -> None:
    """An overtaken receipt confirms nothing and takes nothing back, and its `also` still counts."""
    known = _known(20, upto=10)
    assert weigh(Receipt(stream=STREAM, upto=3), known) == Meaning(10, (), ())
    assert weigh(Receipt(stream=STREAM, upto=3, also=((12, 13),)), known) == Meaning(10, ((12, 13),), ())


def test_what_was_said_before_is_not_news() -> None:
    """A county repeats its `also` in every receipt: it is confirmed once."""
    known = _known(30)
    first = weigh(Receipt(stream=STREAM, upto=2, also=((5, 9),)), known)
    assert first == Meaning(2, ((1, 2), (5, 9)), ())
    assert isinstance(first, Meaning)
    known[STREAM].learn(first)
    second = weigh(Receipt(stream=STREAM, upto=3, also=((5, 11),)), known)
    assert second == Meaning(3, ((3, 3), (10, 11)), ())
    assert isinstance(second, Meaning)
    known[STREAM].learn(second)
    assert weigh(Receipt(stream=STREAM, upto=11), known) == Meaning(11, ((4, 4),), ())


def test_what_was_reopened_is_confirmed_anew() -> None:
    """A county that lost its store counts from 1 again: what it asked for once more is confirmed once more."""
    known = _known(20, upto=20)
    known[STREAM].reopen(1, 10)
    assert weigh(Receipt(stream=STREAM, upto=20), known) == Meaning(20, (), ())  # of before it was sent again
    for number in range(1, 11):
        known[STREAM].publish(number)
    found = weigh(Receipt(stream=STREAM, upto=4), known)
    assert found == Meaning(20, ((1, 4),), ())
    assert isinstance(found, Meaning)
    known[STREAM].learn(found)
    assert weigh(Receipt(stream=STREAM, upto=20), known) == Meaning(20, ((5, 10),), ())


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(stream="another", upto=1),
        Receipt(stream=STREAM, upto=11),
        Receipt(stream=STREAM, upto=1, also=((9, 11),)),
        Receipt(stream=STREAM, upto=1, missing=(13,)),
    ],
)
def test_what_can_not_be_true_is_nonsense(receipt: Receipt) -> None:
    """An unknown stream, numbers stored that were never published, numbers missing that were never given."""
    assert isinstance(weigh(receipt, _known(10, numbered=12)), Nonsense)


def test_a_hole_in_what_was_published_is_not_jumped() -> None:
    """An alarm may have overtaken a backlog: `upto` past what was not published yet can't be true, `also` can."""
    published = Ranges([(1, 5), (9, 9)])
    known = {STREAM: StreamKnowledge(published=published, taken=published, numbered=10)}
    assert isinstance(weigh(Receipt(stream=STREAM, upto=9), known), Nonsense)
    assert weigh(Receipt(stream=STREAM, upto=5, also=((9, 9),)), known) == Meaning(5, ((1, 5), (9, 9)), ())


def test_missing_is_asked_for_as_far_as_it_was_published() -> None:
    """What is missing because its turn has not come yet needs no resending."""
    known = _known(10, numbered=12)
    assert weigh(Receipt(stream=STREAM, upto=2, missing=(8, 3, 4, 11)), known) == Meaning(
        2, ((1, 2),), ((3, 4), (8, 8))
    )


def test_what_is_published_again_is_confirmed_again() -> None:
    """A confirmation that the journal lost (its disk was gone) comes once more, by the next receipt."""
    known = _known(5, upto=5)
    known[STREAM].publish(2)
    assert weigh(Receipt(stream=STREAM, upto=5), known) == Meaning(5, ((2, 2),), ())


def _restarted(last: int, *, receipted: int) -> StreamKnowledge:
    """What a process knows at its start."""
    taken = Ranges([(1, receipted)] if receipted else [])
    return StreamKnowledge(published=Ranges([(1, last)]), taken=taken, numbered=last, upto=receipted)


def test_what_this_process_has_not_sent_is_held_until_the_broker_has_it() -> None:
    """A receipt may be true of a journal that was lost: it confirms a number only once this process has sent it."""
    known = _restarted(10, receipted=4)
    found = weigh(Receipt(stream=STREAM, upto=8, also=((10, 10),)), {STREAM: known})
    assert found == Meaning(4, ((1, 4),), (), ((5, 8), (10, 10)))
    assert isinstance(found, Meaning)
    known.learn(found)
    for number in range(5, 11):
        known.publish(number)
    assert known.stored == Ranges([(1, 4)])  # on its way is not there
    assert [number for number in (6, 5, 7, 8, 9, 10) if known.take(number)] == [6, 5, 7, 8, 10]
    assert known.upto == 8
    assert weigh(Receipt(stream=STREAM, upto=10), {STREAM: known}) == Meaning(10, ((9, 9),), ())


def test_what_is_wanted_once_more_is_not_held() -> None:
    """What the county asks for again is confirmed by what it says after that only."""
    known = _restarted(5, receipted=0)
    found = weigh(Receipt(stream=STREAM, upto=5), {STREAM: known})
    assert isinstance(found, Meaning)
    known.learn(found)
    known.reopen(2, 3)
    assert [number for number in range(1, 6) if known.take(number)] == [1, 4, 5]


def test_what_is_held_is_bounded() -> None:
    """Any number of holes at the county costs no more than HELD_RUNS; what is left out comes with a later receipt."""
    known = _restarted(4 * HELD_RUNS, receipted=0)
    also = tuple((number, number) for number in range(2, 4 * HELD_RUNS, 2))
    found = weigh(Receipt(stream=STREAM, upto=0, also=also), {STREAM: known})
    assert isinstance(found, Meaning)
    known.learn(found)
    assert list(known.held) == list(also[:HELD_RUNS])
