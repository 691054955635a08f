"""Pure: the application data of GB/T 26875.3-2011 (clause 8) that panels send, as values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from drivers.gb26875.codec import decode_time
from drivers.gb26875.tables import Type


@dataclass(frozen=True, slots=True, order=True)
class System:
    """One fire system behind a transmission device: its type (table 4) and its number there."""

    type: int
    address: int


@dataclass(frozen=True, slots=True, order=True)
class Component:
    """A part of a system. By custom the low word of `address` is its zone, the high word its point."""

    system: System
    address: int

    @property
    def label(self) -> str:
        """`zone.point`: how a site file and the screen write it."""
        return f"{self.address & 0xFFFF}.{self.address >> 16}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatus:
    """Type 1."""

    system: System
    status: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatus:
    """Type 2. `text` is what the panel's own table calls the place."""

    component: Component
    type: int
    status: int
    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentAnalog:
    """Type 3. `value` counts steps of the quantity (table 6)."""

    component: Component
    type: int
    quantity: int
    value: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operated:
    """Types 4 (of a system) and 24 (of the transmission device itself: `system` is None)."""

    system: System | None
    flags: int
    operator: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Types 5 and 25."""

    system: System | None
    main: int
    sub: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Types 6 and 26."""

    system: System | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentConfig:
    """Type 7."""

    component: Component
    type: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTime:
    """Types 8 and 28: the time there."""

    system: System | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransmitterStatus:
    """Type 21."""

    status: int
    at: datetime | None


Object = (
    SystemStatus
    | ComponentStatus
    | ComponentAnalog
    | Operated
    | Version
    | Config
    | ComponentConfig
    | OwnTime
    | TransmitterStatus
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a frame says: the objects that are whole, and in `fault` what could not be understood, in words."""

    objects: tuple[Object, ...]
    fault: str = ""


class _Short(Exception):  # noqa: N818 - never leaves this module
    """The data end within an object."""


class _Reader:
    """Takes fields off the front."""

    def __init__(self, data: bytes, zone: tzinfo) -> None:
        self._data = data
        self._zone = zone
        self.at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self.at

    def raw(self, count: int) -> bytes:
        if self.left < count:
            raise _Short
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self, count: int = 1, *, signed: bool = False) -> int:
        return int.from_bytes(self.raw(count), "little", signed=signed)

    def time(self) -> datetime | None:
        return decode_time(self.raw(6), self._zone)

    def text(self, count: int) -> str:
        """GB18030, filled up with NUL or blanks. What it cannot be is shown as such, never refused."""
        text = self.raw(count).split(b"\0", 1)[0].decode("gb18030", errors="replace")
        return "".join(char if char.isprintable() else " " for char in text).strip(" \u3000")

    def system(self) -> System:
        return System(self.number(), self.number())


def decode(data: bytes, zone: tzinfo) -> Content:
    """What application data say; `zone` is that of the panel's clock. Never raises: see `Content.fault`.

    Objects behind the last that is counted are read if they are whole: one of them may be a fire.
    """
    if len(data) < 2:
        return Content((), "application data without a type and a count")
    reader = _Reader(data, zone)
    kind, count = reader.number(), reader.number()
    parse = _PARSERS.get(kind)
    if parse is None:
        return Content((), f"unknown type {kind}")
    objects: list[Object] = []
    while len(objects) < count or reader.left:
        whole = reader.at
        try:
            objects.append(parse(reader))
        except _Short:
            left = len(data) - whole
            words = f"type {kind}: it counts {count} objects, {len(objects)} are whole, {left} bytes are left"
            return Content(tuple(objects), words)
    if len(objects) > count:
        return Content(tuple(objects), f"type {kind}: it counts {count} objects, {len(objects)} are there")
    return Content(tuple(objects))


def _system_status(reader: _Reader) -> Object:
    return SystemStatus(system=reader.system(), status=reader.number(2), at=reader.time())


def _component_status(reader: _Reader) -> Object:
    component, kind = _component(reader)
    return ComponentStatus(
        component=component, type=kind, status=reader.number(2), text=reader.text(31), at=reader.time()
    )


def _component_analog(reader: _Reader) -> Object:
    component, kind = _component(reader)
    return ComponentAnalog(
        component=component,
        type=kind,
        quantity=reader.number(),
        value=reader.number(2, signed=True),
        at=reader.time(),
    )


def _component(reader: _Reader) -> tuple[Component, int]:
    system, kind = reader.system(), reader.number()
    return Component(system, reader.number(4)), kind


def _component_config(reader: _Reader) -> Object:
    component, kind = _component(reader)
    return ComponentConfig(component=component, type=kind, text=reader.text(31))


def _system_operation(reader: _Reader) -> Object:
    return Operated(system=reader.system(), flags=reader.number(), operator=reader.number(), at=reader.time())


_PARSERS: dict[int, Callable[[_Reader], Object]] = {
    Type.SYSTEM_STATUS: _system_status,
    Type.COMPONENT_STATUS: _component_status,
    Type.COMPONENT_ANALOG: _component_analog,
    Type.SYSTEM_OPERATION: _system_operation,
    Type.SYSTEM_VERSION: lambda r: Version(system=r.system(), main=r.number(), sub=r.number()),
    Type.SYSTEM_CONFIG: lambda r: Config(system=r.system(), text=r.text(r.number())),
    Type.COMPONENT_CONFIG: _component_config,
    Type.SYSTEM_TIME: lambda r: OwnTime(system=r.system(), at=r.time()),
    Type.DEVICE_STATUS: lambda r: TransmitterStatus(status=r.number(), at=r.time()),
    Type.DEVICE_OPERATION: lambda r: Operated(
        system=None, flags=r.number(), operator=r.number(), at=r.time()
    ),
    Type.DEVICE_VERSION: lambda r: Version(system=None, main=r.number(), sub=r.number()),
    Type.DEVICE_CONFIG: lambda r: Config(system=None, text=r.text(r.number())),
    Type.DEVICE_TIME: lambda r: OwnTime(system=None, at=r.time()),
}
