"""Evidence in bad company: media down, a camera that hangs, a clock that steps, alarms closed under a clip."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from gateway.evidence.needs import Work
from gateway.footage import Piece
from gateway.media.client import MediaProcess
from gateway.media.values import Clip, MediaDown, Still
from gateway.model import Verdict
from gateway.policy.evidence import EvidenceKind
from gateway.store.evidence_rows import EvidenceState
from tests.clocks import ManualClock
from tests.evidence.test_service import a_jpeg, has_failed, only
from tests.evidence.world import CAMERA, World, world
from tests.media.film import at

SNAPSHOT, CLIP = EvidenceKind.SNAPSHOT, EvidenceKind.CLIP
BOTH = (SNAPSHOT, CLIP)


class Moody:
    """The media process, which may be down, and which a test may hold up before it answers."""

    def __init__(self, process: MediaProcess) -> None:
        self.is_down = False
        self.cut = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._process = process

    async def still(self, pieces: Sequence[Piece], at: datetime, *, width: int | None = None) -> Still:
        """As the process does."""
        if self.is_down:
            raise MediaDown("it does not start")
        return await self._process.still(pieces, at, width=width)

    async def clip(
        self,
        pieces: Sequence[Piece],
        start: datetime,
        end: datetime,
        target: Path,
        *,
        about: datetime | None = None,
    ) -> Clip:
        """As the process does."""
        if self.is_down:
            raise MediaDown("it does not start")
        clip = await self._process.clip(pieces, start, end, target, about=about)
        self.cut.set()
        await self.may_answer.wait()
        return clip


def moody(gateway: World) -> Moody:
    """Put between the service and its media process; then the service begins."""
    mood = Moody(gateway.process)
    gateway.process = mood  # type: ignore[assignment]  # it is what the service needs of it
    gateway.start()
    return mood


async def test_media_that_is_down_for_an_hour_costs_no_evidence(tmp_path: Path) -> None:
    """The footage is held: each of forty presses has its snapshot and its clip once the process is back."""
    async with world(tmp_path, start=False) as gateway:
        await gateway.film(0, 40)
        mood = moody(gateway)
        mood.is_down = True
        alarms = [await gateway.press(f"buttons:{number}") for number in range(40)]
        for _ in range(60):
            gateway.clock.advance(60)
            await asyncio.sleep(0.02)
        mood.is_down = False
        for alarm in alarms:
            await gateway.done(alarm, *BOTH, step_s=5)
        assert gateway.service.stats.failed == 0


async def test_what_fails_again_and_again_holds_up_no_new_press(tmp_path: Path) -> None:
    """A hundred and fifty snapshots wait for footage that never comes; that of a new press is made at once."""
    async with world(tmp_path, start=False) as gateway:
        await gateway.film(300, 60)
        mood = moody(gateway)
        mood.is_down = True
        for number in range(150):
            await gateway.press(f"buttons:{number}")
        await asyncio.sleep(0.5)
        gateway.clock.advance(310)
        await asyncio.sleep(0.2)
        mood.is_down = False
        alarm = await gateway.press("gate-button")
        await gateway.done(alarm, SNAPSHOT, step_s=0)


async def test_footage_that_nobody_can_look_up_yet_makes_nothing_final(tmp_path: Path) -> None:
    """After a start the spool is not listed for an hour: no clip and no snapshot is given up, and both are made then."""
    async with world(tmp_path, start=False) as gateway:
        await gateway.film(0, 40)
        gateway.is_surveyed = False
        gateway.start()
        alarm = await gateway.press()
        for _ in range(60):
            gateway.clock.advance(60)
            await asyncio.sleep(0.02)
        assert [row.state for row in await gateway.rows(alarm)] == [EvidenceState.WAITING] * 2
        gateway.is_surveyed = True
        await gateway.done(alarm, *BOTH, step_s=5)
        assert gateway.service.stats.failed == 0


@pytest.mark.parametrize("state", [EvidenceState.WAITING, EvidenceState.FAILED])
async def test_a_snapshot_that_is_lost_holds_up_no_other(tmp_path: Path, state: EvidenceState) -> None:
    """Its file and its footage are gone: while it waits to be made again, and after, the county gets the next one."""
    async with world(tmp_path, more="\n[evidence]\nclips = false\n") as gateway:
        await gateway.film(0, 40)
        (county,) = gateway.site.uplinks
        first = await gateway.press()
        lost = only(await gateway.done(first, SNAPSHOT, step_s=0), SNAPSHOT)
        second = await gateway.press("gate-button-2")
        kept = only(await gateway.done(second, SNAPSHOT, step_s=0), SNAPSHOT)
        await gateway.stop()
        lost.path.unlink()
        await gateway.library.disown(
            [row.path for row in await gateway.library.segments(CAMERA, at(0), at(40), limit=10)]
        )
        gateway.start()

        async def has_come_to_it() -> bool:
            return [row.state for row in await gateway.rows(first)] == [state]

        await gateway.passes(has_come_to_it, step_s=10 if state is EvidenceState.FAILED else 0)
        assert await gateway.service.next(county.name) == (kept.id, kept.path.read_bytes())
        await gateway.service.sent(county.name, kept.id)
        assert await gateway.service.next(county.name) is None


async def test_a_snapshot_that_is_made_again_is_sent(tmp_path: Path) -> None:
    """Its file was lost, its footage not: the county gets it once it is there, in its turn."""
    async with world(tmp_path, more="\n[evidence]\nclips = false\n") as gateway:
        await gateway.film(0, 40)
        (county,) = gateway.site.uplinks
        alarm = await gateway.press()
        lost = only(await gateway.done(alarm, SNAPSHOT, step_s=0), SNAPSHOT)
        await gateway.stop()
        lost.path.unlink()
        gateway.start()
        again = only(await gateway.done(alarm, SNAPSHOT, step_s=0), SNAPSHOT)
        assert await gateway.service.next(county.name) == (lost.id, again.path.read_bytes())


async def test_a_clock_that_is_set_back_delays_no_clip(tmp_path: Path) -> None:
    """An hour back right after the press: the clip is there within minutes, of the footage before the step."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 21)
        alarm = await gateway.press()
        await gateway.done(alarm, SNAPSHOT, step_s=0)
        gateway.clock.step(-3600)
        began = gateway.clock.monotonic()
        await gateway.done(alarm, *BOTH)
        assert gateway.clock.monotonic() - began < 300


