"""The services of cameras as the rest of the daemon sees them, while one of them does not run."""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.cameras import Cameras
from gateway.devices import Devices
from gateway.errors import JournalUnwritable
from gateway.footage import FootageUnavailable
from gateway.keep import Service
from gateway.store import Journal
from gateway.store.library import LibraryUnusable
from tests.recording.test_service import CLOCK, trusted
from tests.recording.world import site_of
from tests.wait import until


async def test_a_service_that_ended_tells_nothing_of_its_last_moment(tmp_path: Path) -> None:
    """What it would tell is empty, or an error, as before its start: also for the evidence that needs its library."""
    site = site_of(tmp_path, {"cam-1": "rtsp://127.0.0.1:9/nobody"})
    journal = await Journal.open(site, clock=CLOCK)
    cameras = Cameras(
        site, journal, CLOCK, Devices(site, {}, journal, CLOCK, clock_state=trusted), clock_state=trusted
    )
    since = CLOCK.now() - timedelta(hours=1)

    async def serves() -> bool:
        with contextlib.suppress(FootageUnavailable, LibraryUnusable):
            await cameras.pieces("cam-1", since, CLOCK.now())
            await cameras.recent(1)
            await cameras.accept("cam-1")
            return True
        return False

    async def serve(service: Service) -> None:
        await service()

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for service in cameras.all().values():
                group.create_task(serve(service))

    services = asyncio.create_task(run())
    try:
        await until(serves, 20)
        assert [figures.camera for figures in cameras.cameras()] == ["cam-1"]
    finally:
        services.cancel()
        await asyncio.gather(services, return_exceptions=True)

    assert (cameras.stats(), cameras.cameras(), cameras.growing("cam-1")) == (None, (), None)
    with pytest.raises(FootageUnavailable, match="does not run"):
        await cameras.pieces("cam-1", since, CLOCK.now())
    with pytest.raises(JournalUnwritable):
        await cameras.coverage("cam-1", since, CLOCK.now())
    with pytest.raises(FootageUnavailable):
        cameras.looks("cam-1")
    with pytest.raises(LibraryUnusable):
        await cameras.recent(1)
    await journal.close()
