"""What a press asks for, when a clip is ripe, what is missing of it, how long it stays."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from gateway.model import Alarm, Kind, Severity, Source, Verdict
from gateway.policy.evidence import (
    LONGEST_CLIP,
    MOST_OF_AN_ALARM,
    Closed,
    EvidenceKind,
    EvidenceRules,
    Known,
    Longer,
    Press,
    Wanted,
    cameras_of,
    causes,
    first_to_go,
    holes,
    is_ripe,
    kept_until,
    plan,
)
from tests.clocks import START

RULES = EvidenceRules(
    snapshots=True,
    clips=True,
    before=timedelta(seconds=30),
    after=timedelta(seconds=60),
    hold=timedelta(days=180),
    keep=timedelta(days=90),
)


def after(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def alarm(**changes: object) -> Alarm:
    """An alarm of a button that one camera sees."""
    source = Source(
        subject="button",
        point="button",
        device="box",
        kind=Kind.PANIC,
        severity=Severity.CRITICAL,
        name="Button",
        zone=None,
        cameras=("cam",),
    )
    made = Alarm(id="a", source=source, drill=False, raised_at=START, last_raised_at=START)
    return replace(made, **changes)  # type: ignore[arg-type]  # whatever a test wants of it


def chatter(times: list[float], *, camera: str = "cam", cut: bool = False) -> list[Known]:
    """All evidence of an alarm that was pressed at these seconds; `cut`: each clip is done before the next press."""
    known: list[Known] = []
    for number, at in enumerate(times):
        press = Press(alarm=alarm(), number=number, at=after(at), drill=False, clock="trusted")
        for step in plan(press, camera, known, RULES):
            if isinstance(step, Longer):
                known = [
                    replace(one, end=step.end, press=number) if one.id == step.id else one for one in known
                ]
            else:
                known.append(
                    Known(
                        id=f"{len(known)}",
                        camera=camera,
                        kind=step.kind,
                        press=number,
                        start=step.start,
                        end=step.end,
                        waiting=not cut,
                    )
                )
    return known


def clips(known: list[Known]) -> list[tuple[float, float]]:
    """The clips as seconds after the start."""
    return [
        ((one.start - START).total_seconds(), (one.end - START).total_seconds())
        for one in known
        if one.kind is EvidenceKind.CLIP
    ]


def test_a_press_asks_for_a_snapshot_and_a_clip() -> None:
    """The moment, and what is around it; the same press again asks for nothing."""
    press = Press(alarm=alarm(), number=0, at=START, drill=False, clock="trusted")
    assert plan(press, "cam", (), RULES) == (
        Wanted(camera="cam", kind=EvidenceKind.SNAPSHOT, start=START, end=START),
        Wanted(camera="cam", kind=EvidenceKind.CLIP, start=after(-30), end=after(60)),
    )
    assert plan(press, "cam", chatter([0]), RULES) == ()


def test_presses_share_a_clip_up_to_its_longest() -> None:
    """Then the next one goes on where it ended: no second of footage is copied twice."""
    assert clips(chatter([0, 20, 80])) == [(-30, 140)]
    assert clips(chatter([0, 300])) == [(-30, 60), (270, 360)]
    found = clips(chatter([10.0 * n for n in range(100)]))
    assert all(end - start <= LONGEST_CLIP.total_seconds() for start, end in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))


def test_a_clip_that_was_cut_is_not_made_longer() -> None:
    """What comes after it is a clip of its own, from its end on."""
    assert clips(chatter([0, 20], cut=True)) == [(-30, 60), (60, 80)]


def test_a_chattering_sensor_has_an_end() -> None:
    """A thousand presses, far apart: no more than so many clips and snapshots, but each camera has one in any case."""
    known = chatter([200.0 * n for n in range(1000)])
    assert len(clips(known)) == len(known) - len(clips(known)) == MOST_OF_AN_ALARM
    press = Press(alarm=alarm(), number=5, at=START, drill=False, clock="trusted")
    assert len(plan(press, "other", known, RULES)) == 2


def test_only_points_and_pictures_have_evidence() -> None:
    """Of the gateway's own alarms, those about a camera's picture; not a camera that is lost."""
    own = replace(alarm().source, point=None, subject="cam", cameras=())
    assert cameras_of(alarm()) == ("cam",)
    assert cameras_of(alarm(source=replace(own, kind=Kind.CAMERA_MOVED))) == ("cam",)
    assert cameras_of(alarm(source=replace(own, kind=Kind.DEVICE_LOST))) == ()


@pytest.mark.parametrize(
    ("now", "footage", "ripe"),
    [
        (61, 100, False),
        (63, 100, True),
        (63, 59, False),
        (181, 59, True),
        (181, None, True),
        (179, None, False),
    ],
)
def test_a_clip_waits_for_its_footage_but_not_for_ever(now: float, footage: float | None, ripe: bool) -> None:  # noqa: FBT001 - a row of the table
    """Two seconds after its end at least, a segment and a minute at most."""
    ends = None if footage is None else after(footage)
    assert is_ripe(after(60), now=after(now), footage_ends=ends, segment_s=60) is ripe


def test_what_is_missing_is_told_with_its_cause() -> None:
    """Holes before, between and after; seams are none; a hole that no gap explains has no cause."""
    covered = [(after(5), after(10)), (after(10.2), after(20)), (after(30), after(38))]
    found = list(holes((START, after(40)), covered))
    assert found == [(START, after(5)), (after(20), after(30)), (after(38), after(40))]
    gaps = [(after(-5), after(4), "camera"), (after(22), None, "network")]
    assert [causes(hole, gaps) for hole in found] == [("camera",), ("network",), ("network",)]
    assert causes((after(5), after(6)), gaps) == ()
    assert list(holes((START, after(40)), [])) == [(START, after(40))]


def test_evidence_stays_as_long_as_its_alarm_deserves() -> None:
    """For ever while it is open; then as its hold, a day for what was nothing, keep_days for what holds nothing."""
    closed = {"closed_at": START, "returned_at": START, "acknowledged_at": START}
    medium = replace(alarm().source, severity=Severity.MEDIUM)
    assert kept_until(alarm(), RULES) is None
    assert kept_until(alarm(**closed, verdict=Verdict.REAL), RULES) == START + timedelta(days=180)
    assert kept_until(alarm(**closed, verdict=Verdict.DRILL), RULES) == START + timedelta(hours=24)
    assert kept_until(alarm(**closed, source=medium), RULES) == START + timedelta(days=90)


def closed(name: str, number: int, **changes: object) -> Closed:
    """Evidence of a real alarm that is to be kept for months."""
    made = Closed(
        alarm=name,
        number=number,
        bytes=1,
        until=START + timedelta(days=180),
        sent=False,
        verdict=Verdict.REAL,
        severity=Severity.CRITICAL,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # whatever a test wants of it


def test_what_makes_room_first() -> None:
    """Past its time, then nothing to see, then what is elsewhere too, then the least severe; the oldest of each first."""
    found = [
        closed("critical", 1),
        closed("critical, later", 2),
        closed("high", 3, severity=Severity.HIGH),
        closed("low", 4, severity=Severity.LOW),
        closed("critical, sent", 5, sent=True),
        closed("medium, sent", 6, sent=True, severity=Severity.MEDIUM),
        closed("drill", 7, verdict=Verdict.DRILL),
        closed("false, low", 8, verdict=Verdict.FALSE, severity=Severity.LOW),
        closed("over", 9, until=START),
    ]
    rest = ["drill", "false, low", "medium, sent", "critical, sent", "low", "high", "critical"]
    assert [one.alarm for one in first_to_go(found, START)] == ["over", *rest, "critical, later"]
    assert [one.alarm for one in first_to_go(found, None)] == [*rest, "critical, later", "over"]
