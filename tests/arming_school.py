"""A school with doors and windows for tests of arming: its site file, its points, and readings of its journal."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.model import Kind, Level, Origin, Signal
from gateway.site import Site, load_site
from gateway.store import Journal
from tests.sites import BY_HAND, SCHOOL, uplink

DOORS = """
[[zone]]
id = "office"
name = "办公楼"
place = "3 号楼"
entry_s = 30
exit_s = 60
{schedule}

[[zone]]
id = "store"
name = "仓库"

[[device]]
id = "panel"
name = "报警主机"
zone = "office"
driver = "panel-by-hand"
[[device.point]]
id = "front-door"
kind = "door"
entry = true
[[device.point]]
id = "window"
name = "财务室窗"
kind = "intrusion"
[[device.point]]
id = "safe"
kind = "intrusion"
[[device.point]]
id = "office-smoke"
kind = "smoke"
[[device.point]]
id = "store-door"
kind = "door"
zone = "store"
entry = true
[[device.point]]
id = "hold-up"
kind = "duress"
"""

NIGHTS = 'armed = [ {days = "mon-sun", from = "22:00", to = "06:00"} ]'


#: A panel: it tells of what changes, when it changes.
PANEL = replace(BY_HAND, name="panel-by-hand", reports_state=False)


def guarded(
    tmp_path: Path,
    *,
    schedule: str = "",
    more: str = "",
    state: Path | None = None,
    doors: str = DOORS,
    site_keys: str = "",
) -> Site:
    """The small school with an office and a store, and a panel that calls us; by `schedule` the office has one."""
    path = tmp_path / "site.toml"
    site = SCHOOL.format(state=state or tmp_path / "state", site_keys=site_keys, ballast_mb=0)
    path.write_text(site + uplink() + doors.format(schedule=schedule) + more, encoding="utf-8")
    return load_site(path, {"by-hand": BY_HAND, "panel-by-hand": PANEL})


def active(point: str, kind: Kind = Kind.DOOR, **keys: Any) -> Signal:  # fields of a Signal
    """A point of the panel goes active."""
    fields: dict[str, Any] = {"device": "panel", "level": Level.ACTIVE, "origin": Origin.EVENT, **keys}
    return Signal(point=point, kind=kind, **fields)


def shut(point: str, kind: Kind = Kind.DOOR) -> Signal:
    """It is back to normal."""
    return active(point, kind, level=Level.NORMAL)


FRONT = active("front-door")
WINDOW = active("window", Kind.INTRUSION)
SAFE = active("safe", Kind.INTRUSION)
STORE = active("store-door")


def alarms(journal: Journal) -> set[str]:
    """The subjects of the open alarms."""
    return {alarm.source.subject for alarm in journal.open_alarms.values()}


async def told(journal: Journal, family: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The events of a family (`zone`, `point`) in order: what happened, and their data."""
    rows = await journal._rows(
        "select type, body from event where type like ? order by id", (f"campus.{family}.%",)
    )
    return [(kind.split(".")[2], json.loads(body)["data"]) for kind, body in rows]
