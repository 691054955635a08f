"""Pure: what `check` says about a connection: contradictions, panels that nothing supervises, a protocol without secrets."""

from collections import defaultdict
from collections.abc import Iterator

from drivers.gb26875.content import Component
from drivers.gb26875.settings import FireConnection, FireDevice


def problems(connection: FireConnection) -> list[str]:
    """What in the site file contradicts itself across keys of different tables: errors."""
    found = list(_shared_panels(connection))
    for device in connection.devices:
        found.extend(_shared_addresses(device))
    return found


def advice(connection: FireConnection) -> list[str]:
    """How panels reach us, and what a technician should weigh. No contradictions: see `problems`."""
    keys = connection.settings
    if keys.serial is not None:
        lines = [f"{connection.id}: listens on {keys.serial}, {keys.baudrate} 8{keys.parity}{keys.stopbits}"]
    else:
        lines = [
            (
                f"{connection.id}: listens on {keys.host} port {keys.port} ({keys.transport}); GB/T 26875.3 is clear text "
                "without a key: whoever reaches the port can pose as a panel, so keep it within the school's own network"
            )
        ]
    if keys.transport != "tcp":
        lines.append(f"{connection.id}: over UDP a panel that does not send again loses messages; prefer TCP")
    for device in connection.devices:
        if device.settings.lost_after_s == 0:
            lines.append(
                f"device {device.id!r}: nothing supervises it (`lost_after_s = 0`): a cut line stays unnoticed; "
                "let the panel send heartbeats, and set three times their interval"
            )
        if len({point.settings.system for point in device.points if point.settings.system}) > 1:
            lines.extend(_without_system(device))
        if not device.points:
            lines.append(
                f"device {device.id!r}: has no [[device.point]]: its alarms come with the panel's own words and the "
                "device's zone; name the detectors that have a zone or cameras of their own"
            )
    return lines


def _without_system(device: FireDevice) -> Iterator[str]:
    for point in device.points:
        if point.settings.system is None:
            yield (
                f"point {point.id!r}: has no `system`, and device {device.id!r} has several: alarms of all of them at its "
                "address are its own; say which one it is on"
            )


def _shared_panels(connection: FireConnection) -> Iterator[str]:
    names = defaultdict(list)
    for device in connection.devices:
        names[device.settings.panel].append(repr(device.id))
    for panel, devices in names.items():
        if len(devices) > 1:
            yield (
                f"devices {', '.join(devices)}: all have panel {panel} on this connection; "
                "a source address belongs to one device"
            )


def _shared_addresses(device: FireDevice) -> Iterator[str]:
    points = defaultdict(list)
    for point in device.points:
        points[point.settings.system, point.settings.address].append(repr(point.id))
    for (system, address), names in points.items():
        if len(names) > 1:
            where = f" of system {system[0]}.{system[1]}" if system else ""
            label = Component(device.points[0].settings.component.system, address).label
            yield f"points {', '.join(names)}: all have address {label}{where}; an address is one point"
