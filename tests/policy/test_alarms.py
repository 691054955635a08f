"""gateway.policy.alarms: every transition of an alarm, one row each (DESIGN I5, "Alarm states")."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.errors import ActRefused
from gateway.model import Alarm, AlarmState, EventType, Kind, Level, Origin, Severity, Verdict
from gateway.policy import alarms
from gateway.policy.alarms import NEVER_SHELVED, SHELVE_LIMIT, Step
from tests.clocks import START
from tests.policy.alarms_by_hand import acknowledged, closed, raised, returned, shelved, signal, source

LATER = START + timedelta(seconds=60)

RAISED = EventType.ALARM_RAISED
REPEATED = EventType.ALARM_REPEATED
RETURNED = EventType.ALARM_RETURNED

OPEN = {
    AlarmState.UNACKNOWLEDGED: raised(),
    AlarmState.ACKNOWLEDGED: acknowledged(raised()),
    AlarmState.RETURNED_UNACKNOWLEDGED: returned(raised()),
    AlarmState.RETURNED_ACKNOWLEDGED: returned(acknowledged(raised())),
}


def on_signal(
    alarm: Alarm | None,
    level: Level = Level.ACTIVE,
    origin: Origin = Origin.EVENT,
    *,
    last: Level = Level.NORMAL,
    drill: bool = False,
    test: bool = False,
    returns: bool = True,
    detail: str = "",
) -> Step | None:
    """One signal, a minute after the start."""
    return alarms.step(
        alarm,
        signal(level, origin, test=test, detail=detail),
        source=source(returns=returns),
        last_level=last,
        now=LATER,
        alarm_id="alarm-2",
        drill=drill,
    )


def refusal(act: Callable[[], Step]) -> str:
    """Why an act is not allowed."""
    with pytest.raises(ActRefused) as caught:
        act()
    assert str(caught.value)
    return caught.value.code


# ---- states


@pytest.mark.parametrize("state", OPEN, ids=str)
def test_states_are_derived_from_the_times(state: AlarmState) -> None:
    """Each combination of returned and acknowledged is one state, and open."""
    assert OPEN[state].state is state
    assert OPEN[state].is_open


def test_a_closed_alarm_is_closed_whatever_else() -> None:
    """A close outweighs all other times."""
    for alarm in OPEN.values():
        ended = replace(alarm, closed_at=LATER, closed_by="li")
        assert (ended.state, ended.is_open) == (AlarmState.CLOSED, False)


# ---- signals

A, N = Level.ACTIVE, Level.NORMAL
EVENT, STATE = Origin.EVENT, Origin.STATE
U, ACK, R_U, R_ACK = OPEN

#: (state before or None, signal's level, its origin, the last journalled level) -> (state after or None, events)
TRANSITIONS: list[
    tuple[AlarmState | None, Level, Origin, Level, AlarmState | None, tuple[EventType, ...]]
] = [
    # nothing is open: an active signal raises, whether it happened now or is found so
    (None, A, EVENT, N, U, (RAISED,)),
    (None, A, STATE, N, U, (RAISED,)),
    (None, A, EVENT, A, U, (RAISED,)),
    (None, A, STATE, A, None, ()),
    (None, N, EVENT, A, None, ()),
    (None, N, STATE, N, None, ()),
    # a press repeats, in every open state, and asks for a new acknowledgement
    (U, A, EVENT, A, U, (REPEATED,)),
    (ACK, A, EVENT, A, U, (REPEATED,)),
    (R_U, A, EVENT, N, U, (REPEATED,)),
    (R_ACK, A, EVENT, N, U, (REPEATED,)),
    # a report of state counts only if the last level was normal
    (U, A, STATE, A, None, ()),
    (ACK, A, STATE, A, None, ()),
    (R_U, A, STATE, A, None, ()),
    (R_ACK, A, STATE, A, None, ()),
    (U, A, STATE, N, U, (REPEATED,)),
    (ACK, A, STATE, N, U, (REPEATED,)),
    (R_U, A, STATE, N, U, (REPEATED,)),
    (R_ACK, A, STATE, N, U, (REPEATED,)),
    # back to normal: once, and the alarm stays open (GB 50394 5.2.3: latching)
    (U, N, EVENT, A, R_U, (RETURNED,)),
    (U, N, STATE, A, R_U, (RETURNED,)),
    (U, N, STATE, N, R_U, (RETURNED,)),
    (ACK, N, EVENT, A, R_ACK, (RETURNED,)),
    (ACK, N, STATE, A, R_ACK, (RETURNED,)),
    (R_U, N, EVENT, A, None, ()),
    (R_U, N, STATE, N, None, ()),
    (R_ACK, N, EVENT, N, None, ()),
    (R_ACK, N, STATE, N, None, ()),
]


@pytest.mark.parametrize(("before", "level", "origin", "last", "after", "events"), TRANSITIONS)
def test_what_a_signal_makes_of_an_alarm(
    before: AlarmState | None,
    level: Level,
    origin: Origin,
    last: Level,
    after: AlarmState | None,
    events: tuple[EventType, ...],
) -> None:
    """Each state, level, origin and last level has one outcome; no outcome means no event at all."""
    step = on_signal(OPEN[before] if before else None, level, origin, last=last)

    assert (step.alarm.state if step else None) is after
    assert (step.events if step else ()) == events


def test_the_table_is_complete() -> None:
    """For every state an event of either level, and a report of state of either level after either last level."""
    told = {(before, level, origin) for before, level, origin, *_ in TRANSITIONS}

    assert told == {
        (before, level, origin) for before in (None, *OPEN) for level in Level for origin in Origin
    }


def test_raised_has_what_the_signal_and_the_site_say() -> None:
    """A new alarm has the id it was given, its source, its times and the device's own words."""
    step = on_signal(None, detail="loop 3")

    assert step is not None
    assert step.alarm == Alarm(
        id="alarm-2",
        source=source(),
        drill=False,
        raised_at=LATER,
        last_raised_at=LATER,
        detail="loop 3",
    )


