"""Servers that lie: what they say and send that is not so, for a client that must bear it."""

import os
import random
from collections.abc import Sequence
from enum import StrEnum

from simulators.camera import rtp, rtp_h265

_WHOLE = 6  # bytes of a payload that stay: NAL unit and fragment headers, and the begin of the slice's
_CUT_TO = 5  # bytes of an RTP packet whose header alone has 12
_HUGE_MACROBLOCKS = 4095  # 65 520 pixels each way: 6 GB a picture


class Lie(StrEnum):
    """One at a time, beside any fault."""

    NONE = "none"
    NO_VIDEO = "no-video"  # the SDP describes no video
    ABSURD_SETS = "absurd-sets"  # SDP and stream announce a picture of 65 520 x 65 520 (H.265: rubbish)
    DAMAGED = "damaged"  # random bytes within each picture
    LENGTHS = "lengths"  # RTP packets cut short, with more padding or header than there are bytes
    ENDLESS_HEADERS = "endless-headers"  # the answer to DESCRIBE never comes to its body
    ENDLESS_FRAME = "endless-frame"  # an interleaved frame of 65 535 bytes begins, and nothing ever follows


def spoil(payloads: Sequence[bytes], lie: Lie, codec: str) -> Sequence[bytes]:
    """The RTP payloads of one picture as that lie sends them."""
    if lie is Lie.DAMAGED:
        return [_damaged(payload) if _is_slice(payload, codec) else payload for payload in payloads]
    if lie is Lie.ABSURD_SETS:
        return [
            absurd_sequence_set(codec) if _is_sequence_set(payload, codec) else payload
            for payload in payloads
        ]
    return payloads


def _is_slice(payload: bytes, codec: str) -> bool:
    if codec == "h265":
        return (kind := rtp_h265.nal_type(payload)) < rtp_h265.VPS or kind == rtp_h265.FU
    return rtp.nal_type(payload) in {1, rtp.IDR, rtp.FU_A}


def _is_sequence_set(payload: bytes, codec: str) -> bool:
    return rtp_h265.nal_type(payload) == rtp_h265.SPS if codec == "h265" else rtp.nal_type(payload) == rtp.SPS


def _damaged(payload: bytes) -> bytes:
    if len(payload) <= _WHOLE:
        return payload
    spoilt = bytearray(payload)
    for _ in range(max(4, len(payload) // 50)):
        spoilt[random.randrange(_WHOLE, len(payload))] = random.randrange(256)
    return bytes(spoilt)


def wrong_length(packet: bytes, number: int) -> bytes:
    """An RTP packet whose lengths are not so: cut within its header, too much padding, too long an extension."""
    kind = number % 3
    if kind == 0:
        return packet[:_CUT_TO]
    if kind == 1:  # the last byte counts the padding (RFC 3550 section 5.1)
        return bytes((packet[0] | 0x20,)) + packet[1:-1] + b"\xff"
    return bytes((packet[0] | 0x10,)) + packet[1:12] + b"\xbe\xde\xff\xff" + packet[12:]


def absurd_sequence_set(codec: str) -> bytes:
    """A sequence parameter set that no decoder can obey."""
    if codec != "h264":
        return b"\x42\x01" + os.urandom(40)
    huge = _exp_golomb(_HUGE_MACROBLOCKS - 1)
    ues = [
        _exp_golomb(n) for n in (0, 0, 2, 1)
    ]  # id, frame_num, picture order type 2, one reference (7.3.2.1.1)
    bits = "".join(ues) + "0" + huge + huge + "1" + "1" + "0" + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return bytes((0x60 | rtp.SPS, 66, 0xC0, 62)) + body


def _exp_golomb(value: int) -> str:
    """Unsigned Exp-Golomb code (H.264 section 9.1)."""
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code
