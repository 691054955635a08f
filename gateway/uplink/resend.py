"""When published rows that no receipt confirms are sent again (CONTRACT, `platform`). Pure: told the time, no I/O."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.policy.ranges import Ranges, Run

#: Numbers sent again in the first round, and in one round at most.
FIRST_ROUND = 100
LARGEST_ROUND = 5000
#: Rounds without any answer are never further apart than this (or the receipt time-out, if that is longer).
LONGEST_PAUSE_S = 600.0
#: While the county is catching up, the next round comes after so long without progress.
CATCH_UP_PAUSE_S = 2.0
#: What the county asks for (`missing`) is sent again if it was not sent in the last so many seconds (it may be on its
#: way still), and so many numbers in such a time.
ASKED_PAUSE_S = 5.0
ASKED_LIMIT = 1000

_AGE_MARKS = 4
_SPELL_S = 1.0


@dataclass(slots=True)
class _Stream:
    outstanding: Ranges = field(default_factory=Ranges)
    waiting_since: float = 0.0
    pause_s: float = 0.0
    round_size: int = FIRST_ROUND
    catching_up_to: int | None = None
    fruitless: int = 0
    ages: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_AGE_MARKS + 2))
    recent: deque[tuple[float, Ranges]] = field(default_factory=deque)
    asked: Ranges = field(default_factory=Ranges)
    asked_since: float = float("-inf")


class Resender:
    """Watches, for each stream, the lowest number that is published and not receipted.

    If that has not moved for the receipt time-out, the oldest such numbers are sent again, a round at a time; with
    no answer the pause doubles, with progress the rounds follow quickly and grow, so that a county that lost much
    is helped fast and one that is away is not flooded.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._streams: dict[str, _Stream] = {}

    def published(self, stream: str, sequence: int, now: float) -> None:
        """The broker has it; a receipt is awaited from now on."""
        state = self._streams.setdefault(stream, _Stream(pause_s=self._timeout_s))
        if not state.outstanding:
            self._restart(state, now)
        state.outstanding.add(sequence, sequence)
        if not state.recent or now - state.recent[-1][0] >= _SPELL_S:
            self._forget_recent(state, now)
            state.recent.append((now, Ranges()))
        state.recent[-1][1].add(sequence, sequence)
        if not state.ages or now - state.ages[-1][0] >= self._timeout_s / _AGE_MARKS:
            state.ages.append((now, sequence))
        elif sequence > state.ages[-1][1]:
            state.ages[-1] = (state.ages[-1][0], sequence)

    def receipted(self, stream: str, runs: Iterable[Run], now: float) -> None:
        """The county has stored these."""
        state = self._streams.get(stream)
        if state is None:
            return
        before = state.outstanding.lowest
        for first, last in runs:
            state.outstanding.remove(first, last)
        lowest = state.outstanding.lowest
        if lowest == before:
            return
        if state.fruitless:
            state.round_size = min(state.round_size * 2, LARGEST_ROUND)
        state.waiting_since, state.fruitless = now, 0
        if lowest is None or state.catching_up_to is None or lowest > state.catching_up_to:
            self._restart(state, now)
        else:
            state.pause_s = min(CATCH_UP_PAUSE_S, self._timeout_s)

    def due(self, now: float, frontier: Callable[[str], int | None]) -> list[tuple[str, Run]]:
        """What to send again now. `frontier(stream)`: all numbers up to it are published (None: all there are)."""
        found: list[tuple[str, Run]] = []
        for name, state in self._streams.items():
            if not state.outstanding or now < state.waiting_since + state.pause_s:
                continue
            if state.fruitless:
                state.round_size = FIRST_ROUND
            runs = self._oldest(state, now, frontier(name))
            state.waiting_since = now
            if not runs:
                continue
            found += [(name, run) for run in runs]
            self._note_round(state, runs[-1][1])
        return found

    def asked(self, stream: str, runs: Iterable[Run], now: float) -> list[Run]:
        """What of the numbers that the county asks for may be sent again now: bounded, and not twice in a moment."""
        state = self._streams.setdefault(stream, _Stream(pause_s=self._timeout_s))
        if now - state.asked_since >= ASKED_PAUSE_S:
            state.asked, state.asked_since = Ranges(), now
        self._forget_recent(state, now)
        wanted = Ranges(runs)
        for known in (state.asked, *(numbers for _, numbers in state.recent)):
            for run in known:
                wanted.remove(*run)
        granted: list[Run] = []
        for first, last in wanted:
            room = ASKED_LIMIT - state.asked.count
            if room > 0:
                granted.append((first, min(last, first + room - 1)))
                state.asked.add(*granted[-1])
        return granted

    @property
    def is_unanswered(self) -> bool:
        """Something was sent again, and still no receipt came."""
        return any(state.fruitless > 0 for state in self._streams.values())

    @property
    def next_at(self) -> float | None:
        """When `due` is to be asked next."""
        times = [state.waiting_since + state.pause_s for state in self._streams.values() if state.outstanding]
        return min(times, default=None)

    @staticmethod
    def _forget_recent(state: _Stream, now: float) -> None:
        while state.recent and now - state.recent[0][0] >= ASKED_PAUSE_S + _SPELL_S:
            state.recent.popleft()

    def _restart(self, state: _Stream, now: float) -> None:
        state.waiting_since, state.pause_s = now, self._timeout_s
        state.round_size, state.catching_up_to, state.fruitless = FIRST_ROUND, None, 0

    def _note_round(self, state: _Stream, highest: int) -> None:
        if state.fruitless:
            state.pause_s = min(state.pause_s * 2, max(LONGEST_PAUSE_S, self._timeout_s))
        else:
            state.pause_s = self._timeout_s
        state.fruitless += 1
        state.catching_up_to = max(state.catching_up_to or 0, highest, state.ages[0][1])

    def _oldest(self, state: _Stream, now: float, limit: int | None) -> list[Run]:
        """The lowest outstanding numbers within the frontier that are older than the time-out, one round of them."""
        while len(state.ages) > 1 and now - state.ages[1][0] >= self._timeout_s:
            state.ages.popleft()
        top = state.ages[0][1] if limit is None else min(limit, state.ages[0][1])
        room = state.round_size
        runs: list[Run] = []
        for first, last in state.outstanding.overlap(1, top):
            if room <= 0:
                break
            runs.append((first, min(last, first + room - 1)))
            room -= runs[-1][1] - first + 1
        return runs
