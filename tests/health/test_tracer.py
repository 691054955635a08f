"""gateway.health.tracer: what is counted of an event's way, and that it stays small."""

import pytest

from gateway.health.tracer import BUCKETS_S, MOST_EVENTS, Latency, MetricsTracer
from gateway.trace import Stage, Tracer


@pytest.fixture
def tracer() -> MetricsTracer:
    return MetricsTracer(["bureau", "police"])


def counted(latency: Latency) -> int:
    return sum(latency.counts)


def test_it_is_a_tracer(tracer: MetricsTracer) -> None:
    """The journal and the uplink take it for one."""
    accepted: Tracer = tracer

    accepted.mark(Stage.SEEN, ["a"], 1.0)


def test_a_commit_is_counted_from_the_driver_on(tracer: MetricsTracer) -> None:
    """The latency of a commit is from seen to committed; every committed event counts."""
    tracer.mark(Stage.SEEN, ["a", "b"], 10.0)
    tracer.mark(Stage.COMMITTED, ["a", "b", "unseen"], 10.004)

    assert tracer.events == 3
    assert counted(tracer.committed) == 2
    assert tracer.committed.total_s == pytest.approx(0.008)


def test_each_destination_is_counted_apart(tracer: MetricsTracer) -> None:
    """Published, at the broker and confirmed count from the commit, for each destination by itself."""
    tracer.mark(Stage.SEEN, ["a"], 10.0)
    tracer.mark(Stage.COMMITTED, ["a"], 10.0)
    tracer.mark(Stage.PUBLISHED, ["a"], 10.25, "bureau")
    tracer.mark(Stage.BROKER, ["a"], 10.5, "bureau")
    tracer.mark(Stage.CONFIRMED, ["a"], 11.0, "bureau")
    tracer.mark(Stage.PUBLISHED, ["a"], 70.0, "police")

    assert {way: latency.total_s for way, latency in tracer.ways.items() if counted(latency)} == {
        ("bureau", Stage.PUBLISHED): 0.25,
        ("bureau", Stage.BROKER): 0.5,
        ("bureau", Stage.CONFIRMED): 1.0,
        ("police", Stage.PUBLISHED): 60.0,
    }


def test_what_is_sent_again_counts_once(tracer: MetricsTracer) -> None:
    """An event that is published again after a reconnect does not count twice, also when it was confirmed meanwhile."""
    tracer.mark(Stage.COMMITTED, ["a"], 10.0)
    for destination in ("bureau", "police"):
        for stage in (Stage.PUBLISHED, Stage.BROKER, Stage.CONFIRMED):
            tracer.mark(stage, ["a"], 11.0, destination)
            tracer.mark(stage, ["a"], 99.0, destination)

    assert [counted(latency) for latency in tracer.ways.values()] == [1] * 6
    assert not tracer._committed


def test_strangers_are_ignored(tracer: MetricsTracer) -> None:
    """An unknown destination, or an event from before the start, makes no series and no figure."""
    tracer.mark(Stage.COMMITTED, ["a"], 10.0)
    tracer.mark(Stage.PUBLISHED, ["a"], 11.0, "nobody")
    tracer.mark(Stage.PUBLISHED, ["from-before"], 11.0, "bureau")

    assert not any(counted(latency) for latency in tracer.ways.values())


def test_it_does_not_grow(tracer: MetricsTracer) -> None:
    """A county out of reach for a year leaves the newest 10,000 events remembered, no more."""
    for number in range(3 * MOST_EVENTS):
        tracer.mark(Stage.SEEN, [f"lost-{number}"], 1.0)
        tracer.mark(Stage.COMMITTED, [f"event-{number}"], 1.0)

    assert len(tracer._committed) == len(tracer._seen) == MOST_EVENTS
    assert f"event-{3 * MOST_EVENTS - 1}" in tracer._committed


def test_without_destinations_nothing_is_remembered() -> None:
    """A site without an uplink has nobody whose stages could come."""
    tracer = MetricsTracer([])
    tracer.mark(Stage.SEEN, ["a"], 1.0)
    tracer.mark(Stage.COMMITTED, ["a"], 2.0)

    assert (tracer.events, tracer._committed, tracer._seen) == (1, {}, {})


def test_buckets_are_upper_edges_and_cumulative() -> None:
    """A value on an edge is in that bucket, one beyond the last only in +Inf, one below nothing in the first."""
    latency = Latency()
    for seconds in (-0.5, BUCKETS_S[0], BUCKETS_S[-1] + 1):
        latency.observe(seconds)
    buckets = dict(latency.cumulative())

    assert buckets["0.001"] == 2
    assert buckets["3600.0"] == 2
    assert buckets["+Inf"] == 3
    assert latency.total_s == pytest.approx(0.001 + 3601)
