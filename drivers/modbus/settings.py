"""The driver's own keys in `[[bus]]`, `[[device]]` and `[[device.point]]`, and what of them contradicts itself."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.driver import ConnectedDevice, ConnectedPoint, Connection

#: Time-outs where the site file has none: protocols of serial slaves turn round in 5-60 ms, a TCP gateway may queue.
SERIAL_TIMEOUT_S = 0.25
TCP_TIMEOUT_S = 1.0

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Function(StrEnum):
    """Which of a device's four tables is read (application protocol V1.1b3, 6.1 to 6.4)."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def code(self) -> int:
        """The function code on the wire."""
        return {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[self.value]

    @property
    def is_bit(self) -> bool:
        """Whether its cells are bits; else they are registers of 16 bits."""
        return self in {Function.COIL, Function.DISCRETE}


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def _refuse(self, names: tuple[str, ...], why: str) -> None:
        given = [name for name in names if name in self.model_fields_set]
        if given:
            raise ValueError(f"{', '.join(given)}: {why}")


class BusKeys(_Keys):
    """How the devices are reached: a serial line, or an address in the network.

    Times: `timeout_s` in seconds for one request, `gap_ms` in milliseconds of silence between frames.
    """

    host: Annotated[str, Field(min_length=1)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    framer: Literal["socket", "rtu"] = "socket"
    serial: Annotated[str, Field(min_length=1)] | None = None
    baudrate: Annotated[int, Field(ge=300, le=1_000_000)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    timeout_s: Annotated[float, Field(ge=0.02, le=30)] | None = None
    gap_ms: Annotated[float, Field(ge=0, le=1000)] = 0.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.host is None) == (self.serial is None):
            raise ValueError("needs either `host` (Modbus TCP) or `serial` (a line's path), not both")
        if self.serial is None:
            self._refuse(
                ("baudrate", "parity", "stopbits"), "belongs to `serial`; a `host` has no line: remove it"
            )
        else:
            self._refuse(("port", "framer"), "belongs to `host`; a `serial` line has none: remove it")
        return self

    @property
    def request_timeout_s(self) -> float:
        """How long an answer may take, in seconds."""
        if self.timeout_s is not None:
            return self.timeout_s
        return TCP_TIMEOUT_S if self.serial is None else SERIAL_TIMEOUT_S

    @property
    def silence_s(self) -> float:
        """The silence that ends an RTU frame on a serial line, in seconds; none in the network.

        3.5 characters of 11 bits, fixed above 19200 baud (Modbus over serial line V1.02, 2.5.1.1).
        """
        if self.serial is None:
            return 0.0
        return 0.00175 if self.baudrate > 19200 else 3.5 * 11 / self.baudrate

    @property
    def has_transaction_ids(self) -> bool:
        """Whether an answer says which request it belongs to; RTU frames don't."""
        return self.serial is None and self.framer == "socket"


class DeviceKeys(_Keys):
    """Where the device is on its bus, how often it is asked, and after how many failures in a row it is lost."""

    slave: Annotated[int, Field(ge=1, le=255)]
    poll_ms: Annotated[int, Field(ge=10, le=3_600_000)] = 100
    lost_after: Annotated[int, Field(ge=1, le=100)] = 3


class PointKeys(_Keys):
    """How one input is read, and what of it counts as active.

    A bit (coil, discrete) is active when its contact is operated. A register is active when a bit of `mask` is set,
    or beyond `high` or `low`, which compare with (register & mask) * scale, in `unit`.
    """

    function: Function
    address: Annotated[int, Field(ge=0, le=65535)]
    contact: Literal["no", "nc"] = "no"
    latched: bool = False
    mask: Annotated[int, Field(ge=1, le=65535)] | None = None
    scale: Finite = 1.0
    signed: bool = False
    high: Finite | None = None
    low: Finite | None = None
    hysteresis: Annotated[Finite, Field(ge=0)] = 0.0
    unit: Annotated[str, Field(max_length=16)] = ""
    return_debounce: Annotated[int, Field(ge=1, le=100)] = 2

    @property
    def has_threshold(self) -> bool:
        """Whether a value is compared."""
        return self.high is not None or self.low is not None

    @property
    def is_value(self) -> bool:
        """Whether it is measured: a register whose bits are not taken one by one."""
        return not self.function.is_bit and (self.mask is None or self.has_threshold)

    @property
    def says_level(self) -> bool:
        """Whether it can be active at all; else it is only measured."""
        return self.function.is_bit or self.mask is not None or self.has_threshold

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.function.is_bit:
            self._refuse(
                ("mask", "scale", "signed", "high", "low", "hysteresis", "unit"),
                f"a {self.function.value} is one bit and has no value; remove it, or read a register "
                '(function = "holding" or "input")',
            )
            return self
        if self.scale == 0:
            raise ValueError("scale: 0 makes every value 0; give what one step of the register is worth")
        if self.has_threshold:
            self._refuse(("contact",), "thresholds say what is active; remove it, or the thresholds")
        elif self.mask is None:
            self._refuse(("contact",), "needs a `mask` that says which bit of the register is the contact")
        else:
            self._refuse(
                ("scale", "signed", "unit"), "a mask without high or low tests bits, not a value; remove it"
            )
        self._check_thresholds()
        return self

    def _check_thresholds(self) -> None:
        if self.signed and self.mask is not None:
            raise ValueError("signed: a masked register has no sign; remove `signed` or `mask`")
        if self.hysteresis and not self.has_threshold:
            raise ValueError(
                "hysteresis: there is no high or low to which it could belong; add one or remove it"
            )
        if (
            self.high is not None
            and self.low is not None
            and not self.low + self.hysteresis < self.high - self.hysteresis
        ):
            raise ValueError(
                f"low {self.low} and high {self.high} with hysteresis {self.hysteresis} leave no value that is normal; "
                "move them apart"
            )


ModbusConnection = Connection[BusKeys, DeviceKeys, PointKeys]
ModbusDevice = ConnectedDevice[DeviceKeys, PointKeys]
ModbusPoint = ConnectedPoint[PointKeys]
