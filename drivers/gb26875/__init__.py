"""GB/T 26875.3-2011: the receiving centre for fire panels and user information transmission devices."""

from collections.abc import AsyncIterator
from typing import cast

from pydantic import BaseModel

from drivers.gb26875.advice import advice, problems
from drivers.gb26875.driver import FireDriver
from drivers.gb26875.probe import probe
from drivers.gb26875.settings import BusKeys, DeviceKeys, FireConnection, PointKeys
from gateway.clock import Clock
from gateway.driver import Command, Connection, DriverSpec, Finding

_AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


def _typed(connection: _AnyConnection) -> FireConnection:
    """The site file's loader has made it with the models that SPEC names."""
    return cast("FireConnection", connection)


def _build(connection: _AnyConnection, clock: Clock) -> FireDriver:
    return FireDriver(_typed(connection), clock)


def _probe(connection: _AnyConnection, clock: Clock) -> AsyncIterator[Finding]:
    return probe(_typed(connection), clock)


SPEC = DriverSpec(
    name="gb26875",
    bus=BusKeys,
    device=DeviceKeys,
    point=PointKeys,
    build=_build,
    # panels are asked when they call, but few of them answer: nothing may rely on it
    reports_state=False,
    listens=True,
    # `lost_after_s`, and the time that the report itself takes
    notices_loss_within_s=95.0,
    problems=lambda connection: problems(_typed(connection)),
    advice=lambda connection: advice(_typed(connection)),
    probe=_probe,
    commands=frozenset(Command),
)
