"""How often a password may be tried: tables of who waits, and that nobody's lock-out is another's."""

from gateway.console.attempts import BUCKETS_KEPT, Attempts
from tests.clocks import ManualClock

DESK, STRANGER = "10.0.0.5", "10.0.0.66"


def tries(attempts: Attempts, name: str, address: str, count: int) -> int:
    """How many of so many attempts in a row are let through."""
    return sum(attempts.wait_s(name, address) == 0 for _ in range(count))


def test_a_name_at_an_address_has_five_failures_and_one_more_a_minute() -> None:
    """The bucket leaks: after a minute one more, after five all five again."""
    clock = ManualClock()
    attempts = Attempts(clock)
    assert tries(attempts, "wang", DESK, 10) == 5
    assert attempts.wait_s("wang", DESK) == 60
    clock.advance(60)
    assert tries(attempts, "wang", DESK, 10) == 1
    clock.advance(300)
    assert tries(attempts, "wang", DESK, 10) == 5


def test_success_clears_the_count() -> None:
    """Who mistypes four times and then gets it right begins anew."""
    attempts = Attempts(ManualClock())
    for _ in range(10):
        assert tries(attempts, "wang", DESK, 4) == 4
        assert attempts.wait_s("wang", DESK) == 0
        attempts.succeeded("wang", DESK)


def test_many_names_from_one_address_are_held() -> None:
    """Twenty, then one each five seconds: an address can't keep the box hashing."""
    clock = ManualClock()
    attempts = Attempts(clock)
    assert sum(attempts.wait_s(f"name-{n}", STRANGER) == 0 for n in range(200)) == 20
    clock.advance(60)
    assert sum(attempts.wait_s(f"more-{n}", STRANGER) == 0 for n in range(200)) == 12


def test_a_guard_who_has_signed_in_there_is_not_held_by_others() -> None:
    """Neither failures of others at the same address nor failures with the same name elsewhere hold a known pair."""
    attempts = Attempts(ManualClock())
    assert attempts.wait_s("li", DESK) == 0
    attempts.succeeded("li", DESK)
    tries(attempts, "wang", DESK, 50)
    for n in range(200):
        attempts.wait_s(f"name-{n}", DESK)
        attempts.wait_s("li", f"10.0.1.{n}")
    assert attempts.wait_s("nobody", DESK) > 0
    assert attempts.wait_s("li", STRANGER) > 0
    assert attempts.wait_s("li", DESK) == 0


def test_one_name_from_many_addresses_is_held() -> None:
    """Thirty in all, from wherever."""
    attempts = Attempts(ManualClock())
    assert sum(attempts.wait_s("wang", f"10.1.{n // 250}.{n % 250}") == 0 for n in range(500)) == 30


def test_the_table_is_bounded() -> None:
    """Whoever comes from ever new addresses with ever new names fills no memory."""
    attempts = Attempts(ManualClock())
    for n in range(BUCKETS_KEPT):
        attempts.wait_s(f"name-{n}", f"address-{n}")
        attempts.succeeded(f"name-{n}", f"address-{n}")
    assert len(attempts._levels) <= BUCKETS_KEPT
    assert len(attempts._known) <= 256
