"""Pure: the application data of GB/T 26875.3-2011 (clause 8) that the centre sends, as bytes."""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from drivers.gb26875.codec import encode_time
from drivers.gb26875.content import Component, System
from drivers.gb26875.tables import Type

#: How many objects fit into a request (table 3).
MAX_SYSTEMS = 102
MAX_COMPONENTS = 22
MAX_ANALOGS = 63


def read_systems(systems: Iterable[System]) -> bytes:
    """Ask for the status of systems (type 61), at most `MAX_SYSTEMS`."""
    return _objects(Type.READ_SYSTEM_STATUS, MAX_SYSTEMS, [_of(system) for system in systems])


def read_components(components: Iterable[Component]) -> bytes:
    """Ask for the status of components (type 62), at most `MAX_COMPONENTS`; their type is not part of it."""
    bodies = [_of_component(component) for component in components]
    return _objects(Type.READ_COMPONENT_STATUS, MAX_COMPONENTS, bodies)


def read_analogs(components: Iterable[Component]) -> bytes:
    """Ask for the analog value of components (type 63), at most `MAX_ANALOGS`."""
    bodies = [_of_component(component) for component in components]
    return _objects(Type.READ_COMPONENT_ANALOG, MAX_ANALOGS, bodies)


def read_device(kind: Type) -> bytes:
    """Ask the transmission device of itself (types 81, 85, 86, 88): one reserved byte."""
    return _objects(kind, 1, [b"\0"])


def initialise() -> bytes:
    """Initialise the transmission device (type 89)."""
    return _objects(Type.INITIALISE, 1, [b"\0"])


def set_clock(moment: datetime, zone: tzinfo) -> bytes:
    """Set the transmission device's clock (type 90)."""
    return _objects(Type.SET_CLOCK, 1, [encode_time(moment, zone)])


def guard_check(minutes: int) -> bytes:
    """Ask for whoever sits at the panel, to be answered within 1 to 255 minutes (type 91)."""
    return _objects(Type.GUARD_CHECK, 1, [minutes.to_bytes(1, "little")])


def _of(system: System) -> bytes:
    return bytes((system.type, system.address))


def _of_component(component: Component) -> bytes:
    return _of(component.system) + component.address.to_bytes(4, "little")


def _objects(kind: Type, most: int, bodies: list[bytes]) -> bytes:
    if not 1 <= len(bodies) <= most:
        raise ValueError(f"type {int(kind)} takes 1 to {most} objects, not {len(bodies)}")
    return bytes((kind, len(bodies))) + b"".join(bodies)
