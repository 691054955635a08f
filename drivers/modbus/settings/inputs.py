"""The driver's own keys in `[[device.point]]`: how an input is read, and what of them contradicts itself."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drivers.modbus.settings.base import Keys

Finite = Annotated[float, Field(allow_inf_nan=False)]
Address = Annotated[int, Field(ge=0, le=65535)]
Word = Annotated[int, Field(ge=0, le=65535)]


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


class ResetKeys(Keys):
    """The write that lets go of what the device has latched: FC05 (a coil, 0 or 1) or FC06 (a holding register)."""

    function: Literal[Function.COIL, Function.HOLDING]
    address: Address
    value: Word = 1


class InputBase(Keys):
    """How one input is read, and what of it counts as active: all but where it is.

    A bit (coil, discrete) is active when its contact is operated. A register is active when a bit of `mask` is set,
    or beyond `high` or `low`, which compare with (register & mask) * scale, in `unit`, or when it rises by
    `rise_per_min` a minute over `rise_over_s` seconds. Outside `valid_low` to `valid_high`, and at the registers'
    `fault_values`, the sensor is broken and says nothing else. `return_after_s` is how long an input must be at rest
    before its return is believed: 1 s for panic, duress and fire, 0 for others.
    """

    contact: Literal["no", "nc"] = "no"
    latched: bool | Literal["device"] = False
    reset: ResetKeys | None = None
    speed: Literal["fast", "slow"] | None = None
    mask: Annotated[int, Field(ge=1, le=65535)] | None = None
    scale: Finite = 1.0
    signed: bool = False
    high: Finite | None = None
    low: Finite | None = None
    hysteresis: Annotated[Finite, Field(ge=0)] = 0.0
    rise_per_min: Annotated[Finite, Field(gt=0)] | None = None
    rise_over_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    valid_low: Finite | None = None
    valid_high: Finite | None = None
    fault_values: Annotated[tuple[Word, ...], Field(max_length=64)] = ()
    unit: Annotated[str, Field(max_length=16)] = ""
    return_debounce: Annotated[int, Field(ge=1, le=100)] = 2
    return_after_s: Annotated[float, Field(ge=0, le=3600)] | None = None


class InputKeys(InputBase):
    """An input with nothing left open."""

    function: Function
    address: Address

    @property
    def has_limit(self) -> bool:
        """Whether a value is compared with `high` or `low`."""
        return self.high is not None or self.low is not None

    @property
    def has_threshold(self) -> bool:
        """Whether a value can be an alarm, by its height or by its rise."""
        return self.has_limit or self.rise_per_min is not None

    @property
    def has_validity(self) -> bool:
        """Whether the sensor can be found broken."""
        return self.valid_low is not None or self.valid_high is not None or bool(self.fault_values)

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
        self.check()
        return self

    def check(self) -> None:
        """Raises ValueError for keys that contradict each other."""
        if self.reset is not None and self.latched != "device":
            raise ValueError('reset: lets go of what the device latches; add `latched = "device"`')
        if self.function.is_bit:
            self.refuse(
                ("mask", "scale", "signed", "high", "low", "hysteresis", "unit", "rise_per_min", "rise_over_s",
                 "valid_low", "valid_high", "fault_values"),
                f"a {self.function.value} is one bit and has no value; remove it, or read a register "
                '(function = "holding" or "input")',
            )  # fmt: skip
            return
        if self.scale == 0:
            raise ValueError("scale: 0 makes every value 0; give what one step of the register is worth")
        if self.has_threshold:
            self.refuse(("contact",), "thresholds say what is active; remove it, or the thresholds")
        elif self.mask is None:
            self.refuse(("contact",), "needs a `mask` that says which bit of the register is the contact")
        else:
            self.refuse(
                ("scale", "signed", "unit", "valid_low", "valid_high"),
                "a mask without high or low tests bits, not a value; remove it",
            )
        self._check_thresholds()

    def _check_thresholds(self) -> None:
        if self.signed and self.mask is not None:
            raise ValueError("signed: a masked register has no sign; remove `signed` or `mask`")
        if self.hysteresis and not self.has_limit:
            raise ValueError(
                "hysteresis: there is no high or low to which it could belong; add one or remove it"
            )
        if self.rise_per_min is None:
            self.refuse(("rise_over_s",), "belongs to `rise_per_min`; add that or remove it")
        if (
            self.high is not None
            and self.low is not None
            and not self.low + self.hysteresis < self.high - self.hysteresis
        ):
            raise ValueError(
                f"low {self.low} and high {self.high} with hysteresis {self.hysteresis} leave no value that is normal; "
                "move them apart"
            )
        self._check_validity()

    def _check_validity(self) -> None:
        lowest, highest = self.valid_low, self.valid_high
        if lowest is not None and highest is not None and not lowest < highest:
            raise ValueError(f"valid_low {lowest} and valid_high {highest} leave no valid value")
        for name, limit in (("high", self.high), ("low", self.low)):
            if limit is None:
                continue
            if (lowest is not None and limit < lowest) or (highest is not None and limit > highest):
                raise ValueError(
                    f"{name}: {limit} is outside valid_low to valid_high: it would never be an alarm"
                )


class PointKeys(InputBase):
    """An input as the site file has it: by `input` of the device's profile, or with `function` and `address`.

    What is given here beside `input` overrides the profile's.
    """

    input: Annotated[str, Field(min_length=1)] | None = None
    function: Function | None = None
    address: Address | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.input is None:
            if self.function is None or self.address is None:
                raise ValueError(
                    "needs `function` and `address`, or `input`, a name from the device's profile"
                )
            InputKeys.model_construct(self.model_fields_set, **dict(self)).check()
        return self
