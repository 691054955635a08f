"""The guards' console as a service of the daemon: one listener, served by uvicorn on the daemon's own event loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse

from gateway.accepting import accept_no_more
from gateway.console import (
    api,
    api_arming,
    api_cameras,
    api_devices,
    api_evidence,
    api_outputs,
    api_site,
    api_watch,
    problems,
)
from gateway.console.connection import connection_class
from gateway.console.gate import Gate
from gateway.console.pages import Pages, page_router
from gateway.console.services import Services, assemble, signed_in
from gateway.console.views import ConsoleDeps, Limits
from gateway.model import Kind

log = logging.getLogger(__name__)

#: Seconds between attempts to open the listener; the last one is repeated.
_LISTEN_AGAIN_S = (1.0, 2.0, 5.0, 10.0)

#: After so many refusals guards have no screen for long enough to be an alarm of its own.
_REFUSALS_TO_ALARM = 4

_LISTEN_BACKLOG = 128

#: What the kernel holds for a client that reads slowly; its connections inherit it from the listener.
_SEND_BUFFER_BYTES = 256 * 1024

#: The subject of that alarm.
_SUBJECT = "console"


def build_app(deps: ConsoleDeps) -> FastAPI:
    """The console's HTTP application. Its event streams live only while `Console.serve` runs."""
    return _app(assemble(deps))


def _app(services: Services) -> FastAPI:
    app = FastAPI(
        title="Campus gateway console",
        version=services.deps.version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.services = services
    problems.install(app)
    app.include_router(api.router)
    app.include_router(api_outputs.router)
    app.include_router(api_site.router)
    app.include_router(api_arming.router)
    app.include_router(api_devices.router)
    app.include_router(api_cameras.router)
    app.include_router(api_evidence.router)
    app.include_router(api_watch.router)
    app.include_router(api_site.health_router)
    app.include_router(page_router(Pages()))

    @app.get("/openapi.json", include_in_schema=False, dependencies=[Depends(signed_in)])
    async def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    return app


class Console:
    """Serves the page and its interface until cancelled; `address` is set once it listens."""

    def __init__(self, deps: ConsoleDeps) -> None:
        self._deps = deps
        self._services = assemble(deps)
        self._settings = deps.site.console
        self._listening = asyncio.Event()
        self.address: tuple[str, int] | None = None

    async def listening(self) -> tuple[str, int]:
        """Wait until it listens; the address and the real port (`port = 0` takes a free one)."""
        await self._listening.wait()
        assert self.address is not None
        return self.address

    async def serve(self) -> None:
        """Serve until cancelled; then stop within Limits.stop_s and 1 s.

        A listener that can't be opened is tried again for ever, and is an alarm of the gateway's own after a while:
        the school is guarded without a screen meanwhile.
        """
        listener = await self._listen()
        self.address = listener.getsockname()[:2]
        self._listening.set()
        log.info("the console listens on %s port %d", *self.address)
        server = _Server(self._services, self._deps.limits, secure=self._settings.secure)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._services.streams.run(), name="console-streams")
                tasks.create_task(self._services.exports.run(), name="console-exports")
                tasks.create_task(server.serve([listener]), name="console-http")
        finally:
            listener.close()
            self._listening.clear()
            self.address = None

    # ---- the listener

    async def _listen(self) -> socket.socket:
        refusals = 0
        while True:
            try:
                listener = await self._bind()
            except OSError as error:
                wait = _LISTEN_AGAIN_S[min(refusals, len(_LISTEN_AGAIN_S) - 1)]
                refusals += 1
                if refusals == 1:
                    log.warning("the console can't listen on %s: %s; trying again", self._where, error)
                if refusals == _REFUSALS_TO_ALARM:
                    detail = f"the console can't listen on {self._where}: {error}"
                    await self._deps.journal.raise_own(Kind.FAULT, _SUBJECT, detail)
                await self._deps.clock.sleep(wait)
            else:
                await self._deps.journal.return_own(Kind.FAULT, _SUBJECT)
                return listener

    async def _bind(self) -> socket.socket:
        found = await asyncio.get_running_loop().getaddrinfo(
            self._settings.host, self._settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            listener.bind(address)
            listener.listen(_LISTEN_BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    @property
    def _where(self) -> str:
        return f"{self._settings.host} port {self._settings.port}"


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its ten wake-ups a second; it stops when its task is cancelled."""

    def __init__(self, services: Services, limits: Limits, *, secure: bool) -> None:
        self._services = services
        self._stop = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                Gate(_app(services), limits=limits, clock=services.deps.clock),
                http=connection_class(limits, behind_proxy=secure),
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=secure,
                forwarded_allow_ips="127.0.0.1,::1",
                backlog=_LISTEN_BACKLOG,
                timeout_keep_alive=10,
                timeout_graceful_shutdown=max(1, round(limits.stop_s)),
            )
        )

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until cancelled, then let open answers end."""
        serving = asyncio.create_task(super().serve(sockets), name="console-uvicorn")
        try:
            await asyncio.shield(serving)
        finally:
            self._stop.set()
            await serving
            for connection in list(self.server_state.connections):
                connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, with nobody lost at the door."""
        for server in self.servers:
            await accept_no_more(server)
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        """Wait for the end; then all event streams and live views end, so that no answer keeps the console from stopping."""
        await self._stop.wait()
        self._services.streams.end_all()
        self._services.lives.end_all()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield
