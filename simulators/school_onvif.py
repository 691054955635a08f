"""An ONVIF camera of the site file: its inputs and its own troubles are points, its relays are outputs."""

from collections import deque
from collections.abc import Sequence
from typing import cast

from drivers.onvif.settings import OnvifPoint, OutputKeys, PointKeys, SiteConnection
from gateway.model import Kind
from simulators.camera import CameraSimulator, Video
from simulators.modbus import Press
from simulators.onvif import Auth, OnvifSimulator
from simulators.onvif.properties import (
    BLURRY,
    BRIGHT,
    DARK,
    MOTION,
    SCENE_CHANGE,
    SIGNAL_LOSS,
    STORAGE_FAILURE,
    TAMPER,
)
from simulators.school_codes import moment
from simulators.school_parts import AnyConnection, Context, Served, Switched

#: Switchings of a relay that are remembered.
MOST_SWITCHED = 1000

_AUTH = {"auto": Auth.DIGEST_AND_WSS, "digest": Auth.DIGEST, "wss": Auth.WSS}
_TOPICS = {
    "tamper": TAMPER,
    "scene-change": SCENE_CHANGE,
    "signal-loss": SIGNAL_LOSS,
    "storage-failure": STORAGE_FAILURE,
    "blurry": BLURRY,
    "dark": DARK,
    "bright": BRIGHT,
    "motion": MOTION,
}


def serve_onvif(connection: AnyConnection, _context: Context) -> Served:
    """Raises ValueError for a camera without a user, SiteFileError for a password file that can't be read."""
    onvif = cast("SiteConnection", connection)
    keys = onvif.settings
    if not keys.username:
        raise ValueError(
            f"{onvif.id}: a simulated camera wants a password; give `username` and `password_file`"
        )
    password = onvif.secret(keys.password_file)
    points = [point for device in onvif.devices for point in device.points]
    relays = {
        output.id: cast("OutputKeys", output.settings).relay
        for device in onvif.devices
        for output in device.outputs
    }
    simulator = OnvifSimulator(
        CameraSimulator(
            host=keys.host,
            username=keys.username,
            password=password,
            title=onvif.id,
            sub=Video(width=320, height=192, fps=5, title=onvif.id),
        ),
        host=keys.host,
        port=keys.port,
        username=keys.username,
        password=password,
        inputs=tuple(point.settings.input for point in points if point.settings.input is not None),
        relays=tuple(relays.values()),
        auth=_AUTH[keys.auth],
        name=onvif.id,
    )
    outputs = {output: Relay(simulator, token) for output, token in relays.items()}
    by_token = {relay.token: relay for relay in outputs.values()}
    simulator.on_relay = lambda token: by_token[token].note()
    return Served(
        id=onvif.id,
        where=f"{keys.host}:{keys.port}",
        simulators=(simulator,),
        devices={device.id: simulator for device in onvif.devices},
        points={point.id: CameraPoint(simulator, point) for point in points},
        outputs=outputs,
    )


class CameraPoint:
    """A contact at the camera, or something that it tells of itself; at rest when it is made."""

    def __init__(self, simulator: OnvifSimulator, point: OnvifPoint) -> None:
        self._simulator = simulator
        self._point = point
        if self._keys.input is not None:
            self._set(active=False)

    @property
    def _keys(self) -> PointKeys:
        return self._point.settings

    @property
    def kind(self) -> Kind:
        """What it watches for."""
        return self._point.kind

    @property
    def latched(self) -> bool:
        """A camera latches nothing."""
        return False

    def press(self) -> Press:
        """Bring it into alarm."""
        return self._set(active=True)

    def release(self) -> Press:
        """Bring it to rest."""
        return self._set(active=False)

    def set_value(self, value: float) -> Press:
        """A camera measures nothing."""
        raise ValueError(f"{self._point.id} measures nothing: press or release it, not {value:g}")

    def _set(self, *, active: bool) -> Press:
        at = moment()
        if self._keys.input is not None:
            self._simulator.set_input(self._keys.input, active is (self._keys.active == "true"))
        elif self._keys.event is not None:
            self._simulator.trouble(_TOPICS[self._keys.event], active)
        return at


class Relay:
    """An output as the camera has it."""

    def __init__(self, simulator: OnvifSimulator, token: str) -> None:
        self.token = token
        self._simulator = simulator
        self._switched: deque[Switched] = deque(maxlen=MOST_SWITCHED)

    @property
    def is_on(self) -> bool:
        """Whether the relay is active."""
        return self._simulator.relay(self.token)

    @property
    def switched(self) -> Sequence[Switched]:
        """Each change of it."""
        return tuple(self._switched)

    def note(self) -> None:
        """It has changed."""
        self._switched.append(Switched(self.is_on, moment()))
