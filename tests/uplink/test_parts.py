"""The uplink's pure parts, told the time: when to send again, what to try again, whose turn it is."""

import asyncio
import itertools
import json
from collections import Counter
from datetime import timedelta

import pytest

from gateway.model import EventType, Reading
from gateway.store import Delivery
from gateway.uplink.bucket import TokenBucket
from gateway.uplink.complaints import FORGOTTEN_AFTER_S, Complaints
from gateway.uplink.latest import Latest, Results, Slot
from gateway.uplink.messages import Message
from gateway.uplink.mix import Mix
from gateway.uplink.readings import STOCK_LIMIT, ReadingStock
from gateway.uplink.resend import FIRST_ROUND, LARGEST_ROUND, LONGEST_PAUSE_S, Resender
from gateway.uplink.retry import REFUSED_LIMIT, Retries
from gateway.uplink.timer import Timer
from tests.clocks import START, ManualClock

ALARM = "event/alarm"


def _row(sequence: int, stream: str = "s") -> Delivery:
    return Delivery(
        stream=stream,
        sequence=sequence,
        lane=1,
        event_id=f"{stream}-{sequence}",
        type=EventType.ALARM_RAISED,
        payload=b"{}",
        recorded_at=START,
    )


def _everything(_stream: str) -> None:
    """A frontier: all there is was published."""


# ---- sending again


def _published(count: int, *, timeout_s: float = 30) -> Resender:
    resender = Resender(timeout_s=timeout_s)
    for number in range(1, count + 1):
        resender.published("s", number, 0.0)
    return resender


def test_nothing_is_sent_again_before_its_time() -> None:
    """Until the receipt time-out nothing is due, then the oldest are, one round of them."""
    resender = _published(250)
    assert resender.due(29.9, _everything) == []
    assert resender.next_at == 30
    assert resender.due(30, _everything) == [("s", (1, FIRST_ROUND))]
    assert resender.is_unanswered


def test_without_an_answer_the_pauses_double() -> None:
    """A county that is away is not flooded: 30, 30, 60, 120 … s apart, 10 minutes at most, a small round each."""
    resender, now, times = _published(5000), 0.0, []
    for _ in range(12):
        assert resender.next_at is not None
        now = resender.next_at
        assert resender.due(now, _everything) == [("s", (1, FIRST_ROUND))]
        times.append(now)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert pauses[:4] == [30, 60, 120, 240]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_county_that_lost_much_is_helped_fast() -> None:
    """With progress the rounds grow and follow each other within seconds: 20,000 rows in under a minute."""
    resender, now, top = _published(20_000), 30.0, 0
    while top < 20_000:
        found = resender.due(now, _everything)
        if not found:
            assert resender.next_at is not None
            now = max(resender.next_at, now)
            continue
        ((_, (first, last)),) = found
        assert first == top + 1
        assert last - first < LARGEST_ROUND
        top = last
        now += 0.2
        resender.receipted("s", [(1, top)], now)
    assert now < 90
    assert resender.next_at is None


def test_progress_elsewhere_does_not_save_a_lost_row() -> None:
    """Receipts for later rows keep coming (`also`): the one that was lost is still sent again in time."""
    resender = _published(1)
    for at in range(1, 31):
        resender.published("s", at + 1, float(at))
        resender.receipted("s", [(at + 1, at + 1)], float(at))
    assert resender.due(30.0, _everything) == [("s", (1, 1))]


def test_young_rows_are_not_sent_again() -> None:
    """A round takes what is older than the time-out, not what was sent a moment ago."""
    resender = _published(3)
    resender.published("s", 4, 29.0)
    assert resender.due(30.0, _everything) == [("s", (1, 3))]


def test_nothing_above_the_frontier_is_sent_again() -> None:
    """Rows that overtook a backlog are not due while rows below them have not been published yet."""
    resender = _published(0)
    for number in (1, 2, 50, 51):
        resender.published("s", number, 0.0)
    assert resender.due(30.0, lambda _stream: 2) == [("s", (1, 2))]


