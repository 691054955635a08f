"""What every benchmark stands on: a directory, a real mosquitto, the county, and the daemon as a process of its own."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from gateway.bench.processes import BenchError, Child, child, python
from simulators.county import County, CountyReport, CountyStore
from simulators.port import ReservedPort

#: The daemon's devices and destinations are there within so many seconds.
READY_LIMIT_S = 30.0

#: How long we wait for mosquitto to take connections.
_BROKER_LIMIT_S = 10.0
_BROKER_PAUSE_S = 0.02

_MOSQUITTO_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"

# Queues without a limit and a wide window, so that no event is dropped or held up between gateway and county; a county's
# broker is set so, too.
# Without Nagle's algorithm: else a receipt waits up to 40 ms for the acknowledgement of the PUBACK before it.
_BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
log_type error
log_type warning
max_queued_messages 0
max_inflight_messages 1000
set_tcp_nodelay true
{user}
"""

_SITE = """\
[site]
id = "bench"
name = "Bench School"
county = "330106"
state_dir = "{state}"
clock = "host"

[console]
port = 0

[metrics]
port = 0

[journal]
ballast_mb = 0

[escalation]                    # events of the gateway's own would be counted among the presses
critical_s = 0
high_s = 0

[[uplink]]
name = "county"
confirm = "platform"
[[uplink.broker]]
host = "127.0.0.1"
port = {port}

[[zone]]
id = "gate"
name = "Gate"
place = "Main entrance"
{zone_keys}
"""


@dataclass(frozen=True, slots=True)
class Bed:
    """Where the daemon is put: `directory` is all of the run's, `county` hears it, `broker` is the MQTT port."""

    directory: Path
    broker: int
    county: County

    def write_site(self, devices: str, *, zone_keys: str = "") -> Path:
        """A site file with this one zone `gate`, the county as its destination, and these devices (TOML)."""
        path = self.directory / "site.toml"
        head = _SITE.format(state=self.directory / "state", port=self.broker, zone_keys=zone_keys)
        path.write_text(f"{head}\n{devices}", encoding="utf-8")
        return path

    async def ready(self, devices: int) -> CountyReport:
        """The gateway is connected and so many devices are online. Raises TimeoutError."""

        def is_ready(report: CountyReport) -> bool:
            online = sum(presence == "online" for presence in report.presence.values())
            return online >= devices and any(state.online for state in report.states)

        return await self.county.wait_for(is_ready, READY_LIMIT_S)


@contextlib.asynccontextmanager
async def bed(place: Path, *, linger_s: float = 0.0) -> AsyncIterator[Bed]:
    """A directory of its own below `place`, gone afterwards, with broker and county. Raises BenchError, OSError.

    `linger_s` is how long the county's store waits for more before it commits. The county subscribes with MQTT 3.1.1,
    whatever the gateway speaks: it runs beside it, and reading MQTT 5's properties is the half of its work.
    """
    with tempfile.TemporaryDirectory(prefix="campus-bench-", dir=place) as name:
        directory = Path(name)
        async with mosquitto(directory) as port:
            county = County("127.0.0.1", port, protocol="3.1.1", store=CountyStore(linger_s=linger_s))
            await county.start()
            try:
                yield Bed(directory, port, county)
            finally:
                await county.stop()


@contextlib.asynccontextmanager
async def daemon(bed: Bed, site: Path, *, trace: Path | None = None) -> AsyncIterator[Child]:
    """`campus-gateway run` as a process; its console listens when this begins."""
    more = () if trace is None else ("--trace", str(trace))
    command = python("gateway", "run", str(site), "--log-level", "warning", *more)
    async with child("gateway", *command, directory=bed.directory) as process:
        await process.line()
        yield process


def find_mosquitto() -> str:
    """The broker's program. Raises BenchError."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{_MOSQUITTO_PLACES}")
    if found is None:
        raise BenchError(
            "mosquitto is not installed, and a benchmark needs a real broker: apt install mosquitto"
        )
    return found


@contextlib.asynccontextmanager
async def mosquitto(directory: Path) -> AsyncIterator[int]:
    """A broker on a free port of 127.0.0.1, which takes connections when this begins. Raises BenchError."""
    program = find_mosquitto()
    reserved = ReservedPort()
    try:
        # root would become `mosquitto`, who may not read here
        text = _BROKER.format(port=reserved.number, user="user root" if os.geteuid() == 0 else "")
        configuration = directory / "mosquitto.conf"
        configuration.write_text(text, encoding="utf-8")
        async with child("mosquitto", program, "-c", str(configuration), directory=directory) as broker:
            await _until_reachable(broker, reserved.number)
            yield reserved.number
    finally:
        reserved.release()


async def _until_reachable(broker: Child, port: int) -> None:
    try:
        async with asyncio.timeout(_BROKER_LIMIT_S):
            while not broker.has_ended:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    await asyncio.sleep(_BROKER_PAUSE_S)
                    continue
                writer.close()
                await writer.wait_closed()
                return
    except TimeoutError as error:
        raise BenchError(f"mosquitto takes no connection; its log ends: {broker.tail}") from error
    raise BenchError(f"mosquitto has ended; its log ends: {broker.tail}")
