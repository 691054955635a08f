"""Each way in which a camera misbehaves, from its socket to the journal: real camera, real recorder process, real files.

Run as a module it is the recorder itself, but for how long it waits before it tries a camera again.
"""

import asyncio
import errno
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import av
import pytest

from gateway.model import Kind, Presence
from gateway.policy.backoff import Backoff
from gateway.policy.coverage import Coverage
from gateway.recording import lane, recorder
from gateway.recording.coverage import coverage_of
from gateway.recording.protocol import Cause, Task
from gateway.recording.remux import _explain
from gateway.site import Site
from simulators.camera import CameraSimulator, EncodedLoop
from simulators.fault import Fault
from tests.recording.test_service import CLOCK, Daemon, running
from tests.recording.world import PASSWORD, site_of, small_loop
from tests.wait import until

#: A stream is opened anew after so long without a picture, and a camera lost after so long without a sign; seconds.
STALL_S = 2.0
LOST_AFTER_S = 2.0
#: How late a slow camera is: more than a stalled stream may be, or less; seconds.
TOO_SLOW_S = 5.0
BEARABLE_S = 0.4

#: A gap's ends are true to within so much; of the begin, a stall has to be noticed first.
TRUE_TO = timedelta(seconds=4)
WITHIN_S = 40.0
LOST = (Kind.DEVICE_LOST, "cam-1")


@pytest.fixture(scope="module")
def loop_of_pictures() -> EncodedLoop:
    """Pictures for all cameras of these tests."""
    return small_loop()


