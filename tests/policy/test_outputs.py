"""gateway.policy.outputs: which alarms switch an output on, for how long, and when it is tested."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Alarm, Kind, Severity, Zone
from gateway.policy.outputs import (
    Demand,
    OutputKind,
    OutputRule,
    Until,
    is_test_due,
    is_test_time,
    may_test,
    on_until,
    wanted,
    wants,
)
from tests.policy.alarms_by_hand import acknowledged, closed, raised, returned, shelved

SIREN = OutputRule(
    kind="sounder",
    severities=frozenset({Severity.CRITICAL, Severity.HIGH}),
    zones=frozenset(),
    until="acknowledged",
    max_on_s=600,
)

ALARMS = st.builds(
    lambda kind, drill, returns, become: become(raised(kind, drill=drill, returns=returns)),
    st.sampled_from(Kind),
    st.booleans(),
    st.booleans(),
    st.sampled_from([lambda alarm: alarm, acknowledged, returned, shelved, closed]),
)
RULES = st.builds(
    OutputRule,
    kind=st.sampled_from(get_args(OutputKind)),
    severities=st.frozensets(st.sampled_from(Severity), min_size=1),
    zones=st.frozensets(st.sampled_from(["gate", "hall"])),
    until=st.sampled_from(get_args(Until)),
    max_on_s=st.integers(1, 86400),
)
DEMANDS = st.lists(
    st.builds(Demand, alarm=ALARMS, silenced=st.booleans(), asked_at=st.floats(0, 1e6, allow_nan=False)),
    max_size=6,
)
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


def asks(alarm: Alarm, rule: OutputRule = SIREN, *, silenced: bool = False) -> bool:
    return wants(rule, alarm, silenced=silenced)


@pytest.mark.parametrize("kind", [Kind.DEVICE_LOST, Kind.BUS_LOST, Kind.DISK, Kind.SITE_FILE])
def test_the_gateway_s_own_alarms_switch_nothing(kind: Kind) -> None:
    """A lost panel or a full disk clears no school, however severe: it sounds on the console."""
    alarm = raised(kind)
    own = replace(alarm, source=replace(alarm.source, point=None, severity=Severity.CRITICAL))

    assert asks(replace(own, source=replace(own.source, point="p")))
    assert not asks(own)


@pytest.mark.parametrize("kind", [Kind.PANIC, Kind.FIRE, Kind.SMOKE, Kind.INTRUSION])
def test_an_alarm_switches_on_until_it_is_acknowledged(kind: Kind) -> None:
    """A sounder is on from the press to the acknowledgement, whether the source has returned or not; in a drill too."""
    assert asks(raised(kind))
    assert asks(raised(kind, drill=True))
    assert asks(returned(raised(kind)))
    assert not asks(acknowledged(raised(kind)))


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("acknowledged", (True, False, False)),
        ("returned", (False, True, False)),
        ("closed", (True, True, False)),
    ],
)
def test_until_says_what_ends_it(until: Until, expected: tuple[bool, bool, bool]) -> None:
    """Acknowledged, returned or closed: the site file's choice."""
    rule = replace(SIREN, until=until)
    alarm = raised()

    assert asks(alarm, rule)
    assert (
        tuple(asks(each, rule) for each in (returned(alarm), acknowledged(alarm), closed(alarm))) == expected
    )


def test_a_source_that_never_returns_is_heard_all_the_same() -> None:
    """`until = "returned"`: a panel's fire alarm has returned as it is raised, so it lasts until it is acknowledged."""
    alarm = raised(Kind.FIRE, returns=False)
    rule = replace(SIREN, until="returned")

    assert alarm.returned_at is not None
    assert asks(alarm, rule)
    assert not asks(acknowledged(alarm), rule)


def test_severity_and_zone_choose_the_alarms() -> None:
    """An output serves its severities and zones; an alarm without a zone is for outputs without zones."""
    gate, hall = replace(SIREN, zones=frozenset({"gate"})), replace(SIREN, zones=frozenset({"hall"}))
    nowhere = replace(raised(), source=replace(raised().source, zone=None))
    elsewhere = replace(raised(), source=replace(raised().source, zone=Zone(id="hall", name="", place="")))

    assert not asks(raised(Kind.TAMPER))
    assert (asks(raised(), gate), asks(raised(), hall)) == (True, False)
    assert (asks(elsewhere, gate), asks(elsewhere, hall)) == (False, True)
    assert (asks(nowhere, gate), asks(nowhere, SIREN)) == (False, True)


@given(rule=RULES, silenced=st.booleans())
def test_duress_switches_nothing(*, rule: OutputRule, silenced: bool) -> None:
    """No sounder, strobe or relay, whatever the site file says."""
    alarm = raised(Kind.DURESS)

    assert not wants(rule, alarm, silenced=silenced)
    assert not may_test(rule, [alarm])  # nor does a test


