"""Evidence of alarms as values: a picture or a clip of one camera, its state, and where its file lies."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from gateway.policy.evidence import EvidenceKind

__all__ = ["AlarmEvidence", "EvidenceKind", "EvidenceRow", "EvidenceState", "Made", "Subject"]


class EvidenceState(StrEnum):
    """How far it has come. A failed one says why, and is not tried again."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the alarm was about, for whoever finds the evidence without the journal. `clock` was its state at the press."""

    kind: str
    severity: str
    point: str | None
    zone: str | None
    drill: bool
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """A row of the library. `start` and `end` are the interval wanted (UTC); of a snapshot that was made, its moment.

    `path` is absolute; the file is there once it is done, with its manifest beside it. `at` is the press that asked for
    it first, `press` the number of the latest one; `uploaded` is when the place of `[evidence.upload]` had taken it.
    """

    id: str
    alarm: str
    camera: str
    kind: EvidenceKind
    state: EvidenceState
    at: datetime
    press: int
    start: datetime
    end: datetime
    path: Path
    bytes: int | None
    sha256: str | None
    reason: str
    created: datetime
    uploaded: datetime | None
    subject: Subject

    @property
    def manifest(self) -> Path:
        """Its manifest's file."""
        return self.path.with_suffix(".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A file of evidence that was placed, and what it really shows at most (UTC)."""

    bytes: int
    sha256: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvidence:
    """All evidence of an alarm together; `number` and `created` (UTC) are its first piece's, which was asked for first.

    `sent`: its clips are uploaded, at least one, and no destination has still to take a snapshot of it.
    """

    number: int
    alarm: str
    created: datetime
    bytes: int
    sent: bool
