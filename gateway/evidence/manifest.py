"""The manifest beside each piece of evidence: what it is, what it shows, what is missing and why; built, read, verified."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gateway.clock import rfc3339
from gateway.media.values import Source
from gateway.model import ClockState
from gateway.policy.evidence import EvidenceKind, Interval, causes, holes
from gateway.store.evidence_rows import EvidenceRow, EvidenceState, Made, Subject
from gateway.store.rows import GapRow

SOFTWARE = "campus-gateway"
#: The version of the manifest's form.
FORM = 1
#: The cause of a hole where footage exists that can't be in the same file.
OTHER_CODING = "other-coding"
#: No manifest of ours is longer.
_MOST_BYTES = 4 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a piece of evidence shows, and of what it was made. `origin`: `footage`, or `camera` for its own picture.

    `otherwise` is footage that was left out because it is coded in another way.
    """

    intervals: Sequence[Interval]
    sources: Sequence[Source]
    gaps: Sequence[GapRow]
    origin: Literal["footage", "camera"]
    clock: ClockState
    created: datetime
    otherwise: Sequence[Interval] = ()


class _Span(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime = Field(alias="to")


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(pattern=r"^[0-9a-f-]{36}\.(jpg|mp4)$")
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Clock(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    at_press: str


class _Alarm(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    kind: str
    severity: str
    point: str | None
    zone: str | None
    drill: bool
    press: int = Field(ge=0)
    pressed: AwareDatetime


class _Manifest(BaseModel):
    """What of a manifest is read again."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    evidence: str = Field(pattern=r"^[0-9a-f-]{36}$")
    kind: EvidenceKind
    camera: str
    alarm: _Alarm
    file: _File
    wanted: _Span
    clock: _Clock
    requested: AwareDatetime


def manifest_bytes(row: EvidenceRow, made: Made, shown: Shown) -> bytes:
    """The manifest in canonical form: UTF-8, keys sorted, no blanks. Its `wanted` of a snapshot is its moment."""
    wanted = (made.start, made.end) if row.kind is EvidenceKind.SNAPSHOT else (row.start, row.end)
    gaps = [(gap.start, gap.end, gap.cause) for gap in shown.gaps]
    gaps += [(start, end, OTHER_CODING) for start, end in shown.otherwise]
    missing = holes(wanted, shown.intervals) if row.kind is EvidenceKind.CLIP else ()
    document = {
        "form": FORM,
        "evidence": row.id,
        "kind": row.kind.value,
        "camera": row.camera,
        "alarm": {
            "id": row.alarm,
            "kind": row.subject.kind,
            "severity": row.subject.severity,
            "point": row.subject.point,
            "zone": row.subject.zone,
            "drill": row.subject.drill,
            "press": row.press,
            "pressed": rfc3339(row.at),
        },
        "file": {"name": row.path.name, "bytes": made.bytes, "sha256": made.sha256},
        "wanted": _span(wanted),
        "covered": [_span(interval) for interval in shown.intervals],
        "gaps": [{**_span(hole), "causes": list(causes(hole, gaps)) or ["unknown"]} for hole in missing],
        "origin": shown.origin,
        "sources": [
            {
                "file": source.path.name,
                **_span((source.start, source.end)),
                "bytes": source.bytes,
                "sha256": source.sha256,
            }
            for source in shown.sources
        ],
        "clock": {"at_press": row.subject.clock, "now": shown.clock.value},
        "requested": rfc3339(row.created),
        "created": rfc3339(shown.created),
        "software": {"name": SOFTWARE, "version": software_version()},
    }
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n").encode()


def read_manifest(path: Path) -> EvidenceRow | None:
    """The row that a manifest and its file are of; None where they are not whole. Blocking. Raises OSError."""
    manifest = _read(path)
    if manifest is None or manifest.evidence != path.stem:
        return None
    file = path.with_name(manifest.file.name)
    if file.stem != path.stem or not file.is_file() or file.stat().st_size != manifest.file.bytes:
        return None
    alarm = manifest.alarm
    return EvidenceRow(
        id=manifest.evidence,
        alarm=alarm.id,
        camera=manifest.camera,
        kind=manifest.kind,
        state=EvidenceState.DONE,
        at=alarm.pressed,
        press=alarm.press,
        start=manifest.wanted.start,
        end=manifest.wanted.end,
        path=file,
        bytes=manifest.file.bytes,
        sha256=manifest.file.sha256,
        reason="",
        created=manifest.requested,
        uploaded=None,
        subject=Subject(
            kind=alarm.kind,
            severity=alarm.severity,
            point=alarm.point,
            zone=alarm.zone,
            drill=alarm.drill,
            clock=manifest.clock.at_press,
        ),
    )


def verify(manifest_path: Path) -> tuple[str, ...]:
    """What is wrong with a piece of evidence, in words; empty: its file is the one that the manifest describes. Blocking.

    The sources are not looked for: footage is deleted by age, evidence stays.
    """
    try:
        manifest = _read(manifest_path)
        if manifest is None:
            return (f"{manifest_path.name} is no manifest",)
        file = manifest_path.with_name(manifest.file.name)
        if manifest.evidence != manifest_path.stem or file.stem != manifest_path.stem:
            return (f"{manifest_path.name} is the manifest of another file",)
        if (size := file.stat().st_size) != manifest.file.bytes:
            return (f"{file.name} has {size} bytes, its manifest says {manifest.file.bytes}",)
        if digest(file) != manifest.file.sha256:
            return (f"{file.name} is not what it was: its SHA-256 is another",)
    except OSError as error:
        return (f"{manifest_path.name}: {error}",)
    return ()


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Blocking. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def software_version() -> str:
    """The installed version of this program."""
    try:
        return version(SOFTWARE)
    except PackageNotFoundError:
        return "unknown"


def _read(path: Path) -> _Manifest | None:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        return None
    try:
        return _Manifest.model_validate_json(content)
    except ValidationError:
        return None


def _span(interval: Interval) -> dict[str, str]:
    return {"from": rfc3339(interval[0]), "to": rfc3339(interval[1])}
