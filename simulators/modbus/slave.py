"""One simulated Modbus device: its four tables, the wiring of its inputs, and what a person does to it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

#: Writes of masters that are remembered; the oldest are forgotten.
MOST_WRITES = 1000


class Table(StrEnum):
    """The four address spaces of a Modbus device."""

    DISCRETE_INPUTS = "discrete-inputs"  # read by function 2
    COILS = "coils"  # functions 1, 5, 15
    INPUT_REGISTERS = "input-registers"  # function 4
    HOLDING_REGISTERS = "holding-registers"  # functions 3, 6, 16


@dataclass(frozen=True, slots=True)
class Press:
    """When something was done to the device.

    `at_monotonic_ns` is Linux's CLOCK_MONOTONIC, so it can be compared with that of another process on this machine.
    """

    at_utc: datetime
    at_monotonic_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One cell of one table has a new value, by a person's hand or by a master's write."""

    slave_id: int
    table: Table
    address: int
    value: int
    at: Press


@dataclass(frozen=True, slots=True)
class Reset:
    """The write that clears a latched input: `value` into `address` of the coils or the holding registers."""

    table: Table
    address: int
    value: int = 1


class IllegalAddress(LookupError):  # noqa: N818 - the specification's name
    """A master asked for an address that this device does not have: exception 2."""


@dataclass(slots=True)
class _Contact:
    """What hangs on one discrete input."""

    actuated: bool = False
    latched: bool = False
    inverted: bool = False
    reset: Reset | None = None

    @property
    def level(self) -> bool:
        return (self.actuated or self.latched) != self.inverted


