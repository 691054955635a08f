"""A gateway's journal and uplink for tests: real journal, real broker, real county; time can be skipped."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.model import Kind, Level, Origin, Signal
from gateway.site import Site, load_site
from gateway.site.site import DeviceEntry
from gateway.store import Journal
from gateway.trace import Stage
from gateway.uplink import Uplink
from tests.wait import until

ROOT = "campus/1/330106/school"
COUNTY, SITE = "330106", "school"
DESTINATION = "county"

_SITE_FILE = """
[site]
id = "{site}"
name = "A school"
county = "{county}"
state_dir = "{state_dir}"
clock = "host"

[journal]
ballast_mb = 0

[[zone]]
id = "gate"
name = "Gatehouse"

[[uplink]]
name = "{destination}"
{uplink}
[[uplink.broker]]
host = "127.0.0.1"
port = {port}
{broker}
"""


class SkippingClock:
    """Real time that a test can make jump: `skip` ends every sleep that ends within the skipped time."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._sleepers: set[tuple[float, asyncio.Event]] = set()

    def now(self) -> datetime:
        """The wall clock, ahead by what was skipped."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Seconds, ahead by what was skipped."""
        return time.monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until so much has been skipped."""
        sleeper = (self.monotonic() + seconds, asyncio.Event())
        self._sleepers.add(sleeper)
        try:
            async with asyncio.timeout(seconds):
                await sleeper[1].wait()
        except TimeoutError:
            pass
        finally:
            self._sleepers.discard(sleeper)

    def skip(self, seconds: float) -> None:
        """So many seconds pass at once."""
        self._ahead += seconds
        for end, event in list(self._sleepers):
            if end <= self.monotonic():
                event.set()


class Marks:
    """A tracer that remembers."""

    def __init__(self) -> None:
        self.at: dict[Stage, dict[str, float]] = {stage: {} for stage in Stage}

    def mark(self, stage: Stage, event_ids: Sequence[str], monotonic: float, destination: str = "") -> None:
        """Keep the first time."""
        for event_id in event_ids:
            self.at[stage].setdefault(event_id, monotonic)


def make_site(
    directory: Path, port: int, *, uplink: str = "", broker: str = "", devices: Sequence[str] = ()
) -> Site:
    """A site with one zone and one destination; `uplink` and `broker` are further TOML lines of these tables."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "site.toml"
    path.write_text(
        _SITE_FILE.format(
            site=SITE,
            county=COUNTY,
            state_dir=directory / "state",
            destination=DESTINATION,
            uplink=uplink,
            port=port,
            broker=broker,
        ),
        encoding="utf-8",
    )
    entries = tuple(
        DeviceEntry(id=device, name=device, zone="gate", connection=device, points=()) for device in devices
    )
    return replace(load_site(path, {}), devices=entries)


class World:
    """One gateway under test."""

    def __init__(self, site: Site, clock: SkippingClock) -> None:
        self.site = site
        self.clock = clock
        self.marks = Marks()
        self.journal: Journal
        self.uplink: Uplink
        self._task: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)

    async def open(self) -> None:
        """Open the journal."""
        self.journal = await Journal.open(self.site, clock=self.clock, tracer=self.marks)

    async def start(self) -> None:
        """Run the uplink; returns at once."""
        self.uplink = Uplink(self.site.uplinks[0], self.site, self.journal, self.clock, self.marks)
        self._task = asyncio.create_task(self.uplink.run())

    async def connected(self, seconds: float = 15.0) -> None:
        """Wait for the line."""
        await until(lambda: self._alive() and self.uplink.view().connected, seconds)

    def skip_until_connected(self) -> bool:
        """Let a back-off pass; whether the line is up."""
        self.clock.skip(5)
        return self._alive() and self.uplink.view().connected

    def _alive(self) -> bool:
        assert self._task is not None
        if self._task.done():
            self._task.result()
        return True

    async def stop(self) -> None:
        """End the uplink, with its goodbye."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def close(self) -> None:
        """End everything."""
        await self.stop()
        await self.journal.close()

    async def press(self, kind: Kind = Kind.PANIC, point: str | None = None) -> str:
        """A press of a new point (or of `point`); returns the alarm's id."""
        point = point or f"button:{next(self._numbers)}"
        await self.journal.report(
            Signal(device="button", point=point, kind=kind, level=Level.ACTIVE, origin=Origin.EVENT)
        )
        return next(a.id for a in self.journal.open_alarms.values() if a.source.subject == point)

    async def presses(self, count: int, kind: Kind = Kind.PANIC) -> None:
        """So many presses of so many points, at once."""
        await asyncio.gather(
            *(
                self.journal.report(
                    Signal(
                        device="button",
                        point=f"button:{next(self._numbers)}",
                        kind=kind,
                        level=Level.ACTIVE,
                        origin=Origin.EVENT,
                    )
                )
                for _ in range(count)
            )
        )

    @property
    def last(self) -> int:
        """The last number given."""
        return self.journal.head(DESTINATION).last_sequence

    async def waiting(self) -> int:
        """Rows that no confirmation has come for."""
        return (await self.journal.backlog(DESTINATION)).rows

    async def delivered(self, seconds: float = 20.0) -> None:
        """Nothing waits in the outbox any more."""

        async def nothing_waits() -> bool:
            return self._alive() and await self.waiting() == 0

        await until(nothing_waits, seconds)


