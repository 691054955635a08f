"""RTP time stamps that are wrong: from the time of a picture to the stamp that is sent with it."""

from enum import StrEnum

JUMP_SECONDS = 3 * 3600
BACK_SECONDS = 60
DRIFT = 0.1
#: Of so many seconds the last one has the stamp of its beginning.
STUCK_EVERY_SECONDS = 5


class StampFault(StrEnum):
    """One at a time. What JUMP, BACK and DRIFT have shifted stays shifted: only a restart makes it good."""

    NONE = "none"
    JUMP = "jump"  # three hours ahead, once
    BACK = "back"  # a minute back, once
    DRIFT = "drift"  # eleven seconds in each ten
    STUCK = "stuck"  # each fifth second all pictures have one stamp


class Stamps:
    """The stamps of one stream, for its picture and its sound."""

    def __init__(self) -> None:
        self._fault = StampFault.NONE
        self._shift = 0.0  # seconds
        self._since = 0.0

    def change(self, fault: StampFault, now: float) -> None:
        """Let another fault hold from `now` on, in seconds of the stream's own time."""
        if self._fault is StampFault.DRIFT:
            self._shift += (now - self._since) * DRIFT
        self._shift += {StampFault.JUMP: JUMP_SECONDS, StampFault.BACK: -BACK_SECONDS}.get(fault, 0)
        self._fault, self._since = fault, now

    def sent(self, timestamp: int, rate: int) -> int:
        """The stamp to send for a true one, both in units of 1 / `rate` seconds; it may be below 0 or past 32 bits."""
        shift = round(self._shift * rate)
        if self._fault is StampFault.DRIFT:
            shift += round((timestamp - self._since * rate) * DRIFT)
        if self._fault is StampFault.STUCK:
            shift -= max(0, timestamp % (STUCK_EVERY_SECONDS * rate) - (STUCK_EVERY_SECONDS - 1) * rate)
        return timestamp + shift
