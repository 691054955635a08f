"""Serves one camera: listens to what it tells through a pull point, switches its relays, says where its pictures are."""

import asyncio
from typing import NoReturn, cast

from drivers.onvif.account import Need
from drivers.onvif.answers import Fault, NoService
from drivers.onvif.camera import Camera
from drivers.onvif.listening import Listening
from drivers.onvif.media import find_streams
from drivers.onvif.memory import Memory
from drivers.onvif.reports import Reports
from drivers.onvif.settings import OnvifDevice, OutputKeys, SiteConnection
from drivers.onvif.toolkit import DEVICE, DEVICE_IO, Parameter
from drivers.onvif.tracking import Tracker
from gateway.clock import Clock
from gateway.driver import MOST_PICTURE_BYTES, Sink, Streams
from gateway.errors import DeviceRefused, DeviceUnavailable, SiteFileError

#: A picture is there within so many seconds.
PICTURE_LIMIT_S = 5.0

#: What all cameras of this process remember from attempt to attempt.
_MEMORY = Memory()


class OnvifDriver:
    """One camera. `polled_at` is the monotonic second at which its last call ended, for the watchdog."""

    def __init__(self, connection: SiteConnection, clock: Clock, memory: Memory = _MEMORY) -> None:
        self._connection = connection
        self._clock = clock
        self._memory = memory
        self._camera: Camera | None = None
        self._streams: Streams | None = None
        self._looking = asyncio.Lock()
        self._switching = asyncio.Lock()
        self._begun = clock.monotonic()

    @property
    def polled_at(self) -> float:
        """When the last call ended."""
        return self._camera.asked_at if self._camera is not None else self._begun

    async def run(self, sink: Sink) -> NoReturn:
        """Serve until cancelled. Raises DeviceUnavailable and DeviceRefused, after all that was seen is reported."""
        (device,) = self._connection.devices

        def malformed(data: bytes, why: str) -> None:
            sink.malformed(device.id, data, why)

        keys = self._connection.settings
        async with Camera(keys, await self._password(), self._clock, self._memory, malformed) as camera:
            try:
                async with asyncio.TaskGroup() as tasks:
                    end = await self._serve(camera, device, Reports(sink, tasks))
            finally:
                self._camera = None
        raise end

    async def switch(self, output: str, *, on: bool) -> None:
        """Set a relay; returns when the camera has taken it. Raises DeviceUnavailable and DeviceRefused.

        One after the other: several at once could be too many failed logins at once.
        """
        (device,) = self._connection.devices
        keys = next((cast("OutputKeys", one.settings) for one in device.outputs if one.id == output), None)
        if keys is None:
            raise DeviceRefused(f"there is no output {output!r} on this connection")
        camera = self._connected()
        service = DEVICE_IO if camera.offers(DEVICE_IO.namespace) else DEVICE
        state = "active" if on else "inactive"
        wish: dict[str, Parameter] = {"RelayOutputToken": keys.relay, "LogicalState": state}
        async with self._switching:
            try:
                await camera.ask(service, "SetRelayOutputState", wish, need=Need.ACT)
            except Fault:  # some tell of a service for it, and do it in the older one
                if service is DEVICE:
                    raise
                await camera.ask(DEVICE, "SetRelayOutputState", wish, need=Need.ACT)

    async def streams(self) -> Streams:
        """Where its pictures are, asked once in an attempt. Raises DeviceUnavailable, DeviceRefused."""
        async with self._looking:
            if self._streams is None:
                self._streams = await find_streams(self._connected())
            return self._streams

    async def picture(self) -> bytes:
        """A JPEG from its snapshot address. Raises DeviceUnavailable where there is none, DeviceRefused."""
        try:
            async with asyncio.timeout(PICTURE_LIMIT_S):
                address = (await self.streams()).snapshot
                if address is None:
                    raise DeviceUnavailable(f"{self._connection.id} tells no address of a picture")
                data = await self._connected().pictures.fetch(address, MOST_PICTURE_BYTES, PICTURE_LIMIT_S)
        except TimeoutError:
            raise DeviceUnavailable(
                f"{self._connection.id} gives no picture in {PICTURE_LIMIT_S:g} s"
            ) from None
        if not data.startswith(b"\xff\xd8"):
            raise DeviceUnavailable(f"{self._connection.id} gives something that is no JPEG")
        return data

    def _connected(self) -> Camera:
        if self._camera is None:
            raise DeviceUnavailable(f"{self._connection.id} is not connected")
        return self._camera

    async def _password(self) -> str:
        file = self._connection.settings.password_file
        try:
            return await asyncio.to_thread(self._connection.secret, file)
        except SiteFileError as error:
            raise DeviceRefused(str(error)) from error

    async def _serve(
        self, camera: Camera, device: OnvifDevice, reports: Reports
    ) -> DeviceUnavailable | DeviceRefused:
        """Why it is over."""
        try:
            await camera.read_clock()
            identity = await camera.log_in()
            await camera.find_services()
            listening = Listening(
                camera=camera,
                connection=self._connection,
                clock=self._clock,
                memory=self._memory,
                tracker=Tracker(device),
                reports=reports,
                malformed=camera.on_garbage,
            )
            self._camera = camera
            await listening.serve(identity)
        except NoService as nobody:  # a camera that starts: its web server is there before the rest of it
            return DeviceUnavailable(str(nobody)) if self._memory.has_served(camera.keys) else nobody
        except (DeviceUnavailable, DeviceRefused) as end:
            return end
