"""`check`: is the site file right, and what follows from it. Reads that file alone."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.cli.words import say
from gateway.driver import DriverSpec
from gateway.errors import SiteFileError
from gateway.policy.severity import URGENT, severity_of
from gateway.site import Site, load_site


def check(arguments: argparse.Namespace, drivers: Mapping[str, DriverSpec]) -> int:
    """0 if the file can be used, 2 if not, with every problem on stderr."""
    path: Path = arguments.site
    try:
        site = load_site(path, drivers)
    except SiteFileError as error:
        if arguments.json:
            sys.stdout.write(json.dumps({"ok": False, "problems": error.problems}, ensure_ascii=False) + "\n")
        else:
            sys.stderr.write("".join(f"{path}: {_one_line(problem)}\n" for problem in error.problems))
            sys.stderr.write(say("check-bad", path=path, count=len(error.problems)) + "\n")
        return 2
    advice = [
        line for connection in site.connections for line in drivers[connection.driver].advice(connection)
    ]
    advice += _notes(site)
    if arguments.json:
        sys.stdout.write(json.dumps({"ok": True, "advice": advice}, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join([_summary(site), *advice, say("check-ok", path=path)]) + "\n")
    return 0


def _one_line(problem: str) -> str:
    """A key may hold a line break: each line printed begins with the path, once, for tools that read such lists."""
    return problem.replace("\r", "\\r").replace("\n", "\\n")


def _summary(site: Site) -> str:
    return say(
        "check-summary",
        zones=len(site.zones),
        devices=sum(not device.is_camera for device in site.devices),
        points=sum(len(device.points) for device in site.devices),
        cameras=len(site.cameras),
        uplinks=len(site.uplinks),
    )


def _notes(site: Site) -> list[str]:
    notes = [] if site.uplinks else [say("check-no-uplink")]
    for device in site.devices:
        notes += [
            say("check-no-camera", point=point.id)
            for point in device.points
            if site.cameras and not point.cameras and severity_of(point.kind) in URGENT
        ]
    return notes
