"""gateway.policy.backoff: waits double up to a limit and are spread by chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 30), (8, 30), (10**6, 30)],
)
def test_the_wait_doubles_up_to_its_limit(failures: int, seconds: float) -> None:
    """0.5 s at first, doubling, never more than 30 s, however often it failed."""
    assert Backoff().ceiling(failures) == seconds


@given(st.integers(1, 200), st.floats(0, 1))
def test_chance_takes_away_no_more_than_half(failures: int, chance: float) -> None:
    """Whatever the dice say, the wait is between half the ceiling and the ceiling."""
    backoff = Backoff()

    delay = backoff.delay(failures, chance)

    assert backoff.ceiling(failures) / 2 <= delay <= backoff.ceiling(failures)


@given(st.integers(1, 100), st.floats(0, 1))
def test_another_failure_never_shortens_the_wait(failures: int, chance: float) -> None:
    """With the same dice, a wait after one more failure is not shorter."""
    backoff = Backoff(first_s=0.2, longest_s=7)

    assert backoff.delay(failures + 1, chance) >= backoff.delay(failures, chance)


@pytest.mark.parametrize(("first", "longest"), [(0, 1), (-1, 1), (2, 1)])
def test_a_contradictory_back_off_can_not_be_made(first: float, longest: float) -> None:
    """A first wait of nothing, or one longer than the longest, is an error at once."""
    with pytest.raises(ValueError, match="need 0 < first <= longest"):
        Backoff(first_s=first, longest_s=longest)


def test_there_is_no_wait_before_the_first_failure() -> None:
    """Asking for the wait after no failure is a mistake of the caller."""
    with pytest.raises(ValueError, match="nothing to wait for"):
        Backoff().ceiling(0)
