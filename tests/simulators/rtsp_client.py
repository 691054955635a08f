"""A small RTSP client of the tests' own, so that the camera's server is not judged by its own code."""

import asyncio
import hashlib
import re
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from simulators.camera import CameraSimulator

LIMIT_S = 10.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class RtpPacket:
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """RFC 3550 section 5.1, without padding, extension and contributors."""
        first, second, sequence, timestamp, ssrc = struct.unpack(">BBHII", data[:12])
        assert first == 0x80
        return cls(bool(second & 0x80), second & 0x7F, sequence, timestamp, ssrc, data[12:])


@dataclass(frozen=True)
class SenderReport:
    """RFC 3550 section 6.4.1: `wall_clock` in seconds since 1970."""

    ssrc: int
    wall_clock: float
    timestamp: int
    packets: int
    octets: int

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The first packet of a compound one, strict."""
        head, length = data[:2], int.from_bytes(data[2:4], "big")
        assert (head, length) == (b"\x80\xc8", 6)
        ssrc, seconds, fraction, timestamp, packets, octets = struct.unpack(">IIIIII", data[4:28])
        return cls(ssrc, seconds - 2208988800 + fraction / 2**32, timestamp, packets, octets)


def depacketise_h265(payloads: list[bytes]) -> list[bytes]:
    """NAL units from RFC 7798 payloads, strict: any fragment out of place fails."""
    nals: list[bytes] = []
    fragments: bytes | None = None
    for payload in payloads:
        kind = payload[0] >> 1 & 63
        if kind != 49:
            assert fragments is None
            assert kind < 48
            nals.append(payload)
            continue
        header = payload[2]
        start, end = header >> 7, header >> 6 & 1
        assert not (start and end), "RFC 7798 4.4.3: never both in one fragment"
        assert bool(start) == (fragments is None)
        first = bytes([payload[0] & 0x81 | (header & 63) << 1, payload[1]])
        fragments = (first if fragments is None else fragments) + payload[3:]
        if end:
            nals.append(fragments)
            fragments = None
    assert fragments is None
    return nals


def depacketise(payloads: list[bytes]) -> list[bytes]:
    """NAL units from RFC 6184 payloads, strict: any fragment out of place fails."""
    nals: list[bytes] = []
    fragments: bytes | None = None
    for payload in payloads:
        kind = payload[0] & 31
        if kind != 28:
            assert fragments is None
            assert 1 <= kind <= 23
            nals.append(payload)
            continue
        header = payload[1]
        start, end, reserved = header >> 7, header >> 6 & 1, header >> 5 & 1
        assert not reserved
        assert not (start and end), "RFC 6184 5.8: never both in one fragment"
        assert bool(start) == (fragments is None)
        fragments = bytes([payload[0] & 0xE0 | header & 31]) if fragments is None else fragments
        fragments += payload[2:]
        if end:
            nals.append(fragments)
            fragments = None
    assert fragments is None
    return nals


class RtspClient:
    """Sends requests and reads answers and packets; knows the password unless told another."""

    def __init__(
        self,
        camera: CameraSimulator,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        password: str | None,
    ) -> None:
        self.camera = camera
        self.reader = reader
        self.writer = writer
        self.password = camera.password if password is None else password
        self.url = camera.url
        self.packets: list[tuple[int, bytes]] = []
        self._cseq = 0
        self._challenge: dict[str, str] = {}

    async def request(self, method: str, uri: str | None = None, **headers: str) -> Answer:
        """Send once, and once more with the password if asked for it."""
        answer = await self.send(method, uri, **headers)
        if answer.status == 401 and not self._challenge:
            self._challenge = dict(re.findall(r'(\w+)="?([^",]+)"?', answer.headers["www-authenticate"]))
            answer = await self.send(method, uri, **headers)
        return answer

    async def send(self, method: str, uri: str | None = None, **headers: str) -> Answer:
        """Send one request and read its answer; packets before it are kept."""
        self.post(method, uri, **headers)
        answer = await self.answer()
        assert answer.headers["cseq"] == str(self._cseq)
        return answer

    def post(self, method: str, uri: str | None = None, **headers: str) -> None:
        """Send one request."""
        self._cseq += 1
        uri = uri or self.url
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self._cseq}"]
        if self._challenge:
            lines.append(f"Authorization: {self._authorization(method, uri)}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def answer(self) -> Answer:
        """The next answer; packets before it are kept."""
        async with asyncio.timeout(LIMIT_S):
            while (first := await self.reader.readexactly(1)) == b"$":
                self.packets.append(await self._rest_of_packet())
            head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(status_line.split(" ")[1]), headers, body)

    async def packet(self) -> tuple[int, bytes]:
        """The next interleaved packet: channel and bytes."""
        if self.packets:
            return self.packets.pop(0)
        async with asyncio.timeout(LIMIT_S):
            assert await self.reader.readexactly(1) == b"$"
            return await self._rest_of_packet()

    async def picture(self) -> list[RtpPacket]:
        """The RTP packets of the next picture; reports between them are skipped."""
        packets: list[RtpPacket] = []
        while not packets or not packets[-1].marker:
            channel, data = await self.packet()
            if channel == 0:
                packets.append(RtpPacket.parse(data))
        return packets

    async def play(self, *tracks: int) -> Answer:
        """From nothing to PLAY of these tracks, the picture if none is named; track n on channels 2n and 2n + 1."""
        session: dict[str, str] = {}
        for track in tracks or (0,):
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
            setup = await self.request("SETUP", f"{self.url}/trackID={track}", Transport=transport, **session)
            assert setup.status == 200
            session = {"Session": setup.headers["session"].split(";")[0]}
        play = await self.request("PLAY", **session)
        assert play.status == 200
        return play

    async def media(self, channel: int) -> RtpPacket:
        """The next RTP packet of that channel; all else is skipped."""
        return RtpPacket.parse(await self.on(channel))

    async def on(self, channel: int) -> bytes:
        """The next packet of that channel; all else is skipped."""
        while True:
            on, data = await self.packet()
            if on == channel:
                return data

    async def quiet(self, seconds: float) -> bool:
        """Whether nothing comes for so long, neither bytes nor an end."""
        try:
            async with asyncio.timeout(seconds):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    async def _rest_of_packet(self) -> tuple[int, bytes]:
        channel, length = struct.unpack(">BH", await self.reader.readexactly(3))
        return channel, await self.reader.readexactly(length)

    def _authorization(self, method: str, uri: str) -> str:
        """RFC 2069: what a client answers that knows no `qop`."""

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        realm, nonce = self._challenge["realm"], self._challenge["nonce"]
        secret = md5(f"{self.camera.username}:{realm}:{self.password}")
        response = md5(f"{secret}:{nonce}:{md5(f'{method}:{uri}')}")
        return (
            f'Digest username="{self.camera.username}", realm="{realm}", nonce="{nonce}", '
            f'uri="{uri}", response="{response}"'
        )


@asynccontextmanager
async def connected(camera: CameraSimulator, password: str | None = None) -> AsyncIterator[RtspClient]:
    """A client on a connection of its own, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", camera.port)
    try:
        yield RtspClient(camera, reader, writer, password)
    finally:
        writer.transport.abort()