def test_what_is_asked_for_is_bounded() -> None:
    """A `missing` that is repeated is answered once in 5 s, and a thousand numbers at most."""
    resender = _published(10)
    assert resender.asked("s", [(3, 4), (9, 9)], 11.0) == [(3, 4), (9, 9)]
    assert resender.asked("s", [(3, 5)], 12.0) == [(5, 5)]
    assert resender.asked("s", [(3, 5)], 16.1) == [(3, 5)]
    granted = resender.asked("s", [(10, 10**9)], 22.0)
    assert granted == [(10, 1009)]
    assert resender.asked("s", [(5000, 6000)], 22.1) == []


def test_what_was_sent_a_moment_ago_is_on_its_way() -> None:
    """A county that is some seconds behind asks for what is still coming: that is not sent twice."""
    resender = _published(10)
    resender.published("s", 11, 8.0)
    assert resender.asked("s", [(9, 12)], 9.0) == [(9, 10), (12, 12)]
    assert resender.asked("s", [(11, 11)], 15.0) == [(11, 11)]


# ---- trying again


def test_a_topic_without_subscribers_has_one_probe() -> None:
    """The first row is tried each 30 s, 60 s …; the others wait in the outbox until it gets through."""
    retries = Retries()
    for number in (1, 2, 3):
        retries.unrouted(_row(number), ALARM, 0.0)
    assert not retries.may_send(_row(7), ALARM)
    assert retries.may_send(_row(7), "event/device")
    assert retries.take_due(29.9) is None
    assert retries.take_due(30.0) == _row(1)
    assert retries.take_due(30.0) is None
    retries.unrouted(_row(1), ALARM, 30.0)
    assert retries.next_at == 90
    assert retries.lowest_unsent("s") == 1
    assert retries.take_due(90) == _row(1)
    assert retries.accepted(_row(1), ALARM)
    assert retries.may_send(_row(7), ALARM)
    assert [retries.next_at, *retries.unrouted_topics] == [None]


def test_one_topic_found_lets_the_others_be_tried() -> None:
    """Whoever subscribed one topic may have subscribed all."""
    retries = Retries()
    retries.unrouted(_row(1), ALARM, 0.0)
    retries.unrouted(_row(2), "event/device", 0.0)
    assert retries.accepted(_row(9), ALARM)
    assert retries.take_due(0.1) == _row(2)
    retries.unrouted(_row(2), "event/device", 0.1)
    assert retries.take_due(30.0) is None
    assert retries.take_due(60.1) == _row(2)


def test_a_refused_row_waits_by_itself() -> None:
    """A row that the broker will not take stops nobody, and is tried again less and less often."""
    retries = Retries()
    retries.refused(_row(3), ALARM, "Quota exceeded", 0.0)
    assert retries.may_send(_row(4), ALARM)
    assert not retries.may_send(_row(3), ALARM)
    assert retries.refusal == f"{ALARM}: Quota exceeded"
    assert retries.take_due(5.0) == _row(3)
    retries.refused(_row(3), ALARM, "Quota exceeded", 5.0)
    assert retries.take_due(14.9) is None
    assert retries.take_due(15.0) == _row(3)
    assert not retries.accepted(_row(3), ALARM)
    assert retries.refusal is None


def test_a_broker_that_refuses_all_is_left_alone() -> None:
    """With REFUSED_LIMIT rows refused, the backlog is not poured out before it."""
    retries = Retries()
    for number in range(REFUSED_LIMIT):
        assert not retries.is_full
        retries.refused(_row(number), ALARM, "Not authorized", 0.0)
    assert retries.is_full


# ---- turns


def test_turns_go_by_weight_and_nobody_starves() -> None:
    """Full sources share by weight; an empty one takes nothing and saves nothing up."""
    stock = {"a": 10**6, "b": 10**6, "c": 0}

    def source(name: str) -> str | None:
        if stock[name] == 0:
            return None
        stock[name] -= 1
        return name

    mix = Mix[str]([(6, lambda _: source("a")), (2, lambda _: source("b")), (1, lambda _: source("c"))])
    taken = Counter(mix.take(0.0) for _ in range(800))
    assert taken == {"a": 600, "b": 200}
    stock["c"] = 10**6
    taken = Counter(mix.take(0.0) for _ in range(900))
    assert [taken[name] for name in "abc"] == [pytest.approx(share, abs=5) for share in (600, 200, 100)]
    stock.update(a=0, b=0, c=1)
    assert [mix.take(0.0), mix.take(0.0)] == ["c", None]


# ---- the latest only


