"""RTP packets (RFC 3550), and the payloads of an H.264 stream (RFC 6184): bytes in, bytes out, no sockets, no clock."""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

CLOCK_RATE = 90_000  # RFC 6184 section 8.2.1
PAYLOAD_TYPE = 96  # the first dynamic one
MAX_PAYLOAD = 1400  # bytes: what fits an Ethernet frame with all headers, as cameras do it

IDR, SPS, PPS = 5, 7, 8  # NAL unit types, H.264 table 7-1
FU_A = 28
_FU_START, _FU_END = 0x80, 0x40
_VERSION = 0x80

_START_CODE = re.compile(rb"\x00\x00+\x01")


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture, cut into RTP payloads once for all viewers. `key`: decoding can begin here."""

    payloads: tuple[bytes, ...]
    key: bool


def nal_type(nal: bytes) -> int:
    """The NAL unit type (H.264 table 7-1)."""
    return nal[0] & 0x1F


def split_annex_b(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes (H.264 annex B)."""
    return [nal for nal in _START_CODE.split(stream) if nal]


def access_unit(nals: list[bytes]) -> AccessUnit:
    """Packetise one picture."""
    return AccessUnit(tuple(payloads(nals)), key=any(nal_type(nal) == IDR for nal in nals))


def payloads(nals: Iterable[bytes], limit: int = MAX_PAYLOAD) -> list[bytes]:
    """RTP payloads of at most `limit` (3 or more) bytes: single NAL units, or FU-A where one is too long.

    RFC 6184 sections 5.6 and 5.8; packetization-mode=1. STAP-A, which is optional, is not used.
    """
    return [payload for nal in nals for payload in ([nal] if len(nal) <= limit else _fragments(nal, limit))]


def _fragments(nal: bytes, limit: int) -> list[bytes]:
    indicator, kind = nal[0] & 0xE0 | FU_A, nal_type(nal)
    pieces = [nal[at : at + limit - 2] for at in range(1, len(nal), limit - 2)]
    last = len(pieces) - 1
    return [
        bytes((indicator, kind | (_FU_START if n == 0 else 0) | (_FU_END if n == last else 0))) + piece
        for n, piece in enumerate(pieces)
    ]


def packet(
    payload: bytes,
    *,
    marker: bool,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload_type: int = PAYLOAD_TYPE,
) -> bytes:
    """An RTP packet (RFC 3550 section 5.1); `sequence` and `timestamp` wrap. `marker`: last of its picture."""
    kind = payload_type | (0x80 if marker else 0)
    return struct.pack(">BBHII", _VERSION, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def interleave(channel: int, data: bytes) -> bytes:
    """A packet between RTSP messages on one TCP connection (RFC 2326 section 10.12)."""
    return struct.pack(">cBH", b"$", channel, len(data)) + data
