"""The ONVIF camera as a whole: its life, what happens to it, its faults, its power."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

from simulators.camera import CameraSimulator
from simulators.camera.misbehaviour import Misbehaviour
from simulators.fault import Fault
from simulators.onvif.acts import Acts
from simulators.onvif.auth import Algorithm, Gate, Lock
from simulators.onvif.desk import Desk
from simulators.onvif.device import DeviceService, scopes
from simulators.onvif.deviceio import DeviceIoService
from simulators.onvif.discovery import Discovery, Presence
from simulators.onvif.events import EventService
from simulators.onvif.media import MediaService
from simulators.onvif.quirks import Auth, Quirk
from simulators.onvif.search import SearchService
from simulators.onvif.server import HttpServer
from simulators.onvif.unit import DEVICE, Unit
from simulators.port import ReservedPort

#: How long a reboot takes (s): a rehearsal's, not a camera's.
REBOOT_SECONDS = 0.3
LOCK_SECONDS = 30.0


class OnvifSimulator(Acts):
    """An ONVIF camera before an RTSP one, which it starts and stops (implements `simulators.fault.Simulator`).

    `port` 0 takes a free one; `host` is an IPv4 address. `discovery_port` None answers no probes, 0 those sent to a free
    port; with `discovery_multicast` (then give 3702) the group is joined, too. `slow_seconds` is how late SLOW and
    SLOW_SOAP answer. `lock_seconds` is for LOCKS_ACCOUNT. `quirks` and `clock_offset` may be set at any time.
    """

    def __init__(  # noqa: PLR0913 - a camera has that many properties, all with a default
        self,
        camera: CameraSimulator,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        username: str = "admin",
        password: str = "camera",  # noqa: S107 - a rehearsal's, known to all
        inputs: Sequence[str] = ("DI_1",),
        relays: Sequence[str] = ("R_1",),
        auth: Auth = Auth.DIGEST_AND_WSS,
        algorithms: Sequence[Algorithm] = (Algorithm.MD5,),
        media2: bool = True,
        media1: bool = True,
        quirks: frozenset[Quirk] = frozenset(),
        name: str = "Campus Camera",
        discovery_port: int | None = None,
        discovery_multicast: bool = False,
        slow_seconds: float = 2.0,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        self.camera = camera
        self._host = host
        self._wanted_port = port
        self._discovery_port = discovery_port
        self._discovery_multicast = discovery_multicast
        self._id = uuid.uuid5(uuid.NAMESPACE_URL, name)
        unit = Unit(name=name, inputs=inputs, relays=relays, quirks=quirks, camera=camera)
        unit.media1, unit.media2 = media1, media2
        unit.on_reboot = self._reboot_soon
        gate = Gate(
            auth=auth,
            username=username,
            password=password,
            now=unit.now,
            algorithms=tuple(algorithms),
        )
        super().__init__(unit, gate)
        self._lock = Lock(lock_seconds)
        self._misbehaviour = Misbehaviour(slow_seconds)
        services = (DeviceService, DeviceIoService, MediaService, EventService, SearchService)
        operations = {key: one for service in services for key, one in service(self._unit).operations.items()}
        desk = Desk(self._unit, self._gate, operations, snapshot=self._snapshot, slow_seconds=slow_seconds)
        self._server = HttpServer(desk.answer, self._misbehaviour)
        self._discovery = Discovery(self._presence)
        self._reserved: ReservedPort | None = None
        self._reboots: set[asyncio.Task[None]] = set()
        self.quirks = quirks

    # ---- what can be seen

    @property
    def port(self) -> int:
        """The TCP port; once started always the same, also over a power cycle."""
        return self._unit.port

    @property
    def address(self) -> str:
        """Of the device service."""
        return f"http://{self._host}:{self.port}{DEVICE}"

    @property
    def username(self) -> str:
        """Whose password is asked for."""
        return self._gate.username

    @property
    def running(self) -> bool:
        """Whether it can be reached: not before `start`, not without power, not while it reboots."""
        return self._server.listening

    @property
    def discovery_port(self) -> int:
        """The UDP port where probes are answered; 0 if nowhere."""
        return self._discovery.port

    @property
    def requests(self) -> Counter[str]:
        """How often each operation was asked for, also in vain."""
        return self._unit.requests

    @property
    def failed_logins(self) -> int:
        """Wrong passwords, digests and tokens; a request without any is not counted."""
        return self._gate.failed

    @property
    def locked(self) -> bool:
        """Whether LOCKS_ACCOUNT holds every login off just now."""
        return self._gate.locked

    @property
    def subscriptions(self) -> int:
        """Pull points that are open now."""
        return len(self._unit.pull_points)

    @property
    def waiting_pulls(self) -> int:
        """Pulls that wait for a message now."""
        return self._unit.pull_points.waiters

    @property
    def pulled(self) -> int:
        """Messages that were fetched."""
        return self._unit.pulled

    @property
    def inputs(self) -> tuple[str, ...]:
        """Their tokens."""
        return tuple(self._unit.inputs)

    @property
    def relays(self) -> tuple[str, ...]:
        """Their tokens."""
        return tuple(self._unit.relays)

    def relay(self, token: str) -> bool:
        """Whether a relay is active. Raises KeyError for one that is not there."""
        return self._unit.relays[token]

    def input(self, token: str) -> bool:
        """Whether an input is active. Raises KeyError for one that is not there."""
        return self._unit.inputs[token]

    @property
    def quirks(self) -> frozenset[Quirk]:
        """The habits it has now."""
        return self._unit.quirks

    @quirks.setter
    def quirks(self, quirks: frozenset[Quirk]) -> None:
        self._unit.quirks = quirks
        self._gate.strict_created = Quirk.STRICT_CREATED in quirks
        self._gate.lock = self._lock if Quirk.LOCKS_ACCOUNT in quirks else None

    @property
    def pull_point_limit(self) -> int:
        """How many pull points LIMITED_PULL_POINTS allows; 1 at first."""
        return self._unit.pull_point_limit

    @pull_point_limit.setter
    def pull_point_limit(self, most: int) -> None:
        self._unit.pull_point_limit = most

    @property
    def close_pull_seconds(self) -> float:
        """How long CLOSES_PULL_AFTER waits; 2 s at first."""
        return self._unit.close_pull_seconds

    @close_pull_seconds.setter
    def close_pull_seconds(self, seconds: float) -> None:
        self._unit.close_pull_seconds = seconds

    @property
    def clock_offset(self) -> timedelta:
        """How far its clock is ahead; the stream has the same."""
        return self._unit.clock_offset

    @clock_offset.setter
    def clock_offset(self, offset: timedelta) -> None:
        self._unit.clock_offset = offset

    @property
    def on_relay(self) -> Callable[[str], None]:
        """Hears the token of each relay that has changed; may be set."""
        return self._unit.on_relay

    @on_relay.setter
    def on_relay(self, hears: Callable[[str], None]) -> None:
        self._unit.on_relay = hears

    # ---- life

    async def reboot(self) -> None:
        """All subscriptions are gone, connections are cut; it is back after a moment, with the same tokens."""
        self._discovery.bye()
        await self.power_cycle(REBOOT_SECONDS)

    async def start(self) -> None:
        """Start the stream and serve. Raises OSError if an address or port can't be had."""
        async with AsyncExitStack() as ending:
            ending.push_async_callback(self.camera.stop)
            await self.camera.start()
            self._reserved = ReservedPort(self._host, self._unit.port or self._wanted_port)
            ending.callback(self._reserved.release)
            self._unit.host, self._unit.port = self._host, self._reserved.number
            self._unit.wake()
            ending.callback(self._discovery.close)
            if self._discovery_port is not None:
                port = self._discovery.port or self._discovery_port
                await self._discovery.open(self._host, port, multicast=self._discovery_multicast)
            await self._server.open(self._reserved.listen())
            self._discovery.hello()
            ending.pop_all()

    async def stop(self) -> None:
        """Say goodbye and end; the fault ends too."""
        for reboot in list(self._reboots):
            reboot.cancel()
        await asyncio.gather(*self._reboots, return_exceptions=True)
        self._discovery.bye()
        self._discovery.close()
        self._misbehaviour.change(Fault.NONE)
        self._gate.closed = False
        self._unit.pull_points.close_all()
        await self._server.close()
        if self._reserved is not None:
            self._reserved.release()
            self._reserved = None
        await self.camera.stop()

    async def misbehave(self, fault: Fault) -> None:
        """Change the fault of SOAP, snapshots and stream together, also for connections that are open.

        SILENT takes requests, does what they ask, and holds the answers; HALF_OPEN holds the requests. Both go on
        afterwards. SLOW answers late, GARBAGE with rubbish, REFUSED refuses every password.
        """
        self._misbehaviour.change(fault)
        self._gate.closed = fault is Fault.REFUSED
        await self.camera.misbehave(fault)

    async def power_cycle(self, off_seconds: float) -> None:
        """Lose power, stay away so long, come back at the same port. A fault outlives it."""
        await self.power_off()
        try:
            await asyncio.sleep(off_seconds)
        finally:
            await self.power_on()

    async def power_off(self) -> None:
        """Vanish without a goodbye: connections are reset, new ones refused; the port stays ours."""
        self._unit.pull_points.close_all()
        await self._server.close()
        await self.camera.power_off()

    async def power_on(self) -> None:
        """Serve again with start-up state; does nothing if it is on, or was stopped meanwhile."""
        if self._reserved is None or self._server.listening:
            return
        self._unit.wake()
        await self.camera.power_on()
        await self._server.open(self._reserved.listen())
        self._discovery.hello()

    # ---- inside

    def _reboot_soon(self) -> None:
        task = asyncio.create_task(self.reboot())
        self._reboots.add(task)
        task.add_done_callback(self._reboots.discard)

    def _presence(self) -> Presence | None:
        mute = self._misbehaviour.fault in {Fault.SILENT, Fault.HALF_OPEN}
        if mute or not self._server.listening:
            return None
        return Presence(self._id, self._unit.address(DEVICE), scopes(self._unit.name))

    async def _snapshot(self) -> bytes:
        return await asyncio.to_thread(self.camera.snapshot)
