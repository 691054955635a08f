"""RTCP packets (RFC 3550 section 6): what a sender says of itself, and when. No sockets and no clock."""

import struct
from dataclasses import dataclass

#: The least interval between reports (RFC 3550 section 6.2).
REPORT_SECONDS = 5.0
_VERSION = 0x80
_SENDER_REPORT, _SOURCE_DESCRIPTION, _CNAME = 200, 202, 1
_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderTotals:
    """What a sender says of itself in a report: its source, and what it has sent since it began."""

    ssrc: int
    packets: int
    octets: int


def sender_report(totals: SenderTotals, *, wall_clock: float, timestamp: int, cname: str) -> bytes:
    """A compound RTCP packet (RFC 3550 section 6.1): sender report, and who it is.

    `wall_clock` in seconds since 1970 and RTP `timestamp` are the same instant on two clocks.
    """
    seconds, fraction = divmod(wall_clock + _NTP_EPOCH, 1)
    report = struct.pack(
        ">BBHIIIIII",
        _VERSION,
        _SENDER_REPORT,
        6,
        totals.ssrc,
        int(seconds),
        int(fraction * 2**32),
        timestamp & 0xFFFFFFFF,
        totals.packets & 0xFFFFFFFF,
        totals.octets & 0xFFFFFFFF,
    )
    return report + _source_description(totals.ssrc, cname.encode())


def _source_description(ssrc: int, cname: bytes) -> bytes:
    chunk = struct.pack(">IBB", ssrc, _CNAME, len(cname)) + cname
    chunk += bytes(4 - len(chunk) % 4)  # ends with one null byte at least, on a word (RFC 3550 section 6.5)
    return struct.pack(">BBH", _VERSION | 1, _SOURCE_DESCRIPTION, len(chunk) // 4) + chunk
