"""A fire panel with its user information transmission device (GB/T 26875.3-2011) that a person can set on fire and break."""

from simulators.gb26875.delivery import Delivered, Report
from simulators.gb26875.fittings import (
    Analog,
    Component,
    ComponentFlag,
    DeviceFlag,
    Operation,
    System,
    SystemFlag,
)
from simulators.gb26875.lines import Line, Serial, Tcp, Udp
from simulators.gb26875.simulator import FirePanelSimulator, Habits

__all__ = [
    "Analog",
    "Component",
    "ComponentFlag",
    "Delivered",
    "DeviceFlag",
    "FirePanelSimulator",
    "Habits",
    "Line",
    "Operation",
    "Report",
    "Serial",
    "System",
    "SystemFlag",
    "Tcp",
    "Udp",
]
