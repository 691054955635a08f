"""A server that speaks RTSP and then sends without end what never becomes a picture."""

import asyncio
import base64
import contextlib
import struct
from collections.abc import AsyncIterator
from enum import StrEnum

_SEQUENCE_SET = bytes.fromhex("6742c01ed90141fb016a02020280000003008000001e478b1724")
_PICTURE_SET = bytes.fromhex("68cb83cb20")
# A fragment that is neither the first of its unit nor the last (RFC 6184 section 5.8: FU indicator, FU header without S and E).
_MIDDLE = b"\x7c\x05" + b"\x55" * 1390
_AT_ONCE = 700


class Flood(StrEnum):
    """What has no end."""

    PICTURE = "picture"
    BODY = "body"  # of the answer to DESCRIBE, said to be 2 GB
    STUCK = "stuck"  # pictures, none of them a key frame but the first, all with one stamp


class Flooder:
    """`sent` counts the bytes of the flood; it takes about 40 MB each second if it is let."""

    def __init__(self, flood: Flood) -> None:
        self.sent = 0
        self.url = ""
        self._flood = flood

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it hangs up."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                method = request.split(maxsplit=1)[0]
                number = next(line for line in request.splitlines() if line.startswith("CSeq"))
                writer.write(f"RTSP/1.0 200 OK\r\n{number}\r\nSession: 1\r\n".encode() + self._answer(method))
                if method == "DESCRIBE" and self._flood is Flood.BODY:
                    await self._pour(writer, b"a" * 1_000_000)
                if method == "PLAY":
                    await self._play(writer)
        writer.close()

    def _answer(self, method: str) -> bytes:
        if method == "SETUP":
            return b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
        if method != "DESCRIBE":
            return b"Public: DESCRIBE, SETUP, PLAY\r\n\r\n"
        if self._flood is Flood.BODY:
            return b"Content-Type: application/sdp\r\nContent-Length: 2000000000\r\n\r\n"
        sets = ",".join(base64.b64encode(unit).decode() for unit in (_SEQUENCE_SET, _PICTURE_SET))
        body = (
            "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\na=control:t\r\n"
        )
        return f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        key = b"\x65\x88\x84" + b"\x55" * 500
        for unit in (_SEQUENCE_SET, _PICTURE_SET, key):
            writer.write(_framed(unit))
        if self._flood is Flood.STUCK:
            while True:  # slices of the first macroblock: each begins a picture (H.264 section 7.4.3)
                await self._send(writer, _framed(b"\x61\x9a" + b"\x55" * 1200), 0.01)
        await self._pour(writer, b"".join(_framed(_MIDDLE) for _ in range(_AT_ONCE)))

    async def _pour(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while True:
            await self._send(writer, data, 0.02)

    async def _send(self, writer: asyncio.StreamWriter, data: bytes, pause_s: float) -> None:
        writer.write(data)
        await writer.drain()
        self.sent += len(data)
        await asyncio.sleep(pause_s)


def _framed(unit: bytes) -> bytes:
    """An interleaved RTP packet (RFC 2326 section 10.12); the library does not look at its number over TCP."""
    packet = struct.pack(">BBHII", 0x80, 96, 0, 0, 7) + unit
    return b"$\0" + struct.pack(">H", len(packet)) + packet


@contextlib.asynccontextmanager
async def flooding(flood: Flood) -> AsyncIterator[Flooder]:
    """A server at work on a free port."""
    flooder = Flooder(flood)
    clients: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(flooder.serve(reader, writer))
        clients.add(task)
        task.add_done_callback(clients.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    flooder.url = f"rtsp://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield flooder
    finally:
        server.close()
        for task in tuple(clients):
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await server.wait_closed()
