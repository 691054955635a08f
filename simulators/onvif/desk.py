"""Where requests come in: the gate first, then the operation; and answers no client should swallow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

from simulators.onvif.auth import Gate, Verdict
from simulators.onvif.pullpoint import UNKNOWN
from simulators.onvif.quirks import Quirk
from simulators.onvif.server import HttpRequest, HttpResponse
from simulators.onvif.soap import NAMESPACES, Request, SoapFault, Xml, envelope, fault, parse, tag
from simulators.onvif.unit import SNAPSHOT, Answer, Call, Operations, Unit

#: What is answered without a password (ONVIF Core, access class PRE_AUTH).
PRE_AUTH = frozenset(
    {"GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetServiceCapabilities", "GetHostname"}
)
ENDLESS_BYTES = 1024**3
_PIECE, _PIECE_SECONDS = b" " * 16_384, 0.02
_CRUMB_SECONDS = 0.05
_NOT_FOUND = HttpResponse(status=404, content_type="text/plain", body=b"not found")

Snapshot = Callable[[], Awaitable[bytes]]


class Desk:
    """Answers every HTTP request of one camera. `snapshot` takes a picture as JPEG."""

    def __init__(
        self, unit: Unit, gate: Gate, operations: Operations, *, snapshot: Snapshot, slow_seconds: float
    ) -> None:
        self._unit = unit
        self._gate = gate
        self._operations = operations
        self._snapshot = snapshot
        self._slow_seconds = slow_seconds

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """As the camera does. Raises HungUp where it does not answer at all."""
        path = urlsplit(request.target).path
        if request.method == "GET" and path == SNAPSHOT:
            return await self._picture(request)
        if request.method != "POST" or self._unit.has(Quirk.WEB_FIRST):
            return _NOT_FOUND
        return await self._soap(request, path)

    async def _picture(self, request: HttpRequest) -> HttpResponse:
        if self._unit.has(Quirk.PICTURE_BASIC):
            if not self._gate.judge_basic(request.headers.get("authorization", "")):
                headers = (("WWW-Authenticate", 'Basic realm="pictures"'),)
                return HttpResponse(status=401, content_type="text/plain", headers=headers)
        elif self._unit.has(Quirk.PICTURE_LOCKED):
            return self._unauthorized(self._gate.refuse(request.headers.get("authorization", "")))
        elif (verdict := self._judge(request, None)) is not Verdict.ACCEPTED:
            return self._unauthorized(verdict)
        return HttpResponse(content_type="image/jpeg", body=await self._snapshot())

    async def _soap(self, request: HttpRequest, path: str) -> HttpResponse:
        try:
            asked = parse(request.body)
            self._unit.requests[asked.operation] += 1
            if self._unit.has(Quirk.SLOW_SOAP):
                await asyncio.sleep(self._slow_seconds)
            if asked.operation not in PRE_AUTH:
                verdict = self._judge(request, asked)
                if verdict is not Verdict.ACCEPTED:
                    return self._unauthorized(verdict)
            poisoned = self._poisoned()
            if poisoned is not None:
                return poisoned
            answer = await self._operate(Call(asked, path))
        except SoapFault as error:
            if UNKNOWN in error.subcodes and self._unit.has(Quirk.FORGOTTEN_404):
                return _NOT_FOUND
            return HttpResponse(status=error.status, body=envelope(fault(error)))
        return HttpResponse(body=envelope(answer.body), then=answer.then)

    async def _operate(self, call: Call) -> Answer:
        operation = self._operations.get((call.request.namespace, call.request.operation))
        older = self._unit.has(Quirk.NO_GET_SERVICES) and call.request.operation == "GetServices"
        if operation is None or older:
            raise SoapFault(
                f"{call.request.operation} is not supported",
                "ter:ActionNotSupported",
                code="Receiver",
                status=500,
            )
        return await operation(call)

    def _judge(self, request: HttpRequest, asked: Request | None) -> Verdict:
        return self._gate.judge(
            authorization=request.headers.get("authorization", ""),
            method=request.method,
            target=request.target,
            security=None if asked is None else asked.header("Security"),
        )

    def _unauthorized(self, verdict: Verdict) -> HttpResponse:
        challenges = self._gate.challenges(stale=verdict is Verdict.STALE)
        headers = tuple(("WWW-Authenticate", challenge) for challenge in challenges)
        if self._unit.has(Quirk.UNAUTHORIZED_TEXT):
            return HttpResponse(status=401, content_type="text/plain", headers=headers, body=b"Unauthorized")
        if self._unit.has(Quirk.BASIC_FIRST):
            headers = (("WWW-Authenticate", 'Basic realm="camera, with a comma"'), *headers)
        late = self._unit.has(Quirk.TIME_CHECK) and self._gate.was_late
        words = "Wsse authorized time check failed" if late else "Sender not authorized"
        said = fault(SoapFault(words, "ter:NotAuthorized"))
        # without a digest to offer, 401 would lack the challenge that HTTP asks for: WSS alone faults with 400
        return HttpResponse(status=401 if headers else 400, headers=headers, body=envelope(said))

    def _poisoned(self) -> HttpResponse | None:
        if self._unit.has(Quirk.SOAP_BOMB):
            return HttpResponse(body=_bomb())
        if self._unit.has(Quirk.ENDLESS):
            return HttpResponse(body=envelope(Xml(""))[:200], announced=ENDLESS_BYTES, stream=_on_and_on)
        if self._unit.has(Quirk.DRIBBLE):
            return HttpResponse(stream=lambda: _crumbs(envelope(tag("tds:GetScopesResponse"))))
        return None


def _bomb() -> bytes:
    """An answer of a few hundred bytes that grows to 10^9 words in a parser that expands entities."""
    levels = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 10))
    bomb = f'<!DOCTYPE s:Envelope [<!ENTITY e0 "bomb">{levels}]>'
    body = f'<s:Envelope xmlns:s="{NAMESPACES["s"]}"><s:Body>&e9;</s:Body></s:Envelope>'
    return f'<?xml version="1.0"?>{bomb}{body}'.encode()


async def _on_and_on() -> AsyncIterator[bytes]:
    for _ in range(ENDLESS_BYTES // len(_PIECE)):
        yield _PIECE
        await asyncio.sleep(_PIECE_SECONDS)


async def _crumbs(document: bytes) -> AsyncIterator[bytes]:
    for position in range(len(document)):
        yield document[position : position + 1]
        await asyncio.sleep(_CRUMB_SECONDS)
    while True:
        yield b" "
        await asyncio.sleep(_CRUMB_SECONDS)