def test_a_repetition_counts_and_keeps_the_first_time() -> None:
    """The alarm stays the same one; its count, its latest time and its detail move; it is no longer acknowledged."""
    step = on_signal(acknowledged(replace(raised(), repeats=4, detail="loop 3")), detail="loop 4")

    assert step is not None
    again = step.alarm
    assert (again.id, again.raised_at, again.last_raised_at) == ("alarm-1", START, LATER)
    assert (again.repeats, again.detail) == (5, "loop 4")
    assert (again.acknowledged_at, again.acknowledged_by) == (None, None)


def test_a_repetition_without_words_keeps_the_old_ones() -> None:
    """A device that says nothing more does not wipe out what it said."""
    step = on_signal(replace(raised(), detail="loop 3"))

    assert step is not None
    assert step.alarm.detail == "loop 3"


def test_escalation_begins_anew_only_after_an_acknowledgement() -> None:
    """A press on an alarm that nobody acknowledged stays where it had been taken to; else it begins at the bottom."""
    for before, expected in ((raised(), 2), (acknowledged(raised()), 0)):
        step = on_signal(replace(before, escalation=2))
        assert step is not None
        assert step.alarm.escalation == expected


@pytest.mark.parametrize("before", [None, raised(returns=False)], ids=["raised", "repeated"])
def test_what_never_returns_has_returned_at_once(before: Alarm | None) -> None:
    """`returns = false`: `returned` follows right after `raised` or `repeated`, so that a person can close it."""
    step = on_signal(before, returns=False)

    assert step is not None
    assert step.events == (REPEATED if before else RAISED, RETURNED)
    assert step.alarm.returned_at == LATER
    assert step.alarm.state is AlarmState.RETURNED_UNACKNOWLEDGED


def test_a_press_while_shelved_stays_on_the_shelf() -> None:
    """Shelving is for chattering sensors: a repetition is journalled and does not end it."""
    step = on_signal(shelved(raised(Kind.SMOKE)))

    assert step is not None
    assert step.alarm.shelved_until == START + timedelta(hours=1)


