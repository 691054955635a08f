"""The driver's own keys in `[[bus]]`, `[[device]]` and `[[device.point]]`, and how addresses are compared."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.driver import ConnectedDevice, ConnectedPoint, Connection

#: How long a panel may be silent where the site file says nothing, in seconds. A panel that is set to call (NULL) once
#: in three minutes, a common choice, may miss one call; one that calls more rarely needs the key.
LOST_AFTER_S = 360.0

#: The port where the site file has none: our own choice, the protocol has no number of its own.
PORT = 9000

Encryption = Literal["required", "optional", "never"]
Account = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{3,16}$"), AfterValidator(str.upper)]


def same_address(address: int | str) -> str:
    """An address as it is compared: panels fill it up with zeros or not, each as it likes."""
    return str(address).upper().lstrip("0") or "0"


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BusKeys(_Keys):
    """Where panels call. `time_window` refuses (NAK) encrypted messages more than 40 s old or 20 s ahead."""

    host: Annotated[str, Field(min_length=1)] = "0.0.0.0"  # noqa: S104 - panels call from anywhere; the site file narrows it
    port: Annotated[int, Field(ge=1, le=65535)] = PORT
    transport: Literal["both", "tcp", "udp"] = "both"
    time_window: bool = True


class DeviceKeys(_Keys):
    """Whose messages are this device's, how they are encrypted, and for how many seconds it may be silent (0: for ever)."""

    account: Account
    key_file: Path | None = None
    encryption: Encryption | None = None
    lost_after_s: Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)] = LOST_AFTER_S

    @property
    def encrypts(self) -> Encryption:
        """What is expected of it: encryption, where there is a key and nothing is said."""
        return self.encryption or ("required" if self.key_file else "never")


class PointKeys(_Keys):
    """The zone as the panel numbers it: 0 to 999, or what SIA-DCS messages call it."""

    address: Annotated[int, Field(ge=0, le=999)] | Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,4}$")]


Dc09Connection = Connection[BusKeys, DeviceKeys, PointKeys]
Dc09Device = ConnectedDevice[DeviceKeys, PointKeys]
Dc09Point = ConnectedPoint[PointKeys]
