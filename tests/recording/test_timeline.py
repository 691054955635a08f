"""The time of a stream: what a camera's stamps become."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gateway.recording.timeline import Span, Timeline

TICK = Fraction(1, 90000)
FRAME = 3600  # 25 pictures a second


def test_regular_stamps_are_kept() -> None:
    """A camera that counts properly is taken at its word, however its packets are delayed."""
    timeline = Timeline(TICK)
    delays = [0.0, 0.5, 0.01, 0.3, 0.02]
    stamps = [timeline.place(1_000_000 + n * FRAME, None, FRAME, n / 25 + delays[n]) for n in range(5)]

    assert [stamp.dts for stamp in stamps] == [n * FRAME for n in range(5)]
    assert not any(stamp.jumped for stamp in stamps)


def test_a_stall_of_the_network_is_no_jump() -> None:
    """Packets that waited five seconds and come at once keep their places."""
    timeline = Timeline(TICK)
    timeline.place(0, 0, FRAME, 0.0)
    late = [timeline.place(n * FRAME, n * FRAME, FRAME, 5.0 + n / 1000) for n in range(1, 100)]

    assert not any(stamp.jumped for stamp in late)
    assert late[-1].dts == 99 * FRAME


def test_a_jump_forward_goes_on_by_arrival() -> None:
    """A stamp an hour ahead costs nothing: the packet's place is where it arrived."""
    timeline = Timeline(TICK)
    timeline.place(0, 0, FRAME, 10.0)
    jumped = timeline.place(3600 * 90000, 3600 * 90000, FRAME, 10.04)
    after = timeline.place(3600 * 90000 + FRAME, 3600 * 90000 + FRAME, FRAME, 10.08)

    assert jumped.jumped
    assert abs(jumped.dts - FRAME) <= 1
    assert not after.jumped
    assert after.dts == jumped.dts + FRAME


def test_a_jump_backward_goes_on_by_arrival() -> None:
    """A camera whose clock was set back (a DTS error for any muxer) goes on."""
    timeline = Timeline(TICK)
    timeline.place(900_000, 900_000, FRAME, 10.0)
    jumped = timeline.place(0, 0, FRAME, 10.04)

    assert jumped.jumped
    assert jumped.dts > 0


def test_the_same_stamp_twice_is_nudged() -> None:
    """Cameras that stamp two packets alike are common: no new segment for that."""
    timeline = Timeline(TICK)
    timeline.place(0, 0, FRAME, 0.0)
    again = timeline.place(0, 0, FRAME, 0.0)

    assert (again.dts, again.jumped) == (1, False)


def test_missing_stamps_are_filled_in() -> None:
    """The first packets of an RTSP stream may have none: they follow one another."""
    timeline = Timeline(TICK)
    stamps = [timeline.place(None, None, FRAME, n / 25) for n in range(3)]

    assert [(stamp.dts, stamp.pts) for stamp in stamps] == [(0, 0), (FRAME, FRAME), (2 * FRAME, 2 * FRAME)]


def test_the_order_of_showing_is_kept() -> None:
    """Pictures that are shown later than they are decoded (B-frames) stay so; nonsense does not."""
    timeline = Timeline(TICK)
    timeline.place(0, 2 * FRAME, FRAME, 0.0)

    assert timeline.place(FRAME, 5 * FRAME, FRAME, 0.04).pts == 5 * FRAME
    assert timeline.place(2 * FRAME, -(10**9), FRAME, 0.08).pts == 2 * FRAME


raw_stamps = st.none() | st.integers(-(2**40), 2**40)


@given(st.lists(st.tuples(raw_stamps, raw_stamps, st.floats(0, 10)), max_size=50))
def test_places_only_go_forward(packets: list[tuple[int | None, int | None, float]]) -> None:
    """Whatever a camera sends: decoding times rise, and nothing is shown before it is decoded."""
    timeline, arrival, last = Timeline(TICK), 0.0, -1
    for dts, pts, wait in packets:
        arrival += wait
        stamp = timeline.place(dts, pts, FRAME, arrival)

        assert stamp.dts > last
        assert stamp.pts >= stamp.dts
        last = stamp.dts


def test_a_segment_lasts_as_long_as_the_monotonic_clock_says() -> None:
    """The wall clock is read once; what it does later changes neither start nor end."""
    span = Span(1000.0, 50.0)
    span.observe(50.0, 0.0)
    span.observe(110.0, 60.0)

    assert (span.start_ms, span.end_ms(110.0)) == (1_000_000, 1_060_000)
    assert span.end_ms(picture_s=0.04) == 1_060_040


def test_a_step_of_the_wall_clock_is_seen() -> None:
    """More than a second of difference between the clocks is a step, less is not."""
    span = Span(1000.0, 50.0)

    assert not span.stepped(1060.9, 110.0)
    assert span.stepped(1061.1, 110.0)
    assert span.stepped(1058.9, 110.0)


def test_packets_gathered_before_the_first_was_handed_over_came_earlier() -> None:
    """Eight pictures that come at once were sent 0.8 s apart: the first one's time is set right, within reason."""
    span = Span(1000.0, 50.0, since=49.0)
    for n in range(20):
        span.observe(50.0 + max(0, n - 8) * 0.1, n * 0.1)

    assert span.start_ms == 999_200
    assert not span.settled(51.0)
    assert span.settled(52.1)

    eager = Span(1000.0, 50.0, since=49.5)
    eager.observe(50.1, 30.0)

    assert eager.start_ms == 999_500


def test_a_segment_is_never_empty() -> None:
    """Even one of a single picture without a length has an end after its start."""
    assert Span(1000.0, 50.0).end_ms() == 1_000_001
