"""The console's outermost layer: a request comes whole and in time or not at all; every answer carries the safety headers."""

import asyncio
from email.utils import format_datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.clock import Clock
from gateway.console.problems import RequestError, answer
from gateway.console.views import Limits

#: Scripts, styles and connections of this very server only, and nobody may frame the page. Pictures and live video are
#: `blob:` addresses that the page makes of what this server sent it.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Gate:
    """ASGI middleware. Bodies are small (Limits.body_bytes), so each is read whole before the application sees it."""

    def __init__(self, app: ASGIApp, *, limits: Limits, clock: Clock) -> None:
        self._app = app
        self._limits = limits
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        language = Headers(scope=scope).get("accept-language")

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(scope, message)
            await send(message)

        try:
            body = await self._body(scope, receive)
            if body is not None:
                await self._answer(scope, _Replay(body, receive), send_guarded)
        except RequestError as error:
            refusal = answer(error, language)
            refusal.headers["Connection"] = "close"
            await refusal(scope, receive, send_guarded)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None if the client went away. Raises RequestError 408, 413."""
        limit = self._limits.body_bytes
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            raise RequestError(413, "too-large")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.request_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise RequestError(413, "too-large")
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError as error:
            raise RequestError(408, "too-slow") from error

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises RequestError 503 if no answer has begun in time; one that has begun may go on for ever."""
        try:
            async with asyncio.timeout(self._limits.answer_s) as limit:

                async def send_begun(message: Message) -> None:
                    if not limit.expired():
                        limit.reschedule(None)
                    await send(message)

                await self._app(scope, receive, send_begun)
        except TimeoutError as error:
            raise RequestError(503, "no-answer-in-time", retry_after_s=5) from error

    def _add_headers(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in _HEADERS.items():
            headers[name] = value
        headers["Date"] = format_datetime(self._clock.now(), usegmt=True)
        if "cache-control" not in headers:
            headers["Cache-Control"] = "no-store"
        headers.add_vary_header("Accept-Language")


class _Replay:
    """The body that was read, once; then the client's own messages, of which there is one: it has gone."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
