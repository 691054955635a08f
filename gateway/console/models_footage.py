"""The console's answers about cameras, their footage and the evidence of alarms, typed."""

from pydantic import ConfigDict, Field

from gateway.console.models import Answer, Stamp, ZoneView
from gateway.console.models_site import GapView
from gateway.model import Presence
from gateway.store.evidence_rows import EvidenceKind, EvidenceState


class CameraView(Answer):
    """A camera. `recording` null: nobody tells. `codec` as it is recorded, empty where not known yet."""

    id: str
    name: str
    zone: ZoneView | None
    recorded: bool
    recording: bool | None
    presence: Presence
    since: Stamp | None
    reason: str
    codec: str
    size: str


class CamerasAnswer(Answer):
    """All cameras of the site file, in its order."""

    now: Stamp
    cameras: tuple[CameraView, ...]


class IntervalView(Answer):
    """A stretch of time."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    start: Stamp = Field(serialization_alias="from")
    end: Stamp = Field(serialization_alias="to")


class RecordingsAnswer(Answer):
    """A camera's timeline. It reaches to `to`, which is no later than what is known of now.

    `oldest` and `newest` are the ends of the footage in this time, null where there is none.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    now: Stamp
    camera: str
    start: Stamp = Field(serialization_alias="from")
    end: Stamp = Field(serialization_alias="to")
    recorded: tuple[IntervalView, ...]
    gaps: tuple[GapView, ...]
    oldest: Stamp | None
    newest: Stamp | None


class EvidenceView(Answer):
    """A picture or a clip of an alarm. `from` and `to` are the time it is to show; `at` the press."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: str
    alarm: str
    camera: str
    name: str
    kind: EvidenceKind
    state: EvidenceState
    at: Stamp
    start: Stamp = Field(serialization_alias="from")
    end: Stamp = Field(serialization_alias="to")
    bytes: int | None
    sha256: str | None
    reason: str
    created: Stamp
    uploaded: Stamp | None


class EvidenceAnswer(Answer):
    """Evidence: of an alarm, or the newest of all."""

    now: Stamp
    evidence: tuple[EvidenceView, ...]