@pytest.mark.parametrize(
    ("was_drill", "announced", "test", "is_drill"),
    [
        (None, False, False, False),
        (None, True, False, True),
        (None, False, True, True),
        (True, True, False, True),
        (True, False, True, True),
        (True, False, False, False),  # a real press makes it real
        (False, True, False, False),  # and a drill never makes it a drill again
        (False, False, True, False),
    ],
)
def test_drill_marks(was_drill: bool | None, announced: bool, test: bool, is_drill: bool) -> None:  # noqa: FBT001 - a table
    """Drill is what is announced, or what the device calls a test; one real press outweighs it for good."""
    before = None if was_drill is None else raised(drill=was_drill)
    step = on_signal(before, drill=announced, test=test)

    assert step is not None
    assert step.alarm.drill is is_drill


# ---- withdrawal


@pytest.mark.parametrize("state", OPEN, ids=str)
def test_a_point_that_was_removed_has_returned(state: AlarmState) -> None:
    """It counts as returned, once; a person still has to acknowledge and close."""
    step = alarms.withdraw(OPEN[state], LATER)

    if OPEN[state].returned_at is not None:
        assert step is None
    else:
        assert step is not None
        assert (step.alarm.returned_at, step.events) == (LATER, (RETURNED,))
        assert step.alarm.is_open


# ---- acknowledge


@pytest.mark.parametrize("state", [U, R_U], ids=str)
def test_acknowledge(state: AlarmState) -> None:
    """A person's name and time are kept; nothing else changes."""
    step = alarms.acknowledge(OPEN[state], actor="zhang", now=LATER)

    assert step.events == (EventType.ALARM_ACKNOWLEDGED,)
    assert step.alarm == replace(OPEN[state], acknowledged_at=LATER, acknowledged_by="zhang")


@pytest.mark.parametrize("state", [ACK, R_ACK], ids=str)
def test_acknowledging_twice_is_refused(state: AlarmState) -> None:
    """The second guard is told that somebody was first, and who."""
    with pytest.raises(ActRefused, match="zhang") as caught:
        alarms.acknowledge(OPEN[state], actor="li", now=LATER)

    assert caught.value.code == "already-acknowledged"


# ---- close


@pytest.mark.parametrize(
    ("state", "code"), [(U, "not-acknowledged"), (R_U, "not-acknowledged"), (ACK, "still-active")]
)
def test_close_needs_acknowledgement_and_return(state: AlarmState, code: str) -> None:
    """Nothing is closed that nobody has seen, or whose button is still pressed (I5)."""
    assert refusal(lambda: alarms.close(OPEN[state], actor="li", verdict=Verdict.REAL, now=LATER)) == code


def test_close() -> None:
    """Who, when and the verdict are kept, and it leaves the shelf."""
    step = alarms.close(shelved(OPEN[R_ACK]), actor="li", verdict=Verdict.FALSE, now=LATER)

    assert step.events == (EventType.ALARM_CLOSED,)
    assert step.alarm == replace(OPEN[R_ACK], closed_at=LATER, closed_by="li", verdict=Verdict.FALSE)
    assert step.alarm.state is AlarmState.CLOSED


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("verdict", [None, *Verdict])
@pytest.mark.parametrize("drill", [False, True])
def test_verdicts(severity: Severity, verdict: Verdict | None, drill: bool) -> None:  # noqa: FBT001 - a table
    """Critical and high need one; `drill` is only for what was a drill; the rest is the person's choice."""
    alarm = replace(OPEN[R_ACK], drill=drill, source=source(Kind.FAULT, severity=severity))

    def act() -> Step:
        return alarms.close(alarm, actor="li", verdict=verdict, now=LATER)

    if verdict is None and severity in {Severity.CRITICAL, Severity.HIGH}:
        assert refusal(act) == "verdict-needed"
    elif verdict is Verdict.DRILL and not drill:
        assert refusal(act) == "not-a-drill"
    else:
        assert act().alarm.verdict is verdict


def test_a_drill_alarm_can_turn_out_real() -> None:
    """Somebody pressed in earnest during a drill: the guard may say so."""
    alarm = replace(OPEN[R_ACK], drill=True)

    assert alarms.close(alarm, actor="li", verdict=Verdict.REAL, now=LATER).alarm.verdict is Verdict.REAL


