"""What one camera is, as all its services see it: name, inputs, relays, clock, addresses, quirks."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from gateway.clock import SystemClock
from simulators.camera import CameraSimulator
from simulators.onvif.profile import Profile, profiles
from simulators.onvif.properties import (
    BLURRY,
    BRIGHT,
    DARK,
    DIGITAL_INPUT,
    MOTION,
    RELAY,
    SCENE_CHANGE,
    SIGNAL_LOSS,
    STORAGE_FAILURE,
    TAMPER,
    Properties,
)
from simulators.onvif.pullpoint import PullPoints
from simulators.onvif.quirks import Quirk
from simulators.onvif.soap import Request, SoapFault, Xml, boolean

VIDEO_SOURCE = "VideoSource_1"
#: What NAT_HOST says: a loopback address where nobody listens, so that a mistake leaves no machine.
INSIDE_HOST, INSIDE_PORT = "127.77.77.77", 80
#: The time zone of a camera whose UTC is local time.
LOCAL_AHEAD = timedelta(hours=8)

DEVICE, MEDIA, MEDIA2, EVENTS, DEVICE_IO, SEARCH = (
    "/onvif/device_service",
    "/onvif/media_service",
    "/onvif/media2_service",
    "/onvif/event_service",
    "/onvif/deviceio_service",
    "/onvif/search_service",
)
SUBSCRIPTION = "/onvif/subscription"
SNAPSHOT = "/onvif/snapshot"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed the gate: the operation, and the path that it was sent to."""

    request: Request
    path: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer, and what is done once it is sent."""

    body: Xml
    then: Callable[[], None] = lambda: None


Operation = Callable[[Call], Awaitable[Answer]]
#: Operations by namespace and local name.
Operations = Mapping[tuple[str, str], Operation]


class Unit:
    """The camera behind the services, before the one that streams."""

    def __init__(
        self,
        *,
        name: str,
        inputs: Sequence[str],
        relays: Sequence[str],
        quirks: frozenset[Quirk],
        camera: CameraSimulator,
    ) -> None:
        self.name = name
        self.quirks = quirks
        self._camera = camera
        self.host = ""
        self.port = 0
        self.media1 = self.media2 = True
        self.inputs = dict.fromkeys(inputs, False)
        self.relays = dict.fromkeys(relays, False)
        self.pull_points = PullPoints()
        self.properties = Properties(self.now, self.pull_points.tell)
        self.requests: Counter[str] = Counter()
        self.pulled = 0
        self.pull_point_limit = 1
        self.close_pull_seconds = 2.0
        self.on_reboot: Callable[[], None] = lambda: None
        self.on_relay: Callable[[str], None] = lambda _: None
        self.recording_since = self.now()

    @property
    def clock_offset(self) -> timedelta:
        """How far its clock is ahead: the one that the stream has, too."""
        return self._camera.clock_offset

    @clock_offset.setter
    def clock_offset(self, offset: timedelta) -> None:
        self._camera.clock_offset = offset

    def profiles(self) -> tuple[Profile, ...]:
        """Its streams, by their addresses of now."""
        return profiles(self._camera)

    def now(self) -> datetime:
        """By the camera's own clock."""
        return SystemClock().now() + self.clock_offset

    def has(self, quirk: Quirk) -> bool:
        """Whether it has this habit now."""
        return quirk in self.quirks

    def address(self, path: str) -> str:
        """An address of this camera as it tells it."""
        if self.has(Quirk.NAT_HOST):
            return f"http://{INSIDE_HOST}:{INSIDE_PORT}{path}"
        return f"http://{self.host}:{self.port}{path}"

    def stream_address(self, url: str) -> str:
        """An RTSP address as it tells it."""
        parts = urlsplit(url)
        if not self.has(Quirk.NAT_HOST):
            return url
        return urlunsplit(parts._replace(netloc=f"{INSIDE_HOST}:{parts.port}"))

    def wake(self) -> None:
        """Start-up state: inputs as they are wired, relays off, nothing wrong."""
        self.properties.forget()
        for token, active in self.inputs.items():
            self.set_input(token, active=active)
        for token in self.relays:
            self.set_relay(token, active=False)
        for topic in _ITEMS:
            self.set_state(topic, active=False)

    def set_input(self, token: str, *, active: bool) -> None:
        """A contact changes. Raises ValueError for one that is not there."""
        if token not in self.inputs:
            raise ValueError(f"there is no input {token!r}; there are: {', '.join(self.inputs)}")
        self.inputs[token] = active
        state = not active if self.has(Quirk.CLOSED_TRUE) else active
        self.properties.set(DIGITAL_INPUT, {"InputToken": token}, {"LogicalState": boolean(state)})

    def set_relay(self, token: str, *, active: bool) -> None:
        """A relay is switched, or told again what it is. Raises SoapFault for one that is not there."""
        if token not in self.relays:
            raise SoapFault("unknown relay token", "ter:InvalidArgVal", "ter:RelayToken")
        changed = self.relays[token] is not active
        self.relays[token] = active
        self.properties.set(
            RELAY, {"RelayToken": token}, {"LogicalState": "active" if active else "inactive"}
        )
        if changed:
            self.on_relay(token)

    def set_state(self, topic: str, *, active: bool) -> None:
        """One of the camera's own troubles begins or ends."""
        source, item = _ITEMS[topic]
        self.properties.set(topic, source, {item: boolean(active)})


_SOURCE = {"Source": VIDEO_SOURCE}
_ITEMS: Mapping[str, tuple[Mapping[str, str], str]] = {
    TAMPER: ({"VideoSourceConfigurationToken": "VideoSourceConfig_1", "Rule": "Tamper"}, "IsTamper"),
    SCENE_CHANGE: (_SOURCE, "State"),
    SIGNAL_LOSS: (_SOURCE, "State"),
    STORAGE_FAILURE: ({"Token": "Storage_1"}, "Failed"),
    MOTION: (_SOURCE, "State"),
    BLURRY: (_SOURCE, "State"),
    DARK: (_SOURCE, "State"),
    BRIGHT: (_SOURCE, "State"),
}
