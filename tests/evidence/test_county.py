"""From press to county: the snapshot and what is told of it, over a real broker."""

import asyncio
import contextlib
from pathlib import Path

from gateway.policy.evidence import EvidenceKind
from gateway.uplink import Uplink
from simulators.county.county import County
from tests.evidence.world import world
from tests.mosquitto import mosquitto
from tests.sites import uplink


async def test_the_county_gets_the_snapshot_that_it_is_told_of(tmp_path: Path) -> None:
    """Made while there was no line, over a restart of the service: announced, then sent once, the same bytes."""
    async with (
        mosquitto(tmp_path) as broker,
        world(tmp_path, uplinks=uplink(port=broker.port, confirm="broker")) as gateway,
    ):
        await gateway.film(0, 40)
        alarm = await gateway.press()
        snapshot = (await gateway.done(alarm, EvidenceKind.SNAPSHOT, step_s=0))[0]
        await gateway.stop()
        gateway.start()
        county = County("127.0.0.1", broker.port)
        await county.start()
        line = Uplink(
            gateway.site.uplinks[0],
            gateway.site,
            gateway.journal,
            gateway.clock,
            snapshots=gateway.service,
        )
        task = asyncio.create_task(line.run())

        async def is_taken() -> bool:
            return await gateway.service.next("bureau") is None

        await gateway.passes(lambda: bool(county.report().snapshots))
        await gateway.passes(is_taken)
        told = await county.wait_for_event(lambda event: event.type.startswith("campus.evidence."), 10)
        report = county.report()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await county.stop()
    (sent,) = report.snapshots
    assert sent.evidence == told.data["evidence"] == snapshot.id
    assert sent.sha256 == told.data["sha256"] == snapshot.sha256
    assert told.data["where"] == {"path": f"/api/evidence/{snapshot.id}"}
    assert not report.violations
