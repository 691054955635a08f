"""Pure: which requests read a device, the quick ones and the slow ones, and whose turn on the line it is."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from drivers.modbus.codec import Block, answer_cells, plan
from drivers.modbus.settings import Function, ModbusDevice, ModbusPoint, SwitchKeys

#: A request for quick bits takes slow ones along up to so many in all: 4 bytes are 3 ms at 9600 baud, a request 20.
MOST_BITS_ALONG = 32

#: How long a device is left alone, on lines without transaction numbers, before it is asked something whose answer would
#: look like its last one: a copy of that may be on its way, and adapters hand bytes on each 16 ms.
COPY_S = 0.030


@dataclass(frozen=True, slots=True)
class Request:
    """Cells that are read together, and the points that are served by it. `fast`: a quick point is among them.

    Without points it is made to see whether a device is there that has outputs alone.
    """

    block: Block
    points: tuple[ModbusPoint, ...]
    fast: bool


def is_fast(point: ModbusPoint) -> bool:
    """Whether it is read each `poll_ms`, not each `slow_poll_ms`."""
    return point.settings.speed == "fast"


def requests_of(device: ModbusDevice, *, bridge: bool = True) -> tuple[Request, ...]:
    """The requests that read this device: each point is in one, slow registers are in none that is made quickly.

    A slow point whose cell a quick request reads anyway is served by it. `bridge` as in `plan`.
    """
    if not device.points:
        return _watching(device)
    fast = list(plan((_cell(point) for point in device.points if is_fast(point)), bridge=bridge))
    if bridge:
        slow_bits = [_cell(point) for point in device.points if not is_fast(point)]
        fast = [_widened(block, slow_bits) for block in fast]
    rest = [point for point in device.points if not any(_cell(point) in block for block in fast)]
    slow = plan((_cell(point) for point in rest), bridge=bridge)
    return (
        *(Request(block, _within(block, device.points), fast=True) for block in fast),
        *(Request(block, _within(block, rest), fast=False) for block in slow),
    )


def confusable(requests: Collection[Request]) -> frozenset[Block]:
    """Blocks of one device whose answers look like those of another of its blocks: same function, same length."""
    shapes = Counter((request.block.function, answer_cells(request.block)) for request in requests)
    return frozenset(
        request.block
        for request in requests
        if shapes[request.block.function, answer_cells(request.block)] > 1
    )


def _watching(device: ModbusDevice) -> tuple[Request, ...]:
    cells = [
        (keys.function, keys.address) for keys in (cast("SwitchKeys", one.settings) for one in device.outputs)
    ]
    return tuple(Request(block, (), fast=False) for block in plan(cells[:1]))


def _cell(point: ModbusPoint) -> tuple[Function, int]:
    return point.settings.function, point.settings.address


def _within(block: Block, points: Iterable[ModbusPoint]) -> tuple[ModbusPoint, ...]:
    return tuple(point for point in points if _cell(point) in block)


def _widened(block: Block, cells: Iterable[tuple[Function, int]]) -> Block:
    """The block with the slow bits around it that cost next to nothing."""
    if not block.function.is_bit:
        return block
    first, last = block.address, block.address + block.count - 1
    for _, address in sorted(cell for cell in cells if cell[0] is block.function):
        low, high = min(first, address), max(last, address)
        if high - low < MOST_BITS_ALONG:
            first, last = low, high
    return Block(function=block.function, address=first, count=last - first + 1)


class Waiting(Protocol):
    """Something that wants the line at a monotonic second; `fast` goes before the rest."""

    @property
    def fast(self) -> bool:
        """Whether a life may hang on it."""
        ...

    @property
    def due(self) -> float:
        """Its deadline, which decides between those that can be made at the same time."""
        ...


W = TypeVar("W", bound=Waiting)


class Turns:
    """Whose turn it is. Quick requests go first, in the order of their deadlines.

    After anything else a quick one that is due goes before all, so that it waits for one other request at most, and for the
    other quick ones. A slow one that is due gets its turn after each round of the quick ones (as many requests as there
    are): it waits for one round for each slow one that is due before it, and never for ever. Writes go before slow
    ones, and every other request at most is a write.
    """

    def __init__(self) -> None:
        self._fast_in_a_row = 1

    def choose(
        self, due: Sequence[tuple[float, W]], writes: Sequence[tuple[float, W]], now: float, round_size: int
    ) -> tuple[float, W]:
        """The next with its time, which may be ahead: tell `took` what was really made.

        `due` are all reads, `round_size` is how many quick ones there are that answer. Raises ValueError without any.
        """
        fast = min((item for item in due if item[1].fast), key=_time, default=None)
        slow = min((item for item in due if not item[1].fast), key=_time, default=None)
        write = min(writes, key=_time, default=None)
        if self._fast_in_a_row == 0 and fast is not None and fast[0] <= now:
            return fast
        if write is not None and write[0] <= now:
            return write
        slow_is_due = slow is not None and slow[0] <= now
        if fast is not None and fast[0] <= now and not (slow_is_due and self._fast_in_a_row >= round_size):
            return fast
        if slow is not None and slow_is_due:
            return slow
        return min((item for item in (fast, write, slow) if item is not None), key=_time)

    def took(self, *, fast: bool) -> None:
        """That was made."""
        self._fast_in_a_row = self._fast_in_a_row + 1 if fast else 0


def _time(item: tuple[float, Waiting]) -> tuple[float, float]:
    return item[0], item[1].due
