"""Pure: subscriptions that are lost: when the next one is made, when the camera is deaf, and when that is a fault."""

from gateway.policy.backoff import Backoff

#: Subscriptions in a row of which none has answered, before that is told as a refusal.
MOST_DEAF = 4

#: Losses in a row, before that is told as a fault: other clients end our subscriptions, or the camera forgets them.
MOST_LOST = 3

#: A subscription that has lasted so long in seconds was a good one: the next loss is a new one. Less than a minute, since some
#: cameras keep one no longer whatever we do (`pullpoint.LIFE_S`).
GOOD_AFTER_S = 45.0

#: Before a subscription is made anew, in half of these seconds: a press is unheard meanwhile. After one that has answered
#: 0.5 s, then 1 s each time; after those that have not 0.5, 1 and 2 s, and then the camera is refused.
AGAIN = Backoff(first_s=1.0, longest_s=4.0)


class Losses:
    """Of one attempt. All times are monotonic seconds."""

    def __init__(self) -> None:
        #: When the present subscription was made.
        self.since = 0.0
        self._in_a_row = 0
        self._deaf = 0
        self._has_answered = False

    def made(self, now: float) -> None:
        """There is a subscription."""
        self.since, self._has_answered = now, False

    def answered(self) -> None:
        """It has."""
        self._has_answered = True

    def lost(self, now: float) -> None:
        """It is no more."""
        self._deaf = 0 if self._has_answered else self._deaf + 1
        self._in_a_row = 1 if self.is_good(now) else self._in_a_row + 1

    def is_good(self, now: float) -> bool:
        """Whether the present one has lasted."""
        return now - self.since >= GOOD_AFTER_S

    @property
    def are_many(self) -> bool:
        """Whether that is a fault."""
        return self._in_a_row >= MOST_LOST

    @property
    def is_deaf(self) -> bool:
        """Whether the camera gives subscriptions and no answer from them."""
        return self._deaf >= MOST_DEAF

    @property
    def wait_s(self) -> float:
        """How long to wait before the next one."""
        return AGAIN.delay(self._deaf or min(self._in_a_row, 2), 0.0)
