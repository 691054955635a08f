"""RTP payloads of an H.265 stream (RFC 7798 section 4.4), without decoding order numbers (sprop-max-don-diff=0)."""

from collections.abc import Iterable

from simulators.camera.rtp import MAX_PAYLOAD, AccessUnit

VPS, SPS, PPS = 32, 33, 34  # NAL unit types, H.265 table 7-1
_FIRST_IRAP, _LAST_IRAP = 16, 23
FU = 49
_FU_START, _FU_END = 0x80, 0x40


def nal_type(nal: bytes) -> int:
    """The NAL unit type (H.265 section 7.3.1.2: the six bits after the first of two bytes)."""
    return nal[0] >> 1 & 0x3F


def access_unit(nals: list[bytes]) -> AccessUnit:
    """Packetise one picture."""
    key = any(_FIRST_IRAP <= nal_type(nal) <= _LAST_IRAP for nal in nals)
    return AccessUnit(tuple(payloads(nals)), key=key)


def payloads(nals: Iterable[bytes], limit: int = MAX_PAYLOAD) -> list[bytes]:
    """RTP payloads of at most `limit` (4 or more) bytes: single NAL units, or fragments (type 49) where one is too long.

    Aggregation packets, which are optional, are not used.
    """
    return [payload for nal in nals for payload in ([nal] if len(nal) <= limit else _fragments(nal, limit))]


def _fragments(nal: bytes, limit: int) -> list[bytes]:
    # The layer's highest bit and the rest of the header stay; only the type is another (section 4.4.3).
    header = bytes((nal[0] & 0x81 | FU << 1, nal[1]))
    kind = nal_type(nal)
    pieces = [nal[at : at + limit - 3] for at in range(2, len(nal), limit - 3)]
    last = len(pieces) - 1
    return [
        header + bytes((kind | (_FU_START if n == 0 else 0) | (_FU_END if n == last else 0),)) + piece
        for n, piece in enumerate(pieces)
    ]
