"""Live events for every open console: a snapshot, then changes and a sign of life; bounded for each client.

Changes that come close together share one message, which is encoded once for all clients, so an alarm storm costs the
daemon the same whether one guard looks at it or ten.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.console.auth import Caller
from gateway.console.models_site import StatusAnswer
from gateway.console.models_stream import BeatMessage, ChangeMessage, SnapshotMessage
from gateway.console.problems import RequestError
from gateway.console.render import Renderer
from gateway.console.views import ConsoleDeps
from gateway.model import Alarm, Durability
from gateway.store import Change

#: The last frame of a stream that had to make room for a newer one of its session: the page does not come again.
_DISPLACED = b"event: displaced\ndata: {}\n\n"


class Stream:
    """One client's frames. Past its limit all that wait are replaced by one fresh snapshot."""

    def __init__(self, caller: Caller, limit: int) -> None:
        self.caller = caller
        self._limit = limit
        self._frames: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._behind = False
        self._ended = False
        self._farewell: bytes | None = None

    def put(self, frame: bytes) -> None:
        """Add a frame; never waits."""
        if len(self._frames) >= self._limit:
            self.fall_behind()
        if not self._behind:
            self._frames.append(frame)
        self._wake.set()

    def fall_behind(self) -> None:
        """Forget what waits: a snapshot is due."""
        self._frames.clear()
        self._behind = True
        self._wake.set()

    @property
    def ended(self) -> bool:
        """Nothing more is taken for this client."""
        return self._ended

    def end(self, farewell: bytes | None = None) -> None:
        """Nothing more for this client, but for a last frame that says why."""
        self._farewell = None if self._ended else farewell
        self._ended = True
        self._wake.set()

    async def next(self, snapshot: Callable[[], bytes]) -> bytes | None:
        """What to send next; None at the end."""
        while not self._ended:
            if self._behind:
                self._behind = False
                return snapshot()
            if self._frames:
                return self._frames.popleft()
            self._wake.clear()
            await self._wake.wait()
        farewell, self._farewell = self._farewell, None
        return farewell


