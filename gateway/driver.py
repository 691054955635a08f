"""The driver contract: what a driver is given, what it may say, and how it is registered (DESIGN "Driver contract")."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, NoReturn, Protocol, TypeVar

from pydantic import BaseModel

from gateway.clock import Clock
from gateway.model import Durability, Kind, Presence, Reading, Signal

#: A driver lets go of every socket and file within so many seconds of its cancellation.
CANCEL_LIMIT_S = 2.0

C_co = TypeVar("C_co", bound=BaseModel, covariant=True)
D_co = TypeVar("D_co", bound=BaseModel, covariant=True)
P_co = TypeVar("P_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedPoint(Generic[P_co]):
    """One input, and the driver's own keys for it."""

    id: str
    kind: Kind
    returns: bool
    settings: P_co


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedDevice(Generic[D_co, P_co]):
    """One device on a connection, and the driver's own keys for it."""

    id: str
    settings: D_co
    points: tuple[ConnectedPoint[P_co], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Generic[C_co, D_co, P_co]):
    """One connection (bus, listener, camera) and all the devices that share it.

    `shared` says whether it is a `[[bus]]`: if a bus dies, that is one fault (`bus-lost`), not one a device.
    """

    id: str
    driver: str
    shared: bool
    settings: C_co
    devices: tuple[ConnectedDevice[D_co, P_co], ...]


class Sink(Protocol):
    """Where a driver's reports go. Implemented by the supervisor."""

    async def report(self, signal: Signal) -> Durability:
        """Record the signal; returns when it is committed, never before (I1).

        A duplicate message returns as if it had been recorded: acknowledge it to the device too (I3).
        In memory mode, a signal with a `message` returns when a destination has confirmed it or, with none
        in reach, at the device's second repetition. Returns where it is kept.
        """
        ...

    def reading(self, reading: Reading) -> None:
        """Take a measured value. May be dropped for space, counted."""
        ...

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Tell whether a device is there; the same presence again costs nothing."""
        ...

    def malformed(self, device: str | None, data: bytes, why: str) -> None:
        """Count input that could not be understood; the first bytes are kept for the technician."""
        ...


class Driver(Protocol):
    """One connection's driver. A fresh instance for each attempt; the constructor does no I/O.

    `run` never returns. It reports present state on connect where the protocol can be asked, skips and counts
    malformed input, never retries, backs off, logs its own failure or touches the store, and lets go of
    everything within `CANCEL_LIMIT_S` of its cancellation.

    Raises DeviceUnavailable (the whole connection is gone: retry soon) and DeviceRefused (it answers and says
    no: retry slowly, tell a person).
    """

    async def run(self, sink: Sink) -> NoReturn:
        """Serve the connection until cancelled."""
        ...


class _BuildDriver(Protocol):
    def __call__(self, connection: Connection[BaseModel, BaseModel, BaseModel], clock: Clock) -> Driver: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """One line of the registry: a driver's models, how it is built, and what it declares of itself.

    `bus`, `device` and `point` check the driver's own keys in `[[bus]]`, `[[device]]` and `[[device.point]]`
    (all with `extra="forbid"`). `reports_state` is whether present state is asked for on connect.
    `notices_loss_within_s` is how soon, at most, a half-open connection is noticed with default settings.
    `problems` finds what contradicts itself across tables (two devices with one address, an alarm without a threshold):
    errors of the site file, each naming device or point. `advice` gives the warnings and figures that `check` prints
    for a connection (bus budget, unsupervised wires).
    """

    name: str
    bus: type[BaseModel]
    device: type[BaseModel]
    point: type[BaseModel]
    build: _BuildDriver
    reports_state: bool
    notices_loss_within_s: float
    advice: Callable[[Connection[BaseModel, BaseModel, BaseModel]], list[str]]
    problems: Callable[[Connection[BaseModel, BaseModel, BaseModel]], list[str]] = lambda _: []
