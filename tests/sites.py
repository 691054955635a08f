"""Site files for tests: a small school whose points need no real device."""

import asyncio
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel, ConfigDict

from gateway.clock import Clock
from gateway.driver import Connection, DriverSpec, Sink
from gateway.model import Message, Signal
from gateway.site import Site, load_site
from gateway.store import Account, Journal
from gateway.store.accounts import write_account


class Keys(BaseModel):
    """No keys of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Silent:
    """A driver that never has anything to report: the test speaks for it."""

    async def run(self, sink: Sink) -> NoReturn:
        """Never asked to."""
        raise AssertionError(f"a test's driver was run with {sink}")


def _build(connection: Connection[BaseModel, BaseModel, BaseModel], clock: Clock) -> Silent:
    del connection, clock
    return Silent()


BY_HAND = DriverSpec(
    name="by-hand",
    bus=Keys,
    device=Keys,
    point=Keys,
    build=_build,
    reports_state=True,
    notices_loss_within_s=1.0,
    advice=lambda _connection: [],
    output=Keys,
)

SCHOOL = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "{state}"
{site_keys}

[journal]
ballast_mb = {ballast_mb}
retry_disk_s = 0.1

[[zone]]
id = "gate"
name = "校门"
place = "1 号楼一层"
responsible = "门卫室"
cameras = ["cam-gate"]

[[zone]]
id = "hall"
name = "礼堂"
place = "2 号楼"

[[device]]
id = "cam-gate"
zone = "gate"
driver = "rtsp"
url = "rtsp://127.0.0.1:9/main"

[[device]]
id = "buttons"
name = "按钮模块"
zone = "gate"
driver = "by-hand"
[[device.point]]
id = "gate-button"
name = "门卫室按钮"
kind = "panic"
[[device.point]]
id = "gate-button-2"
kind = "panic"
[[device.point]]
id = "hall-smoke"
kind = "smoke"
zone = "hall"
[[device.point]]
id = "panel-fire"
kind = "fire"
returns = false
[[device.point]]
id = "box-tamper"
kind = "tamper"
"""

UPLINK = """
[[uplink]]
name = "{name}"
root = "{root}"
confirm = "{confirm}"
{uplink_keys}
[[uplink.broker]]
host = "127.0.0.1"
port = {port}
protocol = "{protocol}"
"""


def school(
    tmp_path: Path,
    *,
    site_keys: str = "",
    uplinks: str | None = None,
    state: Path | None = None,
    more: str = "",
    ballast_mb: int = 0,
) -> Site:
    """The small school with its state below `tmp_path`; one destination "bureau" unless told otherwise."""
    destinations = uplink() if uplinks is None else uplinks
    path = tmp_path / "site.toml"
    path.write_text(
        SCHOOL.format(state=state or tmp_path / "state", site_keys=site_keys, ballast_mb=ballast_mb)
        + destinations
        + more,
        encoding="utf-8",
    )
    return load_site(path, {"by-hand": BY_HAND})


def uplink(
    *,
    name: str = "bureau",
    port: int = 1883,
    confirm: str = "platform",
    protocol: str = "5",
    uplink_keys: str = "",
) -> str:
    """The text of one `[[uplink]]`."""
    own = "" if name == "bureau" else f"/{name}"  # two destinations on one broker need roots of their own
    return UPLINK.format(
        name=name,
        root=f"campus/1/{{county}}/{{site}}{own}",
        port=port,
        confirm=confirm,
        protocol=protocol,
        uplink_keys=uplink_keys,
    )


def said(data: bytes, *signals: Signal, account: str = "1234") -> Message:
    """A message of the device whose signals these are."""
    return Message(device=signals[0].device, account=account, data=data, signals=signals)


async def put_account(journal: Journal, account: Account) -> None:
    """As `campus-gateway users` does it beside the daemon, and the daemon has followed."""
    await asyncio.to_thread(write_account, journal.path, account, 0)
    await journal.follow_accounts()
