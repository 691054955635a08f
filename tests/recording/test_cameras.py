"""A camera's presence and gaps, from what the recorder reports."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import to_ms
from gateway.model import Kind, Presence
from gateway.recording.cameras import CameraWatch
from gateway.recording.protocol import Cause, Lost, Opened, Progress
from gateway.store import GapRow, Journal
from tests.clocks import START, ManualClock
from tests.recording.world import site_of


class World:
    """A watch over cam-1, with a real journal and a clock that is moved by hand."""

    def __init__(self, journal: Journal, clock: ManualClock) -> None:
        self.journal = journal
        self.clock = clock
        self.watch = CameraWatch("cam-1", journal, clock, lost_after_s=30.0)

    async def opened(self) -> None:
        """The recorder writes it from now on."""
        await self.watch.opened(
            Opened(camera="cam-1", at_ms=to_ms(self.clock.now()), codec="h264", width=640, height=360)
        )

    async def lost(self, cause: Cause, reason: str = "gone") -> None:
        """The recorder does not."""
        report = Lost(camera="cam-1", at_ms=to_ms(self.clock.now()), cause=cause, reason=reason)
        await self.watch.lost(report, cause)

    async def gaps(self) -> list[GapRow]:
        """All of them."""
        return await self.journal.gaps(
            "cam-1", START - timedelta(days=1), self.clock.now() + timedelta(days=1)
        )

    def presence(self) -> Presence | None:
        """As the journal has it."""
        known = self.journal.presences.get("cam-1")
        return known.presence if known else None


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The gateway has just started; the camera's last footage ended ten minutes ago."""
    async with asyncio.timeout(30):
        clock = ManualClock()
        journal = await Journal.open(site_of(tmp_path, {"cam-1": "rtsp://127.0.0.1:9/1"}), clock=clock)
        world = World(journal, clock)
        await world.watch.begin(ago(10))
        world.watch.recorder_started()
        yield world
        await journal.close()


def ago(minutes: float) -> datetime:
    """A time before the start."""
    return START - timedelta(minutes=minutes)


def causes(gaps: list[GapRow]) -> list[tuple[str, bool]]:
    """Cause of each gap, and whether it lasts."""
    return [(gap.cause, gap.end is None) for gap in gaps]


async def test_while_the_gateway_was_stopped_nothing_was_recorded(world: World) -> None:
    """From the end of the last footage to the first picture: a gap, cause `stopped`."""
    world.clock.advance(3)
    await world.opened()

    [gap] = await world.gaps()
    assert (gap.start, gap.end, gap.cause) == (ago(10), START + timedelta(seconds=3), "stopped")
    assert world.presence() is Presence.ONLINE
    assert world.journal.presences["cam-1"].identity == {"codec": "h264", "size": "640x360"}


async def test_a_camera_that_goes_and_returns_leaves_a_gap(world: World) -> None:
    """With its cause and its exact ends; attempts in between change nothing."""
    await world.opened()
    world.clock.advance(60)
    await world.lost(Cause.CAMERA, "the camera ended the stream")
    world.clock.advance(10)
    await world.lost(Cause.NETWORK, "no answer within 10 s")
    world.clock.advance(10)
    await world.opened()

    gap = (await world.gaps())[-1]
    assert (gap.start, gap.end, gap.cause) == (START + timedelta(seconds=60), world.clock.now(), "camera")
    assert world.watch.stats.interruptions == 1


async def test_a_short_interruption_is_no_lost_device(world: World) -> None:
    """A reset connection that is back at once: a gap, but no alarm."""
    await world.opened()
    await world.lost(Cause.CAMERA)
    world.clock.advance(20)
    await world.watch.look()
    await world.opened()

    assert world.presence() is Presence.ONLINE
    assert not world.journal.open_alarms


async def test_a_camera_that_stays_away_is_lost_within_a_minute(world: World) -> None:
    """Offline, with the reason a technician needs, and an alarm device-lost that returns with the camera."""
    await world.opened()
    await world.lost(Cause.CAMERA, "refuses the user name or the password")
    world.clock.advance(31)
    await world.watch.look()

    assert world.presence() is Presence.OFFLINE
    assert world.journal.presences["cam-1"].reason == "refuses the user name or the password"
    [alarm] = world.journal.open_alarms.values()
    assert (alarm.source.kind, alarm.source.subject) == (Kind.DEVICE_LOST, "cam-1")

    await world.opened()

    [alarm] = world.journal.open_alarms.values()
    assert alarm.returned_at is not None


