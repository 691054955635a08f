"""The camera as a whole: its life from start to stop, its faults, its power."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.clock import SystemClock
from simulators.camera.broadcast import Broadcast, Programme
from simulators.camera.connection import Service
from simulators.camera.digest import Authenticator
from simulators.camera.encoder import Codec, Video
from simulators.camera.footage import EncodedLoop, Footage, LiveFootage, LoopFootage
from simulators.camera.lies import Lie
from simulators.camera.misbehaviour import Misbehaviour
from simulators.camera.picture import Renderer
from simulators.camera.picture_faults import PictureFault
from simulators.camera.rtsp import RtspServer
from simulators.camera.sound import Tone
from simulators.camera.stage import Stage
from simulators.camera.stamps import StampFault
from simulators.camera.stream import Stream
from simulators.camera.viewer import ViewerCount
from simulators.fault import Fault
from simulators.port import ReservedPort

_REALM = "campus camera"
_LEAST_WIDTH = 160


class CameraSimulator:
    """An RTSP camera (implements `simulators.fault.Simulator`).

    Pictures are rendered live with the true time in them, or played from `loop`, whose video then counts and
    not width, height, fps, gop_seconds (seconds between key frames), codec and title. `port` 0 takes a free one; `host`
    is an IPv4 address. `sound` adds a tone in G.711 A-law to each stream, `sub` a second stream at `sub_path`.
    `clock_offset` is how far the camera's own clock is wrong, and may be set at any time: it is in the sender reports
    and not in the picture, whose clock is always true. `udp` False refuses media over UDP (461).
    `session_seconds` is the RTSP session time-out, `slow_seconds` how late SLOW makes everything.
    Raises ValueError for a codec, a size, a length of packets or two paths that can't be.
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
        codec: Codec = "h264",
        title: str = "",
        loop: EncodedLoop | None = None,
        sub: Video | EncodedLoop | None = None,
        sub_path: str = "/sub",
        sound: bool = False,
        sound_packet_ms: int = 20,
        udp: bool = True,
        clock_offset: timedelta = timedelta(0),
        session_seconds: int = 60,
        slow_seconds: float = 2.0,
    ) -> None:
        if sub is not None and sub_path == path:
            raise ValueError(f"camera: {path} can't be both streams")
        self.path = path
        self.sub_path = sub_path
        self.username = username
        self.password = password
        self.clock_offset = clock_offset
        self._host = host
        main = loop or Video(
            width=width, height=height, fps=fps, gop_seconds=gop_seconds, codec=codec, title=title
        )
        self._sources = {"main": (path, main)} | ({"sub": (sub_path, sub)} if sub is not None else {})
        self._video = _video(main)
        self._filmed = self._video
        self._tone = Tone(sound_packet_ms) if sound else None
        self._udp = udp
        self._session_seconds = session_seconds
        self._stage = Stage()
        self._misbehaviour = Misbehaviour(slow_seconds)
        self._port = port
        self._streams: tuple[Stream, ...] = ()
        self._running: _Running | None = None

    @property
    def port(self) -> int:
        """The TCP port; once started always the same, also over a power cycle."""
        return self._port

    @property
    def url(self) -> str:
        """The main stream's address, without the password."""
        return f"rtsp://{self._host}:{self._port}{self.path}"

    @property
    def sub_url(self) -> str:
        """The sub stream's address, without the password; there is nothing unless it was given a `sub`."""
        return f"rtsp://{self._host}:{self._port}{self.sub_path}"

    @property
    def viewers(self) -> tuple[ViewerCount, ...]:
        """What was sent since `start`, of main, then of sub: to those who left (the last 256), then to those who watch."""
        return tuple(count for stream in self._streams for count in stream.broadcast.counts())

    @property
    def worst_lag(self) -> float:
        """By how many seconds this camera's own pictures came late at most: its machine was busy."""
        return max((stream.broadcast.worst_lag for stream in self._streams), default=0.0)

    async def start(self) -> None:
        """Open the encoders and listen. Raises OSError if address or port can't be had."""
        async with AsyncExitStack() as ending:
            reserved = ReservedPort(self._host, self._port)
            ending.callback(reserved.release)
            streams = tuple(
                [await self._open(ending, name, *source) for name, source in self._sources.items()]
            )
            server = RtspServer(self._service(streams))
            ending.push_async_callback(server.close, abruptly=False)
            await server.open(reserved.listen())
            for stream in streams:
                ending.push_async_callback(_end, asyncio.create_task(stream.broadcast.run()))
            self._port, self._streams, self._filmed = reserved.number, streams, self._video
            self._running = _Running(server, reserved, ending.pop_all())

    async def _open(
        self, ending: AsyncExitStack, name: str, path: str, source: Video | EncodedLoop
    ) -> Stream:
        video = _video(source)
        footage: Footage = (
            LoopFootage(source) if isinstance(source, EncodedLoop) else LiveFootage(source, self._stage)
        )
        ending.push_async_callback(footage.close)
        await footage.open()
        programme = Programme(
            footage=footage, codec=video.codec, fps=video.fps, tone=self._tone, wall_clock=self._wall_clock
        )
        return Stream(name, path, programme, Broadcast(programme, self._misbehaviour))

    def _wall_clock(self) -> float:
        return time.time() + self.clock_offset.total_seconds()

    def _service(self, streams: tuple[Stream, ...]) -> Service:
        return Service(
            streams=streams,
            authenticator=Authenticator(realm=_REALM, username=self.username, password=self.password),
            misbehaviour=self._misbehaviour,
            session_seconds=self._session_seconds,
            udp=self._udp,
        )

    async def stop(self) -> None:
        """End as a camera that is switched off in its menu: what was sent arrives, then connections close.

        Faults, lie and stall end too; the next start has true stamps and the first size again. Raises what a task of the camera died of, if it was a mistake of the simulator.
        """
        running, self._running = self._running, None
        self._misbehaviour.change(Fault.NONE)
        self._misbehaviour.lie = Lie.NONE
        self._misbehaviour.stall(0)
        self._stage.show(PictureFault.NONE)
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

    def show(self, fault: PictureFault) -> None:
        """Let the picture be bad in this way from the next one on, on both streams. A loop does not hear of it."""
        self._stage.show(fault)

    def light(self, level: float) -> None:
        """Let it be so light: 1.0 day, 0.15 night, grey and noisy. Raises ValueError for another number than 0 to 1."""
        self._stage.light(level)

    def walk(self, on: bool) -> None:  # noqa: FBT001 - a switch
        """Let a person cross the yard every 8 s, or nobody."""
        self._stage.walk(on)

    def lamps(self, on: bool) -> None:  # noqa: FBT001 - a switch
        """Switch the yard's lamps."""
        self._stage.lamps(on)

    def snapshot(self) -> bytes:
        """The present picture of the main stream as a JPEG file, drawn now (5 ms at 640 x 360), on any thread.

        A camera that plays a loop shows the yard of its loop at the true time.
        """
        now = SystemClock().now()
        filmed = self._filmed
        return Renderer(filmed.width, filmed.height, filmed.title).jpeg(now, self._stage.scene(now))

    def stamp(self, fault: StampFault) -> None:
        """Let RTP time stamps be wrong in this way from the next picture on, on both streams; only once started."""
        for stream in self._streams:
            stream.broadcast.stamp(fault)

    def change_parameters(self, to: Video | EncodedLoop | None = None) -> None:
        """New parameter sets on the main stream, announced in it with a key frame; the SDP follows that picture.

        Only once started.
        Without `to` a live picture gets half its width, and the next time its first width again. A camera that plays
        a loop is given another one. Raises ValueError for another codec or frame rate, or a loop for a live picture.
        """
        if to is None:
            half = max(_LEAST_WIDTH, self._video.width // 4 * 2)
            to = self._video if self._filmed != self._video else replace(self._video, width=half)
        for stream in self._streams[:1]:
            stream.change_parameters(to)
            self._filmed = _video(to)

    def stall(self, seconds: float) -> None:
        """Send no media for so long; connections stay and requests are answered. Then a key frame; 0 ends it."""
        self._misbehaviour.stall(seconds)

    def lie(self, lie: Lie) -> None:
        """Say and send what is not so, until told NONE. A connection with an endless frame is lost for good."""
        self._misbehaviour.lie = lie

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


def _video(source: Video | EncodedLoop) -> Video:
    return source.video if isinstance(source, EncodedLoop) else source


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