class EventStreams:
    """All open consoles. `run` is one task of the console's; it sleeps while nothing happens and nobody looks."""

    def __init__(
        self, deps: ConsoleDeps, render: Renderer, still_signed_in: Callable[[Caller], Awaitable[bool]]
    ) -> None:
        self._journal = deps.journal
        self._clock = deps.clock
        self._limits = deps.limits
        self._render = render
        self._still_signed_in = still_signed_in
        self._streams: dict[Stream, None] = {}  # in the order in which they came
        self._somebody = asyncio.Event()
        self._changed = asyncio.Event()
        self._alarms: dict[str, Alarm] = {}
        self._devices: set[str] = set()
        self._others = False
        self._status: StatusAnswer | None = None
        self._open = False
        self.in_memory: set[str] = set()

    # ---- clients

    def must_have_room(self, caller: Caller) -> None:
        """Raise RequestError 503 if there are as many streams as allowed; a session at its own limit makes room itself."""
        if len(self._of(caller)) >= self._limits.streams_a_session:
            return
        if len(self._streams) >= self._limits.streams:
            raise RequestError(503, "too-many-clients", retry_after_s=30)

    @contextmanager
    def joined(self, caller: Caller) -> Iterator[Stream]:
        """A client that listens from now on; its first frame is a snapshot. Too many of a session: its oldest ends."""
        others = self._of(caller)
        for oldest in others[: max(0, len(others) + 1 - self._limits.streams_a_session)]:
            oldest.end(_DISPLACED)
        stream = Stream(caller, self._limits.queued_frames)
        stream.fall_behind()
        if not self._open:
            stream.end()
        self._streams[stream] = None
        self._somebody.set()
        try:
            yield stream
        finally:
            self._streams.pop(stream, None)
            if not self._streams:
                self._somebody.clear()

    def end_session(self, caller: Caller) -> None:
        """The caller has signed out: end the streams of that session."""
        for stream in self._of(caller):
            stream.end()

    def _of(self, caller: Caller) -> list[Stream]:
        """The live streams of the caller's session, oldest first."""
        token = caller.session.token_sha256
        return [
            stream
            for stream in self._streams
            if stream.caller.session.token_sha256 == token and not stream.ended
        ]

    def end_all(self) -> None:
        """The console stops: who still comes is sent away."""
        self._open = False
        for stream in self._streams:
            stream.end()

    async def refresh_status(self) -> StatusAnswer:
        """How the gateway does now; kept for the next snapshot."""
        self._status = await self._render.status()
        return self._status

    def snapshot(self) -> bytes:
        """Everything as of the last commit."""
        assert self._status is not None  # a stream begins with refresh_status
        return _frame(
            SnapshotMessage(
                now=self._render.now,
                status=self._status,
                alarms=self._render.alarms(self._journal.open_alarms.values(), self.in_memory),
                devices=self._render.devices(),
                zones=self._render.arming.zones(),
                bypasses=self._render.arming.bypasses(),
            )
        )

    # ---- what happens

    async def run(self) -> None:
        """Serve until cancelled."""
        self._open = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._collect(), name="console-collect")
            tasks.create_task(self._tell(), name="console-tell")
            tasks.create_task(self._beat(), name="console-beat")

    async def _collect(self) -> None:
        subscription = self._journal.subscribe()
        try:
            async for change in subscription:
                self._note_durability(change)
                if self._streams:
                    self._note(change)
        finally:
            subscription.close()

    def _note_durability(self, change: Change) -> None:
        """Alarms that changed in memory mode are not durable until the disk has returned."""
        if self._journal.status.durability is Durability.DISK:
            self.in_memory.clear()
        else:
            self.in_memory.update(alarm.id for alarm in change.alarms if alarm.is_open)
            self.in_memory.intersection_update(self._journal.open_alarms)

    def _note(self, change: Change) -> None:
        if change.resync:
            for stream in self._streams:
                stream.fall_behind()
        self._alarms.update((alarm.id, alarm) for alarm in change.alarms)
        self._devices.update(presence.device for presence in change.presences)
        self._others = self._others or change.others
        self._changed.set()

    async def _tell(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            alarms, devices, others = list(self._alarms.values()), list(self._devices), self._others
            self._alarms.clear()
            self._devices.clear()
            self._others = False
            self._tell_all(self._change(alarms, devices, others=others))
            await self._clock.sleep(self._limits.coalesce_s)

    def _change(self, alarms: list[Alarm], devices: list[str], *, others: bool) -> bytes:
        """The present state of what changed: never an older one than a snapshot has already told."""
        now_open = self._journal.open_alarms
        current = (now_open.get(alarm.id, alarm) for alarm in alarms)
        return _frame(
            ChangeMessage(
                now=self._render.now,
                alarms=self._render.alarms(
                    (alarm for alarm in current if alarm.id in now_open or not alarm.is_open), self.in_memory
                ),
                presences=tuple(
                    self._render.presence(self._journal.presences[device])
                    for device in devices
                    if device in self._journal.presences
                ),
                zones=self._render.arming.zones() if others else None,
                bypasses=self._render.arming.bypasses() if others else None,
            )
        )

    async def _beat(self) -> None:
        while True:
            await self._somebody.wait()
            await self._clock.sleep(self._limits.heartbeat_s)
            for stream in list(self._streams):
                if not await self._still_signed_in(stream.caller):
                    stream.end()
            if self._streams:
                self._tell_all(_frame(BeatMessage(now=self._render.now, status=await self.refresh_status())))

    def _tell_all(self, frame: bytes) -> None:
        for stream in self._streams:
            stream.put(frame)


class EventStreamResponse(Response):
    """Sends a client its frames until it goes, is signed out, or the console stops."""

    media_type = "text/event-stream"

    def __init__(self, streams: EventStreams, caller: Caller) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})  # a proxy must not hold live events back
        del self.headers["content-length"]
        self._streams = streams
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI). A client that does not read is cut off by the connection (Limits.stall_s)."""
        await self._streams.refresh_status()
        with self._streams.joined(self._caller) as stream:
            watching = asyncio.create_task(_end_with_client(receive, stream))
            try:
                await send(
                    {
                        "type": "http.response.start",
                        "status": self.status_code,
                        "headers": self.raw_headers,
                    }
                )
                while (frame := await stream.next(self._streams.snapshot)) is not None:
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)


async def _end_with_client(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


def _frame(message: SnapshotMessage | ChangeMessage | BeatMessage) -> bytes:
    """One event of the stream (HTML Living Standard, server-sent events); JSON has no raw line breaks."""
    return f"event: {message.event}\ndata: {message.model_dump_json(by_alias=True)}\n\n".encode()
