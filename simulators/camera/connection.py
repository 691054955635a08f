"""One client's RTSP connection: requests in, answers out (RFC 2326)."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from simulators.camera import sdp, transport
from simulators.camera.digest import Authenticator
from simulators.camera.lies import Lie
from simulators.camera.message import Interleaved, MalformedMessage, Request, Response, read_message
from simulators.camera.misbehaviour import Misbehaviour
from simulators.camera.outlet import Channels, Datagrams, Outlet, Way
from simulators.camera.stream import Stream
from simulators.camera.viewer import Flow, Viewer
from simulators.fault import Fault

_log = logging.getLogger(__name__)

_METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN")
_RUBBISH_BYTES = 200
_ENDLESS_HEADER = b"X-Endless: " + b"a" * 1000 + b"\r\n"
_ENDLESS_AT_ONCE, _ENDLESS_PAUSE = 64, 0.05  # headers, and seconds between them: 1.3 MB/s


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all connections of one camera share. `udp`: whether media over UDP are served."""

    streams: tuple[Stream, ...]
    authenticator: Authenticator
    misbehaviour: Misbehaviour
    session_seconds: int
    udp: bool


class Connection:
    """Serves one client until it hangs up, says nothing for the session time-out, or sends what is no RTSP.

    A session lives and dies with its connection, also when its media flow beside it, and has tracks of one stream.
    """

    def __init__(
        self, service: Service, reader: asyncio.StreamReader, transport: asyncio.WriteTransport
    ) -> None:
        self._service = service
        self._reader = reader
        self._transport = transport
        self._outlet = Outlet(transport)
        self._nonce = secrets.token_hex(16)
        self._session = ""
        self._stream = service.streams[0]
        self._track = 0
        self._viewer: Viewer | None = None
        self._playing = False

    async def serve(self) -> None:
        """Answer until the connection ends; leaves it closing."""
        try:
            while (message := await self._next_message()) is not None:
                await self._take(message)
        except MalformedMessage as error:
            _log.info("%s: %s", self._outlet.peer, error)
            self._outlet.write(Response(400).encode("0"))
        except TimeoutError:
            # A camera that is mute does not hang up either.
            await self._service.misbehaviour.until_awake()
            _log.info("%s: silent for %d s, session ended", self._outlet.peer, self._service.session_seconds)
        except OSError as error:
            _log.debug("%s is gone: %s", self._outlet.peer, error)
        finally:
            self._end_session()
            self._transport.close()

    async def _next_message(self) -> Request | Interleaved | None:
        if self._service.misbehaviour.fault is Fault.HALF_OPEN:
            await self._service.misbehaviour.until_awake()
        while True:
            try:
                async with asyncio.timeout(self._service.session_seconds):
                    return await read_message(self._reader)
            except TimeoutError:
                if not self._heard():
                    raise

    def _heard(self) -> bool:
        """Whether receiver reports came over UDP, which keep a session alive too."""
        ways = [flow.way for flow in self._viewer.flows.values()] if self._viewer is not None else []
        heard = [way.heard() for way in ways if isinstance(way, Datagrams)]
        return any(heard)

    async def _take(self, message: Request | Interleaved) -> None:
        if isinstance(message, Interleaved):
            return  # a receiver report: that it came keeps the session alive
        misbehaviour = self._service.misbehaviour
        if misbehaviour.fault is Fault.SILENT:
            return
        if misbehaviour.fault is Fault.HALF_OPEN:
            await misbehaviour.until_awake()
        await asyncio.sleep(misbehaviour.lag)
        if misbehaviour.fault is Fault.GARBAGE:
            self._outlet.write(secrets.token_bytes(_RUBBISH_BYTES))
            return
        answer = self._answer(message)
        if answer.body and misbehaviour.lie is Lie.ENDLESS_HEADERS:
            await self._pour_headers()
        self._outlet.write(answer.encode(message.headers.get("cseq", "0")))

    async def _pour_headers(self) -> None:
        """Begin an answer that does not come to its end while the lie holds and the client reads."""
        self._outlet.write(b"RTSP/1.0 200 OK\r\n")
        while self._service.misbehaviour.lie is Lie.ENDLESS_HEADERS:
            if not self._outlet.write(_ENDLESS_HEADER * _ENDLESS_AT_ONCE):
                return
            await asyncio.sleep(_ENDLESS_PAUSE)

    def _answer(self, request: Request) -> Response:
        if (unfit := _unfit(request)) is not None:
            return unfit
        if request.method == "OPTIONS":
            return self._alive({"Public": ", ".join(_METHODS)})
        return self._denied(request) or self._act(request)

    def _denied(self, request: Request) -> Response | None:
        if not self._authorised(request):
            return Response(401, {"WWW-Authenticate": self._service.authenticator.challenge(self._nonce)})
        if not self._finds(request.path):
            return Response(404)
        if request.headers.get("session", self._session).split(";")[0] != self._session:
            return Response(454)
        return None

    def _finds(self, path: str) -> bool:
        """Whether there is such a stream or track, and one of the session's if there is a session."""
        streams = (self._stream,) if self._session else self._service.streams
        for stream in streams:
            if (track := stream.track_of(path)) is not None:
                self._stream, self._track = stream, track
                return True
        return False

    def _authorised(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        return self._service.misbehaviour.fault is not Fault.REFUSED and (
            self._service.authenticator.accepts(given, request.method, self._nonce)
        )

    def _act(self, request: Request) -> Response:
        actions: dict[str, Callable[[Request], Response]] = {
            "DESCRIBE": self._describe,
            "SETUP": self._set_up,
            "PLAY": self._play,
            "GET_PARAMETER": self._keep_alive,
            "TEARDOWN": self._tear_down,
        }
        return actions[request.method](request)

    def _describe(self, request: Request) -> Response:
        headers = {"Content-Base": f"{request.address}/", "Content-Type": "application/sdp"}
        return Response(200, headers, self._stream.sdp(self._service.misbehaviour.lie).encode())

    def _set_up(self, request: Request) -> Response:
        if self._playing:
            return Response(455)
        offer = transport.choose(
            request.headers.get("transport", ""), udp=self._service.udp, channel=2 * self._track
        )
        if offer is None:
            return Response(461)
        try:
            way = self._way(offer)
        except OSError as error:
            _log.warning("%s: %s", self._outlet.peer, error)
            return Response(500)
        self._session = self._session or secrets.token_hex(8)
        self._viewer = self._viewer or Viewer(self._outlet, self._stream.name)
        return self._alive({"Transport": _taken(offer, self._viewer.flow(self._track, way), self._outlet)})

    def _way(self, offer: transport.Offer) -> Way:
        if offer.is_udp:
            return Datagrams(self._outlet, offer.number)
        return Channels(self._outlet, offer.number)

    def _play(self, request: Request) -> Response:
        if self._viewer is None:
            return Response(455)
        if self._playing:
            return self._alive()
        self._playing = True
        # Nothing is sent before the answer: the next picture is another task's turn of the event loop.
        self._stream.broadcast.add(self._viewer)
        # No rtptime: which picture is the first one is decided by the next key frame.
        base = request.address.removesuffix(f"/{sdp.track_name(self._track)}")
        info = ",".join(
            f"url={base}/{sdp.track_name(track)};seq={flow.next_sequence}"
            for track, flow in sorted(self._viewer.flows.items())
        )
        return self._alive({"Range": "npt=now-", "RTP-Info": info})

    def _keep_alive(self, _request: Request) -> Response:
        return self._alive()

    def _tear_down(self, _request: Request) -> Response:
        if not self._session:
            return Response(454)
        self._end_session()
        return Response(200)

    def _alive(self, headers: dict[str, str] | None = None) -> Response:
        session = {"Session": f"{self._session};timeout={self._service.session_seconds}"}
        return Response(200, (session if self._session else {}) | (headers or {}))

    def _end_session(self) -> None:
        if self._viewer is not None:
            self._stream.broadcast.remove(self._viewer)
            self._viewer.close()
        self._session, self._viewer, self._playing = "", None, False


def _unfit(request: Request) -> Response | None:
    if request.version != "RTSP/1.0":
        return Response(505)
    if "cseq" not in request.headers:
        return Response(400)
    if request.method not in _METHODS:
        return Response(501, {"Public": ", ".join(_METHODS)})
    return None


def _taken(offer: transport.Offer, flow: Flow, outlet: Outlet) -> str:
    """The Transport header of the answer."""
    if isinstance(flow.way, Datagrams):
        ports = (
            f"client_port={offer.number}-{offer.number + 1};server_port={flow.way.port}-{flow.way.port + 1}"
        )
        return f"{offer.protocol};unicast;{ports};source={outlet.own_host};ssrc={flow.ssrc:08X}"
    return f"{offer.protocol};unicast;interleaved={offer.number}-{offer.number + 1};ssrc={flow.ssrc:08X}"
