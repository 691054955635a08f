"""HTTP/1.1 as a camera serves it: keep-alive, one request after the other on a connection, and the faults of a line."""

import asyncio
import http
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from simulators.camera.misbehaviour import Misbehaviour
from simulators.fault import Fault

#: What a request may be at most; more is a hang-up.
MOST_HEAD_BYTES = 32 * 1024
MOST_BODY_BYTES = 1024 * 1024
#: A connection without a request for so long is closed (s).
IDLE_SECONDS = 120.0
GARBAGE_BYTES = 200


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Header names are in lower case; a header given twice keeps its last value."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """`headers` beyond length and type. With `stream` the body never ends well: it is sent until the client is gone."""

    status: int = 200
    content_type: str = "application/soap+xml; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    announced: int | None = None
    stream: Callable[[], AsyncIterator[bytes]] | None = None
    then: Callable[[], None] = field(default=lambda: None)  # once it is sent


class HungUp(Exception):  # noqa: N818 - it is no error: a camera does that
    """The camera closes the connection instead of answering."""


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


class HttpServer:
    """Serves one handler. A fault of the moment holds for all connections."""

    def __init__(self, handler: Handler, misbehaviour: Misbehaviour) -> None:
        self._handler = handler
        self._misbehaviour = misbehaviour
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def listening(self) -> bool:
        """Whether it can be reached."""
        return self._server is not None

    async def open(self, listener: socket.socket) -> None:
        """Serve on this socket, which is the server's from now on."""
        loop = asyncio.get_running_loop()

        def speak() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(_Reader(MOST_HEAD_BYTES, loop), self._accept, loop)

        self._server = await loop.create_server(speak, sock=listener)

    async def close(self) -> None:
        """Listen no more and reset every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self.cut()

    async def cut(self) -> None:
        """Reset every connection; new ones are served."""
        tasks = list(self._connections)
        for task, writer in list(self._connections.items()):
            _linger_not(writer)
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(lambda done: self._connections.pop(done, None))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer_one(reader, writer):
                pass
        except (OSError, TimeoutError, EOFError, HungUp):
            pass  # the client left, or what it sent is no HTTP: a camera hangs up
        finally:
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                request = await _read(reader, writer)
        except (ValueError, asyncio.LimitOverrunError) as error:
            raise HungUp from error
        while self._misbehaviour.fault is Fault.HALF_OPEN:
            await self._misbehaviour.until_awake()
        response = await self._handled(request, reader)
        if self._misbehaviour.lag:
            await asyncio.sleep(self._misbehaviour.lag)
        await self._misbehaviour.until_awake()
        if self._misbehaviour.fault is Fault.GARBAGE:
            writer.write(secrets.token_bytes(GARBAGE_BYTES))
            await writer.drain()
            return False
        closes = request.headers.get("connection", "").lower() == "close"
        await _send(writer, response, closes=closes)
        response.then()
        return not closes and response.stream is None

    async def _handled(self, request: HttpRequest, reader: asyncio.StreamReader) -> HttpResponse:
        """The answer; a client that leaves meanwhile ends the work, so that nothing is fetched for nobody."""
        assert isinstance(reader, _Reader)  # made in `open`
        work = asyncio.ensure_future(self._handler(request))
        left = asyncio.create_task(_wait(reader.ended))
        try:
            await asyncio.wait((work, left), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise HungUp
            return work.result()
        finally:
            for task in (work, left):
                task.cancel()
            await asyncio.gather(work, left, return_exceptions=True)


class _Reader(asyncio.StreamReader):
    """Says when the client has left, also while nothing is read."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit, loop)
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        """The client has closed."""
        self.ended.set()
        super().feed_eof()

    def set_exception(self, exc: Exception) -> None:
        """The connection is broken."""
        self.ended.set()
        super().set_exception(exc)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> HttpRequest:
    """Raises EOFError (IncompleteReadError) at the end of the connection, ValueError for what is no HTTP/1.1 request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _version = first.split(" ")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return HttpRequest(method, target, headers, await _chunks(reader))
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= MOST_BODY_BYTES:
        raise ValueError(f"a body of {length} bytes")
    return HttpRequest(method, target, headers, await reader.readexactly(length))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if not 0 < size <= MOST_BODY_BYTES - len(body):
            raise ValueError(f"a chunk of {size} bytes")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body


async def _send(writer: asyncio.StreamWriter, response: HttpResponse, *, closes: bool) -> None:
    length = len(response.body) if response.announced is None else response.announced
    lines = [
        f"HTTP/1.1 {response.status} {http.HTTPStatus(response.status).phrase}",
        f"Content-Type: {response.content_type}",
        f"Connection: {'close' if closes else 'keep-alive'}",
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    if response.stream is None or response.announced is not None:
        lines.append(f"Content-Length: {length}")
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body)
    await writer.drain()
    if response.stream is not None:
        async for piece in response.stream():
            writer.write(piece)
            await writer.drain()


def _linger_not(writer: asyncio.StreamWriter) -> None:
    """Let the end of this connection be a reset."""
    held = writer.get_extra_info("socket")
    if held is not None and held.fileno() >= 0:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
