"""Pure: what `check` says about a connection: contradictions, how long a scan takes, and which wires nothing watches."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from drivers.modbus.codec import Block, plan
from drivers.modbus.settings import BusKeys, ModbusConnection, ModbusDevice, ModbusPoint
from gateway.model import Kind

#: How long slaves take to turn round, as seen in the field, in seconds: the usual and the worst.
USUAL_TURNAROUND_S = 0.010
WORST_TURNAROUND_S = 0.050

#: A panic point that may wait longer than this for its read is worth a warning, in seconds.
PATIENCE_S = 1.0

#: A person presses a button for about so long, in seconds: what is read less often must latch.
PRESS_S = 0.3

#: Points on which a life may hang.
_VITAL = frozenset({Kind.PANIC, Kind.DURESS, Kind.FIRE})

#: Points that are worth reading even if nothing in them is an alarm.
_MEASURED = frozenset({Kind.TEMPERATURE, Kind.HUMIDITY})

_REQUEST_CHARACTERS = 8
_ANSWER_CHARACTERS = 5  # address, function, length, CRC; the data come on top


def problems(connection: ModbusConnection) -> list[str]:
    """What in the site file contradicts itself across keys of different tables: errors."""
    found = list(_shared_slaves(connection))
    for device in connection.devices:
        if not device.points:
            found.append(
                f"device {device.id!r}: has no [[device.point]], so there is nothing to ask it for; add one"
            )
        found.extend(_problems_of(device))
    return found


def advice(connection: ModbusConnection) -> list[str]:
    """The connection's scan time, and warnings that a technician should weigh. No contradictions: see `problems`."""
    usual, worst = (scan_s(connection, turn) for turn in (USUAL_TURNAROUND_S, WORST_TURNAROUND_S))
    requests = sum(len(blocks_of(device)) for device in connection.devices)
    scan = (
        f"{connection.id}: requests in a scan: {requests}, which take {_ms(usual)} if the devices answer in "
        f"{_ms(USUAL_TURNAROUND_S)}, {_ms(worst)} if in {_ms(WORST_TURNAROUND_S)}; "
        f"each time-out of a silent device adds {_ms(connection.settings.request_timeout_s)}"
    )
    lines = [scan]
    for device in connection.devices:
        longest = worst + device.settings.poll_ms / 1000
        for point in device.points:
            lines.extend(_warnings_of(device, point, longest))
    return lines


def scan_s(connection: ModbusConnection, turnaround_s: float) -> float:
    """How long it takes to ask every device for everything once, in seconds, if each answer begins after `turnaround_s`.

    On a serial line: characters of 10 to 12 bits, as parity and stop bits make them, and the silence of 3.5
    characters before and after each answer, or `gap_ms` if that is longer. A network is taken to need no time.
    """
    return sum(
        _wire_s(connection.settings, block) + turnaround_s
        for device in connection.devices
        for block in blocks_of(device)
    )


def blocks_of(device: ModbusDevice) -> tuple[Block, ...]:
    """The requests that read this device."""
    return plan((point.settings.function, point.settings.address) for point in device.points)


def _wire_s(bus: BusKeys, block: Block) -> float:
    if bus.serial is None:
        return bus.gap_ms / 1000
    data = (block.count + 7) // 8 if block.function.is_bit else 2 * block.count
    character = (1 + 8 + (bus.parity != "N") + bus.stopbits) / bus.baudrate
    frames = (_REQUEST_CHARACTERS + _ANSWER_CHARACTERS + data) * character
    return frames + bus.silence_s + max(bus.silence_s, bus.gap_ms / 1000)


def _shared_slaves(connection: ModbusConnection) -> Iterator[str]:
    for slave, count in Counter(device.settings.slave for device in connection.devices).items():
        if count > 1:
            names = [device.id for device in connection.devices if device.settings.slave == slave]
            yield (
                f"devices {', '.join(map(repr, names))}: all have slave {slave} on this connection; "
                "a slave number belongs to one device"
            )


def _problems_of(device: ModbusDevice) -> Iterator[str]:
    for point in device.points:
        if not point.settings.says_level and point.kind not in _MEASURED:
            yield (
                f"point {point.id!r}: a {point.kind.value} point read from a register needs `high` or `low` "
                "(beyond which it is an alarm) or `mask` (the bit that says so)"
            )
        if point.kind in _MEASURED and not point.settings.is_value:
            yield f"point {point.id!r}: {point.kind.value} is measured; read a register without a bit `mask`"
    for one, other in combinations(device.points, 2):
        if (one.settings.function, one.settings.address) == (other.settings.function, other.settings.address):
            yield from _contradiction(one, other)


def _contradiction(one: ModbusPoint, other: ModbusPoint) -> Iterator[str]:
    """Several points may share a register: its bits, or its value with different limits. No other cell."""
    pair = (
        f"points {one.id!r} and {other.id!r}: both read {one.settings.function.value} {one.settings.address}"
    )
    a, b = one.settings, other.settings
    if a.function.is_bit:
        yield f"{pair}, which is one input; give each its own `address`"
    elif a.is_value and b.is_value and a.mask == b.mask and (a.signed, a.scale) != (b.signed, b.scale):
        yield f"{pair}, but with different `signed` or `scale`; a register has one meaning"
    elif one.kind is other.kind and (a.mask, a.high, a.low) == (b.mask, b.high, b.low):
        yield f"{pair} with the same meaning; remove one"


def _warnings_of(device: ModbusDevice, point: ModbusPoint, longest_s: float) -> Iterator[str]:
    if point.kind not in _VITAL:
        return
    what = f"point {point.id!r} ({point.kind.value})"
    keys = point.settings
    if longest_s > PATIENCE_S:
        yield (
            f"{what}: may wait {_ms(longest_s)} for its read; put slow devices on another bus, "
            f"raise the baud rate, or poll {device.id!r} more often and others less"
        )
    if longest_s > PRESS_S and not keys.latched and not keys.is_value:
        yield (
            f"{what}: a press shorter than {_ms(longest_s)} can be missed; use a latching button or module "
            "and say `latched = true`"
        )
    if keys.contact == "no" and not keys.is_value:
        yield (
            f"{what}: is normally open, so nothing supervises its wire: a cut one is silent; "
            'wire it normally closed with `contact = "nc"`'
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
