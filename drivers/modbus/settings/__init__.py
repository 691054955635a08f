"""The driver's own keys of the site file, the device profiles that complete them, and what comes of both."""

from drivers.modbus.settings.inputs import Finite, Function, InputKeys, PointKeys, ResetKeys
from drivers.modbus.settings.keys import SERIAL_TIMEOUT_S, TCP_TIMEOUT_S, BusKeys, DeviceKeys, Parity
from drivers.modbus.settings.outputs import OutputKeys, SwitchKeys
from drivers.modbus.settings.profile import Profile, profile_names, shipped_profile
from drivers.modbus.settings.resolve import (
    VITAL,
    ModbusConnection,
    ModbusDevice,
    ModbusPoint,
    ProfileProblems,
    Resolved,
    SiteConnection,
    resolve,
)

__all__ = [
    "SERIAL_TIMEOUT_S",
    "TCP_TIMEOUT_S",
    "VITAL",
    "BusKeys",
    "DeviceKeys",
    "Finite",
    "Function",
    "InputKeys",
    "ModbusConnection",
    "ModbusDevice",
    "ModbusPoint",
    "OutputKeys",
    "Parity",
    "PointKeys",
    "Profile",
    "ProfileProblems",
    "ResetKeys",
    "Resolved",
    "SiteConnection",
    "SwitchKeys",
    "profile_names",
    "resolve",
    "shipped_profile",
]
