"""Device profiles: what is known of a make of module, as data (TOML), shipped or a technician's own."""

import tomllib
from functools import cache, lru_cache
from importlib import resources
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from drivers.modbus.settings.base import Keys
from drivers.modbus.settings.inputs import Address, Function, InputBase, InputKeys
from drivers.modbus.settings.keys import Baudrate, Parity
from drivers.modbus.settings.outputs import OutputBase, SwitchKeys

T = TypeVar("T")

_FOLDER = resources.files("drivers.modbus") / "profiles"

#: A profile is short; whatever is longer is some other file (and was not read to its end).
MOST_CHARACTERS = 60_000

#: A module has no more inputs and outputs than this; each is checked one by one.
MOST_CELLS = 4000

_Count = Annotated[int, Field(ge=1, le=2000)]


class Serial(Keys):
    """The line's settings as the device is delivered."""

    baudrate: Baudrate = 9600
    parity: Parity = "N"
    stopbits: Literal[1, 2] = 1


class DeviceDefaults(Keys):
    """What the device's keys are unless `[[device]]` gives them."""

    poll_ms: Annotated[int, Field(ge=10, le=3_600_000)] = 100
    slow_poll_ms: Annotated[int, Field(ge=10, le=3_600_000)] = 1000
    gap_ms: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    lost_after: Annotated[int, Field(ge=1, le=100)] = 3


class _Row(Keys):
    """One cell with a name, or `count` of them in a row: `{n}` in the name counts from `first`."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    count: _Count = 1
    first: Annotated[int, Field(ge=0, le=10_000)] = 1
    step: Annotated[int, Field(ge=1, le=1000)] = 1
    function: Function
    address: Address

    @model_validator(mode="after")
    def _named_apart(self) -> Self:
        if self.count > 1 and "{n}" not in self.name:
            raise ValueError(f"name: {self.count} of them need different names; put {{n}} into it")
        return self

    def each(self, address_base: int) -> dict[str, dict[str, object]]:
        """The keys of each cell by its name."""
        own = {key: value for key, value in self.given().items() if key not in _OF_THE_ROW}
        return {
            self.name.replace("{n}", str(self.first + n)): own
            | {"address": self.address - address_base + n * self.step}
            for n in range(self.count)
        }


_OF_THE_ROW = frozenset({"name", "count", "first", "step"})


class InputRow(InputBase, _Row):
    """Inputs of a profile."""


class OutputRow(OutputBase, _Row):
    """Outputs of a profile."""


class Profile(Keys):
    """A make of module.

    `source` says where its facts are from, `verified` whether they are the standard's, or were tried on the device.
    `address_base` is what its manual calls the first cell: 0 as on the wire, or 1. `slave` is its number as delivered.
    """

    name: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    verified: bool
    notes: str = ""
    slave: Annotated[int, Field(ge=1, le=255)] | None = None
    address_base: Literal[0, 1] = 0
    serial: Serial | None = None
    device: DeviceDefaults = DeviceDefaults()
    input: tuple[InputRow, ...] = ()
    output: tuple[OutputRow, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if sum(row.count for row in (*self.input, *self.output)) > MOST_CELLS:
            raise ValueError(f"has more than {MOST_CELLS} inputs and outputs; that is no module")
        for row in (*self.input, *self.output):
            if row.address < self.address_base:
                raise ValueError(
                    f"{row.name}: has address 0, but `address_base` says that its manual counts from 1"
                )
        self.inputs()
        self.outputs()
        if not self.input and not self.output:
            raise ValueError("has no [[input]] and no [[output]]")
        return self

    def inputs(self) -> dict[str, InputKeys]:
        """Its inputs by name. A reset's address counts as those of the inputs do."""
        found: dict[str, InputKeys] = {}
        for row in self.input:
            for name, keys in row.each(self.address_base).items():
                if row.reset is not None:
                    moved = {**row.reset.given(), "address": row.reset.address - self.address_base}
                    keys["reset"] = moved
                _put(found, name, InputKeys.model_validate(keys))
        return found

    def outputs(self) -> dict[str, SwitchKeys]:
        """Its outputs by name."""
        found: dict[str, SwitchKeys] = {}
        for row in self.output:
            for name, keys in row.each(self.address_base).items():
                _put(found, name, SwitchKeys.model_validate(keys))
        return found


def _put(found: dict[str, T], name: str, keys: T) -> None:
    if name in found:
        raise ValueError(f"{name!r} is there twice")
    found[name] = keys


def parse_profile(text: str) -> Profile:
    """A profile from its TOML. Raises ValueError with what is wrong, in words."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"is no profile: it has at most {MOST_CHARACTERS} characters")
    try:
        return Profile.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise ValueError("; ".join(words_of(error))) from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not valid TOML: {error}") from error
    except RecursionError as error:
        raise ValueError("is nested too deep; that is no profile") from error


def words_of(error: ValidationError) -> list[str]:
    """What pydantic found, a line each."""
    return [
        ": ".join(filter(None, [".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")]))
        for one in error.errors()
    ]


@lru_cache(maxsize=1)
def profile_names() -> tuple[str, ...]:
    """The shipped profiles."""
    return tuple(
        sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml"))
    )


@cache
def shipped_profile(name: str) -> Profile:
    """A profile of the package, read once. Raises ValueError that names those that there are."""
    if name not in profile_names():
        raise ValueError(f"there is no profile {name!r}; there are: {', '.join(profile_names())}")
    return parse_profile((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
