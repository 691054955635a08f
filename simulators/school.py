"""A whole school from the gateway's own site file: every device at the address it names, worked by the ids it gives."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from gateway.site import Site
from gateway.site.site import Camera
from simulators.camera import CameraSimulator
from simulators.camera.picture_faults import PictureFault
from simulators.fault import Fault
from simulators.modbus import Press
from simulators.onvif import OnvifSimulator
from simulators.school_contact_id import serve_contact_id
from simulators.school_dc09 import serve_dc09
from simulators.school_gb26875 import serve_gb26875
from simulators.school_modbus import serve_modbus
from simulators.school_onvif import serve_onvif
from simulators.school_parts import (
    AnyConnection,
    Context,
    Device,
    HasCodes,
    HasGuard,
    HasPower,
    HasReset,
    Output,
    Point,
    Served,
    require_free,
)

RTSP_PORT = 554  # RFC 2326 section 3.2

#: How a connection is simulated, by its driver's name.
BUILDERS: Mapping[str, Callable[[AnyConnection, Context], Served]] = {
    "modbus": serve_modbus,
    "dc09": serve_dc09,
    "contact_id": serve_contact_id,
    "gb26875": serve_gb26875,
    "onvif": serve_onvif,
}

#: Who works a panel where nobody is named.
OPERATOR = 1


class School:
    """Every device and camera of a site file, simulated.

    Raises ValueError for what no simulator can be made for, with the id and what would help; SiteFileError for a
    secret that can't be read. Points and devices are named by their ids. `on_news` hears what a panel announces.
    """

    def __init__(self, site: Site) -> None:
        self.on_news: Callable[[str], None] = lambda _: None
        names = {point.id: point.name for device in site.devices for point in device.points}
        context = Context(names, self._announce)
        self._served = [
            *(_builder(connection)(connection, context) for connection in site.connections),
            *(_camera(site, camera) for camera in site.cameras if not camera.driven),
        ]
        self._points = {name: point for one in self._served for name, point in one.points.items()}
        self._outputs = {name: output for one in self._served for name, output in one.outputs.items()}
        self._devices = {name: device for one in self._served for name, device in one.devices.items()}
        self._running = AsyncExitStack()

    @property
    def points(self) -> Mapping[str, Point]:
        """Every point by its id."""
        return self._points

    @property
    def outputs(self) -> Mapping[str, Output]:
        """Every sounder, strobe and relay by its id."""
        return self._outputs

    @property
    def parts(self) -> Mapping[str, Device]:
        """Everything that can misbehave or lose power by its id: buses, devices, cameras."""
        return self._devices

    @property
    def devices(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(self._devices)

    @property
    def cameras(self) -> Mapping[str, CameraSimulator]:
        """The stream of every camera by its id, behind ONVIF or not."""
        found = {
            name: one.camera if isinstance(one, OnvifSimulator) else one
            for name, one in self._devices.items()
        }
        return {name: one for name, one in found.items() if isinstance(one, CameraSimulator)}

    # ---- life

    async def start(self) -> None:
        """Serve, or call, at every address. Raises OSError, with the id and the address, if one can't be had; then none is."""
        async with AsyncExitStack() as ending:
            for one in self._served:
                try:
                    if one.link is not None:
                        require_free(one.link)
                    for simulator in one.simulators:
                        ending.push_async_callback(simulator.stop)
                        await simulator.start()
                except OSError as error:
                    why = error.strerror or error
                    raise OSError(f"{one.id} can't be simulated at {one.where}: {why}") from error
            self._running = ending.pop_all()

    async def stop(self) -> None:
        """End every simulator, and let go of every socket, file and task."""
        await self._running.aclose()

    # ---- what a person does. Raises ValueError for a point that is not there, or can't be told so.

    def press(self, point: str) -> Press:
        """Bring a point into alarm, as its device has it; it stays so until `release`."""
        return self._point(point).press()

    def release(self, point: str) -> Press:
        """Bring it to rest."""
        return self._point(point).release()

    async def pulse(self, point: str, seconds: float) -> Press:
        """Press for so many seconds, also if cancelled on the way. A latched point stays until `release`, as in life."""
        pressed = self.press(point)
        if self._point(point).latched:
            return pressed
        try:
            await asyncio.sleep(seconds)
        finally:
            self.release(point)
        return pressed

    def set_value(self, point: str, value: float) -> Press:
        """Let a point measure so much, in its unit."""
        return self._point(point).set_value(value)

    # ---- what happens at a panel. Raises ValueError for a device that is not there, or has no such thing.

    def mains(self, device: str, *, on: bool) -> None:
        """A panel's mains fail, or are back."""
        self._power_of(device).mains(on=on)

    def battery(self, device: str, *, on: bool) -> None:
        """A panel's battery fails, or is well again."""
        self._power_of(device).battery(on=on)

    def reset(self, device: str, operator: int = OPERATOR) -> None:
        """A person resets a panel."""
        panel = self._device(device)
        if not isinstance(panel, HasReset):
            raise self._unable(device, HasReset, "reset")
        panel.reset(operator)

    def answer(self, device: str, operator: int = OPERATOR) -> None:
        """The guard in a panel's room answers (查岗)."""
        panel = self._device(device)
        if not isinstance(panel, HasGuard):
            raise self._unable(device, HasGuard, "guard to be asked for")
        panel.answer(operator)

    def code(self, device: str, code: str, zone: int) -> None:
        """A panel tells any code of its format."""
        panel = self._device(device)
        if not isinstance(panel, HasCodes):
            raise self._unable(device, HasCodes, "event codes")
        panel.code(code, zone)

    # ---- what happens before a camera. Raises ValueError for a device that is none.

    def show(self, camera: str, picture: PictureFault) -> None:
        """Let the camera show that instead of the picture it had."""
        if camera not in self.cameras:
            raise ValueError(f"there is no camera {camera!r}; there are: {', '.join(self.cameras) or 'none'}")
        self.cameras[camera].show(picture)

    # ---- what goes wrong. Raises ValueError for a device that is not there.

    async def misbehave(self, device: str, fault: Fault) -> None:
        """Give a device, a whole bus or a camera this fault in place of the one it had."""
        await self._device(device).misbehave(fault)

    async def power_cycle(self, device: str, off_seconds: float) -> None:
        """Take its power away for so long; it comes back at the same address with start-up state."""
        await self.power_off(device)
        try:
            await asyncio.sleep(off_seconds)
        finally:
            await self.power_on(device)

    async def power_off(self, device: str) -> None:
        """Without a goodbye. A device that shares its bus falls silent alone."""
        await self._device(device).power_off()

    async def power_on(self, device: str) -> None:
        """Come back, with start-up state: a device that shares its bus has forgotten its fault, too."""
        await self._device(device).power_on()

    # ---- inside

    def _point(self, point: str) -> Point:
        if point not in self._points:
            raise ValueError(f"there is no point {point!r}; there are: {', '.join(self._points)}")
        return self._points[point]

    def _device(self, device: str) -> Device:
        if device not in self._devices:
            raise ValueError(f"there is no device {device!r}; there are: {', '.join(self.devices)}")
        return self._devices[device]

    def _power_of(self, device: str) -> HasPower:
        panel = self._device(device)
        if not isinstance(panel, HasPower):
            raise self._unable(device, HasPower, "mains or battery")
        return panel

    def _unable(self, device: str, ability: type, what: str) -> ValueError:
        able = [name for name, one in self._devices.items() if isinstance(one, ability)]
        return ValueError(f"{device} has no {what}; these have: {', '.join(able) or 'none'}")

    def _announce(self, news: str) -> None:
        self.on_news(news)


def _builder(connection: AnyConnection) -> Callable[[AnyConnection, Context], Served]:
    build = BUILDERS.get(connection.driver)
    if build is None:
        raise ValueError(
            f"{connection.id}: there is no simulator for driver {connection.driver!r}; there are: {', '.join(BUILDERS)}"
        )
    return build


def _camera(site: Site, camera: Camera) -> Served:
    keys = camera.settings
    if not keys.username:
        raise ValueError(
            f"{camera.id}: a simulated camera wants a password; give `username` and `password_file`"
        )
    address = keys.url or ""  # the site file is refused without one
    url = urlsplit(address)
    simulator = CameraSimulator(
        host=url.hostname or "127.0.0.1",
        port=url.port or RTSP_PORT,
        path=url.path.rstrip("/"),  # it asks for no query: one camera has one stream
        username=keys.username,
        password=site.secret(keys.password_file),
        title=camera.id,
    )
    return Served(id=camera.id, where=address, simulators=(simulator,), devices={camera.id: simulator})
