"""A small DC-09 receiver for the panel's tests: it takes frames by the byte, and answers as a test has told it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

FRAME = re.compile(rb"\n([0-9A-F]{4})([0-9]{1}[0-9A-F]{3})([^\n\r]*)\r")
BODY = re.compile(rb'"(\*?)([A-Z-]+)"(\d{4})((?:R[0-9A-F]+)?(?:L[0-9A-F]+)?#([0-9A-F]+))\[(.*)')


def crc_of(data: bytes) -> str:
    """The published polynomial, by a table of nibbles: another way than the simulator's."""
    table = [0, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401]
    table += [0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400]
    crc = 0
    for byte in data:
        for nibble in (byte & 15, byte >> 4):
            crc = table[(crc ^ nibble) & 15] ^ (crc >> 4)
    return f"{crc:04X}"


def framed(body: bytes) -> bytes:
    return f"\n{crc_of(body)}0{len(body):03X}".encode() + body + b"\r"


@dataclass(frozen=True)
class Heard:
    """A frame with a right CRC and length; `text` is what stands in its brackets and behind, in clear."""

    raw: bytes
    token: str
    sequence: str
    prefix: str
    account: str
    text: str


class Receiver:
    """What it has heard, chunk by chunk and frame by frame; `answer` may be changed at any time."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = key
        self.chunks: list[bytes] = []
        self.frames: list[Heard] = []
        self.wrong: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.answer: Callable[[Heard], bytes | None] = self.ack
        self.writers: list[asyncio.StreamWriter] = []

    def ack(self, heard: Heard) -> bytes:
        """Acknowledge it."""
        return self._reply("ACK", heard)

    def duh(self, heard: Heard) -> bytes:
        """Can't be processed."""
        return self._reply("DUH", heard)

    def nak(self, _heard: Heard) -> bytes:
        """Our time."""
        return framed(f'"NAK"0000R0L0A0[]{stamp()}'.encode())

    def silence(self, _heard: Heard) -> None:
        """No answer."""

    def texts(self) -> list[str]:
        """What the events said."""
        return [heard.text for heard in self.frames if heard.token != "NULL"]

    def take(self, received: bytearray) -> bytes:
        """Every whole frame off the front; the answers to them."""
        answers = b""
        end = 0
        for match in FRAME.finditer(bytes(received)):
            end = match.end()
            heard = self._read(match)
            if heard is None:
                self.wrong.append(match.group())
                continue
            self.frames.append(heard)
            answers += self.answer(heard) or b""
        del received[:end]
        return answers

    def _read(self, match: re.Match[bytes]) -> Heard | None:
        crc, length, body = match.groups()
        inner = BODY.fullmatch(body)
        if crc_of(body) != crc.decode() or int(length, 16) != len(body) or inner is None:
            return None
        star, token, sequence, prefix, account, tail = inner.groups()
        if bool(star) != bool(self.key):
            return None
        if self.key:
            cipher = Cipher(algorithms.AES(self.key), modes.CBC(bytes(16))).decryptor()
            clear = cipher.update(bytes.fromhex(tail.decode())) + cipher.finalize()
            tail = clear[clear.find(b"|") + 1 :] if token != b"NULL" else clear[clear.find(b"]") :]
            if b"]_" not in tail:
                return None
        return Heard(
            match.group(), token.decode(), sequence.decode(), prefix.decode(), account.decode(), tail.decode()
        )

    def _reply(self, word: str, heard: Heard) -> bytes:
        if not self.key:
            return framed(f'"{word}"{heard.sequence}{heard.prefix}[]'.encode())
        tail = f"]{stamp()}".encode()
        clear = b"p" * (16 + -len(tail) % 16) + tail
        cipher = Cipher(algorithms.AES(self.key), modes.CBC(bytes(16))).encryptor()
        secret = (cipher.update(clear) + cipher.finalize()).hex().upper()
        return framed(f'"*{word}"{heard.sequence}{heard.prefix}[{secret}'.encode())

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection."""
        self.connections += 1
        self.writers.append(writer)
        received = bytearray()
        try:
            while chunk := await reader.read(4096):
                self.chunks.append(chunk)
                received += chunk
                writer.write(self.take(received))
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """To answer by."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """One datagram."""
        self.receiver.chunks.append(data)
        if answers := self.receiver.take(bytearray(data)):
            self.transport.sendto(answers, address)


def stamp() -> str:
    return datetime.now(UTC).strftime("_%H:%M:%S,%m-%d-%Y")


@asynccontextmanager
async def receiving(
    key: bytes | None = None, transport: str = "tcp", port: int = 0
) -> AsyncIterator[Receiver]:
    receiver = Receiver(key)
    if transport == "udp":
        loop = asyncio.get_running_loop()
        endpoint, _ = await loop.create_datagram_endpoint(lambda: Datagrams(receiver), ("127.0.0.1", port))
        receiver.port = endpoint.get_extra_info("sockname")[1]
        try:
            yield receiver
        finally:
            endpoint.close()
        return
    server = await asyncio.start_server(receiver.converse, "127.0.0.1", port)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for writer in receiver.writers:
            writer.transport.abort()
        await server.wait_closed()
