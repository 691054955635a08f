"""The county's arithmetic: ranges, gaps, and when a gap is asked for."""

from hypothesis import given
from hypothesis import strategies as st

from simulators.county.ledger import ALSO_RANGES, MISSING_NUMBERS, Sequences, StreamLedger


@given(st.lists(st.integers(1, 60)))
def test_ranges_are_exactly_the_numbers_that_came(numbers: list[int]) -> None:
    """In any order and with any repetition: each number once, ranges apart from each other, gaps the rest."""
    sequences, came = Sequences(), set[int]()
    for number in numbers:
        assert sequences.add(number) == (number not in came)
        came.add(number)
    held = [number for first, last in sequences.ranges for number in range(first, last + 1)]
    missing = [number for first, last in sequences.gaps(70) for number in range(first, last + 1)]
    assert held == sorted(came)
    assert missing == [number for number in range(1, 71) if number not in came]
    assert all(
        last + 1 < first
        for (_, last), (first, _) in zip(sequences.ranges, sequences.ranges[1:], strict=False)
    )
    assert sequences.top == max(came, default=0)
    assert sequences.upto == next(number for number in range(1, 72) if number not in came) - 1


def stream(*numbers: int) -> StreamLedger:
    ledger = StreamLedger("campus/1/330106/s1", "/campus/330106/s1", "0190aaaa-0000-7000-8000-000000000000")
    for number in numbers:
        ledger.add(number)
    return ledger


def test_a_gap_is_asked_for_when_it_stays_and_again_later() -> None:
    """Not before its patience, not in between, again after the time for it."""
    ledger = stream(1, 4)
    asked = [ledger.missing(now, patience=2, again=5) for now in (0.0, 1.9, 2.0, 3.0, 6.9, 7.0)]
    assert asked == [(), (), (2, 3), (), (), (2, 3)]


def test_a_gap_that_shrinks_is_left_alone() -> None:
    """A backlog on its way moves the lower edge of the gap; a hole that it leaves behind is asked for."""
    ledger = stream(1, 100)
    for second, number in enumerate([2, 3, 5, 6, 7, 8]):
        assert ledger.missing(float(second), patience=2, again=5) in {(), (4,)}
        ledger.add(number)
    assert ledger.missing(6.0, patience=2, again=5) in {(), (4,)}
    assert ledger.gaps() == ((4, 4), (9, 99))


def test_receipts_are_bounded() -> None:
    """However many holes there are, a receipt stays small: the lowest numbers are asked for, the highest confirmed."""
    ledger = stream(*range(2, 2002, 2))
    ledger.missing(0.0, patience=1, again=5)
    receipt = ledger.receipt(ledger.missing(1.0, patience=1, again=5))
    assert (len(receipt.missing), receipt.missing[0]) == (MISSING_NUMBERS, 1)
    assert (len(receipt.also), receipt.also[-1]) == (ALSO_RANGES, (2000, 2000))


def test_a_stream_announced_far_ahead_costs_nothing() -> None:
    """A gateway that claims a number beyond all reason gets the first hundred asked for, and no memory spent."""
    ledger = stream(1)
    ledger.announced = 10**17
    ledger.missing(0.0, patience=1, again=5)
    assert ledger.missing(1.0, patience=1, again=5) == tuple(range(2, 2 + MISSING_NUMBERS))
