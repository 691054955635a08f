"""gateway.policy.alarms for any sequence of signals and acts: what must hold whatever devices and people do."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.errors import ActRefused
from gateway.model import (
    Alarm,
    AlarmState,
    EventType,
    Kind,
    Level,
    Origin,
    Severity,
    Signal,
    Source,
    Verdict,
)
from gateway.policy import alarms
from gateway.policy.alarms import NEVER_SHELVED, SHELVE_LIMIT, Step
from tests.clocks import START
from tests.policy.alarms_by_hand import signal, source

GUARDS = st.sampled_from(["zhang", "li"])
URGENT = {Severity.CRITICAL, Severity.HIGH}


@dataclass
class Point:
    """One point as the journal knows it: its last level, its open alarm, and all that ever was."""

    source: Source
    level: Level = Level.NORMAL
    open: Alarm | None = None
    history: list[tuple[EventType, Alarm]] = field(default_factory=list)
    presses: list[datetime] = field(default_factory=list)
    closes: list[Alarm] = field(default_factory=list)


class School(RuleBasedStateMachine):
    """Three points, whatever happens to them, and guards who click anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.ids = 0
        self.points: list[Point] = []

    @initialize(returns=st.booleans(), other=st.sampled_from([Kind.SMOKE, Kind.TAMPER, Kind.DOOR]))
    def build(self, *, returns: bool, other: Kind) -> None:
        """A button that returns or does not, one that latches, and another kind."""
        sources = (source(Kind.PANIC, returns=returns), source(Kind.FIRE), source(other))
        self.points = [Point(each) for each in sources]

    # ---- what happens

    @rule(seconds=st.integers(1, 100_000))
    def time_passes(self, seconds: int) -> None:
        """Seconds to days."""
        self.now += timedelta(seconds=seconds)

    @rule(
        index=st.integers(0, 2),
        level=st.sampled_from(Level),
        origin=st.sampled_from(Origin),
        drill=st.booleans(),
        test=st.booleans(),
    )
    def a_signal_comes(self, index: int, level: Level, origin: Origin, *, drill: bool, test: bool) -> None:
        """As the journal records it: state is read and written in one go."""
        point = self.points[index]
        told = signal(level, origin, kind=point.source.kind, test=test)
        self.ids += 1
        step = alarms.step(
            point.open,
            told,
            source=point.source,
            last_level=point.level,
            now=self.now,
            alarm_id=f"alarm-{self.ids}",
            drill=drill,
        )
        self._judge(point, told, step, was_drill=drill or test)
        point.level = level
        if level is Level.ACTIVE and origin is Origin.EVENT:
            point.presses.append(self.now)
        self._keep(point, step)

    @rule(index=st.integers(0, 2))
    def the_point_is_removed(self, index: int) -> None:
        """A technician takes it out of the site file."""
        point = self.points[index]
        if point.open is not None:
            step = alarms.withdraw(point.open, self.now)
            if step is not None:
                point.level = Level.NORMAL
            self._keep(point, step)

    @rule(index=st.integers(0, 2), who=GUARDS)
    def a_guard_acknowledges(self, index: int, who: str) -> None:
        """Allowed or not."""
        self._act(index, lambda alarm: alarms.acknowledge(alarm, actor=who, now=self.now))

    @rule(index=st.integers(0, 2), who=GUARDS, verdict=st.none() | st.sampled_from(Verdict))
    def a_guard_closes(self, index: int, who: str, verdict: Verdict | None) -> None:
        """Allowed or not."""
        self._act(index, lambda alarm: alarms.close(alarm, actor=who, verdict=verdict, now=self.now))

    @rule(index=st.integers(0, 2), who=GUARDS, seconds=st.integers(-10, 100_000), reason=st.text(max_size=3))
    def a_guard_shelves(self, index: int, who: str, seconds: int, reason: str) -> None:
        """Allowed or not."""
        until = self.now + timedelta(seconds=seconds)
        self._act(
            index, lambda alarm: alarms.shelve(alarm, actor=who, until=until, reason=reason, now=self.now)
        )

    @rule(index=st.integers(0, 2))
    def the_shelf_is_cleared(self, index: int) -> None:
        """Allowed or not."""
        self._act(index, alarms.unshelve)

    @rule(index=st.integers(0, 2))
    def nobody_comes(self, index: int) -> None:
        """One step higher."""
        point = self.points[index]
        if point.open is not None and point.open.acknowledged_at is None:
            self._keep(point, alarms.escalate(point.open))

    def _act(self, index: int, act: Callable[[Alarm], Step]) -> None:
        point = self.points[index]
        if point.open is None:
            return
        with suppress(ActRefused):
            self._keep(point, act(point.open))

    def _keep(self, point: Point, step: Step | None) -> None:
        if step is None:
            return
        assert step.events, "a change without an event"
        point.history += [(event, step.alarm) for event in step.events]
        if step.alarm.is_open:
            point.open = step.alarm
        else:
            assert point.open is not None
            assert point.open.state is AlarmState.RETURNED_ACKNOWLEDGED, "closed too early"
            point.closes.append(step.alarm)
            point.open = None

    # ---- what must hold of one step

    def _judge(self, point: Point, told: Signal, step: Step | None, *, was_drill: bool) -> None:
        before, known = point.open, point.level is Level.ACTIVE
        if told.origin is Origin.STATE and told.level is Level.ACTIVE and known:
            assert step is None, "a report of a state that was known repeated the alarm"
        if told.level is Level.ACTIVE and told.origin is Origin.EVENT:
            assert step is not None, "a press made nothing"
        if step is None:
            return
        assert step.alarm.is_open, "a signal closed an alarm"
        if before is None:
            assert step.events[0] is EventType.ALARM_RAISED
            assert step.alarm.drill is was_drill
        else:
            assert step.alarm.id == before.id, "two open alarms of one point and kind"
            assert before.drill or not step.alarm.drill, "a real alarm became a drill"
            assert step.alarm.raised_at == before.raised_at
        if told.level is Level.ACTIVE:
            assert step.alarm.acknowledged_at is None, "a press that nobody has to acknowledge"
            if not was_drill:
                assert not step.alarm.drill, "a real press that looks like a drill"

    # ---- what must hold at any time

    @invariant()
    def no_press_is_lost(self) -> None:
        """Each active event has an open alarm, or a person closed its alarm after it."""
        for point in self.points:
            for press in point.presses:
                still_open = point.open is not None and point.open.last_raised_at >= press
                ended = any(alarm.closed_at and alarm.closed_at >= press for alarm in point.closes)
                assert still_open or ended

    @invariant()
    def only_persons_close(self) -> None:
        """A closed alarm was acknowledged and back to normal, has a person's name, and a verdict where one is due."""
        for point in self.points:
            for alarm in point.closes:
                assert alarm.state is AlarmState.CLOSED
                assert alarm.acknowledged_at is not None
                assert alarm.returned_at is not None
                assert alarm.closed_by in {"zhang", "li"}
                assert alarm.closed_at is not None
                assert alarm.raised_at <= alarm.last_raised_at <= alarm.acknowledged_at <= alarm.closed_at
                assert alarm.shelved_until is None
                if alarm.source.severity in URGENT:
                    assert alarm.verdict is not None
                assert alarm.verdict is not Verdict.DRILL or alarm.drill

    @invariant()
    def open_states_follow_from_the_times(self) -> None:
        """An open alarm is in exactly one of the four open states, acknowledged by somebody or by nobody."""
        for point in self.points:
            alarm = point.open
            if alarm is None:
                continue
            assert alarm.is_open
            assert alarm.state is not AlarmState.CLOSED
            assert (alarm.acknowledged_at is None) == (alarm.acknowledged_by is None)
            assert alarm.closed_by is alarm.verdict is None
            assert ("acknowledged" in alarm.state.split("-")) == (alarm.acknowledged_at is not None)
            assert ("returned" in alarm.state.split("-")) == (alarm.returned_at is not None)

    @invariant()
    def an_active_point_is_not_returned(self) -> None:
        """While a point that returns is active its open alarm has not returned, so that nobody can close it."""
        for point in self.points:
            if point.source.returns and point.level is Level.ACTIVE and point.open is not None:
                assert point.open.returned_at is None

    @invariant()
    def shelves_are_bounded(self) -> None:
        """Panic and fire are never shelved; a shelf has a name, a reason and an end within a day of now."""
        for point in self.points:
            alarm = point.open
            if alarm is None or alarm.shelved_until is None:
                continue
            assert alarm.source.kind not in NEVER_SHELVED
            assert alarm.shelved_until <= self.now + SHELVE_LIMIT
            assert alarm.shelved_by
            assert alarm.shelved_reason

    @invariant()
    def the_events_tell_the_whole_story(self) -> None:
        """An alarm's events begin with `raised`, end with `closed` if it was, and count its repetitions."""
        for point in self.points:
            stories: dict[str, list[EventType]] = {}
            latest: dict[str, Alarm] = {}
            for event, alarm in point.history:
                stories.setdefault(alarm.id, []).append(event)
                latest[alarm.id] = alarm
            assert len(stories) == len(point.closes) + (point.open is not None)
            for alarm_id, events in stories.items():
                assert events[0] is EventType.ALARM_RAISED
                assert events.count(EventType.ALARM_RAISED) == 1
                assert events.count(EventType.ALARM_REPEATED) == latest[alarm_id].repeats
                assert (EventType.ALARM_CLOSED in events) == (not latest[alarm_id].is_open)
                assert EventType.ALARM_CLOSED not in events[:-1]


School.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAlarms = School.TestCase
