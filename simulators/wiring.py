"""One input of the site file on its simulated Modbus slave: what "pressed", "at rest" and a value mean in its cells."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from drivers.modbus.settings import (
    DeviceKeys,
    Function,
    InputKeys,
    ModbusDevice,
    ModbusPoint,
    Profile,
    SwitchKeys,
)
from gateway.driver import ConnectedDevice, ConnectedOutput, ConnectedPoint
from gateway.model import Kind
from simulators.modbus import ModbusSlave, Press, Reset, Table

TABLES = {
    Function.COIL: Table.COILS,
    Function.DISCRETE: Table.DISCRETE_INPUTS,
    Function.HOLDING: Table.HOLDING_REGISTERS,
    Function.INPUT: Table.INPUT_REGISTERS,
}

#: What is measured while nothing is wrong, where the thresholds allow it; everything else rests at 0.
_USUAL = {Kind.HEAT: 21.0, Kind.TEMPERATURE: 21.0, Kind.HUMIDITY: 45.0}

#: What a profile's input measures.
_BY_UNIT = {"°C": Kind.TEMPERATURE, "%": Kind.HUMIDITY}

# A device has these cells whatever is wired, as modules on the market do; a gateway may read across gaps.
_BITS, _REGISTERS = 16, 64


def build_slave(device: ModbusDevice) -> ModbusSlave:
    """A slave with every cell that the device's points and outputs name, all inputs at rest, all outputs off."""
    slave = ModbusSlave(
        device.settings.slave,
        discrete_inputs=_cells(device, Function.DISCRETE, _BITS),
        coils=_cells(device, Function.COIL, _BITS),
        input_registers=_cells(device, Function.INPUT, _REGISTERS),
        holding_registers=_cells(device, Function.HOLDING, _REGISTERS),
    )
    inputs = [Input(slave, point) for point in device.points]
    for one in sorted(
        inputs, key=lambda one: one.keys.says_level
    ):  # of a shared register, the alarm's rest counts
        one.wire()
    return slave


def profile_slave(profile: Profile, number: int) -> ModbusSlave:
    """A module of that make with this number: every input at rest, every output off."""
    device = ConnectedDevice(
        id=profile.name,
        settings=DeviceKeys(slave=number),
        points=tuple(
            ConnectedPoint(id=name, kind=_BY_UNIT.get(keys.unit, Kind.FAULT), returns=True, settings=keys)
            for name, keys in profile.inputs().items()
        ),
        outputs=tuple(ConnectedOutput(id=name, settings=keys) for name, keys in profile.outputs().items()),
    )
    return build_slave(device)


def _cells(device: ModbusDevice, function: Function, usual: int) -> Iterable[int]:
    inputs = [point.settings for point in device.points]
    outputs = [cast("SwitchKeys", output.settings) for output in device.outputs]
    resets = [keys.reset for keys in inputs if keys.reset is not None]
    read = [keys.address for keys in inputs if keys.function is function]
    written = [keys.address for keys in outputs if keys.function is function]
    written += [keys.address for keys in resets if keys.function is function]
    return {*range(usual), *range(min(read, default=0), max(read, default=-1) + 1), *written}


@dataclass(frozen=True, slots=True)
class Input:
    """A point, and the slave on whose terminals it hangs. Its site file keys say which cell, and what counts as active."""

    slave: ModbusSlave
    point: ModbusPoint

    @property
    def keys(self) -> InputKeys:
        """The driver's keys in `[[device.point]]`."""
        return self.point.settings

    @property
    def kind(self) -> Kind:
        """What it watches for."""
        return self.point.kind

    @property
    def latched(self) -> bool:
        """A button that stays down. What the device latches by itself is let go by a hand, and stays active."""
        return self.keys.latched is True

    def wire(self) -> None:
        """Hang it up, at rest."""
        if self.keys.function is Function.DISCRETE:
            self.slave.wire(self.keys.address, inverted=self.keys.contact == "nc", reset=self._reset())
        else:
            self.release()

    def _reset(self) -> Reset | None:
        """The write that lets go of it, if the device latches."""
        reset = self.keys.reset
        return None if reset is None else Reset(TABLES[reset.function], reset.address, reset.value)

    def press(self) -> Press:
        """Bring it into alarm: a contact operated, a bit said, a value at its limit. It stays so until `release`.

        Raises ValueError for a point that is only measured.
        """
        return self._operate(pressed=True)

    def release(self) -> Press:
        """Bring it to rest again."""
        return self._operate(pressed=False)

    def set_value(self, value: float) -> Press:
        """Let it measure that, in the point's unit. Raises ValueError where it measures nothing, or not so much."""
        if not self.keys.is_value:
            raise ValueError(f"{self.point.id} measures nothing: press or release it")
        if not math.isfinite(value):
            raise ValueError(f"{self.point.id} can't say {value}: give a number")
        raw = round(value / self.keys.scale)
        lowest, highest = (-0x8000, 0x7FFF) if self.keys.signed else (0, 0xFFFF)
        mask = 0xFFFF if self.keys.mask is None else self.keys.mask
        if not lowest <= raw <= highest or (raw & 0xFFFF) & ~mask:
            raise ValueError(
                f"{self.point.id} can't say {value:g} {self.keys.unit}: it does not fit its register"
            )
        return self._put(raw, mask)

    def _operate(self, *, pressed: bool) -> Press:
        keys = self.keys
        if keys.is_value:
            return self.set_value(self._limit() if pressed else self._rest())
        closed = pressed == (keys.contact == "no")
        if keys.function is Function.DISCRETE:
            return self.slave.press(keys.address) if pressed else self.slave.release(keys.address)
        if keys.function is Function.COIL:
            return self.slave.set_coil(keys.address, on=closed)
        assert keys.mask is not None  # else it would be a value
        return self._put(keys.mask if closed else 0, keys.mask)

    def _put(self, raw: int, mask: int) -> Press:
        """Write the bits of the mask, leave the others as they are: points may share a register."""
        others = self.slave.value(TABLES[self.keys.function], self.keys.address) & ~mask
        word = others | (raw & mask)
        if self.keys.function is Function.HOLDING:
            return self.slave.set_register(self.keys.address, word)
        return self.slave.set_input_register(self.keys.address, word)

    def _limit(self) -> float:
        """The first value that is an alarm."""
        keys = self.keys
        limit = keys.high if keys.high is not None else keys.low
        if limit is None and keys.rise_per_min is not None:
            steps = math.ceil(keys.rise_per_min * keys.rise_over_s / 60 / abs(keys.scale))
            return self._rest() + steps * abs(keys.scale)
        if limit is None:
            raise ValueError(f"{self.point.id} is only measured: give it a value")
        step = abs(keys.scale) if keys.high is not None else -abs(keys.scale)
        nearest = round(round(limit / keys.scale) * keys.scale, 9)
        return nearest if (nearest - limit) * step >= 0 else nearest + step

    def _rest(self) -> float:
        """A value that is no alarm, and ends one."""
        keys = self.keys
        step = abs(keys.scale)
        floor = keys.valid_low if keys.low is None else keys.low + keys.hysteresis
        ceiling = keys.valid_high if keys.high is None else keys.high - keys.hysteresis
        wanted = (_USUAL.get(self.point.kind, 0.0), 0.0)
        for value in wanted:
            if (floor is None or value > floor) and (ceiling is None or value < ceiling):
                return value
        if floor is not None and ceiling is not None:
            return (floor + ceiling) / 2
        return floor + step if floor is not None else (ceiling or 0.0) - step
