"""The console's HTTP interface for alarms and sessions (CONTRACT "HTTP"): an act is answered only after its commit."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from gateway.console.auth import Caller
from gateway.console.models import (
    AlarmAnswer,
    AlarmsAnswer,
    AlarmView,
    CloseBody,
    ErrorAnswer,
    Moment,
    SessionAnswer,
    ShelveBody,
    SignInBody,
)
from gateway.console.services import Acting, Console, Services, SignedIn
from gateway.console.sse import EventStreamResponse
from gateway.model import Alarm

router = APIRouter(
    prefix="/api",
    responses={status: {"model": ErrorAnswer} for status in (401, 403, 404, 409, 422, 429, 503)},
)

AlarmId = Annotated[str, "an alarm's id"]

# ---- sessions


@router.post("/session", summary="Sign in 登录")
async def sign_in(body: SignInBody, request: Request, response: Response, console: Console) -> SessionAnswer:
    """Open a session: a cookie that scripts of the page can't read, and a CSRF token for what changes something."""
    address = request.client.host if request.client else "unknown"
    opened = await console.auth.sign_in(body.name, body.password, address)
    hours = console.deps.site.console.session_hours
    response.set_cookie(
        console.cookie,
        opened.token,
        max_age=hours * 3600,
        path="/",
        secure=console.deps.site.console.secure,
        httponly=True,
        samesite="strict",
    )
    return _session(console, opened.caller)


@router.get("/session", summary="Who am I 当前登录")
async def session(caller: SignedIn, console: Console) -> SessionAnswer:
    """The session of this cookie."""
    return _session(console, caller)


@router.delete("/session", status_code=204, summary="Sign out 退出")
async def sign_out(caller: Acting, response: Response, console: Console) -> None:
    """End the session, its event streams and its live views."""
    await console.auth.sign_out(caller)
    console.streams.end_session(caller)
    console.lives.end_session(caller)
    response.delete_cookie(
        console.cookie, secure=console.deps.site.console.secure, httponly=True, samesite="strict"
    )


def _session(console: Services, caller: Caller) -> SessionAnswer:
    account, kept = caller.account, caller.session
    return SessionAnswer(
        name=account.name,
        display=account.display,
        role=account.role,
        csrf=kept.csrf,
        expires=console.auth.expires(caller),
    )


# ---- alarms


@router.get("/alarms", summary="Open alarms, or the history 警情")
async def alarms(
    _: SignedIn,
    console: Console,
    *,
    history: bool = False,
    before: Moment | None = None,
    before_id: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AlarmsAnswer:
    """The open alarms, oldest first; with `history` all alarms raised before `before`, newest first.

    `before_id` goes with `before`: of the alarms of that very millisecond, those before this one as well.
    """
    if not history:
        return AlarmsAnswer(
            now=console.render.now,
            alarms=console.render.alarms(
                console.deps.journal.open_alarms.values(), console.streams.in_memory
            ),
        )
    found = await console.deps.journal.history(limit=limit, before=before, before_id=before_id)
    last = found[-1] if len(found) == limit else None
    now_open = console.deps.journal.open_alarms
    return AlarmsAnswer(
        now=console.render.now,
        alarms=console.render.alarms(
            (now_open.get(alarm.id, alarm) for alarm in found), console.streams.in_memory
        ),
        next_before=last.raised_at if last else None,
        next_before_id=last.id if last else None,
    )


@router.get("/alarms/{alarm_id}", summary="One alarm with its events 警情详情")
async def alarm(alarm_id: AlarmId, _: SignedIn, console: Console) -> AlarmAnswer:
    """An alarm, open or closed, and each step of it as it was journalled."""
    found = await console.deps.journal.alarm(alarm_id)
    events = await console.deps.journal.events_of(alarm_id)
    return AlarmAnswer(
        now=console.render.now,
        alarm=await _present(console, found),
        events=tuple(console.render.event(event) for event in events),
    )


@router.post("/alarms/{alarm_id}/acknowledge", summary="Acknowledge 确认")
async def acknowledge(alarm_id: AlarmId, caller: Acting, console: Console) -> AlarmView:
    """A person has seen it."""
    return await _present(console, await console.deps.journal.acknowledge(alarm_id, caller.account.name))


@router.post("/alarms/{alarm_id}/close", summary="Close 关闭")
async def close(alarm_id: AlarmId, body: CloseBody, caller: Acting, console: Console) -> AlarmView:
    """A person ends it, with a verdict if it is critical or high."""
    return await _present(
        console, await console.deps.journal.close_alarm(alarm_id, caller.account.name, body.verdict)
    )


@router.post("/alarms/{alarm_id}/shelve", summary="Shelve for a time 搁置")
async def shelve(alarm_id: AlarmId, body: ShelveBody, caller: Acting, console: Console) -> AlarmView:
    """A person sets it aside for a limited time, with a reason. Not for panic, duress or fire."""
    until = console.deps.clock.now() + timedelta(minutes=body.minutes)
    return await _present(
        console, await console.deps.journal.shelve(alarm_id, caller.account.name, until, body.reason)
    )


@router.post("/alarms/{alarm_id}/unshelve", summary="End the shelving 恢复")
async def unshelve(alarm_id: AlarmId, caller: Acting, console: Console) -> AlarmView:
    """A person wants it back."""
    return await _present(console, await console.deps.journal.unshelve(alarm_id, caller.account.name))


async def _present(console: Services, made: Alarm) -> AlarmView:
    """What the alarm is by now, which may be more than the act has made of it. A closed one changes no more."""
    found = console.deps.journal.open_alarms.get(made.id, made)
    if found.is_open and found.id not in console.deps.journal.open_alarms:
        found = await console.deps.journal.alarm(made.id)
    return console.render.alarm(found, durable=found.id not in console.streams.in_memory)


# ---- live


@router.get(
    "/events",
    summary="Live events 实时事件",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}, "description": "snapshot, then change and beat"}},
)
async def events(caller: SignedIn, console: Console) -> Response:
    """Server-sent events: `snapshot` (everything), then `change`, and `beat` every 5 s with the server's time."""
    console.streams.must_have_room(caller)
    return EventStreamResponse(console.streams, caller)
