"""Pure: tells a repetition of a message from the same thing happening again, which have the same bytes here.

A Contact ID message has neither number nor time, and the journal takes the same bytes within 10 minutes for a repetition
(invariant 3): a button pressed, put back and pressed again would be lost. The receiver repeats only the message that it
has just sent, so anything else is new. What is new and has bytes that the journal may know is told apart by a stamp
behind them.
"""

#: The journal compares within so many seconds (`gateway.store`).
JOURNAL_WINDOW_S = 600.0

#: An answer that was lost brings the message again within 4 s, 10 s with some receivers; and some reserve.
ANSWER_LOST_S = 12.0

#: Messages remembered at most; the oldest are forgotten first.
REMEMBERED = 4096


class Repetitions:
    """What came over one line since it was opened. All times are monotonic seconds.

    The first message may be one that was recorded before the line was opened, if it comes before the receiver could send
    another: until it has got an answer to a heartbeat, and a little longer. It goes without a stamp.
    """

    def __init__(self, opened_at: float) -> None:
        self._opened_at = opened_at
        self._resumed_at: float | None = None
        self._known: dict[bytes, float] = {}
        self._last = b""
        self._last_data = b""
        self._answered_at: float | None = None

    def heartbeat(self, now: float) -> None:
        """A heartbeat was answered."""
        if self._resumed_at is None:
            self._resumed_at = now

    def answered(self, now: float) -> None:
        """The last message was acknowledged."""
        self._answered_at = now

    def data_of(self, message: bytes, now: float, stamp: str) -> bytes:
        """The bytes for the journal: those of the last message if this repeats it. `stamp` is different each time."""
        if message == self._last and (self._answered_at is None or now - self._answered_at <= ANSWER_LOST_S):
            return self._last_data
        unknown = message not in self._known or now - self._known[message] > JOURNAL_WINDOW_S
        knows_all = now - self._opened_at > JOURNAL_WINDOW_S
        plain = unknown and (knows_all or self._may_be_old(now))
        self._last, self._answered_at = message, None
        self._last_data = message if plain else message + b" " + stamp.encode()
        self._remember(message, now)
        return self._last_data

    def _may_be_old(self, now: float) -> bool:
        return not self._last and (self._resumed_at is None or now - self._resumed_at <= ANSWER_LOST_S)

    def _remember(self, message: bytes, now: float) -> None:
        self._known.pop(message, None)
        self._known[message] = now
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
