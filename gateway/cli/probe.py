"""`probe`: talks to each device once and tells a technician what is wrong, in words to act on."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace

from pydantic import BaseModel

from gateway.cli.probe_camera import probe_camera
from gateway.cli.words import say
from gateway.clock import Clock, SystemClock
from gateway.driver import PROBE_LIMIT_S, Connection, DriverSpec, Finding
from gateway.site import Site, load_site
from gateway.site.site import Camera

#: Each has a process of its own for some seconds.
_CAMERAS_AT_ONCE = 4

_AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


def probe(arguments: argparse.Namespace, drivers: Mapping[str, DriverSpec]) -> int:
    """0 if all is well, 1 if something is not (said in the findings), or if there is no such device."""
    site = load_site(arguments.site, drivers)
    wanted: str | None = arguments.device
    connections = [part for connection in site.connections if (part := _part(connection, wanted)) is not None]
    cameras = [camera for camera in site.cameras if not camera.driven and wanted in (None, camera.id)]
    if not connections and not cameras:
        known = ", ".join(sorted({*(c.id for c in site.connections), *(d.id for d in site.devices)}))
        sys.stderr.write(say("probe-unknown", device=wanted or "", known=known) + "\n")
        return 1
    teller = _Teller(site, as_json=arguments.json)
    try:
        asyncio.run(_probe_all(site, connections, cameras, drivers, teller))
    finally:
        teller.end()
    return 0 if teller.all_well else 1


def _part(connection: _AnyConnection, wanted: str | None) -> _AnyConnection | None:
    """The connection with the devices that are wanted; None if it has none of them."""
    if wanted in (None, connection.id):
        return connection
    devices = tuple(device for device in connection.devices if device.id == wanted)
    return replace(connection, devices=devices) if devices else None


async def _probe_all(
    site: Site,
    connections: list[_AnyConnection],
    cameras: list[Camera],
    drivers: Mapping[str, DriverSpec],
    teller: "_Teller",
) -> None:
    """Connections at once, for each is a wire of its own; what is found is told as it is found. Cameras a few at a time."""
    clock = SystemClock()
    few = asyncio.Semaphore(_CAMERAS_AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(_probe_one(connection, drivers[connection.driver], clock, teller))
        for camera in cameras:
            tasks.create_task(_look_at(site, camera, few, teller))


async def _look_at(site: Site, camera: Camera, few: asyncio.Semaphore, teller: "_Teller") -> None:
    async with few:
        teller.tell(await probe_camera(site, camera))


async def _probe_one(connection: _AnyConnection, spec: DriverSpec, clock: Clock, teller: "_Teller") -> None:
    if spec.probe is None:
        teller.tell(Finding(subject=connection.id, ok=False, text=say("probe-cannot", driver=spec.name)))
        return
    try:
        async with asyncio.timeout(PROBE_LIMIT_S):
            async for finding in spec.probe(connection, clock):
                teller.tell(finding)
    except TimeoutError:
        text = say("probe-too-long", seconds=f"{PROBE_LIMIT_S:g}")
        teller.tell(Finding(subject=connection.id, ok=False, text=text))


class _Teller:
    """Says each finding as it comes, or all of them as JSON at the end."""

    def __init__(self, site: Site, *, as_json: bool) -> None:
        self._names = {device.id: device.name for device in site.devices}
        self._as_json = as_json
        self._found: list[Finding] = []

    @property
    def all_well(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.ok for finding in self._found)

    def tell(self, finding: Finding) -> None:
        """Say it."""
        self._found.append(finding)
        if self._as_json:
            return
        name = self._names.get(finding.subject, finding.subject)
        who = finding.subject if name == finding.subject else f"{finding.subject} ({name})"
        took = "" if finding.took_s is None else f"  [{finding.took_s * 1000:.0f} ms]"
        mark = say("probe-good") if finding.ok else say("probe-bad")
        sys.stdout.write(f"{mark}  {who}: {finding.text}{took}\n")
        sys.stdout.flush()

    def end(self) -> None:
        """Say what came of it all."""
        wrong = sum(not finding.ok for finding in self._found)
        if self._as_json:
            lines = {"ok": wrong == 0, "findings": [asdict(one) for one in self._found]}
            sys.stdout.write(json.dumps(lines, ensure_ascii=False) + "\n")
            return
        sys.stdout.write((say("probe-found", count=wrong) if wrong else say("probe-well")) + "\n")
