"""ONVIF: cameras with their inputs, relays and faults, and where their pictures are."""

from typing import cast

from pydantic import BaseModel

from drivers.onvif.advice import advice, problems
from drivers.onvif.driver import OnvifDriver
from drivers.onvif.probe import probe
from drivers.onvif.settings import BusKeys, DeviceKeys, OutputKeys, PointKeys, SiteConnection
from gateway.clock import Clock
from gateway.driver import Connection, DriverSpec

_AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


def _typed(connection: _AnyConnection) -> SiteConnection:
    """The site file's loader has made it with the models that SPEC names."""
    return cast("SiteConnection", connection)


def _build(connection: _AnyConnection, clock: Clock) -> OnvifDriver:
    return OnvifDriver(_typed(connection), clock)


SPEC = DriverSpec(
    name="onvif",
    bus=BusKeys,
    device=DeviceKeys,
    point=PointKeys,
    output=OutputKeys,
    build=_build,
    reports_state=True,
    # a pull of 10 s and 5 s for its answer
    notices_loss_within_s=20.0,
    films=True,
    problems=lambda connection: problems(_typed(connection)),
    advice=lambda connection: advice(_typed(connection)),
    probe=lambda connection, clock: probe(_typed(connection), clock),
)