def test_only_the_newest_form_is_sent() -> None:
    """However many changes: one publication, built when it goes; never two of a topic at a time; not too often."""
    made: list[int] = []

    def build() -> bytes:
        made.append(1)
        return b""

    latest = Latest()
    latest.add(Slot(topic="state", build=build, interval_s=1.0))
    for _ in range(5):
        latest.changed("state")
    slot = latest.take(10.0)
    assert slot is not None
    latest.changed("state")
    assert latest.take(10.5) is None
    latest.acknowledged(slot, 10.1, accepted=True)
    assert latest.take(10.9) is None
    assert latest.next_at == 11.0
    assert latest.take(11.0) is slot
    latest.acknowledged(slot, 12.0, accepted=False)
    assert latest.take(41.9) is None
    assert latest.take(42.0) is slot


def test_a_large_document_does_not_fill_a_thin_line() -> None:
    """What took 5 s to send waits 15 s before the next: a quarter of the line at most."""
    latest = Latest()
    latest.add(Slot(topic="alarms/open", build=bytes, interval_s=1.0))
    latest.changed("alarms/open")
    slot = latest.take(0.0)
    assert slot is not None
    latest.changed("alarms/open")
    latest.acknowledged(slot, 5.0, accepted=True)
    assert latest.next_at == 20.0


def test_answers_are_bounded_and_keep_their_order() -> None:
    """At most 200 wait; one put back goes first."""
    results = Results()
    for number in range(300):
        results.put(Message(topic="r", payload=b"%d" % number))
    first = results.take()
    assert first is not None
    assert first.payload == b"100"
    results.put_back(first)
    assert results.take() == first


# ---- time and bounds


async def test_the_timer_calls_at_the_earliest_time() -> None:
    """Later wishes do not move it, earlier ones do; it calls once."""
    clock, calls = ManualClock(), []
    timer = Timer(clock, lambda: calls.append(clock.monotonic()))
    timer.at(clock.monotonic() + 10)
    timer.at(clock.monotonic() + 20)
    timer.at(None)
    timer.at(clock.monotonic() + 5)
    await asyncio.sleep(0)
    for _ in range(30):
        clock.advance(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert calls == [1005.0]
    await timer.close()


def test_a_bucket_gives_so_many() -> None:
    """A burst at once, then by the second."""
    clock = ManualClock()
    bucket = TokenBucket(clock, burst=5, per_second=2)
    assert [bucket.take() for _ in range(7)] == [True] * 5 + [False] * 2
    clock.advance(1.0)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    clock.advance(1000)
    assert sum(bucket.take() for _ in range(20)) == 5


def test_complaints_are_said_once_and_forgotten() -> None:
    """The first words stay while it lasts; each kind once; nothing is said anew for counting on."""
    clock, changes = ManualClock(), []
    complaints = Complaints("county", clock, lambda: changes.append(1))
    for number in range(5):
        complaints.happened("nonsense", f"number {number}" + "x" * 500)
    complaints.lasts("no-subscriber", "event/alarm")
    complaints.lasts("no-subscriber", "event/alarm")
    assert len(changes) == 2
    assert complaints.counts["nonsense"] == 5
    assert [reason[:22] for reason in complaints.reasons] == [
        "no-subscriber: event/a",
        "nonsense: number 0xxxx",
    ]
    assert all(len(reason) < 150 for reason in complaints.reasons)
    complaints.lasts("no-subscriber", None)
    clock.advance(FORGOTTEN_AFTER_S)
    complaints.forget_old()
    assert complaints.reasons == ()
    assert len(changes) == 4


def test_readings_are_bounded_and_counted() -> None:
    """A stock of 1,000 for a destination; what does not fit is dropped and counted; a batch is due 5 s later."""
    clock = ManualClock()
    stock = ReadingStock(clock)
    for number in range(STOCK_LIMIT + 10):
        at = START + timedelta(seconds=number)
        stock.add(Reading(device=f"d{number % 2}", point="t", value=21.5, unit="°C", at=at))
    assert stock.dropped == 10
    assert stock.next_at == pytest.approx(clock.monotonic() + 5)
    batches = stock.take("root")
    assert [message.topic for message in batches] == ["root/reading/d0", "root/reading/d1"]
    assert [len(json.loads(message.payload)["values"]) for message in batches] == [500, 500]
    assert (stock.take("root"), stock.next_at) == ([], None)
