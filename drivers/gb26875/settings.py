"""The driver's own keys in `[[bus]]`, `[[device]]` and `[[device.point]]`."""

import re
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from drivers.gb26875.content import Component, System
from gateway.driver import ConnectedDevice, ConnectedPoint, Connection

#: A panel without a `system` of its own is taken for fire alarm system 1, as nearly all are.
USUAL_SYSTEM = System(1, 1)

_LINE = ("baudrate", "parity", "stopbits")
_ADDRESS = re.compile(r"^([0-9]{1,5})\.([0-9]{1,5})$")


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BusKeys(_Keys):
    """Where panels call us: a port of ours over TCP or UDP, or a serial line.

    `centre` is our own address, 0 whatever a panel calls us. A command of ours that is not answered within
    `resend_after_s` seconds is sent again, `resends` times (GB/T 26875.3-2011, 6.5: 10 s, 3 times).
    """

    host: Annotated[str, Field(min_length=1)] = "0.0.0.0"  # noqa: S104 - panels call from everywhere in the school
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    transport: Literal["tcp", "udp", "both"] = "tcp"
    serial: Annotated[str, Field(min_length=1)] | None = None
    baudrate: Annotated[int, Field(ge=300, le=1_000_000)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    centre: Annotated[int, Field(ge=0, lt=1 << 48)] = 0
    resend_after_s: Annotated[float, Field(ge=0.1, le=120)] = 10.0
    resends: Annotated[int, Field(ge=0, le=10)] = 3

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.port is None) == (self.serial is None):
            raise ValueError("needs either `port` (panels call over the network) or `serial` (a line's path)")
        others, why = (
            (_LINE, "belongs to `serial`; a `port` has no line: remove it")
            if self.serial is None
            else (("host", "transport"), "belongs to `port`; a `serial` line has none: remove it")
        )
        given = [name for name in others if name in self.model_fields_set]
        if given:
            raise ValueError(f"{', '.join(given)}: {why}")
        return self


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}; write for example Asia/Shanghai") from error
    return name


class DeviceKeys(_Keys):
    """Which panel it is, how long it may be silent in seconds (0: for ever), and where its clock hangs."""

    panel: Annotated[int, Field(ge=0, lt=1 << 48)]
    lost_after_s: Annotated[float, Field(ge=0, le=86_400)] = 90.0
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"

    @property
    def zone(self) -> ZoneInfo:
        """Of the panel's clock, which tells local time."""
        return ZoneInfo(self.timezone)


def _number(value: object) -> object:
    """The four bytes of an address that is written `zone.point` (low word, high word)."""
    if not isinstance(value, str):
        return value
    match = _ADDRESS.match(value)
    zone, point = (int(part) for part in match.groups()) if match else (-1, -1)
    if not (0 <= zone <= 0xFFFF and 0 <= point <= 0xFFFF):
        raise ValueError('write "ZONE.POINT" in quotes, each up to 65535, or the whole address as a number')
    return zone | point << 16


class PointKeys(_Keys):
    """Which component it is; `system` (type, number) where several panels are behind one transmission device."""

    address: Annotated[int, BeforeValidator(_number), Field(ge=0, lt=1 << 32)]
    system: tuple[Annotated[int, Field(ge=0, le=255)], Annotated[int, Field(ge=0, le=255)]] | None = None

    @property
    def component(self) -> Component:
        """Where it is asked for."""
        return Component(System(*self.system) if self.system is not None else USUAL_SYSTEM, self.address)


FireConnection = Connection[BusKeys, DeviceKeys, PointKeys]
FireDevice = ConnectedDevice[DeviceKeys, PointKeys]
FirePoint = ConnectedPoint[PointKeys]
