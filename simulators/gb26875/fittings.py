"""What a fire panel is made of - systems and components - and the words of GB/T 26875.3-2011 for their state."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from simulators.gb26875.units import DESCRIPTION_BYTES

#: Component types (table 6 of the standard) that measure, and what.
_MEASURES_GAS = frozenset({10, 11, 12, 13, 74})
_MEASURES_HEAT = frozenset({18, *range(30, 38)})


class ComponentFlag(IntFlag):
    """Status of a component (type 2)."""

    IN_SERVICE = 1 << 0
    FIRE = 1 << 1
    FAULT = 1 << 2
    SHIELD = 1 << 3
    SUPERVISE = 1 << 4
    STARTED = 1 << 5
    FEEDBACK = 1 << 6
    DELAY = 1 << 7
    POWER_FAULT = 1 << 8


class SystemFlag(IntFlag):
    """Status of a system (type 1)."""

    IN_SERVICE = 1 << 0
    FIRE = 1 << 1
    FAULT = 1 << 2
    SHIELD = 1 << 3
    SUPERVISE = 1 << 4
    STARTED = 1 << 5
    FEEDBACK = 1 << 6
    DELAY = 1 << 7
    MAINS_FAULT = 1 << 8
    BATTERY_FAULT = 1 << 9
    BUS_FAULT = 1 << 10
    MANUAL = 1 << 11
    CONFIG_CHANGED = 1 << 12
    RESET = 1 << 13


class DeviceFlag(IntFlag):
    """Status of the transmission device itself (type 21)."""

    IN_SERVICE = 1 << 0
    FIRE = 1 << 1
    FAULT = 1 << 2
    MAINS_FAULT = 1 << 3
    BATTERY_FAULT = 1 << 4
    CHANNEL_FAULT = 1 << 5
    LINE_FAULT = 1 << 6


class Operation(IntFlag):
    """What a person did: at the panel (type 4), or at the transmission device (type 24)."""

    RESET = 1 << 0
    MUTE = 1 << 1
    MANUAL_ALARM = 1 << 2
    ALARM_CLEARED = 1 << 3
    SELF_TEST = 1 << 4
    CONFIRM = 1 << 5  # type 4
    GUARD_CHECK_ANSWER = 1 << 5  # type 24
    TEST = 1 << 6


class Analog(IntEnum):
    """What an analog value is (type 3)."""

    COUNT = 1
    HEIGHT = 2
    TEMPERATURE = 3
    PRESSURE_MPA = 4
    PRESSURE_KPA = 5
    GAS = 6
    TIME = 7
    VOLTAGE = 8
    CURRENT = 9
    FLOW = 10
    AIR = 11
    WIND = 12

    @property
    def steps_in_unit(self) -> int:
        """How many steps of the number on the wire make 1 m, 1 °C, 1 %LEL ..."""
        match self:
            case Analog.COUNT | Analog.TIME | Analog.WIND:
                return 1
            case Analog.HEIGHT:
                return 100
            case _:
                return 10


@dataclass(frozen=True, slots=True)
class System:
    """A fire-fighting system behind the device: type (1 is fire alarm) and address."""

    kind: int = 1
    address: int = 1
    name: str = "火灾自动报警系统"


FIRE_ALARM_SYSTEM = System()


@dataclass(frozen=True, slots=True)
class Component:
    """A detector, button or module. `kind` is its type (23 call point, 30 heat, 40 smoke ...), `name` what the panel shows.

    Raises ValueError for a zone or a point of more than 16 bits, and a type of more than 8.
    """

    zone: int
    point: int
    kind: int
    name: str = ""
    system: System = FIRE_ALARM_SYSTEM

    def __post_init__(self) -> None:
        if not (0 <= self.zone <= 0xFFFF and 0 <= self.point <= 0xFFFF and 0 <= self.kind <= 0xFF):
            raise ValueError(
                f"{self.zone}.{self.point}:{self.kind}: zone and point go to 65535, the type to 255"
            )
        if len(self.name.encode("gb18030")) > DESCRIPTION_BYTES:
            raise ValueError(f"{self.name!r}: the panel shows 31 bytes of GB18030, 15 characters of Chinese")

    @property
    def address(self) -> int:
        """Zone in the low word, point in the high one: common practice, the standard leaves it open."""
        return self.point << 16 | self.zone

    @property
    def analog(self) -> Analog | None:
        """What it measures by its type, if anything."""
        if self.kind in _MEASURES_GAS:
            return Analog.GAS
        return Analog.TEMPERATURE if self.kind in _MEASURES_HEAT else None
