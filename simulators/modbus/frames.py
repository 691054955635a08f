"""The bytes around a Modbus PDU, written from the specification: MBAP header (TCP), address and CRC (RTU).

Deliberately no library and no import of the driver: a mistake can't be shared with whoever asks.
"""

import struct
from typing import NamedTuple

MAX_TCP_FRAME = 260  # Modbus application protocol V1.1b3, 4.1: header of 7 and a PDU of 253
MAX_RTU_FRAME = 256  # the same clause: address, PDU of 253, CRC of 2
MBAP_BYTES = 7

_MBAP = struct.Struct(">HHHB")
_SHORTEST_RTU_FRAME = 4
_FIXED_RTU_REQUEST = 8


class Mbap(NamedTuple):
    """The header of a TCP frame; `length` counts the unit byte and the PDU."""

    transaction: int
    protocol: int
    length: int
    unit: int

    @property
    def is_modbus(self) -> bool:
        """Protocol 0, room for a function code, and not more than a frame may hold."""
        return self.protocol == 0 and 2 <= self.length <= MAX_TCP_FRAME - MBAP_BYTES + 1


def parse_mbap(header: bytes) -> Mbap:
    """The fields of seven bytes, not yet judged."""
    return Mbap(*_MBAP.unpack(header))


def tcp_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """A whole Modbus TCP frame."""
    return _MBAP.pack(transaction, 0, len(pdu) + 1, unit) + pdu


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """A whole RTU frame; the CRC goes low byte first."""
    body = bytes([unit]) + pdu
    return body + struct.pack("<H", crc16(body))


def open_rtu_frame(frame: bytes) -> tuple[int, bytes] | None:
    """Slave id and PDU of a frame whose CRC is right; None for anything else."""
    if not _SHORTEST_RTU_FRAME <= len(frame) <= MAX_RTU_FRAME:
        return None
    body, crc = frame[:-2], frame[-2:]
    if crc != struct.pack("<H", crc16(body)):
        return None
    return body[0], body[1:]


def take_rtu_request(received: bytearray) -> bytes | None:
    """Cut the request off the front of `received` if it is whole and its CRC is right; else leave all as it is.

    Only functions 1-6, 15 and 16 say their own length; the end of any other is told by silence alone.
    """
    length = _request_length(received)
    if length is None or len(received) < length:
        return None
    frame = bytes(received[:length])
    if open_rtu_frame(frame) is None:
        return None
    del received[:length]
    return frame


def crc16(data: bytes) -> int:
    """Modbus over serial line V1.02, 6.2.2: reflected polynomial 0xA001, start value 0xFFFF."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_OF_BYTE[(crc ^ byte) & 0xFF]
    return crc


def _request_length(received: bytearray) -> int | None:
    if len(received) < _FIXED_RTU_REQUEST:
        return None
    match received[1]:
        case 1 | 2 | 3 | 4 | 5 | 6:
            return _FIXED_RTU_REQUEST
        case 15 | 16:
            return 9 + received[6]
        case _:
            return None


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC_OF_BYTE = tuple(_crc_of_byte(byte) for byte in range(256))
