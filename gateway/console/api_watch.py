"""The console's HTTP interface for the picture watch: what it saw, why it raised an alarm, and that a picture is right."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from gateway.clock import rfc3339
from gateway.console.models import ErrorAnswer, Moment
from gateway.console.models_watch import PairView, WatchAnswer
from gateway.console.problems import RequestError
from gateway.console.services import Console, Leading, Services, SignedIn
from gateway.console.views import WatchView
from gateway.errors import GatewayError, NotFound
from gateway.media.look import Pair
from gateway.model import Kind
from gateway.site.site import Camera

T = TypeVar("T")

#: How long a disk may take for one of these pictures; seconds.
_FILE_LIMIT_S = 10.0

router = APIRouter(
    prefix="/api/cameras",
    responses={status: {"model": ErrorAnswer} for status in (401, 403, 404, 410, 422, 503)},
)


@router.get("/{camera}/watch", summary="Why a picture is wrong 画面检查")
async def watch(camera: str, caller: SignedIn, console: Console) -> WatchAnswer:
    """The last pairs of pictures, the newest first: what the camera should see, and what it showed."""
    found = _known(console, camera)
    watched = _is_watched(found)
    view = _view(console) if watched else None
    looks = None if view is None else await _asked(_counted(view, found.id))
    pairs = () if view is None else await _asked(view.pictures(found.id))
    return WatchAnswer(
        now=console.render.now,
        camera=found.id,
        watched=watched,
        may_accept=watched and caller.account.role != "guard",
        done=0 if looks is None else looks[0],
        failed=0 if looks is None else looks[1],
        pairs=tuple(_told(found.id, pair) for pair in pairs),
    )


@router.get(
    "/{camera}/watch/picture.jpg",
    summary="One of these pictures 画面检查的图片",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}, "description": "JPEG"}},
)
async def picture(
    camera: str,
    caller: SignedIn,
    console: Console,
    *,
    kind: Kind,
    at: Moment,
    which: Annotated[Literal["before", "now"], Query()],
) -> Response:
    """`before`: what it should see; `now`: what it showed. On the access log before it is sent."""
    found = _known(console, camera)
    pairs = await _asked(_view(console).pictures(found.id))
    pair = next((each for each in pairs if (each.kind, each.at) == (kind, at)), None)
    path = None if pair is None else pair.before if which == "before" else pair.now
    if path is None:
        raise NotFound(f"there is no such picture of {found.id!r}")
    await console.logbook.footage(
        caller, "view", found.id, start=at, end=at, reason=f"picture watch: {kind.value}"
    )
    return Response(await _read(path), media_type="image/jpeg")


@router.post("/{camera}/accept", status_code=204, summary="The picture is right 认可当前画面")
async def accept(camera: str, caller: Leading, console: Console) -> None:
    """What the camera shows now is what it should see; an alarm that says otherwise returns after good looks.

    On the access log, with who said so, before it is done.
    """
    found = _known(console, camera)
    if not _is_watched(found):
        raise NotFound(f"the picture of {found.id!r} is not watched")
    view = _view(console)
    await console.logbook.accepted(caller, found.id)
    await _asked(view.accept(found.id))


def _known(console: Services, camera: str) -> Camera:
    for each in console.deps.site.cameras:
        if each.id == camera:
            return each
    raise NotFound(f"there is no camera {camera!r}")


def _is_watched(camera: Camera) -> bool:
    return camera.settings.watch and camera.settings.record


def _view(console: Services) -> WatchView:
    if console.deps.watch is None:
        raise RequestError(503, "footage-unavailable", detail="there is no picture watch here")
    return console.deps.watch


async def _counted(view: WatchView, camera: str) -> tuple[int, int]:
    count = view.looks(camera)
    return count.done, count.failed


async def _asked(question: Awaitable[T]) -> T:
    """What the picture watch answers. Raises RequestError 503 where it can't just now."""
    try:
        return await question
    except (GatewayError, OSError) as error:  # TimeoutError is an OSError
        raise RequestError(503, "footage-unavailable", retry_after_s=5, detail=str(error)) from error


async def _read(path: Path) -> bytes:
    """Raises RequestError 410 where the file has gone, 503 where the disk does not give it."""
    try:
        async with asyncio.timeout(_FILE_LIMIT_S):
            return await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError as error:
        raise RequestError(410, "evidence-gone") from error
    except OSError as error:
        raise RequestError(503, "footage-unavailable", retry_after_s=5, detail=str(error)) from error


def _told(camera: str, pair: Pair) -> PairView:
    def address(which: str) -> str:
        asked = urlencode({"kind": pair.kind.value, "at": rfc3339(pair.at), "which": which})
        return f"/api/cameras/{camera}/watch/picture.jpg?{asked}"

    return PairView(
        kind=pair.kind,
        at=pair.at,
        before=None if pair.before is None else address("before"),
        now=address("now"),
    )