async def test_a_stream_that_only_hangs_is_noticed_by_its_missing_progress(world: World) -> None:
    """The recorder has not given up yet (stall_s may be long), but no picture came: the camera is lost."""
    await world.opened()
    for _ in range(20):
        world.clock.advance(5)
        world.watch.progress(Progress(camera="cam-1", packets=1, bytes=1, dropped=0))
        await world.watch.look()
    assert world.presence() is Presence.ONLINE

    world.clock.advance(34)  # the last picture may be 5 s younger than the last word of it
    await world.watch.look()
    assert world.presence() is Presence.ONLINE

    world.clock.advance(2)
    await world.watch.look()
    assert world.presence() is Presence.OFFLINE


async def test_a_camera_that_never_came_is_lost_too(world: World) -> None:
    """From the start of the gateway on; the gap's cause becomes the camera's."""
    await world.lost(Cause.NETWORK, "no answer within 10 s")
    world.clock.advance(31)
    await world.watch.look()

    assert world.presence() is Presence.OFFLINE
    assert causes(await world.gaps()) == [("stopped", False), ("network", True)]


async def test_a_dead_recorder_says_nothing_about_the_camera(world: World) -> None:
    """Its gap has the cause `recorder`; the camera is unknown, not lost; then it has its time to appear."""
    await world.opened()
    await world.watch.recorder_ended(Cause.RECORDER)
    world.clock.advance(31)
    await world.watch.look()

    assert causes(await world.gaps())[-1] == ("recorder", True)
    assert world.presence() is Presence.UNKNOWN
    assert not world.journal.open_alarms

    world.watch.recorder_started()
    world.clock.advance(20)
    await world.watch.look()
    assert world.presence() is Presence.UNKNOWN


async def test_a_full_disk_is_not_the_cameras_fault(world: World) -> None:
    """The camera answered each time: it stays online, the gap's cause is the disk."""
    await world.opened()
    for _ in range(10):
        await world.lost(Cause.DISK, "No space left on device")
        world.clock.advance(20)
        await world.watch.look()

    assert world.presence() is Presence.ONLINE
    assert causes(await world.gaps())[-1] == ("disk", True)


async def test_counts_go_on_over_a_restart_of_the_recorder(world: World) -> None:
    """Metrics count from the gateway's start, a recorder from its own."""
    world.watch.progress(Progress(camera="cam-1", packets=10, bytes=100, dropped=1))
    world.watch.progress(Progress(camera="cam-1", packets=15, bytes=150, dropped=1))
    world.watch.recorder_started()
    world.watch.progress(Progress(camera="cam-1", packets=3, bytes=30, dropped=0))

    assert (world.watch.stats.packets, world.watch.stats.bytes, world.watch.stats.dropped) == (18, 180, 1)


async def test_a_camera_is_not_told_lost_before_its_time(world: World) -> None:
    """The last word of it was 4.9 s before its stream ended: the 30 s count from the end of footage."""
    await world.opened()
    world.watch.progress(Progress(camera="cam-1", packets=1, bytes=1, dropped=0))
    world.clock.advance(4.9)
    await world.lost(Cause.CAMERA, "the camera ended the stream")
    world.clock.advance(26)
    await world.watch.look()
    assert world.presence() is Presence.ONLINE

    world.clock.advance(4.2)
    await world.watch.look()
    assert world.presence() is Presence.OFFLINE


async def test_of_a_driven_camera_the_driver_tells_presence_and_recording_an_alarm(world: World) -> None:
    """Nothing is said of its presence; that it is not recorded is told in words, and that it is again."""
    told: list[str] = []
    watch = CameraWatch("cam-1", world.journal, world.clock, lost_after_s=30.0, alarm=told.append)
    world.watch = watch
    await watch.begin(None)
    watch.recorder_started()
    await world.opened()
    await world.lost(Cause.NETWORK, "no answer within 10 s")
    world.clock.advance(29)
    await watch.look()
    assert told == [""]

    world.clock.advance(2)
    await watch.look()
    await world.opened()

    assert told == ["", "cam-1 is not recorded: no answer within 10 s", ""]
    assert world.presence() is None
    assert not world.journal.open_alarms
