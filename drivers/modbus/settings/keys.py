"""The driver's own keys in `[[bus]]` and `[[device]]`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drivers.modbus.settings.base import Keys

#: Time-outs where the site file has none: protocols of serial slaves turn round in 5-60 ms, a TCP gateway may queue.
SERIAL_TIMEOUT_S = 0.25
TCP_TIMEOUT_S = 1.0

Parity = Literal["N", "E", "O"]
Baudrate = Annotated[int, Field(ge=300, le=1_000_000)]


class BusKeys(Keys):
    """How the devices are reached: a serial line, or an address in the network.

    Times: `timeout_s` in seconds for one request, `gap_ms` in milliseconds of silence between frames.
    """

    host: Annotated[str, Field(min_length=1)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    framer: Literal["socket", "rtu"] = "socket"
    serial: Annotated[str, Field(min_length=1)] | None = None
    baudrate: Baudrate = 9600
    parity: Parity = "N"
    stopbits: Literal[1, 2] = 1
    timeout_s: Annotated[float, Field(ge=0.02, le=30)] | None = None
    gap_ms: Annotated[float, Field(ge=0, le=1000)] = 0.0

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.host is None) == (self.serial is None):
            raise ValueError("needs either `host` (Modbus TCP) or `serial` (a line's path), not both")
        if self.serial is None:
            self.refuse(
                ("baudrate", "parity", "stopbits"), "belongs to `serial`; a `host` has no line: remove it"
            )
        else:
            self.refuse(("port", "framer"), "belongs to `host`; a `serial` line has none: remove it")
        return self

    @property
    def request_timeout_s(self) -> float:
        """How long an answer may take, in seconds."""
        if self.timeout_s is not None:
            return self.timeout_s
        return TCP_TIMEOUT_S if self.serial is None else SERIAL_TIMEOUT_S

    @property
    def silence_s(self) -> float:
        """The silence that ends an RTU frame on a serial line, in seconds; none in the network.

        3.5 characters of 11 bits, fixed above 19200 baud (Modbus over serial line V1.02, 2.5.1.1).
        """
        if self.serial is None:
            return 0.0
        return 0.00175 if self.baudrate > 19200 else 3.5 * 11 / self.baudrate

    @property
    def character_s(self) -> float:
        """How long a character takes on the line, in seconds: 10 to 12 bits, as parity and stop bits make them."""
        return 0.0 if self.serial is None else (1 + 8 + (self.parity != "N") + self.stopbits) / self.baudrate

    @property
    def has_transaction_ids(self) -> bool:
        """Whether an answer says which request it belongs to; RTU frames don't."""
        return self.serial is None and self.framer == "socket"

    @property
    def line_words(self) -> str:
        """The line's settings as a technician writes them, `9600 8N1`; for a network its address."""
        if self.serial is None:
            return f"{self.host}:{self.port}"
        return f"{self.baudrate} 8{self.parity}{self.stopbits}"


class DeviceKeys(Keys):
    """Where the device is on its bus, how often it is asked, and after how many failures in a row it is lost.

    Milliseconds: `poll_ms` is for panic, duress and fire points and those with `speed = "fast"`, `slow_poll_ms` for the
    others, never oftener than that. `gap_ms` is how long the device is left alone after each request to it.
    """

    slave: Annotated[int, Field(ge=1, le=255)]
    profile: Annotated[str, Field(min_length=1)] | None = None
    profile_file: Annotated[str, Field(min_length=1)] | None = None
    poll_ms: Annotated[int, Field(ge=10, le=3_600_000)] = 100
    slow_poll_ms: Annotated[int, Field(ge=10, le=3_600_000)] = 1000
    gap_ms: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    lost_after: Annotated[int, Field(ge=1, le=100)] = 3

    @model_validator(mode="after")
    def _one_profile(self) -> Self:
        if self.profile is not None and self.profile_file is not None:
            raise ValueError("needs either `profile` (a shipped one) or `profile_file` (your own), not both")
        return self

    @property
    def fast_s(self) -> float:
        """How often the fast points are asked for, in seconds."""
        return self.poll_ms / 1000

    @property
    def slow_s(self) -> float:
        """How often the others are asked for, in seconds."""
        return max(self.poll_ms, self.slow_poll_ms) / 1000
