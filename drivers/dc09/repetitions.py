"""Pure: tells a repetition of a message from another one that has the same bytes, for one account.

The journal takes the same bytes within 10 minutes for a repetition (invariant 3). That is right for a message that says
the right time: number and second together come once. It is not for a panel without a clock: after its restart message
0001 has the bytes of the one before. Such a panel repeats only the message that got no answer, so anything else of it is
new, and told apart by a stamp behind its bytes.
"""

import hashlib
from dataclasses import dataclass

#: The journal compares within so many seconds (`gateway.store`).
JOURNAL_WINDOW_S = 600.0

#: An answer that was lost brings the message again within so many seconds: panels wait for it up to 60 s.
ANSWER_LOST_S = 60.0

#: Messages of an account that are remembered; the oldest are forgotten first. More than come within the time window.
REMEMBERED = 256


@dataclass(slots=True)
class _Known:
    dated: bool
    stamp: bytes
    answered_at: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What the journal is given, if it is asked at all; `key` is for `answered`."""

    key: bytes
    data: bytes | None


class Repetitions:
    """What one account has said since the receiver was opened. All times are monotonic seconds.

    Its first word may be a repetition of what was recorded before: it goes to the journal as it is.
    """

    def __init__(self, opened_at: float) -> None:
        self._opened_at = opened_at
        self._known: dict[bytes, _Known] = {}
        self._last = b""
        self._nothing_waits = False
        self._has_spoken = False

    def idle(self) -> None:
        """The panel has only said that it is there: it does so when nothing waits for an answer."""
        self._nothing_waits = self._has_spoken = True

    def judge(self, record: bytes, *, dated: bool, now: float, stamp: str) -> Judged:
        """What a message is. `dated`: it says the right time. `stamp` is different each time.

        Without data it is a repetition of what was recorded and answered, perhaps longer ago than the journal compares.
        """
        key = hashlib.sha256(record).digest()
        known = self._known.get(key)
        if known is not None and self._is_repetition(key, known, now):
            is_old = known.answered_at is not None and key != self._last
            return Judged(key, None if is_old else record + known.stamp)
        foreign = known is not None or (not dated and self._may_be_known(now))
        self._remember(key, _Known(dated, b" " + stamp.encode() if foreign else b""))
        return Judged(key, record + self._known[key].stamp)

    def answered(self, key: bytes, now: float) -> None:
        """It is recorded, and its answer goes out; that to a repetition does not count."""
        known = self._known.get(key)
        if known is not None and known.answered_at is None:
            known.answered_at = now

    def _is_repetition(self, key: bytes, known: _Known, now: float) -> bool:
        if known.dated or known.answered_at is None:
            return True
        waits = key == self._last and not self._nothing_waits
        return waits and now - known.answered_at <= ANSWER_LOST_S

    def _may_be_known(self, now: float) -> bool:
        """Whether the journal may have these bytes from before we were opened, although they are new."""
        return self._has_spoken and now - self._opened_at <= JOURNAL_WINDOW_S

    def _remember(self, key: bytes, known: _Known) -> None:
        self._known.pop(key, None)
        self._known[key] = known
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        self._last, self._nothing_waits, self._has_spoken = key, False, True