class ModbusSlave:
    """A device with the given addresses, all zero at first; every other address is illegal.

    `slave_id` is 0-255: standard devices have 1-247, but modules that answer at 0 or 255 are on the market.
    `turnaround` is how long it thinks before each answer, in seconds. `on_change` is called for each change of a cell.
    `writes` are the cells that masters have written, the same value again too, with their times; the last 1000.
    Like everything here it belongs to the thread of the event loop. Raises ValueError for an id that does not exist.
    """

    def __init__(
        self,
        slave_id: int,
        *,
        discrete_inputs: Iterable[int] = range(16),
        coils: Iterable[int] = range(16),
        input_registers: Iterable[int] = range(64),
        holding_registers: Iterable[int] = range(64),
        turnaround: float = 0.0,
    ) -> None:
        if not 0 <= slave_id <= 255:
            raise ValueError(f"slave id {slave_id}: give one from 0 to 255")
        self.slave_id = slave_id
        self.turnaround = turnaround
        self.on_change: Callable[[Change], None] | None = None
        self.writes: deque[Change] = deque(maxlen=MOST_WRITES)
        self._contacts = {address: _Contact() for address in discrete_inputs}
        self._words: dict[Table, dict[int, int]] = {
            Table.COILS: dict.fromkeys(coils, 0),
            Table.INPUT_REGISTERS: dict.fromkeys(input_registers, 0),
            Table.HOLDING_REGISTERS: dict.fromkeys(holding_registers, 0),
        }

    # What a person does. Each raises ValueError for an address that the device does not have.

    def wire(self, address: int, *, inverted: bool = False, reset: Reset | None = None) -> None:
        """Say how the contact at a discrete input is wired, before anyone reads it.

        `inverted`: normally closed, the input reads 1 at rest. With a `reset` the device latches: once pressed the
        input stays active until a master makes that write while the contact is at rest.
        """
        contact = self._contact(address)
        contact.inverted = inverted
        contact.reset = reset

    def press(self, address: int, *, inverted: bool | None = None) -> Press:
        """Press the button; it stays pressed until `release`. `inverted` wires it first, as `wire` does."""
        if inverted is not None:
            self._contact(address).inverted = inverted
        return self._actuate(address, actuated=True)

    def release(self, address: int) -> Press:
        """Let the button go."""
        return self._actuate(address, actuated=False)

    async def pulse(self, address: int, seconds: float) -> Press:
        """Press for so many seconds, also if cancelled on the way; returns the moment of the press."""
        press = self.press(address)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.release(address)
        return press

    async def chatter(self, address: int, hertz: float, seconds: float) -> Press:
        """A bad contact: pressed and let go so often a second, for so long; at rest in the end. Returns the first press."""
        first = self.press(address)
        half, over_at = 0.5 / hertz, time.monotonic() + seconds
        try:
            while time.monotonic() < over_at:
                await asyncio.sleep(half)
                self.release(address)
                await asyncio.sleep(half)
                self.press(address)
        finally:
            self.release(address)
        return first

    def coil(self, address: int) -> bool:
        """Whether an output is on."""
        return bool(self.value(Table.COILS, address))

    def set_input(self, address: int, *, level: bool) -> Press:
        """Put a level on the terminal of a discrete input, whatever is wired there."""
        return self._actuate(address, actuated=level != self._contact(address).inverted)

    def set_coil(self, address: int, *, on: bool) -> Press:
        """Switch an output by hand."""
        return self._set(Table.COILS, address, int(on))

    def set_register(self, address: int, value: int) -> Press:
        """Give a holding register a value, -32768 to 65535 (negative ones in two's complement)."""
        return self._set(Table.HOLDING_REGISTERS, address, _word(value))

    def set_input_register(self, address: int, value: int) -> Press:
        """Give an input register a value, -32768 to 65535 (negative ones in two's complement)."""
        return self._set(Table.INPUT_REGISTERS, address, _word(value))

    def value(self, table: Table, address: int) -> int:
        """What a master would read."""
        self._require(table, address)
        return self._read(table, address)

    def restart(self) -> None:
        """Power was away: outputs fall off, latches are forgotten; contacts and registers are as they are."""
        at = _now()
        for address in self._words[Table.COILS]:
            self._store(Table.COILS, address, 0, at)
        for address, contact in self._contacts.items():
            self._unlatch(address, contact, at)

    # What a master does.

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """The values of `count` cells in a row. Raises IllegalAddress if one of them does not exist."""
        cells = self._cells(table, address, count)
        return [self._read(table, cell) for cell in cells]

    def write(self, table: Table, address: int, values: Sequence[int]) -> None:
        """Write coils or holding registers in a row, all or none. Raises IllegalAddress if one does not exist."""
        at = _now()
        for cell, value in zip(self._cells(table, address, len(values)), values, strict=True):
            self.writes.append(Change(slave_id=self.slave_id, table=table, address=cell, value=value, at=at))
            self._store(table, cell, value, at)
            self._reset_by(Reset(table, cell, value), at)

    def _cells(self, table: Table, address: int, count: int) -> range:
        cells = range(address, address + count)
        if not all(self._has(table, cell) for cell in cells):
            raise IllegalAddress(f"slave {self.slave_id}: {table} {address}+{count}")
        return cells

    def _reset_by(self, written: Reset, at: Press) -> None:
        for address, contact in self._contacts.items():
            if contact.reset == written:
                self._unlatch(address, contact, at)

    def _unlatch(self, address: int, contact: _Contact, at: Press) -> None:
        before = contact.level
        contact.latched = contact.actuated and contact.reset is not None
        self._note(Table.DISCRETE_INPUTS, address, before, contact.level, at)

    def _actuate(self, address: int, *, actuated: bool) -> Press:
        contact = self._contact(address)
        before = contact.level
        contact.actuated = actuated
        contact.latched = contact.latched or (actuated and contact.reset is not None)
        at = _now()
        self._note(Table.DISCRETE_INPUTS, address, before, contact.level, at)
        return at

    def _set(self, table: Table, address: int, value: int) -> Press:
        self._require(table, address)
        at = _now()
        self._store(table, address, value, at)
        return at

    def _store(self, table: Table, address: int, value: int, at: Press) -> None:
        before = self._words[table][address]
        self._words[table][address] = value
        self._note(table, address, before, value, at)

    def _note(self, table: Table, address: int, before: int, value: int, at: Press) -> None:
        if value != before and self.on_change is not None:
            self.on_change(
                Change(slave_id=self.slave_id, table=table, address=address, value=int(value), at=at)
            )

    def _read(self, table: Table, address: int) -> int:
        if table is Table.DISCRETE_INPUTS:
            return int(self._contacts[address].level)
        return self._words[table][address]

    def _has(self, table: Table, address: int) -> bool:
        return address in (self._contacts if table is Table.DISCRETE_INPUTS else self._words[table])

    def _contact(self, address: int) -> _Contact:
        self._require(Table.DISCRETE_INPUTS, address)
        return self._contacts[address]

    def _require(self, table: Table, address: int) -> None:
        if not self._has(table, address):
            raise ValueError(
                f"slave {self.slave_id} has no {address} in its {table}: make it with that address"
            )


def _word(value: int) -> int:
    if not -0x8000 <= value <= 0xFFFF:
        raise ValueError(f"{value} does not fit a register: give -32768 to 65535")
    return value & 0xFFFF


def _now() -> Press:
    return Press(datetime.now(UTC), time.monotonic_ns())