async def test_a_clock_that_is_set_back_makes_no_late_picture_evidence(tmp_path: Path) -> None:
    """The camera is reached ten minutes after the press, at a time that the clock calls earlier: that picture is not taken."""
    async with world(tmp_path, start=False) as gateway:
        gateway.start()
        alarm = await gateway.press()
        await gateway.passes(lambda: gateway.asked > 0, step_s=0)
        gateway.clock.step(-3600)
        gateway.clock.advance(60)
        gateway.own_picture = a_jpeg()

        async def is_given_up() -> bool:
            return has_failed(await gateway.rows(alarm), SNAPSHOT)

        await gateway.passes(is_given_up, step_s=10)


async def test_an_alarm_whose_evidence_goes_while_its_clip_is_cut_leaves_no_file(tmp_path: Path) -> None:
    """Condemned and forgotten between the cut and its row: what is placed then is removed again (I6)."""
    async with world(tmp_path, start=False) as gateway:
        await gateway.film(0, 40)
        mood = moody(gateway)
        mood.may_answer.clear()
        alarm = await gateway.press()
        await gateway.passes(mood.cut.is_set)
        await gateway.close_alarm(alarm)
        await gateway.library.condemn_evidence([alarm])
        gateway.clock.advance(61)

        async def gone() -> bool:
            return not await gateway.library.condemned_evidence(1)

        await gateway.passes(gone)
        mood.may_answer.set()
        await gateway.passes(lambda: not gateway.files())
        assert await gateway.rows(alarm) == []


async def test_an_alarm_that_was_closed_as_false_has_its_clip_all_the_same(tmp_path: Path) -> None:
    """Closed before the clip was due: it is made, told of, and can be looked at for a day."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        alarm = await gateway.press()
        await gateway.close_alarm(alarm, Verdict.FALSE)
        rows = await gateway.done(alarm, *BOTH)
        assert only(rows, CLIP).state is EvidenceState.DONE


async def test_a_sensor_that_chatters_is_bounded(tmp_path: Path) -> None:
    """Two thousand presses of one alarm within seconds: twenty snapshots and one clip, however long it goes on."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 150)
        for _ in range(20):
            await asyncio.gather(*(gateway.press() for _ in range(100)))
        alarm = next(iter(gateway.journal.open_alarms))
        rows = await gateway.done(alarm, *[SNAPSHOT] * 20, CLIP)
        assert len(rows) == 21
        assert len(gateway.files()) == 42


@pytest.mark.parametrize(("failures", "warnings"), [(1, 0), (2, 1), (5, 1)])
async def test_only_what_lasts_is_a_warning(
    caplog: pytest.LogCaptureFixture, failures: int, warnings: int
) -> None:
    """A library that is just being opened is nothing to warn of; one that stays away is told once."""
    clock, left, done = ManualClock(), failures, asyncio.Event()

    async def round_() -> float:
        nonlocal left
        if left:
            left -= 1
            raise OSError("the library is not open")
        done.set()
        return 60.0

    work = asyncio.create_task(Work("a work", round_, clock).run())
    while not done.is_set():
        clock.advance(60)
        await asyncio.sleep(0)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert [record.levelname for record in caplog.records].count("WARNING") == warnings
