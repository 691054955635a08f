"""Modbus devices that a person can press, break, unplug and power-cycle, over TCP and over a serial line."""

from simulators.modbus.bus import Quirk
from simulators.modbus.pdu import ExceptionCode
from simulators.modbus.rtu import ModbusRtuSimulator
from simulators.modbus.slave import Change, ModbusSlave, Press, Reset, Table
from simulators.modbus.tcp import ModbusTcpSimulator

__all__ = [
    "Change",
    "ExceptionCode",
    "ModbusRtuSimulator",
    "ModbusSlave",
    "ModbusTcpSimulator",
    "Press",
    "Quirk",
    "Reset",
    "Table",
]
