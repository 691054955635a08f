"""The console's HTTP interface for the site: devices, the gateway's state, drills, coverage and the access log."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.console.models import ErrorAnswer, Moment
from gateway.console.models_site import (
    AccessEntry,
    AccessLogAnswer,
    CameraCoverage,
    CoverageAnswer,
    DevicesAnswer,
    DrillAnswer,
    DrillBody,
    GapView,
    HealthAnswer,
    StatusAnswer,
)
from gateway.console.problems import RequestError
from gateway.console.services import Console, Leading, Services, SignedIn
from gateway.errors import NotFound
from gateway.policy.coverage import Gap
from gateway.site.site import Camera
from gateway.store import GapRow

#: The longest interval that coverage is told of at once.
COVERAGE_LIMIT = timedelta(days=400)

router = APIRouter(
    prefix="/api", responses={status: {"model": ErrorAnswer} for status in (401, 403, 404, 409, 422, 503)}
)
health_router = APIRouter()


@router.get("/devices", summary="Devices and their presence 设备")
async def devices(_: SignedIn, console: Console) -> DevicesAnswer:
    """All devices of the site file, whether each is there, and its points."""
    return DevicesAnswer(now=console.render.now, devices=console.render.devices())


@router.get("/status", summary="How the gateway does 网关状态")
async def status(_: SignedIn, console: Console) -> StatusAnswer:
    """Storage, clock, destinations and their backlog, and known problems."""
    return await console.render.status()


@router.post("/drills", summary="Announce a drill 演练")
async def start_drill(body: DrillBody, caller: Leading, console: Console) -> DrillAnswer:
    """Alarms raised in the zone (null: everywhere) until then are marked as drill. Not for role `guard`."""
    journal = console.deps.journal
    if body.zone is not None and journal.directory.zone(body.zone) is None:
        raise NotFound(f"there is no zone {body.zone!r}")
    until = console.deps.clock.now() + timedelta(minutes=body.minutes)
    await journal.start_drill(body.zone, until, caller.account.name)
    return DrillAnswer(zone=body.zone, until=until)


@router.get("/coverage", summary="What was recorded, what is missing 录像完整性")
async def coverage(
    _: SignedIn,
    console: Console,
    *,
    start: Annotated[Moment | None, Query(alias="from")] = None,
    end: Annotated[Moment | None, Query(alias="to")] = None,
    camera: str | None = None,
) -> CoverageAnswer:
    """Each camera's gaps with their cause in an interval (the last 24 h), and how many seconds are on the shelf."""
    until = end or console.deps.clock.now()
    since = start or until - timedelta(days=1)
    if not timedelta() < until - since <= COVERAGE_LIMIT:
        raise RequestError(
            422, "bad-request", detail=f"`from` is before `to`, by {COVERAGE_LIMIT.days} days at most"
        )
    cameras = [each for each in console.deps.site.cameras if camera in (None, each.id)]
    if camera is not None and not cameras:
        raise NotFound(f"there is no camera {camera!r}")
    return CoverageAnswer(
        start=since,
        end=until,
        cameras=tuple([await _coverage(console, each, since, until) for each in cameras]),
    )


async def _coverage(console: Services, camera: Camera, since: datetime, until: datetime) -> CameraCoverage:
    deps = console.deps
    if deps.coverage is None:
        known = await deps.journal.gaps(camera.id, since, until)
        return CameraCoverage(camera=camera.id, name=camera.name, recorded_s=None, gaps=_gaps(known))
    found = await deps.covered(deps.coverage, camera.id, since, until)
    return CameraCoverage(
        camera=camera.id, name=camera.name, recorded_s=found.recorded.total_seconds(), gaps=_gaps(found.gaps)
    )


def _gaps(gaps: Iterable[Gap | GapRow]) -> tuple[GapView, ...]:
    return tuple(GapView(start=gap.start, end=gap.end, cause=gap.cause) for gap in gaps)


_FILTERS = {"limit", "actor", "camera", "from", "to", "before"}


def _only_filters(request: Request) -> None:
    """Refuse a filter that there is none of: the caller would take the answer for filtered."""
    unknown = sorted(set(request.query_params) - _FILTERS)
    if unknown:
        raise RequestError(422, "bad-request", detail=f"unknown parameter {unknown[0][:64]!r}")


@router.get("/access-log", summary="Who looked at what 调用登记", dependencies=[Depends(_only_filters)])
async def access_log(
    _: SignedIn,
    console: Console,
    *,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    actor: Annotated[str | None, Query(max_length=64)] = None,
    camera: Annotated[str | None, Query(max_length=64)] = None,
    start: Annotated[Moment | None, Query(alias="from")] = None,
    end: Annotated[Moment | None, Query(alias="to")] = None,
    before: Annotated[int | None, Query(ge=1, lt=1 << 62)] = None,
) -> AccessLogAnswer:
    """The newest lines of the access log, newest first (Order 799 Art 16); of what is given only.

    `actor` and `camera` are ids, `from` and `to` when the line was written, `before` is `next_before` of the answer before.
    """
    rows = await console.deps.journal.access_log(
        limit + 1, actor=actor, camera=camera, since=start, until=end, before=before
    )
    names = {each.id: each.name for each in console.deps.site.cameras}
    shown = rows[:limit]
    return AccessLogAnswer(
        entries=tuple(
            AccessEntry(
                id=row.id,
                at=row.at,
                actor=console.render.person(row.actor),
                action=row.action,
                camera=row.camera,
                camera_name=None if row.camera is None else names.get(row.camera, row.camera),
                start=row.start,
                end=row.end,
                reason=row.reason,
            )
            for row in shown
        ),
        next_before=shown[-1].id if len(rows) > limit else None,
    )


@health_router.get("/healthz", summary="Does alarm intake really work 健康检查")
async def healthz(response: Response, console: Console) -> HealthAnswer:
    """200 if alarm intake works, 503 with the reasons if not. Needs no session."""
    problems = console.render.problems()
    response.status_code = 503 if problems else 200
    return HealthAnswer(ok=not problems, problems=problems)
