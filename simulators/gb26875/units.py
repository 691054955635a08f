"""Application data of GB/T 26875.3-2011, clause 7: type, count and objects, from its tables; and the six-byte time."""

import struct
from collections.abc import Sequence
from datetime import datetime, tzinfo
from enum import IntEnum

from simulators.gb26875.frames import MOST_DATA, TIME_BYTES

DESCRIPTION_BYTES = 31
_CENTURY = 2000


class Type(IntEnum):
    """Type flag."""

    SYSTEM_STATUS = 1
    COMPONENT_STATUS = 2
    ANALOG = 3
    OPERATION = 4
    SYSTEM_VERSION = 5
    SYSTEM_CONFIG = 6
    COMPONENT_CONFIG = 7
    SYSTEM_TIME = 8
    DEVICE_STATUS = 21
    DEVICE_OPERATION = 24
    DEVICE_VERSION = 25
    DEVICE_CONFIG = 26
    DEVICE_TIME = 28
    READ_SYSTEM_STATUS = 61
    READ_COMPONENT_STATUS = 62
    READ_ANALOG = 63
    READ_OPERATION = 64
    READ_SYSTEM_VERSION = 65
    READ_SYSTEM_CONFIG = 66
    READ_COMPONENT_CONFIG = 67
    READ_SYSTEM_TIME = 68
    READ_DEVICE_STATUS = 81
    READ_DEVICE_OPERATION = 84
    READ_DEVICE_VERSION = 85
    READ_DEVICE_CONFIG = 86
    READ_DEVICE_TIME = 88
    INITIALISE = 89
    SET_CLOCK = 90
    GUARD_CHECK = 91


#: Most objects in one unit, of those that are sent up.
MOST_OBJECTS = {
    Type.SYSTEM_STATUS: 102,
    Type.COMPONENT_STATUS: 22,
    Type.ANALOG: 63,
    Type.OPERATION: 102,
    Type.SYSTEM_VERSION: 1,
    Type.SYSTEM_CONFIG: 3,
    Type.COMPONENT_CONFIG: 26,
    Type.SYSTEM_TIME: 1,
    Type.DEVICE_STATUS: 1,
    Type.DEVICE_OPERATION: 127,
    Type.DEVICE_VERSION: 1,
    Type.DEVICE_CONFIG: 1,
    Type.DEVICE_TIME: 1,
}

#: Bytes of an object that comes down, and most of them in one unit.
DOWN = {
    Type.READ_SYSTEM_STATUS: (2, 102),
    Type.READ_COMPONENT_STATUS: (6, 22),
    Type.READ_ANALOG: (6, 63),
    Type.READ_OPERATION: (9, 1),
    Type.READ_SYSTEM_VERSION: (2, 1),
    Type.READ_SYSTEM_CONFIG: (2, 3),
    Type.READ_COMPONENT_CONFIG: (6, 26),
    Type.READ_SYSTEM_TIME: (2, 1),
    Type.READ_DEVICE_STATUS: (1, 1),
    Type.READ_DEVICE_OPERATION: (7, 1),
    Type.READ_DEVICE_VERSION: (1, 1),
    Type.READ_DEVICE_CONFIG: (1, 1),
    Type.READ_DEVICE_TIME: (1, 1),
    Type.INITIALISE: (1, 1),
    Type.SET_CLOCK: (6, 1),
    Type.GUARD_CHECK: (1, 1),
}


def unit(kind: Type, objects: Sequence[bytes]) -> bytes:
    """Type, count, objects. Raises ValueError for none of them, and for more than the table allows."""
    if not 1 <= len(objects) <= MOST_OBJECTS[kind]:
        raise ValueError(f"{len(objects)} objects of type {kind}: 1 to {MOST_OBJECTS[kind]} fit a unit")
    data = bytes([kind, len(objects)]) + b"".join(objects)
    if len(data) > MOST_DATA:
        raise ValueError(f"a unit of {len(data)} bytes: at most {MOST_DATA}")
    return data


def parse_down(data: bytes) -> tuple[Type, list[bytes]]:
    """Type and objects of what a centre asks or orders. Raises ValueError for what the tables do not have."""
    if len(data) < 2:
        raise ValueError(f"{len(data)} bytes: a type and a count wanted")
    kind, count, bodies = Type(data[0]), data[1], data[2:]
    if kind not in DOWN:
        raise ValueError(f"type {kind} does not come down")
    size, most = DOWN[kind]
    if not 1 <= count <= most or len(bodies) != count * size:
        raise ValueError(f"type {kind}: {count} objects in {len(bodies)} bytes, {size} each, at most {most}")
    return kind, [bodies[at : at + size] for at in range(0, len(bodies), size)]


def status_of_system(kind: int, address: int, status: int) -> bytes:
    """Type 1, without its time."""
    return struct.pack("<BBH", kind, address, status)


def place(kind: int, address: int, component_kind: int, component_address: int) -> bytes:
    """Where a component is: the beginning of types 2, 3 and 7."""
    return struct.pack("<BBBI", kind, address, component_kind, component_address)


def status_of_component(where: bytes, status: int, name: str) -> bytes:
    """Type 2, without its time."""
    return where + struct.pack("<H", status) + description(name)


def analog_value(where: bytes, kind: int, steps: int) -> bytes:
    """Type 3, without its time. Raises ValueError for more than 16 bits with sign."""
    if not -0x8000 <= steps <= 0x7FFF:
        raise ValueError(f"{steps} steps do not fit an analog value: -32768 to 32767 do")
    return where + struct.pack("<Bh", kind, steps)


def operation(flags: int, operator: int, *system: int) -> bytes:
    """Types 4 (with system type and address) and 24 (without), without their time."""
    return bytes((*system, flags, operator))


def description(name: str) -> bytes:
    """31 bytes of GB18030, filled with NUL; raises ValueError when it is longer."""
    encoded = name.encode("gb18030")
    if len(encoded) > DESCRIPTION_BYTES:
        raise ValueError(f"{name!r} is {len(encoded)} bytes of GB18030: {DESCRIPTION_BYTES} fit")
    return encoded.ljust(DESCRIPTION_BYTES, b"\0")


def counted_text(text: str) -> bytes:
    """Length and text of types 6 and 26; raises ValueError above 255 bytes."""
    encoded = text.encode("gb18030")
    if len(encoded) > 0xFF:
        raise ValueError(f"{text!r} is {len(encoded)} bytes of GB18030: 255 fit")
    return bytes([len(encoded)]) + encoded


def pack_time(moment: datetime) -> bytes:
    """Second, minute, hour, day, month, year since 2000, each binary; after 2255 the year begins again."""
    year = (moment.year - _CENTURY) & 0xFF
    return bytes((moment.second, moment.minute, moment.hour, moment.day, moment.month, year))


def read_time(six: bytes, zone: tzinfo) -> datetime:
    """The moment that six bytes name in that zone. Raises ValueError for one that no calendar has."""
    if len(six) != TIME_BYTES:
        raise ValueError(f"a time of {len(six)} bytes: six wanted")
    second, minute, hour, day, month, year = six
    return datetime(_CENTURY + year, month, day, hour, minute, second, tzinfo=zone)
