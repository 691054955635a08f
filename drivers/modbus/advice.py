"""Pure: what `check` says about a connection: contradictions, how long a scan takes, and which wires nothing watches."""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import cast

from drivers.modbus.bus_time import BusTime, bus_time, own_gap_s
from drivers.modbus.schedule import is_fast
from drivers.modbus.settings import (
    VITAL,
    ModbusConnection,
    ModbusDevice,
    ModbusPoint,
    Profile,
    ProfileProblems,
    SiteConnection,
    SwitchKeys,
    resolve,
)
from gateway.model import Kind

#: How long slaves take to turn round, as seen in the field, in seconds: the usual and the worst.
USUAL_TURNAROUND_S = 0.010
WORST_TURNAROUND_S = 0.050

#: A panic point that may wait longer than this for its read is worth a warning, in seconds.
PATIENCE_S = 1.0

#: A person presses a button for about so long, in seconds: what is read less often must latch. A tap is shorter: so the
#: figures say how long a press must be to be seen in any case.
PRESS_S = 0.3

#: Points that are worth reading even if nothing in them is an alarm.
_MEASURED = frozenset({Kind.TEMPERATURE, Kind.HUMIDITY})


def problems(connection: SiteConnection) -> list[str]:
    """What in the site file contradicts itself across keys of different tables: errors. Reads profiles."""
    try:
        whole = resolve(connection).connection
    except ProfileProblems as error:
        return error.problems
    found = list(_shared_slaves(whole))
    for device in whole.devices:
        if not device.points and not device.outputs:
            found.append(
                f"device {device.id!r}: has no [[device.point]] and no [[device.output]], so there is nothing to ask it "
                "for; add one"
            )
        found.extend(_shared_outputs(device))
        found.extend(_problems_of(device))
    return found


def advice(connection: SiteConnection) -> list[str]:
    """The connection's scan time, and warnings that a technician should weigh. No contradictions: see `problems`."""
    try:
        resolved = resolve(connection)
    except ProfileProblems as error:
        return [f"{connection.id}: {problem}" for problem in error.problems]
    whole = resolved.connection
    usual, worst = (bus_time(whole, turn) for turn in (USUAL_TURNAROUND_S, WORST_TURNAROUND_S))
    lines = list(_figures(whole, usual, worst))
    for device in whole.devices:
        if (profile := resolved.profiles.get(device.id)) is not None:
            lines.extend(_of_profile(whole, device, profile))
        for point in device.points:
            lines.extend(_warnings_of(device, point, _longest_s(whole, device, point, worst)))
    return lines


def _figures(connection: ModbusConnection, usual: BusTime, worst: BusTime) -> Iterator[str]:
    yield (
        f"{connection.id}: requests in a scan: {usual.quick + usual.slow}, which take {_ms(usual.scan_s)} if the "
        f"devices answer in {_ms(USUAL_TURNAROUND_S)}, {_ms(worst.scan_s)} if in {_ms(WORST_TURNAROUND_S)}; "
        f"quick ones: {usual.quick}, a round of them takes {_ms(worst.quick_s)} at most{_surely_seen(connection, worst)}; "
        f"each time-out of a silent device adds {_ms(connection.settings.request_timeout_s)}"
    )
    quickest = min((device.settings.fast_s for device in connection.devices), default=math.inf)
    if usual.quick and usual.quick_s > quickest:
        yield (
            f"{connection.id}: a round of the quick requests takes {_ms(usual.quick_s)}, so none is made each "
            f"{_ms(quickest)}; the line is busy all the time"
            + (f", and slow points wait up to {_ms(worst.slow_wait_s)}" if worst.slow_wait_s else "")
        )


def _surely_seen(connection: ModbusConnection, worst: BusTime) -> str:
    waits = [
        _longest_s(connection, device, point, worst)
        for device in connection.devices
        for point in device.points
        if is_fast(point)
    ]
    return f", and a press of {_ms(max(waits))} is seen in any case" if waits else ""


def _of_profile(connection: ModbusConnection, device: ModbusDevice, profile: Profile) -> Iterator[str]:
    what = f"device {device.id!r}: profile {profile.name!r}"
    if not profile.verified:
        notes = " ".join(profile.notes.split())
        yield f"{what} is unverified (source: {profile.source}); try each input and output. {notes}".rstrip()
    bus, usual = connection.settings, profile.serial
    if bus.serial is None or usual is None:
        return
    delivered = f"{usual.baudrate} 8{usual.parity}{usual.stopbits}"
    if delivered != bus.line_words:
        yield (
            f"{what} is delivered with {delivered}, the bus has {bus.line_words}; "
            "set the device to the bus, or put it on a bus of its own"
        )


def _shared_slaves(connection: ModbusConnection) -> Iterator[str]:
    for slave, count in Counter(device.settings.slave for device in connection.devices).items():
        if count > 1:
            names = [device.id for device in connection.devices if device.settings.slave == slave]
            yield (
                f"devices {', '.join(map(repr, names))}: all have slave {slave} on this connection; "
                "a slave number belongs to one device"
            )


def _shared_outputs(device: ModbusDevice) -> Iterator[str]:
    for one, other in combinations(device.outputs, 2):
        a, b = cast("SwitchKeys", one.settings), cast("SwitchKeys", other.settings)
        if (a.function, a.address) == (b.function, b.address):
            yield (
                f"outputs {one.id!r} and {other.id!r}: both switch {a.function.value} {a.address}; "
                "an output is there once"
            )


def _problems_of(device: ModbusDevice) -> Iterator[str]:
    for point in device.points:
        if not point.settings.says_level and point.kind not in _MEASURED:
            yield (
                f"point {point.id!r}: a {point.kind.value} point read from a register needs `high` or `low` "
                "(or `rise_per_min`; beyond which it is an alarm) or `mask` (the bit that says so)"
            )
        if point.kind in _MEASURED and not point.settings.is_value:
            yield f"point {point.id!r}: {point.kind.value} is measured; read a register without a bit `mask`"
        if point.kind is Kind.FAULT and point.settings.has_validity and point.settings.says_level:
            yield (
                f"point {point.id!r}: is a fault point, and a broken sensor is told as a fault of its point, too; "
                "remove `valid_low`, `valid_high` and `fault_values`, or give it another kind"
            )
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
    elif one.kind is other.kind and (a.mask, a.high, a.low, a.rise_per_min) == (
        b.mask,
        b.high,
        b.low,
        b.rise_per_min,
    ):
        yield f"{pair} with the same meaning; remove one"


def _longest_s(
    connection: ModbusConnection, device: ModbusDevice, point: ModbusPoint, worst: BusTime
) -> float:
    """How long it may wait for its read, in seconds."""
    if is_fast(point):
        return worst.wait_s(device.settings.fast_s) + own_gap_s(connection.settings, device)
    return device.settings.slow_s + worst.slow_wait_s


def _warnings_of(device: ModbusDevice, point: ModbusPoint, longest_s: float) -> Iterator[str]:
    if point.kind not in VITAL:
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
