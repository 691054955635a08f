"""The pace of a stream: when packets came although nobody looked."""

from fractions import Fraction
from itertools import pairwise

from gateway.recording.pace import GATHER_S, Pace

TICK = Fraction(1, 90_000)
PICTURE = 3600  # 25 a second


def play(pace: Pace, sent: list[float], picture: int = PICTURE) -> list[tuple[float, float]]:
    """Pictures that reach the kernel at these seconds, each handed over when the next has begun, read with rests.

    (True, told) arrival of each.
    """
    now, told = 0.0, []
    for n, (came, following) in enumerate(pairwise(sent)):
        asked, now = now, max(now, following)
        waited = now > asked
        told.append((came, pace.arrived(n * picture, now, waited=waited)))
        if waited and not any(now >= other for other in sent[n + 2 :]):
            now += GATHER_S
    return told


def test_rests_hide_no_arrival() -> None:
    """Pictures that gathered while nobody looked are told as they came, to a few milliseconds, from the third one on."""
    for fps in (1, 5, 25, 60):
        told = play(Pace(TICK), [n / fps for n in range(500)], 90_000 // fps)

        assert all(abs(true - say) < 0.005 for true, say in told[2:])


def test_a_camera_that_was_away_is_caught_up_with() -> None:
    """After three seconds of nothing and a burst of what was held back, arrivals are those of the burst and go on.

    But for the last picture before: nobody knew of it until the next one came.
    """
    sent = [n / 25 for n in range(50)] + [5.0] * 75 + [5.0 + n / 25 for n in range(100)]
    told = play(Pace(TICK), sent)

    assert all(say <= true + GATHER_S + 0.01 for true, say in told[:49] + told[50:])
    assert all(a <= b for (_, a), (_, b) in pairwise(told))


def test_stamps_that_make_no_sense_are_harmless() -> None:
    """Stuck, backward and absent stamps: an arrival is never later than now nor more than two seconds before it."""
    pace, now = Pace(TICK), 0.0
    for n, stamp in enumerate([0, 0, 0, 900_000_000, -5, None, 7, 7, 2**40, 0] * 20):
        asked, now = now, now + (0.04 if n % 3 else 0.0)
        assert now - 2.0 <= pace.arrived(stamp, now, waited=now > asked) <= now


def test_the_first_packet_came_now() -> None:
    """Of the first one nothing is known but that it is there."""
    assert Pace(TICK).arrived(123_456, 100.0, waited=False) == 100.0
