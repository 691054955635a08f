"""SIA DC-09: a receiver for alarm panels that call over TCP or UDP, with SIA-DCS and Contact ID messages."""

from collections.abc import AsyncIterator
from typing import cast

from pydantic import BaseModel

from drivers.dc09.advice import advice, problems
from drivers.dc09.driver import Dc09Driver
from drivers.dc09.probe import probe
from drivers.dc09.settings import LOST_AFTER_S, BusKeys, Dc09Connection, DeviceKeys, PointKeys
from gateway.clock import Clock
from gateway.driver import Connection, DriverSpec, Finding

_AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


def _typed(connection: _AnyConnection) -> Dc09Connection:
    """The site file's loader has made it with the models that SPEC names."""
    return cast("Dc09Connection", connection)


def _build(connection: _AnyConnection, clock: Clock) -> Dc09Driver:
    return Dc09Driver(_typed(connection), clock)


def _probe(connection: _AnyConnection, clock: Clock) -> AsyncIterator[Finding]:
    return probe(_typed(connection), clock)


SPEC = DriverSpec(
    name="dc09",
    bus=BusKeys,
    device=DeviceKeys,
    point=PointKeys,
    build=_build,
    reports_state=False,
    listens=True,
    notices_loss_within_s=LOST_AFTER_S + 5,
    problems=lambda connection: problems(_typed(connection)),
    advice=lambda connection: advice(_typed(connection)),
    probe=_probe,
)
