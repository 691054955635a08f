"""What every route is given: the console's parts, who is calling, and the proof that a change is meant."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gateway.console.auth import Authenticator, Caller, same_csrf
from gateway.console.exports import Exports
from gateway.console.live import LiveViews
from gateway.console.logbook import Logbook
from gateway.console.problems import RequestError
from gateway.console.render import Renderer
from gateway.console.sse import EventStreams
from gateway.console.stills import Stills
from gateway.console.views import ConsoleDeps

CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Services:
    """The console's parts."""

    deps: ConsoleDeps
    auth: Authenticator
    render: Renderer
    streams: EventStreams
    logbook: Logbook
    lives: LiveViews
    stills: Stills
    exports: Exports

    @property
    def cookie(self) -> str:
        """The session cookie's name; with the `__Host-` prefix a browser insists on `Secure` and on this very host."""
        return "__Host-campus-session" if self.deps.site.console.secure else "campus-session"


def assemble(deps: ConsoleDeps) -> Services:
    """Build the console's parts."""
    auth = Authenticator(deps.journal, deps.clock, session_hours=deps.site.console.session_hours)
    render = Renderer(deps)
    logbook = Logbook(deps.journal, deps.clock)
    return Services(
        deps,
        auth,
        render,
        EventStreams(deps, render, auth.still_signed_in),
        logbook,
        LiveViews(deps, logbook, auth.still_signed_in),
        Stills(deps),
        Exports(deps),
    )


def services(request: Request) -> Services:
    """The console that this request came to."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


Console = Annotated[Services, Depends(services)]


async def signed_in(request: Request, console: Console) -> Caller:
    """Who is calling. Raises RequestError 401."""
    return await console.auth.caller(request.cookies.get(console.cookie))


SignedIn = Annotated[Caller, Depends(signed_in)]


async def acting(request: Request, caller: SignedIn) -> Caller:
    """Who is calling, and means to change something. Raises RequestError 401, 403."""
    if not same_csrf(caller, request.headers.get(CSRF_HEADER)):
        raise RequestError(403, "csrf")
    return caller


Acting = Annotated[Caller, Depends(acting)]


async def leading(caller: Acting) -> Caller:
    """Who is calling, may do more than a guard, and means to. Raises RequestError 401, 403."""
    if caller.account.role == "guard":
        raise RequestError(403, "forbidden")
    return caller


Leading = Annotated[Caller, Depends(leading)]
