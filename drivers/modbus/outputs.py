"""Writes that wait for their turn on the line: outputs that are switched, latches that are reset."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import cast

from drivers.modbus.codec import Write
from drivers.modbus.settings import ModbusDevice, SwitchKeys
from gateway.errors import DeviceRefused, DeviceUnavailable

#: Writes that may wait; whoever comes on top is told that the line is busy.
MOST_ORDERS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """One write to one device, after which that is left alone for `gap_s`; `done` tells what became of it."""

    device: ModbusDevice
    write: Write
    gap_s: float
    done: asyncio.Future[None]
    fast: bool = False
    due: float = 0.0


class Orders:
    """What waits, in order. Those whose caller has given up are left out."""

    def __init__(self) -> None:
        self._waiting: deque[Order] = deque()

    def add(self, device: ModbusDevice, write: Write, gap_s: float = 0.0) -> asyncio.Future[None]:
        """Queue a write. Raises DeviceUnavailable if too many wait."""
        self._waiting = deque(order for order in self._waiting if not order.done.done())
        if len(self._waiting) >= MOST_ORDERS:
            raise DeviceUnavailable(f"{MOST_ORDERS} commands wait for this line already; try again")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(Order(device, write, gap_s, done))
        return done

    def waiting(self) -> list[Order]:
        """All that are still wanted, the first of each device: a device's writes stay in order."""
        first: dict[str, Order] = {}
        for order in self._waiting:
            if not order.done.done():
                first.setdefault(order.device.id, order)
        return list(first.values())

    def remove(self, order: Order) -> None:
        """It is being made."""
        self._waiting.remove(order)

    def fail(self, why: str) -> None:
        """The line is gone, and all that wait for it are told so."""
        while self._waiting:
            settle(self._waiting.popleft(), DeviceUnavailable(why))


def settle(order: Order, failure: DeviceUnavailable | DeviceRefused | None = None) -> None:
    """Tell who waits for it, if anybody still does."""
    if order.done.done():
        return
    if failure is None:
        order.done.set_result(None)
    else:
        order.done.set_exception(failure)


def write_for(keys: SwitchKeys, *, on: bool) -> Write:
    """What switches an output."""
    return Write(function=keys.function, address=keys.address, value=keys.value(on=on))


def switch_keys(devices: tuple[ModbusDevice, ...], output: str) -> tuple[ModbusDevice, SwitchKeys]:
    """An output's device and keys. Raises DeviceRefused if there is none of that id."""
    for device in devices:
        for one in device.outputs:
            if one.id == output:
                return device, cast("SwitchKeys", one.settings)
    raise DeviceRefused(f"there is no output {output!r} on this connection")


def resets_of(device: ModbusDevice) -> list[Write]:
    """The writes that let go of all that the device has latched, each once."""
    resets = (point.settings.reset for point in device.points)
    writes = (
        Write(function=reset.function, address=reset.address, value=reset.value)
        for reset in resets
        if reset is not None
    )
    return list(dict.fromkeys(writes))