@asynccontextmanager
async def world(
    directory: Path,
    port: int,
    *,
    uplink: str = "",
    broker: str = "",
    devices: Sequence[str] = (),
    start: bool = True,
) -> AsyncIterator[World]:
    """A gateway for the length of a `with`."""
    site = make_site(directory, port, uplink=uplink, broker=broker, devices=devices)
    gateway = World(site, SkippingClock())
    await gateway.open()
    try:
        if start:
            await gateway.start()
        yield gateway
    finally:
        await gateway.close()


class Party:
    """Any other MQTT client: publishes what it is told, and keeps what it hears."""

    def __init__(self, port: int, *, protocol: str = "5", client_id: str = "party") -> None:
        is_5 = protocol == "5"
        self.heard: list[tuple[str, bytes, bool]] = []
        self.properties: list[Properties | None] = []
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if is_5 else paho.MQTTv311,
        )
        self._is_5 = is_5
        self._port = port
        self._client.on_connect = self._set(self._ready)
        self._client.on_message = self._hear
        self._subscribed = asyncio.Event()
        self._client.on_subscribe = self._set(self._subscribed)

    def _set(self, event: asyncio.Event) -> Callable[..., None]:
        def call(*_: object) -> None:
            self._loop.call_soon_threadsafe(event.set)

        return call

    def _hear(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        self._loop.call_soon_threadsafe(self._keep, message)

    def _keep(self, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic.removeprefix(f"{ROOT}/"), bytes(message.payload), message.retain))
        self.properties.append(message.properties)

    async def start(self, *topics: str) -> None:
        """Connect, and subscribe."""
        await asyncio.to_thread(self._client.connect, "127.0.0.1", self._port, 30)
        self._client.loop_start()
        await asyncio.wait_for(self._ready.wait(), 10)
        if topics:
            await self.subscribe(*topics)

    async def subscribe(self, *topics: str) -> None:
        """Subscribe; returns when the broker has agreed."""
        self._subscribed.clear()
        if self._is_5:
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            self._client.subscribe([(topic, options) for topic in topics])
        else:
            self._client.subscribe([(topic, 1) for topic in topics])
        await asyncio.wait_for(self._subscribed.wait(), 10)

    async def say(
        self,
        topic: str,
        payload: bytes | dict[str, object],
        *,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        """Publish below the root; returns when the broker has it."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        sent = self._client.publish(f"{ROOT}/{topic}", data, 1, retain, properties)
        await until(sent.is_published, 10)

    def on(self, topic: str) -> list[bytes]:
        """What was heard on a topic below the root."""
        return [payload for name, payload, _ in self.heard if name == topic]

    def documents(self, topic: str) -> list[dict[str, object]]:
        """The JSON documents heard on a topic below the root."""
        return [json.loads(payload) for payload in self.on(topic)]

    def documents_at(self, index: int) -> dict[str, object]:
        """The JSON of one message that was heard."""
        document: dict[str, object] = json.loads(self.heard[index][1])
        return document

    async def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)


@asynccontextmanager
async def party(
    port: int, *topics: str, protocol: str = "5", client_id: str = "party"
) -> AsyncIterator[Party]:
    """A client for the length of a `with`."""
    client = Party(port, protocol=protocol, client_id=client_id)
    await client.start(*topics)
    try:
        yield client
    finally:
        await client.stop()


def answering_on(topic: str, correlation: bytes) -> Properties:
    """MQTT 5 properties that ask for the answer on another topic."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.ResponseTopic = topic
    properties.CorrelationData = correlation
    return properties
