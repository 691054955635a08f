"""The driver's own keys of the site file."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.driver import ConnectedDevice, ConnectedPoint, Connection
from gateway.site.tables import Login

#: What a camera tells of itself beside its inputs, as `event` names it.
Event = Literal[
    "tamper", "scene-change", "signal-loss", "storage-failure", "blurry", "dark", "bright", "motion"
]

#: A token as a camera gives it to its inputs and relays.
Token = Annotated[str, Field(min_length=1, max_length=64)]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BusKeys(Login):
    """Where the camera is, how to log in, and what it may be told.

    `auth` auto is HTTP Digest, and WS-UsernameToken where that is refused. `pull_s` is how long the camera may hold
    back its answer while it has nothing to tell; `call_timeout_s` how long any other answer may take.
    """

    host: str = Field(min_length=1, max_length=253)
    port: Annotated[int, Field(ge=1, le=65535)] = 80
    path: str = Field(default="/onvif/device_service", pattern=r"^/[^\s?#]*$", max_length=200)
    auth: Literal["auto", "digest", "wss"] = "auto"
    call_timeout_s: float = Field(default=5.0, ge=0.2, le=60)
    pull_s: int = Field(default=10, ge=1, le=60)
    clock_limit_s: float = Field(default=5.0, ge=1, le=3600)
    set_clock: bool = False
    unsubscribe: bool = True


class DeviceKeys(_Keys):
    """A camera has a connection of its own: all of its keys are those of the connection."""


class PointKeys(_Keys):
    """What of a camera a point is: one of its inputs by its token, or one of its events.

    `active` is the logical state in which an input is in alarm: cameras without configurable inputs say true for
    closed (ONVIF Device IO, Trigger/DigitalInput).
    """

    input: Token | None = None
    event: Event | None = None
    active: Literal["true", "false"] = "true"

    @model_validator(mode="after")
    def _one_of_both(self) -> "PointKeys":
        if (self.input is None) == (self.event is None):
            raise ValueError('needs either `input` (a token such as "DI_1") or `event`, and not both')
        if self.event is not None and self.active != "true":
            raise ValueError("active: is for an `input` only; an event is active when the camera says so")
        return self


class OutputKeys(_Keys):
    """A relay of the camera, by its token."""

    relay: Token


OnvifPoint = ConnectedPoint[PointKeys]
OnvifDevice = ConnectedDevice[DeviceKeys, PointKeys]
SiteConnection = Connection[BusKeys, DeviceKeys, PointKeys]
