"""The console's HTTP interface for evidence: the pictures and clips of alarms, with their manifests."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from gateway.console.auth import Caller
from gateway.console.models import ErrorAnswer
from gateway.console.models_footage import EvidenceAnswer, EvidenceView
from gateway.console.problems import RequestError
from gateway.console.services import Console, Services, SignedIn
from gateway.errors import GatewayError, NotFound
from gateway.store.evidence_rows import EvidenceKind, EvidenceRow, EvidenceState

T = TypeVar("T")

_MEDIA_TYPES = {EvidenceKind.SNAPSHOT: "image/jpeg", EvidenceKind.CLIP: "video/mp4"}
_SUFFIXES = {EvidenceKind.SNAPSHOT: "jpg", EvidenceKind.CLIP: "mp4"}

router = APIRouter(
    prefix="/api", responses={status: {"model": ErrorAnswer} for status in (401, 404, 409, 410, 422, 503)}
)


@router.get("/alarms/{alarm_id}/evidence", summary="What cameras saw of an alarm 警情证据")
async def evidence_of_alarm(alarm_id: str, _: SignedIn, console: Console) -> EvidenceAnswer:
    """Its pictures and clips, also those that are still being made; none where no camera sees the place."""
    await console.deps.journal.alarm(alarm_id)
    view = console.deps.evidence
    rows = await _asked(view.of_alarm(alarm_id)) if view is not None else ()
    return EvidenceAnswer(now=console.render.now, evidence=tuple(_told(console, row) for row in rows))


@router.get("/evidence", summary="The newest evidence 最近的证据")
async def recent_evidence(
    _: SignedIn,
    console: Console,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[str | None, Query(max_length=64)] = None,
) -> EvidenceAnswer:
    """Of all alarms, newest first; with `before` (an evidence id) what was asked for before that."""
    view = console.deps.evidence
    rows = await _asked(view.recent(limit, before)) if view is not None else ()
    return EvidenceAnswer(now=console.render.now, evidence=tuple(_told(console, row) for row in rows))


@router.get("/evidence/{evidence_id}", summary="One picture or clip 一份证据")
async def evidence(evidence_id: str, _: SignedIn, console: Console) -> EvidenceView:
    """What it is and how far it has come."""
    return _told(console, await _find(console, evidence_id))


@router.head("/evidence/{evidence_id}/file", include_in_schema=False)
@router.get(
    "/evidence/{evidence_id}/file",
    summary="The picture or the clip itself 证据文件",
    response_class=FileResponse,
    responses={200: {"content": {"image/jpeg": {}, "video/mp4": {}}, "description": "the file"}},
)
async def evidence_file(evidence_id: str, caller: SignedIn, console: Console) -> FileResponse:
    """JPEG or MP4, in parts where asked for (Range). On the access log before it is sent."""
    row = await _made(console, evidence_id)
    await _log(console, caller, row)
    return await _file(row.path, row, _MEDIA_TYPES[row.kind], _SUFFIXES[row.kind])


@router.get(
    "/evidence/{evidence_id}/manifest",
    summary="What proves the file 证据清单",
    response_class=FileResponse,
    responses={200: {"content": {"application/json": {}}, "description": "the manifest"}},
)
async def evidence_manifest(evidence_id: str, _: SignedIn, console: Console) -> FileResponse:
    """Sources, intervals, digests and versions, as they were written with the file."""
    row = await _made(console, evidence_id)
    return await _file(row.manifest, row, "application/json", "json")


async def _asked(question: Awaitable[T]) -> T:
    """What the evidence service answers. Raises RequestError 503 where it can't just now."""
    try:
        return await question
    except NotFound:
        raise
    except (GatewayError, OSError) as error:  # TimeoutError is an OSError
        raise RequestError(503, "footage-unavailable", retry_after_s=5, detail=str(error)) from error


async def _find(console: Services, evidence_id: str) -> EvidenceRow:
    view = console.deps.evidence
    row = await _asked(view.find(evidence_id)) if view is not None else None
    if row is None:
        raise NotFound(f"there is no evidence {evidence_id!r}")
    return row


async def _made(console: Services, evidence_id: str) -> EvidenceRow:
    row = await _find(console, evidence_id)
    if row.state is EvidenceState.WAITING:
        raise RequestError(409, "evidence-waiting")
    if row.state is EvidenceState.FAILED:
        raise RequestError(409, "evidence-failed", detail=row.reason)
    return row


async def _log(console: Services, caller: Caller, row: EvidenceRow) -> None:
    await console.logbook.footage(
        caller,
        "view",
        row.camera,
        start=row.start,
        end=row.end,
        reason=f"{row.kind} {row.id} of alarm {row.alarm}",
    )


async def _file(path: Path, row: EvidenceRow, media_type: str, suffix: str) -> FileResponse:
    """Raises RequestError 410 where the file has gone."""
    if not await asyncio.to_thread(path.is_file):
        raise RequestError(410, "evidence-gone")
    return FileResponse(
        path,
        media_type=media_type,
        filename=f"{row.camera}_{row.id}.{suffix}",
        content_disposition_type="inline",
    )


def _told(console: Services, row: EvidenceRow) -> EvidenceView:
    entry = next((camera for camera in console.deps.site.cameras if camera.id == row.camera), None)
    return EvidenceView(
        id=row.id,
        alarm=row.alarm,
        camera=row.camera,
        name=entry.name if entry else row.camera,
        kind=row.kind,
        state=row.state,
        at=row.at,
        start=row.start,
        end=row.end,
        bytes=row.bytes,
        sha256=row.sha256,
        reason=row.reason,
        created=row.created,
        uploaded=row.uploaded,
    )
