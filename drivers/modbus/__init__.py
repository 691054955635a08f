"""Modbus TCP and RTU: panic buttons, smoke and heat sensors, any contact or register."""

from typing import cast

from pydantic import BaseModel

from drivers.modbus.advice import advice, problems
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.probe import probe
from drivers.modbus.settings import BusKeys, DeviceKeys, OutputKeys, PointKeys, SiteConnection
from gateway.clock import Clock
from gateway.driver import Command, Connection, DriverSpec

_AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


def _typed(connection: _AnyConnection) -> SiteConnection:
    """The site file's loader has made it with the models that SPEC names."""
    return cast("SiteConnection", connection)


def _build(connection: _AnyConnection, clock: Clock) -> ModbusDriver:
    return ModbusDriver(_typed(connection), clock)


SPEC = DriverSpec(
    name="modbus",
    bus=BusKeys,
    device=DeviceKeys,
    point=PointKeys,
    output=OutputKeys,
    commands=frozenset({Command.INITIALISE}),
    build=_build,
    reports_state=True,
    # a TCP connection with up to 8 devices: one time-out of 1 s each, and at least 3
    notices_loss_within_s=10.0,
    problems=lambda connection: problems(_typed(connection)),
    advice=lambda connection: advice(_typed(connection)),
    probe=lambda connection, clock: probe(_typed(connection), clock),
)
