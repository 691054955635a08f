"""What the gateway and its recorder process say to each other: one JSON object a line, nothing else on the pipe."""

import json
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar, get_type_hints

from gateway.errors import GatewayError

#: A line longer than this is no report; bytes.
MAX_LINE = 64 * 1024

#: How the recorder process ends other than as told (0): by a fault of its own, without orders, without a spool.
EXIT_FAULT, EXIT_NO_TASK, EXIT_DISK = 1, 2, 3


class ProtocolError(GatewayError):
    """A line on the pipe that is no message: it is skipped and said, the rest goes on."""


class Cause(StrEnum):
    """Why a camera is not recorded: the causes of a gap that recording knows of (schema.sql, `gap.cause`)."""

    CAMERA = "camera"  # it answers and says no, hangs up, or sends what can't be recorded
    NETWORK = "network"  # nothing comes from it
    DISK = "disk"  # the footage can't be written
    CLOCK = "clock"  # the wall clock was set forward: that time never was
    RECORDER = "recorder"  # the recorder process died
    STOPPED = "stopped"  # the gateway did not run
    GIVEN_UP = "given-up"  # it was recorded and had to go before its time (I8)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraTask:
    """A stream to record. `url` has the password in it: never on a command line, never in a log.

    `transport` of RTP is `tcp` or `udp`; without `sound` only video is asked for.
    """

    camera: str
    url: str = field(repr=False)
    transport: str = "tcp"
    sound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The recorder's orders, its first line of input; further lines are an `Order` each. It ends when its input does.

    `spool` and `unreadable` are folders with one folder for each camera in them. A stream that gives no picture
    for `stall_s` is opened anew.
    """

    spool: str
    unreadable: str
    segment_s: float
    stall_s: float
    cameras: tuple[CameraTask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Record this camera no longer."""

    camera: str


#: What the recorder is told at work: record a camera (anew, if its task changed), or forget one. No other notices.
Order = CameraTask | Forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A file in the spool is being written, of which the first picture came at `start_ms`.

    Told again where the file gets another name, because it is known better by then when it began.
    """

    camera: str
    path: str
    start_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The wall clock was set forward while a camera was recorded: there is no footage of the time it left out."""

    camera: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A camera's footage is being written since `at_ms`; told again when the picture became another one."""

    camera: str
    at_ms: int
    codec: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFinished:
    """A file in the spool is whole and closed; the recorder does not touch it again.

    `start_ms` is the arrival of its first picture by the wall clock, the length is by the monotonic one.
    """

    camera: str
    path: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A file that an earlier recorder left behind, readable as far as `end_ms`."""

    camera: str
    path: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file that was left behind and can't be read; it was kept, at `path`."""

    camera: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A camera is not being written since `at_ms`, or still not; it is tried again."""

    camera: str
    at_ms: int
    cause: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Pictures are arriving. Totals since the recorder's start; `dropped` could not be written."""

    camera: str
    packets: int
    bytes: int
    dropped: int


Report = Begun | Opened | SegmentFinished | Skipped | Recovered | Unreadable | Lost | Progress

_REPORTS: dict[str, type[Report]] = {
    "begun": Begun,
    "opened": Opened,
    "skipped": Skipped,
    "segment": SegmentFinished,
    "recovered": Recovered,
    "unreadable": Unreadable,
    "lost": Lost,
    "progress": Progress,
}
_NAMES = {kind: name for name, kind in _REPORTS.items()}

R = TypeVar("R", bound=Report)


def encode_task(task: Task) -> bytes:
    """The task as a line."""
    return json.dumps(asdict(task)).encode() + b"\n"


def decode_task(line: bytes) -> Task:
    """The task in a line. Raises ProtocolError."""
    try:
        found = json.loads(line)
        cameras = tuple(CameraTask(**camera) for camera in found.pop("cameras"))
        return Task(cameras=cameras, **found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        # The line itself stays out of the message: there are passwords in it.
        raise ProtocolError(f"no task for the recorder: {type(error).__name__}") from None


def encode_order(order: Order) -> bytes:
    """The order as a line."""
    name = "record" if isinstance(order, CameraTask) else "forget"
    return json.dumps({"order": name} | asdict(order)).encode() + b"\n"


def decode_order(line: bytes) -> Order:
    """The order in a line. Raises ProtocolError."""
    try:
        found = json.loads(line)
        if found.pop("order") == "forget":
            return Forget(**found)
        return CameraTask(**found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(f"no order for the recorder: {type(error).__name__}") from None  # passwords, too


def encode_report(report: Report) -> bytes:
    """The report as a line."""
    return json.dumps({"report": _NAMES[type(report)]} | asdict(report)).encode() + b"\n"


def decode_report(line: bytes) -> Report:
    """The report in a line. Raises ProtocolError, naming what is wrong."""
    try:
        found = json.loads(line)
        name = found.pop("report")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(f"no report: {line[:100]!r}") from error
    if name not in _REPORTS:
        raise ProtocolError(f"no report is called {name!r}")
    return _build(_REPORTS[name], found)


def _build(kind: type[R], found: dict[str, Any]) -> R:  # Any: straight from the pipe, checked here
    wanted = get_type_hints(kind)
    for part in fields(kind):
        if type(found.get(part.name)) is not wanted[part.name]:
            raise ProtocolError(f"{kind.__name__}.{part.name}: {found.get(part.name)!r} is no {part.type}")
    if kind is Lost and found["cause"] not in set(Cause):
        raise ProtocolError(f"Lost.cause: {found['cause']!r} is no cause")
    if len(found) != len(fields(kind)):
        raise ProtocolError(f"{kind.__name__} has other fields than {sorted(found)}")
    return kind(**found)
