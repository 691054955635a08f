"""The console's answers and bodies, typed, and so in the OpenAPI document: errors, sessions, alarms."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from gateway.clock import rfc3339
from gateway.model import AlarmState, ClockState, Kind, Severity, Verdict

#: A time on the wire: UTC with milliseconds (CONTRACT).
Stamp = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

#: A time that a client names: with its zone, and within reason.
Moment = Annotated[
    AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC))
]


class Answer(BaseModel):
    """Something the console tells."""

    model_config = ConfigDict(frozen=True)


class Body(BaseModel):
    """Something the console is told: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ---- errors


class ErrorDetail(Answer):
    """What went wrong: a code for programs, words for people."""

    code: str
    message: str


class ErrorAnswer(Answer):
    """The one shape of every error."""

    error: ErrorDetail


# ---- sessions


class SignInBody(Body):
    """A name and its password."""

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=1024)


class SessionAnswer(Answer):
    """Who is signed in. `csrf` goes into the `X-CSRF-Token` header of every request that changes something."""

    name: str
    display: str
    role: str
    csrf: str
    expires: Stamp


# ---- alarms


class PersonView(Answer):
    """Who did it: an account, or the county."""

    name: str
    display: str


class ZoneView(Answer):
    """A place and who answers for it."""

    id: str
    name: str
    place: str
    responsible: str
    phone: str


class SilencedView(Answer):
    """Who has silenced an alarm's sound (消音) since the last press, and when."""

    by: PersonView
    at: Stamp


class AlarmView(Answer):
    """An alarm. `durable` false: it is in memory only just now, a power cut would lose it.

    Of two views of an alarm the one with the greater `revision` is the later; it counts anew when the console begins
    (`since` of the status).
    """

    id: str
    revision: int
    kind: Kind
    severity: Severity
    state: AlarmState
    drill: bool
    durable: bool
    name: str
    subject: str
    point: str | None
    device: str | None
    zone: ZoneView | None
    cameras: tuple[str, ...]
    detail: str
    repeats: int
    escalation: int
    returns: bool
    may_shelve: bool
    raised_at: Stamp
    last_raised_at: Stamp
    returned_at: Stamp | None
    acknowledged_at: Stamp | None
    acknowledged_by: PersonView | None
    closed_at: Stamp | None
    closed_by: PersonView | None
    verdict: Verdict | None
    shelved_until: Stamp | None
    shelved_by: PersonView | None
    shelved_reason: str | None
    silenced: SilencedView | None


class AlarmsAnswer(Answer):
    """Alarms as of `now`. `next_before` and `next_before_id` ask for the older ones where there are more."""

    now: Stamp
    alarms: tuple[AlarmView, ...]
    next_before: Stamp | None = None
    next_before_id: str | None = None


class CameraRef(Answer):
    """A camera, and what it is called."""

    id: str
    name: str


class EventView(Answer):
    """One step in an alarm's life, as it was journalled. `camera`: of evidence, whose picture or clip it is."""

    id: str
    type: str
    at: Stamp
    actor: PersonView | None
    camera: CameraRef | None
    state: AlarmState | None
    durable: bool
    clock: ClockState


class AlarmAnswer(Answer):
    """An alarm with all its events, oldest first."""

    now: Stamp
    alarm: AlarmView
    events: tuple[EventView, ...]


class CloseBody(Body):
    """What the alarm was found to be; needed for critical and high ones."""

    verdict: Verdict | None = None


class ShelveBody(Body):
    """For how long, and why."""

    minutes: int = Field(ge=1, le=24 * 60)
    reason: str = Field(min_length=1, max_length=500)