@pytest.fixture
async def gate(
    loop_of_pictures: EncodedLoop, request: pytest.FixtureRequest
) -> AsyncIterator[CameraSimulator]:
    """A camera; `slow` in the request's parameter is how late SLOW makes it."""
    simulator = CameraSimulator(
        password=PASSWORD, loop=loop_of_pictures, slow_seconds=getattr(request, "param", TOO_SLOW_S)
    )
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
def site(tmp_path: Path, gate: CameraSimulator, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A school with the camera, and limits that suit a test."""
    monkeypatch.setattr("gateway.recording.process._MODULE", __name__)
    return site_of(
        tmp_path,
        {"cam-1": gate.url},
        recording=f"min_free_gb = 0\nlost_after_s = {LOST_AFTER_S}",
        segment_s=1,
        stall_s=STALL_S,
    )


async def told_as_lost(daemon: Daemon) -> None:
    """Wait until the camera is offline and an alarm says so."""
    await until(lambda: LOST in daemon.alarms(), WITHIN_S)
    assert daemon.journal.presences["cam-1"].presence is Presence.OFFLINE
    assert not daemon.recording()


async def recorded_again(daemon: Daemon, since: datetime) -> None:
    """Wait until footage of after then is on the shelf, the camera online and its alarm returned."""

    async def shelved() -> bool:
        return any(segment.start > since for segment in await daemon.segments())

    await until(shelved, WITHIN_S)
    await until(lambda: LOST not in daemon.alarms(), WITHIN_S)
    assert daemon.journal.presences["cam-1"].presence is Presence.ONLINE
    assert daemon.recording()


async def _last_cause_is(daemon: Daemon, cause: str) -> bool:
    return (await daemon.causes())[-1:] == [cause]


async def covered(daemon: Daemon, start: datetime | None = None) -> Coverage:
    """What there is from then (the first footage) to the end of the last segment."""
    segments = await daemon.segments()
    return await coverage_of(
        daemon.service.library,
        daemon.journal,
        "cam-1",
        start=start or segments[0].start,
        end=segments[-1].end,
        now=CLOCK.now(),
        unfinished=timedelta(),
    )


@dataclass(frozen=True)
class Misbehaviour:
    """A fault, the cause its gap must have, and what the recorder says of it when it has tried again."""

    fault: Fault
    cause: str
    reason: str


@pytest.mark.parametrize(
    "case",
    [
        Misbehaviour(Fault.SILENT, "network", "no answer"),
        Misbehaviour(Fault.HALF_OPEN, "network", "no answer"),
        Misbehaviour(Fault.SLOW, "network", "no answer"),
        Misbehaviour(Fault.REFUSED, "camera", "refuses the user name or the password"),
        Misbehaviour(Fault.GARBAGE, "camera", "does not talk sense"),
    ],
    ids=lambda case: case.fault.value,
)
async def test_a_camera_that_fails_in_mid_session_is_a_gap_until_it_is_healed(
    site: Site, gate: CameraSimulator, case: Misbehaviour
) -> None:
    """One gap with its cause over the time without footage, the camera lost meanwhile; then all by itself as before."""
    async with running(site) as daemon:
        await until(lambda: daemon.has(1), WITHIN_S)
        failed = CLOCK.now()
        await gate.misbehave(case.fault)
        await told_as_lost(daemon)
        await until(lambda: case.reason in daemon.service._watches["cam-1"]._reason, WITHIN_S)
        healed = CLOCK.now()
        await gate.misbehave(Fault.NONE)
        await recorded_again(daemon, healed)
        found = await covered(daemon)
        shown = daemon.service.stats

    [gap] = found.gaps
    assert gap.cause == case.cause
    assert abs(gap.start - failed) < TRUE_TO
    assert gap.end > healed
    assert found.share < 1
    assert (shown.recorder_deaths, shown.cameras[0].interruptions) == (0, 1)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [(Fault.GARBAGE, Cause.CAMERA), (Fault.SILENT, Cause.NETWORK)],
    ids=str,
)
async def test_an_error_without_a_name_is_the_cameras_if_the_camera_talks_nonsense(
    gate: CameraSimulator, fault: Fault, cause: Cause
) -> None:
    """What the library calls an I/O error, in a stream that broke, is told by what the camera says when it is asked."""
    await gate.misbehave(fault)
    task = Task(spool="", unreadable="", segment_s=1, stall_s=STALL_S, cameras=())
    error = av.error.OSError(errno.EIO, os.strerror(errno.EIO))
    told = await asyncio.to_thread(_explain, error, gate.url, opened=True, waited_s=0.1, task=task)
    assert told.cause is cause


async def test_a_camera_that_is_silent_from_the_start_is_a_gap_from_the_start(
    site: Site, gate: CameraSimulator
) -> None:
    """It takes the connection and answers nothing: lost without ever having been seen, and recorded once it talks."""
    await gate.misbehave(Fault.SILENT)
    began = CLOCK.now()
    async with running(site) as daemon:
        await told_as_lost(daemon)
        await until(lambda: _last_cause_is(daemon, "network"), WITHIN_S)
        assert await daemon.segments() == []
        healed = CLOCK.now()
        await gate.misbehave(Fault.NONE)
        await recorded_again(daemon, healed)
        segments = await daemon.segments()
        gaps = await daemon.journal.gaps("cam-1", began, CLOCK.now())
        found = await covered(daemon, began)

    assert {gap.cause for gap in found.gaps} <= {"stopped", "network"}
    assert gaps[-1].cause == "network"
    assert gaps[-1].start < healed
    assert gaps[-1].end is not None
    assert abs(gaps[-1].end - segments[0].start) < TRUE_TO
    assert found.gaps[-1].end == segments[0].start > healed


@pytest.mark.parametrize("gate", [BEARABLE_S], indirect=True)
async def test_a_camera_that_is_merely_late_is_recorded_all_the_while(
    site: Site, gate: CameraSimulator
) -> None:
    """Pictures and answers come later than they should, but not too late: no gap, no alarm, nobody is bothered."""
    async with running(site) as daemon:
        await until(lambda: daemon.has(1), WITHIN_S)
        before, known = daemon.placed(), dict(daemon.journal.open_alarms)
        assert not daemon.alarms()
        await gate.misbehave(Fault.SLOW)
        await until(lambda: daemon.placed() >= before + 2, WITHIN_S)
        await gate.misbehave(Fault.NONE)
        await until(lambda: daemon.placed() >= before + 3, WITHIN_S)
        found = await covered(daemon)

        assert (found.share, found.gaps) == (1.0, ())
        assert daemon.service.stats.cameras[0].interruptions == 0
        assert daemon.journal.open_alarms == known


class Hasty(Backoff):
    """The recorder's own waits, a fifth as long."""

    def delay(self, failures: int, chance: float) -> float:
        """In seconds."""
        return super().delay(failures, chance) / 5


if __name__ == "__main__":
    lane._REFUSED_WAIT_S = 0.5
    lane.Backoff = Hasty  # type: ignore[attr-defined]  # a class in another's place: the process is ours alone
    status = recorder.main()
    sys.stderr.flush()
    os._exit(status)