@given(rule=RULES, alarm=ALARMS, silenced=st.booleans())
def test_what_is_shelved_or_closed_asks_for_nothing(
    *, rule: OutputRule, alarm: Alarm, silenced: bool
) -> None:
    """Set aside or ended by a person."""
    if alarm.shelved_until is not None or not alarm.is_open:
        assert not wants(rule, alarm, silenced=silenced)


@given(RULES, ALARMS)
def test_a_silence_is_for_sounders_alone(rule: OutputRule, alarm: Alarm) -> None:
    """A silenced alarm sounds nowhere; its strobes and relays go on as they would."""
    if rule.kind == "sounder":
        assert not wants(rule, alarm, silenced=True)
    else:
        assert wants(rule, alarm, silenced=True) == wants(rule, alarm, silenced=False)


@given(RULES, DEMANDS, st.floats(0, 1e6, allow_nan=False))
def test_an_output_is_on_only_for_an_alarm_that_asked_not_long_ago(
    rule: OutputRule, demands: list[Demand], now: float
) -> None:
    """On exactly where one alarm by itself would have it on: nothing adds up, nothing cancels, never past `max_on_s`."""
    on = wanted(rule, demands, now)

    assert on == any(wanted(rule, [demand], now) for demand in demands)
    if on:
        assert now < max(demand.asked_at for demand in demands) + rule.max_on_s
    assert (on_until(rule, demands) is None) == (
        not any(wants(rule, demand.alarm, silenced=demand.silenced) for demand in demands)
    )


def test_the_time_counts_from_the_last_request() -> None:
    """600 s after the first press it is over; another press begins anew."""
    first, again = (Demand(alarm=raised(), silenced=False, asked_at=at) for at in (100.0, 650.0))

    assert wanted(SIREN, [first], 699.9)
    assert not wanted(SIREN, [first], 700.0)
    assert wanted(SIREN, [again], 700.0)


def test_a_test_misleads_nobody() -> None:
    """None while an open alarm asks for the output, silenced or not; one that it does not serve is no hindrance.

    A panic that was acknowledged is still dealt with until it is closed; a tamper is not in the way of a strobe's test.
    """
    assert may_test(SIREN, [])
    assert may_test(SIREN, [raised(Kind.TAMPER), closed(raised())])
    assert not may_test(SIREN, [raised()])
    for become in (acknowledged, returned):
        assert not may_test(SIREN, [become(raised())])
    strobe = replace(SIREN, kind="strobe", severities=frozenset(Severity))
    assert may_test(strobe, [acknowledged(raised(Kind.TAMPER))])
    assert not may_test(strobe, [raised(Kind.TAMPER)])


@pytest.mark.parametrize(
    ("clock", "begins"),
    [("09:59:59", False), ("10:00:00", True), ("10:04:59", True), ("10:05:00", False), ("22:00:00", False)],
)
def test_a_test_is_at_its_time_of_day(*, clock: str, begins: bool) -> None:
    """Not at any time at which the daemon happens to start."""
    local = datetime.combine(date(2026, 3, 1), time.fromisoformat(clock)).astimezone()

    assert is_test_time(time(10), local) is begins


@pytest.mark.parametrize(
    ("today", "last", "due"),
    [
        ("2026-03-14", None, False),  # new here: on its day
        ("2026-03-15", None, True),
        ("2026-03-14", "2026-02-15", False),
        ("2026-03-15", "2026-02-15", True),
        ("2026-03-20", "2026-02-15", True),  # the daemon was down on the 15th
        ("2026-03-20", "2026-03-15", False),  # done
        ("2026-03-20", "2026-03-02", False),  # done by hand
        ("2026-03-03", "2026-01-15", True),  # all of February was missed
        ("2026-04-02", "2026-03-03", False),  # and then the day is the day again
        ("2027-01-15", "2026-12-15", True),
        ("2026-03-15", "2031-01-15", True),  # a clock was wrong
    ],
)
def test_a_test_is_due_once_a_month(*, today: str, last: str | None, due: bool) -> None:
    """On its day; made up for where it was missed; never twice in a month."""
    before = date.fromisoformat(last) if last else None

    assert is_test_due(15, today=date.fromisoformat(today), last=before) is due


@given(st.integers(1, 28), DAYS, st.sets(st.integers(0, 400)))
def test_over_a_year_no_month_has_two_tests_or_two_months_none(day: int, start: date, down: set[int]) -> None:
    """Whatever days the daemon is down: never twice in a month, and a month that was up whole is never left out."""
    last: date | None = None
    tested: list[date] = []
    ups = [start + timedelta(days=n) for n in range(400) if n not in down]
    for today in ups:
        if is_test_due(day, today=today, last=last):
            last = today
            tested.append(today)
    months = [(each.year, each.month) for each in tested]
    counts = {(each.year, each.month): 0 for each in ups}
    for each in ups:
        counts[each.year, each.month] += each.day >= day

    assert len(months) == len(set(months))
    assert all(month in months for month, chances in counts.items() if chances)
