"""RTSP messages (RFC 2326): requests and interleaved packets read from a connection, responses made."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_HEAD = 8192  # bytes of request line and headers
MAX_BODY = 4096

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Stream Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "RTSP Version Not Supported",
}


class MalformedMessage(Exception):  # noqa: N818 - the word of the house
    """What came is no RTSP message, or one too long: the connection can't go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request; header names in lower case; `address` and the `path` in it without a slash at the end."""

    method: str
    address: str
    path: str
    version: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A packet from the client on a channel of the connection; in practice an RTCP receiver report."""

    channel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """An answer without its CSeq."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self, cseq: str) -> bytes:
        """The bytes to send; `cseq` is that of the request."""
        headers = {"CSeq": cseq, "Server": "campus camera simulator", **self.headers}
        if self.body:
            headers["Content-Length"] = str(len(self.body))
        lines = [
            f"RTSP/1.0 {self.status} {_REASONS[self.status]}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


async def read_message(reader: asyncio.StreamReader) -> Request | Interleaved | None:
    """The next message, None at the end of the connection (also one in the middle of a message).

    Raises MalformedMessage and ConnectionError. The reader's limit must be MAX_HEAD.
    """
    try:
        first = await reader.readexactly(1)
        while first in b"\r\n":
            first = await reader.readexactly(1)
        if first == b"$":
            head = await reader.readexactly(3)
            return Interleaved(head[0], await reader.readexactly(int.from_bytes(head[1:], "big")))
        return await _read_request(first, reader)
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise MalformedMessage(f"headers longer than {MAX_HEAD} bytes") from error


async def _read_request(first: bytes, reader: asyncio.StreamReader) -> Request:
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
    request_line, *header_lines = head.rstrip("\r\n").split("\r\n")
    words = request_line.split(" ")
    if len(words) != 3:
        raise MalformedMessage(f"no request line: {request_line[:80]!r}")
    headers = dict(map(_header, header_lines))
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and int(length) <= MAX_BODY):
        raise MalformedMessage(f"Content-Length {length[:80]!r}: a number up to {MAX_BODY} is possible")
    await reader.readexactly(int(length))  # nothing that we answer needs a body
    return Request(
        method=words[0],
        address=words[1].rstrip("/"),
        path=_path(words[1]),
        version=words[2],
        headers=headers,
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise MalformedMessage(f"no header: {line[:80]!r}")
    return name.strip().lower(), value.strip()


def _path(address: str) -> str:
    try:
        return urlsplit(address).path.rstrip("/")
    except ValueError as error:
        raise MalformedMessage(f"no address: {address[:80]!r}") from error
