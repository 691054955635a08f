"""What a school is made of, whatever it speaks: points, outputs and devices, and what can be done to each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel

from gateway.driver import Connection
from gateway.model import Kind
from simulators.fault import Fault
from simulators.modbus import Press

#: A panel calls so many times within the silence after which the gateway takes it for lost, and so often at least (s).
CALLS_BEFORE_LOST, CALL_AT_LEAST_S = 3, 30.0
#: A panel that can't reach the gateway tries again after so long: a rehearsal doesn't wait for it.
REDIAL_S = 0.5

AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


class Point(Protocol):
    """An input of the site file. Each act returns its moment; ValueError is for what the input can't do."""

    @property
    def kind(self) -> Kind:
        """What it watches for."""
        ...

    @property
    def latched(self) -> bool:
        """Whether it stays pressed until somebody turns it back."""
        ...

    def press(self) -> Press:
        """Bring it into alarm; it stays so until `release`."""
        ...

    def release(self) -> Press:
        """Bring it to rest."""
        ...

    def set_value(self, value: float) -> Press:
        """Let it measure so much, in its unit."""
        ...


@dataclass(frozen=True, slots=True)
class Switched:
    """The gateway has switched an output."""

    on: bool
    at: Press


class Output(Protocol):
    """A sounder, strobe or relay of the site file."""

    @property
    def is_on(self) -> bool:
        """As it is now."""
        ...

    @property
    def switched(self) -> Sequence[Switched]:
        """Each time that it changed, oldest first; the last 1000."""
        ...


class Device(Protocol):
    """Whatever can fail: a device, a whole bus, a camera."""

    async def misbehave(self, fault: Fault) -> None:
        """Have this fault in place of the one before."""
        ...

    async def power_off(self) -> None:
        """Vanish without a goodbye."""
        ...

    async def power_on(self) -> None:
        """Come back with start-up state."""
        ...


@runtime_checkable
class HasPower(Protocol):
    """A panel that tells of its power."""

    def mains(self, *, on: bool) -> None:
        """Mains fail, or are back."""
        ...

    def battery(self, *, on: bool) -> None:
        """The battery fails, or is well again."""
        ...


@runtime_checkable
class HasReset(Protocol):
    """A panel with a reset key."""

    def reset(self, operator: int) -> None:
        """A person resets it."""
        ...


@runtime_checkable
class HasGuard(Protocol):
    """A panel in a room where a guard can be asked for (查岗)."""

    def answer(self, operator: int) -> None:
        """The guard answers. Raises ValueError when nobody has asked."""
        ...


@runtime_checkable
class HasCodes(Protocol):
    """A panel that tells event codes."""

    def code(self, code: str, zone: int) -> None:
        """Tell any code. Raises ValueError for one that its format can't say."""
        ...


@runtime_checkable
class HasQueue(Protocol):
    """A panel that keeps what is not acknowledged."""

    @property
    def waiting(self) -> int:
        """So many messages are still to be taken by the gateway."""
        ...


class Simulator(Protocol):
    """What is started and stopped."""

    async def start(self) -> None:
        """Begin. Raises OSError where the address can't be had."""
        ...

    async def stop(self) -> None:
        """End, and let go of everything."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One connection of the site file, simulated: points, outputs and devices by their ids.

    `where` is its address in words. `link` is the path of a serial line, where a pty is laid.
    """

    id: str
    where: str
    simulators: tuple[Simulator, ...]
    devices: Mapping[str, Device]
    points: Mapping[str, Point] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    link: Path | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a builder may want to know of the site: the points' names; and who hears what a panel announces."""

    names: Mapping[str, str]
    announce: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Together:
    """All panels of one listener of the gateway: what happens to it happens to each."""

    devices: Sequence[Device]

    async def misbehave(self, fault: Fault) -> None:
        """One after the other."""
        for device in self.devices:
            await device.misbehave(fault)

    async def power_off(self) -> None:
        """One after the other."""
        for device in self.devices:
            await device.power_off()

    async def power_on(self) -> None:
        """One after the other."""
        for device in self.devices:
            await device.power_on()


def on_bus(connection: AnyConnection, devices: Mapping[str, Device]) -> Mapping[str, Device]:
    """The devices, behind their bus where they share one."""
    return {connection.id: Together(tuple(devices.values())), **devices} if connection.shared else devices


def call_every(lost_after_s: float) -> float:
    """How often a panel calls that is lost after so long a silence (0: never); seconds."""
    return min(CALL_AT_LEAST_S, lost_after_s / CALLS_BEFORE_LOST or CALL_AT_LEAST_S)


def in_time(usual_s: float, lost_after_s: float) -> float:
    """How long a panel waits for an answer: as usual, or less where it would be lost meanwhile; seconds."""
    return min(usual_s, call_every(lost_after_s))


def dialled(host: str) -> str:
    """Where to call a gateway that listens there: on this machine, if it listens everywhere."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound to it here


def require_free(link: Path) -> None:
    """Raise OSError, saying why, where no pty can be laid: at a real device, a file, in a folder that is not there.

    A link that points nowhere, or to a pty, was left behind by a simulator.
    """
    target = link.resolve()
    left_behind = link.is_symlink() and (not target.exists() or target.is_relative_to("/dev/pts"))
    if link.exists() and not left_behind:
        what = "a real device" if target.is_char_device() else "no pty of ours"
        raise FileExistsError(f"it is {what}; give the rehearsal a site file with another path")
    if not link.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {link.parent}; make it, or name another path")
