"""Live views: bounded in number, logged before the first byte, and ended with the session or with the recording."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.clock import Clock
from gateway.console.auth import Caller
from gateway.console.boxes import BoxError
from gateway.console.follow import Follower
from gateway.console.logbook import Logbook
from gateway.console.problems import RequestError
from gateway.console.views import ConsoleDeps
from gateway.footage import Footage

log = logging.getLogger(__name__)

#: Reading what was just written takes no time; where a disk hangs, so many threads hang with it and no more.
_THREADS = 4

#: Seconds between two looks whether the session still is.
_SESSION_S = 1.0

#: For the first fragment to be there, before the answer has to begin (Limits.answer_s). Seconds.
_FIRST_S = 8.0


class Viewer:
    """One live view of a camera."""

    def __init__(
        self,
        caller: Caller,
        camera: str,
        *,
        read: Callable[[Follower], Awaitable[bytes | None]],
        clock: Clock,
        still_signed_in: Callable[[Caller], Awaitable[bool]],
        follow_s: float,
    ) -> None:
        self.caller = caller
        self.camera = camera
        self.follower = Follower()
        self._read = read
        self._clock = clock
        self._still_signed_in = still_signed_in
        self._follow_s = follow_s
        self._looked = clock.monotonic()
        self._ended = False

    def end(self) -> None:
        """Send no more."""
        self._ended = True

    async def next(self, within_s: float) -> bytes | None:
        """What comes next; None once it is over: by `end`, with the session, or as nothing came for so long."""
        until = self._clock.monotonic() + within_s
        while await self._may_go_on():
            try:
                sent = await self._read(self.follower)
            except (OSError, BoxError) as error:
                log.warning("the live view of %s ends: %s", self.camera, error)
                return None
            if sent is not None:
                return sent
            if self._clock.monotonic() >= until:
                return None
            await self._clock.sleep(self._follow_s)
        return None

    async def _may_go_on(self) -> bool:
        now = self._clock.monotonic()
        if not self._ended and now - self._looked >= _SESSION_S:
            self._looked = now
            self._ended = not await self._still_signed_in(self.caller)
        return not self._ended


class LiveViews:
    """All live views of the console."""

    def __init__(
        self, deps: ConsoleDeps, logbook: Logbook, still_signed_in: Callable[[Caller], Awaitable[bool]]
    ) -> None:
        self._footage = deps.footage
        self._clock = deps.clock
        self._limits = deps.limits
        self._logbook = logbook
        self._still_signed_in = still_signed_in
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="console-live")
        self._viewers: set[Viewer] = set()

    @property
    def silence_s(self) -> float:
        """So long without a fragment ends a view."""
        return self._limits.silence_s

    @asynccontextmanager
    async def viewer(self, caller: Caller, camera: str) -> AsyncIterator[Viewer]:
        """A view that is on the access log. Raises RequestError 503, JournalUnwritable."""
        footage = self._footage
        if footage is None or footage.growing(camera) is None:
            raise RequestError(503, "not-recorded", retry_after_s=5)
        if len(self._viewers) >= self._limits.viewers:
            raise RequestError(503, "too-many-viewers", retry_after_s=30)
        viewer = Viewer(
            caller,
            camera,
            read=lambda follower: self._next(footage, camera, follower),
            clock=self._clock,
            still_signed_in=self._still_signed_in,
            follow_s=self._limits.follow_s,
        )
        self._viewers.add(viewer)
        try:
            await self._logbook.live(caller, camera)
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self._threads.submit(viewer.follower.close)

    async def _next(self, footage: Footage, camera: str, follower: Follower) -> bytes | None:
        growing = footage.growing(camera)
        return await asyncio.get_running_loop().run_in_executor(self._threads, follower.next, growing)

    def end_session(self, caller: Caller) -> None:
        """The caller has signed out: end what that session watches."""
        for viewer in self._viewers:
            if viewer.caller.session.token_sha256 == caller.session.token_sha256:
                viewer.end()

    def end_all(self) -> None:
        """The console stops."""
        for viewer in self._viewers:
            viewer.end()


class LiveResponse(Response):
    """Sends a viewer fragment by fragment. One that does not read is cut off by its connection (Limits.stall_s)."""

    def __init__(self, views: LiveViews, caller: Caller, camera: str) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._views = views
        self._caller = caller
        self._camera = camera

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI). Raises RequestError 503 as long as nothing was sent."""
        async with self._views.viewer(self._caller, self._camera) as viewer:
            watching = asyncio.create_task(_end_with_client(receive, viewer))
            try:
                part = await viewer.next(min(_FIRST_S, self._views.silence_s))
                if part is None:
                    raise RequestError(503, "not-recorded", retry_after_s=5)
                self.headers["content-type"] = viewer.follower.media_type
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                while part is not None:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    part = await viewer.next(self._views.silence_s)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)


async def _end_with_client(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()
