"""What the policy makes of signals: alarms, and whom they are about."""

from dataclasses import dataclass
from datetime import datetime

from gateway.model.words import AlarmState, Kind, Severity, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A place and who answers for it."""

    id: str
    name: str
    place: str
    responsible: str = ""
    phone: str = ""
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an alarm is about, as the site file describes it: who reports, where, which cameras see it.

    `point` is None for alarms of the gateway's own; then `subject` is the device, camera or `gateway`.
    `returns` is False where the source never reports its return (DESIGN invariant 5).
    """

    subject: str
    point: str | None
    device: str | None
    kind: Kind
    severity: Severity
    name: str
    zone: Zone | None
    cameras: tuple[str, ...] = ()
    returns: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What the policy makes of signals: one open alarm at most for a subject and kind (I5).

    The state is derived, never stored. `acknowledged_at` is of the latest press: a press after the
    acknowledgement clears it again.
    """

    id: str
    source: Source
    drill: bool
    raised_at: datetime
    last_raised_at: datetime
    returned_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    verdict: Verdict | None = None
    repeats: int = 0
    escalation: int = 0
    shelved_until: datetime | None = None
    shelved_by: str | None = None
    shelved_reason: str | None = None
    detail: str = ""

    @property
    def state(self) -> AlarmState:
        """Derived from the times, so that a contradiction can't be stored."""
        if self.closed_at is not None:
            return AlarmState.CLOSED
        if self.returned_at is not None:
            if self.acknowledged_at is not None:
                return AlarmState.RETURNED_ACKNOWLEDGED
            return AlarmState.RETURNED_UNACKNOWLEDGED
        return AlarmState.ACKNOWLEDGED if self.acknowledged_at is not None else AlarmState.UNACKNOWLEDGED

    @property
    def is_open(self) -> bool:
        """Not closed yet: it stays on the screen."""
        return self.closed_at is None
