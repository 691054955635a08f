"""Evidence for tests of the console: rows, and real files where they say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av

from gateway.store.evidence_rows import EvidenceKind, EvidenceRow, EvidenceState, Subject

PRESSED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Exhibits:
    """The evidence service as the console sees it."""

    rows: list[EvidenceRow] = field(default_factory=list)

    async def of_alarm(self, alarm_id: str) -> Sequence[EvidenceRow]:
        """Those of an alarm."""
        return [row for row in self.rows if row.alarm == alarm_id]

    async def recent(self, limit: int, before: str | None = None) -> Sequence[EvidenceRow]:
        """The newest first."""
        ids = [row.id for row in self.rows]
        return self.rows[: ids.index(before) if before else None][::-1][:limit]

    async def find(self, evidence_id: str) -> EvidenceRow | None:
        """One of them."""
        return next((row for row in self.rows if row.id == evidence_id), None)


def exhibit(
    alarm: str, kind: EvidenceKind, state: EvidenceState, path: Path, *, number: int = 1
) -> EvidenceRow:
    """What the camera at the gate saw of an alarm."""
    return EvidenceRow(
        id=f"{kind}-{number}",
        alarm=alarm,
        camera="cam-gate",
        kind=kind,
        state=state,
        at=PRESSED,
        press=1,
        start=PRESSED if kind is EvidenceKind.SNAPSHOT else PRESSED - timedelta(seconds=30),
        end=PRESSED if kind is EvidenceKind.SNAPSHOT else PRESSED + timedelta(seconds=60),
        path=path,
        bytes=path.stat().st_size if state is EvidenceState.DONE else None,
        sha256="00" * 32 if state is EvidenceState.DONE else None,
        reason="no footage" if state is EvidenceState.FAILED else "",
        created=PRESSED + timedelta(seconds=number),
        uploaded=None,
        subject=Subject(
            kind="panic", severity="critical", point="gate-button", zone="gate", drill=False, clock="trusted"
        ),
    )


def jpeg(path: Path) -> Path:
    """A real JPEG."""
    frame = av.VideoFrame(320, 192, "yuvj420p")
    for plane in frame.planes:
        plane.update(bytes([90]) * plane.buffer_size)
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuvj420p"
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
