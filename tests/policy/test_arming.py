"""gateway.policy.arming: what a zone and a bypass make of a press, and what people may do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ActRefused
from gateway.model import GATEWAY, POINT_KINDS, Bypass, Kind, Level, Origin, Signal, ZoneArming
from gateway.policy import arming as policy
from gateway.policy.alarms import NEVER_SHELVED
from gateway.policy.arming import BY_ZONE, SCHEDULE, WAITING_LIMIT, Answer, Watch
from gateway.policy.schedule import Stretch

NOW = datetime(2026, 9, 7, 14, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
DISARMED = ZoneArming(zone="hall", armed=False, since=NOW, by="wang")
ARMED = replace(DISARMED, armed=True)
LEAVING = replace(ARMED, exit_until=LATER)
ENTERING = replace(ARMED, entry_until=LATER)
DOOR = Watch(zone="hall", point_kind=Kind.DOOR, entry=True, entry_s=30)
WINDOW = replace(DOOR, point_kind=Kind.INTRUSION, entry=False)
SET_ASIDE = Bypass(point="p", kind=Kind.DOOR, since=NOW, until=LATER, by="li", reason="维修")
PRESS = Signal(device="d", point="p", kind=Kind.DOOR, level=Level.ACTIVE, origin=Origin.EVENT)

states = st.sampled_from([None, DISARMED, ARMED, LEAVING, ENTERING])
watches = st.builds(
    Watch,
    zone=st.sampled_from(["hall", None]),
    point_kind=st.sampled_from([*POINT_KINDS, None]),
    entry=st.booleans(),
    entry_s=st.sampled_from([0, 30]),
)


@given(st.sampled_from(sorted(set(Kind) - BY_ZONE)), watches, states)
def test_what_watches_round_the_clock_is_never_disarmed(
    kind: Kind, watch: Watch, state: ZoneArming | None
) -> None:
    """GB 50394 5.2.3: panic, duress, fire, smoke, tamper, fault … alarm whatever the zone is."""
    assert policy.answer(kind, watch, state, None) is Answer.ALARM


@given(st.sampled_from(sorted(NEVER_SHELVED)), watches, states)
def test_panic_duress_and_fire_know_no_bypass(kind: Kind, watch: Watch, state: ZoneArming | None) -> None:
    """Not even as another kind of a point that is bypassed."""
    assert policy.answer(kind, watch, state, SET_ASIDE) is Answer.ALARM


@given(
    st.sampled_from(sorted(BY_ZONE)),
    st.sampled_from(sorted(POINT_KINDS - BY_ZONE)),
    watches,
    states,
)
def test_what_a_panel_calls_a_burglary_is_what_the_site_file_says(
    kind: Kind, point_kind: Kind, watch: Watch, state: ZoneArming | None
) -> None:
    """A panic button or tamper loop that a panel reports by its burglary code watches round the clock all the same."""
    assert policy.answer(kind, replace(watch, point_kind=point_kind), state, None) is Answer.ALARM


@given(st.sampled_from(sorted(Kind)), watches, st.sampled_from(sorted(POINT_KINDS)))
def test_a_bypass_is_of_the_point_as_it_was(kind: Kind, watch: Watch, then: Kind) -> None:
    """A door that the site file has since made a smoke detector, or that never could be set aside, is not bypassed."""
    bypass = replace(SET_ASIDE, kind=then)
    if watch.point_kind is not then or then in NEVER_SHELVED:
        assert policy.answer(kind, watch, ARMED, bypass) is policy.answer(kind, watch, ARMED, None)


@given(st.sampled_from(sorted(BY_ZONE)), watches)
def test_a_zone_that_nobody_touched_is_armed(kind: Kind, watch: Watch) -> None:
    """No row is an armed zone: it answers as one that was armed."""
    assert policy.answer(kind, watch, None, None) is policy.answer(kind, watch, ARMED, None)


@pytest.mark.parametrize(
    ("watch", "state", "found"),
    [
        (WINDOW, ARMED, Answer.ALARM),
        (WINDOW, DISARMED, Answer.NOTHING),
        (WINDOW, LEAVING, Answer.NOTHING),
        (WINDOW, ENTERING, Answer.WAIT),
        (DOOR, ARMED, Answer.BEGIN_ENTRY),
        (DOOR, DISARMED, Answer.NOTHING),
        (DOOR, LEAVING, Answer.NOTHING),
        (DOOR, ENTERING, Answer.WAIT),
        (replace(DOOR, entry_s=0), ARMED, Answer.ALARM),
        (replace(WINDOW, zone=None), DISARMED, Answer.ALARM),
    ],
)
def test_intrusion_and_door_obey_their_zone(watch: Watch, state: ZoneArming, found: Answer) -> None:
    """Disarmed or leaving: nothing. On the way in: wait. A point without a zone has nobody to disarm it."""
    assert policy.answer(Kind.DOOR, watch, state, None) is found


@pytest.mark.parametrize(
    ("point", "kind", "found"),
    [
        (Kind.DOOR, Kind.DOOR, Answer.NOTHING),
        (Kind.DOOR, Kind.TAMPER, Answer.ALARM),
        (Kind.SMOKE, Kind.SMOKE, Answer.NOTHING),
        (Kind.SMOKE, Kind.FAULT, Answer.NOTHING),
        (Kind.SMOKE, Kind.FIRE, Answer.ALARM),
    ],
)
def test_what_a_bypass_covers(point: Kind, kind: Kind, found: Answer) -> None:
    """A guard's bypass of a door leaves its tamper, which he may not set aside; a technician's covers the faults too."""
    watch = replace(WINDOW, point_kind=point)

    assert policy.answer(kind, watch, ARMED, replace(SET_ASIDE, kind=point)) is found
    assert policy.answer(kind, watch, ARMED, replace(SET_ASIDE, until=NOW)) is Answer.ALARM


def test_who_waits_is_bounded_and_named_once() -> None:
    """The entry begins with the first; another press of the same point adds nothing; past the limit it alarms."""
    first = policy.wait(None, PRESS, DOOR, now=NOW, drill=False)
    assert (first.armed, first.by, first.entry_until) == (True, GATEWAY, NOW + timedelta(seconds=30))
    assert policy.wait(first, PRESS, DOOR, now=LATER, drill=True) == first

    second = policy.wait(first, replace(PRESS, point="q"), WINDOW, now=LATER, drill=True)
    assert [(waits.point, waits.at, waits.drill) for waits in second.waiting] == [
        ("p", NOW, False),
        ("q", LATER, True),
    ]
    assert second.entry_until == first.entry_until
    full = replace(second, waiting=second.waiting[:1] * WAITING_LIMIT)
    assert policy.answer(Kind.DOOR, WINDOW, full, None) is Answer.ALARM


def test_arming_and_disarming() -> None:
    """Each only once; disarming ends a leave or an entry; the schedule does not disarm while somebody enters."""
    armed = policy.arm(DISARMED, "hall", actor="wang", now=NOW, exit_s=60)
    assert (armed.armed, armed.exit_until) == (True, NOW + timedelta(seconds=60))
    assert policy.arm(DISARMED, "hall", actor="wang", now=NOW, exit_s=0).exit_until is None

    for state in (None, ARMED, armed):
        with pytest.raises(ActRefused) as caught:
            policy.arm(state, "hall", actor="wang", now=NOW, exit_s=0)
        assert caught.value.code == "already-armed"

    waiting = policy.wait(ARMED, PRESS, DOOR, now=NOW, drill=False)
    assert policy.disarm(waiting, "hall", actor="wang", now=NOW) == DISARMED
    with pytest.raises(ActRefused) as caught:
        policy.disarm(waiting, "hall", actor=SCHEDULE, now=NOW)
    assert caught.value.code == "entry-under-way"
    with pytest.raises(ActRefused) as caught:
        policy.disarm(DISARMED, "hall", actor="wang", now=NOW)
    assert caught.value.code == "already-disarmed"


@given(st.sampled_from(sorted(POINT_KINDS)))
def test_what_may_be_bypassed(kind: Kind) -> None:
    """All kinds but panic, duress and fire; a guard may for intrusion and door only."""
    if kind in NEVER_SHELVED:
        with pytest.raises(ActRefused) as caught:
            policy.bypass("p", kind, actor="li", until=LATER, reason="维修", now=NOW)
        assert caught.value.code == "never-bypassed"
    else:
        made = policy.bypass("p", kind, actor="li", until=LATER, reason=" 维修 ", now=NOW)
        assert (made.lasts, made.reason) == (True, "维修")
        assert not policy.restore(made, "p").lasts
    assert policy.guard_may_bypass(kind) is (kind in {Kind.INTRUSION, Kind.DOOR})


@pytest.mark.parametrize(
    ("minutes", "reason", "code"),
    [
        (0, "维修", "bypass-too-long"),
        (24 * 60 + 1, "维修", "bypass-too-long"),
        (1, "  ", "reason-needed"),
        (1, "长" * 501, "reason-needed"),
    ],
)
def test_a_bypass_is_limited_and_has_a_reason(minutes: int, reason: str, code: str) -> None:
    """24 hours at most, 1 to 500 characters."""
    with pytest.raises(ActRefused) as caught:
        policy.bypass(
            "p", Kind.DOOR, actor="li", until=NOW + timedelta(minutes=minutes), reason=reason, now=NOW
        )
    assert caught.value.code == code


def test_only_a_bypass_is_restored() -> None:
    """There is none, or it has ended."""
    for state in (None, replace(SET_ASIDE, until=SET_ASIDE.since)):
        with pytest.raises(ActRefused) as caught:
            policy.restore(state, "p")
        assert caught.value.code == "not-bypassed"


@pytest.mark.parametrize(
    ("schedule", "state", "since", "found"),
    [
        (True, None, None, None),
        (False, None, None, False),
        (True, DISARMED, NOW - timedelta(hours=2), True),  # before the schedule's last change: it was missed
        (True, DISARMED, NOW, None),  # after it: stands until the next
        (False, ARMED, NOW, None),
        (False, replace(ARMED, by=GATEWAY), NOW, False),  # an entry's row: nobody's act
        (True, replace(DISARMED, by=SCHEDULE), NOW, True),  # by a wrong clock, or before a holiday was told
        (False, replace(ARMED, by=SCHEDULE), NOW, False),
        (True, ARMED, NOW - timedelta(hours=2), None),
    ],
)
def test_what_the_schedule_wants(
    schedule: bool,  # noqa: FBT001 - a table
    state: ZoneArming | None,
    since: datetime | None,
    found: bool | None,  # noqa: FBT001 - a table
) -> None:
    """An act of a person after the schedule's last change stands; all before it gives way."""
    stretch = Stretch(schedule, NOW - timedelta(hours=1), NOW + timedelta(hours=1))

    assert policy.wanted(stretch, state, since) is found


@given(
    st.integers(0, 400),
    st.none() | st.integers(0, 400),
    st.integers(1, 366),
)
def test_when_a_point_counts_as_untested(since: int, tested: int | None, test_days: int) -> None:
    """Days ago: the later of its first watching and its last press is more than `test_days` back."""
    stamps = (
        NOW - timedelta(days=since),
        None if tested is None else NOW - timedelta(days=tested),
    )
    latest = since if tested is None else min(since, tested)

    assert policy.is_untested(stamps, test_days, NOW) is (latest > test_days)
