"""The site's cameras as the recorder's orders: with their password, and with the address that the camera itself tells."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote

from gateway.clock import Clock
from gateway.errors import SiteFileError
from gateway.recording.addresses import AddressBook, Addresses, AddressKeeper
from gateway.recording.protocol import CameraTask, Cause
from gateway.recording.trouble import Trouble
from gateway.site import Site
from gateway.site.site import Camera
from gateway.store.files import FileThread

_ASK_DISK_S = 5.0


class Roster:
    """All cameras that are recorded. `on_order` is told how, once that is known or has changed; `on_unknown` why not.

    A camera whose address is not in the site file starts with what it said last, and is asked in the background.
    """

    def __init__(
        self,
        site: Site,
        *,
        ask: Addresses,
        clock: Clock,
        files: FileThread,
        trouble: Trouble,
        on_order: Callable[[CameraTask], Awaitable[None]],
        on_unknown: Callable[[str, Cause, str], Awaitable[None]],
    ) -> None:
        self._site = site
        self._ask = ask
        self._clock = clock
        self._trouble = trouble
        self._on_order = on_order
        self._on_unknown = on_unknown
        self._book = AddressBook(site.recording_dir / "addresses.json", files)
        self._logins: dict[str, str] = {}
        self._ordered: dict[str, CameraTask] = {}
        self._keepers: dict[str, AddressKeeper] = {}
        self.cameras: tuple[Camera, ...] = ()

    async def load(self) -> tuple[CameraTask, ...]:
        """Read passwords and remembered addresses; the orders that can be given at once, `cameras` are all of them."""
        wanted = [camera for camera in self._site.cameras if camera.settings.record]
        self.cameras = tuple([camera for camera in wanted if await self._has_login(camera)])
        try:
            async with asyncio.timeout(_ASK_DISK_S):
                known = await self._book.load()
        except TimeoutError:
            known = {}
        for camera in self.cameras:
            url = camera.settings.url
            if url is None:
                keeper = self._keepers[camera.id] = self._keeper(camera)
                url = keeper.choose(known[camera.id]) if camera.id in known else None
            if url is not None:
                self._ordered[camera.id] = self._task(camera, url)
        return tuple(self._ordered.values())

    async def run(self) -> None:
        """Ask the cameras that have to be asked; returns at once where there is none, else never."""
        async with asyncio.TaskGroup() as group:
            for camera, keeper in self._keepers.items():
                group.create_task(keeper.run(), name=f"address-of-{camera}")

    def ask_again(self, camera: str) -> None:
        """It does not answer where it did: it may have moved."""
        if camera in self._keepers:
            self._keepers[camera].ask_again()

    async def _has_login(self, camera: Camera) -> bool:
        """Without a password that can be read it can't be recorded, which is said."""
        try:
            password = await asyncio.to_thread(self._site.secret, camera.settings.password_file)
        except (SiteFileError, OSError) as error:
            self._trouble.note("password", f"{camera.id} is not recorded: {error}", subject=camera.id)
            return False
        user = f"{quote(camera.settings.username, safe='')}:{quote(password, safe='')}@"
        self._logins[camera.id] = user if camera.settings.username else ""
        return True

    def _task(self, camera: Camera, url: str) -> CameraTask:
        scheme, rest = url.split("://", 1)
        return CameraTask(
            camera=camera.id,
            url=f"{scheme}://{self._logins[camera.id]}{rest}",
            transport=camera.settings.transport,
            sound=camera.settings.sound,
        )

    def _keeper(self, camera: Camera) -> AddressKeeper:
        return AddressKeeper(
            camera.id,
            camera.settings.stream,
            ask=self._ask,
            book=self._book,
            clock=self._clock,
            on_address=partial(self._take, camera),
            on_unknown=partial(self._miss, camera),
        )

    async def _take(self, camera: Camera, url: str) -> None:
        task = self._task(camera, url)
        if self._ordered.get(camera.id) != task:
            self._ordered[camera.id] = task
            await self._on_order(task)

    async def _miss(self, camera: Camera, cause: Cause, reason: str) -> None:
        if camera.id not in self._ordered:  # else it is recorded, or tried, where it was
            await self._on_unknown(camera.id, cause, reason)
