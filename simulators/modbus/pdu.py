"""What a slave answers to a PDU: functions 1-6, 15 and 16 and the exceptions of the application protocol V1.1b3."""

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial

from simulators.modbus.slave import IllegalAddress, ModbusSlave, Table

WRITES = frozenset({5, 6, 15, 16})  # the only functions that may be broadcast

_MOST_BITS_READ, _MOST_BITS_WRITTEN = 2000, 1968
_MOST_WORDS_READ, _MOST_WORDS_WRITTEN = 125, 123
_COIL_VALUES = {0x0000: 0, 0xFF00: 1}


class ExceptionCode(IntEnum):
    """Why a request was refused (clause 7)."""

    ILLEGAL_FUNCTION = 0x01
    ILLEGAL_ADDRESS = 0x02
    ILLEGAL_VALUE = 0x03
    DEVICE_FAILURE = 0x04
    DEVICE_BUSY = 0x06
    GATEWAY_PATH_UNAVAILABLE = 0x0A
    GATEWAY_TARGET_SILENT = 0x0B


class _IllegalValue(ValueError):  # noqa: N818 - the specification's name
    """A quantity, byte count or coil value outside what the function allows."""


def answer(slave: ModbusSlave, request: bytes) -> bytes:
    """Do what the PDU says to the slave; the PDU of the answer, an exception where it can't be done."""
    perform = _FUNCTIONS.get(request[0])
    if perform is None:
        return refusal(request, ExceptionCode.ILLEGAL_FUNCTION)
    try:
        return request[:1] + perform(slave, request[1:])
    except IllegalAddress:
        return refusal(request, ExceptionCode.ILLEGAL_ADDRESS)
    except (_IllegalValue, struct.error):
        return refusal(request, ExceptionCode.ILLEGAL_VALUE)


def refusal(request: bytes, code: ExceptionCode) -> bytes:
    """The exception PDU to a request."""
    return bytes([request[0] | 0x80, code])


def _read_bits(table: Table, slave: ModbusSlave, body: bytes) -> bytes:
    address, count = struct.unpack(">HH", body)
    _require_count(count, _MOST_BITS_READ)
    packed = _pack_bits(slave.read(table, address, count))
    return bytes([len(packed)]) + packed


def _read_words(table: Table, slave: ModbusSlave, body: bytes) -> bytes:
    address, count = struct.unpack(">HH", body)
    _require_count(count, _MOST_WORDS_READ)
    return struct.pack(f">B{count}H", 2 * count, *slave.read(table, address, count))


def _write_coil(slave: ModbusSlave, body: bytes) -> bytes:
    address, value = struct.unpack(">HH", body)
    if value not in _COIL_VALUES:
        raise _IllegalValue(f"coil value {value:#06x}")
    slave.write(Table.COILS, address, [_COIL_VALUES[value]])
    return body


def _write_word(slave: ModbusSlave, body: bytes) -> bytes:
    address, value = struct.unpack(">HH", body)
    slave.write(Table.HOLDING_REGISTERS, address, [value])
    return body


def _write_coils(slave: ModbusSlave, body: bytes) -> bytes:
    address, count, length = struct.unpack(">HHB", body[:5])
    _require_count(count, _MOST_BITS_WRITTEN)
    _require_length(length, (count + 7) // 8, body[5:])
    slave.write(Table.COILS, address, _unpack_bits(body[5:], count))
    return body[:4]


def _write_words(slave: ModbusSlave, body: bytes) -> bytes:
    address, count, length = struct.unpack(">HHB", body[:5])
    _require_count(count, _MOST_WORDS_WRITTEN)
    _require_length(length, 2 * count, body[5:])
    slave.write(Table.HOLDING_REGISTERS, address, struct.unpack(f">{count}H", body[5:]))
    return body[:4]


_FUNCTIONS: dict[int, Callable[[ModbusSlave, bytes], bytes]] = {
    1: partial(_read_bits, Table.COILS),
    2: partial(_read_bits, Table.DISCRETE_INPUTS),
    3: partial(_read_words, Table.HOLDING_REGISTERS),
    4: partial(_read_words, Table.INPUT_REGISTERS),
    5: _write_coil,
    6: _write_word,
    15: _write_coils,
    16: _write_words,
}


def _require_count(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise _IllegalValue(f"quantity {count}, not 1 to {most}")


def _require_length(stated: int, right: int, data: bytes) -> None:
    if not stated == right == len(data):
        raise _IllegalValue(f"{stated} bytes stated, {len(data)} sent, {right} right")


def _pack_bits(bits: Sequence[int]) -> bytes:
    packed = bytearray((len(bits) + 7) // 8)
    for position, bit in enumerate(bits):
        packed[position // 8] |= bit << position % 8
    return bytes(packed)


def _unpack_bits(packed: bytes, count: int) -> list[int]:
    return [packed[position // 8] >> position % 8 & 1 for position in range(count)]
