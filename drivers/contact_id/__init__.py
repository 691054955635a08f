"""Contact ID and SIA from the serial automation output of an alarm receiver (Sur-Gard format)."""

from collections.abc import AsyncIterator
from typing import cast

from pydantic import BaseModel

from drivers.contact_id.driver import ContactIdDriver
from drivers.contact_id.probe import probe
from drivers.contact_id.settings import BusKeys, ContactIdConnection, DeviceKeys, PointKeys, advice, problems
from gateway.clock import Clock
from gateway.driver import Connection, DriverSpec, Finding

_AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


def _typed(connection: _AnyConnection) -> ContactIdConnection:
    """The site file's loader has made it with the models that SPEC names."""
    return cast("ContactIdConnection", connection)


def _build(connection: _AnyConnection, clock: Clock) -> ContactIdDriver:
    return ContactIdDriver(_typed(connection), clock)


def _probe(connection: _AnyConnection, clock: Clock) -> AsyncIterator[Finding]:
    return probe(_typed(connection), clock)


SPEC = DriverSpec(
    name="contact_id",
    bus=BusKeys,
    device=DeviceKeys,
    point=PointKeys,
    build=_build,
    reports_state=False,
    listens=True,
    # 90 s without a heartbeat, and a second for a commit that is under way
    notices_loss_within_s=95.0,
    problems=lambda connection: problems(_typed(connection)),
    advice=lambda connection: advice(_typed(connection)),
    probe=_probe,
)
