"""What the looks of the picture watch found, as values."""

import math
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime
from pathlib import Path

from gateway.media.protocol import Fields, ProtocolError, integer, moment, text
from gateway.model import Kind
from gateway.policy.picture import Measures


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A key frame's measures, and when it was taken (UTC, by arrival).

    `fresh` is False if it is the picture of the last look again, because none has come since: it says nothing new.
    `before` and `now` are JPEG files that show what is wrong, there only while something is, and overwritten by the
    next look; `before` is None if the camera has no reference yet.
    """

    at: datetime
    measures: Measures
    fresh: bool = True
    before: Path | None = None
    now: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """JPEG files: what the camera should see (None if it had no reference yet), and what it showed at `at` (UTC)."""

    kind: Kind
    at: datetime
    before: Path | None
    now: Path


@dataclass(frozen=True, slots=True)
class LookCount:
    """Looks at a camera since the start that told something, and those that failed."""

    done: int
    failed: int


def fields_of_look(look: Look) -> Fields:
    """The look as fields of a message."""
    return {
        "at": look.at.isoformat(),
        "measures": asdict(look.measures),
        "fresh": look.fresh,
        "before": None if look.before is None else str(look.before),
        "now": None if look.now is None else str(look.now),
    }


def look_of(fields: Fields) -> Look:
    """The look that `fields_of_look` made. Raises ProtocolError for anything else."""
    measures = fields.get("measures")
    if not isinstance(measures, dict):
        raise ProtocolError("a look without measures")
    names = {field.name for field in dataclass_fields(Measures)}
    if measures.keys() != names:
        raise ProtocolError(f"measures {sorted(measures)}")
    kept = None if measures["kept"] is None else _number(measures, "kept")
    others = {name: _number(measures, name) for name in names - {"kept", "still"}}
    return Look(
        at=moment(fields, "at"),
        measures=Measures(kept=kept, still=integer(measures, "still"), **others),
        fresh=fields.get("fresh") is True,
        before=_path(fields, "before"),
        now=_path(fields, "now"),
    )


def _number(fields: Fields, name: str) -> float:
    """A finite number. Raises ProtocolError."""
    found = fields.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise ProtocolError(f"{name}: {found!r} is no measure")
    return found


def _path(fields: Fields, name: str) -> Path | None:
    return None if fields.get(name) is None else Path(text(fields, name))
