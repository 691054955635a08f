"""Pure: which cells to ask for in which requests, and what the answers mean. No I/O, no time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drivers.modbus.settings import Function, InputKeys
from gateway.model import Level

#: The most one request may ask for (application protocol V1.1b3, 6.1 and 6.3).
MOST_BITS = 2000
MOST_REGISTERS = 125

#: Unused cells that are read along rather than making another request: a request costs about 13 characters and two
#: silences, which is as long as so many cells on the wire.
BRIDGED_BITS = 64
BRIDGED_REGISTERS = 8

_MEANING = {
    1: "the device does not know this function; check `function`",
    2: "the device has no such address; check `function` and `address`",
    3: "the device does not allow this number of cells; check `address`",
    4: "the device failed inside; look at the device",
    5: "the device is still busy with the request",
    6: "the device is busy",
    8: "the device has a memory fault; look at the device",
    10: "the gateway on the way has no path to it; check the gateway's port and `slave`",
    11: "the gateway on the way got no answer from it; check its power, its wires and `slave`",
}

#: Exceptions that tell of silence or haste, not of a wrong request: ask again.
PASSING = frozenset({5, 6, 10, 11})

#: Exceptions that a request over cells which the device does not have may get.
OUT_OF_RANGE = frozenset({2, 3})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Block:
    """Cells in a row that one request reads."""

    function: Function
    address: int
    count: int

    def __contains__(self, cell: tuple[Function, int]) -> bool:
        function, address = cell
        return function is self.function and self.address <= address < self.address + self.count

    def __str__(self) -> str:
        return f"{self.function.value} {self.address}" + (
            f"-{self.address + self.count - 1}" if self.count > 1 else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One coil (FC05: 0 or 1) or holding register (FC06) that is set."""

    function: Function
    address: int
    value: int

    @property
    def code(self) -> int:
        """The function code on the wire."""
        return 5 if self.function is Function.COIL else 6

    def __str__(self) -> str:
        return f"{self.function.value} {self.address} = {self.value}"


def plan(cells: Iterable[tuple[Function, int]], *, bridge: bool = True) -> tuple[Block, ...]:
    """The fewest requests that read these cells, in order of table and address.

    With `bridge`, small gaps are read along; without, no cell is read that nobody named (for devices that answer
    a gap with exception 2).
    """
    blocks: list[Block] = []
    for function, address in sorted(set(cells)):
        last = blocks[-1] if blocks and blocks[-1].function is function else None
        if last is not None and _joins(last, address, bridge=bridge):
            blocks[-1] = Block(function=function, address=last.address, count=address - last.address + 1)
        else:
            blocks.append(Block(function=function, address=address, count=1))
    return tuple(blocks)


def _joins(block: Block, address: int, *, bridge: bool) -> bool:
    most, bridged = (
        (MOST_BITS, BRIDGED_BITS) if block.function.is_bit else (MOST_REGISTERS, BRIDGED_REGISTERS)
    )
    gap = address - (block.address + block.count)
    return gap <= (bridged if bridge else 0) and address - block.address < most


def value_of(point: InputKeys, register: int) -> float:
    """The measured value in the point's unit."""
    raw = register if point.mask is None else register & point.mask
    if point.signed and raw >= 0x8000:
        raw -= 0x10000
    return round(raw * point.scale, 9)  # 0.1 * 3 is 0.3 for everyone but a binary machine


def sensor_fault_of(point: InputKeys, register: int) -> str:
    """Why a register tells of a broken sensor rather than of what it measures, in words; empty if it does not."""
    if not point.has_validity:
        return ""
    if register in point.fault_values:
        return f"sensor fault: register {register:#06x}"
    value = value_of(point, register)
    if point.valid_low is not None and value < point.valid_low:
        return f"sensor out of range: {value:g} {point.unit}".rstrip() + f", below {point.valid_low:g}"
    if point.valid_high is not None and value > point.valid_high:
        return f"sensor out of range: {value:g} {point.unit}".rstrip() + f", above {point.valid_high:g}"
    return ""


def level_of(point: InputKeys, cell: int, before: Level | None) -> Level:
    """What a bit or register says of its point, which said `before`; only for points that say a level.

    A threshold is reached at `high` (`low`) and left more than `hysteresis` below (above) it.
    """
    if point.has_threshold:  # its rise is the matter of who knows the past (`tracking`)
        return _level_of_value(point, value_of(point, cell), before)
    is_set = bool(cell) if point.mask is None else bool(cell & point.mask)
    return Level.ACTIVE if is_set == (point.contact == "no") else Level.NORMAL


def _level_of_value(point: InputKeys, value: float, before: Level | None) -> Level:
    if before is Level.ACTIVE and point.hysteresis:
        above = point.high is not None and value >= point.high - point.hysteresis
        below = point.low is not None and value <= point.low + point.hysteresis
    else:
        above = point.high is not None and value >= point.high
        below = point.low is not None and value <= point.low
    return Level.ACTIVE if above or below else Level.NORMAL


def fault_of(block: Block, function_code: int, cells: Sequence[int]) -> str | None:
    """What is wrong with an answer that should hold this block; None if nothing is."""
    if function_code != block.function.code:
        return f"answers function {function_code} where {block.function.code} was asked"
    wanted = answer_cells(block)
    if len(cells) != wanted:
        return f"answers {len(cells)} cells where {wanted} are right"
    return None


def answer_cells(block: Block) -> int:
    """How many cells its answer holds: bits come by the eight."""
    return (block.count + 7) // 8 * 8 if block.function.is_bit else block.count


def fault_of_echo(write: Write, function_code: int, address: int, value: int) -> str | None:
    """What is wrong with the echo of a write, which repeats it; None if nothing is (clauses 6.5 and 6.6)."""
    if (function_code, address, value) != (write.code, write.address, write.value):
        return f"echoes function {function_code}, {address} = {value} where {write} was written"
    return None


def meaning_of(exception_code: int) -> str:
    """An exception code in words that a technician can act on (application protocol V1.1b3, 7)."""
    return _MEANING.get(exception_code, "not in the specification; see the device's manual")
