"""Cameras whose address is asked for: remembered over a restart, asked again, changed without touching the others."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.driver import Streams
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Kind, Level, Origin, Presence, Signal
from gateway.policy.backoff import Backoff
from gateway.recording.service import RecordingService
from gateway.site import Site
from gateway.store import Journal
from simulators.camera import CameraSimulator, EncodedLoop
from tests.recording.test_service import CLOCK, Daemon, trusted
from tests.recording.world import camera, site_of, small_loop
from tests.wait import until


@pytest.fixture(scope="module")
def loop_of_pictures() -> EncodedLoop:
    """Pictures for all cameras of these tests."""
    return small_loop()


@pytest.fixture
async def cameras(loop_of_pictures: EncodedLoop) -> AsyncIterator[list[CameraSimulator]]:
    """Two cameras."""
    simulators = [camera(loop=loop_of_pictures) for _ in range(2)]
    for simulator in simulators:
        await simulator.start()
    yield simulators
    for simulator in simulators:
        await simulator.stop()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that suit a test."""
    monkeypatch.setattr("gateway.recording.addresses._SOON", Backoff(first_s=0.05, longest_s=0.2))
    monkeypatch.setattr("gateway.recording.addresses._REFUSED_S", 0.2)
    monkeypatch.setattr("gateway.recording.addresses._AGAIN_S", 0.1)
    monkeypatch.setattr("gateway.recording.service._MOVED_S", 1.0)


class Driver:
    """What a camera's driver says of its streams; None while it can't be reached."""

    def __init__(self) -> None:
        self.streams: Streams | None = None
        self.refuses = False
        self.asked = 0

    async def __call__(self, camera_id: str) -> Streams:
        """Ask `cam-1`."""
        assert camera_id == "cam-1"
        self.asked += 1
        if self.refuses:
            raise DeviceRefused("wrong password")
        if self.streams is None:
            raise DeviceUnavailable("no route to host")
        return self.streams


def asked_site(tmp_path: Path, other: CameraSimulator, stream: str = "main") -> Site:
    """A school with cam-1, which has a driver and no address, and cam-2, which is a bare stream."""
    site = site_of(
        tmp_path,
        {"cam-1": "rtsp://127.0.0.1:9/nowhere", "cam-2": other.url},
        recording="min_free_gb = 0\nlost_after_s = 1",
        segment_s=1,
        stall_s=1.5,
    )
    settings = site.cameras[0].settings.model_copy(update={"url": None, "stream": stream})
    return replace(site, cameras=(replace(site.cameras[0], settings=settings, driven=True), site.cameras[1]))


@contextlib.asynccontextmanager
async def running(site: Site, driver: Callable[[str], object]) -> AsyncIterator[Daemon]:
    """A daemon at work."""
    journal = await Journal.open(site, clock=CLOCK)
    service = RecordingService(site, journal, CLOCK, trusted, addresses=driver)  # type: ignore[arg-type]  # a Driver
    task = asyncio.create_task(service.run())
    try:
        yield Daemon(site, journal, service)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.timeout(15):
                await task
        await journal.close()


async def test_a_camera_is_recorded_once_it_has_told_its_address(
    tmp_path: Path, cameras: list[CameraSimulator]
) -> None:
    """Until then it is an alarm of its own, its presence is left to its driver, and the other is recorded all the while."""
    driver = Driver()
    async with running(asked_site(tmp_path, cameras[1], "sub"), driver) as daemon:
        await until(lambda: daemon.recording("cam-2"), 20)
        await until(lambda: (Kind.RECORDING_LOST, "cam-1") in daemon.alarms(), 20)
        assert (await daemon.causes())[-1] == "network"
        driver.refuses = True
        asked = driver.asked
        await until(lambda: driver.asked > asked + 1, 10)

        driver.refuses, driver.streams = False, Streams(main="rtsp://127.0.0.1:9/", sub=cameras[0].url)
        await until(lambda: daemon.recording("cam-1"), 20)
        await until(lambda: (Kind.RECORDING_LOST, "cam-1") not in daemon.alarms(), 20)
        interrupted = {camera.camera: camera.interruptions for camera in daemon.service.stats.cameras}

        assert interrupted["cam-2"] == 0
        assert "cam-1" not in daemon.journal.presences
        assert daemon.journal.presences["cam-2"].presence is Presence.ONLINE
    kept = json.loads((daemon.site.recording_dir / "addresses.json").read_text(encoding="utf-8"))
    assert kept["cam-1"]["sub"] == cameras[0].url
    assert not list(daemon.site.recording_dir.glob("*.new"))


async def test_a_remembered_address_is_used_at_once_and_a_new_one_followed(
    tmp_path: Path, cameras: list[CameraSimulator]
) -> None:
    """After a restart nobody can be asked: recording begins all the same. Then it moves: it is asked, and followed."""
    driver = Driver()
    driver.streams = Streams(main=cameras[0].url)
    site = asked_site(tmp_path, cameras[1])
    async with running(site, driver) as daemon:
        await until(lambda: daemon.recording("cam-1"), 20)

    driver.streams = None
    async with running(site, driver) as again:
        await until(lambda: again.recording("cam-1"), 20)
        driver.streams = Streams(main=cameras[1].url)
        await cameras[0].power_off()
        await until(lambda: any(v.watching for v in cameras[0].viewers) is False, 20)
        await until(lambda: sum(viewer.watching for viewer in cameras[1].viewers) == 2, 30)
        await until(lambda: again.recording("cam-1"), 20)


@pytest.mark.parametrize("data", [b"", b"rubbish", b"[1]", b'{"cam-1": {"main": 1, "more": 2}}'])
async def test_a_damaged_file_of_addresses_costs_nothing_but_asking(
    tmp_path: Path, cameras: list[CameraSimulator], data: bytes
) -> None:
    """It is said, and written anew with what the camera tells."""
    driver = Driver()
    driver.streams = Streams(main=cameras[0].url)
    site = asked_site(tmp_path, cameras[1])
    site.recording_dir.mkdir(parents=True)
    path = site.recording_dir / "addresses.json"
    path.write_bytes(data)
    async with running(site, driver):
        await until(lambda: cameras[0].url in path.read_text(encoding="utf-8"), 20)


async def test_a_crash_in_the_recorder_costs_video_and_no_alarm_latency(
    tmp_path: Path, cameras: list[CameraSimulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGSEGV: footage resumes by itself, the gap's cause is `recorder`, a press in between is committed as ever."""
    monkeypatch.setattr("gateway.recording.trouble.CALM_S", 0.5)
    site = site_of(tmp_path, {"cam-1": cameras[0].url}, segment_s=60)
    press = Signal(device="d", point="d:1", kind=Kind.PANIC, level=Level.ACTIVE, origin=Origin.EVENT)
    async with running(site, Driver()) as daemon:
        await until(daemon.recording, 20)
        pid = daemon.recorder_pid()
        assert pid is not None
        os.kill(pid, signal.SIGSEGV)
        crashed = CLOCK.now()
        slowest, level = 0.0, Level.ACTIVE
        while not daemon.recording() or daemon.service.stats.recorder_deaths == 0:
            began = time.monotonic()
            await daemon.journal.report(replace(press, level=level))
            slowest = max(slowest, time.monotonic() - began)
            level = Level.NORMAL if level is Level.ACTIVE else Level.ACTIVE
            assert CLOCK.now().timestamp() - crashed.timestamp() < 30
            await asyncio.sleep(0.02)

        assert (await daemon.causes())[-1] == "recorder"
        assert slowest < 1.0
        await until(lambda: daemon.has(1), 20)
