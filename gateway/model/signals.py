"""What drivers tell: signals, notices, messages, readings."""

from dataclasses import dataclass
from datetime import datetime

from gateway.model.words import Kind, Level, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a driver reports of a point.

    `point` is the site file's point id, or `{device}:{address}` for an address that no point names. Its kind may be
    another than the site file gives the point: a detector has tampers and faults too.
    `test` marks what the device itself calls a test or drill.
    """

    device: str
    point: str
    kind: Kind
    level: Level
    origin: Origin
    occurred_at: datetime | None = None
    detail: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a device tells that is no alarm: somebody reset or muted it, tested it, answered a guard check.

    `what` is a word with hyphens (`reset`, `mute`, `periodic-test`, `guard-check-answer`), `operator` who did it as the
    device numbers its people.
    """

    device: str
    what: str
    detail: str = ""
    operator: str = ""
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one message of a device says. It is recorded as one (I2), and once (I3).

    `data` are the device's own bytes: the same ones again are a repetition among those of `account`, which is whose
    messages are compared. `reset`: the device was reset by hand, so all that it had reported counts as returned, before
    `signals` are taken.
    """

    device: str
    account: str
    data: bytes
    signals: tuple[Signal, ...] = ()
    notices: tuple[Notice, ...] = ()
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A measured value of a point, in the unit of the point's profile. May be dropped for space, counted."""

    device: str
    point: str
    value: float
    unit: str
    at: datetime
