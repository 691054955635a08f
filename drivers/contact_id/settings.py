"""The driver's own keys in `[[bus]]`, `[[device]]` and `[[device.point]]`, and what `check` says of them."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.serial_line import LineSettings
from gateway.driver import ConnectedDevice, ConnectedPoint, Connection

Seconds = Annotated[float, Field(ge=0, le=7 * 86_400, allow_inf_nan=False)]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BusKeys(_Keys):
    """The receiver's line. Without one message for `heartbeat_s` seconds the receiver is lost; 0 is never."""

    serial: Annotated[str, Field(min_length=1)]
    baudrate: Annotated[int, Field(ge=300, le=115_200)] = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    heartbeat_s: Seconds = 90.0

    @property
    def line(self) -> LineSettings:
        """As the line is opened."""
        return LineSettings(self.serial, self.baudrate, self.bytesize, self.parity, self.stopbits)


class DeviceKeys(_Keys):
    """The panel's account and, where accounts are not unique, by which receiver and line it calls.

    A panel that has not called for `lost_after_s` seconds is lost; 0 is never.
    """

    account: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{3,6}$")]
    receiver: Annotated[int, Field(ge=0, le=99)] | None = None
    line: Annotated[int, Field(ge=0, le=999)] | None = None
    lost_after_s: Seconds = 0.0

    def takes(self, receiver: int | None, line: int | None) -> bool:
        """Whether a message that came this way can be its own."""
        return self.receiver in (None, receiver) and self.line in (None, line)


class PointKeys(_Keys):
    """One input, by the panel's number of its zone."""

    address: Annotated[int, Field(ge=0, le=999)]


ContactIdConnection = Connection[BusKeys, DeviceKeys, PointKeys]
ContactIdDevice = ConnectedDevice[DeviceKeys, PointKeys]
ContactIdPoint = ConnectedPoint[PointKeys]


def account_key(account: str) -> str:
    """Accounts compare without leading zeros and in capitals: receivers fill them up to their own width."""
    return account.upper().lstrip("0")


def problems(connection: ContactIdConnection) -> list[str]:
    """What in the site file contradicts itself across tables: errors."""
    return [*_shared_accounts(connection), *_shared_zones(connection)]


def advice(connection: ContactIdConnection) -> list[str]:
    """How the line is set and watched, and warnings that a technician should weigh."""
    keys = connection.settings
    lines = [f"{connection.id}: {keys.serial} at {keys.line}; compare with the receiver's automation port"]
    if not keys.heartbeat_s:
        lines.append(
            f"{connection.id}: heartbeat_s = 0, so nobody notices a dead receiver or a pulled cable; set the "
            "receiver's heartbeat to 30 s and heartbeat_s to 90"
        )
    lines.extend(
        f"device {device.id!r}: nobody notices when this panel no longer calls; if it sends a periodic test (602), "
        "set lost_after_s to a little more than its interval"
        for device in connection.devices
        if not device.settings.lost_after_s
    )
    return lines


def _shared_accounts(connection: ContactIdConnection) -> Iterator[str]:
    for one, other in combinations(connection.devices, 2):
        a, b = one.settings, other.settings
        same = account_key(a.account) == account_key(b.account)
        if same and (a.receiver, a.line) == (b.receiver, b.line):
            yield (
                f"devices {one.id!r}, {other.id!r}: both have account {a.account}; give each its own, "
                "or say by which `receiver` and `line` it calls"
            )


def _shared_zones(connection: ContactIdConnection) -> Iterator[str]:
    for device in connection.devices:
        for address, count in Counter(point.settings.address for point in device.points).items():
            if count > 1:
                names = ", ".join(repr(p.id) for p in device.points if p.settings.address == address)
                yield f"points {names}: all are zone {address} of {device.id!r}; a zone is one point"
