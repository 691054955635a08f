"""The window follows the line: the cap on a LAN, one on a thin line, hundreds on a long one."""

import heapq
from collections import deque

import pytest

from gateway.policy.window import Window


class Line:
    """A line that carries so many messages a second, each taking `latency` besides; simulated, no waiting."""

    def __init__(self, *, rate: float, latency: float) -> None:
        self.rate = rate
        self.latency = latency
        self._free_at = 0.0

    def round_trip(self, sent_at: float) -> float:
        """When the acknowledgement of a message that is sent now comes."""
        self._free_at = max(self._free_at, sent_at) + 1 / self.rate
        return self._free_at + self.latency


def _run(window: Window, line: Line, seconds: float, *, start: float = 0.0) -> float:
    """Keep the window full for so long; returns the last round trip."""
    now, last = start, 0.0
    flights: list[tuple[float, float]] = []
    while now < start + seconds:
        while len(flights) < window.size:
            heapq.heappush(flights, (line.round_trip(now), now))
        now, sent_at = heapq.heappop(flights)
        last = now - sent_at
        window.acknowledged(round_trip_s=last, in_flight=len(flights) + 1, now=now)
    return last


def test_on_a_lan_it_is_the_cap() -> None:
    """5,000 messages a second, half a millisecond: 20 in flight within a tenth of a second."""
    window = Window(cap=20)
    _run(window, Line(rate=5000, latency=0.0005), 0.1)
    assert window.size == 20
    assert window.rate == pytest.approx(5000, rel=0.3)


def test_on_a_thin_line_it_is_one() -> None:
    """Two messages a second: one in flight, or a live alarm would wait for many others."""
    window = Window(cap=20)
    last = _run(window, Line(rate=2, latency=0.1), 120)
    assert window.size <= 2
    assert last <= 1.3


def test_on_a_long_line_it_is_hundreds() -> None:
    """A satellite, 700 ms away, 400 messages a second: the line is full, its queue short."""
    window = Window(cap=500)
    last = _run(window, Line(rate=400, latency=0.7), 60)
    assert 250 <= window.size <= 360
    assert last < 0.7 + 0.25


def test_it_shrinks_when_the_line_becomes_thin_and_grows_again() -> None:
    """A line that thins out is noticed within some round trips; one that recovers too."""
    window, line = Window(cap=20), Line(rate=2000, latency=0.002)
    _run(window, line, 1)
    assert window.size == 20
    line.rate = 5
    _run(window, line, 60, start=1)
    assert window.size <= 2
    line.rate = 2000
    _run(window, line, 5, start=61)
    assert window.size == 20


def test_a_longer_route_is_believed_after_a_while() -> None:
    """The base of the round trip is that of the last minutes: a longer route does not keep the window small."""
    window, line = Window(cap=100), Line(rate=1000, latency=0.005)
    _run(window, line, 5)
    line.latency = 0.5
    _run(window, line, 200, start=5)
    assert window.size == 100


def test_an_idle_line_does_not_grow_it() -> None:
    """Single messages say nothing of what the line could carry: the window stays where it was."""
    window = Window(cap=500)
    before = window.size
    for at in range(100):
        window.acknowledged(round_trip_s=0.001, in_flight=1, now=at * 1.0)
    assert window.size == before


def test_it_is_never_below_one_nor_above_the_cap() -> None:
    """Whatever the round trips are, 1 <= size <= cap."""
    window = Window(cap=7)
    trips = deque([0.0, 1e-9, 50.0, 0.001, 3600.0, 0.2] * 50)
    now = 0.0
    while trips:
        now += trips[0] + 0.01
        window.acknowledged(round_trip_s=trips.popleft(), in_flight=9, now=now)
        assert 1 <= window.size <= 7
