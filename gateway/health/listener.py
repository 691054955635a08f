"""Serves `GET /metrics` on a listener of its own, to few, briefly, and nothing else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import NoReturn

from gateway.accepting import accept_no_more
from gateway.clock import Clock
from gateway.site import MetricsSettings

logger = logging.getLogger(__name__)

#: What one client may cost: bytes of request, connections at once, seconds for the whole of one.
REQUEST_BYTES = 8 * 1024
CONNECTIONS = 16
CONNECTION_S = 5.0

#: A listener that can't be opened (its port is taken) is tried again so often, in seconds.
LISTEN_AGAIN_S = 30.0

_PLAIN = "text/plain; charset=utf-8"


class MetricsListener:
    """HTTP/1.1, one request a connection. `render` makes the page; it is asked once at a time."""

    def __init__(
        self,
        settings: MetricsSettings,
        render: Callable[[], Awaitable[bytes]],
        content_type: str,
        clock: Clock,
    ) -> None:
        self.address: tuple[str, int] | None = None
        self._settings = settings
        self._render = render
        self._content_type = content_type
        self._clock = clock
        self._rendering = asyncio.Lock()
        self._listening = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        self._ending = False

    async def listening(self) -> tuple[str, int]:
        """Wait until it listens; the address and the real port (`port = 0` takes a free one)."""
        await self._listening.wait()
        assert self.address is not None
        return self.address

    async def run(self) -> NoReturn:
        """Serve until cancelled; then let go of every connection. A port that is taken is logged once and tried again."""
        self._ending = False
        server = await self._listen()
        self.address = server.sockets[0].getsockname()[:2]
        self._listening.set()
        logger.info("metrics at http://%s:%d/metrics", *self.address)
        try:
            await asyncio.get_running_loop().create_future()
            raise AssertionError("nobody ends this future")
        finally:
            self._listening.clear()
            self.address = None
            self._ending = True
            try:
                await accept_no_more(server)
            finally:
                server.close()
                for connection in self._open:
                    connection.cancel()
                await asyncio.gather(*self._open, return_exceptions=True)

    async def _listen(self) -> asyncio.Server:
        host, port = self._settings.host, self._settings.port
        failed = False
        while True:
            try:
                return await asyncio.start_server(self._accept, host, port, limit=REQUEST_BYTES)
            except OSError as error:
                if not failed:
                    logger.warning(
                        "metrics can't be served on %s port %d: %s; trying again", host, port, error
                    )
                failed = True
            await self._clock.sleep(LISTEN_AGAIN_S)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._ending or len(self._open) >= CONNECTIONS:  # one of the last may be told of after the end
            writer.transport.abort()
            return
        connection = asyncio.create_task(self._serve(reader, writer), name="metrics-connection")
        self._open.add(connection)
        connection.add_done_callback(self._open.discard)
        # not a `finally` in `_serve`: a task that is cancelled before its first step has none
        connection.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CONNECTION_S):
                writer.write(await self._answer(reader))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            logger.debug("a client of the metrics went: %s", error)

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST)
        method, target, _ = words
        if target.split(b"?", 1)[0] != b"/metrics":
            return _response(HTTPStatus.NOT_FOUND)
        if method not in {b"GET", b"HEAD"}:
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, extra="Allow: GET, HEAD\r\n")
        async with self._rendering:
            page = await self._render()
        return _response(HTTPStatus.OK, page, self._content_type, with_body=method == b"GET")


def _response(
    status: HTTPStatus,
    body: bytes = b"",
    content_type: str = _PLAIN,
    *,
    extra: str = "",
    with_body: bool = True,
) -> bytes:
    body = body or f"{status.value} {status.phrase}\n".encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n{extra}Connection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
