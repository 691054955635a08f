"""The driver contract: what a driver is given, what it may say, and how it is registered (DESIGN "Driver contract")."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Generic, NoReturn, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from gateway.clock import Clock
from gateway.errors import SiteFileError
from gateway.model import Durability, Kind, Message, Presence, Reading, Signal

#: A driver lets go of every socket and file within so many seconds of its cancellation.
CANCEL_LIMIT_S = 2.0

#: A probe of one connection takes no longer than so many seconds; one that waits for devices to call says how long.
PROBE_LIMIT_S = 90.0

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
class ConnectedOutput:
    """One output (sounder, strobe, relay), and the driver's own keys for it: an instance of `DriverSpec.output`."""

    id: str
    settings: BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedDevice(Generic[D_co, P_co]):
    """One device on a connection, and the driver's own keys for it."""

    id: str
    settings: D_co
    points: tuple[ConnectedPoint[P_co], ...]
    outputs: tuple[ConnectedOutput, ...] = ()


def _no_secrets(file: Path | None) -> str:
    if file is not None:
        raise SiteFileError("the site file", [f"{file} can't be looked for: there is no site file"])
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Generic[C_co, D_co, P_co]):
    """One connection (bus, listener, camera) and all the devices that share it.

    `shared` says whether it is a `[[bus]]`: if a bus dies, that is one fault (`bus-lost`), not one a device.
    `secret` gives the content of a file that the site file names for a secret; it blocks for the disk, and raises
    SiteFileError with words. `clock_trusted` is whether our clock may be believed just now: while it may not, no time
    window of a device's messages is enforced, and no device's clock is set.
    """

    id: str
    driver: str
    shared: bool
    settings: C_co
    devices: tuple[ConnectedDevice[D_co, P_co], ...]
    secret: Callable[[Path | None], str] = field(default=_no_secrets, repr=False, compare=False)
    clock_trusted: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)


class Sink(Protocol):
    """Where a driver's reports go. Implemented by the supervisor."""

    async def report(self, signal: Signal) -> Durability:
        """Record what was seen of a point that is asked or watched; returns when it is committed, never before (I1).

        Returns where it is kept.
        """
        ...

    async def receive(self, message: Message) -> Durability:
        """Record a device's message; returns when it is committed, never before: acknowledge it to the device then (I1).

        A repetition returns as if it had been recorded: acknowledge it too (I3). In memory mode it returns when a
        destination has confirmed it or, with none in reach, at the device's second repetition. Raises
        JournalUnwritable where it is not kept: do not acknowledge it then; the device repeats it.
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

    async def stranger(self, data: bytes, why: str, device: str | None = None) -> None:
        """Somebody calls whom the site file does not know, or with a wrong key: counted, and shown as a fault.

        It is never acknowledged. `why` says who it was and what to do: no secrets. `device` is the one it says to be, if
        it is known: that fault is the device's own, so that no other caller can hide it.
        """
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


@runtime_checkable
class Switches(Protocol):
    """A driver with outputs (capability)."""

    async def switch(self, output: str, *, on: bool) -> None:
        """Set an output by its id; returns when the device has taken it, within the driver's own time-outs.

        Raises DeviceUnavailable where it can't be reached, DeviceRefused where it says no.
        """
        ...


class Command(StrEnum):
    """What a panel can be told (GB/T 26875.3 types 61-63 and 81, 89, 90, 91)."""

    READ_STATE = "read-state"
    INITIALISE = "initialise"
    SET_CLOCK = "set-clock"
    GUARD_CHECK = "guard-check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The last thing a device was told: by whom, since when and, once it has `ended`, what came of it in words."""

    device: str
    command: Command
    actor: str
    since: datetime
    ended: datetime | None = None
    ok: bool = False
    words: str = ""


#: How long a guard check may wait for its answer at most, in minutes: one byte on the wire says it.
MOST_MINUTES = 255


@runtime_checkable
class Commandable(Protocol):
    """A driver whose devices can be told something (capability)."""

    async def command(self, device: str, command: Command, *, minutes: int = 10) -> str:
        """Tell it, and return what came of it in words: for a guard check, who answered within `minutes`.

        Raises DeviceUnavailable where it can't be reached or does not answer in time, DeviceRefused where it says no.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Where a camera's pictures are, as rtsp and http addresses of the configured host, without user and password."""

    main: str
    sub: str | None = None
    snapshot: str | None = None


#: A camera's own picture is no longer than so many bytes.
MOST_PICTURE_BYTES = 8 * 1024 * 1024


@runtime_checkable
class Films(Protocol):
    """A driver whose device is a camera (capability)."""

    async def streams(self) -> Streams:
        """Where its pictures are, as it said last; asks it only where that is not known.

        Raises DeviceUnavailable, DeviceRefused.
        """
        ...

    async def picture(self) -> bytes:
        """A JPEG from its own snapshot address, `MOST_PICTURE_BYTES` at most, within 5 s.

        Raises DeviceUnavailable where there is none, DeviceRefused where it says no.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a probe has found: about which device or connection, is it well, and words to act on."""

    subject: str
    ok: bool
    text: str
    took_s: float | None = None


class _BuildDriver(Protocol):
    def __call__(self, connection: Connection[BaseModel, BaseModel, BaseModel], clock: Clock) -> Driver: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """One line of the registry: a driver's models, how it is built, and what it declares of itself.

    `bus`, `device`, `point` and `output` check the driver's own keys in `[[bus]]`, `[[device]]`, `[[device.point]]` and
    `[[device.output]]` (all with `extra="forbid"`); without `output` its devices have none. `reports_state` is whether
    present state is asked for on connect. `listens` is whether devices call us: then their silence is their loss.
    `notices_loss_within_s` is how soon, at most, a half-open connection is noticed with default settings.
    `problems` finds what contradicts itself across tables (two devices with one address, an alarm without a threshold):
    errors of the site file, each naming device or point. `advice` gives the warnings and figures that `check` prints
    for a connection (bus budget, unsupervised wires). `probe` talks to each device of a connection once and yields what
    it finds, as it finds it, for at most `PROBE_LIMIT_S`; it raises nothing. `commands` are what its devices can be told. `films`: its device is a camera, its driver `Films`.
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
    probe: Callable[[Connection[BaseModel, BaseModel, BaseModel], Clock], AsyncIterator[Finding]] | None = (
        None
    )
    output: type[BaseModel] | None = None
    listens: bool = False
    films: bool = False
    commands: frozenset[Command] = field(default_factory=frozenset)
