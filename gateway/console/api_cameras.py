"""The console's HTTP interface for cameras: the current picture, live view, the timeline, and clips of it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse

from gateway.clock import rfc3339
from gateway.console.exports import LONGEST
from gateway.console.live import LiveResponse
from gateway.console.models import ErrorAnswer, Moment
from gateway.console.models_footage import CamerasAnswer, CameraView, IntervalView, RecordingsAnswer
from gateway.console.models_site import GapView
from gateway.console.problems import RequestError
from gateway.console.render import zone_view
from gateway.console.services import Console, Services, SignedIn
from gateway.errors import GatewayError, NotFound
from gateway.model import Presence
from gateway.policy.coverage import Gap
from gateway.policy.retention import merge
from gateway.site.site import Camera
from gateway.store import GapRow

#: The longest timeline that is told at once.
TIMELINE_LIMIT = timedelta(days=31)

#: The longest that is played without a reason: what is longer is taken away, not looked at.
PLAYBACK_LIMIT = timedelta(minutes=10)

#: A reason has so many characters at least and at most.
REASON_LEAST, REASON_MOST = 2, 500

#: What is being recorded follows what was recorded without a gap where less than this lies between them.
_JOINT = timedelta(seconds=5)

_Interval = tuple[datetime, datetime]

router = APIRouter(
    prefix="/api",
    responses={status: {"model": ErrorAnswer} for status in (401, 404, 409, 413, 422, 503)},
)


@router.get("/cameras", summary="Cameras 摄像机")
async def cameras(_: SignedIn, console: Console) -> CamerasAnswer:
    """All cameras, whether each is there, and whether it is recorded just now."""
    return CamerasAnswer(
        now=console.render.now, cameras=tuple(_camera(console, each) for each in console.deps.site.cameras)
    )


@router.get(
    "/cameras/{camera}/snapshot.jpg",
    summary="The current picture 当前画面",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "JPEG; `X-Taken-At` says when it was taken"}
    },
)
async def snapshot(
    camera: str, caller: SignedIn, console: Console, width: Annotated[int, Query(ge=16, le=4096)] = 640
) -> Response:
    """From the footage, else from the camera itself; made once a second for all who look, never cached."""
    found = _known(console, camera)
    await console.logbook.picture(caller, found.id)
    picture = await console.stills.current(found.id, width)
    return Response(picture.jpeg, media_type="image/jpeg", headers={"X-Taken-At": rfc3339(picture.at)})


@router.get(
    "/cameras/{camera}/live",
    summary="Live video 实时画面",
    response_class=Response,
    responses={200: {"content": {"video/mp4": {}}, "description": "fragmented MP4 until it ends"}},
)
async def live(camera: str, caller: SignedIn, console: Console) -> Response:
    """What is recorded, as it is recorded: fragments of about a second, beginning with the last key frame.

    Time begins at 0 and goes on over the recorder's files; where the coding changes, a new initialisation comes first. It
    ends with the session, and where nothing was recorded for 10 s.
    """
    return LiveResponse(console.lives, caller, _known(console, camera).id)


@router.get("/cameras/{camera}/recordings", summary="The timeline 录像时间轴")
async def recordings(
    camera: str,
    _: SignedIn,
    console: Console,
    *,
    start: Annotated[Moment, Query(alias="from")],
    end: Annotated[Moment, Query(alias="to")],
) -> RecordingsAnswer:
    """What was recorded, what was not and why; 31 days at most."""
    found = _known(console, camera)
    if not timedelta() < end - start <= TIMELINE_LIMIT:
        raise RequestError(
            422, "bad-request", detail=f"`from` is before `to`, by {TIMELINE_LIMIT.days} days at most"
        )
    known, gaps, until = await _timeline(console, found.id, start, end)
    return RecordingsAnswer(
        now=console.render.now,
        camera=found.id,
        start=start,
        end=until,
        recorded=tuple(IntervalView(start=a, end=b) for a, b in known),
        gaps=tuple(GapView(start=gap.start, end=gap.end, cause=gap.cause) for gap in gaps),
        oldest=known[0][0] if known else None,
        newest=known[-1][1] if known else None,
    )


@router.head("/cameras/{camera}/clip", include_in_schema=False)
@router.get(
    "/cameras/{camera}/clip",
    summary="Footage of a time 录像片段",
    response_class=FileResponse,
    responses={
        200: {
            "content": {"video/mp4": {}},
            "description": "`X-Footage` lists the intervals it really shows, `X-Footage-Left-Out` those that were recorded and are not in it",
        },
        206: {"content": {"video/mp4": {}}, "description": "a part of it (Range)"},
    },
)
async def clip(
    camera: str,
    caller: SignedIn,
    console: Console,
    *,
    start: Annotated[Moment, Query(alias="from")],
    end: Annotated[Moment, Query(alias="to")],
    reason: Annotated[str | None, Query(max_length=REASON_MOST)] = None,
) -> FileResponse:
    """That time as one seekable MP4, an hour at most. With a `reason` it is an export, on the access log as such.

    Without one it is playback, of 10 minutes at most. 503 `clip-in-the-making`: ask again, it goes on being made.
    One file holds pictures of one size and coding, those of its middle: others are left out, and told.
    """
    found = _known(console, camera)
    _must_be_allowed(console, start, end, reason=reason)
    await console.logbook.footage(
        caller,
        "view" if reason is None else "export",
        found.id,
        start=start,
        end=end,
        reason="playback" if reason is None else reason.strip(),
    )
    made = await console.exports.clip(found.id, start, end)
    return FileResponse(
        made.clip.path,
        media_type="video/mp4",
        filename=f"{found.id}_{_name(start)}_{_name(end)}.mp4",
        content_disposition_type="inline" if reason is None else "attachment",
        headers={"X-Footage": _told(made.clip.intervals), "X-Footage-Left-Out": _told(made.left_out)},
    )


def _must_be_allowed(console: Services, start: datetime, end: datetime, *, reason: str | None) -> None:
    if not timedelta() < end - start <= LONGEST:
        raise RequestError(422, "bad-request", detail="`from` is before `to`, by 1 hour at most")
    if end > console.deps.clock.now():
        raise RequestError(422, "not-yet")
    if reason is None and end - start > PLAYBACK_LIMIT:
        raise RequestError(422, "export-reason")
    if reason is not None and len(reason.strip()) < REASON_LEAST:
        raise RequestError(422, "export-reason")


# ---- how it is told


def _known(console: Services, camera: str) -> Camera:
    for each in console.deps.site.cameras:
        if each.id == camera:
            return each
    raise NotFound(f"there is no camera {camera!r}")


def _camera(console: Services, camera: Camera) -> CameraView:
    deps = console.deps
    known = deps.journal.presences.get(camera.id)
    identity = known.identity if known else {}
    return CameraView(
        id=camera.id,
        name=camera.name,
        zone=zone_view(deps.journal.directory.zone(camera.zone)),
        recorded=camera.settings.record,
        recording=None if deps.footage is None else deps.footage.growing(camera.id) is not None,
        presence=known.presence if known else Presence.UNKNOWN,
        since=known.since if known else None,
        reason=known.reason if known else "",
        codec=identity.get("codec", ""),
        size=identity.get("size", ""),
    )


async def _timeline(
    console: Services, camera: str, start: datetime, end: datetime
) -> tuple[list[_Interval], list[Gap | GapRow], datetime]:
    """What is recorded, the gaps, and how far that is known. Raises RequestError 503."""
    deps = console.deps
    try:
        if deps.coverage is not None:
            found = await deps.covered(deps.coverage, camera, start, end)
            known = _without(found.gaps, start, found.end)
            fresh = _growing(console, camera, max(start, found.end), end)
            return (
                list(merge([*known, *fresh], _JOINT)),
                list(found.gaps),
                max([found.end, *(b for _, b in fresh)]),
            )
        pieces = () if deps.footage is None else await deps.footage.pieces(camera, start, end)
    except GatewayError as error:
        raise RequestError(503, "footage-unavailable", retry_after_s=5, detail=str(error)) from error
    gaps = await deps.journal.gaps(camera, start, end)
    shown = ((max(piece.start, start), min(piece.end, end)) for piece in pieces)
    return list(merge(each for each in shown if each[0] < each[1])), list(gaps), min(end, deps.clock.now())


def _without(gaps: Iterable[Gap], start: datetime, end: datetime) -> list[_Interval]:
    """The time between the gaps, which are in order and do not overlap."""
    found: list[_Interval] = []
    at = start
    for gap in gaps:
        if gap.start > at:
            found.append((at, gap.start))
        at = max(at, gap.end)
    return [*found, (at, end)] if at < end else found


def _growing(console: Services, camera: str, since: datetime, end: datetime) -> list[_Interval]:
    """What is being recorded just now, which nobody has counted yet."""
    footage = console.deps.footage
    growing = footage.growing(camera) if footage is not None else None
    if growing is None:
        return []
    begin, finish = max(growing.start, since), min(end, console.deps.clock.now())
    return [(begin, finish)] if begin < finish else []


def _name(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _told(intervals: Iterable[_Interval]) -> str:
    return ", ".join(f"{rfc3339(a)}/{rfc3339(b)}" for a, b in intervals)
