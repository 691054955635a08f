"""`probe`: talks to each device once and tells a technician what is wrong, in words to act on."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace

from pydantic import BaseModel

from gateway.cli.words import say
from gateway.clock import Clock, SystemClock
from gateway.driver import PROBE_LIMIT_S, Connection, DriverSpec, Finding
from gateway.site import Site, load_site

_AnyConnection = Connection[BaseModel, BaseModel, BaseModel]


def probe(arguments: argparse.Namespace, drivers: Mapping[str, DriverSpec]) -> int:
    """0 if all is well, 1 if something is not (said in the findings), or if there is no such device."""
    site = load_site(arguments.site, drivers)
    wanted: str | None = arguments.device
    connections = [part for connection in site.connections if (part := _part(connection, wanted)) is not None]
    driven = {camera.id for camera in site.cameras if camera.driven}
    cameras = [
        device.id
        for device in site.devices
        if device.is_camera and device.id not in driven and wanted in (None, device.id)
    ]
    if not connections and not cameras:
        known = ", ".join(sorted({*(c.id for c in site.connections), *(d.id for d in site.devices)}))
        sys.stderr.write(say("probe-unknown", device=wanted or "", known=known) + "\n")
        return 1
    teller = _Teller(site, as_json=arguments.json)
    try:
        asyncio.run(_probe_all(connections, drivers, SystemClock(), teller))
    finally:
        teller.end(cameras)
    return 0 if teller.all_well else 1


def _part(connection: _AnyConnection, wanted: str | None) -> _AnyConnection | None:
    """The connection with the devices that are wanted; None if it has none of them."""
    if wanted in (None, connection.id):
        return connection
    devices = tuple(device for device in connection.devices if device.id == wanted)
    return replace(connection, devices=devices) if devices else None


async def _probe_all(
    connections: list[_AnyConnection], drivers: Mapping[str, DriverSpec], clock: Clock, teller: "_Teller"
) -> None:
    """Connections at once, for each is a wire of its own; what is found is told as it is found."""
    async with asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(_probe_one(connection, drivers[connection.driver], clock, teller))


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

    def end(self, cameras: list[str]) -> None:
        """Say what came of it all."""
        wrong = sum(not finding.ok for finding in self._found)
        if self._as_json:
            lines = {
                "ok": wrong == 0,
                "findings": [asdict(one) for one in self._found],
                "not_probed": cameras,
            }
            sys.stdout.write(json.dumps(lines, ensure_ascii=False) + "\n")
            return
        for camera in cameras:
            sys.stdout.write(say("probe-camera", camera=camera) + "\n")
        sys.stdout.write((say("probe-found", count=wrong) if wrong else say("probe-well")) + "\n")
