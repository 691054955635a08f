"""The driver's own keys in `[[device.output]]`: how a sounder, strobe or relay is switched."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drivers.modbus.settings.base import Keys
from drivers.modbus.settings.inputs import Address, Function, Word


class OutputBase(Keys):
    """How an output is switched: all but where it is.

    A coil (FC05) is on at 1, or at 0 if `inverted`; a holding register (FC06) at `on_value`. After a command the device is
    left alone for `gap_ms`.
    """

    inverted: bool = False
    on_value: Word = 1
    off_value: Word = 0
    gap_ms: Annotated[float, Field(ge=0, le=10_000)] = 0.0


class SwitchKeys(OutputBase):
    """An output with nothing left open."""

    function: Literal[Function.COIL, Function.HOLDING]
    address: Address

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self.check()
        return self

    def check(self) -> None:
        """Raises ValueError for keys that contradict each other."""
        if self.function is Function.COIL:
            self.refuse(("on_value", "off_value"), "a coil is on or off; remove it, or say `inverted`")
        else:
            self.refuse(("inverted",), "a register has `on_value` and `off_value`; exchange those")
            if self.on_value == self.off_value:
                raise ValueError("on_value: is the same as `off_value`")

    def value(self, *, on: bool) -> int:
        """What is written to have it so."""
        if self.function is Function.COIL:
            return int(on != self.inverted)
        return self.on_value if on else self.off_value


class OutputKeys(OutputBase):
    """An output as the site file has it: by `output` of the device's profile, or with `function` and `address`."""

    output: Annotated[str, Field(min_length=1)] | None = None
    function: Literal[Function.COIL, Function.HOLDING] | None = None
    address: Address | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.output is None:
            if self.function is None or self.address is None:
                raise ValueError(
                    "needs `function` and `address`, or `output`, a name from the device's profile"
                )
            SwitchKeys.model_construct(self.model_fields_set, **dict(self)).check()
        return self