# ---- shelve


@pytest.mark.parametrize("kind", sorted(NEVER_SHELVED))
def test_what_may_not_be_shelved(kind: Kind) -> None:
    """Panic, duress and fire can't be set aside by anybody (GB 50394 5.2.3)."""
    until = LATER + timedelta(hours=1)

    assert (
        refusal(lambda: alarms.shelve(raised(kind), actor="li", until=until, reason="works", now=LATER))
        == "never-shelved"
    )


def test_never_shelved_are_panic_duress_fire() -> None:
    """The list is this and no other."""
    assert {Kind.PANIC, Kind.DURESS, Kind.FIRE} == NEVER_SHELVED


@pytest.mark.parametrize(
    ("seconds", "allowed"),
    [(-1, False), (0, False), (1, True), (86400, True), (86401, False)],
)
def test_shelving_is_limited(seconds: int, allowed: bool) -> None:  # noqa: FBT001 - a table
    """It ends after now, and within 24 hours."""
    assert timedelta(hours=24) == SHELVE_LIMIT
    alarm = raised(Kind.SMOKE)
    until = LATER + timedelta(seconds=seconds)

    def act() -> Step:
        return alarms.shelve(alarm, actor="li", until=until, reason=" works ", now=LATER)

    if allowed:
        expected = replace(alarm, shelved_until=until, shelved_by="li", shelved_reason="works")
        assert act() == Step(expected, (EventType.ALARM_SHELVED,))
    else:
        assert refusal(act) == "shelve-too-long"


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501])
def test_shelving_needs_a_reason(reason: str) -> None:
    """An empty reason is none, and a novel is none either."""
    until = LATER + timedelta(hours=1)

    assert (
        refusal(lambda: alarms.shelve(raised(Kind.SMOKE), actor="li", until=until, reason=reason, now=LATER))
        == "reason-needed"
    )


def test_shelving_anew_replaces_the_old() -> None:
    """A second guard may shorten or lengthen it, in his name."""
    step = alarms.shelve(
        shelved(raised(Kind.SMOKE)),
        actor="li",
        until=LATER + timedelta(minutes=5),
        reason="checked",
        now=LATER,
    )

    assert (step.alarm.shelved_by, step.alarm.shelved_reason) == ("li", "checked")


def test_unshelve() -> None:
    """Back on the screen as it was before; what is not shelved can't be."""
    alarm = raised(Kind.SMOKE)

    assert alarms.unshelve(shelved(alarm)) == Step(alarm, (EventType.ALARM_UNSHELVED,))
    assert refusal(lambda: alarms.unshelve(alarm)) == "not-shelved"


# ---- a closed alarm is history


@pytest.mark.parametrize(
    "act",
    [
        lambda alarm: alarms.acknowledge(alarm, actor="li", now=LATER),
        lambda alarm: alarms.close(alarm, actor="li", verdict=Verdict.REAL, now=LATER),
        lambda alarm: alarms.shelve(alarm, actor="li", until=LATER, reason="works", now=LATER),
        alarms.unshelve,
    ],
    ids=["acknowledge", "close", "shelve", "unshelve"],
)
def test_nothing_can_be_done_to_a_closed_alarm(act: Callable[[Alarm], Step]) -> None:
    """Every act on it is refused, naming who closed it."""
    ended = closed(raised(Kind.SMOKE))
    with pytest.raises(ActRefused, match="li") as caught:
        act(ended)

    assert caught.value.code == "closed"


# ---- the rest


def test_escalate_is_one_step() -> None:
    """One higher, one event, nothing else."""
    step = alarms.escalate(replace(raised(), escalation=1))

    assert step == Step(replace(raised(), escalation=2), (EventType.ALARM_ESCALATED,))


def test_lanes() -> None:
    """Critical and high overtake a backlog in lane 1; the others go in sequence in lane 3."""
    assert [alarms.lane_of(severity) for severity in Severity] == [1, 1, 3, 3]
