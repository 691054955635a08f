"""The camera as a whole: its life from start to stop, its faults, its power."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from simulators.camera.broadcast import Broadcast, ViewerCount
from simulators.camera.connection import Service
from simulators.camera.digest import Authenticator
from simulators.camera.encoder import EncodedLoop, Footage, LiveFootage, LoopFootage, ParameterSets, Video
from simulators.camera.misbehaviour import Misbehaviour
from simulators.camera.rtsp import RtspServer, sdp
from simulators.fault import Fault
from simulators.port import ReservedPort

_REALM = "campus camera"


class CameraSimulator:
    """An RTSP camera with one H.264 stream (implements `simulators.fault.Simulator`).

    Pictures are rendered live with the true time in them, or played from `loop`, whose video then counts and
    not width, height, fps, gop_seconds (seconds between key frames) and title. `port` 0 takes a free one; `host` is
    an IPv4 address.
    `session_seconds` is the RTSP session time-out, `slow_seconds` how late SLOW makes everything.
    """

    def __init__(  # noqa: PLR0913 - a camera has that many properties, all with a default
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        path: str = "/main",
        username: str = "admin",
        password: str = "camera",  # noqa: S107 - a rehearsal's, known to all
        width: int = 640,
        height: int = 360,
        fps: int = 10,
        gop_seconds: float = 1.0,
        codec: str = "h264",
        title: str = "",
        loop: EncodedLoop | None = None,
        session_seconds: int = 60,
        slow_seconds: float = 2.0,
    ) -> None:
        if codec != "h264":
            raise ValueError(f"camera codec {codec!r}: only h264 can be had")
        self.path = path
        self.username = username
        self.password = password
        self._host = host
        self._loop = loop
        self._video = (
            loop.video
            if loop is not None
            else Video(width=width, height=height, fps=fps, gop_seconds=gop_seconds, title=title)
        )
        self._session_seconds = session_seconds
        self._misbehaviour = Misbehaviour(slow_seconds)
        self._port = port
        self._broadcast: Broadcast | None = None
        self._running: _Running | None = None

    @property
    def port(self) -> int:
        """The TCP port; once started always the same, also over a power cycle."""
        return self._port

    @property
    def url(self) -> str:
        """The stream's address, without the password."""
        return f"rtsp://{self._host}:{self._port}{self.path}"

    @property
    def viewers(self) -> tuple[ViewerCount, ...]:
        """What was sent since `start`: to those who left (the last 256 of them), then to those who watch."""
        return self._broadcast.counts() if self._broadcast is not None else ()

    async def start(self) -> None:
        """Open the encoder and listen. Raises OSError if address or port can't be had."""
        async with AsyncExitStack() as ending:
            reserved = ReservedPort(self._host, self._port)
            ending.callback(reserved.release)
            footage: Footage = LiveFootage(self._video) if self._loop is None else LoopFootage(self._loop)
            ending.push_async_callback(footage.close)
            broadcast = Broadcast(footage, self._video.fps, self._misbehaviour)
            server = RtspServer(self._describe(await footage.open(), broadcast))
            ending.push_async_callback(server.close, abruptly=False)
            await server.open(reserved.listen())
            ending.push_async_callback(_end, asyncio.create_task(broadcast.run()))
            self._port, self._broadcast = reserved.number, broadcast
            self._running = _Running(server, reserved, ending.pop_all())

    def _describe(self, parameter_sets: ParameterSets, broadcast: Broadcast) -> Service:
        return Service(
            path=self.path,
            sdp=sdp(parameter_sets, self._video.fps),
            authenticator=Authenticator(realm=_REALM, username=self.username, password=self.password),
            broadcast=broadcast,
            misbehaviour=self._misbehaviour,
            session_seconds=self._session_seconds,
        )

    async def stop(self) -> None:
        """End as a camera that is switched off in its menu: what was sent arrives, then connections close.

        The fault ends too. Raises what a task of the camera died of, if it was a mistake of the simulator.
        """
        running, self._running = self._running, None
        self._misbehaviour.change(Fault.NONE)
        if running is not None:
            await running.ending.aclose()

    async def misbehave(self, fault: Fault) -> None:
        """Change the fault, also for connections that are open.

        SILENT takes requests and answers none; HALF_OPEN does not even take them; media stop in both, and go on
        with a key frame afterwards. SLOW sends answers and pictures late. GARBAGE sends rubbish instead of both.
        REFUSED answers 401 to every password and hangs up on those who watch, as after a change of password.
        """
        self._misbehaviour.change(fault)
        if fault is Fault.REFUSED and self._running is not None:
            await self._running.server.hang_up()

    async def power_cycle(self, off_seconds: float) -> None:
        """Lose power, stay away so long, come back at the same port. A fault outlives it."""
        await self.power_off()
        try:
            await asyncio.sleep(off_seconds)
        finally:
            await self.power_on()

    async def power_off(self) -> None:
        """Vanish without a goodbye: connections are reset, new ones refused; the port stays ours."""
        if self._running is not None:
            await self._running.server.close(abruptly=True)

    async def power_on(self) -> None:
        """Serve again at the same port; does nothing if the camera is on, or was stopped meanwhile."""
        if self._running is not None and not self._running.server.listening:
            await self._running.server.open(self._running.reserved.listen())


@dataclass(frozen=True, slots=True)
class _Running:
    server: RtspServer
    reserved: ReservedPort
    ending: AsyncExitStack


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    for result in await asyncio.gather(task, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
