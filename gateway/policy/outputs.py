"""When a sounder, strobe or relay is on, and when it may be tested and is due for it. Values in, decisions out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal

from gateway.model import Alarm, Kind, Severity
from gateway.policy.severity import URGENT

OutputKind = Literal["sounder", "strobe", "relay"]
Until = Literal["acknowledged", "returned", "closed"]

#: A scheduled test begins within so long of its time of day, else on another day.
TEST_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputRule:
    """Which alarms switch an output on, and for how long: no zones means all of them."""

    kind: OutputKind
    severities: frozenset[Severity]
    zones: frozenset[str]
    until: Until
    max_on_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """An alarm, whether its sound is silenced, and the monotonic second in which it last asked for outputs."""

    alarm: Alarm
    silenced: bool
    asked_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputState:
    """How an output is: what is wanted of it, what it was last set to (None: not known), and why that failed."""

    id: str
    wanted: bool
    actual: bool | None
    testing: bool
    reason: str = ""


def wants(rule: OutputRule, alarm: Alarm, *, silenced: bool) -> bool:
    """Whether an alarm asks for the output, whatever the time.

    Duress never does: nobody near may notice it (DESIGN "Severity"); nor do the gateway's own alarms, for a lost device
    or a full disk is no reason to clear a school: they sound on the console. A silence stops sounders only (消音). An alarm
    without a zone counts for outputs without zones. A source that never reports its return has returned as soon as it
    is raised; its alarm asks until it is acknowledged instead.
    """
    source = alarm.source
    if source.severity not in rule.severities or source.kind is Kind.DURESS or source.point is None:
        return False
    if not alarm.is_open or alarm.shelved_until is not None:
        return False
    zone = alarm.source.zone
    if rule.zones and (zone is None or zone.id not in rule.zones):
        return False
    if silenced and rule.kind == "sounder":
        return False
    return _lasts(rule.until, alarm)


def _lasts(until: Until, alarm: Alarm) -> bool:
    if until == "closed":
        return True
    if until == "returned" and alarm.source.returns:
        return alarm.returned_at is None
    return alarm.acknowledged_at is None


def on_until(rule: OutputRule, demands: Iterable[Demand]) -> float | None:
    """The monotonic second in which the output's time is over; None if no alarm asks for it."""
    ends = [
        demand.asked_at + rule.max_on_s
        for demand in demands
        if wants(rule, demand.alarm, silenced=demand.silenced)
    ]
    return max(ends, default=None)


def wanted(rule: OutputRule, demands: Iterable[Demand], now: float) -> bool:
    """Whether the output is to be on: some alarm asks for it, and has not asked for `max_on_s` already."""
    ends = on_until(rule, demands)
    return ends is not None and now < ends


def may_test(rule: OutputRule, alarms: Iterable[Alarm]) -> bool:
    """Whether a test would mislead nobody: no open alarm asks for the output, and none is duress.

    Silenced ones count too, and a critical or high one that would have asked for it until it is closed: people still deal
    with it. A siren that is tested while somebody is threatened would be worse than no test.
    """
    to_the_end = replace(rule, until="closed")
    return not any(
        wants(to_the_end if alarm.source.severity in URGENT else rule, alarm, silenced=False)
        or (alarm.is_open and alarm.source.kind is Kind.DURESS)
        for alarm in alarms
    )


def is_test_time(at: time, local: datetime) -> bool:
    """Whether the site's own time of day is that of the test, or a little later."""
    since = datetime.combine(local.date(), local.time()) - datetime.combine(local.date(), at)
    return timedelta() <= since < TEST_WINDOW


def is_test_due(day: int, *, today: date, last: date | None) -> bool:
    """Whether the output is to be tested today: from that day of the month on, once a month, by hand counts too.

    A month that passed without any test is made up for on the first day that there is. A test that is dated in a month
    to come was dated by a wrong clock, and does not count.
    """
    passed = _months(today) - _months(last) if last is not None else -1
    if passed < 0:
        return today.day >= day
    return passed >= 2 or (passed == 1 and today.day >= day)


def _months(moment: date) -> int:
    return moment.year * 12 + moment.month
