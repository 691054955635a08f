"""One client's RTSP connection: requests in, answers out (RFC 2326; media over the same TCP connection only)."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from simulators.camera.broadcast import Broadcast, Outlet, Viewer
from simulators.camera.digest import Authenticator
from simulators.camera.message import Interleaved, MalformedMessage, Request, Response, read_message
from simulators.camera.misbehaviour import Misbehaviour
from simulators.fault import Fault

_log = logging.getLogger(__name__)

TRACK = "trackID=0"
_METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN")
_RUBBISH_BYTES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all connections of one camera share. `sdp` describes the stream (RFC 4566)."""

    path: str
    sdp: str
    authenticator: Authenticator
    broadcast: Broadcast
    misbehaviour: Misbehaviour
    session_seconds: int


class Connection:
    """Serves one client until it hangs up, says nothing for the session time-out, or sends what is no RTSP.

    A session lives and dies with its connection, since its media flow there.
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
        async with asyncio.timeout(self._service.session_seconds):
            return await read_message(self._reader)

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
        else:
            self._outlet.write(self._answer(message).encode(message.headers.get("cseq", "0")))

    def _answer(self, request: Request) -> Response:
        if (unfit := _unfit(request)) is not None:
            return unfit
        if request.method == "OPTIONS":
            return self._alive({"Public": ", ".join(_METHODS)})
        return self._denied(request) or self._act(request)

    def _denied(self, request: Request) -> Response | None:
        if not self._authorised(request):
            return Response(401, {"WWW-Authenticate": self._service.authenticator.challenge(self._nonce)})
        if request.path not in {self._service.path, f"{self._service.path}/{TRACK}"}:
            return Response(404)
        if request.headers.get("session", self._session).split(";")[0] != self._session:
            return Response(454)
        return None

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
        return Response(200, headers, self._service.sdp.encode())

    def _set_up(self, request: Request) -> Response:
        if self._playing:
            return Response(455)
        channel = _offered_channel(request.headers.get("transport", ""))
        if channel is None:
            return Response(461)
        self._session = self._session or secrets.token_hex(8)
        self._viewer = Viewer(self._outlet, channel)
        transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1};ssrc={self._viewer.ssrc:08X}"
        return self._alive({"Transport": transport})

    def _play(self, request: Request) -> Response:
        if self._viewer is None:
            return Response(455)
        if self._playing:
            return self._alive()
        self._playing = True
        # Nothing is sent before the answer: the next picture is another task's turn of the event loop.
        self._service.broadcast.add(self._viewer)
        # No rtptime: which picture is the first one is decided by the next key frame.
        track = f"{request.address.removesuffix(f'/{TRACK}')}/{TRACK}"
        info = f"url={track};seq={self._viewer.next_sequence}"
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
            self._service.broadcast.remove(self._viewer)
        self._session, self._viewer, self._playing = "", None, False


def _unfit(request: Request) -> Response | None:
    if request.version != "RTSP/1.0":
        return Response(505)
    if "cseq" not in request.headers:
        return Response(400)
    if request.method not in _METHODS:
        return Response(501, {"Public": ", ".join(_METHODS)})
    return None


def _offered_channel(transport: str) -> int | None:
    """The first interleaved channel of the first offer (RFC 2326 section 12.39) that we can serve."""
    for offer in transport.split(","):
        protocol, *parameters = (part.strip() for part in offer.split(";"))
        if protocol.upper() != "RTP/AVP/TCP":
            continue
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            first = value.partition("-")[0]
            if name == "interleaved" and first.isascii() and first.isdigit() and int(first) < 255:
                return int(first)
        return 0
    return None
