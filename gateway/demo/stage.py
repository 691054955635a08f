"""Everything that the demo needs, started in order and ended in order: county, line, school, footage, gateway, guard."""

import asyncio
import contextlib
import logging
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.clock import SystemClock
from gateway.demo.guard import Guard
from gateway.demo.process import GatewayProcess
from gateway.demo.seed import Seeded, seed
from gateway.demo.sitefile import PORTS, write_site_file
from gateway.demo.timeline import Timeline, TraceReader
from gateway.driver import DriverSpec
from gateway.errors import GatewayError
from gateway.model import EventType
from gateway.recording.shelf import Shelf
from gateway.site import Site, load_site
from gateway.store.library_rows import NewSegment
from simulators.county import County, CountyStore, Event
from simulators.county.broker import EmbeddedBroker
from simulators.port import ReservedPort
from simulators.proxy import FaultProxy
from simulators.school import School

#: A recorded file without a picture is no bigger; bytes.
_ONLY_A_HEAD = 2000

GUARD = "guard"
GUARD_DISPLAY = "值班门卫"

_PASSWORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 - without those that look alike


class StageFault(GatewayError):  # noqa: N818 - the stage's word
    """The demo can't be set up; the message says what is in the way."""


class Stage:
    """`async with Stage(…)`: everything but the gateway's process runs inside; on the way out all of it has ended.

    `directory` holds every file, and goes at the end unless `keep` is set. `console_port` is where a person looks for
    the console; another one is taken where that is not free. Without `receipts` the county confirms nothing.
    `on_death` hears the exit code of a gateway that ended by itself. `clips` are those that the county was told of.
    """

    directory: Path
    site: Site
    county: County
    school: School
    gateway: GatewayProcess
    guard: Guard
    seeded: Seeded
    timeline: Timeline

    def __init__(
        self,
        drivers: Mapping[str, DriverSpec],
        *,
        console_port: int = 0,
        receipts: bool = True,
        on_death: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.clock = SystemClock()
        self.keep = False
        self.link_is_up = True
        self.clips = 0
        self._announced: set[str] = set()
        self._drivers = drivers
        self._console_port = console_port
        self._receipts = receipts
        self._on_death = on_death
        self._ending = AsyncExitStack()

    # ---- life

    async def __aenter__(self) -> Self:
        """Set up. Raises StageFault."""
        try:
            await self._set_up()
        except (OSError, sqlite3.Error, GatewayError) as error:
            await self._ending.aclose()
            raise StageFault(str(error)) from error
        except BaseException:  # raised on
            await self._ending.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        await self._ending.aclose()

    async def _set_up(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="campus-demo-"))
        self._ending.push_async_callback(self._remove)
        self._ending.enter_context(_log_to(self.directory / "demo.log"))
        self.timeline = Timeline(TraceReader(self.directory / "trace.jsonl"))
        broker = EmbeddedBroker()
        self._ending.push_async_callback(broker.stop)
        await broker.start()
        self._line = FaultProxy("127.0.0.1", broker.port)
        self._ending.push_async_callback(self._line.stop)
        await self._line.start()
        ports = {name: self._reserve(self._console_port if name == "console" else 0) for name in PORTS}
        ports["broker"] = self._line.port
        path = write_site_file(self.directory, ports, secrets.token_urlsafe())
        self.site = load_site(path, self._drivers)
        password = "".join(secrets.choice(_PASSWORD_LETTERS) for _ in range(8))
        self.guard = Guard(f"http://127.0.0.1:{ports['console']}", GUARD, password)
        self.seeded = await seed(self.site, name=GUARD, display=GUARD_DISPLAY, password=password)
        await self._start_county(broker.port)
        self.school = School(self.site)
        await self.school.start()
        self._ending.push_async_callback(self.school.stop)
        self.gateway = GatewayProcess(
            self.site.path,
            trace=self.directory / "trace.jsonl",
            log=self.directory / "gateway.log",
            on_death=self._on_death,
        )
        self._ending.push_async_callback(self.gateway.stop)

    def _reserve(self, wanted: int) -> int:
        """A port that nobody else is given until the end; the gateway and the simulators can listen there."""
        if wanted and _is_taken(wanted):
            wanted = 0
        reserved = ReservedPort(port=wanted)
        self._ending.callback(reserved.release)
        return reserved.number

    async def _start_county(self, port: int) -> None:
        store = CountyStore(self.directory / "county.db")
        self.county = County("127.0.0.1", port, protocol="3.1.1", receipts=self._receipts, store=store)
        self.county.on_event = lambda event, _at, _ns: self._hear(event)
        await self.county.start()
        self._ending.push_async_callback(self.county.stop)

    def _hear(self, event: Event) -> None:
        self.timeline.heard(event)
        if event.type == EventType.SNAPSHOT:
            self._announced.add(str(event.data["evidence"]))
        self.clips += event.type == EventType.CLIP

    async def _remove(self) -> None:
        if not self.keep:
            await asyncio.to_thread(shutil.rmtree, self.directory)

    # ---- hands

    async def start_gateway(self) -> None:
        """Return when its console listens. Raises GatewayDied."""
        await self.gateway.start()

    def press(self, point: str) -> None:
        """Press, or bring into alarm; it stays so until `release`. The timeline has the moment."""
        self.timeline.pressed(point, self.school.press(point).at_utc)

    async def cut_link(self) -> None:
        """Between gateway and broker: reset, and refused from now on."""
        self.link_is_up = False
        await self._line.cut()

    async def restore_link(self) -> None:
        """Whole again."""
        await self._line.restore()
        self.link_is_up = True

    @property
    def is_sounding(self) -> bool:
        """Whether a sounder is on, as its module has it."""
        return any(output.is_on for output in self.school.outputs.values())

    # ---- footage

    @property
    def names(self) -> Mapping[str, str]:
        """What points and devices are called, by their ids."""
        devices = {device.id: device.name for device in self.site.devices}
        return devices | {point.id: point.name for device in self.site.devices for point in device.points}

    @property
    def camera(self) -> str:
        """The camera's id."""
        return self.site.cameras[0].id

    @property
    def shelf(self) -> Shelf:
        """Where whole segments are. Its methods block: for a thread."""
        return Shelf(self.site.recording_dir)

    @property
    def is_filming(self) -> bool:
        """Whether there is footage in the file that the camera is recorded into just now. Blocks: for a thread."""
        spool = self.shelf.spool / self.camera
        try:
            return any(file.stat().st_size > _ONLY_A_HEAD for file in spool.glob("*.mp4"))
        except FileNotFoundError:  # it was finished while we looked
            return False

    def unseen(self) -> set[str]:
        """The ids of snapshots that the county was told of and has not got."""
        return self._announced - {one.evidence for one in self.county.report().snapshots}

    def recorded(self) -> list[NewSegment]:
        """The whole segments that were recorded since the start, oldest first. Blocks: for a thread."""
        shelf, seeded = self.shelf, {*self.seeded.expired, self.seeded.held}
        files = [file for day in shelf.days(self.camera) for file in shelf.files(self.camera, day)]
        found = [shelf.read_name(file) for file in files if shelf.path(file) not in seeded]
        return sorted((one for one in found if one is not None), key=lambda one: one.start)


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """What the simulators and their libraries warn of goes to a file: the terminal is for the demo."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _is_taken(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        reserved = ReservedPort(port=port)
    except OSError:
        return True
    try:
        reserved.listen().close()
    except OSError:
        return True
    finally:
        reserved.release()
    return False
